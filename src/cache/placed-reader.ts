/**
 * PlacedReader: one reader's place in a body that is in memory, or arrives there.
 *
 * Invariant: `end` is said only at the end of the range, and that of an open range is known only when all has arrived.
 */

import type { OriginError } from '../errors.ts'
import type { BodyReader, ReadResult } from './body.ts'

/** The body, as far as its readers know it. */
export interface ReadBody {
  /** Bytes before this position have arrived. */
  readonly received: number
  /** Where the body ends, once that is known. */
  readonly length: number | undefined
  /** Why no more bytes will arrive. */
  readonly failure: OriginError | undefined
  /** A view of bytes that have arrived, without a copy: all that was asked for or the first of them, at least one. */
  view(start: number, end: number): Buffer
  /** The reader has gone on from this position to the one it is at. */
  onRead(reader: PlacedReader, from: number): void
  /** The reader wants no more. Called at least once for each. */
  forget(reader: PlacedReader): void
}

export class PlacedReader implements BodyReader {
  readonly #body: ReadBody
  readonly #end: number | undefined
  readonly #onReady: () => void
  #position: number
  #state: 'reading' | 'waiting' | 'closed' = 'reading'

  /** @param end of the range; where absent, the end of the body */
  constructor(body: ReadBody, start: number, end: number | undefined, onReady: () => void) {
    this.#body = body
    this.#position = start
    this.#end = end
    this.#onReady = onReady
  }

  /** Of the next byte it wants. */
  get position(): number {
    return this.#position
  }

  get error(): OriginError | undefined {
    return this.#body.failure
  }

  read(): ReadResult {
    const end = this.#end ?? this.#body.length
    if (end !== undefined && this.#position >= end) {
      this.close()
      return 'end'
    }
    // What it has not read may be gone by now.
    if (this.#state === 'closed') return 'failed'
    const { received } = this.#body
    const available = end === undefined ? received : Math.min(received, end)
    if (available > this.#position) {
      const from = this.#position
      const bytes = this.#body.view(from, available)
      this.#position += bytes.length
      this.#body.onRead(this, from)
      return bytes
    }
    if (this.#body.failure !== undefined) {
      this.close()
      return 'failed'
    }
    this.#state = 'waiting'
    return 'wait'
  }

  /** There is something new to read. */
  wake(): void {
    if (this.#state !== 'waiting') return
    this.#state = 'reading'
    this.#onReady()
  }

  close(): void {
    this.#state = 'closed'
    this.#body.forget(this)
  }
}
