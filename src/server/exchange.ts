/**
 * Exchange: one request and its answer, from the first look to the connection's `close`, as the access log sees it.
 *
 * It is recorded exactly once, however the answer ends. It holds the decoded path but never the query, where secrets
 * travel.
 */

import type { Body } from '../cache/body.ts'
import type { Clock } from '../clock.ts'
import type { Cmcd } from '../media/cmcd.ts'
import type { IncomingMessage, ServerResponse } from './messages.ts'

/** What becomes known on the way. */
export interface Exchange {
  readonly startedMs: number
  path: string | undefined
  route: string | undefined
  cacheStatus: string | undefined
  /** What the player tells of itself. */
  cmcd: Cmcd | undefined
  /** Body bytes handed to the connection. */
  bodyBytes: number
  error: Error | undefined
  /** What the answer is made from; it counts as held until the connection has closed or taken it all. */
  body: Body | undefined
  /** Present once the connection has changed protocols. It has ended in good order when both sides have ended it. */
  switched: { readonly isEndedByBoth: boolean } | undefined
}

/** How an answer ended: `whole`; `cut` by us, since its body failed; or `left` by the client. */
export type ExchangeEnd = 'whole' | 'cut' | 'left'

export interface AccessRecord {
  readonly client: string | undefined
  readonly method: string | undefined
  readonly path: string | undefined
  readonly status: number
  readonly bytes: number
  readonly durationMs: number
  readonly end: ExchangeEnd
  readonly cacheStatus?: string
  readonly route?: string
  readonly cmcd?: Cmcd
  readonly error?: string
}

export type AccessLog = (record: AccessRecord) => void

/** Starts an exchange; the record goes to `accessLog` when the response closes. */
export function beginExchange(req: IncomingMessage, res: ServerResponse, clock: Clock, accessLog: AccessLog): Exchange {
  const exchange: Exchange = {
    startedMs: clock.now(),
    path: undefined,
    route: undefined,
    cacheStatus: undefined,
    cmcd: undefined,
    bodyBytes: 0,
    error: undefined,
    body: undefined,
    switched: undefined,
  }
  const client = req.socket.remoteAddress
  res.once('close', () => {
    exchange.body?.release()
    accessLog(recordOf(req, res, exchange, client, clock.now()))
  })
  // A response whose connection is gone reports each write as an error; `close` has told us already.
  res.on('error', (error) => {
    exchange.error ??= error
  })
  return exchange
}

function recordOf(
  req: IncomingMessage,
  res: ServerResponse,
  exchange: Exchange,
  client: string | undefined,
  nowMs: number,
): AccessRecord {
  const { path, route, cacheStatus, cmcd, bodyBytes, error, startedMs, switched } = exchange
  const isWhole = switched === undefined ? res.writableFinished : switched.isEndedByBoth
  const end: ExchangeEnd = isWhole ? 'whole' : error === undefined ? 'left' : 'cut'
  return {
    client,
    method: req.method,
    path,
    status: switched !== undefined ? 101 : res.headersSent ? res.statusCode : 499,
    bytes: bodyBytes,
    durationMs: nowMs - startedMs,
    end,
    ...(cacheStatus !== undefined && { cacheStatus }),
    ...(route !== undefined && { route }),
    ...(cmcd !== undefined && { cmcd }),
    ...(error !== undefined && { error: error.message }),
  }
}
