/** What a good configuration says, in the few lines that `check` prints. Holds no secrets. */

import type { AccessConfig, CachedRouteConfig, Config, OriginConfig, RouteConfig } from './schema.ts'
import { formatSize, formatTime } from './units.ts'

/** Listeners, origins and routes, the routes in the order in which they are tried. */
export function summarise({ listen, admin, cache, origins, routes }: Config): string {
  const lines = [
    ...listen.map(({ address, tls }) => `listen  ${address}${tls === undefined ? '' : ', TLS'}`),
    ...(admin === undefined
      ? []
      : [`admin   ${admin.address}, ${admin.token === undefined ? 'without' : 'with'} a token`]),
    `cache   ${formatSize(cache.memory)}, objects up to ${formatSize(cache.maxObject)}`,
    ...Object.entries(origins).map(
      ([name, origin]) =>
        `origin  ${name}: ${origin.type} at ${addressOf(origin)}, ${origin.pool.maxSockets} sockets${rateOf(origin)}`,
    ),
    ...routes.map((route) => `route   ${route.match} → ${destinationOf(route)}${accessOf(route.access)}`),
  ]
  return lines.map((line) => `  ${line}\n`).join('')
}

function addressOf(origin: OriginConfig): string {
  return origin.type === 's3' ? origin.endpoint : origin.url
}

function rateOf({ limits: { requestsPerSecond } }: OriginConfig): string {
  return requestsPerSecond === undefined ? '' : `, ${requestsPerSecond} requests a second`
}

function destinationOf(route: RouteConfig): string {
  return route.passthrough !== undefined
    ? `passed through to ${route.passthrough}`
    : `${route.origin.join(', then ')}${ttlOf(route)}`
}

function ttlOf({ ttl }: CachedRouteConfig): string {
  return ttl === undefined ? '' : `, ttl ${formatTime(ttl)}`
}

/** What it demands, in the order of the file. */
function accessOf(access: AccessConfig | undefined): string {
  if (access === undefined) return ''
  const demands = [
    access.tokens && `${access.tokens.scheme} tokens`,
    access.networks && 'networks',
    access.referers && 'referers',
    access.secretHeader && 'a secret header',
  ]
  return demands.map((demand) => (demand === undefined ? '' : `, ${demand}`)).join('')
}
