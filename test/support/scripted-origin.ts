/**
 * An origin in memory that does nothing by itself: a test lets each answer, chunk, end and failure go.
 *
 * It keeps what it was asked, and every body it handed out, so that a test can tell that none was left open.
 */

import { setImmediate } from 'node:timers/promises'
import { OriginError } from '../../src/errors.ts'
import type { Origin, OriginBody, OriginRequest, OriginResponse, PoolUsage } from '../../src/origin/origin.ts'
import { lendTo } from './lending.ts'

/**
 * Resolves when everything that can happen has happened. Nothing here waits for a timer or a socket, so one turn of
 * the event loop is enough.
 */
export async function settled(): Promise<void> {
  await setImmediate()
}

export class ScriptedOrigin implements Origin {
  readonly name: string
  /** What was asked so far, in order; each is answered through its exchange. */
  readonly exchanges: ScriptedExchange[] = []
  /** When set, `fetch` itself throws this instead of returning a promise. */
  synchronousFailure: unknown

  constructor(name = 'origin') {
    this.name = name
  }

  get requests(): readonly OriginRequest[] {
    return this.exchanges.map(({ request }) => request)
  }

  /** How often the origin was asked. */
  get count(): number {
    return this.exchanges.length
  }

  /** Bodies that were handed out and neither read to their end, nor failed, nor destroyed. */
  get openBodies(): number {
    return this.exchanges.filter(({ body }) => body?.isOpen === true).length
  }

  /** The request with this number, from 0. Fails when it has not been made. */
  exchange(index: number): ScriptedExchange {
    const exchange = this.exchanges[index]
    if (exchange === undefined) throw new Error(`request ${index} was not made; there were ${this.count}`)
    return exchange
  }

  fetch(request: OriginRequest): Promise<OriginResponse> {
    const exchange = new ScriptedExchange(request)
    this.exchanges.push(exchange)
    if (this.synchronousFailure !== undefined) throw this.synchronousFailure
    return exchange.response
  }

  usage(): PoolUsage {
    return { inUse: this.openBodies, free: 0, queued: 0 }
  }

  async close(): Promise<void> {
    for (const { body } of this.exchanges) body?.destroy()
  }
}

export interface ScriptedAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
}

/** One request and the means to answer it. An abort of its signal ends it at any stage. */
export class ScriptedExchange {
  readonly request: OriginRequest
  readonly response: Promise<OriginResponse>
  readonly #resolve: (response: OriginResponse) => void
  readonly #reject: (error: unknown) => void
  #isOver = false
  /** The body that was handed out. */
  body: ScriptedBody | undefined

  constructor(request: OriginRequest) {
    this.request = request
    const { promise, resolve, reject } = Promise.withResolvers<OriginResponse>()
    this.response = promise
    this.#resolve = resolve
    this.#reject = reject
    const abort = () => {
      const error = new OriginError('aborted', 'the request was aborted')
      this.#isOver = true
      reject(error)
      if (this.body?.isOpen === true) this.body.fail(error)
    }
    if (request.signal.aborted) abort()
    else request.signal.addEventListener('abort', abort, { once: true })
  }

  /**
   * Lets the status and headers go. 200 and 206 get a body, to be filled through what is returned. A request that was
   * aborted before gets nothing any more.
   */
  answer({ status = 200, headers = {} }: ScriptedAnswer = {}): ScriptedBody {
    const body = new ScriptedBody()
    const hasBody = status === 200 || status === 206
    if (hasBody && !this.#isOver) this.body = body
    this.#isOver = true
    this.#resolve({ status, headers, body: hasBody ? body : undefined })
    return body
  }

  /** A whole answer in one go: the bytes as one chunk, with their length unless `headers` says another. */
  answerWhole(bytes: Buffer, headers: Readonly<Record<string, string>> = {}, status = 200): void {
    const body = this.answer({ status, headers: { 'content-length': String(bytes.length), ...headers } })
    if (bytes.length > 0) body.push(bytes)
    body.end()
  }

  /** An answer of whatever form, for origins that break the contract. */
  answerAs(response: OriginResponse): void {
    this.#isOver = true
    this.#resolve(response)
  }

  fail(error: unknown): void {
    this.#isOver = true
    this.#reject(error)
  }
}

type BodyState =
  | { readonly kind: 'open' }
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'destroyed' }

/** Chunks wait here until somebody asks for them; who asks too early waits. */
export class ScriptedBody implements OriginBody {
  readonly #queue: (Buffer | 'end')[] = []
  readonly #pending: PromiseWithResolvers<IteratorResult<Buffer>>[] = []
  #state: BodyState = { kind: 'open' }
  /** Chunks that were handed over. */
  taken = 0
  /** Calls of `destroy`. */
  destroyed = 0

  get isOpen(): boolean {
    return this.#state.kind === 'open'
  }

  get isDestroyed(): boolean {
    return this.#state.kind === 'destroyed'
  }

  /** Whether somebody waits for the next chunk. */
  get isAwaited(): boolean {
    return this.#pending.length > 0
  }

  push(...chunks: readonly Buffer[]): void {
    this.#queue.push(...chunks)
    this.#flush()
  }

  end(): void {
    this.#queue.push('end')
    this.#flush()
  }

  /** Breaks the connection: chunks nobody has asked for are lost. */
  fail(error: unknown): void {
    if (!this.isOpen) return
    this.#state = { kind: 'failed', error }
    for (const waiting of this.#pending.splice(0)) waiting.reject(error)
  }

  next(): Promise<IteratorResult<Buffer>> {
    switch (this.#state.kind) {
      case 'open': {
        const waiting = Promise.withResolvers<IteratorResult<Buffer>>()
        this.#pending.push(waiting)
        this.#flush()
        return waiting.promise
      }
      case 'ended':
        return Promise.resolve({ done: true, value: undefined })
      case 'failed':
        return Promise.reject(this.#state.error)
      case 'destroyed':
        return Promise.reject(new OriginError('aborted', 'the body was destroyed'))
      default:
        return this.#state satisfies never
    }
  }

  readInto(take: (chunk: Buffer) => void): Promise<void> {
    return lendTo(this, take)
  }

  destroy(): void {
    this.destroyed += 1
    if (!this.isOpen) return
    this.#state = { kind: 'destroyed' }
    for (const waiting of this.#pending.splice(0)) waiting.reject(new OriginError('aborted', 'the body was destroyed'))
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #flush(): void {
    while (this.isOpen && this.#queue.length > 0 && this.#pending.length > 0) {
      const item = this.#queue.shift()
      const waiting = this.#pending.shift()
      if (item === undefined || waiting === undefined) return
      if (item === 'end') {
        this.#state = { kind: 'ended' }
        waiting.resolve({ done: true, value: undefined })
        for (const late of this.#pending.splice(0)) late.resolve({ done: true, value: undefined })
      } else {
        this.taken += 1
        waiting.resolve({ done: false, value: item })
      }
    }
  }
}
