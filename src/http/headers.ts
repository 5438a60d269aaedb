/**
 * Which fields of a message are meant for whoever is at the other end, and which only for the next hop.
 *
 * Invariant: what {@link endToEndHeaders} returns can be written into another message as it is: no field in it belongs
 * to a connection, and none can end its line early.
 */
import { isToken, trimWhitespace } from './syntax.ts'

/**
 * RFC 9110 §7.6.1, the Proxy-* fields a cache may not store (RFC 9111 §3.1), and Trailer, which would announce fields
 * that nothing here forwards.
 */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Whether a field belongs to the connection by its name alone, in any case. */
export function isHopByHop(name: string): boolean {
  return HOP_BY_HOP.has(name.toLowerCase())
}

/** The members of a Connection field in lower case: names of further fields of this hop, and words like `close`. */
export function connectionOptions(value: string | undefined): readonly string[] {
  if (value === undefined) return []
  return value
    .split(',')
    .map((member) => trimWhitespace(member).toLowerCase())
    .filter(isToken)
}

/**
 * Whether a value may stand in a message (RFC 9110 §5.5): bytes only, and of the control characters none but the tab.
 * Space around it is allowed here; it is no part of the value and does no harm.
 */
export function isFieldValue(value: string): boolean {
  return !FORBIDDEN.test(value)
}

const FORBIDDEN = /[^\t\x20-\x7e\x80-\xff]/

/**
 * The end-to-end fields under lower-case names, each with one value: several are joined with `, ` in their order
 * (RFC 9110 §5.3). A field whose name or value has a forbidden character is left out altogether.
 *
 * Set-Cookie is joined like any other, which breaks it: take it out first, or do not use it afterwards.
 */
export function endToEndHeaders(raw: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const values = new Map<string, string>()
  let ofThisHop: readonly string[] = []
  for (const name of Object.keys(raw)) {
    const value = raw[name]
    if (value === undefined) continue
    const { key, isEndToEnd } = fieldName(name)
    if (!isEndToEnd && key !== 'connection') continue
    const joined = typeof value === 'string' ? value : value.join(', ')
    if (key === 'connection') {
      ofThisHop = [...ofThisHop, ...connectionOptions(joined)]
      continue
    }
    const earlier = values.get(key)
    values.set(key, earlier === undefined ? joined : `${earlier}, ${joined}`)
  }
  for (const key of ofThisHop) values.delete(key)
  for (const [key, value] of values) {
    if (!isFieldValue(value)) values.delete(key)
  }
  return Object.fromEntries(values)
}

interface FieldName {
  /** In lower case. */
  readonly key: string
  /** It is a name, and of no field that belongs to the connection. */
  readonly isEndToEnd: boolean
}

/** Those that origins have used so far; they use the same ones in each answer. */
const seenNames = new Map<string, FieldName>()
const MAX_SEEN = 1000
const MAX_SEEN_LENGTH = 64

function fieldName(name: string): FieldName {
  const seen = seenNames.get(name)
  if (seen !== undefined) return seen
  const key = name.toLowerCase()
  const made = { key, isEndToEnd: isToken(key) && !HOP_BY_HOP.has(key) }
  if (seenNames.size < MAX_SEEN && name.length <= MAX_SEEN_LENGTH) seenNames.set(name, made)
  return made
}
