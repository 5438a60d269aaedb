/**
 * Via: what says which proxies a request has come through (RFC 9110 §7.6.3).
 *
 * Invariant: two proxies that run have two pseudonyms, however alike they are; so whoever finds its own one in a request
 * has had that request before, and to send it on once more would send it round for ever (RFC 9110 §7.6).
 */
import { trimWhitespace } from './syntax.ts'

/** What a proxy of that kind calls itself. `unique` is a token's characters, and no other running proxy's. */
export function pseudonymOf(name: string, unique: string): string {
  return `${name}-${unique}`
}

/** The field's value for the next recipient: the lines received, in their order, and then this proxy. */
export function viaWith(lines: readonly string[], httpVersion: string, pseudonym: string): string {
  return [...lines, `${httpVersion} ${pseudonym}`].join(', ')
}

/** Whether a request has come through the proxy of that name. Comments are anybody's, and prove nothing. */
export function hasPassed(via: string | undefined, pseudonym: string): boolean {
  if (via === undefined) return false
  return via.split(',').some(
    (member) =>
      trimWhitespace(member)
        .split(/[ \t]+/, 2)[1]
        ?.toLowerCase() === pseudonym,
  )
}
