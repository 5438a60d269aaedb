/**
 * Relay: a request with a method that changes something, to its origin and back, past the cache.
 *
 * Invariant: what it may have changed is not answered from memory afterwards (RFC 9111 §4.4).
 */

import type { Cache } from '../cache/cache.ts'
import { bodiless, streamed } from '../cache/passing.ts'
import type { StoredResponse } from '../cache/stored-response.ts'
import type { Clock } from '../clock.ts'
import type { Trust } from '../http/forwarded.ts'
import { parseTarget } from '../http/target.ts'
import type { Origin } from '../origin/origin.ts'
import { requestedAddress } from './for-whom.ts'
import { originFields } from './forwarding.ts'
import type { IncomingMessage } from './messages.ts'
import { hasContent } from './passed-fields.ts'
import { isPassthrough } from './passed-traffic.ts'
import type { RequestedObject, Routes } from './router.ts'
import { requestedObject } from './router.ts'

export interface Relaying {
  readonly req: IncomingMessage
  readonly origin: Origin
  readonly object: RequestedObject
  readonly signal: AbortSignal
  readonly isTrusted: Trust
  readonly onInformational: (status: number, fields: readonly string[]) => void
}

/** @throws {OriginError} when the origin gives no answer; what it has done by then is not known */
export async function relay(relaying: Relaying, clock: Clock): Promise<StoredResponse> {
  const { req, origin, object, signal, isTrusted, onInformational } = relaying
  const requestTimeMs = clock.now()
  const { body, ...answered } = await origin.fetch({
    method: req.method ?? 'GET',
    key: object.objectKey,
    fields: [...originFields(req, isTrusted, 'passed-on'), ...announcedLength(req)],
    ...(hasContent(req) && { content: req }),
    priority: 'segment',
    signal,
    onInformational,
  })
  const received = { ...answered, requestTimeMs, responseTimeMs: clock.now() }
  return body === undefined ? bodiless(received) : streamed(received, body)
}

/** RFC 9111 §4.4: the target's, and what Location and Content-Location name on the same host. */
export function invalidateAfter(
  { req, object, isTrusted }: Pick<Relaying, 'req' | 'object' | 'isTrusted'>,
  { status, originHeaders }: StoredResponse,
  routes: Routes,
  cache: Cache,
): void {
  if (status >= 400 || isSafe(req.method)) return
  cache.invalidate(object.key)
  for (const reference of [originHeaders['location'], originHeaders['content-location']]) {
    const key = reference === undefined ? undefined : keyOf(reference, { req, isTrusted }, routes)
    if (key !== undefined) cache.invalidate(key)
  }
}

function keyOf(
  reference: string,
  { req, isTrusted }: Pick<Relaying, 'req' | 'isTrusted'>,
  routes: Routes,
): string | undefined {
  const address = requestedAddress(req, isTrusted)
  const base = URL.parse(address + (req.url ?? '/'))
  const named = base && URL.parse(reference, base)
  if (named === null || named.origin !== base?.origin) return undefined
  const target = parseTarget(named.pathname + named.search)
  if (target.kind === 'refused') return undefined
  const route = routes.find(target.path)
  const object = route === undefined || isPassthrough(route) ? undefined : requestedObject(route, target, () => address)
  return object !== undefined && 'key' in object ? object.key : undefined
}

/** RFC 9110 §9.2.1 */
function isSafe(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS' || method === 'TRACE'
}

/** An origin may refuse content whose length it is not told (RFC 9110 §15.5.12). */
function announcedLength({ headers }: IncomingMessage): readonly string[] {
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  return length === undefined || coding !== undefined ? [] : ['Content-Length', length]
}
