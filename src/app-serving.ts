/**
 * Serving: what one configuration makes of requests. A reload makes another one, which takes the requests from then on;
 * those that are under way go on with the one they began with.
 *
 * Invariant: there are as many as still have something under way on a pass-through route, and the newest. What else was
 * begun with an older one holds on to it by itself, and nobody else does.
 */

import { randomUUID } from 'node:crypto'
import type { RequestRates } from './app-limits.ts'
import { passingLog } from './app-log.ts'
import { type Origins, originOf } from './app-origins.ts'
import { makePassthroughRoute, makeRoute, typeOf } from './app-routes.ts'
import type { Cache } from './cache/cache.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config/schema.ts'
import { compileTrust, type Trust } from './http/forwarded.ts'
import type { AccessLog } from './observe/access-record.ts'
import type { Logger } from './observe/log.ts'
import { createHandler, type Handler } from './server/handler.ts'
import { Pace } from './server/pace.ts'
import { isPassthrough, type PassedTraffic, passedTraffic } from './server/passed-traffic.ts'
import { compileRoutes } from './server/route-table.ts'
import type { AnyRoute, Routes } from './server/router.ts'
import type { Uploads } from './server/uploads.ts'

/** What outlives every configuration. */
export interface ServingParts {
  readonly origins: Origins
  readonly cache: Cache
  readonly clock: Clock
  readonly log: Logger
  readonly uploads: Uploads
  readonly requestRates: RequestRates
  readonly onFault: (error: unknown) => void
  /** How this program calls itself in Via. */
  readonly pseudonym: string
  /** Of every exchange; the access log is asked for where the configuration wants one. */
  readonly recorderFor: (config: Config) => AccessLog
  /** In place of `limits.stallTimeout`. */
  readonly clientStallMs: number | undefined
}

export interface Serving {
  readonly config: Config
  readonly isTrusted: Trust
  readonly routes: Routes
  readonly handler: Handler
  readonly passed: PassedTraffic
  /**
   * To be called when it gets no more requests: lets go of idle connections that are no origin's.
   *
   * @returns what resolves when such requests, uploads and WebSockets are over
   */
  retire(): Promise<void>
  /** Cuts these off. */
  close(): void
}

/** @param parts `origins` has those of this configuration already */
export function makeServing(config: Config, parts: ServingParts): Serving {
  const { origins, cache, clock, log, uploads, onFault, pseudonym } = parts
  const clientStallMs = parts.clientStallMs ?? config.limits.stallTimeout
  const { bytesPerSecond } = config.limits
  const accessLog = parts.recorderFor(config)
  const isTrusted = compileTrust(config.trustedProxies)
  const all = config.routes.map((route): AnyRoute => {
    if (route.passthrough === undefined)
      return makeRoute(route, typeOf(route, config), originOf(route, origins, clock, log), isTrusted)
    const onFailure = passingLog(route, log, clock)
    return makePassthroughRoute(route, { clock, clientStallMs, uploads, isTrusted, pseudonym, onFault, onFailure })
  })
  const routes = compileRoutes(all)
  const passing = all.filter(isPassthrough)
  const limits = {
    maxTargetBytes: config.limits.urlLength,
    requestRate: parts.requestRates.take(config.limits, isTrusted),
  }
  const handler = createHandler({
    ...limits,
    routes,
    cache,
    clock,
    accessLog,
    readsCmcd: config.log.access,
    onFault,
    isTrusted,
    uploads,
    pseudonym,
    randomBoundary: randomUUID,
    clientStallMs,
    makePace: bytesPerSecond === undefined ? undefined : () => new Pace(bytesPerSecond, clock),
    maxRanges: config.limits.ranges,
  })
  return {
    config,
    isTrusted,
    routes,
    handler,
    passed: passedTraffic({ ...limits, routes, clock, accessLog, uploads }),
    retire: async () => {
      await Promise.all(passing.map(({ passthrough }) => passthrough.retire()))
    },
    close: () => {
      for (const { passthrough } of passing) passthrough.close()
    },
  }
}

/** The newest serving, and those before it that still have something under way. */
export class Servings {
  readonly #older = new Set<Serving>()
  #newest: Serving
  /** The newest one, whichever it is, as one that listeners can hold on to. */
  readonly current: Pick<Serving, 'handler' | 'passed'> = {
    handler: (req, res) => this.#newest.handler(req, res),
    passed: {
      acceptsUpgrade: (req) => this.#newest.passed.acceptsUpgrade(req),
      upgrade: (req, socket, head) => this.#newest.passed.upgrade(req, socket, head),
      leavesContinue: (req) => this.#newest.passed.leavesContinue(req),
      isReceiving: (socket) => this.#newest.passed.isReceiving(socket),
    },
  }

  constructor(first: Serving) {
    this.#newest = first
  }

  get newest(): Serving {
    return this.#newest
  }

  /** Takes all requests from now on. */
  add(next: Serving): void {
    const before = this.#newest
    this.#newest = next
    this.#older.add(before)
    void before.retire().then(() => this.#older.delete(before))
  }

  /** Cuts off whatever any of them still has under way. */
  close(): void {
    for (const serving of [this.#newest, ...this.#older]) serving.close()
  }
}
