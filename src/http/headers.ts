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
  for (let index = 0; index < value.length; index += 1) {
    const code = value.charCodeAt(index)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false
  }
  return true
}

/**
 * The end-to-end fields under lower-case names, each with one value: several are joined with `, ` in their order
 * (RFC 9110 §5.3). A field whose name or value has a forbidden character is left out altogether.
 *
 * Set-Cookie is joined like any other, which breaks it: take it out first, or do not use it afterwards.
 */
export function endToEndHeaders(raw: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const values = new Map<string, string>()
  for (const [name, value] of Object.entries(raw)) {
    if (value === undefined) continue
    const key = name.toLowerCase()
    const joined = typeof value === 'string' ? value : value.join(', ')
    const earlier = values.get(key)
    values.set(key, earlier === undefined ? joined : `${earlier}, ${joined}`)
  }

  const ofThisHop = new Set(connectionOptions(values.get('connection')))
  for (const [key, value] of values) {
    if (isHopByHop(key) || ofThisHop.has(key) || !isToken(key) || !isFieldValue(value)) values.delete(key)
  }
  return Object.fromEntries(values)
}
