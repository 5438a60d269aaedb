/** Traffic as /stats shows it: what was counted by route, status and cache result, added up. */

import type { TrafficCount } from '../observe/traffic.ts'
import type { TrafficStats } from './schemas.ts'

type Sums = Omit<TrafficStats, 'statuses' | 'results' | 'routes'>

export function trafficStats(counts: readonly TrafficCount[]): TrafficStats {
  const byRoute = Map.groupBy(counts, ({ route }) => route)
  return {
    ...sum(counts),
    statuses: requestsBy(counts, ({ status }) => String(status)),
    results: requestsBy(counts, ({ result }) => result),
    routes: [...byRoute].map(([route, ofRoute]) => ({ ...(route !== undefined && { route }), ...sum(ofRoute) })),
  }
}

function sum(counts: readonly TrafficCount[]): Sums {
  const sums = { requests: 0, bytes: 0, hits: 0, hitBytes: 0, left: 0, cut: 0 }
  for (const { result, requests, bytes, left, cut } of counts) {
    sums.requests += requests
    sums.bytes += bytes
    sums.left += left
    sums.cut += cut
    if (result !== 'hit') continue
    sums.hits += requests
    sums.hitBytes += bytes
  }
  return sums
}

function requestsBy(counts: readonly TrafficCount[], nameOf: (count: TrafficCount) => string): Record<string, number> {
  const by: Record<string, number> = {}
  for (const count of counts) by[nameOf(count)] = (by[nameOf(count)] ?? 0) + count.requests
  return by
}
