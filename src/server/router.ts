/**
 * Routes: a path pattern with its origin and its rules. The first one whose pattern matches serves the request.
 */

import type { CacheRules } from '../cache/policy.ts'
import type { PathPattern } from '../http/pattern.ts'
import type { Origin } from '../origin/origin.ts'
import type { Passthrough } from './passthrough.ts'

export interface Route {
  /** The pattern as it was written, for logs. */
  readonly match: string
  readonly pattern: PathPattern
  readonly origin: Origin
  /** Taken off the front of the path before the object's key is made. */
  readonly stripPrefix: string
  readonly rulesFor: (objectKey: string) => CacheRules
  /** Names of the query parameters that are part of the cache key. */
  readonly queryInclude: readonly string[]
  /** name, value, name, value …: set on every answer, in place of the origin's field of that name. */
  readonly responseHeaders: readonly string[]
}

/** A route whose requests go to one server as they are. */
export interface PassthroughRoute extends Pick<Route, 'match' | 'pattern' | 'responseHeaders'> {
  readonly passthrough: Passthrough
}

export type AnyRoute = Route | PassthroughRoute

export function findRoute<Found extends AnyRoute>(routes: readonly Found[], path: string): Found | undefined {
  for (const route of routes) {
    if (route.pattern.test(path)) return route
  }
  return undefined
}

/**
 * The object's key: the path without `stripPrefix` and without its leading slash. A prefix is taken off where a
 * segment ends, so `/vod` does not cut `/vodka`. Empty when the path names no object: a bucket is never listed.
 */
export function objectKey(path: string, stripPrefix: string): string {
  const prefix = stripPrefix.endsWith('/') ? stripPrefix.slice(0, -1) : stripPrefix
  const isPrefixed = prefix !== '' && path.startsWith(prefix) && path.charCodeAt(prefix.length) === SLASH
  return path.slice((isPrefixed ? prefix.length : 0) + 1)
}

const SLASH = 0x2f
