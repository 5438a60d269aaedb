/** TrafficTotals: all traffic since the start in a few sums, for those who look each second. */

import type { CacheResult } from './access-record.ts'
import { BOUNDS_MS } from './histogram.ts'

/** Numbers only ever grow from one reading to the next. */
export class TrafficTotals {
  requests = 0
  hits = 0
  /** Of bodies, handed to connections. */
  bytes = 0
  hitBytes = 0
  /** Statuses 400 to 499, with the 499 of clients that left before there was an answer. */
  clientErrors = 0
  /** Statuses from 500 on, and answers that were cut off. */
  serverErrors = 0
  /** Times to the first byte, counted as a {@link HistogramReading} has them. */
  readonly ttfbHit: number[] = BOUNDS_MS.map(() => 0).concat(0)
  readonly ttfbMiss: number[] = BOUNDS_MS.map(() => 0).concat(0)

  /** Exchanges of one status and cache result; those that were cut are among the requests. */
  add(
    status: number,
    result: CacheResult,
    { requests, bytes, cut }: Readonly<Record<'requests' | 'bytes' | 'cut', number>>,
  ): void {
    this.requests += requests
    this.bytes += bytes
    if (result === 'hit') {
      this.hits += requests
      this.hitBytes += bytes
    }
    if (status >= 500) this.serverErrors += requests
    else this.serverErrors += cut
    if (status >= 400 && status < 500) this.clientErrors += requests
  }
}
