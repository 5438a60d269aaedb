/**
 * SliceRun: one origin request that brings adjacent slices, one after the other.
 *
 * | state      | what it does                                                                               |
 * |------------|--------------------------------------------------------------------------------------------|
 * | `asking`   | waits for the origin's headers                                                              |
 * | `bringing` | the slice `next` grows                                                                      |
 * | `paused`   | `next` is further ahead than its readers let it go, or there is no room that far ahead      |
 * | `over`     | done, out of room, or failed; complete slices are kept, its connection is free              |
 *
 * `asking → bringing ⇄ paused → over`, and to `over` from everywhere.
 *
 * Invariant: it goes no further ahead of its fastest reader than `READ_AHEAD_SLICES`. While it is paused it asks its
 * connection for nothing, so the origin waits. Without readers it completes the slice that the last of them read to
 * its own end, and nothing more; if they all left, it ends at once.
 */

import { setImmediate } from 'node:timers/promises'
import { asOriginError, OriginError } from '../errors.ts'
import { allocateBody, type BufferedBody } from './buffered-body.ts'
import type { ResumingBody } from './resume.ts'
import type { Need, Reservation } from './store.ts'

/** How many slices a run goes ahead of its fastest reader. */
export const READ_AHEAD_SLICES = 4

/** Somebody for whom slices are brought. */
export interface RunReader {
  /** The slice it is at. */
  readonly index: number
  /** The last slice it needs. */
  readonly last: number
  /** Something has changed: look again. */
  wake(): void
}

/** The body whose slices a run brings, as far as a run knows it. */
export interface RunBody {
  sliceLength(index: number): number
  /** Position of its first byte; the object's length for what would come after the last one. */
  sliceStart(index: number): number
  isPresent(index: number): boolean
  reserve(index: number, need: Need): Reservation | undefined
  /** The slice can be read from now on. */
  arrive(index: number, slice: ArrivingSlice): void
  /** The slice is complete. `isAhead`: no reader has come to it. */
  complete(index: number, isAhead: boolean): void
  /** Called once: complete slices stay, the one that is not is dropped. */
  runOver(run: SliceRun, error: OriginError): void
}

/** A slice that a run is bringing or has brought ahead. */
export interface ArrivingSlice {
  readonly body: BufferedBody
  readonly run: SliceRun
  readonly reservation: Reservation
}

/** `done`: brought all, or came to a slice that is there already, or nobody wants more. */
export type RunOutcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'no-room' }
  | { readonly kind: 'failed'; readonly error: OriginError }

const DONE: RunOutcome = { kind: 'done' }
const NO_ROOM: RunOutcome = { kind: 'no-room' }
const NOTHING = Buffer.alloc(0)

export class SliceRun {
  /** The slice after the last one that was asked for. */
  readonly end: number
  /** The slice that grows, or comes next. */
  next: number
  /** Once it is over. */
  outcome: RunOutcome | undefined
  /** Resolves when it is over and its connection is free. Never rejects. */
  finished: Promise<void> = Promise.resolve()
  readonly #body: RunBody
  readonly #source: ResumingBody
  readonly #readers = new Set<RunReader>()
  #hadReaders = false
  /** The last slice that a reader has read as far as it needs. */
  #finishedThrough = -1
  #paused: PromiseWithResolvers<void> | undefined
  #rest: Buffer = NOTHING

  /** @param source all bytes of these slices; the run's from here on */
  constructor(body: RunBody, first: number, end: number, source: ResumingBody) {
    this.#body = body
    this.next = first
    this.end = end
    this.#source = source
  }

  start(): void {
    this.finished = this.#work()
  }

  attach(reader: RunReader): void {
    this.#hadReaders = true
    this.#readers.add(reader)
    this.advance()
  }

