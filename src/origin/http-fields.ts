/**
 * Header fields on their way to an HTTP origin and back.
 *
 * Invariant: what goes on, in either direction, are end-to-end fields that can be written into a message as they are;
 * none belongs to the connection it came on, none is named by its Connection field (RFC 9110 §7.6.1).
 */
import { connectionOptions, endToEndHeaders, isFieldValue, isHopByHop } from '../http/headers.ts'
import { isToken } from '../http/syntax.ts'
import { viaWith } from '../http/via.ts'
import type { FieldPairs, OriginRequest } from './origin.ts'

/** Ours to say: where the request goes, how long it is, and that we wait for no permission to send it. */
const OF_THIS_HOP: ReadonlySet<string> = new Set(['host', 'content-length', 'expect', 'via'])

/**
 * What an HTTP origin is sent: the given fields in their order, then the ones that are asked for beside them.
 *
 * @param pseudonym how this program calls itself in Via
 */
export function requestFields(request: OriginRequest, pseudonym: string): string[] {
  const { fields = [], content, range, validators } = request
  const own: [name: string, value: string | undefined][] = [
    ['range', range && `bytes=${range.first}-${range.last ?? ''}`],
    ['if-none-match', validators?.ifNoneMatch],
    ['if-modified-since', validators?.ifModifiedSince],
    ['if-match', validators?.ifMatch],
    ['content-length', content === undefined ? undefined : lengthOf(fields)],
    ['via', viaWith(valuesOf(fields, 'via').filter(isFieldValue), '1.1', pseudonym)],
  ]
  const added = own.flatMap(([name, value]) => (value !== undefined && isFieldValue(value) ? [name, value] : []))
  const isReplaced = (name: string) =>
    OF_THIS_HOP.has(name) || own.some(([it, value]) => it === name && value !== undefined)
  return [...endToEndPairs(fields).filter((_, index, pairs) => !isReplaced(nameAt(pairs, index))), ...added]
}

export interface AnswerHead {
  /** Lower-case names; several values are joined. */
  readonly headers: Readonly<Record<string, string>>
  readonly setCookies: readonly string[]
  /** Lower-case; undefined where there is none. */
  readonly transferCoding: string | undefined
  readonly contentLength: number | undefined
}

/** An answer's fields as they came off the wire, taken apart. */
export function answerHead(pairs: FieldPairs): AnswerHead {
  const raw = new Map<string, string[]>()
  for (let index = 0; index < pairs.length; index += 2) {
    const name = nameAt(pairs, index)
    raw.set(name, [...(raw.get(name) ?? []), pairs[index + 1] ?? ''])
  }
  const cookies = raw.get('set-cookie') ?? []
  const isForUs = connectionOptions(raw.get('connection')?.join(',')).includes('set-cookie')
  raw.delete('set-cookie')
  const headers = endToEndHeaders(Object.fromEntries(raw))
  const length = headers['content-length'] ?? ''
  return {
    headers,
    setCookies: isForUs ? [] : cookies.filter(isFieldValue),
    transferCoding: raw.get('transfer-encoding')?.join(', ').toLowerCase(),
    contentLength: /^\d{1,15}$/.test(length) ? Number(length) : undefined,
  }
}

/** The same pairs without those that are not for whoever is further on. */
export function endToEndPairs(pairs: FieldPairs): string[] {
  const ofThisHop = new Set(connectionOptions(valuesOf(pairs, 'connection').join(',')))
  return pairs.filter((_, index) => {
    const name = nameAt(pairs, index)
    const value = pairs[index - (index % 2) + 1] ?? ''
    return isToken(name) && isFieldValue(value) && !isHopByHop(name) && !ofThisHop.has(name)
  })
}

/** Those of an interim answer that go on; it has no content to announce (RFC 9110 §8.6). */
export function interimPairs(pairs: FieldPairs): string[] {
  return endToEndPairs(pairs).filter((_, index, kept) => nameAt(kept, index) !== 'content-length')
}

/** The name of the field whose name or value is at `index`, in lower case. */
function nameAt(pairs: FieldPairs, index: number): string {
  return pairs[index - (index % 2)]?.toLowerCase() ?? ''
}

function valuesOf(pairs: FieldPairs, name: string): string[] {
  return pairs.filter((_, index) => index % 2 === 1 && nameAt(pairs, index) === name)
}

/** The announced length of a content; undefined, so that it is sent in chunks, where there is not exactly one. */
function lengthOf(fields: FieldPairs): string | undefined {
  const [length, ...others] = new Set(valuesOf(fields, 'content-length'))
  return length !== undefined && others.length === 0 && /^\d{1,15}$/.test(length) ? length : undefined
}
