/**
 * Byte ranges (RFC 9110 §14): what a Range field asks of a body of known length, and Content-Range.
 *
 * Invariant: every range that comes out of here lies within the body and has at least one byte, and together they are
 * never more bytes than the body itself.
 */
import { endAtComma, nextMember, trimWhitespace } from './syntax.ts'

/** Positions in the body; `end` is the first position after the range. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * - `whole`: answer 200 with everything: there is no Range, or one that is malformed, of another unit, or not worth it
 * - `ranges`: answer 206 with these, at least one, in the order they were asked for
 * - `unsatisfiable`: answer 416
 */
export type RangeSelection =
  | { readonly kind: 'whole' }
  | { readonly kind: 'ranges'; readonly ranges: readonly ByteRange[] }
  | { readonly kind: 'unsatisfiable' }

/** Where nothing else is said, a request for more ranges than this gets the whole body: many small ranges are an attack (RFC 9110 §17.15). */
export const MAX_RANGES = 16

const UNIT = /^bytes=/i
/** `first-last`, `first-` and `-suffix`; a lone hyphen matches too and is sorted out below. */
const RANGE = /^([0-9]*)-([0-9]*)$/

const whole: RangeSelection = { kind: 'whole' }
const unsatisfiable: RangeSelection = { kind: 'unsatisfiable' }

type Member = ByteRange | 'malformed' | 'unsatisfiable' | 'whole'

/**
 * One malformed member spoils the field, which is then ignored (RFC 9110 §14.2). Members beyond the end are dropped;
 * when none is left the field is unsatisfiable. Ranges that overlap so much that they come to more bytes than the body
 * get the whole body instead.
 *
 * @param length of the whole body, in bytes
 * @param maxRanges a request for more gets the whole body
 */
export function selectRanges(header: string | undefined, length: number, maxRanges = MAX_RANGES): RangeSelection {
  if (header === undefined || !UNIT.test(header)) return whole

  const ranges: ByteRange[] = []
  let memberCount = 0
  let totalBytes = 0
  let isWhole = false
  for (let start = nextMember(header, 'bytes='.length); start < header.length; ) {
    memberCount += 1
    if (memberCount > maxRanges) return whole
    const end = endAtComma(header, start)
    const member = resolveMember(trimWhitespace(header.slice(start, end)), length)
    if (member === 'malformed') return whole
    if (member === 'whole') isWhole = true
    else if (member !== 'unsatisfiable') {
      ranges.push(member)
      totalBytes += member.end - member.start
    }
    start = nextMember(header, end)
  }

  if (memberCount === 0 || isWhole || totalBytes > length) return whole
  return ranges.length === 0 ? unsatisfiable : { kind: 'ranges', ranges }
}

/** The value of Content-Range in a 206, or in one part of it. */
export function contentRange(range: ByteRange, length: number): string {
  return `bytes ${range.start}-${range.end - 1}/${length}`
}

/** The value of Content-Range in a 416. */
export function unsatisfiedRange(length: number): string {
  return `bytes */${length}`
}

function resolveMember(member: string, length: number): Member {
  const match = RANGE.exec(member)
  const first = match?.[1] ?? ''
  const last = match?.[2] ?? ''
  if (first === '' && last === '') return 'malformed'
  if (first === '') return lastBytes(last, length)
  if (last !== '' && isGreater(first, last)) return 'malformed'

  // Positions too large for a number only have to stay too large: rounding cannot bring them back into the body.
  const start = Number(first)
  if (start >= length) return 'unsatisfiable'
  return { start, end: last === '' ? length : Math.min(Number(last) + 1, length) }
}

function lastBytes(digits: string, length: number): Member {
  const suffixBytes = Number(digits)
  if (suffixBytes === 0) return 'unsatisfiable'
  // The last bytes of an empty body exist, all none of them, and no Content-Range can say so.
  if (length === 0) return 'whole'
  return { start: Math.max(0, length - suffixBytes), end: length }
}

/** Compares digits, not numbers: past 2^53 different positions would become the same one. */
function isGreater(a: string, b: string): boolean {
  const left = a.replace(/^0+/, '')
  const right = b.replace(/^0+/, '')
  return left.length === right.length ? left > right : left.length > right.length
}
