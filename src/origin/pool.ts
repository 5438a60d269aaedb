/**
 * The one queue in front of an origin: who is asked for next, how many at once, and how fast.
 *
 * A request leaves when a permit is free and the rate allows it. Those that wait are served by class (playlists, then
 * segments, read-ahead, refresh), within a class first come, first served.
 *
 * Invariant: `inUse` never exceeds `maxSockets`, and nobody waits while a permit is free and the rate allows more. A
 * permit that was handed out comes back exactly once, whoever releases it how often. Whoever waits is served, leaves by
 * its signal, or is refused: after `queueTimeoutMs`, or pushed out of a full queue by somebody of a higher class. It
 * knows nothing of sockets or HTTP: who holds a permit may open one socket.
 */
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import { OriginCounts } from './counts.ts'
import { NotSentError } from './failure.ts'
import type { OriginLog, OriginPriority } from './origin.ts'
import type { RateLimiter } from './rate-limiter.ts'
import { type Place, WaitingLine } from './waiting-line.ts'

/** The right to one socket. */
export interface Permit {
  /** Gives it back. Any further call does nothing. */
  release(): void
}

export interface ConnectionPoolOptions {
  /** The origin's name, for messages. */
  readonly name: string
  readonly maxSockets: number
  /** Requests that may wait; one more is refused at once. 0: nobody waits. */
  readonly maxQueued: number
  /** A request that has waited this long is refused. */
  readonly queueTimeoutMs: number
  /** A request that has waited this long is a warning in the log. */
  readonly acquisitionWarningMs: number
  readonly rate: RateLimiter
  readonly clock: Clock
  readonly log: OriginLog
  /** @default counted for nobody */
  readonly counts?: OriginCounts
}

/** Each warning comes at most once in this time, however many requests it is about. */
const WARNING_INTERVAL_MS = 15_000

/** Whole seconds after which those who were refused may come again. */
const RETRY_AFTER_SECONDS = 1

const TOO_MANY_REQUESTS = 429
const SERVICE_UNAVAILABLE = 503

interface Waiter {
  readonly queuedAtMs: number
  admit(): void
  refuse(error: OriginError): void
}

export class ConnectionPool {
  /** Those of its origin. */
  readonly counts: OriginCounts
  readonly #options: ConnectionPoolOptions
  /** Highest class first. */
  readonly #lines: readonly WaitingLine<Waiter>[]
  readonly #lineOf: Readonly<Record<OriginPriority, WaitingLine<Waiter>>>
  readonly #idleWaiters: (() => void)[] = []
  #inUse = 0
  #isWatching = false
  #isPacing = false
  #lastWarningAtMs = Number.NEGATIVE_INFINITY
  #lastRefusalLogAtMs = Number.NEGATIVE_INFINITY

  constructor(options: ConnectionPoolOptions) {
    this.#options = options
    this.counts = options.counts ?? new OriginCounts()
    const line = () => new WaitingLine<Waiter>()
    this.#lineOf = { playlist: line(), segment: line(), 'read-ahead': line(), refresh: line() }
    const { playlist, segment, 'read-ahead': readAhead, refresh } = this.#lineOf
    this.#lines = [playlist, segment, readAhead, refresh]
  }

  get inUse(): number {
    return this.#inUse
  }

  /** Requests per second that may leave at this moment; Infinity where nothing limits them. */
  get allowedPerSecond(): number {
    return this.#options.rate.allowedPerSecond(this.#options.clock.now())
  }

  get queued(): number {
    return this.#lines.reduce((total, line) => total + line.size, 0)
  }

