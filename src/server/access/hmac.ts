/**
 * Our own tokens: a key's name, the claims and a signature over both, with dots between them.
 *
 *     k1.MTg5MzQ1NjAwMCAvdm9kL2NsaXAv.5Gq…
 *
 * The claims are base64url of `EXPIRES PATH` or `EXPIRES CLIENT PATH`: epoch seconds; the address the token is for;
 * and the decoded path that it covers, with everything below it if it ends in a slash. The signature is the base64url
 * of HMAC-SHA256 over everything before its dot. So what is signed is what is read, and it cannot be read in two ways.
 *
 * JSON Web Tokens would say the same with three times the bytes in every URL, and the library that is good at them
 * verifies asynchronously, where a hit has to be answered at once.
 */

import { isSameClient, networkBytes } from './client-network.ts'
import { HmacSha256 } from './hmac-sha256.ts'
import type { Refusal, TokenRequest, TokenScheme } from './token-scheme.ts'
import { isCovered, isExpired, isSameText } from './token-scheme.ts'

/** What a token says. */
export interface HmacClaims {
  /** Decoded; one that ends in a slash covers everything below it. */
  readonly path: string
  /** Epoch seconds. */
  readonly expiresSeconds: number
  /** The address of the only client that may use it, or of any in the same IPv6 /64. */
  readonly client?: string | undefined
}

export interface HmacOptions {
  /** By name. A token holds the name of its key, so several keys cost no more than one. */
  readonly keys: Readonly<Record<string, string>>
  /** What carries a token in the query. */
  readonly name: string
  /** Whether a token has to name its client. */
  readonly clientIp: boolean
}

const TOKEN = /^([A-Za-z][A-Za-z0-9]*)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]{43}$/
const CLAIMS = /^(\d{1,11}) (?:([0-9A-Fa-f:.]+) )?(\/.*)$/s

/** The token for these claims. */
export function signHmac(keyName: string, key: string, { path, expiresSeconds, client }: HmacClaims): string {
  const claims = client === undefined ? `${expiresSeconds} ${path}` : `${expiresSeconds} ${client} ${path}`
  const signed = `${keyName}.${Buffer.from(claims).toString('base64url')}`
  return `${signed}.${new HmacSha256(key).sign(signed, 'base64url')}`
}

export function hmacScheme({ keys, name, clientIp }: HmacOptions): TokenScheme {
  const keysByName = new Map(Object.entries(keys).map(([keyName, key]) => [keyName, new HmacSha256(key)]))
  return {
    takes: 'value',
    isParameter: (parameter) => parameter === name,
    verify: (text, _carrier, request) => verify(text, request, keysByName, clientIp),
    coverage: (text) => {
      const claims = readClaims(TOKEN.exec(text)?.[2] ?? '')
      return (path) => claims !== undefined && isCovered(path, claims.path)
    },
  }
}

function verify(
  text: string,
  { path, nowMs, client }: TokenRequest,
  keys: ReadonlyMap<string, HmacSha256>,
  clientIp: boolean,
): Refusal | undefined {
  const [, keyName = '', encoded = ''] = TOKEN.exec(text) ?? []
  if (keyName === '') return 'malformed'
  const key = keys.get(keyName)
  if (key === undefined) return 'bad-signature'
  const end = text.lastIndexOf('.')
  if (!isSameText(key.sign(text.slice(0, end), 'base64url'), text.slice(end + 1))) return 'bad-signature'
  const claims = readClaims(encoded)
  if (claims === undefined) return 'malformed'
  if (isExpired(claims.expiresSeconds, nowMs)) return 'expired'
  if (!isCovered(path, claims.path)) return 'wrong-path'
  if (claims.client === undefined) return clientIp ? 'wrong-client' : undefined
  return isSameClient(claims.client, client()) ? undefined : 'wrong-client'
}

function readClaims(encoded: string): HmacClaims | undefined {
  const [, expires, client, path] = CLAIMS.exec(Buffer.from(encoded, 'base64url').toString()) ?? []
  if (expires === undefined || path === undefined) return undefined
  if (client !== undefined && networkBytes(client) === undefined) return undefined
  return { path, expiresSeconds: Number(expires), client }
}
