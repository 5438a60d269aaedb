/**
 * Cache: from a request to an answer whose headers are known.
 *
 * A fresh stored answer comes out synchronously. Everything else waits for headers at most: the fill under way for
 * that key is joined, or one is started; there is never a second one. A stale answer is given out while its successor
 * is fetched, or in place of an error, as far as its own fields and the route allow.
 */

import type { Clock } from '../clock.ts'
import { asOriginError, OriginError } from '../errors.ts'
import type { CacheStatus, ForwardReason } from '../http/cache-status.ts'
import type { RequestDirectives } from '../http/request-directives.ts'
import { isFailure } from '../http/status.ts'
import type { FieldPairs, Origin, OriginPriority, OriginRange, OriginResponse } from '../origin/origin.ts'
import { Encoder } from './encoder.ts'
import type { ContentTypeFor, FillParts } from './fill.ts'
import { Fill } from './fill.ts'
import { head } from './head.ts'
import { type Inspection, inspect } from './inspect.ts'
import type { CacheKey } from './key.ts'
import { knownObject } from './known-object.ts'
import { firstSlice, openingRange } from './opening.ts'
import type { Known } from './passing.ts'
import { pass } from './passing.ts'
import type { AskedWith, CacheRules, UncacheableReason } from './policy.ts'
import { type Purged, type PurgeMode, purge, type Selection } from './purge.ts'
import type { SliceRun } from './slice-run.ts'
import type { SlicedBodyOptions } from './sliced-body.ts'
import type { Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'
import { isFresh, isUsable, ttlSeconds } from './stored-response.ts'
import { UncacheableKeys } from './uncacheable-keys.ts'
import type { RequestFields } from './variants.ts'
import { isSelected, Variants } from './variants.ts'
import type { FillOutcome } from './waiters.ts'

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

/** Since the start. Numbers only ever grow. */
export interface CacheCounts {
  /** Fills that are over, by how they ended. */
  readonly fills: Readonly<Record<FillEnd, number>>
  /** Answers that were fetched for one request alone and not kept. */
  readonly passed: number
}

export type FillEnd = 'complete' | 'notModified' | 'uncacheable' | 'failed'

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
  /** What the request adds where the origin gets to see it; absent for one that only sees the object's name. */
  readonly client?: ClientRequest
}

/** A request whose fields go on to the origin, with which `origin` is bound to them. */
export interface ClientRequest {
  /** The same origin, which sees nothing of this request. */
  readonly sharedOrigin: Origin
  /** What Vary selects by. */
  readonly fields: RequestFields
  /** What the request asks of caches, as far as the route honours it. */
  readonly directives: RequestDirectives
  /** Sends it on as it is, its Range and conditions included. */
  readonly sendOwn: () => Promise<OriginResponse>
  readonly onInformational: (status: number, fields: FieldPairs) => void
}

export interface Answer {
  readonly response: StoredResponse
  readonly status: CacheStatus
}

const DEFAULT_SLICE_BYTES = 1024 * 1024
/** A URL whose every answer varies by something else is not followed for ever. */
const MAX_VARIANT_REPEATS = 4
/** So long after its headers an answer is given to those who come, however short-lived it is: they come in herds. */
const JUST_HERE_MS = 2000
const NO_FIELDS: RequestFields = {}
const noFields = () => NO_FIELDS

export class Cache {
  readonly #options: CacheOptions
  /** Those that can be joined. */
  readonly #fills = new Map<CacheKey, Fill>()
  /** These, and those that go on for their readers alone. */
  readonly #live = new Set<Fill>()
  readonly #running = new Set<Promise<void>>()
  readonly #runs = new Set<SliceRun>()
  readonly #slices: SlicedBodyOptions
  readonly #parts: FillParts
  readonly #variants: Variants
  readonly #encoder: Encoder
  readonly #uncacheable = new UncacheableKeys()
  readonly #counts = { fills: { complete: 0, notModified: 0, uncacheable: 0, failed: 0 }, passed: 0 }
  #isClosed = false

