/**
 * AdaptiveEviction: what was wanted once goes soon, what is wanted again and again stays (after S3-FIFO, Yang et al.,
 * SOSP 2023, with a boundary that moves as in ARC, Megiddo and Modha, FAST 2003).
 *
 * | an entry is in | it got there                                          | when its turn to go has come                      |
 * |----------------|-------------------------------------------------------|---------------------------------------------------|
 * | `probation`    | as something new                                       | to `main` if it was used often enough, else it goes |
 * | `main`         | from probation; or as something that had gone lately    | back to its end, with a use less, if it has any      |
 * | `playlists`    | as a playlist                                          | used least recently: it goes                      |
 * | no queue       | as the fields of an object, some of whose slices are here | it has none: into probation after the last slice    |
 *
 * Probation gives when it is larger than its boundary, else main; playlists as soon as they are more than their share.
 * Keys that have gone are remembered. One that comes back to find that it went from probation says that probation is
 * too small, and moves the boundary up; one that went from main moves it down.
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
/** So often has to be used what goes from probation to main. */
const USES_FOR_MAIN = 2
/** Everybody who watches a live channel wants its newest segment at once, and nobody wants it later: that is one use. */
const BURST_MS = 10_000

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

  used(place: Place): void {
    if (place.queue === this.#playlists) this.#playlists.renew(place)
    else if (place.uses < MOST_USES) this.#count(place)
  }

  renewed(place: Place): void {
    if (place.queue === this.#playlists) this.#playlists.renew(place)
  }

  removed(place: Place): void {
    place.queue?.remove(place)
    this.#leaveFamily(place)
  }

  victim(): Place | undefined {
    for (;;) {
      const areOthers = !this.#probation.isEmpty || !this.#main.isEmpty
      if (!areOthers || this.#playlists.bytes > this.#maxBytes * PLAYLISTS) return this.#playlists.takeOldest()
      const isProbations = this.#probation.bytes > this.#boundaryBytes || this.#main.isEmpty
      const place = isProbations ? this.#fromProbation() : this.#fromMain()
      if (place === undefined) continue
      this.#leaveFamily(place)
      return place
    }
  }

  #count(place: Place): void {
    const isLate = this.#clock.now() - place.sinceMs >= BURST_MS
    if (place.uses > 0 && !isLate) return
    place.uses += 1
    if (isLate) place.wasUsedLate = true
  }

  #fromProbation(): Place | undefined {
    const place = this.#probation.takeOldest()
    if (place === undefined) return undefined
    if (!this.#hasPassed(place)) {
      this.#goneFromProbation.remember(place.print, place.bytes)
      return place
    }
    place.uses = 0
    this.#main.add(place)
    return undefined
  }

  /** Where probation has had to grow a lot, entries come back late: then one late use tells as much as two. */
  #hasPassed({ uses, wasUsedLate }: Place): boolean {
    return uses >= USES_FOR_MAIN || (wasUsedLate && this.#boundaryBytes > this.#maxBytes * GROWN_BOUNDARY)
  }

  #fromMain(): Place | undefined {
    const place = this.#main.takeOldest()
    if (place === undefined) return undefined
    if (place.uses === 0) {
      this.#goneFromMain.remember(place.print, place.bytes)
      return place
    }
    place.uses -= 1
    this.#main.add(place)
    return undefined
  }

  #queued(place: Place): Place {
    const queue = this.#isBack(place) ? this.#main : this.#probation
    queue.add(place)
    return place
  }

  /** Whether it had gone lately; then it moves the boundary, the more the rarer it is that its side is right. */
  #isBack({ print, bytes }: Place): boolean {
    const [ofProbation, ofMain] = [this.#goneFromProbation.bytes, this.#goneFromMain.bytes]
    if (this.#goneFromProbation.take(print)) this.#moveBoundary(bytes * Math.max(1, ofMain / ofProbation))
    else if (this.#goneFromMain.take(print)) this.#moveBoundary(-bytes * Math.max(1, ofProbation / ofMain))
    else return false
    return true
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
