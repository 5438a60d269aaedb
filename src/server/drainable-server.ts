/**
 * DrainableServer: one public listener. Guards against slow and malformed requests, knows which answers are under way,
 * and drains.
 *
 * Invariant: not a byte of our own gets between the bytes of an answer. After `drain()` has resolved neither the listener
 * nor a connection of it is left.
 */

import type { ServerOptions as HttpOptions, IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TcpServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'
import { AnswersUnderWay } from './answers-under-way.ts'
import type { Certificate, CertificateFiles, Certificates } from './certificates.ts'
import type { ConnectionLimit } from './connection-limit.ts'
import type { Handler } from './handler.ts'
import { Http2Connection } from './http2-connection.ts'
import type { PassedTraffic } from './passed-traffic.ts'
import { CONNECT_REFUSAL, refusal } from './raw-answers.ts'
import { SecureListener } from './secure-listener.ts'

export interface Listen {
  /** Host name or address; IPv6 without brackets. */
  readonly host: string
  /** 0 takes any free one. */
  readonly port: number
  /** Bytes that may wait in a response before its writer is told to pause. */
  readonly highWaterMarkBytes: number
  /** Another process may listen there too, and takes over what this one no longer accepts. */
  readonly reusePort?: boolean
  /** HTTPS, with these certificates; the first is for clients that ask for no name that has one. */
  readonly tls?: readonly CertificateFiles[] | undefined
}

export interface ServerOptions {
  readonly clock: Clock
  /** A listener that works had an error; it goes on listening. */
  readonly onFault: (error: unknown) => void
  readonly timeouts?: ServerTimeouts
  /** Of a request line and its fields. @default 16 KiB */
  readonly maxHeaderBytes?: number
  /** Absent: as many as there are. */
  readonly connectionLimit?: ConnectionLimit
  /** Absent: nothing is passed through. */
  readonly passed?: PassedTraffic
  /** A certificate has come into use. */
  readonly onCertificate?: (certificate: Certificate) => void
}

/** How long a client may take; all in milliseconds. */
export interface ServerTimeouts {
  /** An idle connection is kept this long for the next request. */
  readonly keepAliveMs: number
  /** From the first byte of a request to the end of its fields. */
  readonly headersMs: number
  /** From the first byte of a request to its end, where nobody receives its content. */
  readonly requestMs: number
  /** How late the two limits above may act; Node looks every 30 s by itself. */
  readonly checkingMs: number
}

/** A player asks again within seconds; a load balancer in front usually keeps its connections for a minute. */
export const DEFAULT_TIMEOUTS: ServerTimeouts = {
  keepAliveMs: 75_000,
  headersMs: 10_000,
  requestMs: 30_000,
  checkingMs: 1000,
}
/** Requests on one connection that wait for their answers; browsers and CDNs send the next one after the answer. */
const MAX_PIPELINED = 100
const MAX_HEADER_BYTES = 16 * 1024

export interface PreparedListen extends Listen {
  readonly certificates: Certificates | undefined
}

export class DrainableServer {
  readonly http: Server
  readonly certificateFiles: readonly CertificateFiles[]
  certificates: Certificates | undefined
  readonly #answers = new AnswersUnderWay(() => this.#onAnswered())
  /** Connections that speak another protocol by now. */
  readonly #upgraded = new Set<Duplex>()
  readonly #passed: PassedTraffic
  /** With another process, which may have taken over. */
  readonly #isShared: boolean
  /** Where the listener speaks TLS. */
  readonly #secure: SecureListener | undefined
  #isDraining = false
  /** Nobody is waited for who has nothing under way. */
  #isIdleOver = false

  constructor(listen: PreparedListen, handler: Handler, serverOptions: ServerOptions) {
    const { clock, timeouts = DEFAULT_TIMEOUTS, maxHeaderBytes = MAX_HEADER_BYTES, connectionLimit } = serverOptions
    const { passed = NOTHING_PASSED } = serverOptions
    this.#passed = passed
    this.certificateFiles = listen.tls ?? []
    this.certificates = listen.certificates
    this.#isShared = listen.reusePort === true
    const options: HttpOptions = {
      highWaterMark: listen.highWaterMarkBytes,
      keepAliveTimeout: timeouts.keepAliveMs,
      headersTimeout: timeouts.headersMs,
      requestTimeout: timeouts.requestMs,
      maxHeaderSize: maxHeaderBytes,
      connectionsCheckingInterval: timeouts.checkingMs,
      noDelay: true,
      // The handler asks for it, with an answer of its own.
      requireHostHeader: false,
      // A request without content is no stream that somebody would have to read to its end.
      optimizeEmptyRequests: true,
      // The 101 must not get into an answer that is under way on the same connection.
      shouldUpgradeCallback: (req) => this.#mayWriteTo(req.socket) && passed.acceptsUpgrade(req),
    }
    const onRequest = (req: IncomingMessage, res: ServerResponse) => this.#onRequest(req, res, handler)
    this.#secure =
      listen.certificates &&
      new SecureListener({
        certificates: listen.certificates,
        http1: options,
        handshakeMs: timeouts.headersMs,
        onHttp1: onRequest,
        onHttp2: (socket, answerFields, onClose) =>
          new Http2Connection({
            socket,
            answerFields,
            onClose,
            clock,
            onRequest: handler,
            leavesContinue: passed.leavesContinue,
            maxHeaderBytes,
            firstRequestMs: timeouts.headersMs,
            keepAliveMs: timeouts.keepAliveMs,
          }),
      })
    this.http = this.#secure?.http ?? createServer(options, onRequest)
    // Of TLS too, before its handshake.
    if (connectionLimit !== undefined) this.http.on('connection', (socket) => connectionLimit.take(socket))
    this.http.on('checkContinue', (req, res) => {
      // Node would put the 100 between the head and the body of an answer that is under way on the same connection.
      if (this.#mayWriteTo(req.socket) && !passed.leavesContinue(req)) res.writeContinue()
      this.#onRequest(req, res, handler)
    })
    this.http.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#onClientError(error, socket))
    this.http.on('connect', (_req, socket) => this.#onConnect(socket))
    this.http.on('upgrade', (req, socket, head) => this.#onUpgrade(req, socket as Socket, head))
  }

  /** For the handshakes to come. */
  offer(certificates: Certificates): void {
    this.certificates = certificates
    this.#secure?.offer(certificates)
  }

  /** Resolves when no connection is left. */
  drain(graceMs: number, idleMs: number, clock: Clock): Promise<void> {
    this.#isDraining = true
    // The last one on each connection can still say so, if its header has not gone out yet.
    for (const res of this.#answers.lasts()) res.shouldKeepAlive = false
    this.#secure?.drain()
    return new Promise((resolve) => {
      const grace = clock.after(graceMs, () => {
        this.http.closeAllConnections()
        for (const socket of this.#upgraded) socket.destroy()
        this.#secure?.cut()
      })
      const idle = idleMs > 0 ? clock.after(idleMs, () => this.#endIdle()) : undefined
      const stop = () => {
        // Node's HTTP server would end idle connections with it, whose next request may be on its way.
        TcpServer.prototype.close.call(this.http, () => {
          grace.cancel()
          idle?.cancel()
          this.#endIdle()
          resolve()
        })
        if (idle === undefined) this.#endIdle()
      }
      // The kernel resets who waits to be accepted; behind the turn that accepts, nobody does.
      if (this.#isShared) setImmediate(stop)
      else stop()
    })
  }

  /** Connections that wait for a request end now, and others as soon as they would. */
  #endIdle(): void {
    if (this.#isIdleOver) return
    this.#isIdleOver = true
    // It does not listen any more; what is left of closing is to end these, and the timer that looks after all.
    this.http.close()
  }

  #onRequest(req: IncomingMessage, res: ServerResponse, handler: Handler): void {
    const { socket } = req
    if (this.#answers.countOn(socket) === MAX_PIPELINED) {
      socket.destroy()
      return
    }
    this.#answers.add(res, socket)
    if (this.#isDraining) res.shouldKeepAlive = false
    handler(req, res)
  }

  #onAnswered(): void {
    if (this.#isIdleOver) setImmediate(() => this.http.closeIdleConnections())
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    // What follows a request that announced itself as the last one is not looked at; its answer goes on.
    if (error.code === 'HPE_CLOSED_CONNECTION') return
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && this.#passed.isReceiving(socket)) return
    if (error.code !== 'ECONNRESET' && this.#mayWriteTo(socket)) socket.end(refusal(error))
    else socket.destroy()
  }

  #onConnect(socket: Duplex): void {
    // Node has let go of this socket: its errors and its end are looked after here or nowhere.
    socket.on('error', () => socket.destroy())
    if (this.#mayWriteTo(socket)) socket.end(CONNECT_REFUSAL, () => socket.destroy())
    else socket.destroy()
  }

  #onUpgrade(req: IncomingMessage, socket: Socket, head: Buffer): void {
    // Node has let go of this socket, too.
    socket.on('error', () => socket.destroy())
    // A Node that does not ask which requests may change protocols brings them all here.
    if (!this.#mayWriteTo(socket) || !this.#passed.acceptsUpgrade(req)) {
      socket.destroy()
      return
    }
    this.#upgraded.add(socket)
    socket.once('close', () => this.#upgraded.delete(socket))
    this.#passed.upgrade(req, socket, head)
  }

  /** In the middle of an answer any byte of ours would be taken for a part of it. */
  #mayWriteTo(socket: Duplex): boolean {
    return socket.writable && this.#answers.countOn(socket) === 0
  }
}

const NOTHING_PASSED: PassedTraffic = {
  acceptsUpgrade: () => false,
  upgrade: (_req, socket) => socket.destroy(),
  leavesContinue: () => false,
  isReceiving: () => false,
}
