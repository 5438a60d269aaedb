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
import type { Config, ListenConfig, OriginConfig, RouteConfig } from './config/schema.ts'
import { StartError } from './errors.ts'
import { compilePattern } from './http/pattern.ts'
import { contentTypeFor, defaultTtlMs } from './media/types.ts'
import type { Logger } from './observe/log.ts'
import { createLog } from './observe/log.ts'
import { Throttle } from './observe/throttle.ts'
import {
  composeHttpOrigin,
  composeS3Origin,
  type ResilientDependencies,
  type ResilientOptions,
} from './origin/compose.ts'
import { failover } from './origin/failover.ts'
import type { HedgeSettings } from './origin/hedging.ts'
import type { Origin } from './origin/origin.ts'
import type { LimitSettings, PoolSettings } from './origin/settings.ts'
import type { AccessLog } from './server/exchange.ts'
import { createHandler } from './server/handler.ts'
import type { Route } from './server/router.ts'
import type { Listen } from './server/server.ts'
import { startServer } from './server/server.ts'

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
  const handler = createHandler({
    routes: config.routes.map((route) => makeRoute(route, originOf(route, origins, clock, log))),
    cache,
    clock,
    accessLog: config.log.access ? (record) => log.info(record, 'request') : discardRecord,
    onFault,
    randomBoundary: randomUUID,
    clientStallMs: options.clientStallMs ?? CLIENT_STALL_MS,
  })
  const closeBehind = async () => {
    await cache.close()
    await Promise.all([...origins.values()].map((origin) => origin.close()))
  }

  try {
    const server = await startServer(config.listen.map(listenOf), handler, { clock, onFault })
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

function makeOrigin(name: string, config: OriginConfig, dependencies: ResilientDependencies): Origin {
  const rules = rulesOf(config)
  switch (config.type) {
    case 's3': {
      const { endpoint, region, bucket, credentials, forcePathStyle, keyPrefix, retry } = config
      const signing = credentials && { credentials: 'anonymous' in credentials ? ('anonymous' as const) : credentials }
      const store = { endpoint, region, bucket, ...signing, forcePathStyle, keyPrefix, mode: retry.mode }
      return composeS3Origin(name, { ...store, ...rules }, dependencies)
    }
    case 'http':
      return composeHttpOrigin(name, { url: config.url, ...rules }, dependencies)
    default:
      return config satisfies never
  }
}

/** What every origin is put under. */
function rulesOf({ pool, limits, retry, breaker, hedge }: OriginConfig): OriginRules {
  return {
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
    retry: { maxAttempts: retry.maxAttempts, deadlineMs: retry.deadline },
    breaker: {
      errorRate: breaker.errorRate,
      minRequests: breaker.minRequests,
      windowMs: breaker.window,
      openForMs: breaker.openFor,
    },
    hedge: hedge && hedgeOf(hedge),
  }
}

interface OriginRules extends ResilientOptions {
  readonly pool: PoolSettings
  readonly limits: LimitSettings
}

function hedgeOf(config: NonNullable<OriginConfig['hedge']>): HedgeSettings {
  const trigger = 'percentile' in config ? { percentile: config.percentile } : { afterMs: config.after }
  return { trigger, maxShare: config.maxShare }
}

/** What a route asks: one origin, or several in order. */
function originOf(route: RouteConfig, origins: ReadonlyMap<string, Origin>, clock: Clock, log: Logger): Origin {
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

function makeRoute(config: RouteConfig, origin: Origin): Route {
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
