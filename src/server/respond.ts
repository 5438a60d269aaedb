/**
 * Respond: a stored answer, whole or still arriving, to one client.
 *
 * A complete body that is wanted whole goes out in one `end(buffer)`: no stream, no promise, no copy. Everything else
 * is planned and then sent part by part. Errors of our own are written here too, so that every answer leaves the
 * program in this file.
 */

import { JoinedTooLate } from '../cache/growing-body.ts'
import { ObjectChanged } from '../cache/resume.ts'
import type { StoredResponse } from '../cache/stored-response.ts'
import { currentAgeSeconds } from '../cache/stored-response.ts'
import type { ClientError, OriginError } from '../errors.ts'
import { toClientError } from '../errors.ts'
import type { CacheStatus } from '../http/cache-status.ts'
import { formatCacheStatus } from '../http/cache-status.ts'
import type { Origin } from '../origin/origin.ts'
import { isRewritable, rewriteAnswer } from './access/playlist-tokens.ts'
import type { Exchange } from './exchange.ts'
import { answerFields, composeFields, NO_PAIRS } from './fields.ts'
import type { IncomingMessage, ServerResponse } from './messages.ts'
import { negotiate } from './negotiate.ts'
import type { Pace } from './pace.ts'
import { CACHE_NAME } from './passed-fields.ts'
import { endWith } from './pieces.ts'
import type { Part, Plan, PlanRequest } from './plan.ts'
import { planAnswer } from './plan.ts'
import { sendParts } from './send.ts'
import { serverTiming } from './server-timing.ts'

export interface ResponderOptions {
  readonly randomBoundary: () => string
  /** A client that takes no byte of a waiting answer for this long is cut off. */
  readonly clientStallMs: number
  /** Makes the pace of one answer; absent: as fast as its client takes it. */
  readonly makePace?: (() => Pace) | undefined
  /** A request for more ranges gets the whole body. @default 16 */
  readonly maxRanges?: number
}

export interface Outgoing {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly exchange: Exchange
  /** The route's own fields: name, value, …; none before a route is found. They stand in place of stored ones. */
  readonly routeHeaders: readonly string[]
  /** Whether Server-Timing is on the answer. */
  readonly tellsTiming?: boolean
  /** Asks for the object again; only while nothing of an answer has been sent. */
  readonly askAgain?: () => void
  /** Asked for what the answer needs and memory has not. */
  readonly origin?: Origin
  /** How often that has been done. */
  readonly repeats?: number
}

export function respond(
  outgoing: Outgoing,
  stored: StoredResponse,
  cacheStatus: CacheStatus,
  nowMs: number,
  options: ResponderOptions,
): void {
  const { req, res, exchange, routeHeaders } = outgoing
  if (exchange.addition !== undefined && isRewritable(stored)) {
    rewriteAnswer(outgoing, stored, {
      onRewritten: (own, rewritten) => respond({ ...outgoing, ...own }, rewritten, cacheStatus, nowMs, options),
      onFailure: (error) => sendFailure(outgoing, error),
    })
    return
  }
  const response = negotiate(req, stored)
  const age = String(currentAgeSeconds(response, nowMs))
  const { bytes } = response.body
  exchange.holds(response.body)
  if (bytes !== undefined && response.status !== 204 && isPlain(req) && options.makePace === undefined) {
    const status = cacheStatusField(exchange, response, cacheStatus)
    const ownPairs = ['Content-Length', String(bytes.length), 'Age', age, 'Cache-Status', status]
    if (outgoing.tellsTiming === true)
      ownPairs.push('Server-Timing', serverTiming(cacheStatus, nowMs - exchange.startedMs))
    exchange.bytes = bytes.length
    exchange.answers(nowMs)
    res.writeHead(response.status, answerFields(response, response.status, 'all', routeHeaders, ownPairs))
    endWith(res, bytes, options.clientStallMs)
    return
  }
  const plan = planAnswer(planRequest(req, options), response)
  const found = whereMissing(cacheStatus, response, plan)
  const ownPairs = [...plan.ownPairs, 'Age', age, 'Cache-Status', cacheStatusField(exchange, response, found)]
  if (outgoing.tellsTiming === true) ownPairs.push('Server-Timing', serverTiming(found, nowMs - exchange.startedMs))
  const pairs = answerFields(response, plan.status, plan.stored, routeHeaders, ownPairs)
  sendPlan(outgoing, response, plan, pairs, options)
}

/** What the cache did, behind what caches before it said (RFC 9211 §2). */
function cacheStatusField(exchange: Exchange, { upstreamStatus }: StoredResponse, cacheStatus: CacheStatus): string {
  const own = formatCacheStatus(CACHE_NAME, cacheStatus)
  exchange.isAnsweredAs(cacheStatus, own)
  return upstreamStatus === undefined ? own : `${upstreamStatus}, ${own}`
}

