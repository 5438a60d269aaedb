/**
 * Origins out of their configuration: each with its client, its limits, and what makes up for its failures.
 *
 * Those of a newer configuration are prepared beside the ones that work, and take their places all at once or not at
 * all. One whose section has not changed stays as it is, with its connections and its circuit.
 */

import { isDeepStrictEqual } from 'node:util'
import type { OriginState } from './admin/health.ts'
import type { Clock } from './clock.ts'
import { isSameOrigin, isSamePlace } from './config/changes.ts'
import type { CachedRouteConfig, Config, OriginConfig } from './config/schema.ts'
import { Histogram } from './observe/histogram.ts'
import type { Logger } from './observe/log.ts'
import type { OriginReading } from './observe/origin-metrics.ts'
import {
  composeHttpOrigin,
  composeS3Origin,
  type ResilientDependencies,
  type ResilientOptions,
  type ResilientOrigin,
} from './origin/compose.ts'
import { OriginCounts } from './origin/counts.ts'
import { failover } from './origin/failover.ts'
import type { HedgeSettings } from './origin/hedging.ts'
import { LeftOrigins } from './origin/left-origins.ts'
import type { Origin } from './origin/origin.ts'
import { ReplaceableOrigin } from './origin/replaceable.ts'
import type { LimitSettings, PoolSettings } from './origin/settings.ts'

/** The origin of one section of the file, under everything that is put around its client. */
export function makeOrigin(name: string, config: OriginConfig, dependencies: ResilientDependencies): ResilientOrigin {
  const rules = rulesOf(config)
  switch (config.type) {
    case 's3': {
      const { endpoint, region, bucket, credentials, forcePathStyle, keyPrefix, transport, retry } = config
      const signing = credentials && { credentials: 'anonymous' in credentials ? ('anonymous' as const) : credentials }
      const store = { endpoint, region, bucket, ...signing, forcePathStyle, keyPrefix, transport, mode: retry.mode }
      return composeS3Origin(name, { ...store, ...rules }, dependencies)
    }
    case 'http':
      return composeHttpOrigin(name, { url: config.url, ...rules }, dependencies)
    default:
      return config satisfies never
  }
}

interface Running {
  readonly config: OriginConfig
  readonly origin: ReplaceableOrigin
}

interface Counted {
  readonly counts: OriginCounts
  readonly queueWait: Histogram
}

/** What a newer configuration has that differs. */
export interface PreparedOrigins {
  /** Origins of a bucket whose keys have changed: they have not been used yet. */
  readonly rekeyed: readonly ResilientOrigin[]
  /** Takes their places. @returns names under which other objects are to be found now, or none */
  apply(): readonly string[]
  /** Lets go of what was prepared. */
  discard(): Promise<void>
}

export class Origins {
  readonly #dependencies: ResilientDependencies
  readonly #left = new LeftOrigins()
  #running: ReadonlyMap<string, Running> = new Map()
  /** Of every name there has been: a newer configuration goes on with them. */
  readonly #counted = new Map<string, Counted>()

  constructor(dependencies: ResilientDependencies) {
    this.#dependencies = dependencies
  }

  get(name: string): Origin | undefined {
    return this.#running.get(name)?.origin
  }

  prepare(configs: Config['origins']): PreparedOrigins {
    const made = new Map<string, ResilientOrigin>()
    const rekeyed: ResilientOrigin[] = []
    for (const [name, config] of Object.entries(configs)) {
      const running = this.#running.get(name)?.config
      if (running !== undefined && isSameOrigin(running, config)) continue
      const origin = makeOrigin(name, config, { ...this.#dependencies, counts: this.#countedFor(name).counts })
      made.set(name, origin)
      if (running !== undefined && hasNewKeys(running, config)) rekeyed.push(origin)
    }
    return {
      rekeyed,
      apply: () => this.#apply(configs, made),
      discard: async () => {
        await Promise.all([...made.values()].map((origin) => origin.close()))
      },
    }
  }

  #apply(configs: Config['origins'], made: ReadonlyMap<string, ResilientOrigin>): readonly string[] {
    const before = this.#running
    const moved: string[] = []
    const next = new Map<string, Running>()
    for (const [name, config] of Object.entries(configs)) {
      const running = before.get(name)
      const origin = made.get(name)
      if (running === undefined) {
        if (origin !== undefined) next.set(name, { config, origin: new ReplaceableOrigin(origin) })
        continue
      }
      if (origin !== undefined) running.origin.replace(origin)
      if (!isSamePlace(running.config, config)) moved.push(name)
      next.set(name, { config, origin: running.origin })
    }
    const gone = [...before].filter(([name]) => !next.has(name))
    moved.push(...gone.map(([name]) => name))
    this.#left.add(gone.map(([, { origin }]) => origin))
    this.#running = next
    return moved
  }

  states(): readonly OriginState[] {
    return [...this.#running].map(([name, { config, origin }]) => {
      const { maxSockets, maxQueued } = config.pool
      return { name, circuit: origin.circuit(), pool: { ...origin.usage(), maxSockets, maxQueued } }
    })
  }

  readings(): readonly OriginReading[] {
    return this.states().map((state) => {
      const { counts, queueWait } = this.#countedFor(state.name)
      const allowedPerSecond = this.#running.get(state.name)?.origin.allowedPerSecond() ?? Number.POSITIVE_INFINITY
      return { ...state, allowedPerSecond, counts, queueWaitMs: queueWait.read() }
    })
  }

  /** What asking the origin of this name has come to. */
  counts(name: string): OriginCounts {
    return this.#countedFor(name).counts
  }

  /** Of bodies since the start, from every origin that there has been. */
  get receivedBytes(): number {
    let sum = 0
    for (const { counts } of this.#counted.values()) sum += counts.receivedBytes
    return sum
  }

  #countedFor(name: string): Counted {
    const known = this.#counted.get(name)
    if (known !== undefined) return known
    const queueWait = new Histogram()
    const counted = { counts: new OriginCounts(queueWait), queueWait }
    this.#counted.set(name, counted)
    return counted
  }

  /** Ends idle connections now and the others when their answers end. */
  async close(): Promise<void> {
    await Promise.all([this.#left.close(), ...[...this.#running.values()].map(({ origin }) => origin.close())])
  }
}

function hasNewKeys(a: OriginConfig, b: OriginConfig): boolean {
  return a.type === 's3' && b.type === 's3' && !isDeepStrictEqual(a.credentials, b.credentials)
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
export function originOf(
  route: CachedRouteConfig,
  origins: Pick<Origins, 'get' | 'counts'>,
  clock: Clock,
  log: Logger,
): Origin {
  const [first, ...others] = route.origin.map((name) => {
    const origin = origins.get(name)
    if (origin === undefined) throw new Error(`route ${route.match} names no origin that exists: ${name}`)
    return origin
  })
  if (first === undefined) throw new Error(`route ${route.match} names no origin`)
  if (others.length === 0) return first
  for (const [index, next] of others.entries()) origins.counts((others[index - 1] ?? first).name).mayFailOver(next.name)
  return failover(first, others, {
    onNotFound: route.failoverOnNotFound,
    clock,
    log,
    onFailover: (name, next, reason) => {
      origins.counts(name).mayFailOver(next)[reason] += 1
    },
  })
}
