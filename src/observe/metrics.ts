/**
 * What /metrics says, read at the scrape from the plain numbers that the parts keep anyway.
 *
 * Labels are names out of the configuration, statuses and words of ours, never paths or anything else of a client's, so
 * that there are as many series as there are routes and origins times a few dozen, whoever asks for what.
 */

import { Exposition, type Sample } from './exposition.ts'
import { addOriginMetrics, type OriginReading } from './origin-metrics.ts'
import { processMetrics } from './process-metrics.ts'
import { addProgramMetrics, type ProgramSources } from './program-metrics.ts'
import type { TrafficCount, TrafficTimes } from './traffic.ts'

/** Where figures are looked up, each time anew. */
export interface MetricsSources extends ProgramSources {
  readonly traffic: { counts(): readonly TrafficCount[]; times(): readonly TrafficTimes[] }
  readonly origins: () => readonly OriginReading[]
  readonly cache: () => CacheReading
  readonly connections: () => ConnectionsReading
  readonly certificates: () => Iterable<{ readonly file: string; readonly validToMs: number }>
}

export interface CacheReading {
  readonly maxBytes: number
  readonly cachedBytes: number
  readonly inFlightBytes: number
  readonly heldBytes: number
  readonly entries: number
  readonly evictions: number
  readonly fillsInProgress: number
  readonly sliceRequestsInProgress: number
  readonly fills: {
    readonly complete: number
    readonly notModified: number
    readonly uncacheable: number
    readonly failed: number
  }
  readonly passed: number
}

export interface ConnectionsReading {
  readonly open: number
  /** By limit. */
  readonly refused: { readonly all: number; readonly perClient: number }
}

export interface Metrics {
  readonly contentType: string
  readonly text: () => Promise<string>
}

const PREFIX = 'segment_shield'
/** In place of a route, for requests that none matched. */
const NO_ROUTE = 'none'
const TOO_MANY_REQUESTS = 429

/** Begins to measure the process. */
export function createMetrics(sources: MetricsSources): Metrics {
  const exposition = new Exposition()
  addTrafficMetrics(exposition, sources.traffic)
  addConnectionMetrics(exposition, sources)
  addCacheMetrics(exposition, sources.cache)
  addOriginMetrics(exposition, sources.origins)
  addProgramMetrics(exposition, sources)
  const ofProcess = processMetrics()
  return {
    contentType: Exposition.contentType,
    text: async () => `${await exposition.text()}\n${await ofProcess()}`,
  }
}

function addTrafficMetrics(exposition: Exposition, traffic: MetricsSources['traffic']): void {
  exposition.counter({
    name: `${PREFIX}_requests_total`,
    help: 'Requests answered, by route, status and what the cache did (RFC 9211).',
    labelNames: ['route', 'status', 'result'],
    read: () =>
      traffic.counts().map(({ route = NO_ROUTE, status, result, requests }) => ({
        labels: { route, status: String(status), result },
        value: requests,
      })),
  })
  exposition.counter({
    name: `${PREFIX}_response_bytes_total`,
    help: 'Bytes of bodies handed to clients, by what the cache did.',
    labelNames: ['route', 'result'],
    read: () =>
      traffic.counts().map(({ route = NO_ROUTE, result, bytes }) => ({ labels: { route, result }, value: bytes })),
  })
  exposition.counter({
    name: `${PREFIX}_saved_bytes_total`,
    help: 'Of the bytes handed to clients, those that no origin was asked for: hits, and requests that joined a fill.',
    labelNames: ['route'],
    read: () =>
      traffic.counts().map(({ route = NO_ROUTE, result, bytes }) => ({
        labels: { route },
        value: result === 'hit' || result === 'collapsed' ? bytes : 0,
      })),
  })
  exposition.counter({
    name: `${PREFIX}_unfinished_responses_total`,
    help: 'Answers that did not end whole: left by the client, or cut off because the body failed.',
    labelNames: ['route', 'end'],
    read: () =>
      traffic.counts().flatMap(({ route = NO_ROUTE, left, cut }) => [
        { labels: { route, end: 'left' }, value: left },
        { labels: { route, end: 'cut' }, value: cut },
      ]),
  })
  const times = (readingOf: (times: TrafficTimes) => TrafficTimes['ttfbMs']) => () =>
    traffic.times().map((one) => ({
      labels: { route: one.route ?? NO_ROUTE, served: one.served },
      reading: readingOf(one),
    }))
  const labelNames = ['route', 'served']
  exposition.histogram({
    name: `${PREFIX}_time_to_first_byte_seconds`,
    help: 'From the request to the header of its answer: hits, misses, and routes without a cache (bypass).',
    labelNames,
    read: times(({ ttfbMs }) => ttfbMs),
  })
  exposition.histogram({
    name: `${PREFIX}_request_duration_seconds`,
    help: 'From the request to the last byte that left, at the pace of the client.',
    labelNames,
    read: times(({ durationMs }) => durationMs),
  })
}

