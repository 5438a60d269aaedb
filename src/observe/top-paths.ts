/**
 * TopPaths: which paths are asked for most, counted while somebody wants to know and for some minutes after.
 *
 * As many paths are counted as there is room for. When one more comes, every path loses as much as the middle one has,
 * and those that have nothing left go: so the frequent ones stay, however many others pass by. It is the algorithm of
 * Misra and Gries ("Finding repeated elements", 1982) with the decrement of Anderson et al. ("A High-Performance
 * Algorithm for Identifying Frequent Items in Data Streams", 2017), which takes constant time a request on the average:
 * whatever has more than 2 in `CAPACITY` of the requests is found.
 *
 * What was counted a minute ago counts half, so that yesterday's film makes room for today's.
 *
 * Invariant: paths, their length and with them the bytes are bounded; nothing of a query or a token is held, not even
 * by way of the string that a path was cut out of.
 */

import type { Clock, Timer } from '../clock.ts'
import type { AccessRecord } from './access-record.ts'
import { shortened } from './shortened.ts'

/** Numbers are weighed by age; those of a path that came late miss what was before. */
export interface TopPath {
  readonly path: string
  readonly requests: number
  readonly hits: number
  readonly bytes: number
}

export const CAPACITY = 1024
/** Longer ones that begin alike count as one. */
const MAX_LENGTH = 512
const SHOWN = 20
const AGEING_MS = 1000
const HALF_LIFE_MS = 60_000
/** For one who comes back, as a page does that is loaded again. */
const KEPT_MS = 5 * 60_000

interface Counted {
  /** What is left after the losses; decides who stays. */
  weight: number
  requests: number
  hits: number
  bytes: number
}

export class TopPaths {
  readonly #clock: Clock
  readonly #counted = new Map<string, Counted>()
  /** Runs while counting. */
  #timer: Timer | undefined
  #isCounting = false
  #agedMs = 0
  #listeners = 0
  #leftMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether it wants to be told of requests: what they cost while nobody listens. */
  get isCounting(): boolean {
    return this.#isCounting
  }

  /** How many paths are known. */
  get size(): number {
    return this.#counted.size
  }

  /** Somebody wants to know, until what is returned is called, once. */
  listen(): () => void {
    this.#listeners += 1
    if (!this.#isCounting) this.#begin()
    return () => {
      this.#listeners -= 1
      this.#leftMs = this.#clock.now()
    }
  }

  record({ path, result, bytes }: AccessRecord): void {
    if (path === undefined) return
    const counted = path.length > MAX_LENGTH ? this.#countFor(shortened(path, MAX_LENGTH)) : this.#countFor(path)
    counted.weight += 1
    counted.requests += 1
    counted.bytes += bytes
    if (result === 'hit') counted.hits += 1
  }

  /** The most asked for first. */
  top(): TopPath[] {
    const byRequests = [...this.#counted].toSorted(([, a], [, b]) => b.requests - a.requests)
    return byRequests.slice(0, SHOWN).map(([path, { requests, hits, bytes }]) => ({
      path,
      requests: Math.round(requests),
      hits: Math.round(hits),
      bytes: Math.round(bytes),
    }))
  }

  /** Counts no more, and forgets. */
  close(): void {
    this.#isCounting = false
    this.#timer?.cancel()
    this.#timer = undefined
    this.#counted.clear()
  }

  #begin(): void {
    this.#isCounting = true
    this.#agedMs = this.#clock.now()
    this.#timer = this.#clock.after(AGEING_MS, () => {
      this.#age()
      if (this.#listeners === 0 && this.#agedMs - this.#leftMs >= KEPT_MS) this.close()
      else this.#timer?.refresh()
    })
  }

  #age(): void {
    const nowMs = this.#clock.now()
    // A clock that was set back makes nothing younger.
    const share = 0.5 ** (Math.max(0, nowMs - this.#agedMs) / HALF_LIFE_MS)
    this.#agedMs = nowMs
    for (const [path, counted] of this.#counted) {
      counted.weight *= share
      counted.requests *= share
      counted.hits *= share
      counted.bytes *= share
      if (counted.requests < 0.5) this.#counted.delete(path)
    }
  }

  #countFor(path: string): Counted {
    const known = this.#counted.get(path)
    if (known !== undefined) return known
    if (this.#counted.size >= CAPACITY) this.#makeRoom()
    const counted = { weight: 0, requests: 0, hits: 0, bytes: 0 }
    this.#counted.set(shortened(path, MAX_LENGTH), counted)
    return counted
  }

  /** At least half of them go. */
  #makeRoom(): void {
    const weights = Float64Array.from(this.#counted.values(), ({ weight }) => weight).sort()
    const middle = weights[weights.length >> 1] ?? 0
    for (const [path, counted] of this.#counted) {
      counted.weight -= middle
      if (counted.weight <= 0) this.#counted.delete(path)
    }
  }
}
