/**
 * How many requests an origin gets at once: permits, handed out first come, first served.
 *
 * Invariant: `inUse` never exceeds `maxSockets`, and nobody waits while a permit is free. A permit that was handed out
 * comes back exactly once, whoever releases it how often. It knows nothing of sockets or HTTP: who holds a permit may
 * open one socket.
 */
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import type { OriginLog } from './origin.ts'

/** The right to one socket. */
export interface Permit {
  /** Gives it back; the longest waiting request has it next. Any further call does nothing. */
  release(): void
}

export interface ConnectionPoolOptions {
  /** The origin's name, for messages. */
  readonly name: string
  readonly maxSockets: number
  /** Requests that may wait for a permit; one more is refused at once. 0: nobody waits. */
  readonly maxQueued: number
  /** A request that has waited this long is a warning in the log. */
  readonly acquisitionWarningMs: number
  readonly clock: Clock
  readonly log: OriginLog
}

/** The warning comes at most once in this time, however many wait. */
const WARNING_INTERVAL_MS = 15_000

interface Waiter {
  readonly queuedAt: number
  readonly admit: () => void
}

export class ConnectionPool {
  readonly #options: ConnectionPoolOptions
  /** In the order they came; a Set, so that one that gives up leaves from the middle without a search. */
  readonly #queue = new Set<Waiter>()
  readonly #idleWaiters: (() => void)[] = []
  #inUse = 0
  #isWatching = false
  #lastWarningAt = Number.NEGATIVE_INFINITY

  constructor(options: ConnectionPoolOptions) {
    this.#options = options
  }

  get inUse(): number {
    return this.#inUse
  }

  get queued(): number {
    return this.#queue.size
  }

  /**
   * Waits for a permit, as long as it takes.
   *
   * @throws {OriginError} `overloaded` at once when the queue is full, `aborted` as soon as the signal says so
   */
  acquire(signal: AbortSignal): Promise<Permit> {
    const { name, maxSockets, maxQueued } = this.#options
    if (signal.aborted) return Promise.reject(abortedInQueue(name))
    if (this.#inUse < maxSockets) {
      this.#inUse += 1
      return Promise.resolve(this.#permit())
    }
    if (this.#queue.size >= maxQueued) {
      const message = `${name}: ${this.#inUse} requests in progress and ${this.#queue.size} queued`
      return Promise.reject(new OriginError('overloaded', message, { retryAfterSeconds: 1 }))
    }
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#queue.delete(waiter)
        reject(abortedInQueue(name))
        this.#announceIdle()
      }
      const waiter: Waiter = {
        queuedAt: this.#options.clock.now(),
        admit: () => {
          signal.removeEventListener('abort', giveUp)
          resolve(this.#permit())
        },
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#queue.add(waiter)
      if (!this.#isWatching) this.#watch(this.#options.acquisitionWarningMs)
    })
  }

  /** Resolves when every permit is back and nobody waits for one. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve)
      this.#announceIdle()
    })
  }

  #permit(): Permit {
    let isHeld = true
    return {
      release: () => {
        if (!isHeld) return
        isHeld = false
        this.#handOn()
      },
    }
  }

  #handOn(): void {
    const [next] = this.#queue
    if (next === undefined) {
      this.#inUse -= 1
      this.#announceIdle()
      return
    }
    this.#queue.delete(next)
    next.admit()
  }

  #announceIdle(): void {
    if (this.#inUse > 0 || this.#queue.size > 0) return
    for (const resolve of this.#idleWaiters.splice(0)) resolve()
  }

  /** One timer for the whole queue: it looks at whoever has waited longest. */
  #watch(delayMs: number): void {
    this.#isWatching = true
    this.#options.clock.after(delayMs, () => {
      const [oldest] = this.#queue
      if (oldest === undefined) {
        this.#isWatching = false
        return
      }
      const { name, clock, log, acquisitionWarningMs, maxSockets } = this.#options
      const now = clock.now()
      const dueAt = Math.max(oldest.queuedAt + acquisitionWarningMs, this.#lastWarningAt + WARNING_INTERVAL_MS)
      if (now < dueAt) {
        this.#watch(dueAt - now)
        return
      }
      this.#lastWarningAt = now
      log.warn(
        { origin: name, inUse: this.#inUse, queued: this.#queue.size, maxSockets, waitedMs: now - oldest.queuedAt },
        `${name}: requests wait for a socket; raise pool.maxSockets or send less`,
      )
      this.#watch(WARNING_INTERVAL_MS)
    })
  }
}

/** Without the signal's reason as its cause: a retry strategy that looks there would take a timeout for worth a retry. */
function abortedInQueue(name: string): OriginError {
  return new OriginError('aborted', `${name}: given up before a socket was free`)
}
