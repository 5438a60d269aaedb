/**
 * StoredResponse: an answer as the cache keeps it, ready to be sent.
 *
 * Everything that is the same for each request is prepared once, when the answer arrives: header pairs, validators,
 * times as absolute numbers, so that a hit only compares and copies references. Never changed after it was made;
 * a revalidation makes a new one around the same Body.
 */

import { isUntransformable, varyByEncoding } from '../http/content-coding.ts'
import { formatHttpDate } from '../http/date.ts'
import { isFieldValue } from '../http/headers.ts'
import type { RequestDirectives } from '../http/request-directives.ts'
import { isToken } from '../http/syntax.ts'
import type { Body } from './body.ts'
import { BufferedBody } from './buffered-body.ts'
import type { Encodings } from './encodings.ts'
import type { Freshness } from './policy.ts'
import { NO_VARIANT, type Variant } from './variants.ts'

export interface StoredResponse {
  readonly status: number
  /** name, value, name, value …: what every answer made from this carries. Without lengths, ranges, Age. */
  readonly headerPairs: readonly string[]
  /** The origin's fields as they came, for the next revalidation. */
  readonly originHeaders: Readonly<Record<string, string>>
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  readonly date: string | undefined
  readonly contentType: string | undefined
  readonly body: Body
  /** Of a complete body, as far as they are made; undefined where it only goes out as it is. */
  readonly encodings: Encodings<StoredResponse> | undefined
  /** Which requests it answers, beside the one it was fetched for. */
  readonly variant: Variant
  /** What caches before this one said (RFC 9211 §2): members of Cache-Status, in front of ours. */
  readonly upstreamStatus: string | undefined
  /** Epoch ms at which the origin's headers came in. */
  readonly responseTimeMs: number
  readonly initialAgeSeconds: number
  /** Epoch ms; at and after it the answer is stale. */
  readonly staleAtMs: number
  /** Once stale it may not be used whatever a request says (RFC 9111 §4.2.4). */
  readonly mustRevalidate: boolean
  /** Epoch ms; before it the stale answer may be used while a new one is fetched (RFC 5861 §3). */
  readonly whileRevalidateUntilMs: number
  /** Epoch ms; before it the stale answer may be used in place of an error (RFC 5861 §4). */
  readonly ifErrorUntilMs: number
}

export interface ResponseParts {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly setCookies?: readonly string[] | undefined
  readonly contentType: string | undefined
  readonly body: Body
  /** Where they are given the answer says that it varies by Accept-Encoding. */
  readonly encodings?: Encodings<StoredResponse> | undefined
  /** @default answers every request for its key */
  readonly variant?: Variant
  readonly responseTimeMs: number
  readonly freshness: Freshness
}

/**
 * Fields that belong to one transfer or one moment, and are written per answer; cookies, which cannot be joined; and
 * what the origin tells caches alone, to be purged by.
 */
const NOT_AS_THEY_CAME = new Set([
  'accept-ranges',
  'age',
  'cache-status',
  'cache-tag',
  'content-length',
  'content-type',
  'date',
  'set-cookie',
  'surrogate-key',
])

/** Spelled as people expect to read them; any other field goes out in lower case. */
const SPELLING: ReadonlyMap<string, string> = new Map([
  ['cache-control', 'Cache-Control'],
  ['content-disposition', 'Content-Disposition'],
  ['content-encoding', 'Content-Encoding'],
  ['content-language', 'Content-Language'],
  ['content-location', 'Content-Location'],
  ['content-range', 'Content-Range'],
  ['etag', 'ETag'],
  ['expires', 'Expires'],
  ['last-modified', 'Last-Modified'],
  ['location', 'Location'],
  ['vary', 'Vary'],
])

export function makeStoredResponse(received: ResponseParts): StoredResponse {
  // Also written between the parts of a multipart body, where no parser of ours looks at it.
  const contentType = isWritable(received.contentType) ? received.contentType : undefined
  const parts = { ...received, contentType }
  const { status, headers, body, responseTimeMs, freshness, variant = NO_VARIANT } = parts
  const upstreamStatus = headers['cache-status']
  return {
    status,
    headerPairs: preparePairs(parts),
    originHeaders: headers,
    etag: headers['etag'],
    lastModified: headers['last-modified'],
    date: headers['date'],
    contentType,
    body,
    encodings: parts.encodings,
    variant,
    upstreamStatus: isWritable(upstreamStatus) ? upstreamStatus : undefined,
    responseTimeMs,
    initialAgeSeconds: freshness.initialAgeSeconds,
    staleAtMs: freshness.staleAtMs,
    mustRevalidate: freshness.mustRevalidate ?? false,
    whileRevalidateUntilMs: freshness.whileRevalidateUntilMs ?? freshness.staleAtMs,
    ifErrorUntilMs: freshness.ifErrorUntilMs ?? freshness.staleAtMs,
  }
}

/**
 * The stored answer after a 304: its Body, the newer fields, the new freshness (RFC 9111 §4.3.4). Fields that
 * describe the bytes stay as they are, since the bytes did.
 */
