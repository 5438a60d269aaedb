/** Routes out of their configuration: what each matches, and what it leads to under which rules. */

import type { CacheRules } from './cache/policy.ts'
import type { CachedRouteConfig, Config, OriginConfig, PassthroughRouteConfig } from './config/schema.ts'
import { compilePattern } from './http/pattern.ts'
import { defaultTtlMs } from './media/types.ts'
import type { Origin } from './origin/origin.ts'
import { Passthrough, type PassthroughOptions } from './server/passthrough.ts'
import type { HttpRules, PassthroughRoute, Route } from './server/router.ts'

/** All origins of a route are of one type. */
export function typeOf({ origin }: CachedRouteConfig, { origins }: Config): OriginConfig['type'] {
  return origins[origin[0] ?? '']?.type ?? 's3'
}

function httpRules({ methods = ['GET', 'HEAD'], requestCacheControl }: CachedRouteConfig): HttpRules {
  return { methods: new Set(methods), honoursRequest: requestCacheControl === 'honour' }
}

export function makeRoute(config: CachedRouteConfig, type: OriginConfig['type'], origin: Origin): Route {
  const negativeTtlMs = new Map(Object.entries(config.negativeTtl).map(([status, ms]) => [Number(status), ms]))
  const rulesFor = (path: string): CacheRules => ({
    ttlMs: config.ttl,
    defaultTtlMs: config.defaultTtl ?? defaultTtlMs(path),
    negativeTtlMs,
    staleWhileRevalidateMs: config.staleWhileRevalidate,
    staleIfErrorMs: config.staleIfError,
    storesSetCookie: config.storeSetCookie ?? true,
    heedsErrorFields: type === 'http',
  })
  return {
    match: config.match,
    pattern: compilePattern(config.match),
    origin,
    stripPrefix: config.stripPrefix,
    rulesFor,
    queryInclude: config.query?.include ?? (type === 'http' ? 'all' : []),
    responseHeaders: Object.entries(config.responseHeaders).flat(),
    ...(type === 'http' && { http: httpRules(config) }),
  }
}

export function makePassthroughRoute(
  { match, passthrough, responseHeaders }: PassthroughRouteConfig,
  options: Omit<PassthroughOptions, 'target'>,
): PassthroughRoute {
  return {
    match,
    pattern: compilePattern(match),
    passthrough: new Passthrough({ ...options, target: new URL(passthrough) }),
    responseHeaders: Object.entries(responseHeaders).flat(),
  }
}
