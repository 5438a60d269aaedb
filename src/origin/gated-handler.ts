/**
 * Every request to the origin through one gate: no permit, no request; and what came of it is told at the same gate.
 *
 * Invariant: from the moment a request is sent its permit is held until its response's body is closed, or until it has
 * failed; before that moment the permit is the caller's. The bodies of error answers are read here.
 *
 * What belongs to no fetch is no request to the origin, and goes past it. It stands between an S3 client and the handler
 * that does the sending, and knows both only by their shape.
 */
import { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import { StreamBody } from './body.ts'
import { readErrorBody } from './error-body.ts'
import type { ConnectionPool, Permit } from './pool.ts'
import type { Call } from './s3-transport.ts'

/** A call on its way through the client. */
export interface GatedCall {
  readonly call: Call
  /** What the request brought, before any client took it apart; absent while there is none. */
  received: Received | undefined
}

/** An {@link Answer} of which only the client knows the code. */
export interface Received {
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
  /** @param options the client's: `abortSignal`, and what is passed through */
  handle(request: Request, options: object): Promise<{ response: Response }>
}

export interface GatedHandlerOptions {
  /** The origin's name, for messages. */
  readonly name: string
  readonly pool: ConnectionPool
  readonly stallTimeoutMs: number
  readonly clock: Clock
}

/** All a client still has to know of a 2xx answer. */
const HEADERS_FOR_CLIENT: readonly string[] = ['date', 'x-amz-request-id']

export class GatedHandler<Request extends object, Response extends AttemptResponse> {
  readonly metadata = { handlerProtocol: 'http/1.1' }
  readonly #sender: SendingHandler<Request, Response>
  readonly #options: GatedHandlerOptions
  readonly #calls = new WeakMap<Request, GatedCall>()

  constructor(sender: SendingHandler<Request, Response>, options: GatedHandlerOptions) {
    this.#sender = sender
    this.#options = options
  }

  /** Says which call a request belongs to. Comes before `handle`. */
  belongs(request: Request, gated: GatedCall): void {
    this.#calls.set(request, gated)
  }

  /** @throws {OriginError} `aborted` when nobody wants the answer any more; whatever the sender throws */
  async handle(request: Request, options: object = {}): Promise<{ response: Response }> {
    const gated = this.#calls.get(request)
    // No fetch's: the SDK's own, to a token service for a role's credentials, since it lends its handler to that client.
    if (gated === undefined) return this.#sender.handle(request, options)
    const { call } = gated
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
      if (!isSuccess) response.body = await readErrorBody(body, this.#options)
      else response.headers = headersForClient(headers)
      gated.received = { status: statusCode, headers, body: isSuccess ? body : undefined }
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

  #takeBody(stream: unknown, contentLength: number | undefined, signal: AbortSignal, permit: Permit): StreamBody {
    if (!(stream instanceof Readable)) throw new Error('a response whose body is no stream')
    if (stream.closed) permit.release()
    else stream.once('close', () => permit.release())
    const { name, pool, clock, stallTimeoutMs } = this.#options
    return new StreamBody(stream, { name, signal, contentLength, stallTimeoutMs, clock, counts: pool.counts })
  }
}

function announcedLength(headers: Readonly<Record<string, string>>): number | undefined {
  const value = headers['content-length'] ?? ''
  return /^\d+$/.test(value) ? Number(value) : undefined
}

/** A field it could not parse would make it throw the answer away. */
function headersForClient(headers: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of HEADERS_FOR_CLIENT) {
    const value = headers[name]
    if (value !== undefined) kept[name] = value
  }
  return kept
}
