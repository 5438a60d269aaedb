/**
 * Composition root: a configuration becomes wired, running parts, and nothing else decides what is wired to what.
 *
 * `startApp` either gives back a program that serves on every configured address, or leaves nothing open behind.
 */

import { randomUUID } from 'node:crypto'
import type { FillFailure } from './cache/cache.ts'
import { Cache } from './cache/cache.ts'
import type { CacheRules } from './cache/policy.ts'
import { Store } from './cache/store.ts'
import type { Clock } from './clock.ts'
import { parseAddress } from './config/address.ts'
import type {
  CachedRouteConfig,
  Config,
  ListenConfig,
  PassthroughRouteConfig,
  S3OriginConfig,
} from './config/schema.ts'
import type { OriginError } from './errors.ts'
import { StartError } from './errors.ts'
import { compilePattern } from './http/pattern.ts'
import { contentTypeFor, defaultTtlMs } from './media/types.ts'
import type { Logger } from './observe/log.ts'
import { createLog } from './observe/log.ts'
import { Throttle } from './observe/throttle.ts'
import { composeS3Origin, type ResilientDependencies } from './origin/compose.ts'
import { failover } from './origin/failover.ts'
import type { HedgeSettings } from './origin/hedging.ts'
import type { Origin } from './origin/origin.ts'
import type { AccessLog } from './server/exchange.ts'
import { createHandler } from './server/handler.ts'
import { isPassthrough, passedTraffic } from './server/passed-traffic.ts'
import type { PassthroughOptions } from './server/passthrough.ts'
import { Passthrough } from './server/passthrough.ts'
import type { AnyRoute, PassthroughRoute, Route } from './server/router.ts'
import type { Listen } from './server/server.ts'
import { startServer } from './server/server.ts'
import { Uploads } from './server/uploads.ts'

export interface AppOptions {
  /** How long answers under way may take to finish once the program is told to end. */
  readonly graceMs?: number
  /** How long a client may take no byte of an answer that waits for it. */
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
  /** Stops accepting, finishes answers within the grace time, then lets go of fills and origin connections. */
  close(): Promise<void>
}

const DEFAULT_GRACE_MS = 30_000
/** Longer than any player waits before it gives up a segment. */
const CLIENT_STALL_MS = 60_000
/** One log line an origin and kind of failure in this time. */
const FAILURE_LOG_MS = 1000

/** @throws {StartError} when an address cannot be listened on */
export async function startApp(config: Config, options: AppOptions = {}): Promise<RunningApp> {
  const clock = options.clock ?? systemClock
  const log = createLog(config.log, options.log)
  const dependencies = { clock, log, random: options.random ?? Math.random }
  const origins = new Map(
    Object.entries(config.origins).map(([name, it]) => [name, makeOrigin(name, it, dependencies)]),
  )
  const store = new Store(config.cache.memory)
  const cache = new Cache({
    store,
    clock,
    maxObjectBytes: config.cache.maxObject,
    sliceBytes: config.cache.slice,
    contentTypeFor,
    onFillFailed: failureLog(log, clock),
  })
  const onFault = (error: unknown) => log.error({ err: error }, 'a fault of this program')
  const accessLog: AccessLog = config.log.access ? (record) => log.info(record, 'request') : discardRecord
  const clientStallMs = options.clientStallMs ?? CLIENT_STALL_MS
  const uploads = new Uploads()
  const routes = config.routes.map((route): AnyRoute => {
    if (route.passthrough === undefined) return makeRoute(route, originOf(route, origins, clock, log))
    return makePassthroughRoute(route, {
      clock,
      clientStallMs,
      uploads,
      onFault,
      onFailure: passingLog(route, log, clock),
    })
  })
  const handler = createHandler({
    routes,
    cache,
    clock,
    accessLog,
    onFault,
    randomBoundary: randomUUID,
    clientStallMs,
  })
  const passed = passedTraffic({ routes, clock, accessLog, uploads })
  const closeBehind = async () => {
    for (const { passthrough } of routes.filter(isPassthrough)) passthrough.close()
    await cache.close()
    await Promise.all([...origins.values()].map((origin) => origin.close()))
  }

  try {
    const server = await startServer(config.listen.map(listenOf), handler, { clock, onFault, passed })
    for (const listener of server.listeners) log.info(listener, 'listening')
    return {
      addresses: server.listeners,
      close: async () => {
        log.info('draining')
        await server.close(options.graceMs ?? DEFAULT_GRACE_MS)
        await closeBehind()
        log.info('closed')
      },
    }
  } catch (error) {
    await closeBehind()
    throw error
  }
}

