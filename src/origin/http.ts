/**
 * Any HTTP server as an Origin.
 *
 * Invariant: a request is on a connection only while it holds a permit of the pool, so that nothing else ever queues;
 * the permit comes back exactly once, when the answer's body has ended, has failed or was destroyed. An answer is passed
 * on whatever it says, 5xx included; an OriginError means that there was none.
 */
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import { givenUp, StaleSocketError } from './failure.ts'
import { exchange } from './http-exchange.ts'
import { requestFields } from './http-fields.ts'
import { HttpSockets } from './http-sockets.ts'
import type { OriginLog, OriginRequest, OriginResponse, PacedOrigin, PoolUsage } from './origin.ts'
import { ConnectionPool } from './pool.ts'
import { RateLimiter } from './rate-limiter.ts'
import { RefusedPaths } from './refused-paths.ts'
import type { LimitSettings, OriginDependencies, PoolSettings } from './settings.ts'

export interface HttpOriginOptions {
  /** Scheme, host and port, without a path. */
  readonly url: string
  readonly pool: PoolSettings
  readonly limits: LimitSettings
}

/** Nothing is connected before the first fetch, so a server that is down is not noticed here. */
export function createHttpOrigin(name: string, options: HttpOriginOptions, deps: OriginDependencies): PacedOrigin {
  return new HttpOrigin(name, options, deps)
}

/** A wrong certificate fails every request alike; the log hears of it once in this time. */
const ERROR_LOG_INTERVAL_MS = 10_000

class HttpOrigin implements PacedOrigin {
  readonly name: string
  readonly #options: HttpOriginOptions
  readonly #clock: Clock
  readonly #log: OriginLog
  readonly #sockets: HttpSockets
  readonly #pool: ConnectionPool
  readonly #pseudonym: string
  readonly #refusedPaths = new RefusedPaths()
  #isClosed = false
  #lastErrorLogAt = Number.NEGATIVE_INFINITY

  constructor(name: string, options: HttpOriginOptions, deps: OriginDependencies) {
    const { clock, log, pseudonym = 'segment-shield' } = deps
    this.name = name
    this.#options = options
    this.#clock = clock
    this.#log = log
    this.#pseudonym = pseudonym
    const { url, pool, limits } = options
    this.#sockets = new HttpSockets({ url, clock, ...pool })
    const rate = new RateLimiter(limits.requestsPerSecond)
    this.#pool = new ConnectionPool({ ...deps, name, ...pool, queueTimeoutMs: limits.queueTimeoutMs, rate })
  }

  async fetch(request: OriginRequest): Promise<OriginResponse> {
    const { name } = this
    const { priority, signal, method = 'GET' } = request
    if (this.#isClosed) throw new OriginError('aborted', `${name}: closed`)
    if (signal.aborted) throw givenUp(name, signal, false)
    if (method === 'CONNECT') throw new OriginError('broken', `${name}: a tunnel is no answer`)
    const permit = await this.#pool.acquire(priority, signal).catch((error: unknown) => {
      throw signal.aborted ? givenUp(name, signal, false, error) : error
    })
    if (signal.aborted) {
      permit.release()
      throw givenUp(name, signal, false)
    }
    const { responseTimeoutMs, stallTimeoutMs } = this.#options.pool
    try {
      const sent = { ...request, method, target: `/${request.key}`, fields: requestFields(request, this.#pseudonym) }
      return await exchange(sent, {
        name,
        clock: this.#clock,
        counts: this.#pool.counts,
        sockets: this.#sockets,
        responseTimeoutMs,
        stallTimeoutMs,
        onAnswer: (status) => {
          const isAboutRate = status !== 429 || this.#refusedPaths.areSeveral(sent.target, this.#clock.now())
          this.#pool.answered(status, isAboutRate)
        },
        onOver: () => permit.release(),
      })
    } catch (error) {
      // Those that are left have been idle for longer: what happened to this one happened to them.
      if (error instanceof StaleSocketError) this.#sockets.closeFree()
      if (error instanceof OriginError && error.kind === 'misconfigured') this.#reportMisconfigured(error)
      throw error
    }
  }

  usage(): PoolUsage {
    return { inUse: this.#pool.inUse, free: this.#sockets.freeCount, queued: this.#pool.queued }
  }

  allowedPerSecond(): number {
    return this.#pool.allowedPerSecond
  }

  /** Resolves when the last answer under way has ended; a caller in a hurry aborts its signals. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#sockets.retire()
    await this.#pool.idle()
  }

  #reportMisconfigured(error: OriginError): void {
    const now = this.#clock.now()
    if (Math.abs(now - this.#lastErrorLogAt) < ERROR_LOG_INTERVAL_MS) return
    this.#lastErrorLogAt = now
    const message = `${this.name}: its certificate is not to be trusted, or it does not speak TLS`
    this.#log.error({ origin: this.name, error: error.message }, message)
  }
}
