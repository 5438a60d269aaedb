/**
 * The building blocks of field values that several parsers share (RFC 9110 §5.6).
 *
 * Invariant: nothing here throws, whatever the string, and every scan moves forward only.
 */

/** The largest number of seconds a cache has to tell apart; larger values count as this one (RFC 9111 §1.2.2). */
export const MAX_DELTA_SECONDS = 2 ** 31

const DIGITS = /^[0-9]+$/
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** Whether the whole string is one token, such as a field name (RFC 9110 §5.6.2). */
export function isToken(text: string): boolean {
  return TOKEN.test(text)
}

/** Where the run of token characters that begins at `start` ends; `start` itself when there is none. */
export function endOfToken(value: string, start: number): number {
  let end = start
  while (end < value.length && isToken(value.charAt(end))) end += 1
  return end
}

/** The position of the first character from `start` on that is neither space nor tab (RFC 9110 §5.6.3). */
export function skipWhitespace(value: string, start: number): number {
  let position = start
  while (value[position] === ' ' || value[position] === '\t') position += 1
  return position
}

/** The beginning of the next list member: separators, empty members and whitespace passed over (RFC 9110 §5.6.1). */
export function nextMember(value: string, start: number): number {
  let position = start
  for (;;) {
    position = skipWhitespace(value, position)
    if (value[position] !== ',') return position
    position += 1
  }
}

/** The position of the first comma from `start` on, or the end of the value. */
export function endAtComma(value: string, start: number): number {
  const comma = value.indexOf(',', start)
  return comma === -1 ? value.length : comma
}

/** Without the spaces and tabs around it, and only those: `trim()` would take away more than HTTP calls whitespace. */
export function trimWhitespace(value: string): string {
  return trimWhitespaceEnd(value.slice(skipWhitespace(value, 0)))
}

/** Without the spaces and tabs behind it. */
export function trimWhitespaceEnd(value: string): string {
  let end = value.length
  while (value[end - 1] === ' ' || value[end - 1] === '\t') end -= 1
  return value.slice(0, end)
}

/**
 * A quoted-string (RFC 9110 §5.6.4) whose opening quote is at `start`: its text without quotes and backslashes, and
 * the position after its closing quote; undefined when it is never closed.
 */
export function readQuotedString(value: string, start: number): { text: string; end: number } | undefined {
  let text = ''
  for (let position = start + 1; position < value.length; position += 1) {
    const character = value.charAt(position)
    if (character === '"') return { text, end: position + 1 }
    if (character === '\\') position += 1
    text += value.charAt(position)
  }
  return undefined
}

/** A whole, non-negative number of seconds, at most {@link MAX_DELTA_SECONDS}; undefined for anything else. */
export function parseDeltaSeconds(text: string): number | undefined {
  return DIGITS.test(text) ? Math.min(Number(text), MAX_DELTA_SECONDS) : undefined
}
