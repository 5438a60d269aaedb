/**
 * Serving: what one configuration makes of requests. A reload makes another one, which takes the requests from then on;
 * those that are under way go on with the one they began with.
 */

import { randomUUID } from 'node:crypto'
import { requestRateOf } from './app-limits.ts'
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
  /** Lets go of idle connections that are no origin's. */
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
  const limits = { maxTargetBytes: config.limits.urlLength, requestRate: requestRateOf(config.limits, isTrusted) }
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
    close: () => {
      for (const { passthrough } of all.filter(isPassthrough)) passthrough.close()
    },
  }
}

/** The newest of several servings, as one that listeners can hold on to. */
export function newest(serving: () => Serving): Pick<Serving, 'handler' | 'passed'> {
  return {
    handler: (req, res) => serving().handler(req, res),
    passed: {
      acceptsUpgrade: (req) => serving().passed.acceptsUpgrade(req),
      upgrade: (req, socket, head) => serving().passed.upgrade(req, socket, head),
      leavesContinue: (req) => serving().passed.leavesContinue(req),
      isReceiving: (socket) => serving().passed.isReceiving(socket),
    },
  }
}
