/**
 * Cache: from a request to an answer whose headers are known.
 *
 * A fresh stored answer comes out synchronously. Everything else waits for headers at most, and the origin is asked
 * once for all who wait. A stale answer is given out while its successor is fetched, or in place of an error, as far as
 * its own fields and the route allow.
 *
 * Invariant: nothing that is stale is given out as fresh, and nothing that a request's fields do not select at all.
 */

import type { Clock } from '../clock.ts'
import { asOriginError, OriginError } from '../errors.ts'
import type { ForwardReason } from '../http/cache-status.ts'
import type { RequestDirectives } from '../http/request-directives.ts'
import { isFailure } from '../http/status.ts'
import { hit, inPlaceOfError } from './answering.ts'
import type { ContentTypeFor } from './answers.ts'
import {
  type Answer,
  askedWith,
  asksForNewer,
  type CacheRequest,
  type ClientRequest,
  fieldsOf,
  noFields,
} from './cache-request.ts'
import { CollapsedForwarding } from './collapsed-forwarding.ts'
import { Encoder } from './encoder.ts'
import type { Fill } from './fill.ts'
import type { FillEnd, FillFailure, FillsUnderWay } from './fills-under-way.ts'
import { head } from './head.ts'
import { type Inspection, inspect } from './inspect.ts'
import type { CacheKey } from './key.ts'
import { knownObject } from './known-object.ts'
import { type Purged, type PurgeMode, purge, type Selection } from './purge.ts'
import type { Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'
import { isFresh, isUsable } from './stored-response.ts'
import type { RequestFields } from './variants.ts'
import { Variants } from './variants.ts'

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

/** Since the start. Numbers only ever grow. */
export interface CacheCounts {
  /** Fills that are over, by how they ended. */
  readonly fills: Readonly<Record<FillEnd, number>>
  /** Answers that were fetched for one request alone and not kept. */
  readonly passed: number
}

const DEFAULT_SLICE_BYTES = 1024 * 1024

export class Cache {
  readonly #options: CacheOptions
  readonly #variants: Variants
  readonly #encoder: Encoder
  readonly #forwarding: CollapsedForwarding
  readonly #fills: FillsUnderWay

  constructor(options: CacheOptions) {
    this.#options = options
    const { store, maxObjectBytes, sliceBytes = DEFAULT_SLICE_BYTES } = options
    this.#variants = new Variants((keys) => {
      for (const key of keys) store.delete(key)
    })
    this.#encoder = new Encoder(store)
    this.#forwarding = new CollapsedForwarding({
      ...options,
      sliceBytes: Math.min(sliceBytes, maxObjectBytes),
      variants: this.#variants,
      encoder: this.#encoder,
    })
    this.#fills = this.#forwarding.fills
  }

  /** Fills under way. */
  get fills(): number {
    return this.#fills.size
  }

  get counts(): CacheCounts {
    return { fills: this.#fills.ended, passed: this.#forwarding.passed }
  }

  /** Requests for slices under way. */
  get runs(): number {
    return this.#fills.runs
  }

  /**
   * The stored answer if it may be used as it is.
   * @param fields of the request; only called where the answers to this URL vary
   */
  fresh(
    key: CacheKey,
    nowMs: number,
    fields: () => RequestFields = noFields,
    directives?: RequestDirectives,
  ): StoredResponse | undefined {
    const stored = this.#select(key, fields, nowMs)
    if (stored === undefined) return undefined
    const isGood = directives === undefined ? isFresh(stored, nowMs) : isUsable(stored, nowMs, directives)
    return isGood ? stored : undefined
  }

  /**
   * The answer for a request that {@link fresh} had none for; undefined where it may only come from memory, and cannot.
   * @throws {OriginError} the same one for every request that waited for the same fill; `aborted` for one that left
   */
  async forward(request: CacheRequest): Promise<Answer | undefined> {
    const { key, client } = request
    const nowMs = this.#options.clock.now()
    const stored = this.#select(key, () => fieldsOf(request))
    if (stored !== undefined && mayUseWhileRevalidating(stored, nowMs, client)) {
      this.#forwarding.refresh(request, stored)
      return hit(stored, nowMs)
    }
    if (client?.directives.onlyIfCached === true) return undefined
    const fwd = this.#reasonToForward(request, stored)
    return this.#orStale(stored, fwd, () => this.#forwarding.fetch(request, stored, fwd))
  }

  /** What is stored in place of a failure to answer, as far as it may be. */
  async #orStale(stored: StoredResponse | undefined, fwd: ForwardReason, ask: () => Promise<Answer>): Promise<Answer> {
    try {
      const answer = await ask()
      if (!isFailure(answer.response.status) || !this.#mayReplaceError(stored)) return answer
      answer.response.body.discard()
      return inPlaceOfError(stored, fwd, this.#options.clock.now(), answer.response.status)
    } catch (error) {
      const { kind, message } = asOriginError(error)
      if (kind !== 'aborted' && this.#mayReplaceError(stored)) {
        return inPlaceOfError(stored, fwd, this.#options.clock.now())
      }
      // RFC 9111 §5.2.2.2
      if (kind === 'unreachable' && stored?.mustRevalidate === true) {
        throw new OriginError('timeout', message, { cause: error })
      }
      throw error
    }
  }

  /** The answer to HEAD by an origin's own answer to HEAD, which also tells whether what is stored still holds. */
  async head(request: CacheRequest): Promise<Answer> {
    const response = this.#select(request.key, () => fieldsOf(request))
    const nowMs = this.#options.clock.now()
    if (response !== undefined && mayUseWhileRevalidating(response, nowMs, request.client)) {
      this.#forwarding.refresh(request, response)
      return hit(response, nowMs)
    }
    const stored = response && { key: this.#variants.keyOf(request.key, response.variant), response }
    const fwd = this.#reasonToForward(request, response)
    return this.#orStale(response, fwd, async () => {
      const answered = await head({ ...request, stored, askedWith: askedWith(request) }, this.#options)
      const status = { kind: 'forward', fwd, fwdStatus: answered.status, stored: false, collapsed: false } as const
      return { response: answered, status }
    })
  }

  /**
   * Drops whatever is stored for a URL, variants and slices included, and keeps what is under way for it from being
   * stored (RFC 9111 §4.4).
   */
  invalidate(key: CacheKey): void {
    for (const one of this.#variants.allKeys(key)) this.#options.store.delete(one)
    this.#variants.forget(key)
    for (const fill of this.#fills.values()) {
      if (fill.url === key) this.#fills.disown(fill)
    }
  }

  /** Takes out, or declares stale, what is selected; see {@link purge}. */
  purge(selects: Selection, mode: PurgeMode): Promise<Purged> {
    const { store, clock } = this.#options
    const disown = (fill: Fill) => this.#fills.disown(fill)
    return purge(selects, mode, { store, fills: this.#fills.values(), disown, nowMs: clock.now() })
  }

  /** What is stored, and on its way, of the URLs that are selected. */
  inspect(selects: (url: CacheKey) => boolean): Promise<Inspection> {
    const { store, clock } = this.#options
    return inspect(selects, { store, fills: this.#fills.values(), nowMs: clock.now() })
  }

  /** An object that an S3 origin gave and that is stored; see {@link knownObject}. */
  knownObject(originName: string): string | undefined {
    return knownObject(this.#options.store, originName)
  }

  /** Ends every fill and run under way, and resolves when their connections are free. */
  async close(): Promise<void> {
    await Promise.all([this.#fills.close(), this.#encoder.close()])
  }

  /**
   * The newest stored answer that this request selects (RFC 9111 §4.1).
   *
   * @param firstLookMs the time, when its request looks for the first time: that is the one use that it makes of it
   */
  #select(url: CacheKey, fields: () => RequestFields, firstLookMs?: number): StoredResponse | undefined {
    const { store } = this.#options
    if (!this.#variants.has(url)) return firstLookMs === undefined ? store.peek(url) : store.get(url, firstLookMs)
    let newest: StoredResponse | undefined
    for (const key of this.#variants.keysFor(url, fields())) {
      const stored = firstLookMs === undefined ? store.peek(key) : store.get(key, firstLookMs)
      if (stored !== undefined && stored.responseTimeMs >= (newest?.responseTimeMs ?? 0)) newest = stored
    }
    return newest
  }

  #mayReplaceError(stored: StoredResponse | undefined): stored is StoredResponse {
    return stored !== undefined && this.#options.clock.now() < stored.ifErrorUntilMs
  }

  #reasonToForward({ key, client }: CacheRequest, stored: StoredResponse | undefined): ForwardReason {
    if (stored === undefined) return this.#variants.has(key) ? 'vary-miss' : 'uri-miss'
    const isAskedFor = client !== undefined && isFresh(stored, this.#options.clock.now())
    return isAskedFor ? 'request' : 'stale'
  }
}

/** A request that asks for something better than what is stale is not given that. */
function mayUseWhileRevalidating(stored: StoredResponse, nowMs: number, client: ClientRequest | undefined): boolean {
  return !isFresh(stored, nowMs) && nowMs < stored.whileRevalidateUntilMs && !asksForNewer(client)
}
