/**
 * Passing: one client's own fetch, whose bytes go on to it and are not kept.
 *
 * The client gives the pace, and the origin's connection is free when its answer is over or it has left.
 */

import type { Clock } from '../clock.ts'
import { contentLength } from '../http/content-length.ts'
import { selectRanges, unsatisfiedRange } from '../http/range.ts'
import type { Origin, OriginBody, OriginPriority, OriginRange, OriginResponse } from '../origin/origin.ts'
import type { ContentTypeFor } from './answers.ts'
import { negativeAnswer, passedAnswer } from './answers.ts'
import { BufferedBody } from './buffered-body.ts'
import type { AskedWith, CacheRules, Received, UncacheableReason } from './policy.ts'
import { decide } from './policy.ts'
import { encodingsFor } from './representation.ts'
import { resumable } from './resume.ts'
import type { StoredResponse } from './stored-response.ts'
import { makeStoredResponse } from './stored-response.ts'
import { StreamedBody } from './streamed-body.ts'

export interface PassRequest {
  readonly origin: Origin
  readonly objectKey: string
  readonly rules: CacheRules
  readonly range: string | undefined
  readonly priority: OriginPriority
  readonly signal: AbortSignal
  readonly askedWith: AskedWith
  /** Sends the client's request on as it is, its Range and conditions included; absent where the origin sees none of it. */
  readonly sendOwn: (() => Promise<OriginResponse>) | undefined
}

export interface Known {
  readonly reason: UncacheableReason
  /** Bytes of the whole object, where known: lets a range be asked for by itself. */
  readonly length: number | undefined
}

export interface Passed {
  readonly response: StoredResponse
  /** The next one to ask may have it kept. */
  readonly isStorable: boolean
}

/**
 * The answer to the one range that is wanted, where that can be told.
 *
 * @param isRemembered `known` may be out of date; undefined comes back where it shows to be, or has to be asked anew
 * @throws {OriginError} when the origin gives none
 */
export async function pass(
  request: PassRequest,
  known: Known,
  isRemembered: boolean,
  { clock, contentTypeFor }: { readonly clock: Clock; readonly contentTypeFor: ContentTypeFor },
): Promise<Passed | undefined> {
  const { origin, objectKey, rules, priority, signal, sendOwn } = request
  const selection = known.length === undefined || sendOwn ? undefined : selectRanges(request.range, known.length)
  if (selection?.kind === 'unsatisfiable' && known.length !== undefined) {
    // What its origin wants no cache to keep may have grown since; a large file seldom does.
    if (isRemembered && known.reason !== 'too-large') return undefined
    return { response: unsatisfiable(known.length, clock.now()), isStorable: false }
  }
  const only = selection?.kind === 'ranges' && selection.ranges.length === 1 ? selection.ranges[0] : undefined
  const range: OriginRange | undefined = only && { first: only.start, last: only.end - 1 }

  const requestTimeMs = clock.now()
  const asked = { key: objectKey, priority, signal, ...(range && { range }) }
  const answered = sendOwn === undefined ? await origin.fetch(asked) : await sendOwn()
  const { body, ...rest } = answered
  const received: Received = { ...rest, requestTimeMs, responseTimeMs: clock.now() }
  if (range && isRemembered && isOfAnotherLength(received, known.length)) {
    body?.destroy()
    return undefined
  }
  const decision = decide(received, rules, request.askedWith)
  const isStorable = decision.kind === 'store' && OF_THE_FIELDS.has(known.reason)
  if (body === undefined) {
    const response = sendOwn === undefined ? negativeAnswer(received, decision) : bodiless(received, rules)
    return { response, isStorable }
  }
  const contentType = contentTypeFor(objectKey, received.headers['content-type'])
  const source = resumable(received, body, { origin, objectKey, priority, signal })
  return { response: streamed(received, source, { contentType, rules }), isStorable }
}

/** Reasons that another answer's fields may not have; the others are those of its bytes. */
const OF_THE_FIELDS: ReadonlySet<UncacheableReason> = new Set([
  'authorization',
  'failure',
  'no-store',
  'private',
  'set-cookie',
  'status',
])

/** An answer whose content goes to one client as it comes. Owns the body. */
export function streamed(
  received: Received,
  body: OriginBody,
  cached?: {
    readonly contentType: string | undefined
    /** Of a cached route, whose answers may come in several codings. */
    readonly rules: CacheRules
  },
): StoredResponse {
  const through = new StreamedBody(body, contentLength(received.headers))
  if (cached === undefined) return passedAnswer(received, received.headers['content-type'], through)
  const { contentType, rules } = cached
  return passedAnswer(received, contentType, through, encodingsFor(received, contentType, rules))
}

/**
 * An answer that can have no content: to HEAD, 204, 304. Its Content-Length is that of what GET would bring.
 *
 * @param rules of a cached route, whose answer to GET may come in several codings
 */
export function bodiless(received: Received, rules?: CacheRules): StoredResponse {
  const body = StreamedBody.withoutBytes(contentLength(received.headers))
  const contentType = received.headers['content-type']
  return passedAnswer(received, contentType, body, rules && encodingsFor(received, contentType, rules))
}

/** Whether the answer to a range shows that the whole is not `length` bytes (RFC 9110 §14.4, §15.5.17). */
function isOfAnotherLength({ status, headers }: Received, length?: number): boolean {
  if (status === 416) return true
  const total = /^bytes \d+-\d+\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1]
  return status === 206 && total !== undefined && Number(total) !== length
}

/** RFC 9110 §15.5.17, for an object whose length is remembered though its bytes are not. */
function unsatisfiable(length: number, nowMs: number): StoredResponse {
  return makeStoredResponse({
    status: 416,
    headers: { 'content-range': unsatisfiedRange(length) },
    contentType: undefined,
    body: BufferedBody.of(Buffer.alloc(0)),
    responseTimeMs: nowMs,
    freshness: { initialAgeSeconds: 0, staleAtMs: nowMs },
  })
}
