/**
 * Inspection: what is stored of some URLs, for an operator to look at. Looking changes nothing, and is no use of it.
 */

import { setImmediate } from 'node:timers/promises'
import type { Coding } from '../http/content-coding.ts'
import { CODINGS } from '../http/content-coding.ts'
import type { Fill } from './fill.ts'
import type { CacheKey } from './key.ts'
import { urlOf } from './known-object.ts'
import { SlicedBody } from './sliced-body.ts'
import type { Store } from './store.ts'
import { currentAgeSeconds, isFresh, type StoredResponse, ttlSeconds } from './stored-response.ts'

export interface Inspected {
  readonly url: CacheKey
  readonly status: number
  readonly freshness: 'fresh' | 'stale'
  readonly ageSeconds: number
  /** Negative once it is stale. */
  readonly ttlSeconds: number
  readonly storedAtMs: number
  readonly contentType: string | undefined
  readonly etag: string | undefined
  readonly lastModified: string | undefined
  readonly lengthBytes: number | undefined
  /** Lower-case names of the fields it was chosen by; never their values, which are the clients' own. */
  readonly variesBy: readonly string[]
  /** Other codings that it is kept in. */
  readonly encodings: readonly Coding[]
  /** Of a large object. */
  readonly slices: SlicesInspected | undefined
}

export interface SlicesInspected {
  readonly count: number
  readonly present: number
  readonly presentBytes: number
  /** Positions of what is there, first and last byte, neighbours joined. */
  readonly ranges: readonly (readonly [first: number, last: number])[]
}

export interface FillInspected {
  readonly url: CacheKey
  readonly state: Fill['state']['kind']
}

export interface Inspection {
  readonly answers: readonly Inspected[]
  readonly fills: readonly FillInspected[]
}

/** Keys looked at before others have their turn. */
const KEYS_A_TURN = 5_000

export async function inspect(
  selects: (url: CacheKey) => boolean,
  { store, fills, nowMs }: { readonly store: Store; readonly fills: Iterable<Fill>; readonly nowMs: number },
): Promise<Inspection> {
  const underWay = [...fills].filter(({ url }) => selects(url)).map(({ url, state }) => ({ url, state: state.kind }))
  const answers: Inspected[] = []
  for (const [index, key] of store.keys().entries()) {
    if (index > 0 && index % KEYS_A_TURN === 0) await setImmediate()
    const stored = selects(urlOf(key)) ? store.peek(key) : undefined
    if (stored !== undefined) answers.push(inspected(urlOf(key), stored, nowMs))
  }
  return { answers, fills: underWay }
}

function inspected(url: CacheKey, stored: StoredResponse, nowMs: number): Inspected {
  const { status, contentType, etag, lastModified, body, variant, encodings, responseTimeMs } = stored
  return {
    url,
    status,
    freshness: isFresh(stored, nowMs) ? 'fresh' : 'stale',
    ageSeconds: currentAgeSeconds(stored, nowMs),
    ttlSeconds: ttlSeconds(stored, nowMs),
    storedAtMs: responseTimeMs,
    contentType,
    etag,
    lastModified,
    lengthBytes: body.length,
    variesBy: variant.names,
    encodings: CODINGS.filter((coding) => encodings?.has(coding)),
    slices: body instanceof SlicedBody ? slicesOf(body) : undefined,
  }
}

function slicesOf(body: SlicedBody): SlicesInspected {
  const ranges: [number, number][] = []
  const count = body.length === 0 ? 0 : body.indexOf(body.length - 1) + 1
  let present = 0
  let presentBytes = 0
  for (let index = 0; index < count; index += 1) {
    if (!body.isPresent(index)) continue
    const [first, end] = [body.sliceStart(index), body.sliceStart(index + 1)]
    present += 1
    presentBytes += end - first
    const before = ranges.at(-1)
    if (before?.[1] === first - 1) before[1] = end - 1
    else ranges.push([first, end - 1])
  }
  return { count, present, presentBytes, ranges }
}
