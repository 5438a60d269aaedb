/**
 * SlicedReader: one reader's way through the slices of a SlicedBody.
 *
 * | state       | where the next bytes come from                                                   |
 * |-------------|----------------------------------------------------------------------------------|
 * | `between`   | to be found: the Store, a slice that arrives, or else a run that has to bring it  |
 * | `in slice`  | a slice that is kept or arriving                                                  |
 * | `by itself` | its own request for all it still needs: there was no room for the next slice      |
 * | `over`      | nowhere: at its end, failed, or closed                                            |
 *
 * Invariant: it is known to every run whose slices it is going to read, and only as long as that is so; so a run that
 * nobody wants any more knows it at once.
 */

import { OriginError } from '../errors.ts'
import type { Origin, OriginBody, OriginPriority } from '../origin/origin.ts'
import type { BodyReader, ReadResult } from './body.ts'
import type { BufferedBody } from './buffered-body.ts'
import { ObjectChanged } from './resume.ts'
import type { RunReader, SliceRun } from './slice-run.ts'
import { READ_AHEAD_SLICES } from './slice-run.ts'
import type { Need } from './store.ts'
import { StreamedBody } from './streamed-body.ts'

/** The body a reader goes through, as far as a reader knows it. */
export interface ReaderBody {
  indexOf(position: number): number
  /** Position of its first byte. */
  sliceStart(index: number): number
  isPresent(index: number): boolean
  /** The slice as far as it is there, to be read now, and the run that is bringing it, if one is. */
  slice(index: number): FoundSlice | undefined
  /**
   * The run that brings a missing slice: one under way, or a new one for all adjacent missing slices up to `last`.
   * Undefined when there is no room for it.
   * @param origin to be asked; the body's own where absent
   */
  want(index: number, last: number, need: Need, origin: Origin | undefined): SliceRun | undefined
  /** What one reader still needs, by a request of its own. */
  part(start: number, end: number, priority: OriginPriority, origin: Origin | undefined): OriginBody
  /** The origin has another version by now. */
  changed(): void
}

export interface FoundSlice {
  readonly body: BufferedBody
  readonly run: SliceRun | undefined
}

type ReaderState =
  | { readonly kind: 'between'; readonly awaited: SliceRun | undefined }
  | { readonly kind: 'in slice'; readonly reader: BodyReader }
  | { readonly kind: 'by itself'; readonly reader: BodyReader }
  | { readonly kind: 'over'; readonly result: 'end' | 'failed'; readonly error?: OriginError | undefined }

const BETWEEN: ReaderState = { kind: 'between', awaited: undefined }

export class SlicedReader implements BodyReader, RunReader {
  readonly last: number
  readonly #body: ReaderBody
  readonly #end: number
  readonly #onReady: () => void
  readonly #origin: Origin | undefined
  readonly #runs = new Set<SliceRun>()
  /** The slice it is at, and the one before, whose last bytes its connection may not have taken yet. */
  #held: readonly BufferedBody[] = []
  #position: number
  #state: ReaderState = BETWEEN
  #isWaiting = false

  constructor(body: ReaderBody, start: number, end: number, onReady: () => void, origin: Origin | undefined) {
    this.#origin = origin
    this.#body = body
    this.#position = start
    this.#end = end
    this.#onReady = onReady
    this.last = body.indexOf(Math.max(start, end - 1))
  }

