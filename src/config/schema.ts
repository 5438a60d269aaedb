/**
 * The configuration file as a whole: every option, its default and its description. `Config` is what comes out.
 *
 * Key names are the file's; sizes are bytes, times are milliseconds, defaults are filled in. A `Config` is frozen all
 * the way down, and nothing in it contradicts anything else in it.
 */

import * as z from 'zod'
import { address, type HostAndPort, network, parseAddress } from './address.ts'
import { admin } from './admin.ts'
import { flag, numberUpTo, oneOf, size } from './kinds.ts'
import { limits } from './limits.ts'
import { EVEN_IF_WRONG, EVEN_IF_WRONG_IN_LIST, list, option, optionWithDefault, section } from './option.ts'
import { origins } from './origins.ts'
import { quoted } from './path.ts'
import { defaultNegativeTtl, routes } from './routes.ts'
import { tls } from './tls.ts'
import { formatSize } from './units.ts'

const DEFAULT_MAX_OBJECT_BYTES = 8 * 1024 ** 2
const DEFAULT_SLICE_BYTES = 1024 ** 2

const listener = section({
  address: option(address, 'Where to listen: host:port, an IPv6 host in brackets; port 0 takes any free one.'),
  highWaterMark: optionWithDefault(size, 'Write buffer of one response.', '1MiB'),
  reusePort: optionWithDefault(
    flag,
    'true: another segment-shield may listen on the same address at the same time, for an upgrade without a gap: start the new one, then end the old one. It holds for the admin address as well. Default: false, so that a second one by mistake is told.',
    false,
  ),
  tls,
}).meta({ description: 'A listener.' })

const listen = list(listener, 'listener')
  .superRefine((written, context) => {
    const seen = new Set<string>()
    for (const [index, one] of written.entries()) {
      const parsed = parsedAddress(one?.address)
      // Port 0 asks for another port each time.
      if (parsed === undefined || parsed.port === 0) continue
      const key = `${parsed.host.toLowerCase()} ${parsed.port}`
      if (seen.has(key)) {
        context.addIssue({ code: 'custom', path: [index, 'address'], message: 'is the address of another listener' })
      }
      seen.add(key)
    }
  }, EVEN_IF_WRONG_IN_LIST)
  .meta({ description: 'Where players and CDN edges connect.' })

const cache = section({
  memory: optionWithDefault(size, 'Memory for cached bodies and bodies on their way.', '1GiB'),
  policy: optionWithDefault(
    oneOf(['adaptive', 'lru']),
    'What goes when memory is full. adaptive: what was asked for once goes soon, what is asked for again and again stays. lru: what was asked for least recently goes.',
    'adaptive',
  ),
  maxObject: option(
    size,
    `Largest object that is kept whole. Default: ${formatSize(DEFAULT_MAX_OBJECT_BYTES)}, or memory where that is less.`,
  )
    .optional()
    .meta({ default: formatSize(DEFAULT_MAX_OBJECT_BYTES) }),
  slice: option(
    size,
    `Size of the pieces that larger objects are kept in. Default: ${formatSize(DEFAULT_SLICE_BYTES)}, or an eighth of memory or maxObject where that is less.`,
  )
    .optional()
    .meta({ default: formatSize(DEFAULT_SLICE_BYTES) }),
})
  .superRefine(({ memory, maxObject, slice }, context) => {
    if (typeof memory !== 'number') return
    if (typeof maxObject === 'number' && maxObject > memory) {
      context.addIssue({ code: 'custom', path: ['maxObject'], message: 'expected no more than cache.memory' })
    }
    const most = typeof maxObject === 'number' ? maxObject : Math.min(DEFAULT_MAX_OBJECT_BYTES, memory)
    if (typeof slice === 'number' && slice > most) {
      context.addIssue({ code: 'custom', path: ['slice'], message: 'expected no more than cache.maxObject' })
    }
  }, EVEN_IF_WRONG)
  .transform((written) => {
    const maxObject = written.maxObject ?? Math.min(DEFAULT_MAX_OBJECT_BYTES, written.memory)
    return { ...written, maxObject, slice: written.slice ?? defaultSliceBytes(written.memory, maxObject) }
  })
  .prefault({})
  .meta({ description: 'What is kept, and how much of it.' })

/** Several have to fit into the memory at once for any of them to be read ahead. */
function defaultSliceBytes(memory: number, maxObject: number): number {
  return Math.max(1, Math.min(DEFAULT_SLICE_BYTES, Math.floor(memory / 8), maxObject))
}

const log = section({
  level: optionWithDefault(
    oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    'The least important records that are written.',
    'info',
  ),
  access: optionWithDefault(flag, 'One record for every request.', true),
  sample: option(
    numberUpTo(0, 1),
    'Share of the access records that are written: 0.1 is one in 10. Failures and answers that took a second to begin are always written. Default: all.',
  ).optional(),
  format: optionWithDefault(oneOf(['json', 'pretty']), 'json for machines, pretty for people.', 'json'),
})
  .superRefine(({ sample, access }, context) => {
    if (sample === undefined || access !== false) return
    context.addIssue({ code: 'custom', path: ['sample'], message: 'has no meaning where access is false' })
  }, EVEN_IF_WRONG)
  .prefault({})
  .meta({ description: 'The log, on standard output.' })

