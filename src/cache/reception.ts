/**
 * Reception: what an origin's answer becomes for those who wait for it, decided when its headers are here.
 *
 * Nobody is told anything here, and nothing is stored. The bodies and the room that come out are the caller's, to use or
 * to let go; of the origin's body nothing has been read.
 */

import { OriginError } from '../errors.ts'
import { contentLength } from '../http/content-length.ts'
import type { PartRange } from '../http/content-range.ts'
import type { Origin, OriginBody, OriginPriority } from '../origin/origin.ts'
import type { Admission } from './admission.ts'
import { admit, admitSlices } from './admission.ts'
import type { ContentTypeFor, Given } from './answers.ts'
import { answer, negativeAnswer, revalidated } from './answers.ts'
import type { Brought } from './bring.ts'
import type { CacheKey } from './key.ts'
import { streamed } from './passing.ts'
import type { AskedWith, CacheRules, Decision, Freshness, Received, UncacheableReason } from './policy.ts'
import { decide } from './policy.ts'
import { encodingsFor, wantedCodings } from './representation.ts'
import { resumable } from './resume.ts'
import type { SlicedBodyOptions } from './sliced-body.ts'
import type { Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'
import { NO_BYTES } from './streamed-body.ts'
import type { RequestFields, Variant } from './variants.ts'
import { NO_VARIANT, variantOf } from './variants.ts'

export interface ReceptionRequest {
  /** The URL's own key, without what an answer may vary by. */
  readonly url: CacheKey
  readonly origin: Origin
  readonly objectKey: string
  readonly rules: CacheRules
  readonly priority: OriginPriority
  /** What a 304 is about. */
  readonly stored: StoredResponse | undefined
  /** Of the request that is sent on. */
  readonly fields: RequestFields
  readonly askedWith: AskedWith
}

export interface ReceptionParts {
  readonly store: Store
  readonly slices: Pick<SlicedBodyOptions, 'sliceBytes'>
  /** A longer answer is kept in slices, or not at all. */
  readonly maxObjectBytes: number
  readonly contentTypeFor: ContentTypeFor
  /** Ends the body that comes out. */
  readonly signal: AbortSignal
  /** A body that could become too long has become that: nobody can join it any more. */
  readonly onPassing: (reason: UncacheableReason) => void
}

/**
 * - `notModified`: what is stored holds, at least for those who wait; `decision` is about keeping it
 * - `whole`: all of it is here, or there is nothing to wait for
 * - `arriving`: all who wait get it while its body takes in what `source` brings
 * - `sliced`: the object goes its own way, slice by slice; `source` brings this part of it
 * - `passed`: one of them gets it
 * - `refused`: none of them can use it
 */
export type Reception =
  | { readonly kind: 'notModified'; readonly response: StoredResponse; readonly decision: Decision }
  | { readonly kind: 'whole'; readonly response: StoredResponse; readonly isStorable: boolean }
  | {
      readonly kind: 'arriving'
      readonly given: Given
      readonly isStorable: boolean
      readonly source: OriginBody
      readonly admission: Extract<Admission, { kind: 'buffered' | 'growing' }>
    }
  | Sliced
  | (Uncacheable & { readonly kind: 'passed'; readonly source: OriginBody; readonly response: StoredResponse })
  | (Uncacheable & { readonly kind: 'refused'; readonly status: number })

export interface Sliced {
  readonly kind: 'sliced'
  readonly source: OriginBody
  readonly received: Received
  readonly contentType: string | undefined
  readonly etag: string
  readonly freshness: Freshness
  readonly variant: Variant
  readonly part: PartRange
}

interface Uncacheable {
  readonly reason: UncacheableReason
  /** Bytes of the whole object, where known. */
  readonly length: number | undefined
}

/** @throws {OriginError} `broken` for an answer that cannot be one */
export function receive(brought: Brought, request: ReceptionRequest, parts: ReceptionParts): Reception {
  const { received, part, body } = brought
  if (received.status === 304) return receiveNotModified(received, request)
  if (part === undefined || body === undefined) return receiveAll(received, body, request, parts)
  return receivePart(received, body, part, request, parts)
}

function receiveNotModified(received: Received, { stored, rules, askedWith }: ReceptionRequest): Reception {
  if (stored === undefined) throw new OriginError('broken', 'a 304 to a request without conditions')
  const { bytes } = stored.body
  return { kind: 'notModified', ...revalidated(stored, received, (merged) => decide(merged, rules, askedWith, bytes)) }
}

function receiveAll(
  received: Received,
  body: OriginBody | undefined,
  request: ReceptionRequest,
  parts: ReceptionParts,
): Reception {
  const { url, origin, objectKey, priority, rules, fields, askedWith } = request
  const { store, maxObjectBytes, slices, signal, onPassing } = parts
  const selected = variantOf(received.headers['vary'], fields)
  const variant = selected ?? NO_VARIANT
  const decision: Decision =
    selected === undefined ? { kind: 'uncacheable', reason: 'vary' } : decide(received, rules, askedWith)
  const isStorable = decision.kind === 'store'
  if (body === undefined && received.status !== 204) {
    return { kind: 'whole', response: negativeAnswer(received, decision), isStorable }
  }
  // Before there is room to give back.
  const contentType = contentTypeOf(received, request, parts)
  const { sliceBytes } = slices
  const admission = admit(url, received, body, decision, { store, maxObjectBytes, sliceBytes, onPassing })
  if (admission.kind === 'empty') {
    const response = answer(received, { contentType, body: admission.body, variant, decision })
    return { kind: 'whole', response, isStorable }
  }
  if (body === undefined) {
    const reason = admission.kind === 'uncacheable' ? admission.reason : 'status'
    return passed(received, NO_BYTES, reason, { contentType, rules })
  }
  if (admission.kind === 'sliced') {
    const part = { start: 0, end: admission.length, total: admission.length }
    return { ...admission, source: body, received, contentType, variant, part }
  }
  const source = resumable(received, body, { origin, objectKey, priority, signal })
  if (admission.kind === 'uncacheable') return passed(received, source, admission.reason, { contentType, rules })
  const encodings = encodingsFor(received, contentType, rules, wantedCodings(variant, fields))
  const response = answer(received, { contentType, body: admission.body, variant, decision, encodings })
  return { kind: 'arriving', given: { response, received, contentType, variant }, isStorable, source, admission }
}

/** The first slices of an object that is longer than they are. */
function receivePart(
  received: Received,
  source: OriginBody,
  part: PartRange,
  request: ReceptionRequest,
  parts: ReceptionParts,
): Reception {
  const { url, rules, fields, askedWith } = request
  const decision = decide(received, rules, askedWith)
  const variant = variantOf(received.headers['vary'], fields)
  const refused = { kind: 'refused', status: received.status, length: part.total } as const
  if (variant === undefined) return { ...refused, reason: decision.kind === 'store' ? 'vary' : decision.reason }
  const { sliceBytes } = parts.slices
  const admission = admitSlices(url, received, part.total, decision, { store: parts.store, sliceBytes })
  // Nobody has asked for exactly this part: each fetches what it wants.
  if (admission.kind === 'uncacheable') return { ...refused, reason: admission.reason }
  return { ...admission, source, received, contentType: contentTypeOf(received, request, parts), variant, part }
}

function passed(
  received: Received,
  source: OriginBody,
  reason: UncacheableReason,
  cached: { readonly contentType: string | undefined; readonly rules: CacheRules },
): Reception {
  // The length of a part says nothing about the object's.
  const length = received.status === 200 ? contentLength(received.headers) : undefined
  return { kind: 'passed', source, response: streamed(received, source, cached), reason, length }
}

function contentTypeOf(
  { headers }: Received,
  { objectKey }: ReceptionRequest,
  { contentTypeFor }: ReceptionParts,
): string | undefined {
  return contentTypeFor(objectKey, headers['content-type'])
}