  get index(): number {
    return Math.min(this.#body.indexOf(this.#position), this.last)
  }

  get error(): OriginError | undefined {
    return this.#state.kind === 'over' ? this.#state.error : undefined
  }

  read(): ReadResult {
    for (;;) {
      const state = this.#state
      if (state.kind === 'over') return state.result
      if (state.kind === 'between') {
        if (this.#position >= this.#end) this.#over('end')
        else if (!this.#find(state.awaited)) return this.#wait()
        continue
      }
      const result = state.reader.read()
      if (result === 'wait') return this.#wait()
      if (result === 'end') this.#state = BETWEEN
      else if (result === 'failed') this.#over('failed', state.reader.error)
      else {
        this.#position += result.length
        return result
      }
    }
  }

  close(): void {
    this.#isWaiting = false
    if (this.#state.kind !== 'over') this.#over(this.#position >= this.#end ? 'end' : 'failed')
  }

  wake(): void {
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#onReady()
  }

  #wait(): 'wait' {
    this.#isWaiting = true
    return 'wait'
  }

  /** Looks for the slice it is at. False: it has to wait for a run. */
  #find(awaited: SliceRun | undefined): boolean {
    const { index } = this
    const found = this.#body.slice(index)
    if (found !== undefined) {
      this.#enter(index, found.body, found.run)
      return true
    }
    switch (awaited?.outcome?.kind) {
      case 'failed':
        this.#over('failed', awaited.outcome.error)
        return true
      case 'no-room':
        this.#goByItself()
        return true
      default:
    }
    const isUnderWay = awaited !== undefined && awaited.outcome === undefined
    const run = isUnderWay ? awaited : this.#body.want(index, this.last, 'now', this.#origin)
    if (run === undefined) {
      this.#goByItself()
      return true
    }
    this.#state = { kind: 'between', awaited: run }
    this.#join(run)
    return run.outcome !== undefined
  }

  #enter(index: number, slice: BufferedBody, run: SliceRun | undefined): void {
    this.#hold(slice)
    const sliceStart = this.#body.sliceStart(index)
    const end = Math.min(this.#end - sliceStart, slice.length)
    this.#state = { kind: 'in slice', reader: slice.open(this.#position - sliceStart, end, () => this.wake()) }
    if (run !== undefined) this.#join(run)
    for (const known of this.#runs) {
      if (known.outcome !== undefined || index >= known.end) this.#leave(known, false)
      else known.advance()
    }
    this.#lookAhead(index)
  }

  /** The first slice near ahead that is missing is asked for before it is needed. */
  #lookAhead(index: number): void {
    const furthest = Math.min(this.last, index + READ_AHEAD_SLICES)
    for (let ahead = index + 1; ahead <= furthest; ahead += 1) {
      if (this.#body.isPresent(ahead)) continue
      const run = this.#body.want(ahead, this.last, 'soon', this.#origin)
      if (run !== undefined) this.#join(run)
      return
    }
  }

  #goByItself(): void {
    const source = this.#body.part(this.#position, this.#end, 'segment', this.#origin)
    const body = new StreamedBody(source, this.#end - this.#position)
    for (const run of this.#runs) this.#leave(run, false)
    this.#state = { kind: 'by itself', reader: body.open(0, undefined, () => this.wake()) }
  }

  #join(run: SliceRun): void {
    if (run.outcome !== undefined) return
    if (this.#runs.has(run)) run.advance()
    else {
      this.#runs.add(run)
      run.attach(this)
    }
  }

  #leave(run: SliceRun, hasFinished: boolean): void {
    this.#runs.delete(run)
    run.detach(this, hasFinished)
  }

  #over(result: 'end' | 'failed', error?: OriginError): void {
    const state = this.#state
    const reason = error ?? (result === 'failed' ? new OriginError('aborted', 'the reader was closed') : undefined)
    this.#state = { kind: 'over', result, error: reason }
    if (state.kind === 'in slice' || state.kind === 'by itself') state.reader.close()
    for (const run of this.#runs) this.#leave(run, result === 'end')
    for (const slice of this.#held) slice.release()
    this.#held = []
    if (error instanceof ObjectChanged) this.#body.changed()
  }

  #hold(slice: BufferedBody): void {
    slice.hold()
    const [before, current] = this.#held.length === 2 ? this.#held : [undefined, this.#held[0]]
    before?.release()
    this.#held = current === undefined ? [slice] : [current, slice]
  }
}
