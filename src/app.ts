/**
 * Composition root: a configuration becomes wired, running parts, and nothing else decides what is wired to what.
 *
 * `startApp` either gives back a program that serves on every configured address, or leaves nothing open behind.
 */

import { randomUUID } from 'node:crypto'
import { type RunningAdminServer, startAdminServer } from './admin/admin-server.ts'
import { type AdminActions, adminEndpoints } from './admin/endpoints.ts'
import type { Phase, RouteOrigins } from './admin/health.ts'
import { adminActions, liveSources } from './app-admin.ts'
import { connectionRules, listenerLimits, RequestRates, refusalLog } from './app-limits.ts'
import { certificateLog, failureLog } from './app-log.ts'
import { appMetrics, Certificates } from './app-metrics.ts'
import { Origins } from './app-origins.ts'
import { Reloading } from './app-reload.ts'
import { makeServing, type ServingParts, Servings } from './app-serving.ts'
import { Cache } from './cache/cache.ts'
import { makeEviction } from './cache/make-eviction.ts'
import { Store } from './cache/store.ts'
import type { Clock } from './clock.ts'
import { type HostAndPort, parseAddress } from './config/address.ts'
import type { AdminConfig, Config, ListenConfig } from './config/schema.ts'
import { StartError } from './errors.ts'
import { pseudonymOf } from './http/via.ts'
import { contentTypeFor } from './media/types.ts'
import { createAccessLog } from './observe/access-log.ts'
import type { AccessLog } from './observe/access-record.ts'
import type { Logger } from './observe/log.ts'
import { createLog } from './observe/log.ts'
import { type ReloadOutcome, Reloads } from './observe/reloads.ts'
import { TopPaths } from './observe/top-paths.ts'
import { Traffic } from './observe/traffic.ts'
import { Troubles } from './observe/troubles.ts'
import { ConnectionLimit } from './server/connection-limit.ts'
import type { Listen } from './server/drainable-server.ts'
import { CACHE_NAME } from './server/passed-fields.ts'
import { startServer } from './server/server.ts'
import { Uploads } from './server/uploads.ts'

export interface AppOptions {
  /** How long answers under way may take to finish once the program is told to end. */
  readonly graceMs?: number
  /** How long connections without an answer under way may then wait for their last one. */
  readonly idleGraceMs?: number
  /** In place of `limits.stallTimeout`. */
  readonly clientStallMs?: number
  readonly clock?: Clock
  /** Spreads the pauses before retries, and chooses access records; at least 0, less than 1. */
  readonly random?: () => number
  /** Reads the configuration again, for a reload that brings none. @throws {ConfigError} */
  readonly readConfig?: () => Promise<Config>
  /** Told to operators. @default 'unknown' */
  readonly version?: string
  /** Where the log's lines go; standard output where absent. */
  readonly log?: { write(line: string): void }
}

export interface RunningApp {
  /** What is listened on, in the order of the configuration, with the real port where 0 was asked for. */
  readonly addresses: readonly { readonly address: string; readonly port: number }[]
  /** Where the admin listener is, with its real port; undefined where the configuration has none. */
  readonly admin: { readonly address: string; readonly port: number } | undefined
  /**
   * Takes another configuration in place of the running one, certificates read again, without ending a connection or
   * losing what is stored; or changes nothing, and says why. One that is asked for meanwhile waits its turn.
   *
   * @param next or what reads it, called when it is its turn; without it, what `readConfig` gives
   */
  reload(next?: Config | (() => Promise<Config>)): Promise<ReloadOutcome>
  /**
   * Stops accepting, finishes answers within the grace time, then lets go of fills and origin connections. The admin
   * listener says at once that the program is not ready any more, and is the last to go.
   */
  close(): Promise<void>
}

const DEFAULT_GRACE_MS = 30_000
/** Players and CDNs that are busy ask again within it. */
const DEFAULT_IDLE_GRACE_MS = 1000
/** How long the end of the program waits for a reader of its log that takes nothing. */
const LAST_LINES_MS = 1000

