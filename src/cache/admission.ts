/**
 * Admission: what becomes of the body of an answer that may be kept, or shared by those who wait for it.
 *
 * Whatever it hands out has room: the Store was asked before anything was allocated. Room that is handed out is the
 * caller's to use or to release.
 */

import { contentLength } from '../http/content-length.ts'
import type { OriginBody } from '../origin/origin.ts'
import { allocateBody, BufferedBody } from './buffered-body.ts'
import { GrowingBody } from './growing-body.ts'
import type { CacheKey } from './key.ts'
import type { Decision, Freshness, Received, UncacheableReason } from './policy.ts'
import { strongEtag } from './resume.ts'
import type { Reservation, Store } from './store.ts'
import { memoryCost } from './stored-response.ts'

export interface AdmissionOptions {
  readonly store: Store
  /** A longer answer is kept in slices, or not at all. */
  readonly maxObjectBytes: number
  readonly sliceBytes: number
  /** A growing body turns out not to be kept. */
  readonly onPassing: (reason: UncacheableReason) => void
}

/**
 * - `empty`: there is no body to wait for
 * - `buffered`: the whole body goes into one Buffer
 * - `growing`: nobody knows yet whether it can be kept; it reserves its room itself
 * - `sliced`: it is longer than a body that is kept whole
 * - `uncacheable`: one client gets it
 */
export type Admission =
  | { readonly kind: 'empty'; readonly body: BufferedBody }
  | { readonly kind: 'buffered'; readonly body: BufferedBody; readonly reservation: Reservation }
  | { readonly kind: 'growing'; readonly body: GrowingBody }
  | { readonly kind: 'sliced'; readonly etag: string; readonly length: number; readonly freshness: Freshness }
  | { readonly kind: 'uncacheable'; readonly reason: UncacheableReason }

export function admit(
  key: CacheKey,
  received: Received,
  source: OriginBody | undefined,
  decision: Decision,
  options: AdmissionOptions,
): Admission {
  if (decision.kind === 'uncacheable') return decision
  if (source === undefined) return { kind: 'empty', body: BufferedBody.of(Buffer.alloc(0)) }
  const { store, maxObjectBytes, onPassing } = options
  const texts = [...Object.entries(received.headers).flat(), ...(received.setCookies ?? [])]
  const length = contentLength(received.headers)
  if (length === undefined) {
    const overheadBytes = memoryCost(key, texts, 0)
    if (!store.hasRoom(overheadBytes)) return { kind: 'uncacheable', reason: 'no-room' }
    const body = new GrowingBody({ room: store, overheadBytes, maxBytes: maxObjectBytes, onPassing })
    return { kind: 'growing', body }
  }
  if (length > maxObjectBytes) {
    if (received.status !== 200 || decision.kind === 'share') return { kind: 'uncacheable', reason: 'too-large' }
    return admitSlices(key, received, length, decision, options)
  }
  const reservation = store.reserve(memoryCost(key, texts, length))
  if (reservation === undefined) return { kind: 'uncacheable', reason: 'no-room' }
  return { kind: 'buffered', body: allocateBody(length, reservation), reservation }
}

/** The same for an object that goes into slices if it is kept at all. `length`: of the whole object. */
export function admitSlices(
  key: CacheKey,
  { headers }: Received,
  length: number,
  decision: Decision,
  options: Pick<AdmissionOptions, 'store' | 'sliceBytes'>,
): Extract<Admission, { kind: 'sliced' | 'uncacheable' }> {
  if (decision.kind !== 'store') return { kind: 'uncacheable', reason: decision.reason }
  const etag = strongEtag(headers)
  if (etag === undefined) return { kind: 'uncacheable', reason: 'too-large' }
  if (!hasRoomForSlice(key, options)) return { kind: 'uncacheable', reason: 'no-room' }
  return { kind: 'sliced', etag, length, freshness: decision.freshness }
}

/** Where not even one fits, slices would only cost a request more. */
function hasRoomForSlice(
  key: CacheKey,
  { store, sliceBytes }: Pick<AdmissionOptions, 'store' | 'sliceBytes'>,
): boolean {
  return store.hasRoom(memoryCost(key, [], 0) + memoryCost(key, [], sliceBytes))
}