const trustedProxies = z
  .array(option(network, 'An address or a network, such as 10.0.0.0/8 or ::1.'), {
    error: 'expected a list of addresses and networks',
  })
  .prefault([])
  .meta({
    description:
      'Proxies in front of this one whose X-Forwarded-For, -Proto, -Host and Forwarded are believed and added to. Of everybody else they are replaced. Default: none.',
  })

/** What only makes sense where the origin sees the clients' requests. */
const OF_HTTP_ROUTES = ['methods', 'requestCacheControl', 'storeSetCookie'] as const

/** The whole file. What it takes in is the tree of the YAML after `${NAME}` was replaced. */
export const configSchema = section({ listen, admin, trustedProxies, limits, cache, log, origins, routes })
  .superRefine((written, context) => {
    const known = isMapping(written.origins) ? Object.keys(written.origins) : undefined
    if (known === undefined || known.length === 0 || !Array.isArray(written.routes)) return
    for (const [index, route] of (written.routes as readonly unknown[]).entries()) {
      const names: unknown = isMapping(route) ? route['origin'] : undefined
      if (!Array.isArray(names)) continue
      const unknown = names.find((name) => !known.includes(name))
      if (unknown === undefined) continue
      const list = known.join(', ')
      const message =
        names.length === 1
          ? `expected the name of an origin (${list})`
          : `names ${quoted(String(unknown))}, which is no origin (${list})`
      context.addIssue({ code: 'custom', path: ['routes', index, 'origin'], message })
    }
  }, EVEN_IF_WRONG)
  .superRefine((written, context) => {
    if (!isMapping(written.origins) || !Array.isArray(written.routes)) return
    for (const [index, route] of (written.routes as readonly unknown[]).entries()) {
      const names: unknown = isMapping(route) ? route['origin'] : undefined
      if (!isMapping(route) || !Array.isArray(names)) continue
      const types = new Set(names.map((name) => typeOf(written.origins, name)))
      if (types.size > 1 && !types.has(undefined)) {
        const message = 'names origins of different types, which know the same object by different names'
        context.addIssue({ code: 'custom', path: ['routes', index, 'origin'], message })
      }
      for (const key of OF_HTTP_ROUTES) {
        if (route[key] === undefined || !types.has('s3')) continue
        const message = 'has no meaning with an s3 origin, which sees nothing of the request'
        context.addIssue({ code: 'custom', path: ['routes', index, key], message })
      }
    }
  }, EVEN_IF_WRONG)
  .superRefine((written, context) => {
    const taken = isMapping(written.admin) ? parsedAddress(written.admin['address']) : undefined
    if (taken === undefined || taken.port === 0 || !Array.isArray(written.listen)) return
    const listeners = written.listen.map((one: unknown) => isMapping(one) && parsedAddress(one['address']))
    if (!listeners.some((one) => one && isSameAddress(one, taken))) return
    context.addIssue({ code: 'custom', path: ['admin', 'address'], message: 'is the address of a public listener' })
  }, EVEN_IF_WRONG)
  .transform((written) => ({
    ...written,
    routes: written.routes.map((route) => {
      if (route.passthrough !== undefined) return route
      const type = written.origins[route.origin[0] ?? '']?.type ?? 's3'
      return { ...route, negativeTtl: route.negativeTtl ?? defaultNegativeTtl(type) }
    }),
  }))
  .meta({ title: 'segment-shield', description: 'Configuration of segment-shield.' })

/** A configuration that was found good, with every default filled in. Bytes and milliseconds. */
export type Config = DeepReadonly<z.output<typeof configSchema>>
export type ListenConfig = Config['listen'][number]
export type AdminConfig = NonNullable<Config['admin']>
export type CacheConfig = Config['cache']
export type LimitsConfig = Config['limits']
export type LogConfig = Config['log']
export type OriginConfig = Config['origins'][string]
export type S3OriginConfig = Extract<OriginConfig, { readonly type: 's3' }>
export type HttpOriginConfig = Extract<OriginConfig, { readonly type: 'http' }>
export type PoolConfig = OriginConfig['pool']
export type RouteConfig = Config['routes'][number]
/** Whom a route answers. */
export type AccessConfig = NonNullable<RouteConfig['access']>
export type TokensConfig = NonNullable<AccessConfig['tokens']>
/** A route whose objects are cached. */
export type CachedRouteConfig = Exclude<RouteConfig, { readonly passthrough: string }>
/** A route whose requests go to another server as they are. */
export type PassthroughRouteConfig = Extract<RouteConfig, { readonly passthrough: string }>

type DeepReadonly<T> = T extends object ? { readonly [Key in keyof T]: DeepReadonly<T[Key]> } : T

function typeOf(origins: Record<string, unknown>, name: unknown): unknown {
  const origin = typeof name === 'string' ? origins[name] : undefined
  return isMapping(origin) ? origin['type'] : undefined
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parsedAddress(written: unknown): HostAndPort | undefined {
  return typeof written === 'string' ? parseAddress(written) : undefined
}

function isSameAddress(a: HostAndPort, b: HostAndPort): boolean {
  return a.port === b.port && a.host.toLowerCase() === b.host.toLowerCase()
}
