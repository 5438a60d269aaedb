/** What a good configuration says, in the few lines that `check` prints. Holds no secrets. */

import type { Config, RouteConfig, S3OriginConfig } from './schema.ts'
import { formatSize, formatTime } from './units.ts'

/** Listeners, origins and routes, the routes in the order in which they are tried. */
export function summarise({ listen, admin, cache, origins, routes }: Config): string {
  const lines = [
    ...listen.map(({ address }) => `listen  ${address}`),
    ...(admin === undefined
      ? []
      : [`admin   ${admin.address}, ${admin.token === undefined ? 'without' : 'with'} a token`]),
    `cache   ${formatSize(cache.memory)}, objects up to ${formatSize(cache.maxObject)}`,
    ...Object.entries(origins).map(
      ([name, { type, endpoint, pool, limits }]) =>
        `origin  ${name}: ${type} at ${endpoint}, ${pool.maxSockets} sockets${rateOf(limits)}`,
    ),
    ...routes.map((route) => `route   ${route.match} → ${route.origin.join(', then ')}${ttlOf(route)}`),
  ]
  return lines.map((line) => `  ${line}\n`).join('')
}

function rateOf({ requestsPerSecond }: S3OriginConfig['limits']): string {
  return requestsPerSecond === undefined ? '' : `, ${requestsPerSecond} requests a second`
}

function ttlOf({ ttl }: RouteConfig): string {
  return ttl === undefined ? '' : `, ttl ${formatTime(ttl)}`
}
