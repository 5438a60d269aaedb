/**
 * Tunnel: a client's connection joined to an origin's, once both have agreed to speak WebSocket (RFC 6455).
 *
 * | phase | what may happen |
 * |---|---|
 * | `asking` | the origin has the request; bytes that the client sends early are kept for it |
 * | `refused` | the origin answers in HTTP, or an error of ours does; the connection ends behind that answer |
 * | `open` | bytes go both ways; an idle connection stays, a dead peer is found by TCP |
 * | `half` | one side has ended; the other has as long to end as it goes on sending |
 * | `over` | both connections are gone or going |
 *
 * There is no tunnel before the origin's own 101: whatever a client sends behind a request to change protocols reaches
 * no origin that has refused it.
 */

import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { ProxyServer } from 'http-proxy-3'
import type { Clock, Timer } from '../clock.ts'
import { OriginError, toClientError } from '../errors.ts'
import type { Trust } from '../http/forwarded.ts'
import { IdleWatch } from './idle-watch.ts'
import { passAnswer } from './pass-answer.ts'
import { BYPASSED, switchingFields, upgradeFields } from './passed-fields.ts'
import { CONNECT_MS, IDLE_MS } from './passed-request.ts'
import type { Outgoing } from './respond.ts'
import { sendError } from './respond.ts'

/** Where the library sends requests; `host` is of no use to it beside `hostname`, but it wants both. */
export interface OriginAddress {
  readonly protocol: string
  readonly host: string
  readonly hostname: string
  readonly port: number
}

export interface TunnelOptions {
  /** Its response is assigned to `socket`, closes with it, and ends it when it is finished itself. */
  readonly outgoing: Outgoing & { readonly req: IncomingMessage }
  readonly socket: Socket
  readonly target: OriginAddress
  readonly agent: Agent
  /** Whether a connection is ready only after a TLS handshake. */
  readonly isSecure: boolean
  readonly isTrusted: Trust
  /** As for {@link upgradeFields}. */
  readonly pseudonym: string
  readonly clock: Clock
  readonly clientStallMs: number
  readonly onFailure: (error: OriginError) => void
}

/** Bytes of a client that does not wait for the origin's word; more of them wait in its connection. */
const MAX_EARLY_BYTES = 64 * 1024
/** After this much silence TCP asks whether the other end is still there. */
const PROBE_AFTER_MS = 60_000

export class Tunnel {
  readonly #options: TunnelOptions
  readonly #watch: IdleWatch
  #phase: 'asking' | 'refused' | 'open' | 'half' | 'over' = 'asking'
  #early: Buffer[] = []
  #earlyBytes = 0
  #connectTimer: Timer | undefined
  #toOrigin: ClientRequest | undefined

  constructor(options: TunnelOptions) {
    this.#options = options
    this.#watch = new IdleWatch(options.clock, IDLE_MS, () => this.#onIdle())
  }

