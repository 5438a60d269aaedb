/**
 * Answers: what an origin's answer becomes for those who get it, apart from the bytes that are kept of it. Pure.
 */

import { OriginError } from '../errors.ts'
import { formatHttpDate } from '../http/date.ts'
import { initialAgeSeconds } from '../http/freshness.ts'
import type { Validators } from '../origin/origin.ts'
import type { Body } from './body.ts'
import type { Encodings } from './encodings.ts'
import type { Decision, Freshness, Received } from './policy.ts'
import type { StoredResponse } from './stored-response.ts'
import { makeNegativeResponse, makeStoredResponse, mergeNotModified, refreshStoredResponse } from './stored-response.ts'
import type { StreamedBody } from './streamed-body.ts'
import type { Variant } from './variants.ts'

/** The media type to send for an object, given what its store says. */
export type ContentTypeFor = (objectKey: string, storedType: string | undefined) => string | undefined

/** An answer that more than one request may get. */
export function answer(
  { status, headers: received, setCookies, responseTimeMs }: Received,
  made: {
    readonly contentType: string | undefined
    readonly body: Body
    readonly variant: Variant
    readonly decision: Decision
    readonly encodings?: Encodings<StoredResponse> | undefined
  },
): StoredResponse {
  const { decision, ...kept } = made
  const headers = dated(received, responseTimeMs)
  const freshness = decision.kind === 'store' ? decision.freshness : stale(responseTimeMs)
  return makeStoredResponse({ ...kept, status, headers, setCookies, responseTimeMs, freshness })
}

/** An answer as it was given out before all of its bytes were here, and what it was made from. */
export interface Given {
  readonly response: StoredResponse
  readonly received: Received
  readonly contentType: string | undefined
  readonly variant: Variant
}

/**
 * The same with all of its bytes, which may tell more about its freshness than its fields did.
 *
 * @param decision with these bytes
 */
export function completed({ response, received, ...made }: Given, body: Body, decision: Decision): StoredResponse {
  const isAsBefore = decision.kind !== 'store' || decision.freshness.staleAtMs === response.staleAtMs
  if (!isAsBefore) return answer(received, { ...made, encodings: response.encodings, body, decision })
  return response.body === body ? response : { ...response, body }
}

/** An answer that goes to one client and is not kept. */
export function passedAnswer(
  received: Received,
  contentType: string | undefined,
  body: StreamedBody,
  encodings?: Encodings<StoredResponse>,
): StoredResponse {
  const { status, headers, setCookies, requestTimeMs, responseTimeMs } = received
  const age = { date: headers['date'], age: headers['age'] }
  const initialAge = headers['age'] === undefined ? 0 : initialAgeSeconds(age, requestTimeMs, responseTimeMs)
  const freshness = { initialAgeSeconds: initialAge, staleAtMs: responseTimeMs }
  return makeStoredResponse({ status, headers, setCookies, contentType, body, encodings, responseTimeMs, freshness })
}

/**
 * An answer without the object: 403, 404 and their like.
 * @throws {OriginError} `broken` for a status that promises a body
 */
export function negativeAnswer({ status, responseTimeMs }: Received, decision: Decision): StoredResponse {
  if (status < 400) throw new OriginError('broken', `a ${status} without a body`)
  const freshness = decision.kind === 'store' ? decision.freshness : stale(responseTimeMs)
  return makeNegativeResponse(status, responseTimeMs, freshness)
}

/** A stored answer after a 304, and what may become of it (RFC 9111 §4.3.4). */
export function revalidated(
  stored: StoredResponse,
  received: Received,
  decide: (merged: Received) => Decision,
): { readonly response: StoredResponse; readonly decision: Decision } {
  const { responseTimeMs, setCookies } = received
  const headers = mergeNotModified(stored, received.headers)
  const decision = decide({ ...received, status: stored.status, headers })
  const freshness = decision.kind === 'store' ? decision.freshness : stale(responseTimeMs)
  const response = refreshStoredResponse(stored, dated(headers, responseTimeMs), responseTimeMs, freshness, setCookies)
  return { response, decision }
}

/** What came without a Date was made when it came, whenever it is given out (RFC 9110 §6.6.1). */
function dated(headers: Received['headers'], responseTimeMs: number): Received['headers'] {
  return headers['date'] === undefined ? { ...headers, date: formatHttpDate(responseTimeMs) } : headers
}

/** Usable once, by those who wait for it. */
function stale(responseTimeMs: number): Freshness {
  return { initialAgeSeconds: 0, staleAtMs: responseTimeMs }
}

/**
 * RFC 9110 §13.1: the entity tag if there is one, else the date. A negative answer has nothing to compare.
 *
 * @param withBoth the date beside the tag, for those who do not know tags (RFC 9111 §4.3.1); to stores, which do, it is
 * only another way to be misunderstood
 */
export function validatorsOf(stored: StoredResponse, withBoth: boolean): Validators | undefined {
  if (stored.status !== 200) return undefined
  if (stored.etag !== undefined) {
    const isDated = withBoth && stored.lastModified !== undefined
    return { ifNoneMatch: stored.etag, ...(isDated && { ifModifiedSince: stored.lastModified }) }
  }
  if (stored.lastModified !== undefined) return { ifModifiedSince: stored.lastModified }
  return undefined
}
