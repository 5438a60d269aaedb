/**
 * Secure listener: TLS in front, and behind it HTTP/1.1 or HTTP/2, as client and server agree while they shake hands
 * (ALPN, RFC 7301).
 *
 * HTTP/1.1 is Node's own HTTPS server with every limit that plain HTTP has here; it only lets the connections go that
 * have chosen HTTP/2.
 *
 * Invariant: every connection is known from its first byte on, so that `cut` leaves none, in a handshake or after it.
 */

import type { ServerOptions } from 'node:http'
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:https'
import { createServer } from 'node:https'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { responseWith } from './answer-fields.ts'
import type { Certificates } from './certificates.ts'
import { certificateFor } from './certificates.ts'
import type { Http2Connection } from './http2-connection.ts'
import { standsOn } from './reset-connection.ts'

export interface SecureListenerOptions {
  readonly certificates: Certificates
  /** Of HTTP/1.1. */
  readonly http1: ServerOptions
  /** From the connection to the end of the handshake. */
  readonly handshakeMs: number
  readonly onHttp1: (req: IncomingMessage, res: ServerResponse) => void
  /** `answerFields`, name, value, …: on every answer there. */
  readonly onHttp2: (socket: TLSSocket, answerFields: readonly string[], onClose: () => void) => Http2Connection
}

/** What waits for a slow client waits encrypted, a copy for each: no more of it than keeps the line busy. */
const MAX_WAITING_BYTES = 128 * 1024

export class SecureListener {
  readonly http: Server
  readonly #connections = new Set<Socket>()
  /** The same by the address and port of the other end; it is not known of one that has gone already. */
  readonly #byPeer = new Map<string, Socket>()
  readonly #http2 = new Set<Http2Connection>()
  readonly #onHttp2: SecureListenerOptions['onHttp2']
  #certificates: Certificates
  #isDraining = false

  constructor({ certificates, http1, handshakeMs, onHttp1, onHttp2 }: SecureListenerOptions) {
    this.#certificates = certificates
    this.#onHttp2 = onHttp2
    this.http = createServer(
      {
        ...http1,
        ...certificates[0].options,
        highWaterMark: Math.min(http1.highWaterMark ?? MAX_WAITING_BYTES, MAX_WAITING_BYTES),
        ALPNProtocols: ['h2', 'http/1.1', 'http/1.0'],
        SNICallback: (serverName, callback) => callback(null, certificateFor(this.#certificates, serverName)?.context),
        handshakeTimeout: handshakeMs,
        ServerResponse: this.#responseClass(),
      },
      onHttp1,
    )
    this.http.on('connection', (socket: Socket) => {
      const peer = peerOf(socket)
      this.#connections.add(socket)
      this.#byPeer.set(peer, socket)
      socket.once('close', () => {
        this.#connections.delete(socket)
        if (this.#byPeer.get(peer) === socket) this.#byPeer.delete(peer)
      })
    })
    // There is nobody yet to be told about it in HTTP.
    this.http.removeAllListeners('tlsClientError').on('tlsClientError', (_error, socket) => socket.destroy())
    const [acceptHttp1] = this.http.listeners('secureConnection')
    this.http.removeAllListeners('secureConnection').on('secureConnection', (socket) => {
      if (socket.alpnProtocol === 'h2') {
        this.#acceptHttp2(socket)
        return
      }
      const tcp = this.#byPeer.get(peerOf(socket))
      if (tcp !== undefined) standsOn(socket, tcp)
      // As in Node's server for plain HTTP: either side of a WebSocket may end before the other.
      socket.allowHalfOpen = true
      acceptHttp1?.call(this.http, socket)
    })
  }

  /** For the handshakes to come; what is agreed stays. */
  offer(certificates: Certificates): void {
    this.#certificates = certificates
    this.http.setSecureContext(certificates[0].options)
  }

  /** HTTP/2 takes no more requests, and its connections end with their answers. */
  drain(): void {
    this.#isDraining = true
    for (const connection of this.#http2) connection.close()
  }

  /** Ends everything at once. */
  cut(): void {
    for (const socket of this.#connections) socket.destroy()
  }

  #acceptHttp2(socket: TLSSocket): void {
    const connection = this.#onHttp2(socket, this.#answerFields(socket), () => this.#http2.delete(connection))
    this.#http2.add(connection)
    if (this.#isDraining) connection.close()
  }

  /** Of the certificate that the client was given. */
  #answerFields({ servername }: TLSSocket): readonly string[] {
    const certificate = servername ? certificateFor(this.#certificates, servername) : undefined
    return (certificate ?? this.#certificates[0]).answerFields
  }

  /** Node's own, where no certificate asks for fields. */
  #responseClass(): typeof ServerResponse<IncomingMessage> {
    if (this.#certificates.every(({ answerFields }) => answerFields.length === 0)) return ServerResponse
    const fieldsOf = new WeakMap<Socket, readonly string[]>()
    return responseWith((socket) => {
      const known = fieldsOf.get(socket) ?? this.#answerFields(socket as TLSSocket)
      fieldsOf.set(socket, known)
      return known
    })
  }
}

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
