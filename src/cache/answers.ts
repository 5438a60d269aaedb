/**
 * Answers: what an origin's answer becomes for those who get it, apart from the bytes that are kept of it. Pure.
 */

import { OriginError } from '../errors.ts'
import type { Validators } from '../origin/origin.ts'
import type { Decision, Freshness, Received } from './policy.ts'
import type { StoredResponse } from './stored-response.ts'
import { makeNegativeResponse, makeStoredResponse } from './stored-response.ts'
import type { StreamedBody } from './streamed-body.ts'

/** An answer that goes to one client and is not kept. */
export function passedAnswer(received: Received, contentType: string | undefined, body: StreamedBody): StoredResponse {
  const { status, headers, responseTimeMs } = received
  return makeStoredResponse({ status, headers, contentType, body, responseTimeMs, freshness: stale(responseTimeMs) })
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

/** Usable once, by those who wait for it. */
export function stale(responseTimeMs: number): Freshness {
  return { initialAgeSeconds: 0, staleAtMs: responseTimeMs }
}

/** RFC 9110 §13.1: the entity tag if there is one, else the date. A negative answer has nothing to compare. */
export function validatorsOf(stored: StoredResponse): Validators | undefined {
  if (stored.status !== 200) return undefined
  if (stored.etag !== undefined) return { ifNoneMatch: stored.etag }
  if (stored.lastModified !== undefined) return { ifModifiedSince: stored.lastModified }
  return undefined
}
