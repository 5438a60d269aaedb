/** Routes out of their configuration: what each matches, and what it leads to under which rules. */

import type { CacheRules } from './cache/policy.ts'
import type { CachedRouteConfig, Config, OriginConfig, PassthroughRouteConfig } from './config/schema.ts'
import { compilePattern } from './http/pattern.ts'
import { type Cors, compileCors } from './media/cors.ts'
import { defaultTtlMs } from './media/types.ts'
import type { Origin } from './origin/origin.ts'
import { withholding } from './origin/withholding.ts'
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
  const http = type === 'http' ? httpRules(config) : undefined
  const responseHeaders = Object.entries(config.responseHeaders).flat()
  return {
    match: config.match,
    pattern: compilePattern(config.match),
    origin: http === undefined ? origin : withholding(origin, withheldFrom(config)),
    stripPrefix: config.stripPrefix,
    rulesFor,
    queryInclude: config.query?.include ?? (type === 'http' ? 'all' : []),
    responseHeaders,
    ...corsOf(config, responseHeaders, http?.methods ?? READ_METHODS),
    ...(http && { http }),
  }
}

export function makePassthroughRoute(
  config: PassthroughRouteConfig,
  options: Omit<PassthroughOptions, 'target'>,
): PassthroughRoute {
  const { match, passthrough } = config
  const responseHeaders = Object.entries(config.responseHeaders).flat()
  return {
    match,
    pattern: compilePattern(match),
    passthrough: new Passthrough({ ...options, target: new URL(passthrough) }),
    responseHeaders,
    ...corsOf(config, responseHeaders, PASSED_METHODS),
  }
}

const READ_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD'])
/** What a page may ask for; any other method is refused to scripts or unknown to them. */
const PASSED_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'])

function corsOf(
  { cors }: CachedRouteConfig | PassthroughRouteConfig,
  routeFields: readonly string[],
  methods: ReadonlySet<string>,
): { readonly cors?: Cors } {
  if (cors === undefined) return {}
  const { origins, maxAge, credentials, allowHeaders } = cors
  const maxAgeSeconds = Math.floor(maxAge / 1000)
  const rules = { origins, maxAgeSeconds, allowsCredentials: credentials, allowHeaders, methods: [...methods] }
  return { cors: compileCors(rules, routeFields) }
}

/** Which fields of its clients' requests an HTTP origin is not told. */
function withheldFrom({ cors }: CachedRouteConfig): (lowerCaseName: string, method: string) => boolean {
  // An application may go by the site that asks before it changes something.
  return (name, method) =>
    cors !== undefined && READ_METHODS.has(method) && (name === 'origin' || name.startsWith('access-control-request-'))
}
