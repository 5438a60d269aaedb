/**
 * nginx's secure_link with secure_link_md5: the base64url of an MD5 over an expression of nginx variables.
 *
 * The expression is the one of the nginx configuration, with `$key` where the secret stood. It has to hold
 * `$secure_link_expires`, `$uri` and `$key`: a link without an end, or one that is good for any path, is not accepted
 * here. A token covers one path; nginx's `$uri` is the decoded path.
 *
 * MD5 is broken where somebody chooses both texts, and not known to be so where a secret is part of what is hashed; it
 * is here for links that exist. New ones should be of the HMAC scheme.
 */

import { hash } from 'node:crypto'
import type { Part, Variable } from '../../http/secure-link-expression.ts'
import { compileExpression } from '../../http/secure-link-expression.ts'
import { queryParameter } from './query-parameters.ts'
import type { Refusal, TokenRequest, TokenScheme } from './token-scheme.ts'
import { isExpired, isSameText } from './token-scheme.ts'

export interface SecureLinkOptions {
  readonly keys: Readonly<Record<string, string>>
  readonly expression: string
  /** Query parameter of the hash: `$arg_md5`. */
  readonly name: string
  /** Query parameter of the epoch second at which the link ends: `$arg_expires`. */
  readonly expiresName: string
}

/** As many digits as every time until 2286 has, so that a digit of the path next to it cannot be taken for its own. */
const EXPIRES = /^[1-9]\d{9}$/
const MD5 = /^[A-Za-z0-9_-]{22}$/

/** @param options with an expression that `secureLinkFault` finds no fault in */
export function secureLinkScheme({ keys, expression, name, expiresName }: SecureLinkOptions): TokenScheme {
  const parts = compileExpression(expression)
  const secrets = Object.values(keys)
  return {
    takes: 'parameters',
    isParameter: (parameter) => parameter === name || parameter === expiresName,
    verify: (query, _carrier, request) => {
      const md5 = queryParameter(query, name)
      const expires = queryParameter(query, expiresName)
      if (md5 === undefined || expires === undefined || !MD5.test(md5) || !EXPIRES.test(expires)) return 'malformed'
      return verify(md5, expires, request, parts, secrets)
    },
  }
}

function verify(
  md5: string,
  expires: string,
  request: TokenRequest,
  parts: readonly Part[],
  secrets: readonly string[],
): Refusal | undefined {
  const isSigned = secrets.some((key) =>
    isSameText(hash('md5', evaluate(parts, request, expires, key), 'base64url'), md5),
  )
  if (!isSigned) return 'bad-signature'
  return isExpired(Number(expires), request.nowMs) ? 'expired' : undefined
}

function evaluate(parts: readonly Part[], { path, client }: TokenRequest, expires: string, key: string): string {
  let text = ''
  for (const part of parts) {
    if ('text' in part) text += part.text
    else text += variableValue(part.variable, { path, client, expires, key })
  }
  return text
}

function variableValue(
  variable: Variable,
  { path, client, expires, key }: Pick<TokenRequest, 'path' | 'client'> & { expires: string; key: string },
): string {
  switch (variable) {
    case 'secure_link_expires':
      return expires
    case 'uri':
      return path
    case 'remote_addr':
      return client()
    case 'key':
      return key
    default:
      return variable satisfies never
  }
}
