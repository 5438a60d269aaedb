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
import type { TrafficTotals } from './traffic-totals.ts'

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
  readonly traffic: { totals(): TrafficTotals }
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
  #before: Reading
  #beforeMs: number

  /** Begins at once, and goes on until it is closed. */
  constructor(sources: SampleSources, clock: Clock) {
    this.#sources = sources
    this.#clock = clock
    this.#before = this.#read()
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
    const now = this.#read()
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

  #read(): Reading {
    return { traffic: this.#sources.traffic.totals(), fetchedBytes: this.#sources.fetchedBytes() }
  }

  /** What is too old, and what a clock that was set back has put into the future. */
  #forget(nowMs: number): void {
    const samples = this.#samples
    while ((samples.at(-1)?.atMs ?? Number.NEGATIVE_INFINITY) >= nowMs) samples.pop()
    while ((samples[0]?.atMs ?? nowMs) <= nowMs - KEPT_MS) samples.shift()
  }
}

interface Reading {
  readonly traffic: TrafficTotals
  readonly fetchedBytes: number
}

function growth(now: Reading, before: Reading): Omit<Sample, keyof Levels | 'atMs' | 'seconds'> {
  const [traffic, earlier] = [now.traffic, before.traffic]
  const ttfbHit = timesIn(traffic.ttfbHit, earlier.ttfbHit)
  const ttfbMiss = timesIn(traffic.ttfbMiss, earlier.ttfbMiss)
  return {
    requests: traffic.requests - earlier.requests,
    hits: traffic.hits - earlier.hits,
    bytes: traffic.bytes - earlier.bytes,
    hitBytes: traffic.hitBytes - earlier.hitBytes,
    fetchedBytes: now.fetchedBytes - before.fetchedBytes,
    clientErrors: traffic.clientErrors - earlier.clientErrors,
    serverErrors: traffic.serverErrors - earlier.serverErrors,
    ...(ttfbHit && { ttfbHit }),
    ...(ttfbMiss && { ttfbMiss }),
  }
}

function timesIn(now: readonly number[], before: readonly number[]): SampleTimes | undefined {
  const counts = now.map((count, index) => count - (before[index] ?? 0))
  const count = counts.reduce((sum, one) => sum + one, 0)
  if (count === 0) return undefined
  return { count, p50Ms: quantileMs(counts, 0.5), p95Ms: quantileMs(counts, 0.95), p99Ms: quantileMs(counts, 0.99) }
}
