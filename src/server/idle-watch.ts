/**
 * Idle watch: tells when nothing has moved for a while, though something should have.
 *
 * It starts off duty; `stop` is for good.
 */

import type { Clock, Timer } from '../clock.ts'

export class IdleWatch {
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #onIdle: () => void
  #timer: Timer | undefined
  #isStopped = false

  constructor(clock: Clock, idleMs: number, onIdle: () => void) {
    this.#clock = clock
    this.#idleMs = idleMs
    this.#onIdle = onIdle
  }

  /** From now on something should move. */
  resume(): void {
    if (!this.#isStopped) this.#timer ??= this.#clock.after(this.#idleMs, this.#onIdle)
  }

  /** Something has moved. */
  progress(): void {
    this.#timer?.refresh()
  }

  /** It is somebody else's turn. */
  pause(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  stop(): void {
    this.pause()
    this.#isStopped = true
  }
}
