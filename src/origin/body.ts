/**
 * An origin's body out of a node stream, chunk by chunk, as the stream produced them: no copy, no concatenation.
 *
 * Invariant: `done` is said only after every byte of the answer, as many as Content-Length announced. Whatever ends it
 * sooner is an OriginError, now and at every later `next()`. The stall timer counts only while the reader waits:
 * a reader that does not ask puts backpressure on the socket and may take all the time it likes.
 */
import type { Readable } from 'node:stream'
import type { Clock, Timer } from '../clock.ts'
import { OriginError } from '../errors.ts'
import type { OriginBody } from './origin.ts'

export interface StreamBodyOptions {
  /** The origin's name, for messages. */
  readonly name: string
  /** Aborting it is `destroy()`. */
  readonly signal: AbortSignal
  /** The announced length, where there is one. */
  readonly contentLength: number | undefined
  /** How long a waiting reader waits for the next bytes. */
  readonly stallTimeoutMs: number
  readonly clock: Clock
}

/**
 * - `open`: bytes may still come
 * - `ended`: all bytes came; the reader gets what is queued, then `done`
 * - `failed`: the reader gets what is queued, then the error, for ever
 * - `returned`: the reader itself left by `return()`; only `done` from here on
 */
type State =
  | { readonly is: 'open' }
  | { readonly is: 'ended' }
  | { readonly is: 'failed'; readonly error: OriginError }
  | { readonly is: 'returned' }

interface Waiting {
  readonly resolve: (result: IteratorResult<Buffer, undefined>) => void
  readonly reject: (error: OriginError) => void
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

export class StreamBody implements OriginBody {
  readonly #stream: Readable
  readonly #options: StreamBodyOptions
  readonly #onAbort = () => this.destroy()
  /** Chunks that came while nobody waited: one or two, since the stream is paused as soon as that happens. */
  readonly #chunks: Buffer[] = []
  #waiting: Waiting | undefined
  #stallTimer: Timer | undefined
  #receivedBytes = 0
  #state: State = { is: 'open' }

  /** Takes the stream over: from here on nobody else may read or destroy it. */
  constructor(stream: Readable, options: StreamBodyOptions) {
    this.#stream = stream
    this.#options = options
    // Before the listener, which would otherwise start the flow with nobody there to take it.
    stream.pause()
    stream.on('data', (chunk: Buffer) => this.#onData(chunk))
    stream.once('end', () => this.#onEnd())
    // Stays for good: an error after the end of a body is nobody's concern, and must not end the process.
    stream.on('error', (error: Error) => this.#fail(broken(this.#options.name, this.#receivedBytes, error)))
    stream.once('close', () => this.#fail(broken(this.#options.name, this.#receivedBytes)))
    options.signal.addEventListener('abort', this.#onAbort, { once: true })
    if (options.signal.aborted) this.destroy()
    else if (stream.destroyed) this.#fail(broken(options.name, 0, stream.errored ?? undefined))
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) return Promise.resolve({ done: false, value: chunk })
    switch (this.#state.is) {
      case 'ended':
      case 'returned':
        return Promise.resolve(DONE)
      case 'failed':
        return Promise.reject(this.#state.error)
      case 'open':
        return this.#wait()
      default:
        return this.#state satisfies never
    }
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.destroy()
    this.#chunks.length = 0
    this.#state = { is: 'returned' }
    return DONE
  }

  destroy(): void {
    // What was handed over is all there is from now on, so a body that came whole but was not read whole has failed too.
    if (this.#state.is === 'ended' && this.#chunks.length > 0) this.#state = { is: 'open' }
    this.#chunks.length = 0
    const { name, signal } = this.#options
    const cause: unknown = signal.aborted ? signal.reason : undefined
    this.#fail(new OriginError('aborted', `${name}: body given up`, { cause }))
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #wait(): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#waiting !== undefined)
      return Promise.reject(new Error('a body has one reader, and it is waiting already'))
    if (this.#stallTimer === undefined) {
      this.#stallTimer = this.#options.clock.after(this.#options.stallTimeoutMs, () => this.#onStallTimer())
    } else {
      this.#stallTimer.refresh()
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      if (this.#stream.isPaused()) this.#stream.resume()
    })
  }

  #onData(chunk: Buffer): void {
    this.#receivedBytes += chunk.length
    const waiting = this.#waiting
    if (waiting === undefined) {
      this.#chunks.push(chunk)
      this.#stream.pause()
      return
    }
    // Not paused yet: a reader that comes back at once, as most do, costs no pause and no resume.
    this.#waiting = undefined
    waiting.resolve({ done: false, value: chunk })
  }

  #onEnd(): void {
    const { name, contentLength } = this.#options
    if (contentLength !== undefined && this.#receivedBytes !== contentLength) {
      const message = `${name}: ${this.#receivedBytes} bytes instead of ${contentLength}`
      this.#fail(new OriginError('broken', message))
      return
    }
    if (this.#state.is !== 'open') return
    this.#state = { is: 'ended' }
    this.#settle()?.resolve(DONE)
  }

  #onStallTimer(): void {
    // Left running when the last chunk came, since taking it away and setting it anew costs more than this question.
    if (this.#waiting === undefined) return
    const { name, stallTimeoutMs } = this.#options
    const message = `${name}: no bytes for ${stallTimeoutMs} ms after ${this.#receivedBytes} of the body`
    this.#fail(new OriginError('timeout', message))
  }

  #fail(error: OriginError): void {
    if (this.#state.is !== 'open') return
    this.#state = { is: 'failed', error }
    this.#settle()?.reject(error)
    this.#stream.destroy()
  }

  /** Lets go of timer and signal, and hands over whoever waits. */
  #settle(): Waiting | undefined {
    const waiting = this.#waiting
    this.#waiting = undefined
    this.#stallTimer?.cancel()
    this.#options.signal.removeEventListener('abort', this.#onAbort)
    return waiting
  }
}

function broken(name: string, receivedBytes: number, cause?: Error): OriginError {
  return new OriginError('broken', `${name}: the connection broke after ${receivedBytes} bytes of the body`, { cause })
}