  /** @param hasFinished the reader got all it needs; else it left before that */
  detach(reader: RunReader, hasFinished: boolean): void {
    if (!this.#readers.delete(reader)) return
    // One that is past it already has had its last byte, and the slice is complete but for being told so.
    const isRead = reader.index > this.next || (hasFinished && reader.last === this.next)
    if (isRead) this.#finishedThrough = this.next
    const isWanted = this.#readers.size > 0 || this.next <= this.#finishedThrough || this.next === this.end
    if (isWanted) this.advance()
    else this.stop()
  }

  /** A reader has moved: there may be more to bring. */
  advance(): void {
    this.#paused?.resolve()
    this.#paused = undefined
  }

  /** Ends it now. */
  stop(): void {
    this.#over({ kind: 'failed', error: new OriginError('aborted', 'nobody wants these slices any more') })
  }

  async #work(): Promise<void> {
    try {
      await this.#source.ready()
      const outcome = await this.#bringAll()
      // All of it came: the connection can serve the next request.
      if (this.next === this.end && this.outcome === undefined) await this.#source.next()
      this.#over(outcome)
    } catch (error) {
      this.#over({ kind: 'failed', error: asOriginError(error) })
    }
  }

  async #bringAll(): Promise<RunOutcome> {
    while (this.next < this.end && this.outcome === undefined) {
      if (this.#body.isPresent(this.next)) return DONE
      const room = this.#room()
      if (room === 'never') return DONE
      if (room === 'none') return NO_ROOM
      if (room === 'later') await this.#pause()
      else await this.#bring(room)
    }
    return DONE
  }

  #room(): Reservation | 'later' | 'none' | 'never' {
    const furthest = this.#furthest()
    const isWantedNow = this.next <= furthest || this.next <= this.#finishedThrough || !this.#hadReaders
    if (isWantedNow) return this.#body.reserve(this.next, 'now') ?? 'none'
    if (this.#readers.size === 0) return 'never'
    if (this.next > furthest + READ_AHEAD_SLICES) return 'later'
    return this.#body.reserve(this.next, 'soon') ?? 'later'
  }

  #furthest(): number {
    let furthest = -1
    for (const { index } of this.#readers) furthest = Math.max(furthest, index)
    return furthest
  }

  #pause(): Promise<void> {
    this.#paused ??= Promise.withResolvers<void>()
    return this.#paused.promise
  }

  async #bring(reservation: Reservation): Promise<void> {
    const index = this.next
    const slice = allocateBody(this.#body.sliceLength(index), reservation)
    this.#body.arrive(index, { body: slice, run: this, reservation })
    this.#wakeReaders()
    if (this.outcome !== undefined) return
    while (slice.received < slice.length) {
      if (this.#rest.length === 0) {
        const { value } = await this.#source.next()
        if (this.outcome !== undefined) return
        if (value === undefined) throw new OriginError('broken', 'the body ended before its slices were complete')
        this.#rest = value
      }
      const missing = slice.length - slice.received
      slice.append(this.#rest.subarray(0, missing))
      this.#rest = this.#rest.subarray(missing)
      // The bytes may have been the last that anybody wanted.
      if (this.outcome !== undefined) return
    }
    slice.complete()
    this.next += 1
    this.#body.complete(index, index > this.#furthest())
    // Those who waited for the headers of the answer this began with are about to open their readers.
    if (!this.#hadReaders) {
      await setImmediate()
      this.#finishedThrough = Math.max(this.#finishedThrough, index)
      this.#hadReaders = true
    }
  }

  #over(outcome: RunOutcome): void {
    if (this.outcome !== undefined) return
    this.outcome = outcome
    this.#source.destroy()
    this.#rest = NOTHING
    const error = outcome.kind === 'failed' ? outcome.error : new OriginError('aborted', 'the run ended')
    this.#body.runOver(this, error)
    this.advance()
    this.#wakeReaders()
    this.#readers.clear()
  }

  #wakeReaders(): void {
    for (const reader of this.#readers) reader.wake()
  }
}
