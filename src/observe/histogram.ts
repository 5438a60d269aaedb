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

  /** Adds its counts to those of others, one number more than there are bounds. */
  addTo(counts: number[]): void {
    for (let index = 0; index <= BOUNDS_MS.length; index += 1) {
      counts[index] = (counts[index] ?? 0) + (this.#counts[index] ?? 0)
    }
  }

  read(): HistogramReading {
    return { boundsMs: BOUNDS_MS, counts: [...this.#counts], sumMs: this.#sumMs }
  }
}

/**
 * The time that this share of those counted did not exceed, as far as buckets tell: within one they are taken to lie
 * evenly. Of those behind the last bound no more is known than the bound.
 *
 * @param counts as in a reading; at least one above 0
 * @param share above 0 and up to 1
 * @returns milliseconds, to the thousandth
 */
export function quantileMs(counts: readonly number[], share: number): number {
  const rank = share * counts.reduce((sum, count) => sum + count, 0)
  let below = 0
  for (const [index, upperMs] of BOUNDS_MS.entries()) {
    const count = counts[index] ?? 0
    if (count > 0 && below + count >= rank) {
      const lowerMs = BOUNDS_MS[index - 1] ?? 0
      return Math.round((lowerMs + ((upperMs - lowerMs) * (rank - below)) / count) * 1000) / 1000
    }
    below += count
  }
  return BOUNDS_MS.at(-1) ?? 0
}
