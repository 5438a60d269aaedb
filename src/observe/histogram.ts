/** Histogram: how many durations fell below each of a few bounds, in plain numbers made before the first one comes. */

/**
 * Upper bounds in milliseconds, each included; what is longer than the last one is counted behind it. Times are of whole
 * milliseconds, so there is no finer bound.
 */
export const BOUNDS_MS: readonly number[] = [
  1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000,
]

export interface HistogramReading {
  readonly boundsMs: readonly number[]
  /** How many were above the bound before and not above this one: one number more than there are bounds. */
  readonly counts: readonly number[]
  /** Of all of them, in milliseconds. */
  readonly sumMs: number
}

export class Histogram {
  readonly #counts = new Float64Array(BOUNDS_MS.length + 1)
  #sumMs = 0

  /** A clock that was set back makes a time of less than nothing: it counts as none. */
  observe(ms: number): void {
    let index = 0
    while (index < BOUNDS_MS.length && ms > (BOUNDS_MS[index] ?? 0)) index += 1
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    if (ms > 0) this.#sumMs += ms
  }

  read(): HistogramReading {
    return { boundsMs: BOUNDS_MS, counts: [...this.#counts], sumMs: this.#sumMs }
  }
}
