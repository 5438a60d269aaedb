/**
 * Every request to the origin through one gate: no permit, no request; and what came of it is told at the same gate.
 *
 * Invariant: from the moment a request is sent its permit is held until its response's body is closed, or until it has
 * failed; before that moment the permit is the caller's. The bodies of error answers are read here, bounded in bytes
 * and time, so that no answer outside 2xx ever holds a socket.
 *
 * It stands between an S3 client and the handler that does the sending, and knows both only by their shape.
 */
import { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import { StreamBody } from './body.ts'
import type { ConnectionPool, Permit } from './pool.ts'

/** One `fetch`. */
export interface Call {
  /** To be given back by the caller as long as nothing is sent. */
  readonly permit: Permit
  readonly signal: AbortSignal
  /** Whether the request is under way, and the permit with it. */
  isSent: boolean
  /** What the request brought, before any client took it apart; absent while there is none. */
  answer: Answer | undefined
}

export interface Answer {
  readonly status: number
  /** As received, under lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Present for 2xx. */
  readonly body: StreamBody | undefined
}

/** The response as the client sees it; headers and body are changed before it does. */
export interface AttemptResponse {
  readonly statusCode: number
  headers: Record<string, string>
  body?: unknown
}

export interface SendingHandler<Request, Response> {
  handle(request: Request, options: { abortSignal: AbortSignal }): Promise<{ response: Response }>
}

export interface GatedHandlerOptions {
  /** The origin's name, for messages. */
  readonly name: string
  readonly pool: ConnectionPool
  readonly stallTimeoutMs: number
  readonly clock: Clock
}

/** Error answers are a few hundred bytes of XML; what is longer is not read. */
const MAX_ERROR_BODY_BYTES = 64 * 1024

/** All a client still has to know of a 2xx answer: a field it could not parse would make it throw the answer away. */
const HEADERS_FOR_CLIENT: readonly string[] = ['date', 'x-amz-request-id']

export class GatedHandler<Request extends object, Response extends AttemptResponse> {
  readonly metadata = { handlerProtocol: 'http/1.1' }
  readonly #sender: SendingHandler<Request, Response>
  readonly #options: GatedHandlerOptions
  readonly #calls = new WeakMap<Request, Call>()

  constructor(sender: SendingHandler<Request, Response>, options: GatedHandlerOptions) {
    this.#sender = sender
    this.#options = options
  }

  /** Says which call a request belongs to. Comes before `handle`. */
  belongs(request: Request, call: Call): void {
    this.#calls.set(request, call)
  }

  /** @throws {OriginError} `aborted` when nobody wants the answer any more; whatever the sender throws */
  async handle(request: Request): Promise<{ response: Response }> {
    const call = this.#calls.get(request)
    if (call === undefined) throw new Error('a request that no fetch asked for')
    if (call.isSent) throw new Error('a request that was sent before')
    const { name, pool } = this.#options
    const { permit, signal } = call
    if (signal.aborted) throw new OriginError('aborted', `${name}: given up before it was sent`)
    call.isSent = true
    try {
      const { response } = await this.#sender.handle(request, { abortSignal: signal })
      const { statusCode, headers } = response
      pool.answered(statusCode)
      const isSuccess = statusCode >= 200 && statusCode < 300
      // A 304 may announce the length of what it does not send (RFC 9110 §8.6).
      const contentLength = isSuccess ? announcedLength(headers) : undefined
      const body = this.#takeBody(response.body, contentLength, signal, permit)
      if (!isSuccess) response.body = await this.#readErrorBody(body)
      else response.headers = Object.fromEntries(Object.entries(headers).filter(isForClient))
      call.answer = { status: statusCode, headers, body: isSuccess ? body : undefined }
      return { response }
    } catch (error) {
      permit.release()
      throw error
    }
  }

  destroy(): void {
    // The client would end the agents, and with them the answers under way: their owner does that.
  }

  updateHttpClientConfig(): void {
    // The sender is configured by who made it.
  }

  httpHandlerConfigs(): Record<string, never> {
    return {}
  }

  /** What has not come within one stall timeout is not waited for: the status is known, the text is a nicety. */
  async #readErrorBody(body: StreamBody): Promise<Uint8Array> {
    const { clock, stallTimeoutMs, name } = this.#options
    const chunks: Buffer[] = []
    let receivedBytes = 0
    let isLate = false
    const deadline = clock.after(stallTimeoutMs, () => {
      isLate = true
      body.destroy()
    })
    try {
      for await (const chunk of body) {
        chunks.push(chunk)
        receivedBytes += chunk.length
        if (receivedBytes > MAX_ERROR_BODY_BYTES) break
      }
    } catch (error) {
      if (!isLate) throw error
      throw new OriginError('timeout', `${name}: an error answer took longer than ${stallTimeoutMs} ms`, {
        cause: error,
      })
    } finally {
      deadline.cancel()
    }
    return Buffer.concat(chunks)
  }

  #takeBody(stream: unknown, contentLength: number | undefined, signal: AbortSignal, permit: Permit): StreamBody {
    if (!(stream instanceof Readable)) throw new Error('a response whose body is no stream')
    if (stream.closed) permit.release()
    else stream.once('close', () => permit.release())
    const { name, clock, stallTimeoutMs } = this.#options
    return new StreamBody(stream, { name, signal, contentLength, stallTimeoutMs, clock })
  }
}

function announcedLength(headers: Readonly<Record<string, string>>): number | undefined {
  const value = headers['content-length'] ?? ''
  return /^\d+$/.test(value) ? Number(value) : undefined
}

function isForClient([name]: [string, string]): boolean {
  return HEADERS_FOR_CLIENT.includes(name)
}
