/**
 * GrowingBody: bytes whose number is known only when the last of them has arrived.
 *
 * | state       | what readers may rely on                                                                       |
 * |-------------|------------------------------------------------------------------------------------------------|
 * | `keeping`   | it can be joined and read from its first byte; nobody slows it; all memory it takes is reserved  |
 * | `complete`  | the same, its length is known, and all of it is one buffered body, to be stored                  |
 * | `passing`   | it will not be stored and cannot be joined; who reads it gets all that is still to come, at the  |
 * |             | pace of the slowest; what all have read is dropped                                              |
 * | `passed`    | as `passing`, and the last byte has arrived                                                     |
 * | `abandoned` | it was passing and nobody reads it: no byte is taken in any more                                |
 * | `failed`    | it cannot be joined; who reads it gets what had arrived, then the failure                       |
 *
 * `keeping → complete | passing | failed`, `passing → passed | abandoned | failed`; and `keeping → passed`, where the
 * memory has no room for the one piece that all of it would have become.
 *
 * It turns from keeping to passing when it is longer than what is kept, or there is no room for more. Those who were
 * given it shortly before, and are about to open it, can do so until the current turn of the event loop is over;
 * nothing is dropped before that. Who comes later still gets {@link JoinedTooLate}.
 *
 * Invariant: the memory of its blocks is reserved or, where it passes and only its readers still want it, counted as
 * held; when it is over and nobody reads it, neither is left.
 */

import { setImmediate } from 'node:timers/promises'
import { OriginError } from '../errors.ts'
import { BlockReaders } from './block-readers.ts'
import { Blocks } from './blocks.ts'
import type { Body, BodyReader } from './body.ts'
import { BufferedBody } from './buffered-body.ts'
import { GrowingRoom, type RoomGiver } from './growing-room.ts'
import type { ReadBody } from './placed-reader.ts'
import { PlacedReader } from './placed-reader.ts'
import type { Reservation } from './store.ts'

/** Its first bytes were gone when this reader came. Nothing was sent yet: asking again gives an answer of its own. */
export class JoinedTooLate extends OriginError {
  constructor() {
    super('aborted', 'the body had gone on when its reader came')
    this.name = 'JoinedTooLate'
  }
}

/** Why a body is not kept. */
export type PassingReason = 'too-large' | 'no-room'

/** How a body ended that did not fail. The reservation is exactly what the answer costs, and is the taker's to use. */
export type Grown =
  | { readonly kind: 'complete'; readonly body: BufferedBody; readonly reservation: Reservation }
  | { readonly kind: 'passed'; readonly reason: PassingReason }

export type GrowingState =
  | { readonly kind: 'keeping' }
  | { readonly kind: 'complete'; readonly whole: BufferedBody }
  | { readonly kind: 'passing' | 'passed' | 'abandoned'; readonly reason: PassingReason }
  | { readonly kind: 'failed'; readonly error: OriginError }

export interface GrowingBodyOptions {
  /** The Store. */
  readonly room: RoomGiver
  /** What the stored answer costs beside its bytes. */
  readonly overheadBytes: number
  /** A longer body is not kept. */
  readonly maxBytes: number
  /** How far the slowest reader may be behind while it passes; from `blockBytes`. @default 1 MiB */
  readonly windowBytes?: number
  /** Memory is taken in pieces of this size. @default 64 KiB, or `maxBytes` where that is less */
  readonly blockBytes?: number
  /** Told once, when it turns out that it will not be kept; from here on nobody can join. */
  readonly onPassing?: (reason: PassingReason) => void
}

const WINDOW_BYTES = 1024 * 1024
const BLOCK_BYTES = 64 * 1024

export class GrowingBody implements Body, ReadBody {
  readonly kind = 'growing'
  readonly #options: GrowingBodyOptions
  readonly #windowBytes: number
  readonly #blocks: Blocks
  readonly #room: GrowingRoom
  readonly #readers: BlockReaders
  #state: GrowingState = { kind: 'keeping' }
  #holds = 0
  /** While those who were given it before it turned to passing may still open it. */
  #lastTurn: Promise<void> | undefined
  #paused: PromiseWithResolvers<void> | undefined
  #onAbandoned: (() => void) | undefined

  constructor(options: GrowingBodyOptions) {
    const { room, overheadBytes, maxBytes, windowBytes = WINDOW_BYTES } = options
    const blockBytes = options.blockBytes ?? Math.max(1, Math.min(BLOCK_BYTES, maxBytes))
    this.#options = options
    this.#windowBytes = windowBytes
    this.#blocks = new Blocks(blockBytes)
    this.#readers = new BlockReaders(this.#blocks)
    this.#room = new GrowingRoom(room, overheadBytes, blockBytes, maxBytes)
  }

  get state(): GrowingState {
    return this.#state
  }

  /** Whether an answer that begins now can be made from it. */
  get isJoinable(): boolean {
    return this.#state.kind === 'keeping' || this.#state.kind === 'complete'
  }

  get length(): number | undefined {
    return this.#state.kind === 'complete' || this.#state.kind === 'passed' ? this.received : undefined
  }

  get bytes(): Buffer | undefined {
    return this.#state.kind === 'complete' ? this.#state.whole.bytes : undefined
  }

  get received(): number {
    return this.#blocks.received
  }

  get failure(): OriginError | undefined {
    return this.#state.kind === 'failed' ? this.#state.error : undefined
  }

  /** Readers that have neither finished nor closed, of those who came before it was complete. */
  get readers(): number {
    return this.#readers.size
  }

