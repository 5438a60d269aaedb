/**
 * Routes: a path pattern with its origin and its rules. The first one whose pattern matches serves the request.
 */

import type { CacheKey } from '../cache/key.ts'
import { cacheKey, selectQuery } from '../cache/key.ts'
import type { CacheRules } from '../cache/policy.ts'
import type { ClientError } from '../errors.ts'
import type { PathPattern } from '../http/pattern.ts'
import type { RequestTarget } from '../http/target.ts'
import { MAX_KEY_BYTES } from '../http/target.ts'
import { withoutCmcd } from '../media/cmcd.ts'
import type { Cors } from '../media/cors.ts'
import { withDirectives } from '../media/delivery-directives.ts'
import type { Origin } from '../origin/origin.ts'
import type { Access } from './access/access.ts'
import type { Passthrough } from './passthrough.ts'
import type { RouteTable } from './route-table.ts'

export interface Route {
  /** The pattern as it was written, for logs. */
  readonly match: string
  readonly pattern: PathPattern
  readonly origin: Origin
  /** Taken off the front of the path before the object's key is made. */
  readonly stripPrefix: string
  /** By the decoded path. */
  readonly rulesFor: (path: string) => CacheRules
  /** Names of the query parameters that are part of the cache key; `all`: the query as it is. */
  readonly queryInclude: readonly string[] | 'all'
  /** name, value, name, value …: set on every answer, in place of the origin's field of that name. */
  readonly responseHeaders: readonly string[]
  /** Where other sites' players may read the answers. */
  readonly cors?: Cors
  /** Whom it answers; everybody where absent. */
  readonly access?: Access
  /** Whether Server-Timing is on its answers. */
  readonly tellsTiming?: boolean
  /** Where its origin sees the clients' requests: an HTTP origin. */
  readonly http?: HttpRules
}

export interface HttpRules {
  readonly methods: ReadonlySet<string>
  /** Whether a request may ask for more than what is stored, at the origin's cost (RFC 9111 §5.2.1). */
  readonly honoursRequest: boolean
}

/** A route whose requests go to one server as they are. */
export interface PassthroughRoute
  extends Pick<Route, 'match' | 'pattern' | 'responseHeaders' | 'cors' | 'access' | 'tellsTiming'> {
  readonly passthrough: Passthrough
}

export type AnyRoute = Route | PassthroughRoute

/** What a request is about. */
export interface RequestedObject {
  readonly key: CacheKey
  /** What the origin knows it by. */
  readonly objectKey: string
}

type Target = Extract<RequestTarget, { kind: 'ok' }>

export const NOT_FOUND: ClientError = { status: 404, text: 'Not found' }
const BAD_ESCAPE: ClientError = { status: 400, text: 'Bad percent-escape in the path' }
const PATH_TOO_LONG: ClientError = { status: 414, text: 'The path is too long' }

/** Which of them serves a path. */
export type Routes = RouteTable<AnyRoute>

/**
 * An HTTP origin knows the object by path and query as they were sent, of the query only what is part of the key: what
 * makes no difference to the key must make none to the answer. It is told the scheme and the host that were asked, so
 * these are part of the key, as they are of the target URI (RFC 9111 §2). An error where no store has such a name.
 *
 * @param address tells scheme and host; only called for an HTTP origin
 */
export function requestedObject(route: Route, target: Target, address: () => string): RequestedObject | ClientError {
  const { origin, stripPrefix, queryInclude } = route
  if (route.http !== undefined) {
    const asSent = sentObjectKey(target.sentPath, stripPrefix) + queryFor(target, queryInclude)
    return { key: `${origin.name} ${address()}/${asSent}`, objectKey: asSent }
  }
  if (!target.isUtf8) return BAD_ESCAPE
  const key = objectKey(target.path, stripPrefix)
  // Never a listing of the bucket.
  if (key === '') return NOT_FOUND
  if (isLongerThanKeys(target.path)) return PATH_TOO_LONG
  const query = queryInclude === 'all' ? target.query : selectQuery(target.query, queryInclude)
  return { key: cacheKey(origin.name, key, query), objectKey: key }
}

/**
 * The path without `stripPrefix` and without its leading slash. A prefix is taken off where a segment ends, so `/vod`
 * does not cut `/vodka`.
 */
function objectKey(path: string, stripPrefix: string): string {
  const prefix = withoutLastSlash(stripPrefix)
  const isPrefixed = prefix !== '' && path.startsWith(prefix) && path.charCodeAt(prefix.length) === SLASH
  return path.slice((isPrefixed ? prefix.length : 0) + 1)
}

/**
 * The same of a path as it was sent, whose prefix may have been escaped in any way (RFC 3986 §6.2.2.2); a route is found
 * by the decoded path, too. An escaped slash ends no segment.
 */
function sentObjectKey(sentPath: string, stripPrefix: string): string {
  const prefix = withoutLastSlash(stripPrefix)
  let end = 0
  for (let slash = prefix.indexOf('/'); slash !== -1 && end !== -1; slash = prefix.indexOf('/', slash + 1)) {
    end = sentPath.indexOf('/', end + 1)
  }
  const isPrefixed = end > 0 && decoded(sentPath.slice(0, end)) === prefix
  return isPrefixed ? sentPath.slice(end + 1) : objectKey(sentPath, stripPrefix)
}

/** Undefined for what is no UTF-8. */
function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path)
  } catch {
    // Its only complaint: the target was checked for whole escapes.
    return undefined
  }
}

function withoutLastSlash(prefix: string): string {
  return prefix.endsWith('/') ? prefix.slice(0, -1) : prefix
}

/** With its question mark; as it was sent, where all of it counts that is about the object. */
function queryFor({ path, query, sentQuery }: Target, include: readonly string[] | 'all'): string {
  if (include === 'all') return withoutCmcd(sentQuery)
  const selected = selectQuery(query, withDirectives(include, path))
  return selected === '' ? '' : `?${selected}`
}

/** A character takes three bytes at most, four where it is two units: most paths are seen to be short at once. */
function isLongerThanKeys(path: string): boolean {
  return path.length > MAX_KEY_BYTES / 3 && Buffer.byteLength(path) > '/'.length + MAX_KEY_BYTES
}

const SLASH = 0x2f
