/**
 * Fill: one fetch from an origin that grows one Body. It belongs to the cache, never to a client.
 *
 * | state         | what waiters and readers may rely on                                                        |
 * |---------------|---------------------------------------------------------------------------------------------|
 * | `requesting`  | nothing is known yet; waiters wait for the headers, and leaving costs the others nothing     |
 * | `filling`     | `response` is there and will not change; its Body grows; joining gives it at once            |
 * | `complete`    | the Body is whole, its length was checked, the Store has it                                  |
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
import type { Origin, OriginBody, OriginResponse, Validators } from '../origin/origin.ts'
import { BufferedBody } from './buffered-body.ts'
import type { CacheKey } from './key.ts'
import type { CacheRules, Decision, Freshness, Received, UncacheableReason } from './policy.ts'
import { decide } from './policy.ts'
import type { Reservation, Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'
import {
  makeNegativeResponse,
  makeStoredResponse,
  memoryCost,
  mergeNotModified,
  refreshStoredResponse,
} from './stored-response.ts'
import { StreamedBody } from './streamed-body.ts'

/** The media type to send for an object, given what its store says. */
export type ContentTypeFor = (objectKey: string, storedType: string | undefined) => string | undefined

export interface FillOptions {
  readonly key: CacheKey
  readonly origin: Origin
  readonly objectKey: string
  readonly rules: CacheRules
  /** A longer answer is not stored. */
  readonly maxObjectBytes: number
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

  /** Does the whole work; resolves when the fill is over, and never rejects. Called once. */
  async run(): Promise<void> {
    const { origin, objectKey, stored, clock } = this.#options
    const requestTimeMs = clock.now()
    let body: OriginBody | undefined
    try {
      const validators = stored && validatorsOf(stored)
      const response = await origin.fetch({
        key: objectKey,
        priority: 'segment',
        signal: this.#abort.signal,
        ...(validators && { validators }),
      })
      body = response.body
      await this.#receive(response, { ...response, requestTimeMs, responseTimeMs: clock.now() })
    } catch (error) {
      body?.destroy()
      this.#fail(asOriginError(error))
    }
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

  async #receive(response: OriginResponse, received: Received): Promise<void> {
    if (response.status === 304) {
      response.body?.destroy()
      this.#revalidate(received)
      return
    }
    const decision = decide(received, this.#options.rules)
    if (response.body === undefined) {
      this.#receiveNegative(received, decision)
      return
    }
    const length = contentLength(received.headers)
    const admission = this.#admit(received, decision, length)
    if (admission.kind === 'uncacheable') {
      this.#handOut(received, response.body, admission.reason, length)
      return
    }
    await this.#fill(response.body, admission.response, admission.body, admission.reservation)
  }

  /** Whether the bytes may and can be kept; if so, the answer and the room for it. */
  #admit(
    received: Received,
    decision: Decision,
    length: number | undefined,
  ):
    | { readonly kind: 'uncacheable'; readonly reason: UncacheableReason }
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
    if (length > maxObjectBytes) return { kind: 'uncacheable', reason: 'too-large' }
    const contentType = contentTypeFor(objectKey, received.headers['content-type'])
    const texts = Object.entries(received.headers).flat()
    const reservation = store.reserve(memoryCost(key, texts, length))
    if (reservation === undefined) return { kind: 'uncacheable', reason: 'no-room' }
    const body = new BufferedBody(length)
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
      const room = store.reserve(memoryCost(key, response.headerPairs, stored.body.length ?? 0))
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

/** An answer that goes to one client and is not kept. */
export function passedAnswer(received: Received, contentType: string | undefined, body: StreamedBody): StoredResponse {
  const { status, headers, responseTimeMs } = received
  return makeStoredResponse({ status, headers, contentType, body, responseTimeMs, freshness: stale(responseTimeMs) })
}

/**
 * An answer without the object: 403, 404 and their like.
 * @throws {OriginError} `broken` for a status that promises a body
 */
export function negativeAnswer({ status, responseTimeMs }: Received, decision: Decision): StoredResponse {
  if (status < 400) throw new OriginError('broken', `a ${status} without a body`)
  const freshness = decision.kind === 'store' ? decision.freshness : stale(responseTimeMs)
  return makeNegativeResponse(status, responseTimeMs, freshness)
}

function stale(responseTimeMs: number): Freshness {
  return { initialAgeSeconds: 0, staleAtMs: responseTimeMs }
}

/** A strict Content-Length (RFC 9110 §8.6); anything else counts as not stated. */
export function contentLength(headers: Readonly<Record<string, string>>): number | undefined {
  const value = headers['content-length']
  if (value === undefined || !/^\d{1,15}$/.test(value)) return undefined
  return Number(value)
}

/** RFC 9110 §13.1: the entity tag if there is one, else the date. A negative answer has nothing to compare. */
function validatorsOf(stored: StoredResponse): Validators | undefined {
  if (stored.status !== 200) return undefined
  if (stored.etag !== undefined) return { ifNoneMatch: stored.etag }
  if (stored.lastModified !== undefined) return { ifModifiedSince: stored.lastModified }
  return undefined
}
