/**
 * One HTTP request to an origin, on one connection, from its sending to the end of its answer.
 *
 * | state      | the connection                         | ends with                                                   |
 * |------------|----------------------------------------|-------------------------------------------------------------|
 * | `asking`   | connecting, sending, or waiting        | the final answer's head, an error, an abort, a timeout      |
 * | `answered` | brings a body, at its reader's pace    | the body's end; or its failure, also by its reader's leave  |
 * | `over`     | free again, or closed                  |                                                             |
 *
 * Invariant: `over` comes exactly once, whatever happens in whatever order, and `onOver` is called on the way into it.
 * A connection is given back only after a whole answer; in every other case it is closed.
 */
import type { Dispatcher } from 'undici'
import type { Clock, Timer } from '../clock.ts'
import { ContentTooSlowError, OriginError } from '../errors.ts'
import { givenUp } from './failure.ts'
import { LentContent } from './http-content.ts'
import { type AnswerHead, answerHead, interimPairs } from './http-fields.ts'
import { failureOf } from './http-outcome.ts'
import type { HttpSocket, HttpSockets } from './http-sockets.ts'
import type { FieldPairs, OriginRequest, OriginResponse } from './origin.ts'
import { ReceivedBody } from './received-body.ts'

/** What goes out, word for word. */
export interface SentRequest extends Pick<OriginRequest, 'content' | 'onInformational' | 'signal'> {
  readonly method: string
  /** Path and query. Nothing on the way takes them apart, so nothing collapses or decodes them. */
  readonly target: string
  /** All but Host, where it is not among them, and what is about the connection. */
  readonly fields: FieldPairs
}

export interface ExchangeOptions {
  /** The origin's name, for messages. */
  readonly name: string
  readonly sockets: HttpSockets
  /** From when the request is on a connection, and again from each piece of its content. */
  readonly responseTimeoutMs: number
  readonly stallTimeoutMs: number
  readonly clock: Clock
  readonly counts: { receivedBytes: number }
  readonly onAnswer: (status: number) => void
  readonly onOver: () => void
}

/** So much of a body is taken from the connection before anybody asks: a small answer needs its connection no longer. */
const MAX_QUEUED_BYTES = 64 * 1024

type State =
  | { readonly is: 'asking' }
  | { readonly is: 'answered'; readonly body: ReceivedBody | undefined; readonly isDelimited: boolean }
  | { readonly is: 'over' }

/** @throws {OriginError} when there is no final answer */
export function exchange(request: SentRequest, options: ExchangeOptions): Promise<OriginResponse> {
  return new HttpExchange(request, options).response
}

class HttpExchange implements Dispatcher.DispatchHandler {
  readonly #request: SentRequest
  readonly #options: ExchangeOptions
  readonly #socket: HttpSocket
  readonly #onAbort = () => this.#fail(givenUp(this.#options.name, this.#request.signal, true))
  readonly #response = Promise.withResolvers<OriginResponse>()
  readonly #content: LentContent | undefined
  #state: State = { is: 'asking' }
  #timer: Timer | undefined
  #isSent = false
  #hasBegun = false

