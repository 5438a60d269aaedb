/**
 * Bunny's tokens: HS256 (an HMAC-SHA256) and the SHA-256 before it, in the query or in the first segment of the path.
 *
 *     /vod/clip/a.ts?token=HS256-…&expires=1893456000&token_path=%2Fvod%2Fclip%2F
 *     /bcdn_token=HS256-…&expires=1893456000&token_path=%2Fvod%2Fclip%2F/vod/clip/a.ts
 *
 * Signed are the path, the time and the parameters in the order of their names. The path is `token_path`, which covers
 * itself and what is below it, or else the one path that was asked for, as it stands in the URL. A token in the query
 * signs the other parameters of the query as well, unless `token_ignore_params` says otherwise.
 *
 * Two things of Bunny's cannot be checked here: countries, so such a token is refused, and `limit`, a pace, which is
 * not kept.
 */

import { hash } from 'node:crypto'
import { networkBytes } from './client-network.ts'
import { HmacSha256 } from './hmac-sha256.ts'
import { parameterName } from './query-parameters.ts'
import type { Carrier, Refusal, TokenRequest, TokenScheme } from './token-scheme.ts'
import { isCovered, isExpired, isSameText, unescaped } from './token-scheme.ts'

export interface BunnyOptions {
  readonly keys: Readonly<Record<string, string>>
  /** Whether a token has to name its client. */
  readonly clientIp: boolean
}

/** The name of a token in the query, and in the path. */
export const BUNNY_NAMES = { query: 'token', path: 'bcdn_token' } as const

interface Secret {
  readonly key: string
  readonly hmac: HmacSha256
}

interface BunnyToken {
  readonly token: string
  readonly expires: string
  /** Decoded; what is signed beside path and time, in the order of the names. */
  readonly signed: ReadonlyMap<string, string>
}

/** `1-` says that a client is part of what is signed. */
const HS256 = /^HS256-(1-)?[A-Za-z0-9_-]{43}$/
const SHA256 = /^[A-Za-z0-9_-]{43}$/
/** As many digits as every time until 2286 has, so that a digit of the path next to it cannot be taken for its own. */
const EXPIRES = /^[1-9]\d{9}$/
const SHA256_LENGTH = 43
const FOR_CLIENT_LENGTH = 'HS256-1-'.length + SHA256_LENGTH
const TOKEN_PATH = 'token_path'
const IGNORE_PARAMETERS = 'token_ignore_params'
/** What players add to each request by themselves (CTA-5004); no signer can have known it. */
const OF_PLAYERS = 'CMCD'

export function bunnyScheme({ keys, clientIp }: BunnyOptions): TokenScheme {
  const secrets = Object.values(keys).map((key) => ({ key, hmac: new HmacSha256(key) }))
  return {
    takes: 'parameters',
    isParameter: (name) => isOfToken(name),
    verify: (text, carrier, request) => {
      const token = read(text, carrier)
      return token === undefined ? 'malformed' : verify(token, request, secrets, clientIp)
    },
    coverage: (text) => {
      const { signed = new Map<string, string>() } = read(text, 'query') ?? {}
      const tokenPath = signed.get(TOKEN_PATH)
      const ignoresOthers = signed.get(IGNORE_PARAMETERS) === 'true'
      const isAlone = [...signed.keys()].every(isOfToken)
      return (path, isBare) =>
        tokenPath !== undefined && (ignoresOthers || (isAlone && isBare)) && isBelow(path, tokenPath)
    },
  }
}

function isOfToken(name: string): boolean {
  return name === 'token' || name === 'expires' || name === 'limit' || name.startsWith('token_')
}

function verify(
  { token, expires, signed }: BunnyToken,
  request: TokenRequest,
  secrets: readonly Secret[],
  clientIp: boolean,
): Refusal | undefined {
  const tokenPath = signed.get(TOKEN_PATH)
  let parameters = ''
  for (const [name, value] of signed) parameters += `${parameters === '' ? '' : '&'}${name}=${value}`
  const subject = { path: tokenPath ?? request.sentPath, expires, parameters }
  const isSigned = secrets.some((secret) => isSignedBy(secret, token, subject, request, clientIp))
  if (!isSigned) return 'bad-signature'
  if (isExpired(Number(expires), request.nowMs)) return 'expired'
  if (signed.has('token_countries') || signed.has('token_countries_blocked')) return 'restricted'
  return tokenPath === undefined || isBelow(request.path, tokenPath) ? undefined : 'wrong-path'
}

function isSignedBy(
  { key, hmac }: Secret,
  token: string,
  { path, expires, parameters }: { path: string; expires: string; parameters: string },
  { client }: TokenRequest,
  clientIp: boolean,
): boolean {
  // Its form has been looked at.
  if (token.startsWith('HS256-1-') && token.length === FOR_CLIENT_LENGTH) {
    const address = networkBytes(client())
    if (address === undefined) return false
    const signed = Buffer.concat([Buffer.from(path + expires), address, Buffer.from(parameters)])
    return isSameText(`HS256-1-${hmac.sign(signed, 'base64url')}`, token)
  }
  // Before there was `1-`, the client's address was signed as text, and the signers did not agree on its place.
  const texts = clientIp
    ? [`${path}${expires}${parameters}${client()}`, `${path}${expires}${client()}${parameters}`]
    : [`${path}${expires}${parameters}`]
  return texts.some((text) => {
    if (token.length === SHA256_LENGTH) return isSameText(hash('sha256', key + text, 'base64url'), token)
    return isSameText(`HS256-${hmac.sign(text, 'base64url')}`, token)
  })
}

function read(text: string, carrier: Carrier): BunnyToken | undefined {
  const all = new Map<string, string>()
  for (const parameter of text.split('&')) {
    if (parameter === '') continue
    const written = parameterName(parameter)
    const name = formDecoded(written)
    const value = formDecoded(parameter.slice(written.length + 1))
    if (name === undefined || value === undefined || all.has(name)) return undefined
    all.set(name, value)
  }
  const [token, expires] = [all.get(carrier === 'path' ? BUNNY_NAMES.path : BUNNY_NAMES.query), all.get('expires')]
  if (token === undefined || expires === undefined || !EXPIRES.test(expires)) return undefined
  if (!HS256.test(token) && !SHA256.test(token)) return undefined
  const ignoresOthers = all.get(IGNORE_PARAMETERS) === 'true'
  const signed = [...all].filter(([name]) => {
    if (name === BUNNY_NAMES.path || name === BUNNY_NAMES.query || name === 'expires' || name === OF_PLAYERS)
      return false
    return !ignoresOthers || name.startsWith('token_')
  })
  if (signed.length > 1) signed.sort(([a], [b]) => (a < b ? -1 : 1))
  return { token, expires, signed: new Map(signed) }
}

function formDecoded(text: string): string | undefined {
  return unescaped(text.includes('+') ? text.replaceAll('+', ' ') : text)
}

/** A directory may be written without its last slash; it ends there all the same. */
function isBelow(path: string, tokenPath: string): boolean {
  return isCovered(path, tokenPath) || isCovered(path, tokenPath.endsWith('/') ? tokenPath : `${tokenPath}/`)
}
