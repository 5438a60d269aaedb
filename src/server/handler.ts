/**
 * A request's whole life: target, route, key, cache, answer.
 *
 * Every request gets exactly one answer or, where its client has left, none; and every exchange is recorded once.
 */

import { ttlSeconds } from '../cache/stored-response.ts'
import { parseTarget } from '../http/target.ts'
import { readCmcd } from '../media/cmcd.ts'
import { isPreflight } from '../media/cors.ts'
import { admit } from './access/admit.ts'
import type { CleanTarget } from './access/path-tokens.ts'
import { pathTokensOf } from './access/path-tokens.ts'
import type { AccessLog } from './exchange.ts'
import { beginExchange } from './exchange.ts'
import { NO_PAIRS } from './fields.ts'
import { requestedAddress } from './for-whom.ts'
import type { Asked, ForwardOptions } from './forward.ts'
import { forward, hasLooped, passOn, repeatable } from './forward.ts'
import { originFor, requestDirectives, selectingFields } from './forwarding.ts'
import { framingFault } from './framing.ts'
import type { IncomingMessage, ServerResponse } from './messages.ts'
import { isHttp2 } from './messages.ts'
import { isPassthrough } from './passed-traffic.ts'
import type { RequestRate } from './request-rate.ts'
import { tooManyRequests } from './request-rate.ts'
import type { Outgoing } from './respond.ts'
import { respond, sendError, sendNoContent } from './respond.ts'
import type { Route } from './router.ts'
import { NOT_FOUND, requestedObject } from './router.ts'

export interface HandlerOptions extends ForwardOptions {
  readonly accessLog: AccessLog
  /** Whether anybody looks at what players tell of themselves. */
  readonly readsCmcd?: boolean
  /** @default 8 KiB */
  readonly maxTargetBytes?: number
  /** Absent: clients may ask as often as they like. */
  readonly requestRate?: RequestRate | undefined
}

export type Handler = (req: IncomingMessage, res: ServerResponse) => void

const READ_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD'])

export function createHandler(options: HandlerOptions): Handler {
  const { routes, clock, accessLog, readsCmcd, maxTargetBytes, requestRate } = options
  const takePathToken = pathTokensOf(routes.all)
  const distrusted = new WeakSet<IncomingMessage['socket']>()

  return (req, res) => {
    // Where one request was badly framed, what seems to be the next one may be a part of it.
    if (distrusted.has(req.socket)) return
    const exchange = beginExchange(req, res, clock, accessLog)
    const unrouted: Outgoing = { req, res, exchange, routeHeaders: NO_PAIRS }
    const fault = framingFault(req)
    if (fault !== undefined) {
      if (!isHttp2(req)) distrusted.add(req.socket)
      return sendError(unrouted, fault, ['Connection', 'close'])
    }
    const retryAfterSeconds = requestRate?.refuse(req, exchange.startedMs)
    const tooMany = retryAfterSeconds === undefined ? undefined : tooManyRequests(retryAfterSeconds)
    const sentTarget = takePathToken(parseTarget(req.url ?? '', maxTargetBytes))
    if (sentTarget.kind === 'refused') return sendError(unrouted, tooMany ?? sentTarget)
    exchange.path = sentTarget.path
    if (readsCmcd) exchange.cmcd = readCmcd(sentTarget.query, req.headers)

    const route = routes.find(sentTarget.path)
    if (route === undefined) return sendError(unrouted, tooMany ?? NOT_FOUND)
    exchange.route = route.match
    const routeHeaders = route.cors?.fieldsFor(req.headers.origin) ?? route.responseHeaders
    const outgoing: Outgoing = { req, res, exchange, routeHeaders, tellsTiming: route.tellsTiming === true }
    // Now that it is known which site's players may read it.
    if (tooMany !== undefined) return sendError(outgoing, tooMany)
    if (route.cors !== undefined && isPreflight(req.method, req.headers))
      return sendNoContent(outgoing, route.cors.preflightFields)
    const target = admit(outgoing, sentTarget, route.access)
    if (target === undefined) return
    if (isPassthrough(route)) route.passthrough.pass(outgoing)
    else answer(outgoing, route, target, options)
  }
}

/** From the key to the answer: out of memory at once, or by way of the origin. */
function answer(outgoing: Outgoing, route: Route, target: CleanTarget, options: HandlerOptions) {
  const { req, exchange } = outgoing
  const { cache, isTrusted } = options
  const { http, origin } = route
  const { method = 'GET' } = req
  const methods = http?.methods ?? READ_METHODS
  if (!methods.has(method)) return refuseMethod(outgoing, method, methods)
  const object = requestedObject(route, target, () => requestedAddress(req, isTrusted))
  if ('status' in object) return sendError(outgoing, object)
  exchange.origin = origin.name
  const directives = http && requestDirectives(req, http)
  const asked: Asked = { route, object, path: target.path, directives }
  if (method !== 'GET' && method !== 'HEAD') return void passOn(outgoing, asked, options)

  const nowMs = exchange.startedMs
  const stored = cache.fresh(object.key, nowMs, http && (() => selectingFields(req, isTrusted)), directives)
  // An answer of slices may have to ask for some of them.
  const isSliced = stored?.body.kind === 'sliced'
  if (stored === undefined || (isSliced && hasLooped(req, route, options)))
    return void forward(outgoing, asked, options)
  const asking = isSliced && {
    ...repeatable(outgoing, asked, options),
    origin: http ? originFor(req, origin, isTrusted) : origin,
  }
  respond(asking || outgoing, stored, { kind: 'hit', ttlSeconds: ttlSeconds(stored, nowMs) }, nowMs, options)
}

function refuseMethod(outgoing: Outgoing, method: string, methods: ReadonlySet<string>): void {
  const allowed = [...new Set([...methods, 'OPTIONS'])].join(', ')
  if (method === 'OPTIONS') sendNoContent(outgoing, ['Allow', allowed])
  else sendError(outgoing, { status: 405, text: 'Method not allowed' }, ['Allow', allowed])
}
