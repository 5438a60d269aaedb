/**
 * Policy: pure decisions about an origin's answer. May it be stored, and how long is it fresh?
 *
 * No clock and no I/O here: times come in, a decision goes out, and every refusal has a reason word.
 */

import { parseCacheControl } from '../http/cache-control.ts'
import { freshnessLifetimeSeconds, initialAgeSeconds } from '../http/freshness.ts'

/** A route's caching rules. */
export interface CacheRules {
  /** Freshness in milliseconds whatever the origin says, `no-store` and `private` included. */
  readonly ttlMs?: number | undefined
  /** Freshness in milliseconds where the origin says nothing. */
  readonly defaultTtlMs: number
  /** Freshness in milliseconds of answers without the object, by status. A status that is absent is not stored. */
  readonly negativeTtlMs: ReadonlyMap<number, number>
}

/** What a decision is made from: an origin's final answer and when it was asked for and received (epoch ms). */
export interface Received {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly requestTimeMs: number
  readonly responseTimeMs: number
}

/** A word for the `detail` parameter of Cache-Status. */
export type UncacheableReason = 'no-store' | 'private' | 'status' | 'too-large' | 'no-length' | 'no-room'

/** Until when an answer may be used without asking the origin. */
export interface Freshness {
  /** RFC 9111 §4.2.3, whole seconds. */
  readonly initialAgeSeconds: number
  /** Epoch ms; at and after it the answer is stale. */
  readonly staleAtMs: number
}

export type Decision =
  | { readonly kind: 'store'; readonly freshness: Freshness }
  | { readonly kind: 'uncacheable'; readonly reason: UncacheableReason }

/** RFC 9111 §3 for a shared cache that only ever asks with GET. */
export function decide(received: Received, rules: CacheRules): Decision {
  if (received.status !== 200) return decideNegative(received, rules)
  if (rules.ttlMs === undefined) {
    const cacheControl = parseCacheControl(received.headers['cache-control'])
    if (cacheControl.noStore) return { kind: 'uncacheable', reason: 'no-store' }
    if (cacheControl.private) return { kind: 'uncacheable', reason: 'private' }
  }
  return { kind: 'store', freshness: freshnessOf(received, rules) }
}

/**
 * The freshness of a 200. A lifetime the origin states is counted from when the answer was made there, so its age on
 * arrival is taken off; a lifetime the route states is counted from its arrival here.
 */
export function freshnessOf(received: Received, rules: CacheRules): Freshness {
  const { headers, requestTimeMs, responseTimeMs } = received
  const age = initialAgeSeconds(
    { ...(headers['date'] && { date: headers['date'] }), ...(headers['age'] && { age: headers['age'] }) },
    requestTimeMs,
    responseTimeMs,
  )
  if (rules.ttlMs !== undefined) return { initialAgeSeconds: age, staleAtMs: responseTimeMs + rules.ttlMs }
  const stated = freshnessLifetimeSeconds(
    {
      ...(headers['cache-control'] && { cacheControl: headers['cache-control'] }),
      ...(headers['expires'] !== undefined && { expires: headers['expires'] }),
      ...(headers['date'] && { date: headers['date'] }),
    },
    responseTimeMs,
  )
  const staleAtMs = responseTimeMs + (stated === undefined ? rules.defaultTtlMs : (stated - age) * 1000)
  return { initialAgeSeconds: age, staleAtMs }
}

function decideNegative({ status, responseTimeMs }: Received, rules: CacheRules): Decision {
  const ttlMs = rules.negativeTtlMs.get(status) ?? 0
  if (ttlMs <= 0) return { kind: 'uncacheable', reason: 'status' }
  return { kind: 'store', freshness: { initialAgeSeconds: 0, staleAtMs: responseTimeMs + ttlMs } }
}
