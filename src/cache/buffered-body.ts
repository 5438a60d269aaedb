/**
 * A body that is kept: one contiguous Buffer of a known length, filled from its start.
 *
 * Invariant: bytes below `received` never change again, so views of them can be handed out without a copy.
 */

import { OriginError } from '../errors.ts'
import type { Body, BodyReader } from './body.ts'
import { allocateBytes } from './own-pages.ts'
import type { ReadBody } from './placed-reader.ts'
import { PlacedReader } from './placed-reader.ts'

type BufferedState =
  | { readonly kind: 'growing' }
  | { readonly kind: 'complete' }
  | { readonly kind: 'failed'; readonly error: OriginError }

const GROWING: BufferedState = { kind: 'growing' }
const COMPLETE: BufferedState = { kind: 'complete' }

/** Bytes of a known length in one contiguous Buffer. What has arrived is readable at any offset, at once. */
export class BufferedBody implements Body, ReadBody {
  readonly kind = 'buffered'
  readonly length: number
  readonly #buffer: Buffer
  readonly #readers = new Set<PlacedReader>()
  #received = 0
  #state: BufferedState = GROWING
  #holds = 0
  #onFree: (() => void) | undefined

  /** Allocates `length` bytes; the caller has asked the Store for them. */
  constructor(length: number) {
    this.length = length
    this.#buffer = allocateBytes(length)
  }

  /** A body that is complete from the start; it takes the bytes over. */
  static of(bytes: Buffer): BufferedBody {
    const body = new BufferedBody(bytes.length)
    body.append(bytes)
    body.complete()
    return body
  }

  get bytes(): Buffer | undefined {
    return this.#state.kind === 'complete' ? this.#buffer : undefined
  }

  get received(): number {
    return this.#received
  }

  get state(): BufferedState {
    return this.#state
  }

  get failure(): OriginError | undefined {
    return this.#state.kind === 'failed' ? this.#state.error : undefined
  }

  /** Readers that have neither finished nor closed. */
  get readers(): number {
    return this.#readers.size
  }

  /** Whether anybody reads it or sends its bytes. */
  get isHeld(): boolean {
    return this.#holds > 0 || this.#readers.size > 0
  }

  /** Calls back once, when nobody holds it any more. For the Store alone. */
  whenFree(onFree: () => void): void {
    this.#onFree = onFree
  }

  /**
   * Copies the next bytes in and wakes the readers that wait for them.
   * @throws {OriginError} `broken` when there are more than were announced; nothing is taken in then
   */
  append(chunk: Buffer): void {
    if (this.#received + chunk.length > this.length) {
      throw new OriginError('broken', `more than the announced ${this.length} bytes arrived`)
    }
    this.#buffer.set(chunk, this.#received)
    this.#received += chunk.length
    this.#wake()
  }

  /** @throws {OriginError} `broken` when bytes are missing; the body is still growing then */
  complete(): void {
    if (this.#received !== this.length) {
      throw new OriginError('broken', `the body ended after ${this.#received} of ${this.length} bytes`)
    }
    this.#state = COMPLETE
    this.#wake()
  }

  fail(error: OriginError): void {
    this.#state = { kind: 'failed', error }
    this.#wake()
  }

  open(start: number, end: number | undefined, onReady: () => void): BodyReader {
    const reader = new PlacedReader(this, start, end, onReady)
    this.#readers.add(reader)
    return reader
  }

  covers(): boolean {
    return true
  }

  discard(): void {
    // The bytes belong to the cache, not to one answer.
  }

  hold(): void {
    this.#holds += 1
  }

  release(): void {
    this.#holds -= 1
    this.#checkFree()
  }

  retire(): void {
    // Its bytes are all here: who has it can read it to its end.
  }

  /** A view of bytes that have arrived; no copy. */
  view(start: number, end: number): Buffer {
    return this.#buffer.subarray(start, end)
  }

  onRead(): void {
    // All of it stays, wherever its readers are.
  }

  forget(reader: PlacedReader): void {
    this.#readers.delete(reader)
    this.#checkFree()
  }

  #checkFree(): void {
    if (this.#onFree === undefined || this.isHeld) return
    this.#onFree()
    this.#onFree = undefined
  }

  #wake(): void {
    for (const reader of this.#readers) reader.wake()
  }
}

/**
 * A body in the room that was reserved for it.
 * @throws {OriginError} `overloaded` when the machine itself has no memory left; the room is given back then
 */
export function allocateBody(length: number, reservation: { release(): void }): BufferedBody {
  try {
    return new BufferedBody(length)
  } catch (cause) {
    reservation.release()
    throw new OriginError('overloaded', `no memory for a body of ${length} bytes`, { cause })
  }
}
