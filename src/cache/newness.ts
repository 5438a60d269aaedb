/**
 * Newness: what has come within the last ten seconds.
 *
 * To ask costs a comparison, since every hit asks: the seconds are counted, not read from a clock, and only while there
 * is something new.
 *
 * Invariant: nothing is old before its ten seconds are over; what comes between two ticks stays new until the tick
 * after that.
 */

import type { Clock, Timer } from '../clock.ts'

const NEW_SECONDS = 10

export class Newness {
  readonly #clock: Clock
  #seconds = 0
  #newest = 0
  #timer: Timer | undefined
  #isCounting = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Something comes. What it gives back is what {@link isOver} wants to know. */
  begin(): number {
    this.#newest = this.#isCounting ? this.#seconds + 1 : this.#seconds
    if (!this.#isCounting) this.#count()
    return this.#newest
  }

  isOver(since: number): boolean {
    return this.#seconds - since >= NEW_SECONDS
  }

  #count(): void {
    this.#isCounting = true
    if (this.#timer !== undefined) this.#timer.refresh()
    else this.#timer = this.#clock.after(1000, () => this.#tick())
  }

  #tick(): void {
    this.#seconds += 1
    if (this.isOver(this.#newest)) this.#isCounting = false
    else this.#count()
  }
}
