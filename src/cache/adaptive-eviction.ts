/**
 * AdaptiveEviction: what was wanted once goes soon, what is wanted again and again stays (after S3-FIFO, Yang et al.,
 * SOSP 2023, with a boundary that moves as in ARC, Megiddo and Modha, FAST 2003).
 *
 * | an entry is in | it got there                                          | when its turn to go has come                        |
 * |----------------|-------------------------------------------------------|-----------------------------------------------------|
 * | `probation`    | as something new                                       | to `main` if it was used often enough; back to the  |
 * |                |                                                       | end if it is new and was used; else it goes          |
 * | `main`         | from probation; or as something that had gone lately    | back to the end, with a use less, if it has any       |
 * | `playlists`    | as a playlist                                          | used least recently: it goes                        |
 * | no queue       | as the fields of an object, some of whose slices are here | it has none: into probation after the last slice      |
 *
 * Probation gives when it is larger than its boundary, else main; playlists as soon as they are more than their share.
 * Keys that have gone are remembered. One that comes back to find that it went from probation says that probation is
 * too small, and moves the boundary up; one that went from main moves it down.
 *
 * Everybody who watches a live channel wants its newest segment at once, and nobody wants it later: what is new is used
 * once at most.
 *
 * Three things are not in the papers; the figures are bytes of hits beside LRU's, in the same traffic without and with.
 * - Where probation is turned over in less time than a rush takes, what was used in the rush stays for the rest of it,
 *   and what went from probation and comes back in the rush goes to probation again. Live and films, 3 seconds' traffic
 *   in memory: 0.93x, with the one alone 0.95x, with the other alone 0.98x, with both 1.05x. It costs films without
 *   live in as little memory some of the lead (4.3x, 1.8x), and changes next to nothing where memory is larger.
 * - Where probation had to grow beyond half of the memory, entries come back late, and one late use lets them pass to
 *   main: 0.95x and 0.97x where other objects are the popular ones after ten memories of requests. Where it is small,
 *   that would fill main with what popularity drifts away from (0.95x).
 * - A search that has found a hundred in a row of use takes the next one: the hit ratio is the same, and no request
 *   waits for a walk through all entries.
 *
 * What its bound of 80 % costs shows where nothing but live is in memory, and no more than 15 seconds of it: 0.94x.
 *
 * Invariant: the boundary stays between 5 and 80 % of the memory; the fields of an object stay for as long as one of
 * its slices does. Every step of the search for a victim takes a use away or ends it.
 */

import type { Clock } from '../clock.ts'
import type { Arrival, Eviction } from './eviction.ts'
import { fingerprint, Ghosts } from './ghosts.ts'
import type { CacheKey } from './key.ts'
import type { Family } from './places.ts'
import { Place, Queue } from './places.ts'

/** Shares of the memory. */
const FIRST_BOUNDARY = 0.3
const LEAST_BOUNDARY = 0.05
const MOST_BOUNDARY = 0.8
const GROWN_BOUNDARY = 0.5
const PLAYLISTS = 0.01

/** Two bits. */
const MOST_USES = 3
/** Where so many in a row have been of use, one of them goes all the same: nobody waits for a longer search. */
const MOST_STEPS = 100
/** How long something is new. */
const RUSH_MS = 10_000
/** So often has to be used what goes from probation to main. */
const USES_FOR_MAIN = 2

export class AdaptiveEviction implements Eviction {
  readonly #maxBytes: number
  readonly #clock: Clock
  readonly #probation = new Queue()
  readonly #main = new Queue()
  readonly #playlists = new Queue()
  readonly #goneFromProbation: Ghosts
  readonly #goneFromMain: Ghosts
  readonly #families = new Map<CacheKey, Family>()
  #boundaryBytes: number

  /** @param maxBytes the Store's */
  constructor(maxBytes: number, clock: Clock) {
    this.#maxBytes = maxBytes
    this.#clock = clock
    this.#goneFromProbation = new Ghosts(maxBytes)
    this.#goneFromMain = new Ghosts(maxBytes)
    this.#boundaryBytes = maxBytes * FIRST_BOUNDARY
  }

  /** Bytes from which on probation gives. */
  get boundaryBytes(): number {
    return this.#boundaryBytes
  }