  /** To be called once. `head` is what the client has sent behind its request. */
  open(head: Buffer): void {
    const { outgoing, socket, target, agent, clock, isSecure, isTrusted, pseudonym } = this.#options
    const { req } = outgoing
    // One for each, since most of its events do not say which request they are about.
    const proxy = new ProxyServer()
    proxy.before('ws', 'stream', () => {
      req.headers = upgradeFields(req, isTrusted, pseudonym) as IncomingMessage['headers']
    })
    // Failures of either connection; both are watched here.
    proxy.on('error', () => undefined)
    proxy.on('proxyReqWs', (toOrigin) => {
      this.#toOrigin = toOrigin
      toOrigin.path = req.url ?? '/'
      toOrigin.once('socket', (originSocket) => {
        originSocket.once(isSecure ? 'secureConnect' : 'connect', () => this.#onConnected())
      })
      toOrigin.on('error', (cause) => this.#onError(cause))
    })
    this.#connectTimer = clock.after(CONNECT_MS, () =>
      this.#fail(new OriginError('timeout', 'connecting took too long')),
    )
    socket.once('close', () => this.#onClientGone())
    proxy.ws(req, socket, head, { target, agent, toProxy: true, prependPath: false }, () => undefined)
    if (this.#toOrigin !== undefined) this.#takeOver(this.#toOrigin)
    socket.on('data', this.#onEarly)
    socket.once('end', this.#onEarlyEnd)
  }

  /** The library's answer to a refusal is put away (it knows no backpressure and no end by failure). */
  #takeOver(toOrigin: ClientRequest): void {
    const join = toOrigin.listeners('upgrade')
    toOrigin.removeAllListeners('upgrade')
    toOrigin.removeAllListeners('response')
    toOrigin.once('upgrade', (answer, originSocket: Socket, originHead) => {
      this.#connectTimer?.cancel()
      this.#watch.pause()
      if (answer.headers.upgrade?.toLowerCase() !== 'websocket' || this.#phase !== 'asking') {
        originSocket.destroy()
        this.#fail(new OriginError('broken', 'the origin changed to a protocol that nobody has asked for'))
        return
      }
      this.#prepare(answer)
      for (const listener of join) Reflect.apply(listener, toOrigin, [answer, originSocket, originHead])
      this.#follow(originSocket)
    })
    toOrigin.once('response', (answer) => this.#onRefusal(answer, toOrigin))
  }

  readonly #onEarly = (chunk: Buffer): void => {
    const { socket } = this.#options
    if (this.#phase !== 'asking') return
    this.#early.push(chunk)
    this.#earlyBytes += chunk.length
    if (this.#earlyBytes >= MAX_EARLY_BYTES) socket.pause()
  }

  /** A client that ends its side before it knows whether there is another one has left. */
  readonly #onEarlyEnd = (): void => {
    if (this.#phase === 'asking') this.#options.socket.destroy()
  }

  #onConnected(): void {
    if (this.#phase !== 'asking') return
    this.#connectTimer?.cancel()
    this.#watch.resume()
  }

  /** The last moment before the library writes the 101 and joins the connections. */
  #prepare(answer: IncomingMessage): void {
    const { outgoing, socket } = this.#options
    this.#phase = 'open'
    outgoing.exchange.switched = { isEndedByBoth: false }
    outgoing.exchange.answers()
    outgoing.exchange.cacheStatus = BYPASSED
    answer.headers = switchingFields(answer) as IncomingMessage['headers']
    socket.off('data', this.#onEarly)
    socket.off('end', this.#onEarlyEnd)
    socket.pause()
    if (this.#earlyBytes > 0) socket.unshift(Buffer.concat(this.#early))
    this.#early = []
  }

  #follow(originSocket: Socket): void {
    const { outgoing, socket, clientStallMs, onFailure } = this.#options
    const { exchange } = outgoing
    const ended = new Set<Socket>()
    const onEnd = (side: Socket) => {
      ended.add(side)
      exchange.switched = { isEndedByBoth: ended.size === 2 }
      if (this.#phase !== 'open') return
      this.#phase = 'half'
      this.#watch.resume()
    }
    const onDrain = () => socket.setTimeout(0)
    for (const side of [socket, originSocket]) {
      side.setKeepAlive(true, PROBE_AFTER_MS)
      side.once('end', () => onEnd(side))
      side.on('data', () => this.#watch.progress())
    }
    // The library joined them first, so it has written what this hears of.
    originSocket.on('data', (chunk: Buffer) => {
      exchange.bytes += chunk.length
      if (!socket.writableNeedDrain) return
      socket.setTimeout(clientStallMs)
      socket.once('drain', onDrain)
    })
    originSocket.on('error', (cause: NodeJS.ErrnoException) => {
      if (socket.destroyed) return
      const error = new OriginError('broken', `the origin broke off: ${cause.code ?? cause.message}`, { cause })
      exchange.error ??= error
      onFailure(error)
    })
    // The library ends the client's side then; what is left for it has the usual time.
    originSocket.once('close', () => socket.setTimeout(clientStallMs))
    socket.once('close', () => originSocket.destroy())
  }

  #onRefusal(answer: IncomingMessage, toOrigin: ClientRequest): void {
    const { outgoing, clientStallMs, onFailure } = this.#options
    if (this.#phase !== 'asking') {
      answer.resume()
      return
    }
    this.#refuse()
    this.#watch.resume()
    const isPassing = passAnswer(answer, {
      outgoing,
      toOrigin,
      clientStallMs,
      watch: this.#watch,
      onWhole: () => this.#watch.stop(),
      onBroken: onFailure,
    })
    if (!isPassing) this.#tell(new OriginError('broken', `the origin answered with status ${answer.statusCode}`))
  }

  #onError(cause: NodeJS.ErrnoException): void {
    const error = new OriginError('unreachable', `the origin refused: ${cause.code ?? cause.message}`, { cause })
    this.#fail(error)
  }

  #onIdle(): void {
    const { socket } = this.#options
    if (this.#phase === 'asking') this.#fail(new OriginError('timeout', 'the origin took too long'))
    else socket.destroy()
  }

  #fail(error: OriginError): void {
    if (this.#phase !== 'asking') return
    this.#refuse()
    this.#watch.stop()
    this.#toOrigin?.destroy()
    this.#tell(error)
  }

  /** What the client sends from here on is read, so that it comes to see the answer, and goes nowhere. */
  #refuse(): void {
    const { socket } = this.#options
    this.#phase = 'refused'
    this.#connectTimer?.cancel()
    this.#early = []
    socket.resume()
  }

  #tell(error: OriginError): void {
    const { outgoing, onFailure } = this.#options
    outgoing.exchange.error ??= error
    sendError(outgoing, toClientError(error))
    onFailure(error)
  }

  #onClientGone(): void {
    this.#phase = 'over'
    this.#connectTimer?.cancel()
    this.#watch.stop()
    this.#toOrigin?.destroy()
  }
}
