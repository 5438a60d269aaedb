/**
 * How many retries an origin may be asked for, so that an outage does not multiply its load.
 *
 * Invariant: a retry is allowed only while those of the last ten seconds are fewer than half of the successes of the
 * same time, or those of the last second fewer than ten.
 */
import { SlidingCount } from './sliding-count.ts'

const WINDOW_MS = 10_000
const SHARE_OF_SUCCESSES = 0.5
const LEAST_PER_SECOND = 10

export class RetryBudget {
  readonly #successes = new SlidingCount(WINDOW_MS)
  readonly #retries = new SlidingCount(WINDOW_MS)
  readonly #retriesOfLastSecond = new SlidingCount(1000)

  succeeded(nowMs: number): void {
    this.#successes.add(nowMs)
  }

  /** @returns whether a retry may be made; if so, it is counted */
  take(nowMs: number): boolean {
    const isEarned = this.#retries.total(nowMs) < this.#successes.total(nowMs) * SHARE_OF_SUCCESSES
    if (!isEarned && this.#retriesOfLastSecond.total(nowMs) >= LEAST_PER_SECOND) return false
    this.#retries.add(nowMs)
    this.#retriesOfLastSecond.add(nowMs)
    return true
  }
}
