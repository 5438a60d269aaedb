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
import { isCmcdField } from './media/cmcd.ts'
import { isCompressible } from './media/compressible.ts'
import { type Cors, compileCors } from './media/cors.ts'
import { mediaLifetimeMs } from './media/lifetime.ts'
import type { Origin } from './origin/origin.ts'
import { withholding } from './origin/withholding.ts'
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
    defaultTtlMs: config.defaultTtl ?? ((contentType, bytes) => mediaLifetimeMs(path, contentType, bytes)),
    negativeTtlMs,
    staleWhileRevalidateMs: config.staleWhileRevalidate,
    staleIfErrorMs: config.staleIfError,
    storesSetCookie: config.storeSetCookie ?? true,
    heedsErrorFields: type === 'http',
    isCompressible: config.compression === false ? undefined : isCompressible,
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
    tellsTiming: config.serverTiming ?? false,
    ...corsOf(config, responseHeaders, http?.methods ?? READ_METHODS),
    ...accessOf(config.access, { isTrusted, isSeenByOrigin: type === 'http' }),
    ...(http && { http }),
  }
}

export function makePassthroughRoute(
  config: PassthroughRouteConfig,
  options: Omit<PassthroughOptions, 'target'>,
): PassthroughRoute {
  const { match, passthrough, access } = config
  const responseHeaders = Object.entries(config.responseHeaders).flat()
  return {
    match,
    pattern: compilePattern(match),
    passthrough: new Passthrough({ ...options, target: new URL(passthrough) }),
    responseHeaders,
    ...corsOf(config, responseHeaders, PASSED_METHODS),
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
  const isOfCors = (name: string) => name === 'origin' || name.startsWith('access-control-request-')
  return (name, method) => isCmcdField(name) || (cors !== undefined && READ_METHODS.has(method) && isOfCors(name))
}
