/**
 * HEAD, asked of an origin by HEAD: the answer goes to the one who asked, and what is stored learns from it.
 *
 * Invariant: what is stored is never updated by an answer that may be about other bytes (RFC 9111 §4.3.5).
 */

import type { Clock } from '../clock.ts'
import { contentLength } from '../http/content-length.ts'
import type { Origin, OriginPriority } from '../origin/origin.ts'
import { revalidated } from './answers.ts'
import type { CacheKey } from './key.ts'
import { bodiless } from './passing.ts'
import type { AskedWith, CacheRules, Received } from './policy.ts'
import { decide } from './policy.ts'
import type { Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'

export interface HeadRequest {
  readonly origin: Origin
  readonly objectKey: string
  readonly rules: CacheRules
  readonly priority?: OriginPriority
  readonly signal: AbortSignal
  readonly askedWith: AskedWith
  /** What is stored, and where. */
  readonly stored: { readonly key: CacheKey; readonly response: StoredResponse } | undefined
}

/** @throws {OriginError} when the origin gives no answer */
export async function head(
  { origin, objectKey, rules, priority = 'segment', signal, askedWith, stored }: HeadRequest,
  { store, clock }: { readonly store: Store; readonly clock: Clock },
): Promise<StoredResponse> {
  const requestTimeMs = clock.now()
  const { body, ...answered } = await origin.fetch({ method: 'HEAD', key: objectKey, priority, signal })
  body?.destroy()
  const received: Received = { ...answered, requestTimeMs, responseTimeMs: clock.now() }
  if (stored !== undefined && received.status === 200 && stored.response.status === 200) {
    if (!isSameRepresentation(stored.response, received)) store.delete(stored.key)
    else {
      const { bytes } = stored.response.body
      const { response, decision } = revalidated(stored.response, received, (it) => decide(it, rules, askedWith, bytes))
      if (decision.kind === 'store') store.replace(stored.key, stored.response, response)
      else store.delete(stored.key)
    }
  }
  return bodiless(received, rules)
}

/** Whether nothing of the answer speaks against the stored bytes, and something for them. */
function isSameRepresentation(stored: StoredResponse, { headers }: Received): boolean {
  const length = contentLength(headers)
  if (length !== undefined && length !== stored.body.length) return false
  const { etag, lastModified } = stored
  if (etag !== headers['etag'] || lastModified !== headers['last-modified']) return false
  return etag !== undefined || lastModified !== undefined || length !== undefined
}
