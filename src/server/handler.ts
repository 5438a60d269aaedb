/**
 * A request's whole life: target, route, key, cache, answer.
 *
 * Every request gets exactly one answer or, where its client has left, none; and every exchange is recorded once.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Cache } from '../cache/cache.ts'
import { cacheKey, selectQuery } from '../cache/key.ts'
import { ttlSeconds } from '../cache/stored-response.ts'
import type { Clock } from '../clock.ts'
import type { ClientError } from '../errors.ts'
import { OriginError, toClientError } from '../errors.ts'
import { parseTarget } from '../http/target.ts'
import { isPlaylist } from '../media/types.ts'
import type { AccessLog } from './exchange.ts'
import { beginExchange } from './exchange.ts'
import { NO_PAIRS } from './fields.ts'
import { framingFault } from './framing.ts'
import { isPassthrough } from './passed-traffic.ts'
import type { Outgoing, ResponderOptions } from './respond.ts'
import { respond, sendAllowed, sendError } from './respond.ts'
import type { AnyRoute, Route } from './router.ts'
import { findRoute, objectKey } from './router.ts'

export interface HandlerOptions extends ResponderOptions {
  readonly routes: readonly AnyRoute[]
  readonly cache: Cache
  readonly clock: Clock
  readonly accessLog: AccessLog
  /** A failure that is no OriginError is a fault of this program, and is reported here. */
  readonly onFault: (error: unknown) => void
}

export type Handler = (req: IncomingMessage, res: ServerResponse) => void

export const ALLOWED_METHODS = 'GET, HEAD, OPTIONS'
/** An object that is replaced more often than this while one request waits for it is not waited for. */
const MAX_REPEATS = 3
const NOT_FOUND: ClientError = { status: 404, text: 'Not found' }

export function createHandler(options: HandlerOptions): Handler {
  const { routes, cache, clock, accessLog } = options
  const distrusted = new WeakSet<IncomingMessage['socket']>()

  return (req, res) => {
    // Where one request was badly framed, what seems to be the next one may be a part of it.
    if (distrusted.has(req.socket)) return
    const exchange = beginExchange(req, res, clock, accessLog)
    const unrouted: Outgoing = { req, res, exchange, routeHeaders: NO_PAIRS }
    const fault = framingFault(req)
    if (fault !== undefined) {
      distrusted.add(req.socket)
      return sendError(unrouted, fault, ['Connection', 'close'])
    }
    const target = parseTarget(req.url ?? '')
    if (target.kind === 'refused') return sendError(unrouted, target)
    exchange.path = target.path

    const route = findRoute(routes, target.path)
    if (route === undefined) return sendError(unrouted, NOT_FOUND)
    exchange.route = route.match
    const outgoing: Outgoing = { req, res, exchange, routeHeaders: route.responseHeaders }
    if (isPassthrough(route)) return route.passthrough.pass(outgoing)
    if (req.method === 'OPTIONS') return sendAllowed(outgoing, ALLOWED_METHODS)
    if (req.method !== 'GET' && req.method !== 'HEAD') {
      return sendError(outgoing, { status: 405, text: 'Method not allowed' }, ['Allow', ALLOWED_METHODS])
    }
    const object = objectKey(target.path, route.stripPrefix)
    if (object === '') return sendError(outgoing, NOT_FOUND)

    const key = cacheKey(route.origin.name, object, selectQuery(target.query, route.queryInclude))
    const stored = cache.fresh(key, exchange.startedMs)
    if (stored === undefined) return void forward(outgoing, route, key, object, options)
    const ttl = ttlSeconds(stored, exchange.startedMs)
    const answerable = stored.body.kind === 'sliced' ? repeatable(outgoing, route, key, object, options) : outgoing
    respond(answerable, stored, { kind: 'hit', ttlSeconds: ttl }, exchange.startedMs, options)
  }
}

/** The way of a request that memory has no fresh answer for; ends when the client leaves. */
async function forward(outgoing: Outgoing, route: Route, key: string, object: string, options: HandlerOptions) {
  const { req, res, exchange } = outgoing
  const { cache, clock, onFault } = options
  const abort = new AbortController()
  res.once('close', () => abort.abort())
  try {
    const { response, status } = await cache.forward({
      key,
      origin: route.origin,
      objectKey: object,
      rules: route.rulesFor(object),
      range: originRange(req),
      isProbe: isProbe(req),
      priority: isPlaylist(object) ? 'playlist' : 'segment',
      signal: abort.signal,
    })
    if (abort.signal.aborted) response.body.discard()
    else respond(repeatable(outgoing, route, key, object, options), response, status, clock.now(), options)
  } catch (error) {
    exchange.error = error instanceof Error ? error : new Error(String(error))
    if (!(error instanceof OriginError)) onFault(error)
    // A fault after the header: what the client has begun to receive must not look like an answer.
    if (res.headersSent) res.destroy()
    else sendError(outgoing, toClientError(error))
  }
}

/** The same, and able to begin anew when the object turns out to be another one before anything was sent. */
function repeatable(outgoing: Outgoing, route: Route, key: string, object: string, options: HandlerOptions): Outgoing {
  const repeats = outgoing.repeats ?? 0
  if (repeats === MAX_REPEATS) return outgoing
  return {
    ...outgoing,
    askAgain: () => void forward({ ...outgoing, repeats: repeats + 1 }, route, key, object, options),
  }
}

/** HEAD needs no bytes, and a range under If-Range may mean all of them or a few. */
function isProbe({ method, headers }: IncomingMessage): boolean {
  return method === 'HEAD' || (headers.range !== undefined && headers['if-range'] !== undefined)
}

/** The Range that an origin may be asked with; HEAD has none (RFC 9110 §14.2), nor has one that is conditional. */
function originRange({ method, headers }: IncomingMessage): string | undefined {
  return method === 'GET' && headers['if-range'] === undefined ? headers.range : undefined
}
