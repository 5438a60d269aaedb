/** The admin API wired to the program's parts. */

import type { AdminActions, LiveSources } from './admin/endpoints.ts'
import type { HealthSources } from './admin/health.ts'
import type { ObjectFound } from './admin/schemas.ts'
import { warm } from './admin/warm.ts'
import type { Cache } from './cache/cache.ts'
import type { Inspected } from './cache/inspect.ts'
import type { Store } from './cache/store.ts'
import type { Clock } from './clock.ts'
import { LiveSamples } from './observe/live-samples.ts'
import type { Logger } from './observe/log.ts'
import type { Metrics } from './observe/metrics.ts'
import type { TopPaths } from './observe/top-paths.ts'
import type { Traffic } from './observe/traffic.ts'
import type { Troubles } from './observe/troubles.ts'
import type { ConnectionLimit } from './server/connection-limit.ts'
import { requestOwn } from './server/own-request.ts'
import { addressed, isAddressed, siteOf } from './server/public-address.ts'
import { purgeSelection } from './server/purge-selection.ts'
import type { Routes } from './server/router.ts'

export interface AdminParts {
  readonly health: HealthSources
  /** As they are when asked for. */
  readonly routes: () => Routes
  readonly cache: Cache
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly traffic: Traffic
  readonly metrics: Metrics
  readonly live: LiveSources
  readonly reload: AdminActions['reload']
}

export interface LiveParts {
  readonly traffic: Traffic
  readonly origins: {
    /** Of bodies, from every origin that there has been. */
    readonly receivedBytes: number
    states(): ReturnType<HealthSources['origins']>
  }
  readonly store: Store
  readonly cache: Cache
  readonly connectionLimit: ConnectionLimit
  readonly topPaths: TopPaths
  readonly troubles: Troubles
  readonly clock: Clock
  readonly version: string
}

/** Figures for whoever listens. They are taken from now on, until it is closed. */
export function liveSources(parts: LiveParts): LiveSources & { close(): void } {
  const { traffic, origins, store, cache, connectionLimit, topPaths, troubles, clock, version } = parts
  const levels = () => {
    const { cachedBytes, inFlightBytes, heldBytes } = store.usage()
    const pools = origins.states().map(({ pool }) => pool)
    return {
      connections: connectionLimit.count,
      fills: cache.fills,
      runs: cache.runs,
      cachedBytes,
      inFlightBytes,
      // It may be counted down before it has been counted up.
      heldBytes: Math.max(0, heldBytes),
      inUse: pools.reduce((sum, { inUse }) => sum + inUse, 0),
      queued: pools.reduce((sum, { queued }) => sum + queued, 0),
    }
  }
  const samples = new LiveSamples({ traffic, fetchedBytes: () => origins.receivedBytes, levels }, clock)
  return {
    samples,
    about: () => ({ version, topPaths: topPaths.top(), troubles: [...troubles.newest()] }),
    listen: () => topPaths.listen(),
    close: () => {
      samples.close()
      topPaths.close()
    },
  }
}

export function adminActions(parts: AdminParts): AdminActions {
  const { health, routes, cache, store, clock, log, traffic, metrics, live, reload } = parts
  const startedMs = clock.now()
  return {
    health,
    purge: async ({
      mode = 'hard',
      urls = [],
      prefixes = [],
      patterns = [],
      surrogateKeys = [],
      everything = false,
    }) => {
      const asked = { urls, prefixes, patterns, surrogateKeys, everything }
      const selection = purgeSelection(asked, routes())
      if ('kind' in selection) return selection
      const purged = await cache.purge(selection.selects, mode)
      // What was named may hold secrets of clients' queries.
      log.info({ mode, ...purged }, 'purged')
      return purged
    },
    warm: (asked, signal) => {
      const fetchOne = (address: string, isPlaylist: boolean, over: AbortSignal) =>
        requestOwn(address, isPlaylist, over, { routes: routes(), cache, clock })
      return warm(asked, fetchOne, signal)
    },
    inspect: async (address) => {
      const found = addressed(address, routes())
      if (found.kind === 'fault') return found
      const { answers, fills } = await cache.inspect(isAddressed([found]))
      return {
        path: found.path,
        route: found.route.match,
        origin: found.route.origin.name,
        answers: answers.map((one) => shown(one, found.route.http !== undefined)),
        fills: fills.map(({ state }) => ({ state })),
      }
    },
    reload,
    logLevel: {
      get: () => log.level,
      set: (level) => {
        log.level = level
      },
    },
    usage: () => ({
      uptimeMs: Math.max(0, clock.now() - startedMs),
      store: store.usage(),
      fills: cache.fills,
      runs: cache.runs,
    }),
    traffic: () => traffic.counts(),
    metrics,
    live,
  }
}

function shown(inspected: Inspected, isOfHttp: boolean): ObjectFound['answers'][number] {
  const { url, storedAtMs, variesBy, encodings, slices, ...said } = inspected
  return {
    ...said,
    ...(isOfHttp && { site: siteOf(url) }),
    storedAt: new Date(storedAtMs).toISOString(),
    variesBy: [...variesBy],
    encodings: [...encodings],
    slices: slices && { ...slices, ranges: slices.ranges.map(([first, last]) => [first, last]) },
  }
}
