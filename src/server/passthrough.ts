/**
 * Passthrough: requests that go to one other server as they are, and WebSockets with them. Nothing is cached.
 *
 * The server is the one of the configuration, whatever a request says: its target is a path there, sent as it was
 * received, and its Host is only a field. Host stays the client's, since an application behind this makes its links and
 * cookies with it, and compares it with a WebSocket's Origin.
 *
 * http-proxy-3 makes the requests. By itself it would parse the path, pass fields of the connection on, announce the
 * chunked content of a DELETE as empty, and never end an answer whose origin dies. So it gets a header that is ready, the
 * path as it was sent, and a stream that takes the origin's request over as it is piped; the answer is passed on here.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Socket } from 'node:net'
import { isIP } from 'node:net'
import { ProxyServer } from 'http-proxy-3'
import type { Clock } from '../clock.ts'
import { LoopError, OriginError, toClientError } from '../errors.ts'
import type { Trust } from '../http/forwarded.ts'
import { hasPassed } from '../http/via.ts'
import { FOREIGN_CODING, hasContent, hasForeignCoding, requestFields } from './passed-fields.ts'
import { PassedRequest } from './passed-request.ts'
import type { Outgoing } from './respond.ts'
import { sendError } from './respond.ts'
import type { OriginAddress } from './tunnel.ts'
import { Tunnel } from './tunnel.ts'
import type { Uploads } from './uploads.ts'

export interface PassthroughOptions {
  /** Scheme, host and port; nothing else of it is looked at. */
  readonly target: URL
  readonly clock: Clock
  /** A client that takes no byte for this long while some wait is cut off. */
  readonly clientStallMs: number
  readonly uploads: Uploads
  readonly isTrusted: Trust
  /** How this program calls itself in Via; a request that names it is not sent on. */
  readonly pseudonym: string
  /** The origin failed; the client has been told, as far as it still could be. */
  readonly onFailure: (error: OriginError) => void
  /** A failure that is none of the origin's. */
  readonly onFault: (error: unknown) => void
}

/** Requests under way at once, each with a connection to the origin. None waits for another: one more is refused. */
const MAX_REQUESTS = 1024
/** WebSockets open at once; a connection from here to one address has some 28,000 ports to choose from. */
const MAX_TUNNELS = 16_384
/** Idle connections kept for the next request. */
const MAX_FREE_SOCKETS = 32
/** Shorter than the 5 s for which many programs keep an idle connection, Node's own server among them. */
const FREE_SOCKET_MS = 4000

/** Doing it twice is doing it once (RFC 9110 §9.2.2). */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

export class Passthrough {
  readonly #options: PassthroughOptions
  readonly #proxy: ProxyServer
  readonly #target: OriginAddress
  readonly #isSecure: boolean
  readonly #keptAgent: HttpAgent
  readonly #freshAgent: HttpAgent
  readonly #tunnelAgent: HttpAgent
  #requestCount = 0
  #tunnelCount = 0
  /** Set once nothing new comes. */
  #onIdle: (() => void) | undefined

