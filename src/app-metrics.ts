/** The metrics wired to the program's parts. */

import type { Cache } from './cache/cache.ts'
import type { Store } from './cache/store.ts'
import { createMetrics, type Metrics } from './observe/metrics.ts'
import type { OriginReading } from './observe/origin-metrics.ts'
import type { Reloads } from './observe/reloads.ts'
import type { Traffic } from './observe/traffic.ts'
import type { Certificate } from './server/certificates.ts'
import type { ConnectionLimit } from './server/connection-limit.ts'

export interface MetricsParts {
  readonly traffic: Traffic
  readonly origins: { readings(): readonly OriginReading[] }
  readonly cache: Cache
  readonly store: Store
  readonly connectionLimit: ConnectionLimit
  readonly certificates: Certificates
  readonly reloads: Reloads
  readonly lostLogLines: () => number
}

export function appMetrics(parts: MetricsParts): Metrics {
  const { traffic, origins, cache, store, connectionLimit, certificates, reloads, lostLogLines } = parts
  return createMetrics({
    traffic,
    reloads,
    lostLogLines,
    origins: () => origins.readings(),
    cache: () => ({
      ...store.usage(),
      ...cache.counts,
      fillsInProgress: cache.fills,
      sliceRequestsInProgress: cache.runs,
    }),
    connections: () => ({
      open: connectionLimit.count,
      refused: {
        all: connectionLimit.refused.connections,
        perClient: connectionLimit.refused['connections of one client'],
      },
    }),
    certificates: () => certificates.all(),
  })
}

/** The certificates that were read last, by file. */
export class Certificates {
  readonly #byFile = new Map<string, Certificate>()

  add(certificate: Certificate): void {
    this.#byFile.set(certificate.file, certificate)
  }

  all(): Iterable<Certificate> {
    return this.#byFile.values()
  }
}
