/**
 * Opening: what to ask an origin for when nothing is known of an object but that somebody wants some of it. Pure.
 *
 * Invariant: what is asked for ends where a slice ends, or at the object's end, and begins where a slice begins, or at
 * one of three more places in it: who enters an object in the middle does not wait for most of a slice before it.
 */

import { OriginError } from '../errors.ts'
import type { PartRange } from '../http/content-range.ts'
import { parseContentRange } from '../http/content-range.ts'
import { selectRanges } from '../http/range.ts'
import type { OriginRange, OriginResponse } from '../origin/origin.ts'
import { strongEtag } from './resume.ts'

/** Stands for the unknown length: an open end comes out as this, and the last 500 bytes as beginning 500 before it. */
const UNKNOWN_LENGTH = Number.MAX_SAFE_INTEGER
/** No object is this long, so a range that begins beyond it counts from the end, or is nowhere. */
const BEYOND_ANY_OBJECT = 2 ** 50

/** A slice that is entered in its second, third or last part is not asked for from its beginning. */
const PARTS_OF_A_SLICE = 4

/** Enough to learn everything about an object, and to begin with. */
export function firstSlice(sliceBytes: number): OriginRange {
  return { first: 0, last: sliceBytes - 1 }
}

/**
 * The slices that a Range field needs; of several ranges, those of the first. Where the length decides which bytes are
 * meant, the first slice, which tells the length. Undefined: all of it.
 *
 * @param isKnown slices of the object lie where they lie by now: none is begun in the middle
 */
export function openingRange(range: string | undefined, sliceBytes: number, isKnown: boolean): OriginRange | undefined {
  const selection = selectRanges(range, UNKNOWN_LENGTH)
  switch (selection.kind) {
    case 'whole':
      return undefined
    case 'unsatisfiable':
      return firstSlice(sliceBytes)
    case 'ranges': {
      const [{ start, end } = { start: 0, end: UNKNOWN_LENGTH }] = selection.ranges
      if (start >= BEYOND_ANY_OBJECT) return firstSlice(sliceBytes)
      const first = isKnown ? start - (start % sliceBytes) : entryAt(start, sliceBytes)
      if (end < BEYOND_ANY_OBJECT) return { first, last: Math.ceil(end / sliceBytes) * sliceBytes - 1 }
      return first === 0 ? undefined : { first }
    }
    default:
      return selection satisfies never
  }
}

/** Never inside the first slice: an object that is no longer than one is best had whole. */
function entryAt(start: number, sliceBytes: number): number {
  const inSlice = start % sliceBytes
  if (inSlice === start) return 0
  return start - (inSlice % Math.ceil(sliceBytes / PARTS_OF_A_SLICE))
}

type Headers = Readonly<Record<string, string>>

/** - `answer`: to be treated as this; with `part`, where its body is not all of the object */
export type Opened =
  | { readonly kind: 'ask again'; readonly range: OriginRange | undefined }
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly headers: Headers
      readonly part?: PartRange
    }

/**
 * What an answer to an opening request is, as if the whole object had been asked for.
 *
 * A part that is all there is becomes a 200. After a 416, which need not tell the length, the first slice does; and an
 * object that has no first byte is asked for without a range. Without a strong entity tag parts cannot be put
 * together: an object short enough to be kept whole is then asked for as a whole.
 *
 * @throws {OriginError} `broken` for a 206 that is not the part that was asked for
 */
export function openAnswer(
  { status, headers }: OriginResponse,
  asked: OriginRange | undefined,
  sliceBytes: number,
  maxObjectBytes: number,
): Opened {
  if (asked === undefined || (status !== 206 && status !== 416)) return { kind: 'answer', status, headers }
  if (status === 416) return { kind: 'ask again', range: asked.first === 0 ? undefined : firstSlice(sliceBytes) }
  const got = parseContentRange(headers['content-range'])
  if (got === undefined || got.start !== asked.first) {
    throw new OriginError('broken', `${headers['content-range']} is not the range from ${asked.first}`)
  }
  const { total } = got
  const whole = wholeHeaders(headers, total)
  if (got.start === 0 && got.end === total && total <= Math.max(maxObjectBytes, sliceBytes)) {
    return { kind: 'answer', status: 200, headers: whole }
  }
  if (total <= maxObjectBytes && strongEtag(headers) === undefined) return { kind: 'ask again', range: undefined }
  // An origin may give less than it was asked for; what is missing is asked for again.
  const end = asked.last === undefined ? total : Math.min(asked.last + 1, total)
  return { kind: 'answer', status: 200, headers: whole, part: { start: got.start, end, total } }
}

function wholeHeaders(headers: Headers, total: number): Headers {
  const { 'content-range': _, ...others } = headers
  return { ...others, 'content-length': String(total) }
}
