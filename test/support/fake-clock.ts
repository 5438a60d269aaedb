/**
 * A clock whose hands the test holds: time passes only in `advance`, and timers fire there, in the order they are due.
 */

import type { Clock, Timer } from '../../src/clock.ts'

/** Thursday, 1 January 2026, 00:00:00 GMT. */
const DEFAULT_START_MS = Date.UTC(2026, 0, 1)

export class FakeClock implements Clock {
  readonly #timers = new Set<FakeTimer>()
  #nowMs: number
  #armed = 0

  constructor(startMs: number = DEFAULT_START_MS) {
    this.#nowMs = startMs
  }

  /** Timers that wait to fire. */
  get pending(): number {
    return this.#timers.size
  }

  now(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = new FakeTimer(callback, () => {
      this.#timers.delete(timer)
      timer.dueMs = this.#nowMs + Math.max(0, delayMs)
      timer.order = this.#armed++
      this.#timers.add(timer)
    })
    timer.refresh()
    return {
      refresh: () => timer.refresh(),
      cancel: () => {
        timer.cancel()
        this.#timers.delete(timer)
      },
    }
  }

  /**
   * Lets `ms` milliseconds pass. Each timer that falls due finds `now()` at its own time; timers set or pushed back
   * meanwhile fire too, if they fall due within the same stretch.
   */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (let timer = this.#nextDue(untilMs); timer !== undefined; timer = this.#nextDue(untilMs)) {
      this.#timers.delete(timer)
      this.#nowMs = timer.dueMs
      timer.fire()
    }
    this.#nowMs = untilMs
  }

  /** Puts the clock itself forward or back, as an operator would: no timer notices. */
  jumpTo(ms: number): void {
    const byMs = ms - this.#nowMs
    for (const timer of this.#timers) timer.dueMs += byMs
    this.#nowMs = ms
  }

  #nextDue(untilMs: number): FakeTimer | undefined {
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= untilMs)
    return due.toSorted((a, b) => a.dueMs - b.dueMs || a.order - b.order)[0]
  }
}

class FakeTimer {
  dueMs = 0
  order = 0
  readonly #callback: () => void
  readonly #arm: () => void
  #isCancelled = false

  constructor(callback: () => void, arm: () => void) {
    this.#callback = callback
    this.#arm = arm
  }

  refresh(): void {
    if (!this.#isCancelled) this.#arm()
  }

  cancel(): void {
    this.#isCancelled = true
  }

  fire(): void {
    this.#callback()
  }
}
