/** What the cache is asked, and what of it decides who may share an answer with whom. */

import type { CacheStatus } from '../http/cache-status.ts'
import type { RequestDirectives } from '../http/request-directives.ts'
import type { FieldPairs, Origin, OriginPriority, OriginResponse } from '../origin/origin.ts'
import type { CacheKey } from './key.ts'
import type { Known } from './passing.ts'
import type { AskedWith, CacheRules } from './policy.ts'
import type { StoredResponse } from './stored-response.ts'
import type { RequestFields } from './variants.ts'

export interface CacheRequest {
  readonly key: CacheKey
  readonly origin: Origin
  readonly objectKey: string
  readonly rules: CacheRules
  /** The Range field, unless If-Range makes it conditional. */
  readonly range: string | undefined
  /** HEAD, or a range under If-Range: only the object's fields will tell which bytes are needed, if any. */
  readonly isProbe?: boolean
  /** @default 'segment' */
  readonly priority?: OriginPriority
  /** Fires when the client is gone. */
  readonly signal: AbortSignal
  /** What the request adds where the origin gets to see it; absent for one that only sees the object's name. */
  readonly client?: ClientRequest
}

/** A request whose fields go on to the origin, with which `origin` is bound to them. */
export interface ClientRequest {
  /** The same origin, which sees nothing of this request. */
  readonly sharedOrigin: Origin
  /** What Vary selects by. */
  readonly fields: RequestFields
  /** What the request asks of caches, as far as the route honours it. */
  readonly directives: RequestDirectives
  /** Sends it on as it is, its Range and conditions included. */
  readonly sendOwn: () => Promise<OriginResponse>
  readonly onInformational: (status: number, fields: FieldPairs) => void
}

export interface Answer {
  readonly response: StoredResponse
  readonly status: CacheStatus
}

/** A URL whose every answer varies by something else is not followed for ever. */
const MAX_VARIANT_REPEATS = 4
const NO_FIELDS: RequestFields = {}
export const noFields = (): RequestFields => NO_FIELDS

/** Whether it wants something better than what is stale. */
export function asksForNewer(client: ClientRequest | undefined): boolean {
  const { noCache = false, maxAge, minFresh } = client?.directives ?? {}
  return noCache || maxAge !== undefined || minFresh !== undefined
}

export function fieldsOf({ client }: CacheRequest): RequestFields {
  return client?.fields ?? NO_FIELDS
}

/** Why this request goes to the origin by itself, whatever its key. */
export function hindrance({ client, range }: CacheRequest, repeats: number): Known | undefined {
  if (repeats === MAX_VARIANT_REPEATS) return { reason: 'vary', length: undefined }
  if (client?.directives.noStore === true) return { reason: 'no-store', length: undefined }
  // A part of what is for one client alone would be asked for in vain as a slice for all.
  const isAuthorized = client?.fields['authorization'] !== undefined
  return isAuthorized && range !== undefined ? { reason: 'authorization', length: undefined } : undefined
}

export function askedWith({ client }: CacheRequest): AskedWith {
  return { isAuthorized: client?.fields['authorization'] !== undefined }
}
