/**
 * Store: the byte-bounded memory of complete answers and of the slices of large ones.
 *
 * Invariant, after every call: bytes of what is stored + bytes reserved for what is under way ≤ `maxBytes`.
 * Whoever wants to allocate asks `reserve` first; room is made by dropping what the eviction policy gives up, and where
 * that is not enough the answer is no, never a larger cache. Bytes that left the cache while somebody still sends them
 * are no longer in that sum, but they are counted, as held.
 */

import { LRUCache } from 'lru-cache'
import { BufferedBody } from './buffered-body.ts'
import type { Arrival, Eviction } from './eviction.ts'
import type { CacheKey } from './key.ts'
import { LruEviction } from './lru-eviction.ts'
import type { Place } from './places.ts'
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
  readonly arrival: Arrival
  readonly place: Place
}

/** One for all: a hit makes no object. */
const PEEK = {}
const ANSWER: Arrival = { kind: 'answer' }
const PLAYLIST: Arrival = { kind: 'playlist' }
const SLICED: Arrival = { kind: 'sliced' }

export class Store {
  readonly maxBytes: number
  /** Its own order is not used: it is a map that knows its bytes. */
  readonly #entries: LRUCache<CacheKey, Entry>
  readonly #eviction: Eviction
  #inFlightBytes = 0
  #heldBytes = 0
  #evictions = 0

  /** @param eviction this Store's alone */
  constructor(maxBytes: number, eviction: Eviction = new LruEviction()) {
    this.maxBytes = maxBytes
    this.#eviction = eviction
    this.#entries = new LRUCache<CacheKey, Entry>({ maxSize: maxBytes, sizeCalculation: (entry) => entry.costBytes })
  }

  /**
   * The stored answer, fresh or stale, and a note that it was wanted just now.
   *
   * @param nowMs the time, from whom knows it: then nobody looks at the clock for it
   */
  get(key: CacheKey, nowMs?: number): StoredResponse | undefined {
    const kept = this.#use(key, nowMs)
    return kept?.kind === 'response' ? kept.response : undefined
  }

  /** The stored answer, without that note. */
  peek(key: CacheKey): StoredResponse | undefined {
    const kept = this.#entries.peek(key)?.kept
    return kept?.kind === 'response' ? kept.response : undefined
  }

  /** A complete slice, and a note that it was wanted just now. */
  getSlice(key: CacheKey): BufferedBody | undefined {
    const kept = this.#use(key)
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

  /**
   * Keeps a complete answer in the room that was reserved for it, in place of an older one under the same key.
   *
   * @param isPlaylist players ask for it again and again: segments do not drive it out, nor it them
   */
  put(key: CacheKey, response: StoredResponse, reservation: Reservation, isPlaylist = false): void {
    const whole = isPlaylist ? PLAYLIST : ANSWER
    const arrival = response.body.kind === 'sliced' ? SLICED : whole
    const older = this.#entries.peek(key)
    // What is popular stays so in its next version.
    const place = older?.arrival === arrival ? older.place : undefined
    if (older !== undefined) {
      this.#entries.delete(key)
      if (place === undefined) this.#eviction.removed(older.place)
      const isSameBody = older.kept.kind === 'response' && older.kept.response.body === response.body
      if (!isSameBody) this.#discard(older)
    }
    this.#keep(key, { kind: 'response', response }, reservation, arrival, place)
  }

  /** Keeps a complete slice of the object that is stored under `object`, in the room that was reserved for it. */
  putSlice(key: CacheKey, body: BufferedBody, reservation: Reservation, object: CacheKey): void {
    this.delete(key)
    this.#keep(key, { kind: 'slice', body }, reservation, { kind: 'slice', object })
  }

  /** Exchanges a stored answer for its revalidated self. False when `stored` is no longer what the key holds. */
  replace(key: CacheKey, stored: StoredResponse, response: StoredResponse): boolean {
    const entry = this.#entries.peek(key)
    if (entry === undefined || this.peek(key) !== stored) return false
    this.#entries.set(key, { ...entry, kept: { kind: 'response', response } })
    this.#eviction.renewed(entry.place, entry.costBytes)
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
    const costBytes = entry.costBytes + reservation.bytes
    this.#entries.set(key, { ...entry, costBytes })
    this.#eviction.renewed(entry.place, costBytes)
    return true
  }

  delete(key: CacheKey): boolean {
    const entry = this.#entries.peek(key)
    if (entry === undefined) return false
    this.#entries.delete(key)
    this.#eviction.removed(entry.place)
    this.#discard(entry)
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

  #use(key: CacheKey, nowMs?: number): Kept | undefined {
    const entry = this.#entries.peek(key, PEEK)
    if (entry === undefined) return undefined
    this.#eviction.used(entry.place, nowMs)
    return entry.kept
  }

  /** @param place where it stands already */
  #keep(key: CacheKey, kept: Kept, reservation: Reservation, arrival: Arrival, place?: Place): void {
    reservation.release()
    const costBytes = reservation.bytes
    if (place !== undefined) this.#eviction.renewed(place, costBytes)
    const entry = { kept, costBytes, arrival, place: place ?? this.#eviction.inserted(key, costBytes, arrival) }
    this.#entries.set(key, entry)
  }

  #take(bytes: number, need: Need): boolean {
    if (!this.hasRoom(bytes, need)) return false
    this.#makeRoom(bytes)
    this.#inFlightBytes += bytes
    return true
  }

  #makeRoom(bytes: number): void {
    while (this.#entries.calculatedSize + this.#inFlightBytes + bytes > this.maxBytes) {
      const dropped = this.#dropVictim()
      if (dropped === undefined) return
      this.#letGo(dropped)
      this.#evictions += 1
    }
  }

  #dropVictim(): Entry | undefined {
    const victim = this.#eviction.victim()
    const entry = victim && this.#entries.peek(victim.key)
    if (entry !== undefined) this.#entries.delete(entry.place.key)
    return entry
  }

  /** It left because it no longer holds. */
  #discard(entry: Entry): void {
    this.#letGo(entry)
    if (entry.kept.kind === 'response') entry.kept.response.body.retire()
  }

  #letGo({ kept, costBytes }: Entry): void {
    const body = kept.kind === 'slice' ? kept.body : kept.response.body
    if (body instanceof BufferedBody) this.countHeld(body, costBytes)
  }
}
