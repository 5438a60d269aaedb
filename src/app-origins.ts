/** Origins out of their configuration: each with its client, its limits, and what makes up for its failures. */

import type { Clock } from './clock.ts'
import type { CachedRouteConfig, OriginConfig } from './config/schema.ts'
import type { Logger } from './observe/log.ts'
import {
  composeHttpOrigin,
  composeS3Origin,
  type ResilientDependencies,
  type ResilientOptions,
  type ResilientOrigin,
} from './origin/compose.ts'
import { failover } from './origin/failover.ts'
import type { HedgeSettings } from './origin/hedging.ts'
import type { Origin } from './origin/origin.ts'
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
  origins: ReadonlyMap<string, Origin>,
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
  return failover(first, others, { onNotFound: route.failoverOnNotFound, clock, log })
}
