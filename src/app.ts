/**
 * Composition root: a configuration becomes wired, running parts, and nothing else decides what is wired to what.
 *
 * `startApp` either gives back a program that serves on every configured address, or leaves nothing open behind.
 */

import { randomUUID } from 'node:crypto'
import { type RunningAdminServer, startAdminServer } from './admin/admin-server.ts'
import { type AdminActions, adminEndpoints } from './admin/endpoints.ts'
import type { HealthSources, OriginState, Phase } from './admin/health.ts'
import { adminActions } from './app-admin.ts'
import { refusalLog, requestRateOf, serverLimits } from './app-limits.ts'
import { makeOrigin, originOf } from './app-origins.ts'
import { makePassthroughRoute, makeRoute, typeOf } from './app-routes.ts'
import type { FillFailure } from './cache/cache.ts'
import { Cache } from './cache/cache.ts'
import { makeEviction } from './cache/make-eviction.ts'
import { Store } from './cache/store.ts'
import type { Clock } from './clock.ts'
import { type HostAndPort, parseAddress } from './config/address.ts'
import type { AdminConfig, Config, ListenConfig, PassthroughRouteConfig } from './config/schema.ts'
import type { OriginError } from './errors.ts'
import { StartError } from './errors.ts'
import { compileTrust } from './http/forwarded.ts'
import { contentTypeFor } from './media/types.ts'
import { createAccessLog } from './observe/access-log.ts'
import type { AccessLog } from './observe/access-record.ts'
import type { Logger } from './observe/log.ts'
import { createLog } from './observe/log.ts'
import { Throttle } from './observe/throttle.ts'
import { Traffic } from './observe/traffic.ts'
import type { ResilientOrigin } from './origin/compose.ts'
import type { Certificate } from './server/certificates.ts'
import { createHandler } from './server/handler.ts'
import { isPassthrough, passedTraffic } from './server/passed-traffic.ts'
import { compileRoutes } from './server/route-table.ts'
import type { AnyRoute } from './server/router.ts'
import type { Listen } from './server/server.ts'
import { startServer } from './server/server.ts'
import { Uploads } from './server/uploads.ts'

export interface AppOptions {
  /** How long answers under way may take to finish once the program is told to end. */
  readonly graceMs?: number
  /** In place of `limits.stallTimeout`. */
  readonly clientStallMs?: number
  readonly clock?: Clock
  /** Spreads the pauses before retries; at least 0, less than 1. */
  readonly random?: () => number
  /** Where the log's lines go; standard output where absent. */
  readonly log?: { write(line: string): void }
}

export interface RunningApp {
  /** What is listened on, in the order of the configuration, with the real port where 0 was asked for. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[]
  /** Where the admin listener is, with its real port; undefined where the configuration has none. */
  readonly admin: { readonly address: string; readonly port: number } | undefined
  /**
   * Reads the certificates of all listeners again, for connections to come. Where any is not usable all stay as they
   * are, and the log says why, as the answer does: a sentence a file, none when all went well.
   */
  reloadCertificates(): Promise<readonly string[]>
  /**
   * Stops accepting, finishes answers within the grace time, then lets go of fills and origin connections. The admin
   * listener says at once that the program is not ready any more, and is the last to go.
   */
  close(): Promise<void>
}

const DEFAULT_GRACE_MS = 30_000
/** How long the end of the program waits for a reader of its log that takes nothing. */
const LAST_LINES_MS = 1000
/** One log line an origin and kind of failure in this time. */
const FAILURE_LOG_MS = 1000

/** @throws {StartError} when an address cannot be listened on or a certificate not used */
export async function startApp(config: Config, options: AppOptions = {}): Promise<RunningApp> {
  const clock = options.clock ?? systemClock
  const { logger: log, writeLine } = createLog(config.log, clock, options.log)
  const dependencies = { clock, log, random: options.random ?? Math.random }
  const origins = new Map(
    Object.entries(config.origins).map(([name, it]) => [name, makeOrigin(name, it, dependencies)]),
  )
  const { memory, policy } = config.cache
  const store = new Store(memory, makeEviction(policy, memory, clock))
  const cache = new Cache({
    store,
    clock,
    maxObjectBytes: config.cache.maxObject,
    sliceBytes: config.cache.slice,
    contentTypeFor,
    onFillFailed: failureLog(log, clock),
  })
  const onFault = (error: unknown) => log.error({ err: error }, 'a fault of this program')
  const traffic = new Traffic()
  const accessLog = recorder(traffic, config.log.access ? createAccessLog(writeLine) : undefined)
  const clientStallMs = options.clientStallMs ?? config.limits.stallTimeout
  const uploads = new Uploads()
  const isTrusted = compileTrust(config.trustedProxies)
  const allRoutes = config.routes.map((route): AnyRoute => {
    if (route.passthrough === undefined)
      return makeRoute(route, typeOf(route, config), originOf(route, origins, clock, log), isTrusted)
    return makePassthroughRoute(route, {
      clock,
      clientStallMs,
      uploads,
      isTrusted,
      onFault,
      onFailure: passingLog(route, log, clock),
    })
  })
  const routes = compileRoutes(allRoutes)
  const handler = createHandler({
    routes,
    cache,
    clock,
    accessLog,
    readsCmcd: config.log.access,
    onFault,
    isTrusted,
    uploads,
    randomBoundary: randomUUID,
    clientStallMs,
    maxRanges: config.limits.ranges,
    maxTargetBytes: config.limits.urlLength,
    requestRate: requestRateOf(config.limits, isTrusted),
  })
  const passed = passedTraffic({ routes, clock, accessLog, uploads })
  let phase: Phase = 'starting'
  let admin: RunningAdminServer | undefined
  const closeBehind = async () => {
    for (const { passthrough } of routes.all.filter(isPassthrough)) passthrough.close()
    await cache.close()
    await Promise.all([...origins.values()].map((origin) => origin.close()))
    await admin?.close()
  }

  try {
    if (config.admin !== undefined) {
      const sources = { phase: () => phase, origins: () => statesOf(config, origins), routes: routeOrigins(config) }
      const parts = { health: sources, routes: () => routes, cache, store, clock, log, traffic }
      admin = await startAdmin(config.admin, adminActions(parts), onFault)
      log.info(admin.listener, 'admin listening')
    }
    const server = await startServer(config.listen.map(listenOf), handler, {
      ...serverLimits(config.limits, isTrusted, refusalLog(log, clock)),
      clock,
      onFault,
      passed,
      onCertificate: certificateLog(log, clock),
    })
    for (const listener of server.listeners) log.info(listener, 'listening')
    phase = 'listening'
    return {
      addresses: server.listeners,
      admin: admin?.listener,
      reloadCertificates: async () => {
        const faults = await server.reloadCertificates()
        for (const fault of faults) log.error({ fault }, 'certificates stay as they are')
        return faults
      },
      close: async () => {
        phase = 'draining'
        log.info('draining')
        await server.close(options.graceMs ?? DEFAULT_GRACE_MS)
        await closeBehind()
        log.info('closed')
        await written(log)
      },
    }
  } catch (error) {
    await closeBehind()
    await written(log)
    throw error
  }
}

