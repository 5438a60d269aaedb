/**
 * Fill: one fetch from an origin that grows one Body. It belongs to the cache, never to a client.
 *
 * | state         | what waiters and readers may rely on                                                        |
 * |---------------|---------------------------------------------------------------------------------------------|
 * | `requesting`  | nothing is known yet; waiters wait for the headers, and leaving costs the others nothing     |
 * | `filling`     | `response` is there and will not change; its Body grows; joining gives it at once            |
 * | `complete`    | the Body is whole, its length was checked, the Store has it; or it is sliced and goes on alone |
 * | `notModified` | the Store's answer was revalidated; every waiter got its refreshed self                      |
 * | `uncacheable` | the answer went to the first waiter that could use it, or its Body turned out to be too long to keep |
 * |               | and passes on; who comes now has to ask for itself                                          |
 * | `failed`      | every waiter got the error; a Body that was growing has failed, and nothing was stored       |
 *
 * `requesting → filling → complete | uncacheable | failed`, or `requesting → notModified | uncacheable | failed`.
 * In each of the last four the fill is over: its reservation is used or released and its origin connection is free
 * (or, if uncacheable, belongs to the answer that was handed out). A fill that was disowned, because what it brings is
 * out of date before it is here, goes the same way for those who wait for it, and stores nothing. One whose readers
 * have all left goes on for the next one, but not for ever: see unread.ts.
 */

