/**
 * A log line that may come a thousand times a second is written once an interval, with a count of those left out.
 */

/** Decides, by key, whether to speak now: the number of occasions since the last time, or `undefined` to stay silent. */
export class Throttle {
  readonly #intervalMs: number
  readonly #lastMs = new Map<string, { spokenMs: number; silent: number }>()

  constructor(intervalMs: number) {
    this.#intervalMs = intervalMs
  }

  /** @returns how many occasions were passed over in silence, when it is time to speak; else `undefined` */
  admit(key: string, nowMs: number): number | undefined {
    const last = this.#lastMs.get(key)
    // A clock that was set back counts as time that has passed: silence must not last until it has caught up.
    if (last !== undefined && nowMs >= last.spokenMs && nowMs - last.spokenMs < this.#intervalMs) {
      last.silent += 1
      return undefined
    }
    this.#lastMs.set(key, { spokenMs: nowMs, silent: 0 })
    return last?.silent ?? 0
  }
}