function addConnectionMetrics(
  exposition: Exposition,
  { connections, traffic, certificates }: Pick<MetricsSources, 'connections' | 'traffic' | 'certificates'>,
): void {
  exposition.gauge({
    name: `${PREFIX}_connections`,
    help: 'Connections of clients that are open.',
    read: () => [{ labels: {}, value: connections().open }],
  })
  exposition.counter({
    name: `${PREFIX}_refusals_total`,
    help: 'Connections and requests refused, by the limit that was reached.',
    labelNames: ['limit'],
    read: () => {
      const { all, perClient } = connections().refused
      return [
        { labels: { limit: 'connections' }, value: all },
        { labels: { limit: 'client_connections' }, value: perClient },
        { labels: { limit: 'client_requests' }, value: refusedByRate(traffic.counts()) },
      ]
    },
  })
  exposition.gauge({
    name: `${PREFIX}_certificate_expiry_timestamp_seconds`,
    help: 'When the certificate of a listener expires.',
    labelNames: ['file'],
    read: () => [...certificates()].map(({ file, validToMs }) => ({ labels: { file }, value: validToMs / 1000 })),
  })
}

/** Our own 429; an origin's is about an object. */
function refusedByRate(counts: readonly TrafficCount[]): number {
  return counts.reduce(
    (sum, { status, result, requests }) => (status === TOO_MANY_REQUESTS && result === 'none' ? sum + requests : sum),
    0,
  )
}

function addCacheMetrics(exposition: Exposition, cache: () => CacheReading): void {
  const one = (figure: (reading: CacheReading) => number) => (): Sample[] => [{ labels: {}, value: figure(cache()) }]
  exposition.gauge({
    name: `${PREFIX}_cache_bytes`,
    help: 'Memory: cached; in flight, for fills under way; held by readers alone, beside the other two and the bound.',
    labelNames: ['state'],
    read: () => {
      const { cachedBytes, inFlightBytes, heldBytes } = cache()
      return [
        { labels: { state: 'cached' }, value: cachedBytes },
        { labels: { state: 'in_flight' }, value: inFlightBytes },
        { labels: { state: 'held' }, value: heldBytes },
      ]
    },
  })
  const level = (name: string, help: string, figure: (reading: CacheReading) => number) =>
    exposition.gauge({ name: `${PREFIX}_${name}`, help, read: one(figure) })
  level('cache_max_bytes', 'The bound of what is cached and in flight.', ({ maxBytes }) => maxBytes)
  level('cache_entries', 'Answers and slices stored.', ({ entries }) => entries)
  level('fills_in_progress', 'Fetches from origins that grow a stored answer.', (reading) => reading.fillsInProgress)
  level(
    'slice_requests_in_progress',
    'Requests for slices of large objects.',
    ({ sliceRequestsInProgress }) => sliceRequestsInProgress,
  )
  exposition.counter({
    name: `${PREFIX}_cache_evictions_total`,
    help: 'Answers and slices dropped to make room.',
    read: one(({ evictions }) => evictions),
  })
  exposition.counter({
    name: `${PREFIX}_fills_total`,
    help: 'Fills that are over, by how they ended.',
    labelNames: ['end'],
    read: () => {
      const { complete, notModified, uncacheable, failed } = cache().fills
      const ends = Object.entries({ complete, not_modified: notModified, uncacheable, failed })
      return ends.map(([end, value]) => ({ labels: { end }, value }))
    },
  })
  exposition.counter({
    name: `${PREFIX}_passed_answers_total`,
    help: 'Answers fetched for one request alone and not kept.',
    read: one(({ passed }) => passed),
  })
}
