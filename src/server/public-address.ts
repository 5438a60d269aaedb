/**
 * Public addresses and cache keys, in both directions: which keys a URL leads to, and by which paths a key is asked for.
 *
 * Both follow the routes as requests do. Nothing is remembered per answer: the paths are made out of the key when an
 * operator asks.
 */

import type { CacheKey } from '../cache/key.ts'
import { readKey, readObject } from '../cache/known-object.ts'
import { parseTarget, type RequestTarget } from '../http/target.ts'
import { isPassthrough } from './passed-traffic.ts'
import { type Route, type Routes, requestedObject } from './router.ts'

export type Target = Extract<RequestTarget, { kind: 'ok' }>

/** A URL, or its path and query alone: then it stands for every scheme and host. */
export interface PublicAddress {
  /** `https://example.com`, in lower case. */
  readonly site: string | undefined
  readonly target: Target
}

export type Fault = { readonly kind: 'fault'; readonly text: string }

/** What an address leads to. */
export interface Addressed {
  readonly kind: 'addressed'
  readonly route: Route
  /** Decoded. */
  readonly path: string
  readonly objectKey: string
  /** Without scheme and host where these count and the address has none. */
  readonly key: CacheKey
  readonly isOfAnySite: boolean
}

const SITE_AND_REST = /^(https?:\/\/[^/?#@\s\\]+)(\/.*)$/is

/** Splits off scheme and host; what comes behind, or is written alone, begins with a slash. */
export function splitSite(written: string): { readonly site: string | undefined; readonly rest: string } | undefined {
  if (written.startsWith('/')) return { site: undefined, rest: written }
  const [, site, rest] = SITE_AND_REST.exec(written) ?? []
  const url = site === undefined ? null : URL.parse(site)
  return url === null || rest === undefined ? undefined : { site: url.origin, rest }
}

/** What a URL, or a path and query, as a client would ask for it, leads to. The text of a fault repeats none of it. */
export function addressed(written: string, routes: Routes): Addressed | Fault {
  const parts = splitSite(written)
  if (parts === undefined) return { kind: 'fault', text: 'expected a path that begins with a slash, or a whole URL' }
  const target = parseTarget(parts.rest)
  if (target.kind === 'refused') return { kind: 'fault', text: target.text }
  const route = routes.find(target.path)
  if (route === undefined) return { kind: 'fault', text: 'no route matches its path' }
  if (isPassthrough(route)) return { kind: 'fault', text: 'its route passes through and keeps nothing' }
  return addressedBy(route, { site: parts.site, target })
}

function addressedBy(route: Route, { site, target }: PublicAddress): Addressed | Fault {
  const object = requestedObject(route, target, () => site ?? '')
  if ('status' in object) return { kind: 'fault', text: 'its path names no object' }
  const isOfAnySite = route.http !== undefined && site === undefined
  return { kind: 'addressed', route, path: target.path, ...object, isOfAnySite }
}

/** Whether a key is one of those that were addressed. */
export function isAddressed(all: readonly Addressed[]): (url: CacheKey) => boolean {
  const exact = new Set(all.filter(({ isOfAnySite }) => !isOfAnySite).map(({ key }) => key))
  const ofAnySite = new Set(all.filter(({ isOfAnySite }) => isOfAnySite).map(({ key }) => key))
  return (url) => exact.has(url) || (ofAnySite.size > 0 && ofAnySite.has(withoutSite(url)))
}

/** `packager https://example.com/live/1.ts` becomes `packager /live/1.ts`. */
function withoutSite(url: CacheKey): CacheKey {
  const { originName, rest } = readKey(url)
  const slashes = rest.indexOf('://')
  const end = slashes === -1 ? -1 : rest.indexOf('/', slashes + 3)
  return end === -1 ? url : `${originName} ${rest.slice(end)}`
}

/** Scheme and host that an HTTP origin's key is about. */
export function siteOf(url: CacheKey): string | undefined {
  return splitSite(readKey(url).rest)?.site
}

/** Tells the public addresses of keys. Made once for many keys; routes that come later are not known to it. */
export function publicAddresses(
  routes: Routes,
): (url: CacheKey, isWanted: (path: string) => boolean) => string | undefined {
  const origins = new Map<string, { readonly isHttp: boolean; readonly prefixes: Set<string> }>()
  for (const route of routes.all) {
    if (isPassthrough(route)) continue
    const known = origins.get(route.origin.name) ?? { isHttp: route.http !== undefined, prefixes: new Set(['']) }
    known.prefixes.add(route.stripPrefix.replace(/\/$/, ''))
    origins.set(route.origin.name, known)
  }
  return (url, isWanted) => {
    const { originName, rest } = readKey(url)
    const origin = origins.get(originName)
    if (origin === undefined) return undefined
    const { site = '', rest: sent = '' } = origin.isHttp ? (splitSite(rest) ?? {}) : {}
    const object = origin.isHttp ? sent.slice(1) : readObject(rest).objectKey
    for (const prefix of origin.prefixes) {
      const target = origin.isHttp ? parseTarget(`${prefix}/${object}`) : decodedTarget(`${prefix}/${object}`)
      if (target.kind !== 'ok' || !isWanted(target.path)) continue
      const route = routes.find(target.path)
      if (route === undefined || isPassthrough(route) || route.origin.name !== originName) continue
      const asked = requestedObject(route, target, () => site)
      if (!('status' in asked) && asked.objectKey === object) return site + target.path
    }
    return undefined
  }
}

/** Of an object's name, which needs no escapes. */
function decodedTarget(path: string): Target {
  return { kind: 'ok', path, sentPath: path, query: '', sentQuery: '', isUtf8: true }
}
