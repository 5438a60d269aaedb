/**
 * Time as an option, so that tests hold the hands of the clock.
 *
 * `app.ts` makes the real one; nothing else reads the system's time or sets a timer.
 */

/** A timer that has not fired can be pushed back to its full length, or taken away for good. */
export interface Timer {
  /** Starts the full delay again, whether it has fired or not. */
  refresh(): void
  cancel(): void
}

export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Calls `callback` once, `delayMs` milliseconds from now. A pending timer never keeps the process alive. */
  after(delayMs: number, callback: () => void): Timer
}
