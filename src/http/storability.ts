/**
 * Whether a shared cache may store a response (RFC 9111 §3).
 *
 * Invariant: every condition of the section has to hold; the first that does not is the reason. Whether there is room,
 * and what a route's own rules override, is decided elsewhere.
 */
import type { CacheControl } from './cache-control.ts'
import { isHeuristicallyCacheable, isStorableStatus, isUnderstood } from './status.ts'

export interface StorabilityInput {
  /** Of the request. */
  readonly method: string
  /** Of the response. */
  readonly status: number
  /** The request has an Authorization field. */
  readonly hasAuthorization: boolean
  /** The directives the cache goes by: those of a targeted field where there is a valid one. */
  readonly cacheControl: CacheControl
  /** The response states its lifetime: by s-maxage, max-age, or an Expires that no targeted field hides. */
  readonly hasExplicitFreshness: boolean
}

/**
 * - `method`: only answers to GET and HEAD are stored; what was asked with another fits no later request
 * - `no-store`: the response forbids it
 * - `private`: it is for one user only; in the qualified form too (RFC 9111 §5.2.2.7)
 * - `authorization`: it was made for somebody, and does not say that it is for everybody (§3.5)
 * - `status`: the code forbids it, is not understood where it has to be, or allows it only with a stated lifetime;
 *   for whom the answer is, does not stand in the way
 */
export type UnstorableReason = 'method' | 'no-store' | 'private' | 'authorization' | 'status'

export function storability(input: StorabilityInput): 'storable' | UnstorableReason {
  const { method, status, hasAuthorization, cacheControl, hasExplicitFreshness } = input
  if (method !== 'GET' && method !== 'HEAD') return 'method'
  if (cacheControl.mustUnderstand) {
    // A no-store beside it is for caches that do not know the directive (§5.2.2.3).
    if (!isUnderstood(status)) return 'status'
  } else if (cacheControl.noStore) return 'no-store'

  if (cacheControl.private) return 'private'
  if (hasAuthorization && !allowsSharing(cacheControl)) return 'authorization'
  if (!isStorableStatus(status)) return 'status'
  const isStated = hasExplicitFreshness && statesMoreThanNoCache(cacheControl)
  return cacheControl.public || isStated || isHeuristicallyCacheable(status) ? 'storable' : 'status'
}

/** A no-cache makes the lifetime 0, but is not among what makes a response storable. In doubt it stands alone. */
function statesMoreThanNoCache({ noCache, maxAge, sMaxage }: CacheControl): boolean {
  return !noCache || maxAge !== undefined || sMaxage !== undefined
}

/** RFC 9111 §3.5 */
function allowsSharing({ mustRevalidate, public: isPublic, sMaxage }: CacheControl): boolean {
  return mustRevalidate || isPublic || sMaxage !== undefined
}
