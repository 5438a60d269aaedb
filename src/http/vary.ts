/**
 * Vary (RFC 9110 §12.5.5): which fields of a request a response was chosen by, and whether another request would have
 * been answered with the same one (RFC 9111 §4.1).
 *
 * Invariant: requests get the same selecting key only where their fields mean the same by the fields' own rules. What
 * is not understood is compared as it was written.
 */
import { normaliseAcceptEncoding, normaliseAcceptLanguage } from './preferences.ts'
import { isToken, readQuotedString, trimWhitespace } from './syntax.ts'

/**
 * The names of the selecting fields: lower case, sorted, each once; none for a response without Vary.
 *
 * `*`: nothing in a request tells whether the response fits. So it is too where a member is no field name, since
 * what it stands for is not known.
 */
export function parseVary(value: string | undefined): readonly string[] | '*' {
  if (value === undefined) return []
  const names = new Set<string>()
  for (const member of value.split(',')) {
    const name = trimWhitespace(member).toLowerCase()
    if (name === '') continue
    if (name === '*' || !isToken(name)) return '*'
    names.add(name)
  }
  return [...names].toSorted()
}

/** name, value, …: the same with one Vary at most, which names what all of them named, each once. */
export function joinVary(pairs: string[]): string[] {
  const isVary = (index: number) => pairs[index - (index % 2)]?.toLowerCase() === 'vary'
  const values = pairs.filter((_, index) => index % 2 === 1 && isVary(index))
  if (values.length < 2) return pairs
  const names = new Map<string, string>()
  for (const member of values.join(',').split(',').map(trimWhitespace)) {
    const key = member.toLowerCase()
    if (member !== '' && !names.has(key)) names.set(key, member)
  }
  const joined = names.has('*') ? '*' : [...names.values()].join(', ')
  return [...pairs.filter((_, index) => !isVary(index)), 'Vary', joined]
}

/**
 * One string for the values of the selecting fields: equal for two requests that may have the same response, and for
 * no others. A field that is absent differs from one that is empty.
 *
 * @param names as {@link parseVary} gives them
 * @param fields under lower-case names, a value for each line or all of them joined with commas. In Node that is
 * `headersDistinct`; `headers` shows only the first line of some fields, and an origin may go by another
 */
export function selectingKey(
  names: readonly string[],
  fields: Readonly<Record<string, string | readonly string[] | undefined>>,
): string {
  let key = ''
  for (const name of names) {
    const value = normalisedValue(name, Object.hasOwn(fields, name) ? fields[name] : undefined)
    // A name has neither colon nor semicolon, and the length says where a value ends: no value can pose as two.
    key += value === undefined ? `${name};` : `${name}:${value.length}:${value}`
  }
  return key
}

/** What {@link selectingKey} compares of one field; undefined for an absent one. */
export function normalisedValue(name: string, lines: string | readonly string[] | undefined): string | undefined {
  if (lines === undefined) return undefined
  if (typeof lines === 'string') return normalise(name, lines)
  return lines.length === 0 ? undefined : normalise(name, lines.join(', '))
}

const MAX_REMEMBERED = 128
const MAX_REMEMBERED_LENGTH = 256
const codings = new Map<string, string>()
const languages = new Map<string, string>()

/**
 * Preferences come in a few spellings, one for each kind of client, and again with every request: a hit has no time to
 * take them apart anew. Clients that send ever new ones empty the memory and cost time, nothing else.
 */
function remembered(
  memory: Map<string, string>,
  value: string,
  normalisePreferences: (value: string) => string | undefined,
): string {
  const known = memory.get(value)
  if (known !== undefined) return known
  const normalised = normalisePreferences(value) ?? normaliseWhitespace(value)
  if (value.length > MAX_REMEMBERED_LENGTH) return normalised
  if (memory.size === MAX_REMEMBERED) memory.clear()
  memory.set(value, normalised)
  return normalised
}

function normalise(name: string, value: string): string {
  switch (name) {
    case 'accept-encoding':
      return remembered(codings, value, normaliseAcceptEncoding)
    case 'accept-language':
      return remembered(languages, value, normaliseAcceptLanguage)
    default:
      return normaliseWhitespace(value)
  }
}

/** One space after each comma of the list and none elsewhere around its members; quoted strings are left alone. */
function normaliseWhitespace(value: string): string {
  if (!value.includes(',')) return trimWhitespace(value)
  let normalised = ''
  let start = 0
  let hasQuotes = true
  for (let position = 0; position < value.length; position += 1) {
    const character = value[position]
    if (character === ',') {
      normalised += `${trimWhitespace(value.slice(start, position))}, `
      start = position + 1
    } else if (character === '"' && hasQuotes) {
      const quoted = readQuotedString(value, position)
      // One that is never closed is no string, and what follows it was read through already: once is enough.
      if (quoted === undefined) hasQuotes = false
      else position = quoted.end - 1
    }
  }
  return normalised + trimWhitespace(value.slice(start))
}
