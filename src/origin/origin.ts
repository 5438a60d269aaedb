/**
 * What the cache asks of a place where bytes come from.
 *
 * The invariant of every implementation: a body that was handed out gives its socket back exactly once, when it has
 * been read to its end, has failed, or was destroyed; and an answer without a body holds no socket at all.
 */

import type { Readable } from 'node:stream'

/** Inclusive byte positions, as in RFC 9110 §14.1.2; without `last`, to the end. */
export interface OriginRange {
  readonly first: number
  readonly last?: number
}

/** Header values for a conditional request (RFC 9110 §13.1), sent as they are. */
export interface Validators {
  readonly ifNoneMatch?: string
  readonly ifModifiedSince?: string
  readonly ifMatch?: string
}

/** How urgent: waiting requests are served in this order. */
export type OriginPriority = 'playlist' | 'segment' | 'read-ahead' | 'refresh'

/** name, value, name, value …: as in `rawHeaders`, so that order and repetition are kept. */
export type FieldPairs = readonly string[]

export interface OriginRequest {
  /**
   * An S3 object's name: decoded, without a leading slash of ours, without the configured key prefix. For an HTTP
   * origin the path and query as they were sent, without the leading slash.
   */
  readonly key: string
  /** Of an HTTP origin only. @default 'GET' */
  readonly method?: string
  /** What of the client's fields the origin is to see, hop-by-hop and cache's own ones left out. HTTP origins only. */
  readonly fields?: FieldPairs
  /** The content of a request with an unsafe method. HTTP origins only; it is read once, so such a request is never repeated. */
  readonly content?: Readable
  /** Told of every interim answer (RFC 9110 §15.2), as it comes, before `fetch` resolves. HTTP origins only. */
  readonly onInformational?: (status: number, fields: FieldPairs) => void
  readonly range?: OriginRange
  readonly validators?: Validators
  /** It goes on with a body that broke off. @default false */
  readonly isResume?: boolean
  /** How urgent: waiting requests are served in this order. */
  readonly priority: OriginPriority
  /** Ends the request at any stage: queued, connecting, waiting, or half way through the body. */
  readonly signal: AbortSignal
}

/**
 * The bytes of an answer, in order, for one reader.
 *
 * Each chunk has at least one byte, belongs to the reader and is never written to again. Not asking for the next chunk
 * puts backpressure on the origin's connection and is not a stall; waiting for one that does not come is.
 *
 * `next()` rejects with an {@link OriginError} when the connection breaks, stalls or is aborted.
 * A body that is not read to its end has to be destroyed.
 */
export interface OriginBody extends AsyncIterableIterator<Buffer> {
  /**
   * All of them, or all that are left, as fast as they come. A chunk is lent to `take`: after its return these bytes may
   * be others. Resolves at the end; rejects as `next()` does, and with what `take` throws, which destroys the body.
   */
  readInto(take: (chunk: Buffer) => void): Promise<void>
  /** Gives the connection up. Safe to call at any time, any number of times; a pending `next()` is rejected. */
  destroy(): void
}

/**
 * A final answer that is the origin's own. Of S3: 200, 206, 304, 403, 404, 412 or 416, everything else is an
 * OriginError. Of an HTTP origin: any final status, 5xx included, up to 999.
 */
export interface OriginResponse {
  readonly status: number
  /** Lower-case names, end-to-end fields only, none of the store's internal ones (`x-amz-*`, `x-rgw-*`). */
  readonly headers: Readonly<Record<string, string>>
  /** Values of Set-Cookie, which cannot be joined into one. HTTP origins only, and never in `headers`. */
  readonly setCookies?: readonly string[]
  /**
   * Of S3 present for 200 and 206, absent for the others. Of an HTTP origin present unless the answer can have none
   * (HEAD, 204, 304).
   */
  readonly body: OriginBody | undefined
}

/** The state of an origin's connections at one moment. */
export interface PoolUsage {
  readonly inUse: number
  readonly free: number
  readonly queued: number
}

export interface Origin {
  /** The name it has in the configuration. */
  readonly name: string
  /**
   * @throws {OriginError} for everything that is no answer to the question asked
   */
  fetch(request: OriginRequest): Promise<OriginResponse>
  usage(): PoolUsage
  /** Ends idle connections now and the others when their answers end. */
  close(): Promise<void>
}

/** An origin that is asked at a pace. */
export interface PacedOrigin extends Origin {
  /** Requests per second that may be sent at this moment; Infinity where nothing limits them. */
  allowedPerSecond(): number
}

/** Only the asking: what retries, hedging and the circuit breaker take and give back. */
export type Fetch = Origin['fetch']

/** Where an origin reports what an operator should know. Messages name the origin; fields carry no secrets. */
export interface OriginLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}
