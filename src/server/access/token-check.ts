/**
 * Token check: where a route's tokens are carried, and what has to be true of the one that a request brings.
 *
 * Every place is looked into and cleared, whichever of them the token is taken from, so that nothing of it goes on.
 */

import type { IncomingMessage } from '../messages.ts'
import type { CleanTarget } from './path-tokens.ts'
import { hasParameter, queryParameter, withoutParameters } from './query-parameters.ts'
import { cookieValue, fieldValue } from './request-credentials.ts'
import type { Carrier, Refusal, TokenRequest, TokenScheme } from './token-scheme.ts'

export interface TokenRules {
  readonly scheme: TokenScheme
  /** In the order in which they are looked into; the first one that has a token counts. */
  readonly carriers: readonly TokenPlace[]
}

/** `name` is the query parameter, the cookie, the field in lower case, or what the path segment begins with. */
export interface TokenPlace {
  readonly carrier: Carrier
  readonly name: string
}

/** A token as it was sent. */
export interface FoundToken {
  readonly carrier: Carrier
  readonly text: string
}

export function checkToken(
  req: IncomingMessage,
  target: CleanTarget,
  { scheme, carriers }: TokenRules,
  { nowMs, client, isReadOneWay }: Pick<TokenRequest, 'nowMs' | 'client'> & { readonly isReadOneWay: boolean },
): FoundToken | Refusal {
  const found = findToken(req, target, scheme, carriers)
  if (typeof found === 'string') return found
  // What two programs could understand as two paths is no path that a signature holds for.
  if (!isReadOneWay) return 'wrong-path'
  const { path, sentPath } = target
  return scheme.verify(found.text, found.carrier, { path, sentPath, nowMs, client }) ?? found
}

/** The query without what belongs to a token; the same text where nothing does. */
export function withoutToken(query: string, { scheme, carriers }: TokenRules): string {
  return carriers.some(({ carrier }) => carrier === 'query') ? withoutParameters(query, scheme.isParameter) : query
}

function findToken(
  req: IncomingMessage,
  { pathToken, query }: CleanTarget,
  { takes }: TokenScheme,
  carriers: readonly TokenPlace[],
): FoundToken | Refusal {
  for (const { carrier, name } of carriers) {
    switch (carrier) {
      case 'path': {
        if (pathToken === undefined || !pathToken.startsWith(`${name}=`)) break
        return { carrier, text: takes === 'value' ? pathToken.slice(name.length + 1) : pathToken }
      }
      case 'query': {
        if (!hasParameter(query, name)) break
        const value = queryParameter(query, name)
        if (value === undefined) return 'malformed'
        return { carrier, text: takes === 'value' ? value : query }
      }
      case 'cookie':
      case 'header': {
        const text = carrier === 'cookie' ? cookieValue(req, name) : fieldValue(req, name)
        if (text === 'several') return 'malformed'
        if (text === undefined) break
        return { carrier, text }
      }
      default:
        return carrier satisfies never
    }
  }
  return 'no-token'
}
