/**
 * Structured fields as text (RFC 9651 §4.1): the other direction of structured-fields.ts.
 *
 * Invariant: what comes out parses back to what went in, or nothing comes out.
 */
import type { BareItem, Dictionary, InnerList, Item, Parameters } from './structured-fields.ts'

const KEY = /^[a-z*][a-z0-9_\-.*]*$/
const TOKEN = /^[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*$/
const PRINTABLE = /^[ -~]*$/
const MAX_INTEGER = 999_999_999_999_999
const MAX_DECIMAL = 999_999_999_999.999

/**
 * §4.1.2. Undefined where something in it has no form: a key or token with other characters, a string beyond ASCII,
 * a number that is too large or has more than three digits behind its point.
 */
export function formatDictionary(dictionary: Dictionary): string | undefined {
  return joinAll(
    [...dictionary].map(([key, member]) => {
      if (member.type === 'boolean' && member.value)
        return concatenate(formatKey(key), formatParameters(member.parameters))
      return concatenate(
        formatKey(key),
        '=',
        member.type === 'inner-list' ? formatInnerList(member) : formatItem(member),
      )
    }),
    ', ',
  )
}

function formatInnerList({ items, parameters }: InnerList): string | undefined {
  return concatenate('(', joinAll(items.map(formatItem), ' '), ')', formatParameters(parameters))
}

function formatItem(item: Item): string | undefined {
  return concatenate(formatBareItem(item), formatParameters(item.parameters))
}

function formatParameters(parameters: Parameters): string | undefined {
  return joinAll(
    [...parameters].map(([key, item]) => {
      if (item.type === 'boolean' && item.value) return concatenate(';', formatKey(key))
      return concatenate(';', formatKey(key), '=', formatBareItem(item))
    }),
    '',
  )
}

function formatKey(key: string): string | undefined {
  return KEY.test(key) ? key : undefined
}

function formatBareItem(item: BareItem): string | undefined {
  switch (item.type) {
    case 'integer':
      return formatInteger(item.value)
    case 'date':
      return concatenate('@', formatInteger(item.value))
    case 'decimal':
      return formatDecimal(item.value)
    case 'string':
      return PRINTABLE.test(item.value) ? `"${item.value.replace(/["\\]/g, '\\$&')}"` : undefined
    case 'token':
      return TOKEN.test(item.value) ? item.value : undefined
    case 'bytes':
      return `:${Buffer.from(item.value).toString('base64')}:`
    case 'boolean':
      return item.value ? '?1' : '?0'
    case 'display-string':
      return formatDisplayString(item.value)
    default:
      return item satisfies never
  }
}

function formatInteger(value: number): string | undefined {
  return Number.isInteger(value) && Math.abs(value) <= MAX_INTEGER ? String(value) : undefined
}

function formatDecimal(value: number): string | undefined {
  if (!(Math.abs(value) <= MAX_DECIMAL)) return undefined
  const text = value.toFixed(3)
  return Number(text) === value ? text.replace(/0{1,2}$/, '') : undefined
}

/** Half of a surrogate pair is no character, and has no bytes to be escaped as. */
function formatDisplayString(value: string): string | undefined {
  if (!value.isWellFormed()) return undefined
  const escaped = value.replace(/[^ !#$&-~]+/gu, (characters) =>
    Buffer.from(characters).toString('hex').replace(/../g, '%$&'),
  )
  return `%"${escaped}"`
}

function joinAll(parts: readonly (string | undefined)[], separator: string): string | undefined {
  return parts.includes(undefined) ? undefined : parts.join(separator)
}

function concatenate(...parts: readonly (string | undefined)[]): string | undefined {
  return joinAll(parts, '')
}
