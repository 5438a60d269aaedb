/**
 * How often something happened lately, in constant memory and without a timer.
 *
 * Invariant: what is older than the window is never counted, and what is younger than nine tenths of it always is.
 */

const BUCKETS = 10

export class SlidingCount {
  readonly #bucketMs: number
  readonly #counts = new Float64Array(BUCKETS)
  /** Which tenth of a window, counted from the epoch, the newest count belongs to. */
  #newest = 0
  #total = 0

  constructor(windowMs: number) {
    this.#bucketMs = windowMs / BUCKETS
  }

  add(nowMs: number): void {
    this.#advance(nowMs)
    const index = this.#newest % BUCKETS
    this.#counts[index] = (this.#counts[index] ?? 0) + 1
    this.#total += 1
  }

  total(nowMs: number): number {
    this.#advance(nowMs)
    return this.#total
  }

  clear(): void {
    this.#counts.fill(0)
    this.#total = 0
  }

  #advance(nowMs: number): void {
    const current = Math.floor(nowMs / this.#bucketMs)
    // A clock that was put back counts into what is newest, unless it is so far back that nothing here is recent.
    if (current < this.#newest - BUCKETS || current >= this.#newest + BUCKETS) {
      this.clear()
      this.#newest = current
      return
    }
    while (this.#newest < current) {
      this.#newest += 1
      const index = this.#newest % BUCKETS
      this.#total -= this.#counts[index] ?? 0
      this.#counts[index] = 0
    }
  }
}
