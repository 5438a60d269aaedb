/**
 * SlicedBody: one version of a large object, kept slice by slice.
 *
 * | a slice is | where                                                    | counted as |
 * |------------|----------------------------------------------------------|------------|
 * | `missing`  | nowhere; a reader that needs it starts or joins a run     | –          |
 * | `arriving` | growing in a run; may be read as far as it has come       | in flight  |
 * | `ahead`    | complete, and no reader has come to it yet: not evictable | in flight  |
 * | `kept`     | in the Store under a key of its own; may be evicted       | cached     |
 *
 * `missing → arriving → ahead → kept`, or `arriving → kept` where a reader is there already; back to `missing` by
 * eviction, and from `arriving` when its run ends before the slice is complete.
 *
 * Invariant: all bytes that come out of it belong to the version that `etag` names. A slice's key holds the tag, the
 * length and the slice's place, so slices of two versions or two grids never meet; and every request after the first
 * carries If-Match.
 */

import type { OriginError } from '../errors.ts'
import type { Origin, OriginBody, OriginPriority } from '../origin/origin.ts'
import type { Body, BodyReader } from './body.ts'
import type { CacheKey } from './key.ts'
import { ObjectChanged, ResumingBody } from './resume.ts'
import type { SliceGrid } from './slice-grid.ts'
import { sliceAt, sliceGrid, sliceStart } from './slice-grid.ts'
import type { ArrivingSlice, RunBody } from './slice-run.ts'
import { READ_AHEAD_SLICES, SliceRun } from './slice-run.ts'
import type { FoundSlice, ReaderBody } from './sliced-reader.ts'
import { SlicedReader } from './sliced-reader.ts'
import type { Need, Reservation, Store } from './store.ts'
import { memoryCost } from './stored-response.ts'

/** One request asks for no more, so that looking for what is missing stays cheap. */
const MAX_RUN_SLICES = 4096

/**
 * No object takes more of the memory: one film that goes through does not wash everything else out, nor does the
 * memory of dropped slices, which is only given back when it is collected, come on top of a full cache.
 */
const SHARE_OF_ONE_OBJECT = 0.5

/** Which version of which object. */
export interface SlicedObject {
  readonly key: CacheKey
  /** Asked on nobody's behalf: it is kept for as long as the object is. */
  readonly origin: Origin
  readonly objectKey: string
  /** Strong. */
  readonly etag: string
  /** Bytes. */
  readonly length: number
}

export interface SlicedBodyOptions {
  readonly store: Store
  readonly sliceBytes: number
  /** Told of every run that starts; its `finished` resolves when its connection is free. */
  readonly onRun: (run: SliceRun) => void
  readonly onRunFailed: (body: SlicedBody, error: OriginError) => void
  /** The origin has another version by now. */
  readonly onChanged: (body: SlicedBody) => void
}

export class SlicedBody implements Body, ReaderBody, RunBody {
  readonly kind = 'sliced'
  readonly bytes = undefined
  readonly object: SlicedObject
  readonly #options: SlicedBodyOptions
  readonly #grid: SliceGrid
  readonly #arriving = new Map<number, ArrivingSlice>()
  readonly #runs = new Set<SliceRun>()
  /** Slices that are, or were, in the Store; the one read last at the end. */
  readonly #kept = new Set<number>()
  readonly #mostKept: number
  #isRetired = false

  /** @param entered where the bytes it begins with begin: a slice begins there too */
  constructor(object: SlicedObject, options: SlicedBodyOptions, entered: number) {
    this.object = object
    this.#options = options
    this.#grid = sliceGrid(options.sliceBytes, object.length, entered)
    this.#mostKept = Math.max(1, Math.floor((options.store.maxBytes * SHARE_OF_ONE_OBJECT) / this.#costOf(0)))
  }

  get length(): number {
    return this.object.length
  }

  isVersion(etag: string, length: number): boolean {
    return !this.#isRetired && this.object.etag === etag && this.object.length === length
  }

  open(start: number, end: number | undefined, onReady: () => void, origin?: Origin): BodyReader {
    return new SlicedReader(this, start, end ?? this.length, onReady, origin)
  }

  covers(start: number, end: number): boolean {
    const last = this.indexOf(Math.max(start, end - 1))
    for (let index = this.indexOf(start); index <= last; index += 1) if (!this.isPresent(index)) return false
    return true
  }

  discard(): void {
    // The slices belong to the cache, not to one answer.
  }

  hold(): void {
    // Its readers hold the slices they are at.
  }

  release(): void {
    // See hold.
  }