/** The machine's own time. */
export const systemClock: Clock = {
  now: Date.now,
  after: (delayMs, callback) => {
    const timeout = setTimeout(callback, delayMs).unref()
    return { refresh: () => void timeout.refresh(), cancel: () => clearTimeout(timeout) }
  },
}

/** The log's lines are out, or have had their time. Keeps the process alive meanwhile, which nothing else may do by then. */
function written(log: Logger): Promise<void> {
  return new Promise((resolve) => {
    const limit = setTimeout(resolve, LAST_LINES_MS)
    log.flush(() => {
      clearTimeout(limit)
      resolve()
    })
  })
}

function recorder(traffic: Traffic, accessLog: AccessLog | undefined): AccessLog {
  if (accessLog === undefined) return (record) => traffic.record(record)
  return (record) => {
    traffic.record(record)
    accessLog(record)
  }
}

function startAdmin(config: AdminConfig, actions: AdminActions, onFault: (error: unknown) => void) {
  const { address, token } = config
  return startAdminServer({ ...hostAndPort(address), token, endpoints: adminEndpoints(actions), onFault })
}

function statesOf(config: Config, origins: ReadonlyMap<string, ResilientOrigin>): readonly OriginState[] {
  return [...origins].map(([name, origin]) => {
    const { maxSockets = 0, maxQueued = 0 } = config.origins[name]?.pool ?? {}
    return { name, circuit: origin.circuit(), pool: { ...origin.usage(), maxSockets, maxQueued } }
  })
}

function routeOrigins({ routes }: Config): HealthSources['routes'] {
  return routes.flatMap((route) =>
    route.passthrough === undefined ? [{ match: route.match, origins: route.origin }] : [],
  )
}

function listenOf({ address, highWaterMark, tls }: ListenConfig): Listen {
  return { ...hostAndPort(address), highWaterMarkBytes: highWaterMark, tls }
}

function hostAndPort(address: string): HostAndPort {
  const parsed = parseAddress(address)
  if (parsed === undefined) throw new StartError(`cannot listen on ${address}: it is no host:port`)
  return parsed
}

/** What every certificate is for and until when, and a warning for those that clients will refuse. */
function certificateLog(log: Logger, clock: Clock): (certificate: Certificate) => void {
  return ({ file, names = 'none', validFromMs, validToMs }) => {
    const about = { file, names, validTo: new Date(validToMs).toISOString() }
    if (validToMs <= clock.now()) log.warn(about, 'certificate has expired')
    else if (validFromMs > clock.now()) log.warn(about, 'certificate is not valid yet')
    else log.info(about, 'certificate')
  }
}

/** As below, for a route that passes through. */
function passingLog({ passthrough }: PassthroughRouteConfig, log: Logger, clock: Clock): (error: OriginError) => void {
  const throttle = new Throttle(FAILURE_LOG_MS)
  return ({ kind, message }) => {
    const silent = throttle.admit(kind, clock.now())
    if (silent === undefined) return
    log.warn({ origin: passthrough, kind, error: message, unreported: silent }, 'passing through failed')
  }
}

/** One line an origin and kind of failure in a second, with the number of those left out before it. */
function failureLog(log: Logger, clock: Clock): (failure: FillFailure) => void {
  const throttle = new Throttle(FAILURE_LOG_MS)
  return ({ originName, objectKey, error }) => {
    const silent = throttle.admit(`${originName} ${error.kind}`, clock.now())
    if (silent === undefined || error.kind === 'aborted') return
    log.warn(
      { origin: originName, object: objectKey, kind: error.kind, error: error.message, unreported: silent },
      'fill failed',
    )
  }
}