  constructor(options: CacheOptions) {
    this.#options = options
    const { store, maxObjectBytes, sliceBytes = DEFAULT_SLICE_BYTES } = options
    this.#variants = new Variants((keys) => {
      for (const key of keys) store.delete(key)
    })
    this.#encoder = new Encoder(store)
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
    const onOver = (fill: Fill) => this.#onOver(fill)
    this.#parts = { ...options, variants: this.#variants, encoder: this.#encoder, slices: this.#slices, onOver }
  }

  /** Fills under way. */
  get fills(): number {
    return this.#fills.size
  }

  get counts(): CacheCounts {
    return this.#counts
  }

  /** Requests for slices under way. */
  get runs(): number {
    return this.#runs.size
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
      this.#refresh(request, stored)
      return { response: stored, status: { kind: 'hit', ttlSeconds: ttlSeconds(stored, nowMs) } }
    }
    if (client?.directives.onlyIfCached === true) return undefined
    const fwd = this.#reasonToForward(request, stored)
    return this.#orStale(stored, fwd, () => this.#fetch(request, stored, fwd))
  }

  /** What is stored in place of a failure to answer, as far as it may be. */
  async #orStale(stored: StoredResponse | undefined, fwd: ForwardReason, ask: () => Promise<Answer>): Promise<Answer> {
    try {
      const answer = await ask()
      if (!isFailure(answer.response.status) || !this.#mayReplaceError(stored)) return answer
      answer.response.body.discard()
      return this.#inPlaceOfError(stored, fwd, answer.response.status)
    } catch (error) {
      const { kind, message } = asOriginError(error)
      if (kind !== 'aborted' && this.#mayReplaceError(stored)) return this.#inPlaceOfError(stored, fwd)
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
      this.#refresh(request, response)
      return { response, status: { kind: 'hit', ttlSeconds: ttlSeconds(response, nowMs) } }
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
      if (fill.url === key) this.#disown(fill)
    }
  }

  /** Takes out, or declares stale, what is selected; see {@link purge}. */
  purge(selects: Selection, mode: PurgeMode): Promise<Purged> {
    const { store, clock } = this.#options
    const disown = (fill: Fill) => this.#disown(fill)
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
    this.#isClosed = true
    for (const fill of this.#live) fill.abort()
    for (const run of this.#runs) run.stop()
    await Promise.all([...this.#running, this.#encoder.close()])
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

  async #fetch(
    request: CacheRequest,
    stored: StoredResponse | undefined,
    fwd: ForwardReason,
    repeats = 0,
  ): Promise<Answer> {
    const { clock } = this.#options
    const fields = fieldsOf(request)
    const fillKey = this.#fillKey(request)
    const remembered = this.#uncacheable.get(fillKey, clock.now())
    const known = remembered ?? hindrance(request, repeats)
    if (known !== undefined) {
      const answer = await this.#pass(request, known, remembered !== undefined)
      if (answer !== undefined) return answer
      this.#uncacheable.forget(fillKey, remembered)
      return this.#fetch(request, stored, fwd, repeats)
    }

    const underWay = this.#joinable(fillKey, request)
    const collapsed = underWay !== undefined
    const fill = underWay ?? this.#create(request, stored, fillKey)
    const outcome = await this.#join(fill, request, !collapsed)
    if ((outcome.kind === 'response' || outcome.kind === 'notModified') && collapsed) {
      if (!isSelected(outcome.response.variant, fields)) return this.#fetch(request, stored, fwd, repeats + 1)
    }
    switch (outcome.kind) {
      case 'response':
        return this.#answer(outcome.response, fwd, collapsed, outcome.isStored)
      case 'notModified':
        return this.#answer(outcome.response, fwd, collapsed, false, 304)
      case 'uncacheable': {
        const { reason, response } = outcome
        if (response !== undefined) return { response, status: passed(fwd, response.status, reason) }
        const answer = await this.#pass(request, { reason, ...lengthOf(fill) }, false)
        return answer ?? this.#fetch(request, stored, fwd, repeats)
      }
      case 'failed':
        throw outcome.error
      default:
        return outcome satisfies never
    }
  }

  /**
   * The fill that is under way for a key, unless what it brings is too old by now for a request that comes now: an
   * event stream, or a long body of something short-lived. It goes on for those who read it.
   */
  #joinable(fillKey: CacheKey, { client }: CacheRequest): Fill | undefined {
    const fill = this.#fills.get(fillKey)
    if (fill?.state.kind !== 'filling') return fill
    const { response } = fill.state
    const nowMs = this.#options.clock.now()
    const isJustHere = !asksForNewer(client) && nowMs - response.responseTimeMs < JUST_HERE_MS
    const isGood = client === undefined ? isFresh(response, nowMs) : isUsable(response, nowMs, client.directives)
    if (isJustHere || isGood) return fill
    this.#disown(fill)
    return undefined
  }

  /** What it brings is for those who wait for it or read it, and for nobody else. */
  #disown(fill: Fill): void {
    fill.disown()
    this.#fills.delete(fill.key)
  }

  #join(fill: Fill, { range, signal, client }: CacheRequest, isAsker: boolean): Promise<FillOutcome> {
    const { state } = fill
    if (state.kind === 'filling') return Promise.resolve({ ...state, kind: 'response' })
    const onInformational = client?.onInformational
    const joined = fill.join(
      { isAsker, wantsWhole: range === undefined || client !== undefined, onInformational },
      signal,
    )
    if (isAsker) this.#run(fill)
    return joined
  }

  /** One fill in the background, unless there is one already. */
  #refresh(request: CacheRequest, stored: StoredResponse): void {
    const fillKey = this.#fillKey(request)
    if (this.#fills.has(fillKey) || this.#isClosed) return
    this.#run(this.#create({ ...request, range: undefined }, stored, fillKey, 'refresh'))
  }

  #create(
    request: CacheRequest,
    stored: StoredResponse | undefined,
    fillKey: CacheKey,
    priority: OriginPriority = request.priority ?? 'segment',
  ): Fill {
    const { key: url, origin, objectKey, rules, client } = request
    const fill = new Fill(
      {
        key: fillKey,
        url,
        origin,
        sharedOrigin: client?.sharedOrigin ?? origin,
        objectKey,
        rules,
        priority,
        isPlaylist: request.priority === 'playlist',
        stored,
        opening: this.#opening(request, stored),
        fields: fieldsOf(request),
        askedWith: askedWith(request),
        isPersonal: client !== undefined,
      },
      this.#parts,
    )
    this.#fills.set(fillKey, fill)
    return fill
  }

  /** Requests that may get the same answer, as far as is known before it comes. */
  #fillKey(request: CacheRequest): CacheKey {
    const [likeliest = request.key] = this.#variants.keysFor(request.key, fieldsOf(request))
    return askedWith(request).isAuthorized ? `${likeliest}\0authorized` : likeliest
  }

  /** What is stored as a whole is asked for as a whole, so that a 304 or its successor takes its place. */
  #opening({ range, isProbe }: CacheRequest, stored: StoredResponse | undefined): OriginRange | undefined {
    const { sliceBytes } = this.#slices
    if (stored?.status === 200 && stored.body.kind !== 'sliced') return undefined
    return isProbe === true ? firstSlice(sliceBytes) : openingRange(range, sliceBytes, stored?.status === 200)
  }

  #run(fill: Fill): void {
    this.#live.add(fill)
    this.#track(fill.run().then(() => void this.#live.delete(fill)))
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
    if (this.#fills.get(fill.key) === fill) this.#fills.delete(fill.key)
    const { state, origin, objectKey } = fill
    if (state.kind !== 'requesting' && state.kind !== 'filling') this.#counts.fills[state.kind] += 1
    if (state.kind === 'failed') this.#options.onFillFailed({ originName: origin.name, objectKey, error: state.error })
    if (state.kind === 'uncacheable') this.#uncacheable.remember(fill.key, state, this.#options.clock.now())
  }

  /** Undefined where what was known has turned out to be out of date. */
  async #pass(request: CacheRequest, known: Known, isRemembered: boolean): Promise<Answer | undefined> {
    const { client, priority = 'segment' } = request
    const asked = { ...request, priority, askedWith: askedWith(request), sendOwn: client?.sendOwn }
    const passing = await pass(asked, known, isRemembered, this.#options)
    if (passing === undefined) return undefined
    this.#counts.passed += 1
    if (passing.isStorable) this.#uncacheable.forget(this.#fillKey(request))
    return { response: passing.response, status: passed('uri-miss', passing.response.status, known.reason) }
  }

  #mayReplaceError(stored: StoredResponse | undefined): stored is StoredResponse {
    return stored !== undefined && this.#options.clock.now() < stored.ifErrorUntilMs
  }

  #inPlaceOfError(response: StoredResponse, fwd: ForwardReason, fwdStatus?: number): Answer {
    const ttl = ttlSeconds(response, this.#options.clock.now())
    const said = { ...(fwdStatus !== undefined && { fwdStatus }), ttlSeconds: ttl, detail: 'stale-if-error' }
    return { response, status: { kind: 'forward', fwd, stored: false, collapsed: false, ...said } }
  }

  #reasonToForward({ key, client }: CacheRequest, stored: StoredResponse | undefined): ForwardReason {
    if (stored === undefined) return this.#variants.has(key) ? 'vary-miss' : 'uri-miss'
    const isAskedFor = client !== undefined && isFresh(stored, this.#options.clock.now())
    return isAskedFor ? 'request' : 'stale'
  }

  #answer(
    response: StoredResponse,
    fwd: ForwardReason,
    collapsed: boolean,
    stored: boolean,
    fwdStatus?: number,
  ): Answer {
    const ttl = ttlSeconds(response, this.#options.clock.now())
    const said = { fwdStatus: fwdStatus ?? response.status, stored, collapsed, ttlSeconds: ttl }
    return { response, status: { kind: 'forward', fwd, ...said } }
  }
}

