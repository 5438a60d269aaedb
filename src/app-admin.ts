/** The admin API wired to the program's parts. */

import type { AdminActions } from './admin/endpoints.ts'
import type { HealthSources } from './admin/health.ts'
import type { ObjectFound } from './admin/schemas.ts'
import { warm } from './admin/warm.ts'
import type { Cache } from './cache/cache.ts'
import type { Inspected } from './cache/inspect.ts'
import type { Store } from './cache/store.ts'
import type { Clock } from './clock.ts'
import type { Logger } from './observe/log.ts'
import type { Metrics } from './observe/metrics.ts'
import type { Traffic } from './observe/traffic.ts'
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
  readonly reload: AdminActions['reload']
}

export function adminActions(parts: AdminParts): AdminActions {
  const { health, routes, cache, store, clock, log, traffic, metrics, reload } = parts
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
