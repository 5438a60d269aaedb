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
import { selectRanges, unsatisfiedRange } from '../http/range.ts'
import type { Origin, OriginRange } from '../origin/origin.ts'
import { BufferedBody } from './buffered-body.ts'
import type { ContentTypeFor } from './fill.ts'
import { contentLength, Fill, negativeAnswer, passedAnswer } from './fill.ts'
import type { CacheKey } from './key.ts'
import type { CacheRules, UncacheableReason } from './policy.ts'
import { decide } from './policy.ts'
import type { Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'
import { isFresh, makeStoredResponse, ttlSeconds } from './stored-response.ts'
import { StreamedBody } from './streamed-body.ts'

export interface CacheOptions {
  readonly store: Store
  readonly clock: Clock
  /** A longer object is passed through, not stored. */
  readonly maxObjectBytes: number
  readonly contentTypeFor: ContentTypeFor
  /** Told of every fill that failed, once each. */
  readonly onFillFailed: (failure: FillFailure) => void
}

export interface FillFailure {
  readonly originName: string
  readonly key: CacheKey
  readonly error: OriginError
}

export interface CacheRequest {
  readonly key: CacheKey
  readonly origin: Origin
  readonly objectKey: string
  readonly rules: CacheRules
  /** The Range field, unless If-Range makes it conditional: only used where an answer cannot be kept. */
  readonly range: string | undefined
  /** Fires when the client is gone. */
  readonly signal: AbortSignal
}

export interface Answer {
  readonly response: StoredResponse
  readonly status: CacheStatus
}

/** How long a key counts as uncacheable after its origin said so, and how many such keys are remembered. */
const UNCACHEABLE_MS = 120_000
const UNCACHEABLE_KEYS = 10_000

interface Uncacheable {
  readonly reason: UncacheableReason
  /** Bytes of the whole object, where known: lets a range be asked for by itself. */
  readonly length: number | undefined
  readonly untilMs: number
}

export class Cache {
  readonly #options: CacheOptions
  readonly #fills = new Map<CacheKey, Fill>()
  readonly #running = new Set<Promise<void>>()
  readonly #uncacheable = new LRUCache<CacheKey, Uncacheable>({ max: UNCACHEABLE_KEYS })

  constructor(options: CacheOptions) {
    this.#options = options
  }

  /** Fills under way. */
  get fills(): number {
    return this.#fills.size
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
    if (known !== undefined && nowMs < known.untilMs) return this.#pass(request, known)

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
        if (outcome.response === undefined) return this.#pass(request, { reason: outcome.reason, ...lengthOf(fill) })
        return { response: outcome.response, status: passed(outcome.response.status, outcome.reason) }
      }
      case 'failed':
        throw outcome.error
      default:
        return outcome satisfies never
    }
  }

  /** Ends every fill under way, and resolves when their connections are free. */
  async close(): Promise<void> {
    for (const fill of this.#fills.values()) fill.abort()
    await Promise.all(this.#running)
  }

  #create(request: CacheRequest, stored: StoredResponse | undefined): Fill {
    const { key, origin, objectKey, rules } = request
    const onOver = (over: Fill) => this.#onOver(over)
    const fill = new Fill({ ...this.#options, key, origin, objectKey, rules, stored, onOver })
    this.#fills.set(key, fill)
    return fill
  }

  #run(fill: Fill): void {
    const running = fill.run().finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  #onOver(fill: Fill): void {
    this.#fills.delete(fill.key)
    const { state } = fill
    if (state.kind === 'failed') {
      this.#options.onFillFailed({ originName: fill.origin.name, key: fill.key, error: state.error })
    }
    // Lack of room passes by itself; every other reason is the object's own.
    if (state.kind === 'uncacheable' && state.reason !== 'no-room') {
      const untilMs = this.#options.clock.now() + UNCACHEABLE_MS
      this.#uncacheable.set(fill.key, { reason: state.reason, length: state.length, untilMs })
    }
  }

  /** One client's own fetch, of the one range it wants where that can be told, bytes passed on and not kept. */
  async #pass(request: CacheRequest, known: Omit<Uncacheable, 'untilMs'>): Promise<Answer> {
    const { clock, contentTypeFor } = this.#options
    const { origin, objectKey, rules, signal } = request
    const selection = known.length === undefined ? undefined : selectRanges(request.range, known.length)
    if (selection?.kind === 'unsatisfiable' && known.length !== undefined) {
      return { response: unsatisfiable(known.length, clock.now()), status: passed(416, known.reason) }
    }
    const only = selection?.kind === 'ranges' && selection.ranges.length === 1 ? selection.ranges[0] : undefined
    const range: OriginRange | undefined = only && { first: only.start, last: only.end - 1 }

    const requestTimeMs = clock.now()
    const { status, headers, body } = await origin.fetch({
      key: objectKey,
      priority: 'segment',
      signal,
      ...(range && { range }),
    })
    const received = { status, headers, requestTimeMs, responseTimeMs: clock.now() }
    const cacheStatus = passed(status, known.reason)
    if (body === undefined) return { response: negativeAnswer(received, decide(received, rules)), status: cacheStatus }
    const contentType = contentTypeFor(objectKey, headers['content-type'])
    const response = passedAnswer(received, contentType, new StreamedBody(body, contentLength(headers)))
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
        stored: fwdStatus === undefined && response.staleAtMs > response.responseTimeMs,
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
