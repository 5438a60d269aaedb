/**
 * Passed traffic: what the listeners have to know about pass-through routes before a request becomes one of the
 * handler's.
 *
 * Only a plain WebSocket handshake on a pass-through route may take a connection out of HTTP. Every other request to
 * change protocols is answered as if it had not asked (RFC 9110 §7.8).
 */

import type { IncomingMessage } from 'node:http'
import { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { parseTarget } from '../http/target.ts'
import { admit } from './access/admit.ts'
import { pathTokensOf } from './access/path-tokens.ts'
import type { AccessLog } from './exchange.ts'
import { beginExchange } from './exchange.ts'
import { framingFault } from './framing.ts'
import type { IncomingMessage as RequestMessage } from './messages.ts'
import { hasContent } from './passed-fields.ts'
import type { RequestRate } from './request-rate.ts'
import { tooManyRequests } from './request-rate.ts'
import { sendError } from './respond.ts'
import type { AnyRoute, PassthroughRoute, Routes } from './router.ts'
import type { Uploads } from './uploads.ts'

export interface PassedTrafficOptions {
  readonly routes: Routes
  readonly clock: Clock
  readonly accessLog: AccessLog
  readonly uploads: Uploads
  /** As for every other request. */
  readonly maxTargetBytes?: number | undefined
  readonly requestRate?: RequestRate | undefined
}

/** Asked by a listener. */
export interface PassedTraffic {
  /** Whether this request may change the connection's protocol. */
  readonly acceptsUpgrade: (req: IncomingMessage) => boolean
  /** Takes over the connection of a request that may. */
  readonly upgrade: (req: IncomingMessage, socket: Socket, head: Buffer) => void
  /** Whether it is for the origin to say that content may come (RFC 9110 §10.1.1). */
  readonly leavesContinue: (req: RequestMessage) => boolean
  /** Whether somebody receives content on this connection and ends it if that takes too long. */
  readonly isReceiving: (socket: Duplex) => boolean
}

export function passedTraffic(options: PassedTrafficOptions): PassedTraffic {
  const { routes, clock, accessLog, uploads, maxTargetBytes, requestRate } = options
  const takePathToken = pathTokensOf(routes.all)
  const locate = (req: RequestMessage) => {
    const target = takePathToken(parseTarget(req.url ?? '', maxTargetBytes))
    if (target.kind === 'refused') return undefined
    const route = routes.find(target.path)
    return route !== undefined && isPassthrough(route) ? { route, target } : undefined
  }
  return {
    acceptsUpgrade: (req) => isHandshake(req) && framingFault(req) === undefined && locate(req) !== undefined,
    upgrade: (req, socket, head) => {
      const located = locate(req)
      if (located === undefined) {
        socket.destroy()
        return
      }
      const { route, target } = located
      const res = responseOn(req, socket)
      const exchange = beginExchange(req, res, clock, accessLog)
      exchange.path = target.path
      exchange.route = route.match
      const outgoing = { req, res, exchange, routeHeaders: route.responseHeaders }
      const retryAfterSeconds = requestRate?.refuse(req, exchange.startedMs)
      if (retryAfterSeconds !== undefined) return sendError(outgoing, tooManyRequests(retryAfterSeconds))
      if (admit(outgoing, target, route.access) === undefined) return
      route.passthrough.upgrade(outgoing, socket, head)
    },
    leavesContinue: (req) => hasContent(req) && framingFault(req) === undefined && locate(req) !== undefined,
    isReceiving: (socket) => uploads.has(socket),
  }
}

/** An answer on a connection that Node has let go of: the last one there, and none if a tunnel takes its place. */
function responseOn(req: IncomingMessage, socket: Socket): ServerResponse {
  const res = new ServerResponse(req)
  res.shouldKeepAlive = false
  res.assignSocket(socket)
  // Node does all this for responses of its own.
  res.once('finish', () => socket.destroySoon())
  socket.on('drain', () => res.emit('drain'))
  socket.once('timeout', () => socket.destroy())
  return res
}

/** RFC 6455 §4.1; one that brings content along is not one. */
function isHandshake(req: IncomingMessage): boolean {
  const { method, httpVersionMinor, headers } = req
  return method === 'GET' && httpVersionMinor > 0 && headers.upgrade?.toLowerCase() === 'websocket' && !hasContent(req)
}

export function isPassthrough(route: AnyRoute): route is PassthroughRoute {
  return 'passthrough' in route
}