/** A request that asks for something better than what is stale is not given that. */
function mayUseWhileRevalidating(stored: StoredResponse, nowMs: number, client: ClientRequest | undefined): boolean {
  return !isFresh(stored, nowMs) && nowMs < stored.whileRevalidateUntilMs && !asksForNewer(client)
}

function asksForNewer(client: ClientRequest | undefined): boolean {
  const { noCache = false, maxAge, minFresh } = client?.directives ?? {}
  return noCache || maxAge !== undefined || minFresh !== undefined
}

function fieldsOf({ client }: CacheRequest): RequestFields {
  return client?.fields ?? NO_FIELDS
}

/** Why this request goes to the origin by itself, whatever its key. */
function hindrance({ client, range }: CacheRequest, repeats: number): Known | undefined {
  if (repeats === MAX_VARIANT_REPEATS) return { reason: 'vary', length: undefined }
  if (client?.directives.noStore === true) return { reason: 'no-store', length: undefined }
  // A part of what is for one client alone would be asked for in vain as a slice for all.
  const isAuthorized = client?.fields['authorization'] !== undefined
  return isAuthorized && range !== undefined ? { reason: 'authorization', length: undefined } : undefined
}

function askedWith({ client }: CacheRequest): AskedWith {
  return { isAuthorized: client?.fields['authorization'] !== undefined }
}

function passed(fwd: ForwardReason, fwdStatus: number, reason: UncacheableReason): CacheStatus {
  return { kind: 'forward', fwd, fwdStatus, stored: false, collapsed: false, detail: reason }
}

function lengthOf({ state }: Fill): { length: number | undefined } {
  return { length: state.kind === 'uncacheable' ? state.length : undefined }
}
