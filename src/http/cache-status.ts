/**
 * The Cache-Status field (RFC 9211): what the cache did for one request, for whoever debugs it.
 *
 * Invariant: what is written is a valid structured field, given a cache name that is a token.
 */

/**
 * - `hit`: answered from the store, nobody else was asked
 * - `forward`: the origin was asked, or is being asked
 *   - `fwd`: why: `uri-miss` nothing is stored for it, `vary-miss` only for requests with other fields, `stale` what is
 *     stored is too old, `partial` some of the bytes are missing, `request` the request asked for it, `method` it
 *     demands it, `bypass` the cache was told not to take part, `miss` nothing usable for another reason
 *   - `fwdStatus`: the origin's status, where it has answered
 *   - `stored`: the answer went into the store
 *   - `collapsed`: the request joined one already under way
 *   - `ttlSeconds`: whole seconds the answer stays fresh, negative once it is stale
 *   - `detail`: a word of our own for what the others cannot say
 */
export type CacheStatus =
  | { readonly kind: 'hit'; readonly ttlSeconds: number }
  | {
      readonly kind: 'forward'
      readonly fwd: ForwardReason
      readonly fwdStatus?: number
      readonly stored: boolean
      readonly collapsed: boolean
      readonly ttlSeconds?: number
      readonly detail?: string
    }

/** RFC 9211 §2.2 */
export type ForwardReason = 'uri-miss' | 'vary-miss' | 'stale' | 'partial' | 'request' | 'method' | 'bypass' | 'miss'

/** RFC 9651 §3.3.4 */
const STRUCTURED_TOKEN = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/

/**
 * The field's value: `segment-shield; hit; ttl=30`, `segment-shield; fwd=uri-miss; fwd-status=200; stored; ttl=30`.
 *
 * @param cacheName a token (RFC 9651 §3.3.4), written as it is: a hit has no time to look at it again
 */
export function formatCacheStatus(cacheName: string, status: CacheStatus): string {
  switch (status.kind) {
    case 'hit':
      return `${cacheName}; hit; ttl=${status.ttlSeconds}`
    case 'forward': {
      let value = `${cacheName}; fwd=${status.fwd}`
      if (status.fwdStatus !== undefined) value += `; fwd-status=${status.fwdStatus}`
      if (status.stored) value += '; stored'
      if (status.collapsed) value += '; collapsed'
      if (status.ttlSeconds !== undefined) value += `; ttl=${status.ttlSeconds}`
      if (status.detail !== undefined) value += `; detail=${tokenOrString(status.detail)}`
      return value
    }
    default:
      return status satisfies never
  }
}

/** Detail is a token or a string (RFC 9211 §2.8); a string holds visible ASCII and spaces only. */
function tokenOrString(detail: string): string {
  if (STRUCTURED_TOKEN.test(detail)) return detail
  return `"${detail.replace(/[^ -~]/g, '?').replace(/["\\]/g, '\\$&')}"`
}
