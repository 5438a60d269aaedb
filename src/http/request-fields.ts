/**
 * What of a client's fields an origin is to see.
 *
 * Invariant: whatever stands for this hop, for this cache or for the peer's place in the chain stays here: the caller
 * adds its own. The rest goes on as it came, in its order and as often.
 */
import { connectionOptions, isFieldValue, isHopByHop } from './headers.ts'
import { isToken } from './syntax.ts'

/**
 * - `asked`: the cache asks on its own account, and what it asks for (whole or in part, under which conditions) is its
 *   own affair
 * - `passed-on`: the client's request as it is, conditions and ranges included
 */
export type RequestUse = 'asked' | 'passed-on'

/** Framing and the origin's own name are the connection's affair; Expect was answered here (RFC 9110 §10.1.1). */
const OF_CONNECTION: ReadonlySet<string> = new Set(['content-length', 'expect', 'host'])

/**
 * Fields that are meant for every recipient, by their definition; to list them in Connection is an error (RFC 9110
 * §7.6.1). It is also a way to have the origin answer another request than the one that the cache keys and judges the
 * answer by: without credentials, in another coding, for another site.
 */
const END_TO_END: ReadonlySet<string> = new Set([
  'accept',
  'accept-charset',
  'accept-encoding',
  'accept-language',
  'authorization',
  'cache-control',
  'content-encoding',
  'content-language',
  'content-location',
  'content-range',
  'content-type',
  'cookie',
  'date',
  'from',
  'origin',
  'pragma',
  'referer',
  'user-agent',
  'via',
])

/**
 * name, value, …: left out are hop-by-hop fields and those that Connection lists (RFC 9110 §7.6.1), Host, framing,
 * Expect, Forwarded and all X-Forwarded-*, and for a request of the cache's own Range and If-*. So is a field that
 * cannot stand in a message, HTTP/2's pseudo-fields among them. An underscore counts as a hyphen in the names that are
 * left out by name, since gateways to applications make no difference between the two.
 *
 * A listed field is removed unless its definition makes it end-to-end. Others a response may yet vary by: where
 * {@link listsFields} says that Connection lists any, select by {@link fieldsByName} of the pairs returned here.
 *
 * @param rawHeaders name, value, … as they arrived
 */
export function originRequestFields(rawHeaders: readonly string[], use: RequestUse): string[] {
  const listed = new Set<string>()
  eachPair(rawHeaders, (name, value) => {
    if (name.toLowerCase() !== 'connection') return
    for (const option of connectionOptions(value)) if (!END_TO_END.has(option)) listed.add(option)
  })

  const pairs: string[] = []
  eachPair(rawHeaders, (name, value) => {
    const lowerCase = name.toLowerCase()
    if (!isToken(name) || !isFieldValue(value) || listed.has(lowerCase)) return
    const canonical = lowerCase.replaceAll('_', '-')
    if (isHopByHop(canonical) || OF_CONNECTION.has(canonical) || isForwarding(canonical)) return
    if (use === 'asked' && isOfCache(canonical)) return
    pairs.push(name, value)
  })
  return pairs
}

/** Whether a Connection field names fields of the request, beyond those that never go on anyway. */
export function listsFields(connection: string | undefined): boolean {
  return connectionOptions(connection).some(
    (option) => !isHopByHop(option) && option !== 'close' && !END_TO_END.has(option),
  )
}

/** The lines of each field, under lower-case names. */
export function fieldsByName(pairs: readonly string[]): Record<string, readonly string[]> {
  const lines = new Map<string, string[]>()
  eachPair(pairs, (name, value) => {
    const key = name.toLowerCase()
    const earlier = lines.get(key)
    if (earlier === undefined) lines.set(key, [value])
    else earlier.push(value)
  })
  return Object.fromEntries(lines)
}

function isForwarding(name: string): boolean {
  return name === 'forwarded' || name.startsWith('x-forwarded-')
}

function isOfCache(name: string): boolean {
  return name === 'range' || name.startsWith('if-')
}

function eachPair(pairs: readonly string[], use: (name: string, value: string) => void): void {
  for (let index = 0; index + 1 < pairs.length; index += 2) use(pairs[index] ?? '', pairs[index + 1] ?? '')
}
