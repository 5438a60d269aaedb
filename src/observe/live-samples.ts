/**
 * LiveSamples: what happened in each second of the last quarter of an hour, for whoever looks now and however many do.
 *
 * Once a second the counters that are kept anyway are read, and what they have grown by is a sample. Where that comes
 * late, because the machine slept or was busy, one sample is of all the time since, and says how long that was.
 *
 * Invariant: what was counted is in one sample and no other; nothing in it is negative; the times of samples rise.
 */

import type { Clock, Timer } from '../clock.ts'
import { quantileMs } from './histogram.ts'
import type { TrafficCount, TrafficTimes } from './traffic.ts'

/** How things are at one moment. */
export interface Levels {
  readonly connections: number
  readonly fills: number
  readonly runs: number
  readonly cachedBytes: number
  readonly inFlightBytes: number
  readonly heldBytes: number
  /** Of all origins, as the next one. */
  readonly inUse: number
  readonly queued: number
}

/** Times to the first byte. */
export interface SampleTimes {
  readonly count: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

/** A stretch of time, and the levels at its end. */
export interface Sample extends Levels {
  /** Its end, in epoch ms. */
  readonly atMs: number
  /** Its length; above 0. */
  readonly seconds: number
  readonly requests: number
  readonly hits: number
  readonly bytes: number
  readonly hitBytes: number
  readonly fetchedBytes: number
  readonly clientErrors: number
  readonly serverErrors: number
  /** Absent where there was none, as the next one. */
  readonly ttfbHit?: SampleTimes
  readonly ttfbMiss?: SampleTimes
}

export interface SampleSources {
  readonly traffic: { counts(): readonly TrafficCount[]; times(): readonly TrafficTimes[] }
  /** Since the start, from every origin that there has been. */
  readonly fetchedBytes: () => number
  readonly levels: () => Levels
}

const INTERVAL_MS = 1000
const KEPT_MS = 15 * 60_000

export class LiveSamples {
  readonly #sources: SampleSources
  readonly #clock: Clock
  readonly #timer: Timer
  readonly #samples: Sample[] = []
  readonly #waiting = new Set<(isThere: boolean) => void>()
  #isClosed = false
  #before: Totals
  #beforeMs: number

  /** Begins at once, and goes on until it is closed. */
  constructor(sources: SampleSources, clock: Clock) {
    this.#sources = sources
    this.#clock = clock
    this.#before = totalsOf(sources)
    this.#beforeMs = clock.now()
    this.#timer = clock.after(INTERVAL_MS, () => {
      this.#take()
      this.#timer.refresh()
    })
  }

  /** The newest one. */
  get latest(): Sample | undefined {
    return this.#samples.at(-1)
  }

  /** Those who wait for the next one. */
  get waiting(): number {
    return this.#waiting.size
  }

  /** Those of the last quarter of an hour, the oldest first. */
  history(): readonly Sample[] {
    return [...this.#samples]
  }

  /** Resolves once there is another one; with false when there will be none, or the signal fires first. */
  next(signal: AbortSignal): Promise<boolean> {
    if (this.#isClosed || signal.aborted) return Promise.resolve(false)
    return new Promise((resolve) => {
      const settle = (isThere: boolean) => {
        this.#waiting.delete(settle)
        signal.removeEventListener('abort', leave)
        resolve(isThere)
      }
      const leave = () => settle(false)
      this.#waiting.add(settle)
      signal.addEventListener('abort', leave)
    })
  }

  /** There will be no more. */
  close(): void {
    this.#isClosed = true
    this.#timer.cancel()
    for (const settle of [...this.#waiting]) settle(false)
  }

  #take(): void {
    const nowMs = this.#clock.now()
    const now = totalsOf(this.#sources)
    const passedMs = nowMs - this.#beforeMs
    const sample: Sample = {
      atMs: nowMs,
      // Of a clock that was set back only the timer knows better.
      seconds: (passedMs > 0 ? passedMs : INTERVAL_MS) / 1000,
      ...growth(now, this.#before),
      ...this.#sources.levels(),
    }
    this.#before = now
    this.#beforeMs = nowMs
    this.#forget(nowMs)
    this.#samples.push(sample)
    for (const settle of [...this.#waiting]) settle(true)
  }

  /** What is too old, and what a clock that was set back has put into the future. */
  #forget(nowMs: number): void {
    const samples = this.#samples
    while ((samples.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) >= nowMs) samples.pop()
    while ((samples[0]?.atMs ?? nowMs) <= nowMs - KEPT_MS) samples.shift()
  }
}

/** Sums over all routes and origins since the start: they only ever grow. */
interface Totals {
  requests: number
  hits: number
  bytes: number
  hitBytes: number
  readonly fetchedBytes: number
  clientErrors: number
  serverErrors: number
  readonly ttfbHit: Buckets
  readonly ttfbMiss: Buckets
}

interface Buckets {
  boundsMs: readonly number[]
  readonly counts: number[]
}

function totalsOf({ traffic, fetchedBytes }: SampleSources): Totals {
  const totals: Totals = {
    requests: 0,
    hits: 0,
    bytes: 0,
    hitBytes: 0,
    fetchedBytes: fetchedBytes(),
    clientErrors: 0,
    serverErrors: 0,
    ttfbHit: { boundsMs: [], counts: [] },
    ttfbMiss: { boundsMs: [], counts: [] },
  }
  for (const count of traffic.counts()) addCount(totals, count)
  for (const { served, ttfbMs } of traffic.times()) {
    // What is passed through may be a conversation of hours.
    if (served === 'bypass') continue
    const buckets = served === 'hit' ? totals.ttfbHit : totals.ttfbMiss
    buckets.boundsMs = ttfbMs.boundsMs
    for (const [index, count] of ttfbMs.counts.entries()) buckets.counts[index] = (buckets.counts[index] ?? 0) + count
  }
  return totals
}

function addCount(totals: Totals, { status, result, requests, bytes, cut }: TrafficCount): void {
  totals.requests += requests
  totals.bytes += bytes
  if (result === 'hit') {
    totals.hits += requests
    totals.hitBytes += bytes
  }
  if (status >= 500) totals.serverErrors += requests
  else totals.serverErrors += cut
  if (status >= 400 && status < 500) totals.clientErrors += requests
}

function growth(now: Totals, before: Totals): Omit<Sample, keyof Levels | 'atMs' | 'seconds'> {
  const ttfbHit = timesIn(now.ttfbHit, before.ttfbHit)
  const ttfbMiss = timesIn(now.ttfbMiss, before.ttfbMiss)
  return {
    requests: now.requests - before.requests,
    hits: now.hits - before.hits,
    bytes: now.bytes - before.bytes,
    hitBytes: now.hitBytes - before.hitBytes,
    fetchedBytes: now.fetchedBytes - before.fetchedBytes,
    clientErrors: now.clientErrors - before.clientErrors,
    serverErrors: now.serverErrors - before.serverErrors,
    ...(ttfbHit && { ttfbHit }),
    ...(ttfbMiss && { ttfbMiss }),
  }
}

function timesIn(now: Buckets, before: Buckets): SampleTimes | undefined {
  const counts = now.counts.map((count, index) => count - (before.counts[index] ?? 0))
  const count = counts.reduce((sum, one) => sum + one, 0)
  if (count === 0) return undefined
  const quantile = (share: number) => quantileMs({ boundsMs: now.boundsMs, counts }, share)
  return { count, p50Ms: quantile(0.5), p95Ms: quantile(0.95), p99Ms: quantile(0.99) }
}
