/**
 * Store: the byte-bounded memory of complete answers and of the slices of large ones.
 *
 * Invariant, after every call: bytes of what is stored + bytes reserved for what is under way ≤ `maxBytes`.
 * Whoever wants to allocate asks `reserve` first; room is made by dropping what was used least recently, and where
 * that is not enough the answer is no, never a larger cache. Bytes that left the cache while somebody still sends them
 * are no longer in that sum, but they are counted, as held.
 */

import { LRUCache } from 'lru-cache'
import { BufferedBody } from './buffered-body.ts'
import type { CacheKey } from './key.ts'
import type { StoredResponse } from './stored-response.ts'

/** Bytes promised to one fill. Ends by being put into the Store with its answer, or by `release`. */
export interface Reservation {
  /** What it comes to now; after its end, what it came to then. */
  readonly bytes: number
  /** Adds to it, as `Store.reserve` would; false, and nothing has changed, when there is no room or it has ended. */
  grow(bytes: number): boolean
  /** Gives back all but this many bytes. It never makes a reservation larger. */
  shrinkTo(bytes: number): void
  /** Gives the bytes back. Safe to call more than once, and after the reservation was used. */
  release(): void
}

/** Whether somebody waits for the bytes, or only may want them soon: that gets no more than half of the memory. */
export type Need = 'now' | 'soon'

export interface StoreUsage {
  readonly maxBytes: number
  readonly cachedBytes: number
  readonly inFlightBytes: number
  /** Bytes that are neither, and are in memory because somebody reads them or their connection has not taken them. */
  readonly heldBytes: number
  /** Answers and slices. */
  readonly entries: number
  /** Answers and slices dropped to make room, since the start. */
  readonly evictions: number
}

type Kept =
  | { readonly kind: 'response'; readonly response: StoredResponse }
  | { readonly kind: 'slice'; readonly body: BufferedBody }

interface Entry {
  readonly kept: Kept
  readonly costBytes: number
}

export class Store {
  readonly maxBytes: number
  readonly #entries: LRUCache<CacheKey, Entry>
  #inFlightBytes = 0
  #heldBytes = 0
  #evictions = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
    this.#entries = new LRUCache<CacheKey, Entry>({ maxSize: maxBytes, sizeCalculation: (entry) => entry.costBytes })
  }

  /** The stored answer, fresh or stale, and a note that it was wanted just now. */
  get(key: CacheKey): StoredResponse | undefined {
    const kept = this.#entries.get(key)?.kept
    return kept?.kind === 'response' ? kept.response : undefined
  }

  /** The stored answer, without that note. */
  peek(key: CacheKey): StoredResponse | undefined {
    const kept = this.#entries.peek(key)?.kept
    return kept?.kind === 'response' ? kept.response : undefined
  }

  /** A complete slice, and a note that it was wanted just now. */
  getSlice(key: CacheKey): BufferedBody | undefined {
    const kept = this.#entries.get(key)?.kept
    return kept?.kind === 'slice' ? kept.body : undefined
  }

  /** The keys of all answers and slices, as they are now. */
  keys(): readonly CacheKey[] {
    return [...this.#entries.keys()]
  }

  has(key: CacheKey): boolean {
    return this.#entries.has(key)
  }

  /** Whether {@link reserve} would say yes now. */
  hasRoom(bytes: number, need: Need = 'now'): boolean {
    const mostBytes = need === 'now' ? this.maxBytes : this.maxBytes / 2
    return bytes + this.#inFlightBytes <= mostBytes
  }

  /** Room for `bytes`, or `undefined` when fills under way leave too little even in an empty cache. */
  reserve(bytes: number, need: Need = 'now'): Reservation | undefined {
    if (!this.#take(bytes, need)) return undefined
    let reservedBytes = bytes
    let isOpen = true
    return {
      get bytes() {
        return reservedBytes
      },
      grow: (more) => {
        if (!isOpen || !this.#take(more, need)) return false
        reservedBytes += more
        return true
      },
      shrinkTo: (rest) => {
        if (!isOpen || rest >= reservedBytes) return
        this.#inFlightBytes -= reservedBytes - rest
        reservedBytes = rest
      },
      release: () => {
        if (!isOpen) return
        isOpen = false
        this.#inFlightBytes -= reservedBytes
      },
    }
  }

  /** Keeps a complete answer in the room that was reserved for it, in place of an older one under the same key. */
  put(key: CacheKey, response: StoredResponse, reservation: Reservation): void {
    const older = this.peek(key)
    if (older?.body === response.body) this.#entries.delete(key)
    else this.delete(key)
    this.#keep(key, { kind: 'response', response }, reservation)
  }

  putSlice(key: CacheKey, body: BufferedBody, reservation: Reservation): void {
    this.delete(key)
    this.#keep(key, { kind: 'slice', body }, reservation)
  }

  /** Exchanges a stored answer for its revalidated self. False when `stored` is no longer what the key holds. */
  replace(key: CacheKey, stored: StoredResponse, response: StoredResponse): boolean {
    const entry = this.#entries.peek(key)
    if (entry === undefined || this.peek(key) !== stored) return false
    this.#entries.set(key, { kept: { kind: 'response', response }, costBytes: entry.costBytes })
    return true
  }

  /**
   * Adds what was reserved to what a stored answer weighs. False when `stored` is no longer what the key holds: the
   * reservation is the caller's to release then.
   */
  enlarge(key: CacheKey, stored: StoredResponse, reservation: Reservation): boolean {
    const entry = this.#entries.peek(key)
    if (entry === undefined || this.peek(key) !== stored) return false
    reservation.release()
    this.#entries.set(key, { ...entry, costBytes: entry.costBytes + reservation.bytes })
    return true
  }

  delete(key: CacheKey): boolean {
    const entry = this.#entries.peek(key)
    if (entry === undefined) return false
    this.#entries.delete(key)
    this.#letGo(entry)
    if (entry.kept.kind === 'response') entry.kept.response.body.retire()
    return true
  }

  /** Counts bytes that were never stored as held, for as long as somebody reads or sends them. */
  countHeld(body: BufferedBody, bytes: number): void {
    if (!body.isHeld) return
    this.#heldBytes += bytes
    body.whenFree(() => {
      this.#heldBytes -= bytes
    })
  }

  /** Bytes that are neither stored nor reserved, as their number changes; whoever counts them has to count them down. */
  changeHeld(byBytes: number): void {
    this.#heldBytes += byBytes
  }

  usage(): StoreUsage {
    return {
      maxBytes: this.maxBytes,
      cachedBytes: this.#entries.calculatedSize,
      inFlightBytes: this.#inFlightBytes,
      heldBytes: this.#heldBytes,
      entries: this.#entries.size,
      evictions: this.#evictions,
    }
  }

  #keep(key: CacheKey, kept: Kept, reservation: Reservation): void {
    reservation.release()
    this.#entries.set(key, { kept, costBytes: reservation.bytes })
  }

  #take(bytes: number, need: Need): boolean {
    if (!this.hasRoom(bytes, need)) return false
    this.#makeRoom(bytes)
    this.#inFlightBytes += bytes
    return true
  }

  #makeRoom(bytes: number): void {
    while (this.#entries.calculatedSize + this.#inFlightBytes + bytes > this.maxBytes) {
      const dropped = this.#entries.pop()
      if (dropped === undefined) return
      this.#letGo(dropped)
      this.#evictions += 1
    }
  }

  #letGo({ kept, costBytes }: Entry): void {
    const body = kept.kind === 'slice' ? kept.body : kept.response.body
    if (body instanceof BufferedBody) this.countHeld(body, costBytes)
  }
}