  /** Drops the slices. Readers go on, and what they still need is fetched for them and not kept. */
  retire(): void {
    this.#isRetired = true
    for (const index of this.#kept) this.#options.store.delete(this.#sliceKey(index))
    this.#kept.clear()
  }

  /** The bytes of an answer that has begun become the first run. They have to begin and end where slices do. */
  begin(source: OriginBody, startByte: number, endByte: number, priority: OriginPriority, origin?: Origin): void {
    const [first, end] = [this.indexOf(startByte), this.indexOf(endByte - 1) + 1]
    const isOnGrid = this.sliceStart(first) === startByte && this.sliceStart(end) === endByte
    if (!isOnGrid || this.isPresent(first) || this.runThatBrings(first) !== undefined) source.destroy()
    else this.#run(first, end, this.part(startByte, endByte, priority, origin, source))
  }

  slice(index: number): FoundSlice | undefined {
    // Reading a slice is using the object: its fields are not to be evicted before its slices.
    this.#options.store.get(this.object.key)
    const arriving = this.#arriving.get(index)
    if (arriving === undefined) {
      const body = this.#options.store.getSlice(this.#sliceKey(index))
      if (body !== undefined) this.#note(index)
      return body && { body, run: undefined }
    }
    if (arriving.body.bytes !== undefined) this.#keep(index, arriving)
    return arriving
  }

  isPresent(index: number): boolean {
    return this.#arriving.has(index) || this.#options.store.has(this.#sliceKey(index))
  }

  /** A run under way that comes to this slice soon. */
  runThatBrings(index: number): SliceRun | undefined {
    for (const run of this.#runs) {
      if (run.next <= index && index < run.end && index - run.next <= READ_AHEAD_SLICES) return run
    }
    return undefined
  }

  want(index: number, last: number, need: Need, origin?: Origin): SliceRun | undefined {
    const underWay = this.runThatBrings(index)
    if (underWay !== undefined) return underWay
    if (!this.#options.store.hasRoom(this.#costOf(index), need)) return undefined
    let end = index + 1
    const most = Math.min(last + 1, index + MAX_RUN_SLICES)
    while (end < most && !this.isPresent(end) && this.runThatBrings(end) === undefined) end += 1
    const priority = need === 'now' ? 'segment' : 'read-ahead'
    return this.#run(index, end, this.part(this.sliceStart(index), this.sliceStart(end), priority, origin))
  }

  part(
    start: number,
    end: number,
    priority: OriginPriority,
    origin: Origin = this.object.origin,
    source?: OriginBody,
  ): ResumingBody {
    const { objectKey, etag, length: total } = this.object
    return new ResumingBody({ origin, objectKey, etag, total, start, end, priority }, source)
  }

  changed(): void {
    this.#options.onChanged(this)
  }

  indexOf(position: number): number {
    return sliceAt(this.#grid, position)
  }

  sliceLength(index: number): number {
    return this.sliceStart(index + 1) - this.sliceStart(index)
  }

  sliceStart(index: number): number {
    return sliceStart(this.#grid, index)
  }

  reserve(index: number, need: Need): Reservation | undefined {
    return this.#options.store.reserve(this.#costOf(index), need)
  }

  arrive(index: number, arriving: ArrivingSlice): void {
    this.#arriving.set(index, arriving)
  }

  complete(index: number, isAhead: boolean): void {
    const arriving = this.#arriving.get(index)
    if (arriving !== undefined && !isAhead) this.#keep(index, arriving)
  }

  runOver(run: SliceRun, error: OriginError): void {
    this.#runs.delete(run)
    for (const [index, arriving] of this.#arriving) {
      if (arriving.run !== run) continue
      if (arriving.body.bytes !== undefined) this.#keep(index, arriving)
      else this.#drop(index, arriving, error)
    }
    if (run.outcome?.kind !== 'failed') return
    if (run.outcome.error instanceof ObjectChanged) this.changed()
    if (run.outcome.error.kind !== 'aborted') this.#options.onRunFailed(this, run.outcome.error)
  }

  #run(first: number, end: number, source: ResumingBody): SliceRun {
    const run = new SliceRun(this, first, end, source)
    this.#runs.add(run)
    run.start()
    this.#options.onRun(run)
    return run
  }

  #keep(index: number, { body, reservation }: ArrivingSlice): void {
    this.#arriving.delete(index)
    if (this.#isRetired) {
      reservation.release()
      this.#options.store.countHeld(body, reservation.bytes)
      return
    }
    this.#options.store.putSlice(this.#sliceKey(index), body, reservation, this.object.key)
    this.#note(index)
  }

  #note(index: number): void {
    this.#kept.delete(index)
    this.#kept.add(index)
    if (this.#kept.size <= this.#mostKept) return
    const [oldest = index] = this.#kept
    this.#kept.delete(oldest)
    this.#options.store.delete(this.#sliceKey(oldest))
  }

  #drop(index: number, { body, reservation }: ArrivingSlice, error: OriginError): void {
    this.#arriving.delete(index)
    reservation.release()
    body.fail(error)
    this.#options.store.countHeld(body, reservation.bytes)
  }

  #costOf(index: number): number {
    return memoryCost(this.#sliceKey(index), [], this.sliceLength(index))
  }

  /** No key of a whole answer has a NUL in it. */
  #sliceKey(index: number): CacheKey {
    const { key, etag, length } = this.object
    return `${key}\0${etag}\0${length}\0${this.sliceStart(index)}-${this.sliceStart(index + 1)}`
  }
}