/** @throws {StartError} when an address cannot be listened on or a certificate not used */
export async function startApp(config: Config, options: AppOptions = {}): Promise<RunningApp> {
  const clock = options.clock ?? systemClock
  const troubles = new Troubles(clock)
  const {
    logger: log,
    writeLine,
    lostLines,
  } = createLog(config.log, clock, options.log, config.admin && ((line) => troubles.take(line)))
  const onFault = (error: unknown) => log.error({ err: error }, 'a fault of this program')
  const { memory, policy, maxObject, slice } = config.cache
  const store = new Store(memory, makeEviction(policy, memory, clock))
  const cache = new Cache({
    store,
    clock,
    maxObjectBytes: maxObject,
    sliceBytes: slice,
    contentTypeFor,
    onFillFailed: failureLog(log, clock),
  })
  const { random = Math.random } = options
  const pseudonym = pseudonymOf(CACHE_NAME, randomUUID().slice(0, 8))
  const origins = new Origins({ clock, log, random, pseudonym })
  origins.prepare(config.origins).apply()
  const traffic = new Traffic()
  const topPaths = new TopPaths(clock)
  const parts: ServingParts = {
    origins,
    cache,
    clock,
    log,
    uploads: new Uploads(),
    requestRates: new RequestRates(clock),
    onFault,
    pseudonym,
    recorderFor: ({ log: { access, sample } }) => {
      const sampling = sample === undefined ? undefined : { share: sample, random }
      return recorder(traffic, topPaths, access ? createAccessLog(writeLine, sampling) : undefined)
    },
    clientStallMs: options.clientStallMs,
  }
  const servings = new Servings(makeServing(config, parts))
  const onRefused = refusalLog(log, clock)
  const rules = () => connectionRules(servings.newest.config.limits, servings.newest.isTrusted, onRefused)
  const connectionLimit = new ConnectionLimit(rules())
  const certificates = new Certificates()
  const logCertificate = certificateLog(log, clock)
  const isShared = config.listen.some(({ reusePort }) => reusePort)
  const reloads = new Reloads(clock.now())
  const started = Promise.withResolvers<Reloading>()
  let phase: Phase = 'starting'
  let admin: RunningAdminServer | undefined
  let live: ReturnType<typeof liveSources> | undefined
  const closeBehind = async () => {
    servings.close()
    await cache.close()
    await origins.close()
    await admin?.close()
    live?.close()
  }

  try {
    if (config.admin !== undefined) {
      const matched = () => routeOrigins(servings.newest.config)
      const health = { phase: () => phase, origins: () => origins.states(), routes: matched }
      const metrics = appMetrics({
        traffic,
        origins,
        cache,
        store,
        connectionLimit,
        certificates,
        reloads,
        lostLogLines: lostLines,
      })
      const { version = 'unknown' } = options
      live = liveSources({ traffic, origins, store, cache, connectionLimit, topPaths, troubles, clock, version })
      const actions = adminActions({
        health,
        routes: () => servings.newest.routes,
        cache,
        store,
        clock,
        log,
        traffic,
        metrics,
        live,
        reload: async () => (await started.promise).reload(options.readConfig),
      })
      admin = await startAdmin(config.admin, isShared, actions, onFault)
      log.info(admin.listener, 'admin listening')
    }
    const { handler, passed } = servings.current
    const server = await startServer(config.listen.map(listenOf), handler, {
      ...listenerLimits(config.limits),
      connectionLimit,
      clock,
      onFault,
      passed,
      onCertificate: (certificate) => {
        certificates.add(certificate)
        logCertificate(certificate)
      },
    })
    for (const listener of server.listeners) log.info(listener, 'listening')
    phase = 'listening'
    const reloading = new Reloading({
      origins,
      cache,
      log,
      running: () => servings.newest.config,
      readCertificates: () => server.readCertificates(),
      onOutcome: (outcome) => reloads.add(outcome, clock.now()),
      serve: (next) => {
        servings.add(makeServing(next, parts))
        connectionLimit.change(rules())
        log.level = next.log.level
      },
    })
    started.resolve(reloading)
    return {
      addresses: server.listeners,
      admin: admin?.listener,
      reload: (next = options.readConfig) => reloading.reload(typeof next === 'object' ? async () => next : next),
      close: async () => {
        phase = 'draining'
        log.info('draining')
        const reloaded = reloading.close()
        // Whoever has taken over answers for itself there.
        const left = isShared ? admin?.close() : undefined
        // Where nobody takes over, there is nobody to wait with the last request for.
        const idleMs = isShared ? (options.idleGraceMs ?? DEFAULT_IDLE_GRACE_MS) : 0
        await server.close(options.graceMs ?? DEFAULT_GRACE_MS, idleMs)
        await Promise.all([reloaded, left])
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

function recorder(traffic: Traffic, topPaths: TopPaths, accessLog: AccessLog | undefined): AccessLog {
  return (record) => {
    traffic.record(record)
    if (topPaths.isCounting) topPaths.record(record)
    accessLog?.(record)
  }
}

function startAdmin(
  { address, token }: AdminConfig,
  reusePort: boolean,
  actions: AdminActions,
  onFault: (error: unknown) => void,
) {
  return startAdminServer({ ...hostAndPort(address), reusePort, token, endpoints: adminEndpoints(actions), onFault })
}

function routeOrigins({ routes }: Config): readonly RouteOrigins[] {
  return routes.flatMap((route) =>
    route.passthrough === undefined ? [{ match: route.match, origins: route.origin }] : [],
  )
}

function listenOf({ address, highWaterMark, reusePort, tls }: ListenConfig): Listen {
  return { ...hostAndPort(address), highWaterMarkBytes: highWaterMark, reusePort, tls }
}

function hostAndPort(address: string): HostAndPort {
  const parsed = parseAddress(address)
  if (parsed === undefined) throw new StartError(`cannot listen on ${address}: it is no host:port`)
  return parsed
}
