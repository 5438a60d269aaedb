/**
 * Traffic: what has been answered since the start, in plain numbers that an exchange adds to and a scrape reads.
 *
 * Everything is counted by route. Statuses come from origins, three digits each, so that what is kept stays bounded
 * whatever clients ask for.
 *
 * Invariant: recording allocates only what a route, status and cache result need the first time they come together.
 */

import type { AccessRecord, CacheResult } from './access-record.ts'
import { CACHE_RESULTS } from './access-record.ts'
import { Histogram, type HistogramReading } from './histogram.ts'
import { TrafficTotals } from './traffic-totals.ts'

/** Exchanges of one route that had the same status and cache result. */
export interface TrafficCount {
  /** Its pattern; undefined for requests that no route matched. */
  readonly route: string | undefined
  readonly status: number
  readonly result: CacheResult
  readonly requests: number
  /** Body bytes handed to connections. */
  readonly bytes: number
  /** Of the requests, those whose client left before the end of the answer. */
  readonly left: number
  /** Of the requests, those whose answer was cut off because its body failed. */
  readonly cut: number
}

/**
 * Who did most of the waiting: `hit`, this program's memory; `miss`, the origin of a route with a cache; `bypass`, a
 * server behind a route without one, whose answers may be conversations of hours.
 */
export type Served = 'hit' | 'miss' | 'bypass'

/** How long exchanges of one route took, in milliseconds. Refusals and other answers of our own are not among them. */
export interface TrafficTimes {
  readonly route: string | undefined
  readonly served: Served
  readonly ttfbMs: HistogramReading
  readonly durationMs: HistogramReading
}

/** Told of exchanges, and read by whoever wants to show them. */
export class Traffic {
  readonly #routes = new Map<string | undefined, RouteTraffic>()

  record(record: AccessRecord): void {
    let route = this.#routes.get(record.route)
    if (route === undefined) {
      route = new RouteTraffic(record.route)
      this.#routes.set(record.route, route)
    }
    route.record(record)
  }

  /** All there are, by route in the order in which the first request came. Numbers only ever grow. */
  counts(): TrafficCount[] {
    return [...this.#routes.values()].flatMap((route) => route.counts())
  }

  times(): TrafficTimes[] {
    return [...this.#routes.values()].flatMap((route) => route.times())
  }

  /** Of all routes together. Costs much less than the two above. */
  totals(): TrafficTotals {
    const totals = new TrafficTotals()
    for (const route of this.#routes.values()) route.addTo(totals)
    return totals
  }
}

interface Count {
  requests: number
  bytes: number
  left: number
  cut: number
}

interface Times {
  readonly ttfb: Histogram
  readonly duration: Histogram
}

const RESULT_INDEX = Object.fromEntries(CACHE_RESULTS.map((result, index) => [result, index])) as Readonly<
  Record<CacheResult, number>
>
const RESULTS = CACHE_RESULTS.length

const statusOf = (index: number) => Math.floor(index / RESULTS)
const resultOf = (index: number) => CACHE_RESULTS[index % RESULTS] ?? 'none'

class RouteTraffic {
  readonly #route: string | undefined
  /** By status times results plus the result's index. */
  readonly #counts = new Map<number, Count>()
  readonly #times = new Map<Served, Times>()

  constructor(route: string | undefined) {
    this.#route = route
  }

  record({ status, result, bytes, end, ttfbMs, durationMs }: AccessRecord): void {
    const count = this.#countFor(status * RESULTS + RESULT_INDEX[result])
    count.requests += 1
    count.bytes += bytes
    if (end === 'left') count.left += 1
    else if (end === 'cut') count.cut += 1
    const served = servedBy(result)
    if (served === undefined) return
    const times = this.#timesFor(served)
    if (ttfbMs !== undefined) times.ttfb.observe(ttfbMs)
    times.duration.observe(durationMs)
  }

  counts(): TrafficCount[] {
    return [...this.#counts].map(([index, count]) => ({
      route: this.#route,
      status: statusOf(index),
      result: resultOf(index),
      ...count,
    }))
  }

  times(): TrafficTimes[] {
    return [...this.#times].map(([served, { ttfb, duration }]) => ({
      route: this.#route,
      served,
      ttfbMs: ttfb.read(),
      durationMs: duration.read(),
    }))
  }

  addTo(totals: TrafficTotals): void {
    for (const [index, count] of this.#counts) totals.add(statusOf(index), resultOf(index), count)
    this.#times.get('hit')?.ttfb.addTo(totals.ttfbHit)
    this.#times.get('miss')?.ttfb.addTo(totals.ttfbMiss)
  }

  #countFor(index: number): Count {
    const known = this.#counts.get(index)
    if (known !== undefined) return known
    const count = { requests: 0, bytes: 0, left: 0, cut: 0 }
    this.#counts.set(index, count)
    return count
  }

  #timesFor(served: Served): Times {
    const known = this.#times.get(served)
    if (known !== undefined) return known
    const times = { ttfb: new Histogram(), duration: new Histogram() }
    this.#times.set(served, times)
    return times
  }
}

function servedBy(result: CacheResult): Served | undefined {
  switch (result) {
    case 'hit':
      return 'hit'
    case 'bypass':
      return 'bypass'
    case 'none':
      return undefined
    default:
      return 'miss'
  }
}
