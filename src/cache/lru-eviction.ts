/**
 * LruEviction: what was used least recently goes first.
 *
 * Invariant: one queue, in the order of the last use; to be stored or exchanged is a use.
 */

import type { Eviction } from './eviction.ts'
import type { CacheKey } from './key.ts'
import { Place, Queue } from './places.ts'

export class LruEviction implements Eviction {
  readonly #queue = new Queue()

  inserted(key: CacheKey, bytes: number): Place {
    const place = new Place(key, bytes)
    this.#queue.add(place)
    return place
  }

  used(place: Place): void {
    this.#queue.renew(place)
  }

  renewed(place: Place, bytes: number): void {
    Queue.resize(place, bytes)
    this.#queue.renew(place)
  }

  removed(place: Place): void {
    this.#queue.remove(place)
  }

  victim(): Place | undefined {
    return this.#queue.takeOldest()
  }
}