/** A hit on a large object whose wanted slices are not all here is none (RFC 9211 §2.2). */
function whereMissing(cacheStatus: CacheStatus, { body }: StoredResponse, { parts }: Plan): CacheStatus {
  if (cacheStatus.kind !== 'hit' || body.kind !== 'sliced') return cacheStatus
  const isMissing = parts.some((part) => {
    if (Buffer.isBuffer(part)) return false
    return part === 'whole' ? !body.covers(0, body.length ?? 0) : !body.covers(part.start, part.end)
  })
  if (!isMissing) return cacheStatus
  return { kind: 'forward', fwd: 'partial', stored: true, collapsed: false, ttlSeconds: cacheStatus.ttlSeconds }
}

function planRequest(
  { method, headers }: IncomingMessage,
  { randomBoundary, maxRanges }: ResponderOptions,
): PlanRequest {
  // Conditions and ranges of any other method are its origin's to judge, and it has.
  if (method !== 'GET' && method !== 'HEAD') return { isHead: false, range: undefined, boundary: randomBoundary }
  return {
    isHead: method === 'HEAD',
    range: headers.range,
    maxRanges,
    boundary: randomBoundary,
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
    ifModifiedSince: headers['if-modified-since'],
    ifUnmodifiedSince: headers['if-unmodified-since'],
    ifRange: headers['if-range']?.toString(),
  }
}

function sendPlan(
  outgoing: Outgoing,
  response: StoredResponse,
  plan: Plan,
  pairs: string[],
  { clientStallMs, makePace }: ResponderOptions,
): void {
  const { req, res, exchange } = outgoing
  const { body } = response
  const parts = req.method === 'HEAD' ? [] : plan.parts
  if (parts.length === 0 || parts.every((part) => Buffer.isBuffer(part))) body.discard()
  const piece = singlePiece(parts, body.bytes)
  if (piece !== undefined && (makePace === undefined || piece.length === 0)) {
    exchange.bytes = piece.length
    exchange.answers()
    endWith(res.writeHead(plan.status, pairs), piece, clientStallMs)
    return
  }
  sendParts({
    res,
    body,
    parts,
    origin: outgoing.origin,
    pace: makePace?.(),
    clientStallMs,
    writeHead: () => {
      exchange.answers()
      res.writeHead(plan.status, pairs)
    },
    onBytes: (bytes) => {
      exchange.bytes += bytes
    },
    onFailure: (error, isBegun) => {
      if (isBegun) exchange.error = error
      else sendFailure(outgoing, error)
    },
  })
}

/** What becomes of an answer whose body has failed before anything was sent. */
function sendFailure(outgoing: Outgoing, error: OriginError): void {
  // The object was replaced, or went on without this client, who can still have the new one, or one of its own.
  const isToBeHad = error instanceof ObjectChanged || error instanceof JoinedTooLate
  if (isToBeHad && outgoing.askAgain !== undefined) {
    outgoing.askAgain()
    return
  }
  outgoing.exchange.error = error
  sendError(outgoing, toClientError(error))
}

const NOTHING = Buffer.alloc(0)

/** All there is to send, where that is one Buffer already in memory. */
function singlePiece(parts: readonly Part[], bytes: Buffer | undefined): Buffer | undefined {
  const [only] = parts
  if (only === undefined) return NOTHING
  if (parts.length > 1) return undefined
  if (Buffer.isBuffer(only)) return only
  return only === 'whole' ? bytes : bytes?.subarray(only.start, only.end)
}

/** A GET without conditions or ranges. */
function isPlain({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers.range === undefined &&
    headers['if-none-match'] === undefined &&
    headers['if-modified-since'] === undefined &&
    headers['if-match'] === undefined &&
    headers['if-unmodified-since'] === undefined
  )
}

const NO_SNIFFING: readonly string[] = ['X-Content-Type-Options', 'nosniff']

/** An error of our own, which no cache may keep. The text names nothing of what is behind the shield. */
export function sendError(outgoing: Outgoing, error: ClientError, morePairs: readonly string[] = NO_PAIRS): void {
  const { req, res, exchange, routeHeaders } = outgoing
  if (res.headersSent || res.destroyed) return
  const bytes = Buffer.from(`${error.text}\n`)
  const ownPairs = [
    'Content-Type',
    'text/plain; charset=utf-8',
    'Content-Length',
    String(bytes.length),
    'Cache-Control',
    'no-store',
    ...morePairs,
  ]
  if (error.retryAfterSeconds !== undefined) ownPairs.push('Retry-After', String(error.retryAfterSeconds))
  if (req.method !== 'HEAD') exchange.bytes = bytes.length
  exchange.answers()
  res.writeHead(error.status, composeFields(error.status, NO_SNIFFING, routeHeaders, ownPairs)).end(bytes)
}

/** The answer to OPTIONS: what may be asked, in fields. */
export function sendNoContent({ res, exchange, routeHeaders }: Outgoing, ownPairs: readonly string[]): void {
  exchange.answers()
  res.writeHead(204, composeFields(204, NO_PAIRS, routeHeaders, ownPairs)).end()
}
