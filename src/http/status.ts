/**
 * What a cache knows of status codes (RFC 9110 §15).
 *
 * Invariant: a code that is in no list here is one we know nothing of, and nothing is presumed about it.
 */

/** RFC 9110 §15.1, and 451 (RFC 7725 §3). */
const HEURISTICALLY_CACHEABLE: ReadonlySet<number> = new Set([
  200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 451, 501,
])

/** A response with one of these must not be stored, whatever it says of itself (RFC 6585 §3 to §6). */
const NEVER_STORED: ReadonlySet<number> = new Set([428, 429, 431, 511])

/** Those of RFC 9110 §15, RFC 6585, RFC 7725 and RFC 8470; of the reserved ones none. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  ...[200, 201, 202, 203, 204, 205, 206],
  ...[300, 301, 302, 303, 304, 305, 307, 308],
  ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417],
  ...[421, 422, 425, 426, 428, 429, 431, 451],
  ...[500, 501, 502, 503, 504, 505, 511],
])

/** Whether a response without explicit freshness may be given a lifetime by the cache (RFC 9111 §4.2.2). */
export function isHeuristicallyCacheable(status: number): boolean {
  return HEURISTICALLY_CACHEABLE.has(status)
}

/** Whether we know what the code means, and what it asks of a cache: for must-understand (RFC 9111 §5.2.2.3). */
export function isUnderstood(status: number): boolean {
  return UNDERSTOOD.has(status)
}

/** Whether the code allows a response to be kept by itself: a final one, and no 304, which only updates another. */
export function isStorableStatus(status: number): boolean {
  return status >= 200 && status !== 304 && !NEVER_STORED.has(status)
}

/** Whether the origin could not do what it was asked to: an answer that says nothing about what is asked for. */
export function isFailure(status: number): boolean {
  return status >= 500 || status === 429
}
