/**
 * An origin's body as one reader has it, whatever brings the bytes: no concatenation, and no copy but of what was lent
 * and nobody takes at once.
 *
 * Invariant: `done` is said only after every byte of the answer, as many as Content-Length announced. Whatever ends it
 * sooner is an OriginError, now and at every later `next()`. The stall timer counts only while the reader waits:
 * a reader that does not ask puts backpressure on the connection and may take all the time it likes.
 */
import type { Clock, Timer } from '../clock.ts'
import { asOriginError, OriginError } from '../errors.ts'
import type { OriginBody } from './origin.ts'

export interface BodyOptions {
  /** The origin's name, for messages. */
  readonly name: string
  /** Aborting it is `destroy()`. */
  readonly signal: AbortSignal
  /** The announced length, where there is one. */
  readonly contentLength: number | undefined
  /** How long a waiting reader waits for the next bytes. */
  readonly stallTimeoutMs: number
  readonly clock: Clock
  /** Told of every byte that comes. @default nobody */
  readonly counts?: { receivedBytes: number }
}

/** Where the bytes come from. */
export interface BodySource {
  /** With more than these that nobody waits for, the source is paused until somebody does. */
  readonly maxQueuedBytes: number
  /** Whether it stands still until it is told to go on for the first time. */
  readonly startsPaused: boolean
  /** No more for now; what is under way may still come. */
  pause(): void
  /** Goes on; may bring bytes before it returns. */
  resume(): void
  /** Nobody wants any more. Called once at most, unless the source has said that it ended. */
  destroy(): void
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

/** For one chunk, or for all, which `take` gets then. */
interface Waiting {
  readonly take: ((chunk: Buffer) => void) | undefined
  readonly resolve: (result: IteratorResult<Buffer, undefined>) => void
  readonly reject: (error: OriginError) => void
}

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

export class ReceivedBody implements OriginBody {
  readonly #source: BodySource
  readonly #options: BodyOptions
  readonly #onAbort = () => this.destroy()
  /** Chunks that came while nobody waited. */
  readonly #chunks: Buffer[] = []
  #queuedBytes = 0
  #isPaused: boolean
  #waiting: Waiting | undefined
  #stallTimer: Timer | undefined
  #receivedBytes = 0
  #state: State = { is: 'open' }

  constructor(source: BodySource, options: BodyOptions) {
    this.#source = source
    this.#options = options
    this.#isPaused = source.startsPaused
    options.signal.addEventListener('abort', this.#onAbort, { once: true })
    if (options.signal.aborted) this.destroy()
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    const chunk = this.#chunks.shift()
    if (chunk !== undefined) {
      this.#queuedBytes -= chunk.length
      return Promise.resolve({ done: false, value: chunk })
    }
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

  async readInto(take: (chunk: Buffer) => void): Promise<void> {
    try {
      for (let chunk = this.#chunks.shift(); chunk !== undefined; chunk = this.#chunks.shift()) {
        this.#queuedBytes -= chunk.length
        take(chunk)
      }
    } catch (error) {
      this.destroy()
      throw error
    }
    if (this.#state.is === 'open') await this.#wait(take)
    else await this.next()
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.destroy()
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

  /**
   * The source's next bytes. `isLent`: they are the source's again when this returns. None are no chunk: undici brings
   * such when it goes on after a pause.
   */
  push(chunk: Buffer, isLent = false): void {
    if (this.#state.is !== 'open' || chunk.length === 0) return
    this.#receivedBytes += chunk.length
    const { counts } = this.#options
    if (counts !== undefined) counts.receivedBytes += chunk.length
    const waiting = this.#waiting
    if (waiting?.take !== undefined) this.#hand(chunk, waiting.take)
    else this.#give(isLent ? Buffer.from(chunk) : chunk)
  }

  #hand(chunk: Buffer, take: (chunk: Buffer) => void): void {
    this.#stallTimer?.refresh()
    try {
      take(chunk)
    } catch (error) {
      this.#fail(asOriginError(error))
    }
  }

  #give(chunk: Buffer): void {
    const waiting = this.#waiting
    if (waiting !== undefined) {
      this.#waiting = undefined
      waiting.resolve({ done: false, value: chunk })
      return
    }
    this.#chunks.push(chunk)
    this.#queuedBytes += chunk.length
    if (this.#queuedBytes <= this.#source.maxQueuedBytes || this.#isPaused) return
    this.#isPaused = true
    this.#source.pause()
  }

  /** The source has brought all it had, in good order. */
  end(): void {
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

  /** The source broke. */
  break(cause?: Error): void {
    if (this.#state.is !== 'open') return
    const message = `${this.#options.name}: the connection broke after ${this.#receivedBytes} bytes of the body`
    this.#fail(new OriginError('broken', message, { cause }))
  }

  #wait(take?: (chunk: Buffer) => void): Promise<IteratorResult<Buffer, undefined>> {
    if (this.#waiting !== undefined)
      return Promise.reject(new Error('a body has one reader, and it is waiting already'))
    if (this.#stallTimer === undefined) {
      this.#stallTimer = this.#options.clock.after(this.#options.stallTimeoutMs, () => this.#onStallTimer())
    } else {
      this.#stallTimer.refresh()
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { take, resolve, reject }
      if (!this.#isPaused) return
      this.#isPaused = false
      this.#source.resume()
    })
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
    this.#source.destroy()
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