  constructor(request: SentRequest, options: ExchangeOptions) {
    this.#request = request
    this.#options = options
    this.#socket = options.sockets.take()
    request.signal.addEventListener('abort', this.#onAbort, { once: true })
    if (request.content !== undefined) this.#content = this.#lend(request.content)
    const { method, target, fields } = request
    this.#socket.dispatch({ method, path: target, headers: [...fields], body: this.#content ?? null }, this)
  }

  get response(): Promise<OriginResponse> {
    return this.#response.promise
  }

  /** The request goes out on a connection that is there. */
  onRequestStart(): void {
    this.#isSent = true
    if (this.#state.is !== 'asking') return
    const { clock, responseTimeoutMs, name } = this.#options
    this.#timer?.cancel()
    this.#timer = clock.after(responseTimeoutMs, () => {
      // An origin that waits for content together with us has not failed.
      if (this.#content?.awaitsSender === true) this.#fail(new ContentTooSlowError(name))
      else this.#fail(new OriginError('timeout', `${name}: no response headers after ${responseTimeoutMs} ms`))
    })
  }

  onBodySent(): void {
    if (this.#state.is === 'asking') this.#timer?.refresh()
  }

  onRequestSent(): void {
    if (this.#state.is === 'asking') this.#timer?.refresh()
  }

  /** Also for every interim answer, like the next. */
  onResponseStarted(): void {
    this.#hasBegun = true
    this.#socket.isInHead = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number): void {
    this.#socket.isInHead = false
    if (this.#state.is !== 'asking') return
    const pairs = pairsOf(controller.rawHeaders)
    if (status < 200) this.#request.onInformational?.(status, interimPairs(pairs))
    else this.#answer(controller, status, answerHead(pairs))
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    // A view of what the connection reads into.
    if (this.#state.is === 'answered') this.#state.body?.push(chunk, true)
  }

  onResponseEnd(): void {
    const state = this.#state
    if (state.is !== 'answered') return
    if (!state.isDelimited && this.#socket.isBroken) {
      // Nothing but a close in good order says that such a body came whole.
      state.body?.break()
      return
    }
    this.#over()
    this.#options.sockets.giveBack(this.#socket)
    this.#options.onOver()
    state.body?.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const state = this.#state
    switch (state.is) {
      case 'asking': {
        const progress = { isSent: this.#isSent, hasBegun: this.#hasBegun, isReused: this.#socket.isReused }
        this.#fail(failureOf(this.#options.name, error, progress))
        return
      }
      case 'answered':
        if (state.body === undefined) this.#discard()
        else state.body.break(error)
        return
      case 'over':
        return
      default:
        state satisfies never
    }
  }

  #answer(controller: Dispatcher.DispatchController, status: number, head: AnswerHead): void {
    const { name, clock, counts, stallTimeoutMs, onAnswer } = this.#options
    const { method } = this.#request
    const { headers, setCookies, transferCoding, contentLength } = head
    if (transferCoding !== undefined && transferCoding !== 'chunked') {
      // What it did to the bytes would stay in them.
      this.#fail(new OriginError('broken', `${name}: an unknown transfer coding`))
      return
    }
    this.#settle()
    onAnswer(status)
    const hasBody = method !== 'HEAD' && status !== 204 && status !== 304
    const isDelimited = !hasBody || transferCoding !== undefined || contentLength !== undefined
    this.#state = { is: 'answered', body: undefined, isDelimited }
    if (!hasBody) {
      this.#response.resolve({ status, headers, setCookies, body: undefined })
      return
    }
    const body = new ReceivedBody(
      {
        maxQueuedBytes: MAX_QUEUED_BYTES,
        startsPaused: false,
        pause: () => controller.pause(),
        resume: () => controller.resume(),
        destroy: () => this.#discard(),
      },
      { name, clock, counts, stallTimeoutMs, signal: this.#request.signal, contentLength },
    )
    this.#state = { is: 'answered', body, isDelimited }
    this.#response.resolve({ status, headers, setCookies, body })
  }

  /** Before there is an answer; afterwards it is the body that fails. */
  #fail(error: OriginError): void {
    if (this.#state.is !== 'asking') return
    this.#discard()
    this.#response.reject(error)
  }

  #discard(): void {
    if (this.#state.is === 'over') return
    this.#over()
    this.#socket.destroy()
    this.#options.onOver()
  }

  #over(): void {
    this.#state = { is: 'over' }
    this.#settle()
    this.#content?.destroy()
  }

  /** The waiting for an answer has ended. */
  #settle(): void {
    this.#timer?.cancel()
    this.#request.signal.removeEventListener('abort', this.#onAbort)
  }

  #lend(source: NonNullable<OriginRequest['content']>): LentContent {
    const content = new LentContent(source)
    content.once('error', (error) => {
      const message = `${this.#options.name}: the content of the request broke off`
      this.#fail(new OriginError('aborted', message, { cause: error }))
    })
    return content
  }
}

/** undici keeps the bytes as they came; latin1 is what gives each of them its own character (RFC 9110 §5.5). */
function pairsOf(raw: Dispatcher.DispatchController['rawHeaders']): FieldPairs {
  if (!Array.isArray(raw)) return []
  return raw.map((part) => (typeof part === 'string' ? part : part.toString('latin1')))
}