  /** Calls back once, as soon as nobody is left to pass bytes to. For whoever brings them. */
  whenAbandoned(onAbandoned: () => void): void {
    this.#onAbandoned = onAbandoned
  }

  /** Copies the next bytes in and wakes the readers that wait for them. To be followed by {@link ready}. */
  append(chunk: Buffer): void {
    if (this.#state.kind === 'keeping') this.#admit(chunk.length)
    if (this.#state.kind !== 'keeping' && this.#state.kind !== 'passing')
      throw new Error('the body takes no more bytes')
    this.#blocks.append(chunk)
    this.#account()
    this.#readers.wake()
  }

  /** Resolves when the next bytes may come: at once, unless it passes and the slowest reader is too far behind. */
  async ready(): Promise<void> {
    await this.#lastTurn
    while (this.#state.kind === 'passing' && this.received - this.#blocks.start >= this.#windowBytes) {
      this.#paused ??= Promise.withResolvers<void>()
      await this.#paused.promise
    }
  }

  /** All bytes are here. */
  complete(): Grown {
    if (this.#state.kind === 'keeping') {
      const whole = this.#makeWhole()
      if (whole !== undefined) return this.#becomeWhole(whole)
      this.#pass('no-room')
    }
    if (this.#state.kind !== 'passing') throw new Error('the body ended before')
    const { reason } = this.#state
    this.#state = { kind: 'passed', reason }
    this.#drop()
    this.#readers.wake()
    return { kind: 'passed', reason }
  }

  /** No more bytes will come. Changes nothing once it is over. */
  fail(error: OriginError): void {
    if (this.#state.kind !== 'keeping' && this.#state.kind !== 'passing') return
    this.#state = { kind: 'failed', error }
    this.#drop()
    this.#readers.wake()
  }

  open(start: number, end: number | undefined, onReady: () => void): BodyReader {
    if (this.#state.kind === 'complete') return this.#state.whole.open(start, end, onReady)
    if (this.length === undefined && (start !== 0 || end !== undefined)) {
      throw new Error('a body is read as a whole until its length is known')
    }
    if (!this.isJoinable && this.#lastTurn === undefined) return refused(this.failure ?? new JoinedTooLate())
    const reader = new PlacedReader(this, start, end, onReady)
    this.#readers.add(reader)
    return reader
  }

  covers(): boolean {
    return true
  }

  discard(): void {
    // The bytes belong to the cache, or to all that read them.
  }

  hold(): void {
    this.#holds += 1
    if (this.#state.kind === 'complete') this.#state.whole.hold()
  }

  release(): void {
    this.#holds -= 1
    if (this.#state.kind === 'complete') this.#state.whole.release()
  }

  retire(): void {
    // What is stored is the buffered body it becomes.
  }

  view(start: number, end: number): Buffer {
    return this.#state.kind === 'complete' ? this.#state.whole.view(start, end) : this.#blocks.view(start, end)
  }

  onRead(reader: PlacedReader, from: number): void {
    if (!this.isJoinable && this.#readers.hasLeftFirstBlock(reader, from)) this.#drop()
  }

  forget(reader: PlacedReader): void {
    if (!this.#readers.delete(reader)) return
    if (this.#state.kind === 'complete') this.#state.whole.release()
    if (!this.isJoinable && this.#readers.hasGone(reader)) this.#drop()
  }

  #admit(moreBytes: number): void {
    const bytes = this.received + moreBytes
    if (bytes > this.#options.maxBytes) this.#pass('too-large')
    else if (!this.#room.reserveBlocks(bytes)) this.#pass('no-room')
  }

  #pass(reason: PassingReason): void {
    this.#state = { kind: 'passing', reason }
    this.#lastTurn = setImmediate().then(() => {
      this.#lastTurn = undefined
      this.#drop()
    })
    this.#options.onPassing?.(reason)
  }

  #makeWhole(): BufferedBody | undefined {
    if (!this.#room.reserveWhole(this.#blocks.memoryBytes, this.received)) return undefined
    try {
      const whole = new BufferedBody(this.received)
      while (whole.received < whole.length) whole.append(this.#blocks.view(whole.received, whole.length))
      whole.complete()
      return whole
    } catch {
      // The machine has no memory left for it: what has arrived can still be read out of the blocks.
      return undefined
    }
  }

  #becomeWhole(whole: BufferedBody): Grown {
    this.#state = { kind: 'complete', whole }
    this.#blocks.clear()
    for (let held = this.#readers.size + this.#holds; held > 0; held -= 1) whole.hold()
    const reservation = this.#room.handOver(whole.length)
    this.#readers.wake()
    return { kind: 'complete', body: whole, reservation }
  }

  /** Lets go of what nobody is going to read. */
  #drop(): void {
    if (this.#lastTurn === undefined) {
      if (this.#readers.size === 0) this.#dropAll()
      else this.#readers.dropRead()
    }
    this.#account()
    this.#paused?.resolve()
    this.#paused = undefined
  }

  #dropAll(): void {
    this.#blocks.clear()
    if (this.#state.kind !== 'passing') return
    this.#state = { kind: 'abandoned', reason: this.#state.reason }
    this.#onAbandoned?.()
  }

  #account(): void {
    if (this.#state.kind !== 'keeping') this.#room.settle(this.#blocks.memoryBytes, this.#state.kind === 'passing')
  }
}

function refused(error: OriginError): BodyReader {
  return { read: () => 'failed', error, close: () => undefined }
}
