/**
 * Fill: one fetch from an origin that grows one Body. It belongs to the cache, never to a client.
 *
 * | state         | what waiters and readers may rely on                                                        |
 * |---------------|---------------------------------------------------------------------------------------------|
 * | `requesting`  | nothing is known yet; waiters wait for the headers, and leaving costs the others nothing     |
 * | `filling`     | `response` is there and will not change; its Body grows; joining gives it at once            |
 * | `complete`    | the Body is whole, its length was checked, the Store has it; or it is sliced and goes on alone |
 * | `notModified` | the Store's answer was revalidated; every waiter got its refreshed self                      |
 * | `uncacheable` | the answer went to the first waiter that could use it; the others have to ask for themselves |
 * | `failed`      | every waiter got the error; a Body that was growing has failed, and nothing was stored       |
 *
 * `requesting → filling → complete | failed`, or `requesting → notModified | uncacheable | failed`.
 * In each of the last four the fill is over: its reservation is used or released and its origin connection is free
 * (or, if uncacheable, belongs to the answer that was handed out). A fill that was disowned, because what it brings is
 * out of date before it is here, goes the same way for those who wait for it, and stores nothing.
 */

import type { Clock } from '../clock.ts'
import { asOriginError, OriginError } from '../errors.ts'
import { contentLength } from '../http/content-length.ts'
import type { PartRange } from '../http/content-range.ts'
import type { FieldPairs, Origin, OriginBody, OriginPriority, OriginRange, OriginResponse } from '../origin/origin.ts'
import { admit, hasRoomForSlice } from './admission.ts'
import { answer, negativeAnswer, passedAnswer, revalidated, validatorsOf } from './answers.ts'
import type { BufferedBody } from './buffered-body.ts'
import type { CacheKey } from './key.ts'
import { openAnswer } from './opening.ts'
import type { AskedWith, CacheRules, Decision, Freshness, Received, UncacheableReason } from './policy.ts'
import { decide } from './policy.ts'
import { resumable, strongEtag } from './resume.ts'
import type { SlicedBodyOptions } from './sliced-body.ts'
import { SlicedBody } from './sliced-body.ts'
import type { Reservation, Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'
import { memoryCost } from './stored-response.ts'
import { StreamedBody } from './streamed-body.ts'
import type { RequestFields, Variant, Variants } from './variants.ts'
import { variantOf } from './variants.ts'
import type { FillOutcome, Waiter } from './waiters.ts'
import { Waiters } from './waiters.ts'

/** The media type to send for an object, given what its store says. */
export type ContentTypeFor = (objectKey: string, storedType: string | undefined) => string | undefined

/** What those who make fills have for all of them. */
export interface FillParts {
  readonly store: Store
  readonly variants: Variants
  readonly clock: Clock
  readonly slices: SlicedBodyOptions
  /** A longer answer is kept in slices, or not at all. */
  readonly maxObjectBytes: number
  readonly contentTypeFor: ContentTypeFor
  /** Called once, when the fill leaves `requesting` without a growing Body, or its Body is complete or failed. */
  readonly onOver: (fill: Fill) => void
}

export interface FillOptions {
  /** What others find it under while it is under way. */
  readonly key: CacheKey
  /** The URL's own key, without what an answer may vary by. */
  readonly url: CacheKey
  readonly origin: Origin
  readonly objectKey: string
  readonly rules: CacheRules
  /** What to ask for of an object that is not known yet; all of it where absent. Begins and ends where slices do. */
  readonly opening: OriginRange | undefined
  readonly priority: OriginPriority
  /** The stale answer this fill is to revalidate, if there is one. */
  readonly stored: StoredResponse | undefined
  /** Of the request that is sent on. */
  readonly fields: RequestFields
  readonly askedWith: AskedWith
  /** The origin sees who asks: an answer that cannot be kept is for nobody else. */
  readonly isPersonal: boolean
}

export type FillState =
  | { readonly kind: 'requesting' }
  | { readonly kind: 'filling'; readonly response: StoredResponse; readonly isStored: boolean }
  | { readonly kind: 'complete' }
  | { readonly kind: 'notModified' }
  | { readonly kind: 'uncacheable'; readonly reason: UncacheableReason; readonly length: number | undefined }
  | { readonly kind: 'failed'; readonly error: OriginError }

export class Fill {
  readonly #options: FillOptions
  readonly #parts: FillParts
  readonly #waiters = new Waiters()
  readonly #abort = new AbortController()
  #state: FillState = { kind: 'requesting' }
  #isDisowned = false

  constructor(options: FillOptions, parts: FillParts) {
    this.#options = options
    this.#parts = parts
  }

  get key(): CacheKey {
    return this.#options.key
  }

  get url(): CacheKey {
    return this.#options.url
  }

  get state(): FillState {
    return this.#state
  }

  get origin(): Origin {
    return this.#options.origin
  }

  get objectKey(): string {
    return this.#options.objectKey
  }

  /** Does the whole work; resolves when the fill is over, and never rejects. Called once. */
  async run(): Promise<void> {
    let body: OriginBody | undefined
    try {
      const { clock, slices, maxObjectBytes } = this.#parts
      let range = this.#options.opening
      let validators = this.#options.stored && validatorsOf(this.#options.stored)
      for (;;) {
        const requestTimeMs = clock.now()
        const response = await this.#ask(range, validators)
        body = response.body
        const opened = openAnswer(response, range, slices.sliceBytes, maxObjectBytes)
        if (opened.kind === 'ask again') {
          body?.destroy()
          range = opened.range
          continue
        }
        const { setCookies } = response
        const received = { ...opened, ...(setCookies && { setCookies }), requestTimeMs, responseTimeMs: clock.now() }
        if (received.status === 304 && validators !== undefined && this.#isOfAnother(received)) {
          body?.destroy()
          validators = undefined
          continue
        }
        if (opened.part === undefined || body === undefined) await this.#receive(body, received)
        else this.#receivePart(body, received, opened.part)
        return
      }
    } catch (error) {
      body?.destroy()
      this.#fail(asOriginError(error))
    }
  }

  #ask(range: OriginRange | undefined, validators: ReturnType<typeof validatorsOf>): Promise<OriginResponse> {
    const { origin, objectKey, priority } = this.#options
    return origin.fetch({
      key: objectKey,
      priority,
      signal: this.#abort.signal,
      ...(range && { range }),
      ...(validators && { validators }),
      onInformational: (status: number, fields: FieldPairs) => this.#waiters.inform(status, fields),
    })
  }

  /** Waits for the headers. See {@link Waiters.join}. */
  join(waiter: Omit<Waiter, 'settle'>, signal: AbortSignal): Promise<FillOutcome> {
    return this.#waiters.join(waiter, signal)
  }

  /** Ends the fill as `failed`; its readers' answers end as broken. */
  abort(): void {
    this.#abort.abort()
  }

  /** What it brings is not to be stored any more: its URL has been invalidated since it was begun. */
  disown(): void {
    this.#isDisowned = true
  }

  async #receive(source: OriginBody | undefined, received: Received): Promise<void> {
    const { url, origin, objectKey, priority, rules, fields, askedWith } = this.#options
    if (received.status === 304) {
      source?.destroy()
      this.#revalidate(received)
      return
    }
    const variant = variantOf(received.headers['vary'], fields)
    const decision: Decision =
      variant === undefined ? { kind: 'uncacheable', reason: 'vary' } : decide(received, rules, askedWith)
    if (source === undefined && received.status !== 204) {
      this.#keep(negativeAnswer(received, decision), decision)
      return
    }
    const { store, maxObjectBytes, slices } = this.#parts
    // Before there is room to give back.
    const contentType = this.#contentType(received)
    const admission = admit(url, received, source, decision, { store, maxObjectBytes, sliceBytes: slices.sliceBytes })
    if (admission.kind === 'empty') {
      this.#keep(answer(received, { contentType, body: admission.body, variant, decision }), decision)
      return
    }
    if (source === undefined) throw new OriginError('broken', `a ${received.status} without a body`)
    if (admission.kind === 'sliced') {
      const part = { start: 0, end: admission.length, total: admission.length }
      this.#slice(received, source, { ...admission, variant }, part)
      return
    }
    const body = resumable(received, source, { origin, objectKey, priority, signal: this.#abort.signal })
    if (admission.kind === 'uncacheable') this.#handOut(received, body, admission.reason)
    else {
      const response = answer(received, { contentType, body: admission.body, variant, decision })
      await this.#fill(body, response, admission.body, admission.reservation, decision.kind === 'store')
    }
  }

  #contentType({ headers }: Received): string | undefined {
    return this.#parts.contentTypeFor(this.objectKey, headers['content-type'])
  }

  /** The first slices of an object that is longer than they are. */
  #receivePart(source: OriginBody, received: Received, part: PartRange): void {
    const { url, rules, fields, askedWith } = this.#options
    const { store, maxObjectBytes, slices } = this.#parts
    const decision = decide(received, rules, askedWith)
    const etag = strongEtag(received.headers)
    const variant = variantOf(received.headers['vary'], fields)
    const hasRoom = hasRoomForSlice(url, { store, maxObjectBytes, sliceBytes: slices.sliceBytes })
    if (decision.kind === 'store' && etag !== undefined && variant !== undefined && hasRoom) {
      this.#slice(received, source, { etag, variant, freshness: decision.freshness }, part)
      return
    }
    // Nobody has asked for exactly this part: each fetches what it wants.
    source.destroy()
    const hindrance = variant === undefined ? 'vary' : etag === undefined ? 'too-large' : 'no-room'
    const reason = decision.kind === 'store' ? hindrance : decision.reason
    this.#forget(received.status)
    this.#over({ kind: 'uncacheable', reason, length: part.total })
    this.#waiters.settleAll({ kind: 'uncacheable', reason, response: undefined })
  }

  /** From here on the object goes its own way, slice by slice; these bytes are its first run. */
  #slice(
    received: Received,
    source: OriginBody,
    {
      etag,
      freshness,
      variant,
    }: { readonly etag: string; readonly freshness: Freshness; readonly variant?: Variant | undefined },
    { start, end, total }: PartRange,
  ): void {
    const { origin, objectKey, priority } = this.#options
    const { store, slices } = this.#parts
    const key = this.#storeKey(variant)
    const known = store.peek(key)?.body
    const isKnown = known instanceof SlicedBody && known.isVersion(etag, total) && !this.#isDisowned
    const body = isKnown ? known : new SlicedBody({ key, origin, objectKey, etag, length: total }, slices)
    const contentType = this.#contentType(received)
    const response = answer(received, { contentType, body, variant, decision: { kind: 'store', freshness } })
    const room = this.#isDisowned ? undefined : store.reserve(memoryCost(key, response.headerPairs, 0))
    if (room === undefined) store.delete(key)
    else store.put(key, response, room)
    if (this.#isDisowned) body.retire()
    this.#over({ kind: 'complete' })
    this.#waiters.settleAll({ kind: 'response', response, isStored: room !== undefined })
    body.begin(source, start, end, priority)
  }

  async #fill(
    source: OriginBody,
    response: StoredResponse,
    body: BufferedBody,
    reservation: Reservation,
    isToStore: boolean,
  ): Promise<void> {
    const { store } = this.#parts
    if (!isToStore) this.#forget(response.status)
    this.#state = { kind: 'filling', response, isStored: isToStore }
    this.#waiters.settleAll({ kind: 'response', response, isStored: isToStore })
    try {
      for await (const chunk of source) body.append(chunk)
      body.complete()
    } catch (error) {
      source.destroy()
      reservation.release()
      const failure = asOriginError(error)
      this.#over({ kind: 'failed', error: failure })
      body.fail(failure)
      store.countHeld(body, reservation.bytes)
      return
    }
    if (isToStore && !this.#isDisowned) store.put(this.#storeKey(response.variant), response, reservation)
    else {
      reservation.release()
      store.countHeld(body, reservation.bytes)
    }
    this.#over({ kind: 'complete' })
  }

  #revalidate(received: Received): void {
    const { stored, rules, askedWith } = this.#options
    const { store } = this.#parts
    if (stored === undefined) throw new OriginError('broken', 'a 304 to a request without conditions')
    const { response, isStorable } = revalidated(stored, received, (merged) => decide(merged, rules, askedWith))
    const key = this.#storeKey(stored.variant)
    // What may no longer be kept still answers those who wait for it now.
    if (!isStorable) this.#forget(response.status)
    else if (!this.#isDisowned && !store.replace(key, stored, response)) {
      const bodyBytes = stored.body.kind === 'sliced' ? 0 : (stored.body.length ?? 0)
      const room = store.reserve(memoryCost(key, response.headerPairs, bodyBytes))
      if (room !== undefined) store.put(key, response, room)
    }
    this.#over({ kind: 'notModified' })
    this.#waiters.settleAll({ kind: 'notModified', response })
  }

  /** Whether a 304 is about other bytes than the stored ones (RFC 9111 §4.3.4). */
  #isOfAnother({ headers }: Received): boolean {
    const etag = strongEtag(headers)
    return etag !== undefined && etag !== this.#options.stored?.etag
  }

  /** An answer that is all here. */
  #keep(response: StoredResponse, decision: Decision): void {
    const { store } = this.#parts
    this.#forget(response.status)
    if (decision.kind === 'store' && !this.#isDisowned) {
      const key = this.#storeKey(response.variant)
      const room = store.reserve(memoryCost(key, response.headerPairs, response.body.length ?? 0))
      if (room !== undefined) store.put(key, response, room)
    }
    this.#over({ kind: 'complete' })
    this.#waiters.settleAll({ kind: 'response', response, isStored: decision.kind === 'store' })
  }

  /** Gives the one stream to the first waiter that may have it and wants all of it; else its connection is let go. */
  #handOut(received: Received, source: OriginBody, reason: UncacheableReason): void {
    const length = contentLength(received.headers)
    const response = passedAnswer(received, this.#contentType(received), new StreamedBody(source, length))
    this.#forget(received.status)
    // The length of a part says nothing about the object's.
    this.#over({ kind: 'uncacheable', reason, length: received.status === 200 ? length : undefined })
    const taker = this.#waiters.takeOne(this.#options.isPersonal)
    if (taker === undefined) source.destroy()
    taker?.settle({ kind: 'uncacheable', reason, response })
    this.#waiters.settleAll({ kind: 'uncacheable', reason, response: undefined })
  }

  #storeKey(variant: Variant | undefined): CacheKey {
    const { url } = this.#options
    const { store, variants } = this.#parts
    if (variant === undefined) return url
    if (variant.names.length === 0 && !variants.has(url)) return url
    const { key, dropped } = variants.learn(url, variant)
    for (const one of dropped) store.delete(one)
    return key
  }

  /** An answer that is none to keep stands in the place of the older one; a failure says nothing about it. */
  #forget(status: number): void {
    if (this.#isDisowned || status >= 500) return
    const { stored, url } = this.#options
    const { store, variants } = this.#parts
    store.delete(stored === undefined || stored.variant.names.length === 0 ? url : variants.keyOf(url, stored.variant))
  }

  #fail(error: OriginError): void {
    this.#over({ kind: 'failed', error })
    this.#waiters.settleAll({ kind: 'failed', error })
  }

  #over(state: FillState): void {
    this.#state = state
    this.#parts.onOver(this)
  }
}
