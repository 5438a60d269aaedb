/** What clients may take, out of the configuration. */

import type { Clock } from './clock.ts'
import type { LimitsConfig } from './config/schema.ts'
import type { Trust } from './http/forwarded.ts'
import type { Logger } from './observe/log.ts'
import { Throttle } from './observe/throttle.ts'
import type { ConnectionLimitOptions, ConnectionRefusal } from './server/connection-limit.ts'
import { DEFAULT_TIMEOUTS, type ServerOptions } from './server/drainable-server.ts'
import { RequestRate } from './server/request-rate.ts'

/** One log line a limit in this time. */
const REFUSAL_LOG_MS = 1000

/** The request rate of one configuration after the other: what clients have used up stays used up. */
export class RequestRates {
  readonly #clock: Clock
  #last: RequestRate | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Takes the place of the one before. Undefined where there is no limit. */
  take({ perClient }: LimitsConfig, isTrusted: Trust): RequestRate | undefined {
    const { requestsPerSecond, burst = 1 } = perClient
    if (requestsPerSecond === undefined) this.#last = undefined
    else {
      const rule = { perSecond: requestsPerSecond, burst, isTrusted }
      if (this.#last === undefined) this.#last = new RequestRate(rule)
      else this.#last.change(rule, this.#clock.now())
    }
    return this.#last
  }
}

/** Of all listeners together. */
export function connectionRules(
  { connections, perClient }: LimitsConfig,
  isTrusted: Trust,
  onRefused: (reason: ConnectionRefusal) => void,
): ConnectionLimitOptions {
  return { maxConnections: connections, maxPerClient: perClient.connections, isTrusted, onRefused }
}

/** What listeners are made with. */
export function listenerLimits({
  headerSize,
  headersTimeout,
  requestTimeout,
  idleTimeout,
}: LimitsConfig): Pick<ServerOptions, 'timeouts' | 'maxHeaderBytes'> {
  return {
    timeouts: {
      ...DEFAULT_TIMEOUTS,
      keepAliveMs: idleTimeout,
      // Node refuses to listen where it is the longer one.
      headersMs: Math.min(headersTimeout, requestTimeout),
      requestMs: requestTimeout,
    },
    maxHeaderBytes: headerSize,
  }
}

/** One line a limit in a second, with the number of those left out before it. */
export function refusalLog(log: Logger, clock: Clock): (reason: ConnectionRefusal) => void {
  const throttle = new Throttle(REFUSAL_LOG_MS)
  return (limit) => {
    const silent = throttle.admit(limit, clock.now())
    if (silent !== undefined) log.warn({ limit, unreported: silent }, 'connection refused')
  }
}
