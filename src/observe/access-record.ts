/**
 * AccessRecord: what one exchange came to, as the access log and the traffic counters get it when the exchange is over.
 *
 * Invariant: nothing in it is a secret of the client's. It has the path without the query, and of the fields that were
 * sent only a Range that is one.
 */

/**
 * What the cache did, in the words of RFC 9211 §2: `hit`, or why the request went on; `collapsed` in place of the reason
 * where it joined a fill under way; `none` where nothing was looked for: refusals, and what is answered without an object.
 */
export const CACHE_RESULTS = [
  'hit',
  'collapsed',
  'uri-miss',
  'vary-miss',
  'stale',
  'partial',
  'request',
  'method',
  'bypass',
  'miss',
  'none',
] as const

export type CacheResult = (typeof CACHE_RESULTS)[number]

/** How an answer ended: `whole`; `cut` by us, since its body failed; or `left` by the client. */
export type ExchangeEnd = 'whole' | 'cut' | 'left'

export interface AccessRecord {
  /** Epoch ms at which the request came in. */
  readonly startedMs: number
  /** The peer's address. */
  readonly client: string | undefined
  readonly method: string | undefined
  /** Decoded, and without the query; undefined for a target that was refused. */
  readonly path: string | undefined
  /** 499 where the client left before the header went out. */
  readonly status: number
  /** Body bytes handed to the connection. */
  readonly bytes: number
  /** From the request to the header of its answer, which goes out with the first bytes; undefined without an answer. */
  readonly ttfbMs: number | undefined
  /** From the request to the last byte that left, or to the end of the connection. */
  readonly durationMs: number
  readonly end: ExchangeEnd
  readonly result: CacheResult
  /** Our member of the Cache-Status field. */
  readonly cacheStatus: string | undefined
  /** The pattern of the route, as it was written. */
  readonly route: string | undefined
  /** The name of the origin behind the route; undefined where none was asked for by name. */
  readonly origin: string | undefined
  /** The Range field. */
  readonly range: string | undefined
  /** What a player tells of itself (CTA-5004), for those who want it in their log. */
  readonly cmcd: object | undefined
  readonly error: Error | undefined
}

/** Told of every exchange once, when it is over. The record may be kept, and does not change any more. */
export type AccessLog = (record: AccessRecord) => void
