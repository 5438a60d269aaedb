/**
 * Own request: an object asked for on nobody's behalf, by the same key and through the same cache as a client's request.
 *
 * It waits behind the requests of clients, and an HTTP origin is told that this machine asks. Whom a route answers is
 * not asked here: nothing of the answer goes out.
 */

import { gunzipSync } from 'node:zlib'
import type { Cache } from '../cache/cache.ts'
import type { Answer, CacheRequest } from '../cache/cache-request.ts'
import type { Clock } from '../clock.ts'
import { asOriginError, toClientError } from '../errors.ts'
import { forwardingOf } from '../http/forwarded.ts'
import { fieldsByName } from '../http/request-fields.ts'
import type { Origin } from '../origin/origin.ts'
import { NO_DIRECTIVES } from './forwarding.ts'
import { type Addressed, addressed, splitSite } from './public-address.ts'
import type { Routes } from './router.ts'

export type OwnAnswer =
  | {
      readonly kind: 'warmed'
      readonly result: 'hit' | 'stored' | 'collapsed' | 'confirmed'
      readonly bytes: number
      readonly text: string | undefined
    }
  | { readonly kind: 'failed'; readonly reason: string }

export interface OwnRequestOptions {
  readonly routes: Routes
  readonly cache: Cache
  readonly clock: Clock
}

const MAX_TEXT_BYTES = 2 * 1024 * 1024
const THIS_MACHINE = '127.0.0.1'

/** Never rejects. @param wantsText whether its bytes are wanted as text, of which there may be 2 MiB */
export async function requestOwn(
  address: string,
  wantsText: boolean,
  signal: AbortSignal,
  { routes, cache, clock }: OwnRequestOptions,
): Promise<OwnAnswer> {
  const found = addressed(address, routes)
  if (found.kind === 'fault') return { kind: 'failed', reason: found.text }
  if (found.isOfAnySite) return { kind: 'failed', reason: 'its origin wants a whole URL, with scheme and host' }
  const request = cacheRequest(address, found, wantsText, signal)
  try {
    const answer = freshOf(request, cache, clock) ?? (await cache.forward(request))
    return answer === undefined ? { kind: 'failed', reason: 'nothing came' } : await taken(answer, request, wantsText)
  } catch (error) {
    if (signal.aborted) return { kind: 'failed', reason: 'given up' }
    // What an operator is told of an origin is in the log.
    return { kind: 'failed', reason: toClientError(asOriginError(error)).text }
  }
}

function freshOf(request: CacheRequest, cache: Cache, clock: Clock): Answer | undefined {
  const response = cache.fresh(request.key, clock.now(), () => request.client?.fields ?? {})
  return response && { response, status: { kind: 'hit', ttlSeconds: 0 } }
}

function cacheRequest(
  address: string,
  { route, key, objectKey, path }: Addressed,
  wantsText: boolean,
  signal: AbortSignal,
): CacheRequest {
  const { origin } = route
  const priority = wantsText ? 'playlist' : 'refresh'
  const request = { key, objectKey, rules: route.rulesFor(path), range: undefined, priority, signal } as const
  if (route.http === undefined) return { ...request, origin }
  const { protocol, host } = new URL(splitSite(address)?.site ?? `http://${THIS_MACHINE}`)
  const scheme = protocol === 'https:' ? 'https' : 'http'
  const asked = { peerAddress: THIS_MACHINE, scheme, host, received: {} } as const
  const { fields } = forwardingOf(asked, () => false)
  const bound: Origin = {
    name: origin.name,
    fetch: (one) => origin.fetch({ ...one, fields }),
    usage: () => origin.usage(),
    close: () => origin.close(),
  }
  const client = {
    sharedOrigin: origin,
    fields: fieldsByName(fields),
    directives: NO_DIRECTIVES,
    sendOwn: () => bound.fetch({ key: objectKey, priority, signal }),
    onInformational: () => undefined,
  }
  return { ...request, origin: bound, client }
}

async function taken({ response, status }: Answer, request: CacheRequest, wantsText: boolean): Promise<OwnAnswer> {
  const { body } = response
  if (response.status !== 200) {
    body.discard()
    return { kind: 'failed', reason: `the origin answered ${response.status}` }
  }
  const result = resultOf(status)
  if (body.kind === 'streamed' || result === undefined) {
    body.discard()
    const why = status.kind === 'forward' ? status.detail : undefined
    return { kind: 'failed', reason: `is not kept${why === undefined ? '' : `: ${why}`}` }
  }
  const pieces: Buffer[] = []
  let bytes = 0
  for await (const piece of allOf(response, request)) {
    bytes += piece.length
    if (wantsText && bytes <= MAX_TEXT_BYTES) pieces.push(piece)
  }
  if (!wantsText) return { kind: 'warmed', result, bytes, text: undefined }
  if (bytes > MAX_TEXT_BYTES) return { kind: 'failed', reason: `is longer than ${MAX_TEXT_BYTES} bytes` }
  const coding = response.originHeaders['content-encoding']?.toLowerCase()
  const plain = decoded(Buffer.concat(pieces), coding)
  if (plain === undefined) return { kind: 'failed', reason: 'its content coding is not one that is read here' }
  return { kind: 'warmed', result, bytes, text: plain.toString() }
}

/** Undefined where it is not in memory now, or only because the origin could not be asked. */
function resultOf(status: Answer['status']): Extract<OwnAnswer, { kind: 'warmed' }>['result'] | undefined {
  if (status.kind === 'hit') return 'hit'
  if (status.detail !== undefined) return undefined
  if (status.collapsed) return 'collapsed'
  if (status.fwdStatus === 304) return 'confirmed'
  return status.stored ? 'stored' : undefined
}

function decoded(bytes: Buffer, coding: string | undefined): Buffer | undefined {
  if (coding === undefined) return bytes
  if (coding !== 'gzip') return undefined
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_TEXT_BYTES })
  } catch {
    // No gzip, or much too long: either way nothing that can be read.
    return undefined
  }
}

/** @throws {OriginError} what the body failed with; the signal's reason when that fires */
async function* allOf({ body }: Answer['response'], { origin, signal }: CacheRequest): AsyncGenerator<Buffer> {
  let ready = Promise.withResolvers<void>()
  const wake = () => ready.resolve()
  const reader = body.open(0, undefined, wake, origin)
  signal.addEventListener('abort', wake)
  try {
    for (;;) {
      signal.throwIfAborted()
      ready = Promise.withResolvers<void>()
      const read = reader.read()
      if (read === 'end') return
      if (read === 'failed') throw reader.error
      if (read === 'wait') await ready.promise
      else yield read
    }
  } finally {
    signal.removeEventListener('abort', wake)
    reader.close()
  }
}
