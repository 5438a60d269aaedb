/**
 * Cache: from a request to an answer whose headers are known.
 *
 * A fresh stored answer comes out synchronously. Everything else waits for headers at most: the fill under way for
 * that key is joined, or one is started; there is never a second one. Keys whose answers cannot be kept are remembered
 * for a while, so that requests for them go to the origin at once instead of one behind the other.
 */

import { LRUCache } from 'lru-cache'
import type { Clock } from '../clock.ts'
import type { OriginError } from '../errors.ts'
import type { CacheStatus } from '../http/cache-status.ts'
import { contentLength } from '../http/content-length.ts'
import { selectRanges, unsatisfiedRange } from '../http/range.ts'
import type { Origin, OriginPriority, OriginRange } from '../origin/origin.ts'
import { negativeAnswer, passedAnswer } from './answers.ts'
import { BufferedBody } from './buffered-body.ts'
import type { ContentTypeFor } from './fill.ts'
import { Fill } from './fill.ts'
import type { CacheKey } from './key.ts'
import { firstSlice, openingRange } from './opening.ts'
import type { CacheRules, UncacheableReason } from './policy.ts'
import { decide } from './policy.ts'
import { resumable } from './resume.ts'
import type { SliceRun } from './slice-run.ts'
import type { SlicedBodyOptions } from './sliced-body.ts'
import type { Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'
import { isFresh, makeStoredResponse, ttlSeconds } from './stored-response.ts'
import { StreamedBody } from './streamed-body.ts'

export interface CacheOptions {
  readonly store: Store
  readonly clock: Clock
  /** A longer object is kept in slices, or passed through where its slices could not be told apart from others. */
  readonly maxObjectBytes: number
  /** Size of a slice. @default 1 MiB, or `maxObjectBytes` where that is less */
  readonly sliceBytes?: number
  readonly contentTypeFor: ContentTypeFor
  /** Told of every fill that failed, once each. */
  readonly onFillFailed: (failure: FillFailure) => void
}

export interface FillFailure {
  readonly originName: string
  /** Without the query parameters of the cache key, which may hold secrets. */
  readonly objectKey: string
  readonly error: OriginError
}

export interface CacheRequest {
  readonly key: CacheKey
  readonly origin: Origin
  readonly objectKey: string
  readonly rules: CacheRules
  /** The Range field, unless If-Range makes it conditional. */
  readonly range: string | undefined
  /** HEAD, or a range under If-Range: only the object's fields will tell which bytes are needed, if any. */
  readonly isProbe?: boolean
  /** @default 'segment' */
  readonly priority?: OriginPriority
  /** Fires when the client is gone. */
  readonly signal: AbortSignal
}

export interface Answer {
  readonly response: StoredResponse
  readonly status: CacheStatus
}

const DEFAULT_SLICE_BYTES = 1024 * 1024

/** How long a key counts as uncacheable after its origin said so, and how many such keys are remembered. */
const UNCACHEABLE_MS = 120_000
const UNCACHEABLE_KEYS = 10_000
/** Together, in UTF-16 units: keys come from strangers and can be long. */
const UNCACHEABLE_KEY_LENGTHS = 4_000_000

interface Uncacheable {
  readonly reason: UncacheableReason
  /** Bytes of the whole object, where known: lets a range be asked for by itself. */
  readonly length: number | undefined
  readonly untilMs: number
}

type Known = Pick<Uncacheable, 'reason' | 'length'>

export class Cache {
  readonly #options: CacheOptions
  readonly #fills = new Map<CacheKey, Fill>()
  readonly #running = new Set<Promise<void>>()
  readonly #runs = new Set<SliceRun>()
  readonly #slices: SlicedBodyOptions
  #isClosed = false
  readonly #uncacheable = new LRUCache<CacheKey, Uncacheable>({
    max: UNCACHEABLE_KEYS,
    maxSize: UNCACHEABLE_KEY_LENGTHS,
    sizeCalculation: (_known, key) => key.length + 1,
  })

  constructor(options: CacheOptions) {
    this.#options = options
    const { store, maxObjectBytes, sliceBytes = DEFAULT_SLICE_BYTES } = options
    this.#slices = {
      store,
      sliceBytes: Math.min(sliceBytes, maxObjectBytes),
      onRun: (run) => this.#onRun(run),
      onRunFailed: ({ object: { origin, objectKey } }, error) => {
        options.onFillFailed({ originName: origin.name, objectKey, error })
      },
      onChanged: (body) => {
        if (store.peek(body.object.key)?.body === body) store.delete(body.object.key)
        else body.retire()
      },
    }
  }

  /** Fills under way. */
  get fills(): number {
    return this.#fills.size
  }

  /** Requests for slices under way. */
  get runs(): number {
    return this.#runs.size
  }

  /** The stored answer if it may be used as it is. */
  fresh(key: CacheKey, nowMs: number): StoredResponse | undefined {
    const stored = this.#options.store.get(key)
    return stored !== undefined && isFresh(stored, nowMs) ? stored : undefined
  }

  /**
   * The answer for a request that {@link fresh} had none for.
   * @throws {OriginError} the same one for every request that waited for the same fill; `aborted` for one that left
   */
  async forward(request: CacheRequest): Promise<Answer> {
    const { key } = request
    const nowMs = this.#options.clock.now()
    const known = this.#uncacheable.get(key)
    if (known !== undefined && nowMs < known.untilMs) {
      const answer = await this.#pass(request, known, 'remembered')
      if (answer !== undefined) return answer
      if (this.#uncacheable.peek(key) === known) this.#uncacheable.delete(key)
      return this.forward(request)
    }

    const underWay = this.#fills.get(key)
    const stored = this.#options.store.get(key)
    const fwd = stored === undefined ? 'uri-miss' : 'stale'
    const collapsed = underWay !== undefined
    if (underWay?.state.kind === 'filling') return this.#answer(underWay.state.response, fwd, collapsed)

    const fill = underWay ?? this.#create(request, stored)
    const joined = fill.join(request.range === undefined, request.signal)
    if (!collapsed) this.#run(fill)
    const outcome = await joined
    switch (outcome.kind) {
      case 'response':
        return this.#answer(outcome.response, fwd, collapsed)
      case 'notModified':
        return this.#answer(outcome.response, fwd, collapsed, 304)
      case 'uncacheable': {
        if (outcome.response === undefined) {
          return this.#pass(request, { reason: outcome.reason, ...lengthOf(fill) }, 'just learnt')
        }
        return { response: outcome.response, status: passed(outcome.response.status, outcome.reason) }
      }
      case 'failed':
        throw outcome.error
      default:
        return outcome satisfies never
    }
  }

  /** Ends every fill and run under way, and resolves when their connections are free. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const fill of this.#fills.values()) fill.abort()
    for (const run of this.#runs) run.stop()
    await Promise.all(this.#running)
  }

  #create(request: CacheRequest, stored: StoredResponse | undefined): Fill {
    const { key, origin, objectKey, rules } = request
    const onOver = (over: Fill) => this.#onOver(over)
    const [priority, opening, slices] = [request.priority ?? 'segment', this.#opening(request, stored), this.#slices]
    const asked = { key, origin, objectKey, rules, stored, priority, opening, slices }
    const fill = new Fill({ ...this.#options, ...asked, onOver })
    this.#fills.set(key, fill)
    return fill
  }

  /** What is stored as a whole is asked for as a whole, so that a 304 or its successor takes its place. */
  #opening({ range, isProbe }: CacheRequest, stored: StoredResponse | undefined): OriginRange | undefined {
    const { sliceBytes } = this.#slices
    if (stored?.status === 200 && stored.body.kind !== 'sliced') return undefined
    return isProbe === true ? firstSlice(sliceBytes) : openingRange(range, sliceBytes, stored?.status === 200)
  }

  #run(fill: Fill): void {
    this.#track(fill.run())
  }

  #onRun(run: SliceRun): void {
    if (this.#isClosed) run.stop()
    this.#runs.add(run)
    this.#track(run.finished.then(() => void this.#runs.delete(run)))
  }

  #track(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  #onOver(fill: Fill): void {
    this.#fills.delete(fill.key)
    const { state } = fill
    if (state.kind === 'failed') {
      const { origin, objectKey } = fill
      this.#options.onFillFailed({ originName: origin.name, objectKey, error: state.error })
    }
    // Lack of room passes by itself; every other reason is the object's own.
    if (state.kind === 'uncacheable' && state.reason !== 'no-room') {
      const untilMs = this.#options.clock.now() + UNCACHEABLE_MS
      this.#uncacheable.set(fill.key, { reason: state.reason, length: state.length, untilMs })
    }
  }

  #pass(request: CacheRequest, known: Known, since: 'just learnt'): Promise<Answer>
  #pass(request: CacheRequest, known: Known, since: 'remembered'): Promise<Answer | undefined>
  /**
   * One client's own fetch, of the one range it wants where that can be told, bytes passed on and not kept.
   * `undefined`, where the range was told from a remembered length that is, or may be, no longer the object's.
   */
  async #pass(request: CacheRequest, known: Known, since: 'just learnt' | 'remembered'): Promise<Answer | undefined> {
    const { clock, contentTypeFor } = this.#options
    const { origin, objectKey, rules, signal } = request
    const selection = known.length === undefined ? undefined : selectRanges(request.range, known.length)
    if (selection?.kind === 'unsatisfiable' && known.length !== undefined) {
      // What its origin wants no cache to keep may have grown since; a large file seldom does.
      if (since === 'remembered' && known.reason !== 'too-large') return undefined
      return { response: unsatisfiable(known.length, clock.now()), status: passed(416, known.reason) }
    }
    const only = selection?.kind === 'ranges' && selection.ranges.length === 1 ? selection.ranges[0] : undefined
    const range: OriginRange | undefined = only && { first: only.start, last: only.end - 1 }

    const requestTimeMs = clock.now()
    const priority = request.priority ?? 'segment'
    const asked = { key: objectKey, priority, signal, ...(range && { range }) }
    const { status, headers, body } = await origin.fetch(asked)
    if (range && since === 'remembered' && isOfAnotherLength(status, headers, known.length)) {
      body?.destroy()
      return undefined
    }
    const received = { status, headers, requestTimeMs, responseTimeMs: clock.now() }
    const cacheStatus = passed(status, known.reason)
    if (body === undefined) return { response: negativeAnswer(received, decide(received, rules)), status: cacheStatus }
    const contentType = contentTypeFor(objectKey, headers['content-type'])
    const source = resumable(received, body, { origin, objectKey, priority, signal })
    const response = passedAnswer(received, contentType, new StreamedBody(source, contentLength(headers)))
    return { response, status: cacheStatus }
  }

  #answer(response: StoredResponse, fwd: 'uri-miss' | 'stale', collapsed: boolean, fwdStatus?: number): Answer {
    const nowMs = this.#options.clock.now()
    return {
      response,
      status: {
        kind: 'forward',
        fwd,
        fwdStatus: fwdStatus ?? response.status,
        // A 200 is kept even when it is stale at once, for its validators; another status only while it is fresh.
        stored: fwdStatus === undefined && (response.status === 200 || response.staleAtMs > response.responseTimeMs),
        collapsed,
        ttlSeconds: ttlSeconds(response, nowMs),
      },
    }
  }
}

function passed(fwdStatus: number, reason: UncacheableReason): CacheStatus {
  return { kind: 'forward', fwd: 'uri-miss', fwdStatus, stored: false, collapsed: false, detail: reason }
}

function lengthOf({ state }: Fill): { length: number | undefined } {
  return { length: state.kind === 'uncacheable' ? state.length : undefined }
}

/** Whether the answer to a range shows that the whole is not `length` bytes (RFC 9110 §14.4, §15.5.17). */
function isOfAnotherLength(status: number, headers: Readonly<Record<string, string>>, length?: number): boolean {
  if (status === 416) return true
  const total = /^bytes \d+-\d+\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1]
  return status === 206 && total !== undefined && Number(total) !== length
}

/** RFC 9110 §15.5.17, for an object whose length is remembered though its bytes are not. */
function unsatisfiable(length: number, nowMs: number): StoredResponse {
  return makeStoredResponse({
    status: 416,
    headers: { 'content-range': unsatisfiedRange(length) },
    contentType: undefined,
    body: BufferedBody.of(Buffer.alloc(0)),
    responseTimeMs: nowMs,
    freshness: { initialAgeSeconds: 0, staleAtMs: nowMs },
  })
}
