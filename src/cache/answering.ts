/** An answer and what is said of it in Cache-Status (RFC 9211): why it was asked for, and what became of it. */

import type { CacheStatus, ForwardReason } from '../http/cache-status.ts'
import type { Answer } from './cache-request.ts'
import type { UncacheableReason } from './policy.ts'
import type { StoredResponse } from './stored-response.ts'
import { ttlSeconds } from './stored-response.ts'

/** A stored answer that may be used, though perhaps not for long. */
export function hit(response: StoredResponse, nowMs: number): Answer {
  return { response, status: { kind: 'hit', ttlSeconds: ttlSeconds(response, nowMs) } }
}

export interface Fetched {
  readonly fwd: ForwardReason
  /** Whether another request had it fetched. */
  readonly collapsed: boolean
  readonly stored: boolean
  /** @default the answer's own */
  readonly fwdStatus?: number
}

export function fetched(
  response: StoredResponse,
  { fwd, collapsed, stored, fwdStatus }: Fetched,
  nowMs: number,
): Answer {
  const said = { fwdStatus: fwdStatus ?? response.status, stored, collapsed, ttlSeconds: ttlSeconds(response, nowMs) }
  return { response, status: { kind: 'forward', fwd, ...said } }
}

/** A stale answer where the origin has none. @param fwdStatus absent where it gave no answer at all */
export function inPlaceOfError(
  response: StoredResponse,
  fwd: ForwardReason,
  nowMs: number,
  fwdStatus?: number,
): Answer {
  const ttl = ttlSeconds(response, nowMs)
  const said = { ...(fwdStatus !== undefined && { fwdStatus }), ttlSeconds: ttl, detail: 'stale-if-error' }
  return { response, status: { kind: 'forward', fwd, stored: false, collapsed: false, ...said } }
}

/** What was fetched for one request alone. */
export function passed(fwd: ForwardReason, fwdStatus: number, reason: UncacheableReason): CacheStatus {
  return { kind: 'forward', fwd, fwdStatus, stored: false, collapsed: false, detail: reason }
}
