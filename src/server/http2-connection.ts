/**
 * HTTP/2 connection: what a client and this server have agreed to speak HTTP/2 on (RFC 9113). Streams come and go; without
 * any for too long it ends, as it does at the end of the program with its last answer.
 *
 * A fault of one stream ends that stream; a client that keeps making faults, resets or empty work loses its connection,
 * for which Node's own limits stand. Trailers are not looked at, nothing is pushed, and priorities are only a wish.
 */

import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { performServerHandshake } from 'node:http2'
import type { TLSSocket } from 'node:tls'
import type { Clock, Timer } from '../clock.ts'
import { Http2Request } from './http2-request.ts'
import { Http2Response } from './http2-response.ts'
import type { IncomingMessage, ServerResponse } from './messages.ts'

export interface Http2ConnectionOptions {
  readonly socket: TLSSocket
  readonly clock: Clock
  readonly onRequest: (req: IncomingMessage, res: ServerResponse) => void
  /** Whether it is for somebody else to say that content may come. */
  readonly leavesContinue: (req: IncomingMessage) => boolean
  /** name, value, …: on every answer. */
  readonly answerFields: readonly string[]
  /** Of the fields of one request, as HPACK counts them (RFC 9113 §6.5.2). */
  readonly maxHeaderBytes: number
  /** How long it may be without a stream: for the first one, and later on. */
  readonly firstRequestMs: number
  readonly keepAliveMs: number
  readonly onClose: () => void
}

/** Requests under way at once; browsers and nginx think of about as many. */
const MAX_STREAMS = 128
/** In MB: what each of so many streams may have waiting here, twice; Node refuses streams beyond it. */
const MAX_SESSION_MEMORY = 32
/** Frames that make no sense, and streams beyond the limits, before it is no accident any more. */
const MAX_BAD_FRAMES = 100
/** What is left of it after its end may take this long to leave. */
const LAST_BYTES_MS = 10_000

export class Http2Connection {
  readonly #options: Http2ConnectionOptions
  readonly #session: ServerHttp2Session
  #idle: Timer
  #hasServed = false
  #isClosing = false
  #streams = 0

  constructor(options: Http2ConnectionOptions) {
    this.#options = options
    const { socket, clock, maxHeaderBytes, firstRequestMs, onClose } = options
    this.#session = performServerHandshake(socket, {
      settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: maxHeaderBytes, enableConnectProtocol: false },
      maxSessionMemory: MAX_SESSION_MEMORY,
      maxSessionInvalidFrames: MAX_BAD_FRAMES,
      maxSessionRejectedStreams: MAX_BAD_FRAMES,
      // Fields go on as they came, where they came twice as well.
      strictSingleValueFields: false,
    })
    this.#idle = clock.after(firstRequestMs, () => this.#onIdle())
    this.#session.on('stream', (stream, headers, _flags, rawHeaders) => this.#onStream(stream, headers, rawHeaders))
    // It closes; its answers say for themselves that they have not been whole.
    this.#session.on('error', () => undefined)
    socket.once('close', () => {
      this.#idle.cancel()
      onClose()
    })
  }

  /**
   * Finishes what is under way, takes nothing more, and ends. What the client has sent meanwhile it may send elsewhere:
   * it is told which of its requests counted as the last one (RFC 9113 §6.8). Node cannot give it a first warning
   * without dropping what comes between the two.
   */
  close(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    if (!this.#session.destroyed) this.#session.close()
    if (this.#streams === 0) this.#rest()
  }

  #onStream(
    stream: ServerHttp2Stream,
    headers: Record<string, string | string[] | undefined>,
    rawHeaders: string[],
  ): void {
    const { socket, clock, answerFields, onRequest, leavesContinue } = this.#options
    this.#streams += 1
    stream.once('close', () => {
      this.#streams -= 1
      if (this.#streams === 0) this.#rest()
    })
    const req = new Http2Request(stream, headers, rawHeaders, socket)
    const res = new Http2Response(req, stream, clock, answerFields)
    if (req.method === 'CONNECT') {
      refuse(res, 405, 'Not a proxy for CONNECT, and no WebSockets over HTTP/2', ['Allow', 'GET, HEAD, OPTIONS'])
      return
    }
    const { expect } = req.headers
    if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
      refuse(res, 417, 'This expectation cannot be met')
      return
    }
    if (expect !== undefined && !leavesContinue(req)) res.writeContinue()
    onRequest(req, res)
  }

  /** No stream is left. */
  #rest(): void {
    const { socket, clock, keepAliveMs } = this.#options
    if (socket.destroyed) return
    if (this.#isClosing) {
      this.#idle.cancel()
      this.#idle = clock.after(LAST_BYTES_MS, () => socket.destroy())
    } else if (this.#hasServed) {
      this.#idle.refresh()
    } else {
      this.#hasServed = true
      this.#idle.cancel()
      this.#idle = clock.after(keepAliveMs, () => this.#onIdle())
    }
  }

  #onIdle(): void {
    if (this.#streams === 0) this.close()
  }
}

function refuse(res: Http2Response, status: number, text: string, morePairs: readonly string[] = []): void {
  const body = Buffer.from(`${text}\n`)
  const type = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(body.length)]
  res.writeHead(status, [...type, 'Cache-Control', 'no-store', ...morePairs]).end(body)
}