import type { Clock } from '../clock.ts'
import { asOriginError, OriginError } from '../errors.ts'
import { contentLength } from '../http/content-length.ts'
import type { PartRange } from '../http/content-range.ts'
import type { FieldPairs, Origin, OriginBody } from '../origin/origin.ts'
import { admit, hasRoomForSlice } from './admission.ts'
import { answer, negativeAnswer, passedAnswer, revalidated } from './answers.ts'
import { bring, type FillOptions } from './bring.ts'
import type { BufferedBody } from './buffered-body.ts'
import type { Encoder } from './encoder.ts'
import { growFrom } from './grow.ts'
import type { GrowingBody } from './growing-body.ts'
import type { CacheKey } from './key.ts'
import type { Decision, Freshness, Received, UncacheableReason } from './policy.ts'
import { decide } from './policy.ts'
import { encodingsFor, wantedCodings } from './representation.ts'
import { resumable, strongEtag } from './resume.ts'
import { Shelf } from './shelf.ts'
import type { SlicedBodyOptions } from './sliced-body.ts'
import { SlicedBody } from './sliced-body.ts'
import type { Reservation, Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'
import { NO_BYTES, StreamedBody } from './streamed-body.ts'
import { watchUnread } from './unread.ts'
import type { Variant, Variants } from './variants.ts'
import { NO_VARIANT, variantOf } from './variants.ts'
import type { FillOutcome, Waiter } from './waiters.ts'
import { Waiters } from './waiters.ts'

/** The media type to send for an object, given what its store says. */
export type ContentTypeFor = (objectKey: string, storedType: string | undefined) => string | undefined

/** What those who make fills have for all of them. */
export interface FillParts {
  readonly store: Store
  readonly variants: Variants
  readonly encoder: Encoder
  readonly clock: Clock
  readonly slices: SlicedBodyOptions
  /** A longer answer is kept in slices, or not at all. */
  readonly maxObjectBytes: number
  readonly contentTypeFor: ContentTypeFor
  /** Called once, when the fill leaves `requesting` without a growing Body, or its Body is complete or failed. */
  readonly onOver: (fill: Fill) => void
}

/** What the stored answer is made from, beside its bytes. */
interface Kept {
  /** As it was given to those who did not wait for all of it. */
  readonly response: StoredResponse
  readonly received: Received
  readonly contentType: string | undefined
  readonly variant: Variant
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
  readonly #shelf: Shelf

  constructor(options: FillOptions, parts: FillParts) {
    this.#options = options
    this.#parts = parts
    this.#shelf = new Shelf(options, parts)
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
      const onInformational = (status: number, fields: FieldPairs) => this.#waiters.inform(status, fields)
      const brought = await bring(this.#options, { ...this.#parts, signal: this.#abort.signal, onInformational })
      body = brought.body
      const { received, part } = brought
      if (part === undefined || body === undefined) await this.#receive(body, received)
      else this.#receivePart(body, received, part)
    } catch (error) {
      body?.destroy()
      this.#fail(asOriginError(error))
    }
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
    this.#shelf.disown()
  }

  async #receive(source: OriginBody | undefined, received: Received): Promise<void> {
    const { url, origin, objectKey, priority, rules, fields, askedWith } = this.#options
    if (received.status === 304) {
      source?.destroy()
      this.#revalidate(received)
      return
    }
    const selected = variantOf(received.headers['vary'], fields)
    const variant = selected ?? NO_VARIANT
    const decision: Decision =
      selected === undefined ? { kind: 'uncacheable', reason: 'vary' } : decide(received, rules, askedWith)
    if (source === undefined && received.status !== 204) {
      this.#keep(negativeAnswer(received, decision), decision)
      return
    }
    const { store, maxObjectBytes, slices } = this.#parts
    // Before there is room to give back.
    const contentType = this.#contentType(received)
    const { sliceBytes } = slices
    const onPassing = (reason: UncacheableReason) => this.#over({ kind: 'uncacheable', reason, length: undefined })
    const admission = admit(url, received, source, decision, { store, maxObjectBytes, sliceBytes, onPassing })
    if (admission.kind === 'empty') {
      this.#keep(answer(received, { contentType, body: admission.body, variant, decision }), decision)
      return
    }
    if (source === undefined) {
      this.#handOut(received, NO_BYTES, admission.kind === 'uncacheable' ? admission.reason : 'status')
      return
    }
    if (admission.kind === 'sliced') {
      const part = { start: 0, end: admission.length, total: admission.length }
      this.#slice(received, source, { ...admission, variant }, part)
      return
    }
    const body = resumable(received, source, { origin, objectKey, priority, signal: this.#abort.signal })
    if (admission.kind === 'uncacheable') {
      this.#handOut(received, body, admission.reason)
      return
    }
    const encodings = encodingsFor(received, contentType, rules, wantedCodings(variant, fields))
    const response = answer(received, { contentType, body: admission.body, variant, decision, encodings })
    this.#begin(response, decision)
    const unread = watchUnread(admission.body, this.#parts.clock, () => this.abort())
    const kept: Kept | undefined = decision.kind === 'store' ? { response, received, contentType, variant } : undefined
    if (admission.kind === 'growing') await this.#grow(body, admission.body, kept)
    else await this.#fill(body, admission.body, admission.reservation, kept)
    unread.cancel()
  }

  #contentType({ headers }: Received): string | undefined {
    return this.#parts.contentTypeFor(this.objectKey, headers['content-type'])
  }

  /** The first slices of an object that is longer than they are. */
  #receivePart(source: OriginBody, received: Received, part: PartRange): void {
    const { url, rules, fields, askedWith } = this.#options
    const { store, slices } = this.#parts
    const decision = decide(received, rules, askedWith)
    const etag = strongEtag(received.headers)
    const variant = variantOf(received.headers['vary'], fields)
    const hasRoom = hasRoomForSlice(url, { store, sliceBytes: slices.sliceBytes })
    if (decision.kind === 'store' && etag !== undefined && variant !== undefined && hasRoom) {
      this.#slice(received, source, { etag, variant, freshness: decision.freshness }, part)
      return
    }
    // Nobody has asked for exactly this part: each fetches what it wants.
    source.destroy()
    const hindrance = variant === undefined ? 'vary' : etag === undefined ? 'too-large' : 'no-room'
    const reason = decision.kind === 'store' ? hindrance : decision.reason
    this.#shelf.forget(received.status)
    this.#over({ kind: 'uncacheable', reason, length: part.total })
    this.#waiters.settleAll({ kind: 'uncacheable', reason, response: undefined })
  }

  /** From here on the object goes its own way, slice by slice; these bytes are its first run. */
  #slice(
    received: Received,
    source: OriginBody,
    { etag, freshness, variant }: { readonly etag: string; readonly freshness: Freshness; readonly variant: Variant },
    { start, end, total }: PartRange,
  ): void {
    const { origin, sharedOrigin, objectKey, priority } = this.#options
    const { store, slices } = this.#parts
    const key = this.#shelf.keyFor(variant)
    const known = store.peek(key)?.body
    const isKnown = known instanceof SlicedBody && known.isVersion(etag, total) && !this.#shelf.isDisowned
    const body = isKnown
      ? known
      : new SlicedBody({ key, origin: sharedOrigin, objectKey, etag, length: total }, slices, start)
    const contentType = this.#contentType(received)
    const response = answer(received, { contentType, body, variant, decision: { kind: 'store', freshness } })
    const isStored = this.#shelf.keepIfRoom(response, 0)
    if (this.#shelf.isDisowned) body.retire()
    this.#over({ kind: 'complete' })
    this.#waiters.settleAll({ kind: 'response', response, isStored })
    body.begin(source, start, end, priority, origin)
  }

  #begin(response: StoredResponse, { kind }: Decision): void {
    const isStored = kind === 'store'
    if (!isStored) this.#shelf.forget(response.status)
    this.#state = { kind: 'filling', response, isStored }
    this.#waiters.settleAll({ kind: 'response', response, isStored })
  }

  async #fill(source: OriginBody, body: BufferedBody, reservation: Reservation, kept: Kept | undefined): Promise<void> {
    try {
      for await (const chunk of source) body.append(chunk)
      body.complete()
    } catch (error) {
      source.destroy()
      const failure = asOriginError(error)
      this.#over({ kind: 'failed', error: failure })
      body.fail(failure)
      this.#shelf.letGo(body, reservation)
      return
    }
    this.#end(body, reservation, kept)
  }

  async #grow(source: OriginBody, body: GrowingBody, kept: Kept | undefined): Promise<void> {
    try {
      const grown = await growFrom(source, body, this.#abort.signal)
      // What was passed on was over for the cache when it turned out to be.
      if (grown.kind === 'complete') this.#end(grown.body, grown.reservation, kept)
    } catch (error) {
      if (this.#state.kind === 'filling') this.#over({ kind: 'failed', error: asOriginError(error) })
    }
  }

  /** Its bytes may tell more about its freshness than its fields did. */
  #end(body: BufferedBody, reservation: Reservation, kept: Kept | undefined): void {
    const { rules, askedWith } = this.#options
    if (kept === undefined) this.#shelf.letGo(body, reservation)
    else {
      const { response, received, ...made } = kept
      const decision = decide(received, rules, askedWith, body.bytes)
      const isAsBefore = decision.kind !== 'store' || decision.freshness.staleAtMs === response.staleAtMs
      const asGiven = response.body === body ? response : { ...response, body }
      const { encodings } = response
      const whole = isAsBefore ? asGiven : answer(received, { ...made, encodings, body, decision })
      this.#shelf.keep(whole, body, reservation)
    }
    this.#over({ kind: 'complete' })
  }

  #revalidate(received: Received): void {
    const { stored, rules, askedWith, isPersonal } = this.#options
    if (stored === undefined) throw new OriginError('broken', 'a 304 to a request without conditions')
    const { response, decision } = revalidated(stored, received, (merged) =>
      decide(merged, rules, askedWith, stored.body.bytes),
    )
    if (decision.kind === 'store') this.#shelf.refresh(stored, response)
    else this.#shelf.forget(response.status)
    if (decision.kind === 'uncacheable' && isPersonal) {
      // The bytes were everybody's; what the 304 says beside them is for the one who asked.
      const { reason } = decision
      this.#over({ kind: 'uncacheable', reason, length: undefined })
      this.#waiters.takeOne(true)?.settle({ kind: 'notModified', response })
      this.#waiters.settleAll({ kind: 'uncacheable', reason, response: undefined })
      return
    }
    // What may no longer be kept still answers those who wait for it now.
    this.#over({ kind: 'notModified' })
    this.#waiters.settleAll({ kind: 'notModified', response })
  }

  /** An answer that is all here. */
  #keep(response: StoredResponse, decision: Decision): void {
    this.#shelf.forget(response.status)
    const isStored = decision.kind === 'store' && this.#shelf.keepIfRoom(response, response.body.length ?? 0)
    this.#over({ kind: 'complete' })
    this.#waiters.settleAll({ kind: 'response', response, isStored })
  }

  /** Gives the one stream to the first waiter that may have it and wants all of it; else its connection is let go. */
  #handOut(received: Received, source: OriginBody, reason: UncacheableReason): void {
    const length = contentLength(received.headers)
    const contentType = this.#contentType(received)
    const encodings = encodingsFor(received, contentType, this.#options.rules)
    const response = passedAnswer(received, contentType, new StreamedBody(source, length), encodings)
    this.#shelf.forget(received.status)
    // The length of a part says nothing about the object's.
    this.#over({ kind: 'uncacheable', reason, length: received.status === 200 ? length : undefined })
    const taker = this.#waiters.takeOne(this.#options.isPersonal)
    if (taker === undefined) source.destroy()
    taker?.settle({ kind: 'uncacheable', reason, response })
    this.#waiters.settleAll({ kind: 'uncacheable', reason, response: undefined })
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
