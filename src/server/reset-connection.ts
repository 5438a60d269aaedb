/**
 * Reset connection: the end of a connection that nobody can take for the end of an answer, over TLS as without.
 *
 * TLS knows a proper end of its own, but many a client takes the end of TCP for it. The socket of TLS cannot reset the
 * one that it stands on; so a listener says which one that is.
 */

import type { Socket } from 'node:net'

const tcpUnder = new WeakMap<Socket, Socket>()

/** To be said of every connection over TLS, before anything is answered on it. */
export function standsOn(secure: Socket, tcp: Socket): void {
  tcpUnder.set(secure, tcp)
}

/** RFC 9293 §3.5.3 */
export function resetConnection(socket: Socket): void {
  const tcp = tcpUnder.get(socket) ?? socket
  tcp.resetAndDestroy()
}
