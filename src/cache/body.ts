/**
 * Body: the bytes of an answer, which may still be arriving.
 *
 * A reader gets every byte of its range in order, then `end`; or it gets `failed`. It never gets `end` early, so
 * whoever writes an answer from a reader cannot make a truncated one look whole.
 *
 * Four kinds: a buffered body keeps its bytes in memory and serves any number of readers, each at its own place;
 * a sliced body does so too, and fetches the slices that a reader needs and memory has not; a growing body does so
 * without knowing its length beforehand, and becomes a buffered one or passes on what does not fit; a streamed body
 * keeps nothing and serves one reader, whose pace is the origin connection's pace.
 */

import type { OriginError } from '../errors.ts'
import type { Origin } from '../origin/origin.ts'

/**
 * Bytes to send now (borrowed: never write to them), or why there are none. After `wait`, `onReady` is called once: the
 * time to read, since only a buffered body is sure to have these bytes later.
 */
export type ReadResult = Buffer | 'wait' | 'end' | 'failed'

export interface BodyReader {
  read(): ReadResult
  /** Why the last `read()` was `failed`, or one will be that finds no more bytes. */
  readonly error: OriginError | undefined
  /** Has to be called when the reader stops before `end`. Safe to call more than once. */
  close(): void
}

export interface Body {
  readonly kind: 'buffered' | 'sliced' | 'growing' | 'streamed'
  /** Total bytes, where known. Always known unless the body is streamed, or growing and not complete. */
  readonly length: number | undefined
  /** All bytes in one piece once a buffered or growing body is complete. Borrowed: never write to them. */
  readonly bytes: Buffer | undefined
  /**
   * A reader of the bytes from `start` up to, not including, `end`.
   * A streamed body can be opened once, as a whole; a growing one only as a whole until its length is known.
   *
   * @param origin whom a sliced body asks for what this reader needs and memory has not
   */
  open(start: number, end: number | undefined, onReady: () => void, origin?: Origin): BodyReader
  /** Whether these bytes can be read without asking anybody for them: all of them, but for a sliced body's. */
  covers(start: number, end: number): boolean
  /** This answer needs no bytes after all: a streamed body lets its connection go, the others do nothing. */
  discard(): void
  /** An answer made from this is on its way: until `release`, called as often, its bytes count as held. */
  hold(): void
  release(): void
  /** The Store gave it up for another version or for none; those who read it go on. Eviction does not call this. */
  retire(): void
}
