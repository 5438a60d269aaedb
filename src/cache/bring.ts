/**
 * What a fill asks its origin for, and how: again where what came is nothing to begin with.
 *
 * Invariant: of all bodies that come, one at most is left, and it belongs to the caller.
 */

import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import type { PartRange } from '../http/content-range.ts'
import type { FieldPairs, Origin, OriginBody, OriginPriority, OriginRange } from '../origin/origin.ts'
import { validatorsOf } from './answers.ts'
import { openAnswer } from './opening.ts'
import type { Received } from './policy.ts'
import { strongEtag } from './resume.ts'
import type { SlicedBodyOptions } from './sliced-body.ts'
import type { StoredResponse } from './stored-response.ts'

export interface BringRequest {
  readonly origin: Origin
  readonly objectKey: string
  /** What to ask for of an object that is not known yet; all of it where absent. Begins and ends where slices do. */
  readonly opening: OriginRange | undefined
  readonly priority: OriginPriority
  /** The stale answer that is to be revalidated, if there is one. */
  readonly stored: StoredResponse | undefined
  /** The origin sees who asks: an answer that cannot be kept is for nobody else. */
  readonly isPersonal: boolean
}

export interface BringParts {
  readonly clock: Clock
  readonly slices: Pick<SlicedBodyOptions, 'sliceBytes'>
  /** A longer answer is kept in slices, or not at all. */
  readonly maxObjectBytes: number
  readonly signal: AbortSignal
  readonly onInformational: (status: number, fields: FieldPairs) => void
}

export interface Brought {
  readonly received: Received
  /** Which bytes of the object the body is, where it is a part of it. */
  readonly part: PartRange | undefined
  readonly body: OriginBody | undefined
}

/** @throws {OriginError} where there is no answer, or one that cannot be; no body is left then */
export async function bring(request: BringRequest, parts: BringParts): Promise<Brought> {
  const { origin, objectKey, priority, opening, stored, isPersonal } = request
  const { clock, slices, maxObjectBytes, signal, onInformational } = parts
  let range = opening
  let validators = stored && validatorsOf(stored, isPersonal)
  for (;;) {
    const requestTimeMs = clock.now()
    const response = await origin.fetch({
      key: objectKey,
      priority,
      signal,
      ...(range && { range }),
      ...(validators && { validators }),
      onInformational,
    })
    const { body, setCookies } = response
    try {
      const opened = openAnswer(response, range, slices.sliceBytes, maxObjectBytes)
      if (opened.kind === 'ask again') {
        body?.destroy()
        range = opened.range
        continue
      }
      const received = { ...opened, ...(setCookies && { setCookies }), requestTimeMs, responseTimeMs: clock.now() }
      if (received.status === 304 && validators === undefined) {
        throw new OriginError('broken', 'a 304 to a request without conditions')
      }
      if (received.status === 304 && isOfAnother(received, stored)) {
        body?.destroy()
        validators = undefined
        continue
      }
      return { received, part: opened.part, body }
    } catch (error) {
      body?.destroy()
      throw error
    }
  }
}

/** Whether a 304 is about other bytes than the stored ones (RFC 9111 §4.3.4). */
function isOfAnother({ headers }: Received, stored: StoredResponse | undefined): boolean {
  const etag = strongEtag(headers)
  return etag !== undefined && etag !== stored?.etag
}
