/**
 * For whom: what an origin is told of the client that a request is sent on for, and of what that client asked.
 *
 * Invariant: read from the connection and from what a trusted peer sent, and from nothing else; never from `headers`
 * where a field is told on, since a library on the way may edit those.
 */

import { TLSSocket } from 'node:tls'
import { type Forwarding, forwardingOf, requestedOf, type Trust } from '../http/forwarded.ts'
import type { IncomingMessage } from './messages.ts'

/** For whom a request is sent on: what its connection shows, and what a trusted peer says. */
export function forwardingFor({ headersDistinct, socket }: IncomingMessage, isTrusted: Trust): Forwarding {
  return forwardingOf(
    {
      peerAddress: socket.remoteAddress,
      scheme: schemeOf(socket),
      host: headersDistinct['host']?.[0],
      received: {
        xForwardedFor: headersDistinct['x-forwarded-for'],
        xForwardedProto: headersDistinct['x-forwarded-proto'],
        xForwardedHost: headersDistinct['x-forwarded-host'],
        forwarded: headersDistinct['forwarded'],
      },
    },
    isTrusted,
  )
}

/** Scheme and host that the client asked, as its origin is told them: `https://example.com`. */
export function requestedAddress({ headers, socket }: IncomingMessage, isTrusted: Trust): string {
  const { 'x-forwarded-proto': xForwardedProto, 'x-forwarded-host': xForwardedHost, host } = headers
  const { scheme, host: requestedHost = '' } = requestedOf(
    {
      peerAddress: socket.remoteAddress,
      scheme: schemeOf(socket),
      host,
      received: { xForwardedProto, xForwardedHost },
    },
    isTrusted,
  )
  return `${scheme}://${requestedHost.toLowerCase()}`
}

function schemeOf(socket: IncomingMessage['socket']): 'http' | 'https' {
  return socket instanceof TLSSocket ? 'https' : 'http'
}
