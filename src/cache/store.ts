/**
 * Store: the byte-bounded memory of complete answers.
 *
 * Invariant, after every call: bytes of stored answers + bytes reserved for fills under way ≤ `maxBytes`.
 * Whoever wants to allocate asks `reserve` first; room is made by dropping the least recently used answers, and
 * where that is not enough the answer is no, never a larger cache.
 */

import { LRUCache } from 'lru-cache'
import type { CacheKey } from './key.ts'
import type { StoredResponse } from './stored-response.ts'

/** Bytes promised to one fill. Ends by being put into the Store with its answer, or by `release`. */
export interface Reservation {
  readonly bytes: number
  /** Gives the bytes back. Safe to call more than once, and after the reservation was used. */
  release(): void
}

export interface StoreUsage {
  readonly maxBytes: number
  readonly cachedBytes: number
  readonly inFlightBytes: number
  readonly entries: number
  /** Answers dropped to make room, since the start. */
  readonly evictions: number
}

interface Entry {
  readonly response: StoredResponse
  readonly costBytes: number
}

export class Store {
  readonly #maxBytes: number
  readonly #entries: LRUCache<CacheKey, Entry>
  #inFlightBytes = 0
  #evictions = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    this.#entries = new LRUCache<CacheKey, Entry>({ maxSize: maxBytes, sizeCalculation: (entry) => entry.costBytes })
  }

  /** The stored answer, fresh or stale, and a note that it was wanted just now. */
  get(key: CacheKey): StoredResponse | undefined {
    return this.#entries.get(key)?.response
  }

  /** Room for `bytes`, or `undefined` when fills under way leave too little even in an empty cache. */
  reserve(bytes: number): Reservation | undefined {
    if (bytes + this.#inFlightBytes > this.#maxBytes) return undefined
    this.#makeRoom(bytes)
    this.#inFlightBytes += bytes
    let isHeld = true
    return {
      bytes,
      release: () => {
        if (!isHeld) return
        isHeld = false
        this.#inFlightBytes -= bytes
      },
    }
  }

  /** Keeps a complete answer in the room that was reserved for it, in place of an older one under the same key. */
  put(key: CacheKey, response: StoredResponse, reservation: Reservation): void {
    this.#entries.delete(key)
    reservation.release()
    this.#entries.set(key, { response, costBytes: reservation.bytes })
  }

  /** Exchanges a stored answer for its revalidated self. False when `stored` is no longer what the key holds. */
  replace(key: CacheKey, stored: StoredResponse, response: StoredResponse): boolean {
    const entry = this.#entries.peek(key)
    if (entry?.response !== stored) return false
    this.#entries.set(key, { response, costBytes: entry.costBytes })
    return true
  }

  delete(key: CacheKey): boolean {
    return this.#entries.delete(key)
  }

  usage(): StoreUsage {
    return {
      maxBytes: this.#maxBytes,
      cachedBytes: this.#entries.calculatedSize,
      inFlightBytes: this.#inFlightBytes,
      entries: this.#entries.size,
      evictions: this.#evictions,
    }
  }

  #makeRoom(bytes: number): void {
    while (this.#entries.calculatedSize + this.#inFlightBytes + bytes > this.#maxBytes) {
      if (this.#entries.pop() === undefined) return
      this.#evictions += 1
    }
  }
}