  constructor(options: PassthroughOptions) {
    const { protocol, host, hostname, port } = options.target
    this.#options = options
    this.#isSecure = protocol === 'https:'
    this.#target = { protocol, host, hostname, port: Number(port || (this.#isSecure ? 443 : 80)) }
    const Agent = this.#isSecure ? HttpsAgent : HttpAgent
    // Node would ask for, and check, the certificate of the host that the client has named.
    const bareHost = hostname.replace(/^\[|\]$/g, '')
    const tls = { servername: isIP(bareHost) === 0 ? bareHost : '' }
    this.#keptAgent = new Agent({ keepAlive: true, maxFreeSockets: MAX_FREE_SOCKETS, timeout: FREE_SOCKET_MS, ...tls })
    this.#freshAgent = new Agent({ keepAlive: false, ...tls })
    // Each side of a WebSocket may have more to say after the other has ended. Agents hand this on to their sockets.
    const forTunnels = { keepAlive: false, allowHalfOpen: true, ...tls }
    this.#tunnelAgent = new Agent(forTunnels)
    this.#proxy = new ProxyServer()
    // The last look at the request, after everything the library does to its fields.
    this.#proxy.before('web', 'stream', (req: IncomingMessage) => {
      req.headers = requestFields(req, options.isTrusted, options.pseudonym) as IncomingMessage['headers']
    })
  }

  /** Answers the request in the end, with the origin's answer or an error. */
  pass(outgoing: Outgoing): void {
    const { req, res } = outgoing
    outgoing.exchange.result = 'bypass'
    if (hasForeignCoding(req)) {
      sendError(outgoing, FOREIGN_CODING, ['Connection', 'close'])
      return
    }
    if (this.#refuses(outgoing, this.#requestCount >= MAX_REQUESTS)) return
    this.#requestCount += 1
    res.once('close', () => {
      this.#requestCount -= 1
      this.#lookIdle()
    })
    // What cannot be sent twice is never sent on a connection that the origin may be closing.
    if (isRepeatable(req)) this.#attempt(outgoing, this.#keptAgent, () => this.#attempt(outgoing, this.#freshAgent))
    else this.#attempt(outgoing, this.#freshAgent)
  }

  /**
   * Asks the origin for a WebSocket, and joins the two connections where it agrees; any other answer is passed on.
   *
   * @param head what the client has sent behind its request
   */
  upgrade(outgoing: Outgoing & { readonly req: IncomingMessage }, socket: Socket, head: Buffer): void {
    outgoing.exchange.result = 'bypass'
    if (this.#refuses(outgoing, this.#tunnelCount >= MAX_TUNNELS)) return
    this.#tunnelCount += 1
    outgoing.res.once('close', () => {
      this.#tunnelCount -= 1
      this.#lookIdle()
    })
    const { clock, clientStallMs, isTrusted, pseudonym, onFailure } = this.#options
    const tunnel = new Tunnel({
      outgoing,
      socket,
      target: this.#target,
      agent: this.#tunnelAgent,
      isSecure: this.#isSecure,
      isTrusted,
      pseudonym,
      clock,
      clientStallMs,
      onFailure,
    })
    try {
      tunnel.open(head)
    } catch (error) {
      this.#onFault(outgoing, error)
    }
  }

  /**
   * To be called when no more requests come. Idle connections end now, those in use with what they are in use for.
   *
   * @returns what resolves when the last request and the last WebSocket are over
   */
  retire(): Promise<void> {
    // The one agent that keeps any: it keeps none that becomes free from now on.
    this.#keptAgent.maxFreeSockets = 0
    for (const sockets of Object.values(this.#keptAgent.freeSockets)) {
      for (const socket of [...(sockets ?? [])]) socket.destroy()
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onIdle = resolve
    this.#lookIdle()
    return promise
  }

  /** Cuts off whatever there still is. */
  close(): void {
    for (const agent of [this.#keptAgent, this.#freshAgent, this.#tunnelAgent]) agent.destroy()
  }

  #lookIdle(): void {
    if (this.#requestCount + this.#tunnelCount === 0) this.#onIdle?.()
  }

  #attempt(outgoing: Outgoing, agent: HttpAgent, repeat?: () => void): void {
    const { req, res } = outgoing
    const { clock, clientStallMs, uploads, onFailure } = this.#options
    const isSecure = this.#isSecure
    const buffer = new PassedRequest({ outgoing, clock, clientStallMs, uploads, isSecure, repeat, onFailure })
    try {
      this.#proxy.web(
        // It looks at nothing that is not in every version's.
        req as IncomingMessage,
        res as unknown as ServerResponse,
        { target: this.#target, agent, buffer, toProxy: true, prependPath: false, selfHandleResponse: true },
        // PassedRequest hears of every failure itself.
        () => undefined,
      )
    } catch (error) {
      this.#onFault(outgoing, error)
    }
  }

  #onFault(outgoing: Outgoing, error: unknown): void {
    outgoing.exchange.error = error instanceof Error ? error : new Error(String(error))
    this.#options.onFault(error)
    sendError(outgoing, toClientError(error))
  }

  #refuses(outgoing: Outgoing, isFull: boolean): boolean {
    const { pseudonym, onFailure } = this.#options
    const isLoop = hasPassed(outgoing.req.headers.via, pseudonym)
    if (!isLoop && !isFull) return false
    const error = isLoop
      ? new LoopError()
      : new OriginError('overloaded', 'too many requests are passed through at once')
    outgoing.exchange.error = error
    sendError(outgoing, toClientError(error))
    onFailure(error)
    return true
  }
}

function isRepeatable(req: Outgoing['req']): boolean {
  return IDEMPOTENT.has(req.method ?? '') && !hasContent(req)
}
