/** What a good configuration says, in the few lines that `check` prints. Holds no secrets. */

import type { CachedRouteConfig, Config, RouteConfig, S3OriginConfig } from './schema.ts'
import { formatSize, formatTime } from './units.ts'

/** Listeners, origins and routes, the routes in the order in which they are tried. */
export function summarise({ listen, cache, origins, routes }: Config): string {
  const lines = [
    ...listen.map(({ address }) => `listen  ${address}`),
    `cache   ${formatSize(cache.memory)}, objects up to ${formatSize(cache.maxObject)}`,
    ...Object.entries(origins).map(
      ([name, { type, endpoint, pool, limits }]) =>
        `origin  ${name}: ${type} at ${endpoint}, ${pool.maxSockets} sockets${rateOf(limits)}`,
    ),
    ...routes.map((route) => `route   ${route.match} → ${destinationOf(route)}`),
  ]
  return lines.map((line) => `  ${line}\n`).join('')
}

function rateOf({ requestsPerSecond }: S3OriginConfig['limits']): string {
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
