/**
 * The directives of a Cache-Control field, in requests and responses alike (RFC 9111 §5.2).
 *
 * Invariant: every directive that another reader of the field would see is seen here too; a quote that is never
 * closed hides none.
 */
import { endAtComma, endOfToken, readQuotedString, skipWhitespace, trimWhitespaceEnd } from './syntax.ts'

export interface Directive {
  /** In lower case. Empty where the member does not begin with a token. */
  readonly name: string
  /** Without quotes; empty where there is nothing behind the `=`; undefined where there is no `=`. */
  readonly argument: string | undefined
  /** The position after it: a comma or the end of the value. */
  readonly end: number
}

/** The directive that begins at `start`, which is the beginning of a list member. */
export function readDirective(value: string, start: number): Directive {
  const nameEnd = endOfToken(value, start)
  const name = value.slice(start, nameEnd).toLowerCase()

  if (value.startsWith('="', nameEnd)) {
    const quoted = readQuotedString(value, nameEnd + 1)
    if (quoted !== undefined) {
      const end = skipWhitespace(value, quoted.end)
      if (end === value.length || value[end] === ',') return { name, argument: quoted.text, end }
    }
  }

  // A quote that opens nothing whole hides nothing either: a no-store after it is still found.
  const end = endAtComma(value, nameEnd)
  const argument = value[nameEnd] === '=' ? trimWhitespaceEnd(value.slice(nameEnd + 1, end)) : undefined
  return { name, argument, end }
}
