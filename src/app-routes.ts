/** Routes out of their configuration: what each matches, and what it leads to under which rules. */

import type { CacheRules } from './cache/policy.ts'
import type {
  AccessConfig,
  CachedRouteConfig,
  Config,
  OriginConfig,
  PassthroughRouteConfig,
  TokensConfig,
} from './config/schema.ts'
import type { Trust } from './http/forwarded.ts'
import { compilePattern } from './http/pattern.ts'
import { defaultTtlMs } from './media/types.ts'
import type { Origin } from './origin/origin.ts'
import { Access, type AccessOptions } from './server/access/access.ts'
import { BUNNY_NAMES, bunnyScheme } from './server/access/bunny.ts'
import { edgeAuthScheme } from './server/access/edgeauth.ts'
import { hmacScheme } from './server/access/hmac.ts'
import { secureLinkScheme } from './server/access/secure-link.ts'
import type { TokenRules } from './server/access/token-check.ts'
import { Passthrough, type PassthroughOptions } from './server/passthrough.ts'
import type { HttpRules, PassthroughRoute, Route } from './server/router.ts'

/** All origins of a route are of one type. */
export function typeOf({ origin }: CachedRouteConfig, { origins }: Config): OriginConfig['type'] {
  return origins[origin[0] ?? '']?.type ?? 's3'
}

function httpRules({ methods = ['GET', 'HEAD'], requestCacheControl }: CachedRouteConfig): HttpRules {
  return { methods: new Set(methods), honoursRequest: requestCacheControl === 'honour' }
}

export function makeRoute(
  config: CachedRouteConfig,
  type: OriginConfig['type'],
  origin: Origin,
  isTrusted: Trust,
): Route {
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
    ...accessOf(config.access, { isTrusted, isSeenByOrigin: type === 'http' }),
    ...(type === 'http' && { http: httpRules(config) }),
  }
}

export function makePassthroughRoute(
  { match, passthrough, access, responseHeaders }: PassthroughRouteConfig,
  options: Omit<PassthroughOptions, 'target'>,
): PassthroughRoute {
  return {
    match,
    pattern: compilePattern(match),
    passthrough: new Passthrough({ ...options, target: new URL(passthrough) }),
    responseHeaders: Object.entries(responseHeaders).flat(),
    ...accessOf(access, { isTrusted: options.isTrusted, isSeenByOrigin: true }),
  }
}

/** Nothing of it where the route answers everybody. */
function accessOf(config: AccessConfig | undefined, options: AccessOptions): { readonly access?: Access } {
  if (config === undefined) return {}
  const { tokens, rewritePlaylists, networks, referers, secretHeader } = config
  const rules = {
    ...(tokens && { tokens: tokenRules(tokens) }),
    rewritesPlaylists: rewritePlaylists ?? false,
    ...(networks && { networks }),
    ...(referers && { referers }),
    ...(secretHeader && { secretHeader: { ...secretHeader, name: secretHeader.name.toLowerCase() } }),
  }
  return { access: new Access(rules, options) }
}

function tokenRules(config: TokensConfig): TokenRules {
  switch (config.scheme) {
    case 'hmac':
      return { scheme: hmacScheme(config), carriers: config.in.map((carrier) => ({ carrier, name: config.name })) }
    case 'secure-link':
      return { scheme: secureLinkScheme(config), carriers: [{ carrier: 'query', name: config.name }] }
    case 'edgeauth': {
      const { name, salt } = config
      const nameIn = (carrier: string) => (carrier === 'header' ? name.toLowerCase() : name)
      return {
        scheme: edgeAuthScheme({ ...config, salt }),
        carriers: config.in.map((carrier) => ({ carrier, name: nameIn(carrier) })),
      }
    }
    case 'bunny':
      return {
        scheme: bunnyScheme(config),
        carriers: config.in.map((carrier) => ({ carrier, name: BUNNY_NAMES[carrier] })),
      }
    default:
      return config satisfies never
  }
}
