/**
 * Eviction: which entry leaves the Store when room is needed.
 *
 * The Store says what comes, what is used and what goes, and asks for a victim when it needs room. It keeps the Place
 * that it was given for an entry, so that a hit costs no second look-up and allocates nothing.
 *
 * Invariant: the entries that have a place here are exactly those of one Store. An Eviction belongs to that Store, is
 * told of everything in the order in which it happens, and does each thing in a time that does not grow with the
 * number of entries (the search for a victim: on average).
 */

import type { CacheKey } from './key.ts'
import type { Place } from './places.ts'

/**
 * - `answer`: a whole one
 * - `playlist`: the same, of the few that players ask for all the time
 * - `sliced`: the fields of an object whose bytes are slices
 * - `slice`: a piece of the object that is stored under that key
 */
export type Arrival =
  | { readonly kind: 'answer' }
  | { readonly kind: 'playlist' }
  | { readonly kind: 'sliced' }
  | { readonly kind: 'slice'; readonly object: CacheKey }

export interface Eviction {
  /** An entry that the Store did not have. `bytes` is what it costs there. */
  inserted(key: CacheKey, bytes: number, arrival: Arrival): Place
  /**
   * Somebody asked for it.
   *
   * @param nowMs the time, from whom it costs nothing to say
   */
  used(place: Place, nowMs?: number): void
  /**
   * Its answer was exchanged for another one of the same kind, which costs `bytes`. That somebody asked for it was told
   * before.
   */
  renewed(place: Place, bytes: number): void
  /** It left for another reason than want of room. */
  removed(place: Place): void
  /** The entry that has to go now: it has left the books when it comes back. Undefined where there is none. */
  victim(): Place | undefined
}