const systemClock: Clock = {
  now: Date.now,
  after: (delayMs, callback) => {
    const timeout = setTimeout(callback, delayMs).unref()
    return { refresh: () => void timeout.refresh(), cancel: () => clearTimeout(timeout) }
  },
}

const discardRecord: AccessLog = () => undefined

function makeOrigin(name: string, config: S3OriginConfig, dependencies: ResilientDependencies): Origin {
  const { pool, limits, retry, breaker, hedge, credentials } = config
  return composeS3Origin(
    name,
    {
      endpoint: config.endpoint,
      region: config.region,
      bucket: config.bucket,
      ...(credentials && { credentials: 'anonymous' in credentials ? ('anonymous' as const) : credentials }),
      forcePathStyle: config.forcePathStyle,
      keyPrefix: config.keyPrefix,
      pool: {
        maxSockets: pool.maxSockets,
        maxFreeSockets: pool.maxFreeSockets,
        connectTimeoutMs: pool.connectTimeout,
        responseTimeoutMs: pool.responseTimeout,
        idleTimeoutMs: pool.idleTimeout,
        stallTimeoutMs: pool.stallTimeout,
        acquisitionWarningMs: pool.acquisitionWarning,
        maxQueued: pool.maxQueued,
      },
      limits: { requestsPerSecond: limits.requestsPerSecond, queueTimeoutMs: limits.queueTimeout },
      mode: retry.mode,
      retry: { maxAttempts: retry.maxAttempts, deadlineMs: retry.deadline },
      breaker: {
        errorRate: breaker.errorRate,
        minRequests: breaker.minRequests,
        windowMs: breaker.window,
        openForMs: breaker.openFor,
      },
      hedge: hedge && hedgeOf(hedge),
    },
    dependencies,
  )
}

function hedgeOf(config: NonNullable<S3OriginConfig['hedge']>): HedgeSettings {
  const trigger = 'percentile' in config ? { percentile: config.percentile } : { afterMs: config.after }
  return { trigger, maxShare: config.maxShare }
}

/** What a route asks: one origin, or several in order. */
function originOf(route: CachedRouteConfig, origins: ReadonlyMap<string, Origin>, clock: Clock, log: Logger): Origin {
  const [first, ...others] = route.origin.map((name) => {
    const origin = origins.get(name)
    if (origin === undefined) throw new Error(`route ${route.match} names no origin that exists: ${name}`)
    return origin
  })
  if (first === undefined) throw new Error(`route ${route.match} names no origin`)
  if (others.length === 0) return first
  return failover(first, others, { onNotFound: route.failoverOnNotFound, clock, log })
}

function listenOf({ address, highWaterMark }: ListenConfig): Listen {
  const parsed = parseAddress(address)
  if (parsed === undefined) throw new StartError(`cannot listen on ${address}: it is no host:port`)
  return { ...parsed, highWaterMarkBytes: highWaterMark }
}

function makeRoute(config: CachedRouteConfig, origin: Origin): Route {
  const negativeTtlMs = new Map(Object.entries(config.negativeTtl).map(([status, ms]) => [Number(status), ms]))
  const rulesFor = (objectKey: string): CacheRules => ({
    ttlMs: config.ttl,
    defaultTtlMs: config.defaultTtl ?? defaultTtlMs(objectKey),
    negativeTtlMs,
  })
  return {
    match: config.match,
    pattern: compilePattern(config.match),
    origin,
    stripPrefix: config.stripPrefix,
    rulesFor,
    queryInclude: config.query?.include ?? [],
    responseHeaders: Object.entries(config.responseHeaders).flat(),
  }
}

function makePassthroughRoute(
  { match, passthrough, responseHeaders }: PassthroughRouteConfig,
  options: Omit<PassthroughOptions, 'target'>,
): PassthroughRoute {
  return {
    match,
    pattern: compilePattern(match),
    passthrough: new Passthrough({ ...options, target: new URL(passthrough) }),
    responseHeaders: Object.entries(responseHeaders).flat(),
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
