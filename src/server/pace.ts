/**
 * Pace: how much of one answer may go out by now, where answers are held to so many bytes a second.
 *
 * Invariant: in any stretch of time no more goes out than its share and a quarter of a second's worth.
 */

import type { Clock, Timer } from '../clock.ts'

/** What may go at once after a pause, in seconds' worth; and half of it is worth waking up for. */
const BURST_SECONDS = 0.25

export class Pace {
  readonly #bytesPerMs: number
  readonly #burstBytes: number
  readonly #clock: Clock
  #allowedBytes: number
  #countedAtMs: number
  #timer: Timer | undefined

  constructor(bytesPerSecond: number, clock: Clock) {
    this.#bytesPerMs = bytesPerSecond / 1000
    this.#burstBytes = Math.max(1, bytesPerSecond * BURST_SECONDS)
    this.#clock = clock
    this.#allowedBytes = this.#burstBytes
    this.#countedAtMs = clock.now()
  }

  /** How many of so many bytes may go now; they count as gone. */
  take(bytes: number): number {
    this.#count()
    const taken = Math.min(bytes, Math.floor(this.#allowedBytes))
    this.#allowedBytes -= taken
    return taken
  }

  /** Calls back once, when going on is worth it. */
  whenMore(callback: () => void): void {
    const wanted = Math.max(1, this.#burstBytes / 2)
    const waitMs = Math.ceil((wanted - this.#allowedBytes) / this.#bytesPerMs)
    this.#timer = this.#clock.after(Math.max(1, waitMs), callback)
  }

  /** Nobody waits any more. */
  cancel(): void {
    this.#timer?.cancel()
  }

  #count(): void {
    const nowMs = this.#clock.now()
    // A clock that was set back gives nothing, and takes nothing away.
    const passedMs = Math.max(0, nowMs - this.#countedAtMs)
    this.#countedAtMs = nowMs
    this.#allowedBytes = Math.min(this.#burstBytes, this.#allowedBytes + passedMs * this.#bytesPerMs)
  }
}
