/**
 * Exchange: one request and its answer, from the first look to the connection's `close`.
 *
 * It is recorded exactly once, however the answer ends, and is the record itself by then. It holds the decoded path but
 * never the query, where secrets travel.
 */

import type { Body } from '../cache/body.ts'
import type { Clock } from '../clock.ts'
import type { CacheStatus } from '../http/cache-status.ts'
import type { Addition } from '../media/playlist-rewriting.ts'
import type { AccessLog, AccessRecord, CacheResult, ExchangeEnd } from '../observe/access-record.ts'
import type { IncomingMessage, ServerResponse } from './messages.ts'

export type { AccessLog, AccessRecord }

export class Exchange implements AccessRecord {
  readonly startedMs: number
  readonly client: string | undefined
  readonly method: string | undefined
  path: string | undefined
  route: string | undefined
  origin: string | undefined
  cmcd: object | undefined
  /** What the children of a playlist are to carry, as this request did. A secret: nothing of it is recorded. */
  addition: (() => Addition) | undefined
  result: CacheResult = 'none'
  cacheStatus: string | undefined
  bytes = 0
  ttfbMs: number | undefined
  error: Error | undefined
  /** Present once the connection has changed protocols. It has ended in good order when both sides have ended it. */
  switched: { readonly isEndedByBoth: boolean } | undefined
  /** These are known when it is over. */
  status = 0
  durationMs = 0
  end: ExchangeEnd = 'left'
  range: string | undefined
  readonly #clock: Clock
  #body: Body | undefined

  constructor({ method, socket }: IncomingMessage, clock: Clock) {
    this.startedMs = clock.now()
    this.client = socket.remoteAddress
    this.method = method
    this.#clock = clock
  }

  /** What the answer is made from, in place of what it was to be made from; held until the exchange is over. */
  holds(body: Body): void {
    this.#body?.release()
    this.#body = body
    body.hold()
  }

  /** The header of the final answer is written now. @param nowMs the time, from whom has just looked at the clock */
  answers(nowMs = this.#clock.now()): void {
    this.ttfbMs = nowMs - this.startedMs
  }

  /** What the cache did, and how that is said in the field. */
  isAnsweredAs(status: CacheStatus, cacheStatus: string): void {
    this.result = status.kind === 'hit' ? 'hit' : status.collapsed ? 'collapsed' : status.fwd
    this.cacheStatus = cacheStatus
  }

  /** The connection has closed, or has taken all of the answer. */
  closes(req: IncomingMessage, res: ServerResponse): void {
    const { switched, error } = this
    this.#body?.release()
    this.#body = undefined
    const isWhole = switched === undefined ? res.writableFinished : switched.isEndedByBoth
    this.end = isWhole ? 'whole' : error === undefined ? 'left' : 'cut'
    this.status = switched !== undefined ? 101 : res.headersSent ? res.statusCode : 499
    this.durationMs = this.#clock.now() - this.startedMs
    this.range = rangeOf(req)
  }
}

/** Starts an exchange; it goes to `accessLog` when the response closes. */
export function beginExchange(req: IncomingMessage, res: ServerResponse, clock: Clock, accessLog: AccessLog): Exchange {
  const exchange = new Exchange(req, clock)
  res.on('close', () => {
    exchange.closes(req, res)
    accessLog(exchange)
  })
  res.on('error', ignore)
  return exchange
}

/** A response whose connection is gone may report each write as an error; `close` tells how the exchange ended. */
const ignore = (): void => undefined

/** What is no Range of bytes may be anything. */
const RANGE = /^bytes=[0-9, -]{1,100}$/

function rangeOf({ headers }: IncomingMessage): string | undefined {
  const { range } = headers
  return range !== undefined && RANGE.test(range) ? range : undefined
}
