/**
 * A body that passes through: one reader, one chunk ahead of it, nothing kept.
 *
 * Invariant: it owns the origin's body, and lets its connection go at the end, on failure, or when the reader closes.
 */

import { asOriginError, OriginError } from '../errors.ts'
import type { OriginBody } from '../origin/origin.ts'
import type { Body, BodyReader, ReadResult } from './body.ts'

type StreamedState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'pulling'; isWaiting: boolean }
  | { readonly kind: 'ready'; readonly bytes: Buffer }
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly error: OriginError }
  | { readonly kind: 'closed' }

/** The content of an answer that has none. */
export const NO_BYTES: OriginBody = {
  next: () => Promise.resolve({ done: true, value: undefined }),
  readInto: () => Promise.resolve(),
  destroy: () => undefined,
  [Symbol.asyncIterator]: () => NO_BYTES,
}

/** Bytes that pass through: one chunk ahead of the reader, none kept. Owns the origin's body. */
export class StreamedBody implements Body {
  readonly kind = 'streamed'
  readonly length: number | undefined
  readonly bytes = undefined
  readonly #source: OriginBody
  #isOpened = false

  constructor(source: OriginBody, length: number | undefined) {
    this.#source = source
    this.length = length
  }

  /** For an answer without content; `length` is what its Content-Length says. */
  static withoutBytes(length: number | undefined): StreamedBody {
    return new StreamedBody(NO_BYTES, length)
  }

  open(start: number, end: number | undefined, onReady: () => void): BodyReader {
    if (this.#isOpened) throw new Error('a streamed body has one reader')
    if (start !== 0 || (end !== undefined && end !== this.length)) throw new Error('a streamed body is read as a whole')
    this.#isOpened = true
    return new StreamedReader(this.#source, this.length, onReady)
  }

  covers(): boolean {
    return true
  }

  discard(): void {
    this.#source.destroy()
  }

  hold(): void {
    // One chunk is all there ever is.
  }

  release(): void {
    // See hold.
  }

  retire(): void {
    // It was never stored.
  }
}

class StreamedReader implements BodyReader {
  readonly #source: OriginBody
  readonly #length: number | undefined
  readonly #onReady: () => void
  #received = 0
  #state: StreamedState = { kind: 'idle' }

  constructor(source: OriginBody, length: number | undefined, onReady: () => void) {
    this.#source = source
    this.#length = length
    this.#onReady = onReady
  }

  get error(): OriginError | undefined {
    return this.#state.kind === 'failed' ? this.#state.error : undefined
  }

  read(): ReadResult {
    const state = this.#state
    switch (state.kind) {
      case 'idle':
        this.#pull(true)
        return 'wait'
      case 'pulling':
        state.isWaiting = true
        return 'wait'
      case 'ready':
        this.#pull(false)
        return state.bytes
      case 'ended':
        return 'end'
      case 'failed':
      case 'closed':
        return 'failed'
      default:
        return state satisfies never
    }
  }

  close(): void {
    if (this.#state.kind === 'ended') return
    if (this.#state.kind !== 'failed') this.#state = { kind: 'closed' }
    this.#source.destroy()
  }

  #pull(isWaiting: boolean): void {
    const pulling: StreamedState = { kind: 'pulling', isWaiting }
    this.#state = pulling
    this.#source.next().then(
      (result) => this.#settle(pulling, result.done ? this.#atEnd() : this.#atChunk(result.value)),
      (error: unknown) => this.#settle(pulling, { kind: 'failed', error: asOriginError(error) }),
    )
  }

  /** Bytes past the announced length would be taken for the start of the client's next answer: none get through. */
  #atChunk(bytes: Buffer): StreamedState {
    this.#received += bytes.length
    if (this.#length === undefined || this.#received <= this.#length) return { kind: 'ready', bytes }
    this.#source.destroy()
    return { kind: 'failed', error: new OriginError('broken', `more than the announced ${this.#length} bytes arrived`) }
  }

  #atEnd(): StreamedState {
    if (this.#length === undefined || this.#received === this.#length) return { kind: 'ended' }
    const message = `the body ended after ${this.#received} of ${this.#length} bytes`
    return { kind: 'failed', error: new OriginError('broken', message) }
  }

  #settle(pulling: { isWaiting: boolean }, next: StreamedState): void {
    if (this.#state !== pulling) return // closed meanwhile
    this.#state = next
    if (pulling.isWaiting) this.#onReady()
  }
}
