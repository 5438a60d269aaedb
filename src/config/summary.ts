/** What a good configuration says, in the few lines that `check` prints. Holds no secrets. */

import type { Config, OriginConfig, RouteConfig } from './schema.ts'
import { formatSize, formatTime } from './units.ts'

/** Listeners, origins and routes, the routes in the order in which they are tried. */
export function summarise({ listen, cache, origins, routes }: Config): string {
  const lines = [
    ...listen.map(({ address }) => `listen  ${address}`),
    `cache   ${formatSize(cache.memory)}, objects up to ${formatSize(cache.maxObject)}`,
    ...Object.entries(origins).map(
      ([name, origin]) =>
        `origin  ${name}: ${origin.type} at ${addressOf(origin)}, ${origin.pool.maxSockets} sockets${rateOf(origin)}`,
    ),
    ...routes.map((route) => `route   ${route.match} → ${route.origin.join(', then ')}${ttlOf(route)}`),
  ]
  return lines.map((line) => `  ${line}\n`).join('')
}

function addressOf(origin: OriginConfig): string {
  return origin.type === 's3' ? origin.endpoint : origin.url
}

function rateOf({ limits: { requestsPerSecond } }: OriginConfig): string {
  return requestsPerSecond === undefined ? '' : `, ${requestsPerSecond} requests a second`
}

function ttlOf({ ttl }: RouteConfig): string {
  return ttl === undefined ? '' : `, ttl ${formatTime(ttl)}`
}
