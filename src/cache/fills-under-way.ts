/**
 * FillsUnderWay: which fills and slice runs there are, and which fill a request may join.
 *
 * A fill can be joined from `add` until it is over or disowned; it runs on for those who read it. Of one key there is at
 * most one that can be joined.
 *
 * Invariant: after `close()` has resolved nothing is under way, and no connection is taken by it.
 */

import type { Clock } from '../clock.ts'
import type { OriginError } from '../errors.ts'
import { asksForNewer, type CacheRequest } from './cache-request.ts'
import type { Fill } from './fill.ts'
import type { CacheKey } from './key.ts'
import type { SliceRun } from './slice-run.ts'
import { isFresh, isUsable } from './stored-response.ts'
import type { Uncacheable } from './uncacheable-keys.ts'
import type { FillOutcome } from './waiters.ts'

export interface FillFailure {
  readonly originName: string
  /** Without the query parameters of the cache key, which may hold secrets. */
  readonly objectKey: string
  readonly error: OriginError
}

export type FillEnd = 'complete' | 'notModified' | 'uncacheable' | 'failed'

export interface FillsOptions {
  readonly clock: Clock
  /** Told of every fill that failed, once each. */
  readonly onFillFailed: (failure: FillFailure) => void
  /** Told of every fill whose answer may not be kept, once each. */
  readonly onUncacheable: (key: CacheKey, known: Uncacheable) => void
}

/** So long after its headers an answer is given to those who come, however short-lived it is: they come in herds. */
const JUST_HERE_MS = 2000

export class FillsUnderWay {
  readonly #options: FillsOptions
  /** Those that can be joined. */
  readonly #fills = new Map<CacheKey, Fill>()
  /** These, and those that go on for their readers alone. */
  readonly #live = new Set<Fill>()
  readonly #running = new Set<Promise<void>>()
  readonly #runs = new Set<SliceRun>()
  readonly #ended = { complete: 0, notModified: 0, uncacheable: 0, failed: 0 }
  #isClosed = false

  constructor(options: FillsOptions) {
    this.#options = options
  }

  /** Fills that can be joined. */
  get size(): number {
    return this.#fills.size
  }

  /** Requests for slices. */
  get runs(): number {
    return this.#runs.size
  }

  /** Fills that are over since the start, by how they ended. */
  get ended(): Readonly<Record<FillEnd, number>> {
    return this.#ended
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Those that can be joined. */
  values(): Iterable<Fill> {
    return this.#fills.values()
  }

  has(fillKey: CacheKey): boolean {
    return this.#fills.has(fillKey)
  }

  /** It can be joined from now on; it begins when somebody asks by it, or {@link run} is called. */
  add(fill: Fill): void {
    this.#fills.set(fill.key, fill)
  }

  /**
   * The fill that is under way for a key, unless what it brings is too old by now for a request that comes now: an
   * event stream, or a long body of something short-lived. It goes on for those who read it.
   */
  joinable(fillKey: CacheKey, { client }: CacheRequest): Fill | undefined {
    const fill = this.#fills.get(fillKey)
    if (fill?.state.kind !== 'filling') return fill
    const { response } = fill.state
    const nowMs = this.#options.clock.now()
    const isJustHere = !asksForNewer(client) && nowMs - response.responseTimeMs < JUST_HERE_MS
    const isGood = client === undefined ? isFresh(response, nowMs) : isUsable(response, nowMs, client.directives)
    if (isJustHere || isGood) return fill
    this.disown(fill)
    return undefined
  }

  /** @param isAsker it was made for this request, and begins with it */
  join(fill: Fill, { range, signal, client }: CacheRequest, isAsker: boolean): Promise<FillOutcome> {
    const { state } = fill
    if (state.kind === 'filling') return Promise.resolve({ ...state, kind: 'response' })
    const onInformational = client?.onInformational
    const joined = fill.join(
      { isAsker, wantsWhole: range === undefined || client !== undefined, onInformational },
      signal,
    )
    if (isAsker) this.run(fill)
    return joined
  }

  /** What it brings is for those who wait for it or read it, and for nobody else. */
  disown(fill: Fill): void {
    fill.disown()
    this.#fills.delete(fill.key)
  }

  run(fill: Fill): void {
    this.#live.add(fill)
    this.#track(fill.run().then(() => void this.#live.delete(fill)))
  }

  /** One that a sliced body has begun. */
  onRun(run: SliceRun): void {
    if (this.#isClosed) run.stop()
    this.#runs.add(run)
    this.#track(run.finished.then(() => void this.#runs.delete(run)))
  }

  /** For fills alone: nothing more comes of this one. */
  onOver(fill: Fill): void {
    if (this.#fills.get(fill.key) === fill) this.#fills.delete(fill.key)
    const { state, origin, objectKey } = fill
    if (state.kind !== 'requesting' && state.kind !== 'filling') this.#ended[state.kind] += 1
    if (state.kind === 'failed') this.#options.onFillFailed({ originName: origin.name, objectKey, error: state.error })
    if (state.kind === 'uncacheable') this.#options.onUncacheable(fill.key, state)
  }

  /** Ends all of it, and resolves when their connections are free. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const fill of this.#live) fill.abort()
    for (const run of this.#runs) run.stop()
    await Promise.all(this.#running)
  }

  #track(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running))
    this.#running.add(running)
  }
}
