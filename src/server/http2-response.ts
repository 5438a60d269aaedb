/**
 * HTTP/2 response: the answer on one stream.
 *
 * Invariant: END_STREAM goes out only behind the last byte of an answer that was ended; whatever else ends it is an
 * RST_STREAM, and touches no other stream (RFC 9113 §8.1).
 */

import { EventEmitter } from 'node:events'
import type { ServerHttp2Stream } from 'node:http2'
import { constants } from 'node:http2'
import type { Socket } from 'node:net'
import type { Clock, Timer } from '../clock.ts'
import { withAnswerFields } from './answer-fields.ts'
import type { Http2Request } from './http2-request.ts'
import type { ServerResponse } from './messages.ts'

const { NGHTTP2_NO_ERROR, NGHTTP2_INTERNAL_ERROR, NGHTTP2_CANCEL } = constants

/** The connection is not a single answer's affair (RFC 9113 §8.2.2). */
const OF_CONNECTION: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])
/** Node sends none above it; a client takes any of them for a 500 (RFC 9110 §15). */
const MAX_STATUS = 599

export class Http2Response extends EventEmitter implements ServerResponse {
  readonly req: Http2Request
  statusCode = 200
  readonly #stream: ServerHttp2Stream
  readonly #clock: Clock
  /** name, value, …: on every answer. */
  readonly #always: readonly string[]
  #hasNoContent: boolean
  #isEnded = false
  #stall: Timer | undefined

  constructor(req: Http2Request, stream: ServerHttp2Stream, clock: Clock, always: readonly string[]) {
    super()
    this.req = req
    this.#stream = stream
    this.#clock = clock
    this.#always = always
    this.#hasNoContent = req.method === 'HEAD'
    stream.on('drain', () => this.emit('drain'))
    // `close` follows, and what it was is known to whoever caused it.
    stream.on('error', () => undefined)
    stream.once('finish', () => this.#onFinish())
    stream.once('close', () => {
      this.#stall?.cancel()
      this.emit('close')
    })
  }

  get headersSent(): boolean {
    return this.#stream.headersSent
  }

  get destroyed(): boolean {
    return this.#stream.destroyed || this.#stream.closed
  }

  get writableEnded(): boolean {
    return this.#isEnded
  }

  get writableFinished(): boolean {
    const { writableFinished, destroyed, rstCode } = this.#stream
    // A stream that has ended on both sides may be gone before it tells that it has finished.
    return this.#isEnded && (writableFinished || (destroyed && rstCode === NGHTTP2_NO_ERROR))
  }

  get writableLength(): number {
    return this.#stream.writableLength
  }

  get socket(): Socket | null {
    return this.destroyed ? null : this.req.socket
  }

  writeHead(status: number, reasonOrPairs?: string | readonly string[], morePairs: readonly string[] = []): this {
    if (this.destroyed) return this
    const pairs = typeof reasonOrPairs === 'object' ? reasonOrPairs : morePairs
    this.statusCode = status <= MAX_STATUS ? status : 500
    this.#hasNoContent ||= status === 204 || status === 205 || status === 304
    const fields = [':status', String(this.statusCode), ...withAnswerFields(endToEnd(pairs), this.#always)]
    this.#stream.respond(fields, { endStream: this.#hasNoContent })
    return this
  }

  flushHeaders(): void {
    if (!this.headersSent) this.writeHead(this.statusCode)
  }

  write(bytes: Buffer): boolean {
    if (this.destroyed || this.#isEnded) return false
    this.flushHeaders()
    return this.#hasNoContent || this.#stream.write(bytes)
  }

  end(bytes?: Buffer | string): this {
    if (this.destroyed || this.#isEnded) return this
    this.#isEnded = true
    this.flushHeaders()
    if (bytes === undefined || this.#hasNoContent) this.#stream.end()
    else this.#stream.end(bytes)
    return this
  }

  destroy(): this {
    this.#reset(NGHTTP2_INTERNAL_ERROR)
    return this
  }

  /**
   * The stream's own timer would wait for a connection to stand still on which others move. What has left is seen buffer
   * by buffer.
   */
  readonly setTimeout = (ms: number): void => {
    this.#stall?.cancel()
    this.#stall = undefined
    if (ms === 0 || this.destroyed) return
    let waiting = this.writableLength
    const timer = this.#clock.after(ms, () => {
      if (this.writableLength >= waiting) {
        this.#reset(NGHTTP2_CANCEL)
        return
      }
      waiting = this.writableLength
      timer.refresh()
    })
    this.#stall = timer
  }

  writeContinue(): void {
    this.writeInformation(100, [])
  }

  writeInformation(status: number, pairs: readonly string[]): void {
    // RFC 9113 §8.6
    if (status === 101 || this.headersSent || this.destroyed) return
    const fields: Record<string, string | string[]> = { ':status': String(status) }
    const sent = endToEnd(pairs)
    for (let index = 0; index + 1 < sent.length; index += 2) {
      const name = (sent[index] ?? '').toLowerCase()
      const value = sent[index + 1] ?? ''
      const earlier = fields[name]
      fields[name] = earlier === undefined ? value : [earlier, value].flat()
    }
    this.#stream.additionalHeaders(fields)
  }

  #reset(code: number): void {
    // Node ends a stream before it resets it, and END_STREAM would be out first: what is cut would look whole.
    this.#stream._final = () => undefined
    this.#stream.close(code)
  }

  /** Nobody wants the rest of the content of a request that has been answered (RFC 9113 §8.1). */
  #onFinish(): void {
    if (this.#isEnded && !this.req.complete) this.#stream.close(NGHTTP2_NO_ERROR)
  }
}

function endToEnd(pairs: readonly string[]): readonly string[] {
  for (let index = 0; index < pairs.length; index += 2) {
    if (OF_CONNECTION.has((pairs[index] ?? '').toLowerCase())) {
      return pairs.filter((_, at) => !OF_CONNECTION.has((pairs[at - (at % 2)] ?? '').toLowerCase()))
    }
  }
  return pairs
}
