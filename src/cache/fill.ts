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
import { asOriginError, type OriginError } from '../errors.ts'
import type { FieldPairs, Origin, OriginBody } from '../origin/origin.ts'
import type { ContentTypeFor, Given } from './answers.ts'
import { answer, completed } from './answers.ts'
import { type BringRequest, type Brought, bring } from './bring.ts'
import type { BufferedBody } from './buffered-body.ts'
import type { Encoder } from './encoder.ts'
import { growFrom } from './grow.ts'
import type { GrowingBody } from './growing-body.ts'
import type { CacheKey } from './key.ts'
import type { UncacheableReason } from './policy.ts'
import { decide } from './policy.ts'
import { type Reception, type ReceptionRequest, receive, type Sliced } from './reception.ts'
import { Shelf, type ShelfOptions } from './shelf.ts'
import type { SlicedBodyOptions } from './sliced-body.ts'
import { SlicedBody } from './sliced-body.ts'
import type { Reservation, Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'
import { watchUnread } from './unread.ts'
import type { Variants } from './variants.ts'
import type { FillOutcome, Waiter } from './waiters.ts'
import { Waiters } from './waiters.ts'

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

export interface FillOptions extends BringRequest, ReceptionRequest, ShelfOptions {
  /** What others find it under while it is under way. */
  readonly key: CacheKey
  /** The origin without anything of the request that is sent on: for what others are going to need later. */
  readonly sharedOrigin: Origin
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
      await this.#receive(brought)
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

  async #receive(brought: Brought): Promise<void> {
    const { body } = brought
    const onPassing = (reason: UncacheableReason) => this.#over({ kind: 'uncacheable', reason, length: undefined })
    const parts = { ...this.#parts, signal: this.#abort.signal, onPassing }
    const reception = receive(brought, this.#options, parts)
    switch (reception.kind) {
      case 'notModified':
        body?.destroy()
        this.#revalidate(reception)
        return
      case 'whole':
        this.#keep(reception)
        return
      case 'arriving':
        await this.#take(reception)
        return
      case 'sliced':
        this.#slice(reception)
        return
      case 'passed':
        this.#handOut(reception)
        return
      case 'refused':
        body?.destroy()
        this.#refuse(reception)
        return
      default:
        reception satisfies never
    }
  }

  #revalidate({ response, decision }: Extract<Reception, { kind: 'notModified' }>): void {
    const { stored, isPersonal } = this.#options
    if (decision.kind !== 'store' || stored === undefined) this.#shelf.forget(response.status)
    else this.#shelf.refresh(stored, response)
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
  #keep({ response, isStorable }: Extract<Reception, { kind: 'whole' }>): void {
    this.#shelf.forget(response.status)
    const isStored = isStorable && this.#shelf.keepIfRoom(response, response.body.length ?? 0)
    this.#over({ kind: 'complete' })
    this.#waiters.settleAll({ kind: 'response', response, isStored })
  }

  /** Those who wait get it now, and its bytes as they come. */
  async #take({ given, isStorable, source, admission }: Extract<Reception, { kind: 'arriving' }>): Promise<void> {
    const { response } = given
    if (!isStorable) this.#shelf.forget(response.status)
    this.#state = { kind: 'filling', response, isStored: isStorable }
    this.#waiters.settleAll({ kind: 'response', response, isStored: isStorable })
    const unread = watchUnread(admission.body, this.#parts.clock, () => this.abort())
    const kept = isStorable ? given : undefined
    if (admission.kind === 'growing') await this.#grow(source, admission.body, kept)
    else await this.#fill(source, admission.body, admission.reservation, kept)
    unread.cancel()
  }

  async #fill(
    source: OriginBody,
    body: BufferedBody,
    reservation: Reservation,
    kept: Given | undefined,
  ): Promise<void> {
    try {
      await source.readInto((chunk) => body.append(chunk))
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

  async #grow(source: OriginBody, body: GrowingBody, kept: Given | undefined): Promise<void> {
    try {
      const grown = await growFrom(source, body, this.#abort.signal)
      // What was passed on was over for the cache when it turned out to be.
      if (grown.kind === 'complete') this.#end(grown.body, grown.reservation, kept)
    } catch (error) {
      if (this.#state.kind === 'filling') this.#over({ kind: 'failed', error: asOriginError(error) })
    }
  }

  #end(body: BufferedBody, reservation: Reservation, kept: Given | undefined): void {
    const { rules, askedWith } = this.#options
    if (kept === undefined) this.#shelf.letGo(body, reservation)
    else {
      const decision = decide(kept.received, rules, askedWith, body.bytes)
      this.#shelf.keep(completed(kept, body, decision), body, reservation)
    }
    this.#over({ kind: 'complete' })
  }

  /** From here on the object goes its own way, slice by slice; these bytes are its first run. */
  #slice({ source, received, contentType, etag, freshness, variant, part }: Sliced): void {
    const { origin, sharedOrigin, objectKey, priority } = this.#options
    const { store, slices } = this.#parts
    const { start, end, total } = part
    const key = this.#shelf.keyFor(variant)
    const known = store.peek(key)?.body
    const isKnown = known instanceof SlicedBody && known.isVersion(etag, total) && !this.#shelf.isDisowned
    const body = isKnown
      ? known
      : new SlicedBody({ key, origin: sharedOrigin, objectKey, etag, length: total }, slices, start)
    const response = answer(received, { contentType, body, variant, decision: { kind: 'store', freshness } })
    const isStored = this.#shelf.keepIfRoom(response, 0)
    if (this.#shelf.isDisowned) body.retire()
    this.#over({ kind: 'complete' })
    this.#waiters.settleAll({ kind: 'response', response, isStored })
    body.begin(source, start, end, priority, origin)
  }

  /** Gives the one stream to the first waiter that may have it and wants all of it; else its connection is let go. */
  #handOut({ source, response, reason, length }: Extract<Reception, { kind: 'passed' }>): void {
    this.#shelf.forget(response.status)
    this.#over({ kind: 'uncacheable', reason, length })
    const taker = this.#waiters.takeOne(this.#options.isPersonal)
    if (taker === undefined) source.destroy()
    taker?.settle({ kind: 'uncacheable', reason, response })
    this.#waiters.settleAll({ kind: 'uncacheable', reason, response: undefined })
  }

  #refuse({ status, reason, length }: Extract<Reception, { kind: 'refused' }>): void {
    this.#shelf.forget(status)
    this.#over({ kind: 'uncacheable', reason, length })
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