export function refreshStoredResponse(
  stored: StoredResponse,
  headers: Readonly<Record<string, string>>,
  responseTimeMs: number,
  freshness: Freshness,
  newerCookies: readonly string[] = [],
): StoredResponse {
  const { status, contentType, body, variant } = stored
  const setCookies = newerCookies.length > 0 ? newerCookies : setCookiesOf(stored)
  const encodings = isUntransformable(headers) ? undefined : stored.encodings
  const made = { status, contentType, body, variant, encodings }
  return makeStoredResponse({ ...made, headers, setCookies, responseTimeMs, freshness })
}

function setCookiesOf({ headerPairs }: StoredResponse): readonly string[] {
  return headerPairs.filter((_, index) => index % 2 === 1 && headerPairs[index - 1] === 'Set-Cookie')
}

/** The fields of a stored answer after a 304 that carried `newer`. */
export function mergeNotModified(
  stored: StoredResponse,
  newer: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const merged: Record<string, string> = { ...stored.originHeaders }
  // Both tell when the answer before it was made; without a Date of its own, a 304 was made when it came in.
  delete merged['age']
  delete merged['date']
  for (const [name, value] of Object.entries(newer)) {
    if (!DESCRIBES_BYTES.has(name)) merged[name] = value
  }
  return merged
}

const DESCRIBES_BYTES = new Set(['content-length', 'content-encoding', 'content-type', 'content-range', 'etag'])

/** What is kept, and told, when the origin has no object to give: a short text that names nothing. */
export function makeNegativeResponse(status: number, responseTimeMs: number, freshness: Freshness): StoredResponse {
  const maxAge = Math.max(0, Math.floor((freshness.staleAtMs - responseTimeMs) / 1000))
  const text = status === 403 ? 'Forbidden\n' : status === 404 ? 'Not found\n' : `The origin answered ${status}\n`
  return makeStoredResponse({
    status,
    headers: { 'cache-control': `max-age=${maxAge}`, date: formatHttpDate(responseTimeMs) },
    contentType: 'text/plain; charset=utf-8',
    body: BufferedBody.of(Buffer.from(text)),
    responseTimeMs,
    freshness,
  })
}

/** Whether it may be used as it is by a request that asks caches for these things (RFC 9111 §5.2.1). */
export function isUsable(stored: StoredResponse, nowMs: number, asked: RequestDirectives): boolean {
  const { noCache, maxAge, minFresh = 0, maxStale = 0 } = asked
  if (noCache || (maxAge !== undefined && currentAgeSeconds(stored, nowMs) > maxAge)) return false
  const unusableAtMs = stored.staleAtMs + (stored.mustRevalidate ? 0 : maxStale * 1000)
  return nowMs < unusableAtMs && nowMs <= unusableAtMs - minFresh * 1000
}

export function isFresh(stored: StoredResponse, nowMs: number): boolean {
  return nowMs < stored.staleAtMs
}

/** RFC 9111 §4.2.3, whole seconds. */
export function currentAgeSeconds(stored: StoredResponse, nowMs: number): number {
  return stored.initialAgeSeconds + Math.max(0, Math.floor((nowMs - stored.responseTimeMs) / 1000))
}

/** Remaining freshness in whole seconds, as in the `ttl` parameter of Cache-Status; negative once stale. */
export function ttlSeconds(stored: StoredResponse, nowMs: number): number {
  return Math.floor((stored.staleAtMs - nowMs) / 1000)
}

/** Bytes this takes of the cache's memory: the body, the texts, and what the objects around them cost. */
export function memoryCost(key: string, headerPairs: readonly string[], bodyBytes: number): number {
  let textBytes = key.length
  for (const text of headerPairs) textBytes += text.length
  return bodyBytes + 2 * textBytes + OBJECT_OVERHEAD_BYTES
}

/** Map entry, list links, StoredResponse, Body and their arrays, rounded up. */
const OBJECT_OVERHEAD_BYTES = 1024

function isWritable(value: string | undefined): value is string {
  return value !== undefined && isFieldValue(value)
}

function preparePairs({
  status,
  headers,
  setCookies = [],
  contentType,
  body,
  encodings,
}: ResponseParts): readonly string[] {
  const pairs: string[] = []
  if (contentType !== undefined) pairs.push('Content-Type', contentType)
  for (const [name, value] of Object.entries(headers)) {
    if (NOT_AS_THEY_CAME.has(name) || (name === 'vary' && encodings !== undefined)) continue
    if (!isToken(name) || !isFieldValue(value)) continue
    pairs.push(SPELLING.get(name) ?? name, value)
  }
  if (encodings !== undefined) pairs.push('Vary', varyByEncoding(headers['vary']))
  for (const cookie of setCookies) if (isFieldValue(cookie)) pairs.push('Set-Cookie', cookie)
  // A playlist or a text track is never to be run as what a browser takes it for.
  if (headers['x-content-type-options'] === undefined) pairs.push('X-Content-Type-Options', 'nosniff')
  if (status === 200 && body.kind !== 'streamed') pairs.push('Accept-Ranges', 'bytes')
  const date = headers['date']
  if (isWritable(date)) pairs.push('Date', date)
  return pairs
}
