/**
 * How long a stored response may still be used after it has become stale (RFC 5861, RFC 9111 §4.2.4).
 *
 * Invariant: windows are whole seconds from 0, counted from the moment the response became stale; where a directive
 * of the response forbids stale use, a route's options do not bring it back.
 */
import type { CacheControl } from './cache-control.ts'

/** A route's own windows, for responses that do not speak for themselves. */
export interface StaleOptions {
  readonly staleWhileRevalidateSeconds?: number | undefined
  readonly staleIfErrorSeconds?: number | undefined
}

export interface StaleWindows {
  /** Used at once, while one fill asks the origin in the background (RFC 5861 §3). */
  readonly whileRevalidateSeconds: number
  /** Used when the origin cannot be asked or answers with an error (RFC 5861 §4). */
  readonly ifErrorSeconds: number
}

const NONE: StaleWindows = Object.freeze({ whileRevalidateSeconds: 0, ifErrorSeconds: 0 })

/**
 * The windows of a response in a shared cache. What it says itself goes before what the route says, each window by
 * itself.
 *
 * `must-revalidate`, `proxy-revalidate` and `no-cache` forbid both: whoever wrote them meant just that. `s-maxage`
 * forbids them too, since it implies `proxy-revalidate` (RFC 9111 §5.2.2.10), but only where the response says nothing
 * else: an extension directive modifies the base directive it stands beside (§5.2.3), and
 * `s-maxage=60, stale-while-revalidate=30` means 30 seconds to everybody who writes it.
 *
 * @param cacheControl the directives the cache goes by: those of a targeted field where there is a valid one
 */
export function staleWindows(cacheControl: CacheControl, route: StaleOptions): StaleWindows {
  const { mustRevalidate, proxyRevalidate, noCache, sMaxage, staleWhileRevalidate, staleIfError } = cacheControl
  if (mustRevalidate || proxyRevalidate || noCache) return NONE
  const fallback = sMaxage === undefined ? route : {}
  return {
    whileRevalidateSeconds: staleWhileRevalidate ?? fallback.staleWhileRevalidateSeconds ?? 0,
    ifErrorSeconds: staleIfError ?? fallback.staleIfErrorSeconds ?? 0,
  }
}