  /**
   * Waits for a permit and for the rate.
   *
   * @throws {OriginError} `overloaded` when the queue is full, or after `queueTimeoutMs` in it (a {@link NotSentError}
   * each time); `aborted` as soon as the signal says so
   */
  acquire(priority: OriginPriority, signal: AbortSignal): Promise<Permit> {
    const { name, maxSockets, rate, clock } = this.#options
    if (signal.aborted) return Promise.reject(abortedInQueue(name))
    const queued = this.queued
    if (queued === 0 && this.#inUse < maxSockets && rate.take(clock.now()) === 0) {
      this.#inUse += 1
      this.counts.requests += 1
      this.counts.queueWait.observe(0)
      return Promise.resolve(this.#permit())
    }
    const line = this.#lineOf[priority]
    if (queued >= this.#options.maxQueued && !this.#pushOut(line)) return Promise.reject(this.#full())
    return this.#wait(line, signal)
  }

  /**
   * What came of a request that had a permit: the rate learns from it.
   *
   * @param isAboutRate whether a status that asks for fewer requests means all of them. @default yes
   */
  answered(status: number, isAboutRate = true): void {
    const isRefusal = isAboutRate && (status === SERVICE_UNAVAILABLE || status === TOO_MANY_REQUESTS)
    const now = this.#options.clock.now()
    this.counts.answered(status)
    this.#options.rate.answered(isRefusal, now)
    if (isRefusal) this.#reportRefusal(status, now)
  }

  /** Resolves when every permit is back and nobody waits for one. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve)
      this.#announceIdle()
    })
  }

  #wait(line: WaitingLine<Waiter>, signal: AbortSignal): Promise<Permit> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        line.leave(place)
        reject(abortedInQueue(this.#options.name))
        this.#announceIdle()
      }
      const place: Place<Waiter> = line.join({
        queuedAtMs: this.#options.clock.now(),
        admit: () => {
          signal.removeEventListener('abort', giveUp)
          resolve(this.#permit())
        },
        refuse: (error) => {
          signal.removeEventListener('abort', giveUp)
          reject(error)
        },
      })
      signal.addEventListener('abort', giveUp, { once: true })
      this.#serve()
      if (!this.#isWatching) this.#watch()
    })
  }

  #permit(): Permit {
    let isHeld = true
    return {
      release: () => {
        if (!isHeld) return
        isHeld = false
        this.#inUse -= 1
        this.#serve()
        this.#announceIdle()
      },
    }
  }

  /** Lets as many go as may go now. */
  #serve(): void {
    const { maxSockets, rate, clock } = this.#options
    while (this.#inUse < maxSockets) {
      const line = this.#lines.find(({ size }) => size > 0)
      if (line === undefined) return
      const waitMs = rate.take(clock.now())
      if (waitMs > 0) {
        this.#pace(waitMs)
        return
      }
      this.#inUse += 1
      const waiter = line.shift()
      if (waiter === undefined) continue
      this.counts.requests += 1
      this.counts.queueWait.observe(clock.now() - waiter.queuedAtMs)
      waiter.admit()
    }
  }

  /** One timer for the whole queue; a rate that changes meanwhile is seen when it fires. */
  #pace(waitMs: number): void {
    if (this.#isPacing) return
    this.#isPacing = true
    this.#options.clock.after(waitMs, () => {
      this.#isPacing = false
      this.#serve()
    })
  }

  /** Makes room for one of `line`, at the cost of whoever came last to the lowest class below it. */
  #pushOut(line: WaitingLine<Waiter>): boolean {
    const lowest = this.#lines.findLast(({ size }) => size > 0)
    if (lowest === undefined || this.#lines.indexOf(lowest) <= this.#lines.indexOf(line)) return false
    lowest.pop()?.refuse(this.#full())
    return true
  }

  /** An origin that is asked too often says so to every request. */
  #reportRefusal(status: number, now: number): void {
    if (Math.abs(now - this.#lastRefusalLogAtMs) < WARNING_INTERVAL_MS) return
    this.#lastRefusalLogAtMs = now
    const { name, log, rate } = this.#options
    const perSecond = rate.allowedPerSecond(now)
    const allowed = Number.isFinite(perSecond) ? { requestsPerSecond: Math.round(perSecond) } : {}
    log.warn({ origin: name, status, ...allowed }, `${name}: answers ${status}, which asks for fewer requests`)
  }

  #full(): OriginError {
    const message = `${this.#options.name}: ${this.#inUse} requests in progress and ${this.queued} queued`
    return new NotSentError('overloaded', message, { retryAfterSeconds: RETRY_AFTER_SECONDS })
  }

  #announceIdle(): void {
    if (this.#inUse > 0 || this.queued > 0) return
    for (const resolve of this.#idleWaiters.splice(0)) resolve()
  }

  /** One timer for the whole queue: it looks at whoever has waited longest in each class. */
  #watch(): void {
    const oldestMs = this.#oldestMs()
    this.#isWatching = oldestMs !== undefined
    if (oldestMs === undefined) return
    const { clock, queueTimeoutMs } = this.#options
    const dueAtMs = Math.min(oldestMs + queueTimeoutMs, this.#warningDueAtMs(oldestMs))
    clock.after(Math.max(0, dueAtMs - clock.now()), () => {
      this.#warn()
      this.#refuseLate()
      this.#watch()
    })
  }

  #oldestMs(): number | undefined {
    const times = this.#lines.flatMap(({ first }) => first?.queuedAtMs ?? [])
    return times.length === 0 ? undefined : Math.min(...times)
  }

  #warningDueAtMs(oldestMs: number): number {
    return Math.max(oldestMs + this.#options.acquisitionWarningMs, this.#lastWarningAtMs + WARNING_INTERVAL_MS)
  }

  #refuseLate(): void {
    const { name, clock, queueTimeoutMs } = this.#options
    const lateMs = clock.now() - queueTimeoutMs
    for (const line of this.#lines) {
      while (line.first !== undefined && line.first.queuedAtMs <= lateMs) {
        const message = `${name}: not sent within ${queueTimeoutMs} ms in the queue`
        line.shift()?.refuse(new NotSentError('overloaded', message, { retryAfterSeconds: RETRY_AFTER_SECONDS }))
      }
    }
    this.#announceIdle()
  }

  #warn(): void {
    const { name, clock, log, maxSockets, rate } = this.#options
    const now = clock.now()
    const oldestMs = this.#oldestMs()
    if (oldestMs === undefined || now < this.#warningDueAtMs(oldestMs)) return
    this.#lastWarningAtMs = now
    const counts = { origin: name, inUse: this.#inUse, queued: this.queued, maxSockets, waitedMs: now - oldestMs }
    if (this.#inUse >= maxSockets) {
      log.warn(counts, `${name}: requests wait for a socket; raise pool.maxSockets or send less`)
      return
    }
    const requestsPerSecond = Math.round(rate.allowedPerSecond(now))
    log.warn({ ...counts, requestsPerSecond }, `${name}: requests wait because no more are sent a second`)
  }
}

/** Without the signal's reason as its cause: it is about the client, and this error is about the queue. */
function abortedInQueue(name: string): OriginError {
  return new OriginError('aborted', `${name}: given up before a socket was free`)
}
