/**
 * Policy: pure decisions about an origin's answer. May it be stored, how long is it fresh, may it be used when stale?
 *
 * No clock and no I/O here: times come in, a decision goes out, and every refusal has a reason word.
 */

import type { CacheControl } from '../http/cache-control.ts'
import { effectiveCacheControl } from '../http/cdn-cache-control.ts'
import { freshnessLifetimeSeconds, initialAgeSeconds } from '../http/freshness.ts'
import { staleWindows } from '../http/stale.ts'
import { isFailure } from '../http/status.ts'
import { storability } from '../http/storability.ts'

/** A route's caching rules. */
export interface CacheRules {
  /** Freshness in milliseconds whatever the origin says, `no-store` and `private` included. */
  readonly ttlMs?: number | undefined
  /**
   * Freshness in milliseconds where the origin says nothing; or what tells it by the answer's media type, and by its
   * bytes once all of them are here, unless they are coded.
   */
  readonly defaultTtlMs: number | LifetimeOf
  /** Freshness in milliseconds of answers from 400 on where the origin says nothing, or nothing that counts, by status. */
  readonly negativeTtlMs: ReadonlyMap<number, number>
  /** Whether what the origin says of an answer from 400 on counts; a store's own errors say nothing. @default false */
  readonly heedsErrorFields?: boolean
  /** Where the origin says nothing: how long a stale answer may be used while a new one is fetched. @default 0 */
  readonly staleWhileRevalidateMs?: number | undefined
  /** Where the origin says nothing: how long a stale answer may be used in place of an error. @default 0 */
  readonly staleIfErrorMs?: number | undefined
  /** Whether an answer that sets cookies may be kept, and its cookies given to everybody. @default true */
  readonly storesSetCookie?: boolean
  /** Media types whose bytes also go out under other content codings. @default none */
  readonly isCompressible?: ((contentType: string | undefined) => boolean) | undefined
}

/** Milliseconds. Must not throw, and not take long: it is asked in between other requests. */
export type LifetimeOf = (contentType: string | undefined, bytes: Buffer | undefined) => number

/** What a decision is made from: an origin's final answer and when it was asked for and received (epoch ms). */
export interface Received {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly setCookies?: readonly string[]
  readonly requestTimeMs: number
  readonly responseTimeMs: number
}

/** What of the request bears on the answer's being kept. */
export interface AskedWith {
  /** The origin has seen somebody's Authorization. */
  readonly isAuthorized: boolean
}

/** A word for the `detail` parameter of Cache-Status. */
export type UncacheableReason =
  | 'authorization'
  | 'failure'
  | 'no-room'
  | 'no-store'
  | 'private'
  | 'range'
  | 'set-cookie'
  | 'status'
  | 'too-large'
  | 'vary'

/** Until when an answer may be used, and how. */
export interface Freshness {
  /** RFC 9111 §4.2.3, whole seconds. */
  readonly initialAgeSeconds: number
  /** Epoch ms; at and after it the answer is stale. */
  readonly staleAtMs: number
  /** Its origin forbids to use it when stale. @default false */
  readonly mustRevalidate?: boolean
  /** Epoch ms; see StoredResponse. Absent: never when stale. */
  readonly whileRevalidateUntilMs?: number
  /** Epoch ms; see StoredResponse. Absent: never when stale. */
  readonly ifErrorUntilMs?: number
}

/**
 * - `store`: it answers later requests too
 * - `share`: it answers those who wait for it, and nobody later
 * - `uncacheable`: it is for one client, or too large for the others to wait for
 */
export type Decision =
  | { readonly kind: 'store'; readonly freshness: Freshness }
  | { readonly kind: 'share'; readonly reason: UncacheableReason }
  | { readonly kind: 'uncacheable'; readonly reason: UncacheableReason }

const NOBODY: AskedWith = { isAuthorized: false }

/**
 * RFC 9111 §3 for a shared cache and an answer to GET.
 *
 * @param bytes the whole body, where it is here
 */
