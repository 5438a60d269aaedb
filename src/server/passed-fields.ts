/**
 * Passed fields: what of a request's header reaches the origin of a pass-through route, and what of its answer's header
 * reaches the client.
 *
 * Everything is read from `rawHeaders`, since the library that passes requests on edits `headers`.
 *
 * Invariant: nothing that belongs to one connection crosses to the other (RFC 9110 §7.6.1), each message is framed by
 * what this program has parsed and not by what was written, and nobody but a trusted proxy can say whom a request comes
 * from.
 */

import type { IncomingMessage as OriginAnswer } from 'node:http'
import type { ClientError } from '../errors.ts'
import { formatCacheStatus } from '../http/cache-status.ts'
import type { Trust } from '../http/forwarded.ts'
import { connectionOptions, isFieldValue, isHopByHop } from '../http/headers.ts'
import { isToken, trimWhitespace } from '../http/syntax.ts'
import { viaWith } from '../http/via.ts'
import { forwardingFor } from './for-whom.ts'
import type { IncomingMessage } from './messages.ts'
import { isHttp10 } from './messages.ts'

/** Lower-case names; a list is written as several lines, in its order. */
export type FieldValues = Record<string, string | string[]>

/** By lower-case name, the values in their order. */
type FieldGroups = ReadonlyMap<string, string[]>

/** The name under which this program speaks in Cache-Status (RFC 9211 §2), and with more behind it in Via. */
export const CACHE_NAME = 'segment-shield'

/** No cache had a part in the answer (RFC 9211 §2.2). */
export const BYPASSED = formatCacheStatus(CACHE_NAME, {
  kind: 'forward',
  fwd: 'bypass',
  stored: false,
  collapsed: false,
})

/** Requests with these have no content unless they say so; every other one says that it has none (RFC 9110 §8.6). */
const CONTENT_UNEXPECTED = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT'])

/** Connection cannot take these away: a request without them would be another one. */
const KEPT = new Set(['host', 'content-length'])

/** Whether content follows the header. It may still turn out to be empty where it comes in chunks. */
export function hasContent({ rawHeaders }: IncomingMessage): boolean {
  const received = groupByName(rawHeaders)
  return received.has('transfer-encoding') || Number(received.get('content-length')?.join() ?? 0) > 0
}

export const FOREIGN_CODING: ClientError = { status: 501, text: 'This transfer coding is not understood' }

/** Whether the content is coded in a way that would have to be undone here (RFC 9112 §6.1). */
export function hasForeignCoding({ rawHeaders }: IncomingMessage): boolean {
  const codings = groupByName(rawHeaders).get('transfer-encoding')
  return codings !== undefined && trimWhitespace(codings.join()).toLowerCase() !== 'chunked'
}

/** Whether the client waits to be invited before it sends its content (RFC 9110 §10.1.1). */
export function expectsContinue(req: IncomingMessage): boolean {
  return !isHttp10(req) && groupByName(req.rawHeaders).has('expect')
}

/**
 * The header of the request that goes to the origin. Expect is not in it: whoever sends the content decides on that.
 * Host stays as the client wrote it.
 *
 * @param pseudonym how this program calls itself in Via (RFC 9110 §7.6.3)
 */
export function requestFields(req: IncomingMessage, isTrusted: Trust, pseudonym: string): FieldValues {
  const received = groupByName(req.rawHeaders)
  const ofThisHop = new Set(connectionOptions(received.get('connection')?.join(',')))
  const fields: FieldValues = {}
  for (const [name, values] of received) {
    if (isHopByHop(name) || name === 'expect' || name === 'content-length' || saysWhoAsked(name)) continue
    if (ofThisHop.has(name) && !KEPT.has(name)) continue
    fields[name] = values.length === 1 ? values.join() : values
  }
  fields['via'] = viaWith(received.get('via') ?? [], req.httpVersion, pseudonym)
  const forwarding = Object.fromEntries(groupByName(forwardingFor(req, isTrusted).fields))
  return { ...fields, ...framing(req.method ?? '', received), ...forwarding }
}

/** The same for a request to change to WebSocket (RFC 6455 §4.1). */
export function upgradeFields(req: IncomingMessage, isTrusted: Trust, pseudonym: string): FieldValues {
  return { ...requestFields(req, isTrusted, pseudonym), connection: 'Upgrade', upgrade: 'websocket' }
}

/** name, value, …: the header of the origin's answer as it goes on to the client, our Cache-Status behind its own. */
export function answerPairs({ rawHeaders, headers, statusCode }: OriginAnswer): string[] {
  const pairs = endToEndPairs(rawHeaders, (name) => {
    if (name === 'cache-status') return false
    return name !== 'content-length' || (statusCode !== 204 && headers['transfer-encoding'] === undefined)
  })
  const members = [...(groupByName(rawHeaders).get('cache-status') ?? []).filter(isFieldValue), BYPASSED]
  return [...pairs, 'Cache-Status', members.join(', ')]
}

/** name, value, …: the header of an interim answer (RFC 9110 §15.2). */
export function interimPairs(rawHeaders: readonly string[]): string[] {
  return endToEndPairs(rawHeaders, (name) => name !== 'content-length')
}

/** What the origin says as it agrees to change protocols, the words that make the change included. */
export function switchingFields({ rawHeaders }: OriginAnswer): FieldValues {
  const fields: FieldValues = {}
  for (const [name, values] of groupByName(endToEndPairs(rawHeaders, (name) => name !== 'content-length'))) {
    fields[name] = values
  }
  return { ...fields, connection: 'Upgrade', upgrade: 'websocket' }
}

/** Many programs read a name with underscores as the one with dashes. */
function saysWhoAsked(lowerCaseName: string): boolean {
  const name = lowerCaseName.replaceAll('_', '-')
  return name.startsWith('x-forwarded-') || name === 'forwarded' || name === 'x-real-ip'
}

function framing(method: string, received: FieldGroups): FieldValues {
  if (received.has('transfer-encoding')) return { 'transfer-encoding': 'chunked' }
  const length = received.get('content-length')
  if (length !== undefined) return { 'content-length': length.join() }
  return CONTENT_UNEXPECTED.has(method) ? {} : { 'content-length': '0' }
}

function endToEndPairs(rawHeaders: readonly string[], isWanted: (lowerCaseName: string) => boolean): string[] {
  const ofThisHop = new Set(connectionOptions(groupByName(rawHeaders).get('connection')?.join(',')))
  const pairs: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const value = rawHeaders[index + 1] ?? ''
    const lowerCase = name.toLowerCase()
    if (isHopByHop(lowerCase) || (ofThisHop.has(lowerCase) && !KEPT.has(lowerCase))) continue
    if (isToken(name) && isFieldValue(value) && isWanted(lowerCase)) pairs.push(name, value)
  }
  return pairs
}

function groupByName(rawHeaders: readonly string[]): FieldGroups {
  const groups = new Map<string, string[]>()
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase()
    const value = rawHeaders[index + 1] ?? ''
    const values = groups.get(name)
    if (values === undefined) groups.set(name, [value])
    else values.push(value)
  }
  return groups
}
