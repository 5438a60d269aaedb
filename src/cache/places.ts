/**
 * Places: the order in which entries stand in line, linked through themselves.
 *
 * Invariant: a place is in one queue or in none, and a queue's `bytes` are those of the places in it.
 */

import type { CacheKey } from './key.ts'

/** What belongs together: an object's fields and its slices. */
export interface Family {
  /** The object's. */
  readonly key: CacheKey
  /** Its fields, while they are stored. */
  object: Place | undefined
  /** How many of its slices are stored. */
  slices: number
}

/** Where one entry of the Store stands. */
export class Place {
  readonly key: CacheKey
  bytes: number
  /** Epoch ms. */
  sinceMs: number
  /** Of the key; see {@link fingerprint}. */
  readonly print: number
  readonly family: Family | undefined
  queue: Queue | undefined
  older: Place | undefined
  newer: Place | undefined
  /** How often it was asked for, as far as that was counted. */
  uses = 0
  /** One of these uses was not in the rush for something new. */
  wasUsedLate = false

  constructor(key: CacheKey, bytes: number, sinceMs = 0, print = 0, family?: Family) {
    this.key = key
    this.bytes = bytes
    this.sinceMs = sinceMs
    this.print = print
    this.family = family
  }
}

export class Queue {
  #bytes = 0
  #oldest: Place | undefined
  #newest: Place | undefined

  get bytes(): number {
    return this.#bytes
  }

  get isEmpty(): boolean {
    return this.#oldest === undefined
  }

  /** Puts a place that is in no queue at the end. */
  add(place: Place): void {
    place.queue = this
    place.older = this.#newest
    if (this.#newest === undefined) this.#oldest = place
    else this.#newest.newer = place
    this.#newest = place
    this.#bytes += place.bytes
  }

  /** From now on this place counts for so much, in whatever queue it is. */
  static resize(place: Place, bytes: number): void {
    if (place.queue !== undefined) place.queue.#bytes += bytes - place.bytes
    place.bytes = bytes
  }

  /** Takes out a place that is in this queue. */
  remove(place: Place): void {
    if (place.older === undefined) this.#oldest = place.newer
    else place.older.newer = place.newer
    if (place.newer === undefined) this.#newest = place.older
    else place.newer.older = place.older
    place.older = undefined
    place.newer = undefined
    place.queue = undefined
    this.#bytes -= place.bytes
  }

  /** Puts one of its places at the end. */
  renew(place: Place): void {
    if (place === this.#newest) return
    this.remove(place)
    this.add(place)
  }

  takeOldest(): Place | undefined {
    const place = this.#oldest
    if (place !== undefined) this.remove(place)
    return place
  }
}