export function decide(
  received: Received,
  rules: CacheRules,
  { isAuthorized }: AskedWith = NOBODY,
  bytes?: Buffer,
): Decision {
  const { status, headers, setCookies, responseTimeMs } = received
  const isError = status >= 400
  if (isError && rules.heedsErrorFields !== true) return decideNegative(received, rules)
  const ttlMs = isError ? undefined : rules.ttlMs
  const cacheControl = cacheControlOf(headers)
  const statedSeconds = ttlMs === undefined ? statedLifetimeSeconds(received) : undefined
  const negativeTtlMs = (isError && rules.negativeTtlMs.get(status)) || undefined
  const verdict = storability({
    method: 'GET',
    status,
    hasAuthorization: isAuthorized,
    cacheControl,
    hasExplicitFreshness: statedSeconds !== undefined || ttlMs !== undefined || negativeTtlMs !== undefined,
  })
  const setsCookie = setCookies !== undefined && setCookies.length > 0
  if (verdict === 'status') {
    const isPersonal = setsCookie || !isForAll(status)
    return { kind: isPersonal ? 'uncacheable' : 'share', reason: reasonOf(status) }
  }
  if (verdict === 'authorization' || (verdict !== 'storable' && ttlMs === undefined)) {
    return { kind: 'uncacheable', reason: verdict === 'method' ? 'status' : verdict }
  }
  // A part is kept by whoever asked for it as a part; it is never taken for the whole (RFC 9111 §3.3).
  if (status === 206) return { kind: 'uncacheable', reason: 'status' }
  if (rules.storesSetCookie === false && setsCookie) {
    return { kind: 'uncacheable', reason: 'set-cookie' }
  }
  if (statedSeconds !== undefined) return { kind: 'store', freshness: statedFreshness(received, statedSeconds, rules) }
  const lifetimeMs = ttlMs ?? (isError ? negativeTtlMs : defaultTtlMs(received, rules, bytes))
  if (lifetimeMs === undefined) return setsCookie ? { kind: 'uncacheable', reason: reasonOf(status) } : shared(status)
  return { kind: 'store', freshness: freshnessFor(received, cacheControl, rules, responseTimeMs + lifetimeMs) }
}

function defaultTtlMs({ status, headers }: Received, { defaultTtlMs: ttl }: CacheRules, bytes?: Buffer): number {
  if (typeof ttl === 'number') return ttl
  const isPlain = status === 200 && headers['content-encoding'] === undefined
  return ttl(headers['content-type'], isPlain ? bytes : undefined)
}

/**
 * Whether an answer that is not kept is still one to all who wait for it: the origin fails, or has no such thing. What
 * is wrong with the request of one of them says nothing about those of the others; 429 is about how much one has asked.
 */
function isForAll(status: number): boolean {
  return status === 404 || status === 410 || status >= 500
}

function shared(status: number): Decision {
  return { kind: 'share', reason: reasonOf(status) }
}

function reasonOf(status: number): UncacheableReason {
  return isFailure(status) ? 'failure' : 'status'
}

function decideNegative({ status, responseTimeMs }: Received, rules: CacheRules): Decision {
  const ttlMs = rules.negativeTtlMs.get(status) ?? 0
  if (ttlMs <= 0) return shared(status)
  return { kind: 'store', freshness: { initialAgeSeconds: 0, staleAtMs: responseTimeMs + ttlMs } }
}

function cacheControlOf(headers: Readonly<Record<string, string>>): CacheControl {
  const fields = { cacheControl: headers['cache-control'], cdnCacheControl: headers['cdn-cache-control'] }
  return effectiveCacheControl(fields).cacheControl
}

function statedLifetimeSeconds({ headers, responseTimeMs }: Received): number | undefined {
  return freshnessLifetimeSeconds(
    {
      cacheControl: headers['cache-control'],
      cdnCacheControl: headers['cdn-cache-control'],
      expires: headers['expires'],
      date: headers['date'],
    },
    responseTimeMs,
  )
}

/** A lifetime the origin states is counted from when the answer was made there: its age on arrival is taken off. */
function statedFreshness(received: Received, seconds: number, rules: CacheRules): Freshness {
  const staleAtMs = received.responseTimeMs + (seconds - ageOnArrival(received)) * 1000
  return freshnessFor(received, cacheControlOf(received.headers), rules, staleAtMs)
}

function freshnessFor(received: Received, cacheControl: CacheControl, rules: CacheRules, staleAtMs: number): Freshness {
  const initialAgeSeconds = ageOnArrival(received)
  // What is no object is no better than an error that could not say so.
  if (received.status >= 400) return { initialAgeSeconds, staleAtMs }
  const { whileRevalidateSeconds, ifErrorSeconds } = staleWindows(cacheControl, {
    staleWhileRevalidateSeconds: (rules.staleWhileRevalidateMs ?? 0) / 1000,
    staleIfErrorSeconds: (rules.staleIfErrorMs ?? 0) / 1000,
  })
  return {
    initialAgeSeconds,
    staleAtMs,
    ...(forbidsStale(cacheControl) && { mustRevalidate: true }),
    ...(whileRevalidateSeconds > 0 && { whileRevalidateUntilMs: staleAtMs + whileRevalidateSeconds * 1000 }),
    ...(ifErrorSeconds > 0 && { ifErrorUntilMs: staleAtMs + ifErrorSeconds * 1000 }),
  }
}

function ageOnArrival({ headers, requestTimeMs, responseTimeMs }: Received): number {
  return initialAgeSeconds({ date: headers['date'], age: headers['age'] }, requestTimeMs, responseTimeMs)
}

/** RFC 9111 §4.2.4, for a shared cache. */
function forbidsStale({ mustRevalidate, proxyRevalidate, noCache, sMaxage }: CacheControl): boolean {
  return mustRevalidate || proxyRevalidate || noCache || sMaxage !== undefined
}
