/**
 * Server-Timing (W3C Server Timing): what a page's own measurements can see of the cache.
 *
 * `cache;desc=hit`, or what else became of the request, and for what came from the origin `origin;dur=123`: how many
 * milliseconds the request waited for it until there was a header.
 */

import type { CacheStatus } from '../http/cache-status.ts'

const FRESH = 'cache;desc=hit'
const STALE = 'cache;desc=stale'

/** @param waitedMs from the request's arrival to its answer's header */
export function serverTiming(status: CacheStatus, waitedMs: number): string {
  if (status.kind === 'hit') return status.ttlSeconds < 0 ? STALE : FRESH
  return `cache;desc=${wordFor(status)}, origin;dur=${Math.max(0, waitedMs)}`
}

function wordFor({ fwd, fwdStatus, collapsed, detail }: Extract<CacheStatus, { kind: 'forward' }>): string {
  if (detail === 'stale-if-error') return 'stale'
  if (collapsed) return 'collapsed'
  if (fwd === 'partial') return 'partial'
  return fwdStatus === 304 ? 'revalidated' : 'miss'
}