  inserted(key: CacheKey, bytes: number, arrival: Arrival): Place {
    switch (arrival.kind) {
      case 'playlist': {
        const place = new Place(key, bytes)
        this.#playlists.add(place)
        return place
      }
      case 'answer':
        return this.#queued(new Place(key, bytes, this.#clock.now(), fingerprint(key)))
      case 'sliced': {
        const family = this.#family(key)
        const place = new Place(key, bytes, this.#clock.now(), fingerprint(key), family)
        family.object = place
        return family.slices === 0 ? this.#queued(place) : place
      }
      case 'slice': {
        const family = this.#family(arrival.object)
        family.slices += 1
        family.object?.queue?.remove(family.object)
        return this.#queued(new Place(key, bytes, this.#clock.now(), fingerprint(key), family))
      }
      default:
        return arrival satisfies never
    }
  }

  used(place: Place, nowMs?: number): void {
    if (place.queue === this.#playlists) this.#playlists.renew(place)
    else if (place.uses < MOST_USES) this.#count(place, nowMs ?? this.#clock.now())
  }

  renewed(place: Place, bytes: number): void {
    Queue.resize(place, bytes)
    if (place.queue === this.#playlists) this.#playlists.renew(place)
  }

  removed(place: Place): void {
    place.queue?.remove(place)
    this.#leaveFamily(place)
  }

  victim(): Place | undefined {
    for (let steps = 0; ; steps += 1) {
      const mayStay = steps < MOST_STEPS
      const areOthers = !this.#probation.isEmpty || !this.#main.isEmpty
      if (!areOthers || this.#playlists.bytes > this.#maxBytes * PLAYLISTS) return this.#playlists.takeOldest()
      const isProbations = this.#probation.bytes > this.#boundaryBytes || this.#main.isEmpty
      const place = isProbations ? this.#fromProbation(mayStay) : this.#fromMain(mayStay)
      if (place === undefined) continue
      this.#leaveFamily(place)
      return place
    }
  }

  #count(place: Place, nowMs: number): void {
    const isLate = !isNew(place.sinceMs, nowMs)
    if (place.uses > 0 && !isLate) return
    place.uses += 1
    if (isLate) place.wasUsedLate = true
  }

  #fromProbation(mayStay: boolean): Place | undefined {
    const place = this.#probation.takeOldest()
    if (place === undefined) return undefined
    const next = mayStay ? this.#nextFor(place) : undefined
    if (next === undefined) {
      this.#goneFromProbation.remember(place.print, place.bytes, place.sinceMs)
      return place
    }
    place.uses = 0
    next.add(place)
    return undefined
  }

  /** Nowhere: it goes. */
  #nextFor(place: Place): Queue | undefined {
    const { uses, wasUsedLate } = place
    const isGrown = this.#boundaryBytes > this.#maxBytes * GROWN_BOUNDARY
    if (uses >= USES_FOR_MAIN || (wasUsedLate && isGrown)) return this.#main
    return uses > 0 && isNew(place.sinceMs, this.#clock.now()) ? this.#probation : undefined
  }

  #fromMain(mayStay: boolean): Place | undefined {
    const place = this.#main.takeOldest()
    if (place === undefined) return undefined
    if (!mayStay || place.uses === 0) {
      this.#goneFromMain.remember(place.print, place.bytes, place.sinceMs)
      return place
    }
    place.uses -= 1
    this.#main.add(place)
    return undefined
  }

  #queued(place: Place): Place {
    this.#queueFor(place).add(place)
    return place
  }

  /** What had gone lately is back: that moves the boundary, the more the rarer it is that its side is right. */
  #queueFor(place: Place): Queue {
    const { print, bytes } = place
    const [ofProbation, ofMain] = [this.#goneFromProbation.bytes, this.#goneFromMain.bytes]
    const firstMs = this.#goneFromProbation.take(print)
    if (firstMs !== undefined) {
      this.#moveBoundary(bytes * Math.max(1, ofMain / ofProbation))
      const isRushOver = !isNew(firstMs, place.sinceMs)
      if (!isRushOver) place.sinceMs = firstMs
      return isRushOver ? this.#main : this.#probation
    }
    if (this.#goneFromMain.take(print) === undefined) return this.#probation
    this.#moveBoundary(-bytes * Math.max(1, ofProbation / ofMain))
    return this.#main
  }

  #moveBoundary(byBytes: number): void {
    const moved = this.#boundaryBytes + byBytes
    this.#boundaryBytes = Math.min(Math.max(moved, this.#maxBytes * LEAST_BOUNDARY), this.#maxBytes * MOST_BOUNDARY)
  }

  #family(object: CacheKey): Family {
    let family = this.#families.get(object)
    if (family === undefined) {
      family = { key: object, object: undefined, slices: 0 }
      this.#families.set(object, family)
    }
    return family
  }

  #leaveFamily(place: Place): void {
    const { family } = place
    if (family === undefined) return
    if (family.object === place) family.object = undefined
    else {
      family.slices -= 1
      if (family.slices === 0 && family.object !== undefined) this.#probation.add(family.object)
    }
    if (family.slices === 0 && family.object === undefined) this.#families.delete(family.key)
  }
}

/** A clock that was put back makes nothing new that was not. */
function isNew(sinceMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - sinceMs) < RUSH_MS
}
