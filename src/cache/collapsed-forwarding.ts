/**
 * Collapsed forwarding: one request to the origin for all who may get the same answer (RFC 9211 §2.7).
 *
 * A request joins the fill under way for its key, or one is started; there is never a second one. What cannot be shared
 * is fetched for each request by itself, and remembered, so that the next ones need not wait to find that out.
 *
 * Invariant: a request that has joined another's fill gets an answer only if that answer is one to it, too.
 */

import type { ForwardReason } from '../http/cache-status.ts'
import type { OriginPriority, OriginRange } from '../origin/origin.ts'
import { fetched, passed } from './answering.ts'
import { type Answer, askedWith, type CacheRequest, fieldsOf, hindrance } from './cache-request.ts'
import type { FillParts } from './fill.ts'
import { Fill } from './fill.ts'
import { type FillFailure, FillsUnderWay } from './fills-under-way.ts'
import type { CacheKey } from './key.ts'
import { firstSlice, openingRange } from './opening.ts'
import type { Known } from './passing.ts'
import { pass } from './passing.ts'
import type { SlicedBodyOptions } from './sliced-body.ts'
import type { StoredResponse } from './stored-response.ts'
import { UncacheableKeys } from './uncacheable-keys.ts'
import { isSelected } from './variants.ts'

export interface CollapsedForwardingOptions extends Omit<FillParts, 'slices' | 'onOver'> {
  readonly sliceBytes: number
  /** Told of every fill that failed, once each. */
  readonly onFillFailed: (failure: FillFailure) => void
}

export class CollapsedForwarding {
  readonly fills: FillsUnderWay
  readonly #parts: FillParts
  readonly #uncacheable = new UncacheableKeys()
  #passed = 0

  constructor(options: CollapsedForwardingOptions) {
    const { store, clock, sliceBytes, onFillFailed } = options
    const fills = new FillsUnderWay({
      clock,
      onFillFailed,
      onUncacheable: (key, known) => this.#uncacheable.remember(key, known, clock.now()),
    })
    const slices: SlicedBodyOptions = {
      store,
      sliceBytes,
      onRun: (run) => fills.onRun(run),
      onRunFailed: ({ object: { origin, objectKey } }, error) => {
        onFillFailed({ originName: origin.name, objectKey, error })
      },
      onChanged: (body) => {
        if (store.peek(body.object.key)?.body === body) store.delete(body.object.key)
        else body.retire()
      },
    }
    this.fills = fills
    this.#parts = { ...options, slices, onOver: (fill) => fills.onOver(fill) }
  }

  /** Answers that were fetched for one request alone, since the start. */
  get passed(): number {
    return this.#passed
  }

  /**
   * The answer that the origin gives, asked for by this request or by one that came before it.
   *
   * @param stored what memory has for it, to be revalidated
   * @param repeats how often what it joined has turned out to answer others alone
   * @throws {OriginError} the same one for every request that waited for the same fill; `aborted` for one that left
   */
  async fetch(
    request: CacheRequest,
    stored: StoredResponse | undefined,
    fwd: ForwardReason,
    repeats = 0,
  ): Promise<Answer> {
    const { clock } = this.#parts
    const fields = fieldsOf(request)
    const fillKey = this.#fillKey(request)
    const remembered = this.#uncacheable.get(fillKey, clock.now())
    const known = remembered ?? hindrance(request, repeats)
    if (known !== undefined) {
      const answer = await this.#pass(request, known, remembered !== undefined)
      if (answer !== undefined) return answer
      this.#uncacheable.forget(fillKey, remembered)
      return this.fetch(request, stored, fwd, repeats)
    }

    const underWay = this.fills.joinable(fillKey, request)
    const collapsed = underWay !== undefined
    const fill = underWay ?? this.#create(request, stored, fillKey)
    const outcome = await this.fills.join(fill, request, !collapsed)
    if ((outcome.kind === 'response' || outcome.kind === 'notModified') && collapsed) {
      if (!isSelected(outcome.response.variant, fields)) return this.fetch(request, stored, fwd, repeats + 1)
    }
    switch (outcome.kind) {
      case 'response':
        return fetched(outcome.response, { fwd, collapsed, stored: outcome.isStored }, clock.now())
      case 'notModified':
        return fetched(outcome.response, { fwd, collapsed, stored: false, fwdStatus: 304 }, clock.now())
      case 'uncacheable': {
        const { reason, response } = outcome
        if (response !== undefined) return { response, status: passed(fwd, response.status, reason) }
        const answer = await this.#pass(request, { reason, ...lengthOf(fill) }, false)
        return answer ?? this.fetch(request, stored, fwd, repeats)
      }
      case 'failed':
        throw outcome.error
      default:
        return outcome satisfies never
    }
  }

  /** One fill in the background, unless there is one already. */
  refresh(request: CacheRequest, stored: StoredResponse): void {
    const fillKey = this.#fillKey(request)
    if (this.fills.has(fillKey) || this.fills.isClosed) return
    this.fills.run(this.#create({ ...request, range: undefined }, stored, fillKey, 'refresh'))
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
    this.fills.add(fill)
    return fill
  }

  /** Requests that may get the same answer, as far as is known before it comes. */
  #fillKey(request: CacheRequest): CacheKey {
    const [likeliest = request.key] = this.#parts.variants.keysFor(request.key, fieldsOf(request))
    return askedWith(request).isAuthorized ? `${likeliest}\0authorized` : likeliest
  }

  /** What is stored as a whole is asked for as a whole, so that a 304 or its successor takes its place. */
  #opening({ range, isProbe }: CacheRequest, stored: StoredResponse | undefined): OriginRange | undefined {
    const { sliceBytes } = this.#parts.slices
    if (stored?.status === 200 && stored.body.kind !== 'sliced') return undefined
    return isProbe === true ? firstSlice(sliceBytes) : openingRange(range, sliceBytes, stored?.status === 200)
  }

  /** Undefined where what was known has turned out to be out of date. */
  async #pass(request: CacheRequest, known: Known, isRemembered: boolean): Promise<Answer | undefined> {
    const { client, priority = 'segment' } = request
    const asked = { ...request, priority, askedWith: askedWith(request), sendOwn: client?.sendOwn }
    const passing = await pass(asked, known, isRemembered, this.#parts)
    if (passing === undefined) return undefined
    this.#passed += 1
    if (passing.isStorable) this.#uncacheable.forget(this.#fillKey(request))
    return { response: passing.response, status: passed('uri-miss', passing.response.status, known.reason) }
  }
}

function lengthOf({ state }: Fill): { length: number | undefined } {
  return { length: state.kind === 'uncacheable' ? state.length : undefined }
}
