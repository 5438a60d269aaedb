/**
 * A line of waiters: served at the front, pushed out at the back, left from anywhere, each in constant time.
 *
 * Invariant: a waiter stands in the line from `join` until it is shifted, popped or has left; leaving twice is nothing.
 */

/** A place in a line. */
export interface Place<Waiter> {
  readonly waiter: Waiter
  ahead: Place<Waiter> | undefined
  behind: Place<Waiter> | undefined
  isInLine: boolean
}

export class WaitingLine<Waiter> {
  #first: Place<Waiter> | undefined
  #last: Place<Waiter> | undefined
  #size = 0

  get size(): number {
    return this.#size
  }

  get first(): Waiter | undefined {
    return this.#first?.waiter
  }

  /** @returns the place at the end of the line, for `leave` */
  join(waiter: Waiter): Place<Waiter> {
    const place: Place<Waiter> = { waiter, ahead: this.#last, behind: undefined, isInLine: true }
    if (this.#last === undefined) this.#first = place
    else this.#last.behind = place
    this.#last = place
    this.#size += 1
    return place
  }

  /** Takes out whoever has waited longest. */
  shift(): Waiter | undefined {
    return this.#take(this.#first)
  }

  /** Takes out whoever came last. */
  pop(): Waiter | undefined {
    return this.#take(this.#last)
  }

  leave(place: Place<Waiter>): void {
    if (!place.isInLine) return
    const { ahead, behind } = place
    if (ahead === undefined) this.#first = behind
    else ahead.behind = behind
    if (behind === undefined) this.#last = ahead
    else behind.ahead = ahead
    place.isInLine = false
    this.#size -= 1
  }

  #take(place: Place<Waiter> | undefined): Waiter | undefined {
    if (place !== undefined) this.leave(place)
    return place?.waiter
  }
}
