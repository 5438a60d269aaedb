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
 * (or, if uncacheable, belongs to the answer that was handed out).
 */

import type { Clock } from '../clock.ts'
import { asOriginError, OriginError } from '../errors.ts'
import { contentLength } from '../http/content-length.ts'
import type { PartRange } from '../http/content-range.ts'
import type { Origin, OriginBody, OriginPriority, OriginRange, OriginResponse } from '../origin/origin.ts'
import { negativeAnswer, passedAnswer, stale, validatorsOf } from './answers.ts'
import { allocateBody, type BufferedBody } from './buffered-body.ts'
import type { CacheKey } from './key.ts'
import { openAnswer } from './opening.ts'
import type { CacheRules, Decision, Freshness, Received, UncacheableReason } from './policy.ts'
import { decide } from './policy.ts'
import { resumable, strongEtag } from './resume.ts'
import type { SlicedBodyOptions } from './sliced-body.ts'
import { SlicedBody } from './sliced-body.ts'
import type { Reservation, Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'
import { makeStoredResponse, memoryCost, mergeNotModified, refreshStoredResponse } from './stored-response.ts'
import { StreamedBody } from './streamed-body.ts'

/** The media type to send for an object, given what its store says. */
export type ContentTypeFor = (objectKey: string, storedType: string | undefined) => string | undefined

export interface FillOptions {
  readonly key: CacheKey
  readonly origin: Origin
  readonly objectKey: string
  readonly rules: CacheRules
  /** A longer answer is kept in slices, or not at all. */
  readonly maxObjectBytes: number
  /** What to ask for of an object that is not known yet; all of it where absent. Begins and ends where slices do. */
  readonly opening: OriginRange | undefined
  readonly priority: OriginPriority
  readonly slices: SlicedBodyOptions
  readonly contentTypeFor: ContentTypeFor
  /** The stale answer this fill is to revalidate, if there is one. */
  readonly stored: StoredResponse | undefined
  readonly store: Store
  readonly clock: Clock
  /** Called once, when the fill leaves `requesting` without a growing Body, or its Body is complete or failed. */
  readonly onOver: (fill: Fill) => void
}

/** What one waiter gets. */
export type FillOutcome =
  | { readonly kind: 'response'; readonly response: StoredResponse }
  | { readonly kind: 'notModified'; readonly response: StoredResponse }
  | { readonly kind: 'uncacheable'; readonly reason: UncacheableReason; readonly response: StoredResponse | undefined }
  | { readonly kind: 'failed'; readonly error: OriginError }

export type FillState =
  | { readonly kind: 'requesting' }
  | { readonly kind: 'filling'; readonly response: StoredResponse }
  | { readonly kind: 'complete' }
  | { readonly kind: 'notModified' }
  | { readonly kind: 'uncacheable'; readonly reason: UncacheableReason; readonly length: number | undefined }
  | { readonly kind: 'failed'; readonly error: OriginError }

interface Waiter {
  readonly wantsWhole: boolean
  settle(outcome: FillOutcome): void
}

export class Fill {
  readonly key: CacheKey
  readonly #options: FillOptions
  readonly #waiters = new Set<Waiter>()
  readonly #abort = new AbortController()
  #state: FillState = { kind: 'requesting' }

  constructor(options: FillOptions) {
    this.key = options.key
    this.#options = options
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
      const { clock, slices } = this.#options
      let range = this.#options.opening
      for (;;) {
        const requestTimeMs = clock.now()
        const response = await this.#ask(range)
        body = response.body
        const opened = openAnswer(response, range, slices.sliceBytes, this.#options.maxObjectBytes)
        if (opened.kind === 'ask again') {
          body?.destroy()
          range = opened.range
          continue
        }
        const received = { ...opened, requestTimeMs, responseTimeMs: clock.now() }
        if (opened.part === undefined || body === undefined) await this.#receive(body, received)
        else this.#receivePart(body, received, opened.part)
        return
      }
    } catch (error) {
      body?.destroy()
      this.#fail(asOriginError(error))
    }
  }

  #ask(range: OriginRange | undefined): Promise<OriginResponse> {
    const { origin, objectKey, stored, priority } = this.#options
    const validators = stored && validatorsOf(stored)
    const { signal } = this.#abort
    return origin.fetch({
      key: objectKey,
      priority,
      signal,
      ...(range && { range }),
      ...(validators && { validators }),
    })
  }

  /**
   * Waits for the headers.
   * @param wantsWhole false for a waiter that would ask the origin for less than the whole, if it had to ask itself
   * @throws {OriginError} `aborted` when the signal fires first; the fill goes on
   */
  join(wantsWhole: boolean, signal: AbortSignal): Promise<FillOutcome> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.delete(waiter)
        reject(new OriginError('aborted', 'the client left before the origin answered'))
      }
      const waiter: Waiter = {
        wantsWhole,
        settle: (outcome) => {
          signal.removeEventListener('abort', leave)
          resolve(outcome)
        },
      }
      if (signal.aborted) {
        leave()
        return
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiters.add(waiter)
    })
  }

  /** Ends the fill as `failed`; its readers' answers end as broken. */
  abort(): void {
    this.#abort.abort()
  }

  async #receive(source: OriginBody | undefined, received: Received): Promise<void> {
    const { rules, origin, objectKey, priority } = this.#options
    if (received.status === 304) {
      source?.destroy()
      this.#revalidate(received)
      return
    }
    const decision = decide(received, rules)
    if (source === undefined) {
      this.#receiveNegative(received, decision)
      return
    }
    const length = contentLength(received.headers)
    const admission = this.#admit(received, decision, length)
    if (admission.kind === 'sliced') {
      this.#slice(received, source, admission, { start: 0, end: admission.length, total: admission.length })
      return
    }
    const body = resumable(received, source, { origin, objectKey, priority, signal: this.#abort.signal })
    if (admission.kind === 'uncacheable') this.#handOut(received, body, admission.reason, length)
    else await this.#fill(body, admission.response, admission.body, admission.reservation)
  }

  /** The first slices of an object that is longer than they are. */
  #receivePart(source: OriginBody, received: Received, part: PartRange): void {
    const decision = decide(received, this.#options.rules)
    const etag = strongEtag(received.headers)
    if (decision.kind === 'store' && etag !== undefined && this.#hasRoomForSlice()) {
      this.#slice(received, source, { etag, freshness: decision.freshness }, part)
      return
    }
    // Nobody has asked for exactly this part: each fetches what it wants.
    source.destroy()
    const hindrance = etag === undefined ? 'too-large' : 'no-room'
    const reason = decision.kind === 'uncacheable' ? decision.reason : hindrance
    this.#options.store.delete(this.key)
    this.#over({ kind: 'uncacheable', reason, length: part.total })
    this.#settleAll({ kind: 'uncacheable', reason, response: undefined })
  }

  /** Where not even one fits, slices would only cost a request more. */
  #hasRoomForSlice(): boolean {
    const { store, slices } = this.#options
    return store.hasRoom(memoryCost(this.key, [], 0) + memoryCost(this.key, [], slices.sliceBytes))
  }

  /** From here on the object goes its own way, slice by slice; these bytes are its first run. */
  #slice(
    received: Received,
    source: OriginBody,
    { etag, freshness }: { readonly etag: string; readonly freshness: Freshness },
    { start, end, total }: PartRange,
  ): void {
    const { key, origin, objectKey, store, contentTypeFor, slices, priority } = this.#options
    const known = store.peek(key)?.body
    const isKnown = known instanceof SlicedBody && known.isVersion(etag, total)
    const body = isKnown ? known : new SlicedBody({ key, origin, objectKey, etag, length: total }, slices, start)
    const { headers, responseTimeMs } = received
    const contentType = contentTypeFor(objectKey, headers['content-type'])
    const response = makeStoredResponse({ status: 200, headers, contentType, body, responseTimeMs, freshness })
    const room = store.reserve(memoryCost(key, response.headerPairs, 0))
    if (room === undefined) store.delete(key)
    else store.put(key, response, room)
    this.#over({ kind: 'complete' })
    this.#settleAll({ kind: 'response', response })
    body.begin(source, start, end, priority)
  }

  /** Whether the bytes may and can be kept; if so, the answer and the room for it. */
  #admit(
    received: Received,
    decision: Decision,
    length: number | undefined,
  ):
    | { readonly kind: 'uncacheable'; readonly reason: UncacheableReason }
    | { readonly kind: 'sliced'; readonly etag: string; readonly length: number; readonly freshness: Freshness }
    | {
        readonly kind: 'store'
        readonly response: StoredResponse
        readonly body: BufferedBody
        readonly reservation: Reservation
      } {
    const { key, objectKey, store, maxObjectBytes, contentTypeFor } = this.#options
    if (decision.kind === 'uncacheable') return decision
    if (received.status !== 200) return { kind: 'uncacheable', reason: 'status' }
    if (length === undefined) return { kind: 'uncacheable', reason: 'no-length' }
    if (length > maxObjectBytes) {
      const etag = strongEtag(received.headers)
      if (etag === undefined) return { kind: 'uncacheable', reason: 'too-large' }
      if (!this.#hasRoomForSlice()) return { kind: 'uncacheable', reason: 'no-room' }
      return { kind: 'sliced', etag, length, freshness: decision.freshness }
    }
    const contentType = contentTypeFor(objectKey, received.headers['content-type'])
    const texts = Object.entries(received.headers).flat()
    const reservation = store.reserve(memoryCost(key, texts, length))
    if (reservation === undefined) return { kind: 'uncacheable', reason: 'no-room' }
    const body = allocateBody(length, reservation)
    const response = makeStoredResponse({
      status: received.status,
      headers: received.headers,
      contentType,
      body,
      responseTimeMs: received.responseTimeMs,
      freshness: decision.freshness,
    })
    return { kind: 'store', response, body, reservation }
  }

  async #fill(
    source: OriginBody,
    response: StoredResponse,
    body: BufferedBody,
    reservation: Reservation,
  ): Promise<void> {
    this.#state = { kind: 'filling', response }
    this.#settleAll({ kind: 'response', response })
    try {
      for await (const chunk of source) body.append(chunk)
      body.complete()
    } catch (error) {
      source.destroy()
      reservation.release()
      const failure = asOriginError(error)
      this.#over({ kind: 'failed', error: failure })
      body.fail(failure)
      this.#options.store.countHeld(body, reservation.bytes)
      return
    }
    this.#options.store.put(this.key, response, reservation)
    this.#over({ kind: 'complete' })
  }

  #revalidate(received: Received): void {
    const { key, stored, store, rules } = this.#options
    if (stored === undefined) throw new OriginError('broken', 'a 304 to a request without conditions')
    const headers = mergeNotModified(stored, received.headers)
    const decision = decide({ ...received, status: stored.status, headers }, rules)
    const freshness = decision.kind === 'store' ? decision.freshness : stale(received.responseTimeMs)
    const response = refreshStoredResponse(stored, headers, received.responseTimeMs, freshness)
    // What may no longer be kept still answers those who wait for it now.
    if (decision.kind === 'uncacheable') store.delete(key)
    else if (!store.replace(key, stored, response)) {
      const bodyBytes = stored.body.kind === 'buffered' ? (stored.body.length ?? 0) : 0
      const room = store.reserve(memoryCost(key, response.headerPairs, bodyBytes))
      if (room !== undefined) store.put(key, response, room)
    }
    this.#over({ kind: 'notModified' })
    this.#settleAll({ kind: 'notModified', response })
  }

  /** An answer without the object: 403, 404 and their like. */
  #receiveNegative(received: Received, decision: Decision): void {
    const { key, store } = this.#options
    const response = negativeAnswer(received, decision)
    store.delete(key)
    if (decision.kind === 'store') {
      const room = store.reserve(memoryCost(key, response.headerPairs, response.body.length ?? 0))
      if (room !== undefined) store.put(key, response, room)
    }
    this.#over({ kind: 'complete' })
    this.#settleAll({ kind: 'response', response })
  }

  /** Gives the one stream to the first waiter that wants all of it; nobody does: the connection is let go. */
  #handOut(received: Received, source: OriginBody, reason: UncacheableReason, length: number | undefined): void {
    const { objectKey, store, contentTypeFor } = this.#options
    const contentType = contentTypeFor(objectKey, received.headers['content-type'])
    const response = passedAnswer(received, contentType, new StreamedBody(source, length))
    store.delete(this.key)
    // The length of a part says nothing about the object's.
    this.#over({ kind: 'uncacheable', reason, length: received.status === 200 ? length : undefined })
    const taker = [...this.#waiters].find((waiter) => waiter.wantsWhole)
    if (taker === undefined) source.destroy()
    else this.#waiters.delete(taker)
    taker?.settle({ kind: 'uncacheable', reason, response })
    this.#settleAll({ kind: 'uncacheable', reason, response: undefined })
  }

  #fail(error: OriginError): void {
    this.#over({ kind: 'failed', error })
    this.#settleAll({ kind: 'failed', error })
  }

  #over(state: FillState): void {
    this.#state = state
    this.#options.onOver(this)
  }

  #settleAll(outcome: FillOutcome): void {
    for (const waiter of this.#waiters) waiter.settle(outcome)
    this.#waiters.clear()
  }
}
