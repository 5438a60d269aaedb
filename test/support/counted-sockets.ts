/**
 * The connections of a scripted server, each counted from accept to close, and what a test waits for there.
 *
 * Nothing here uses a timer: whoever waits is told of every change.
 */
import type { Socket } from 'node:net'

export interface SocketCounts {
  readonly open: number
  readonly peak: number
  readonly opened: number
  readonly closed: number
}

export class CountedSockets {
  readonly #counts = { open: 0, peak: 0, opened: 0, closed: 0 }
  readonly #waiters = new Set<() => void>()

  /** They go on with what happens. */
  get counts(): SocketCounts {
    return this.#counts
  }

  /** Counts a connection until it closes, and gives its number: 1 for the first one. */
  add(socket: Socket, onClosed: () => void): number {
    const counts = this.#counts
    counts.opened += 1
    counts.open += 1
    counts.peak = Math.max(counts.peak, counts.open)
    // A client that resets its connection is an ordinary event here; 'close' follows.
    socket.on('error', () => socket.destroy())
    socket.once('close', () => {
      counts.open -= 1
      counts.closed += 1
      onClosed()
      this.changed()
    })
    this.changed()
    return counts.opened
  }

  /** Resolves when no more than `count` of them are open. */
  atMost(count: number): Promise<void> {
    return this.until(() => this.#counts.open <= count)
  }

  /** Resolves as soon as it is so; looked at after every change. */
  until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!isSo()) return
        this.#waiters.delete(check)
        resolve()
      }
      this.#waiters.add(check)
      check()
    })
  }

  /** Something else that may be waited for has happened. */
  changed(): void {
    for (const check of [...this.#waiters]) check()
  }
}
