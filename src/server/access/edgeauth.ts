/**
 * Akamai's EdgeAuth 2.0 tokens: fields with tildes between them, and an HMAC-SHA256 over them in hex.
 *
 *     st=1893450000~exp=1893456000~acl=/vod/clip/*~hmac=7f…
 *
 * What is signed is the token's own text up to `~hmac=`, then `~url=` and the path where the token has no acl, then
 * `~salt=` and the salt where there is one. A token with an acl covers what one of its patterns matches: `*` stands
 * for any characters, slashes too, `?` for one; `!` is between patterns. A token without one covers one path.
 *
 * A signer may escape its texts ("escape token input"). A path begins with a slash, and an escaped one with %2f, so
 * the two are told apart without an option.
 */

import { isSameClient } from './client-network.ts'
import { HmacSha256 } from './hmac-sha256.ts'
import type { Refusal, TokenRequest, TokenScheme } from './token-scheme.ts'
import { isExpired, isSameText, unescaped } from './token-scheme.ts'

export interface EdgeAuthOptions {
  /** Hex digits, as Akamai has them. */
  readonly keys: Readonly<Record<string, string>>
  readonly name: string
  readonly salt: string | undefined
  /** Whether a token has to name its client. */
  readonly clientIp: boolean
}

/** `id` and `data` are the signer's own; they are covered by the signature and otherwise left alone. */
const FIELDS = ['ip', 'st', 'exp', 'acl', 'id', 'data'] as const
type FieldName = (typeof FIELDS)[number]
type Fields = ReadonlyMap<FieldName, string>

const BEFORE_HMAC = '~hmac='
const HMAC = /^[0-9a-f]{64}$/
const TIME = /^\d{1,11}$/

export function edgeAuthScheme({ keys, name, salt, clientIp }: EdgeAuthOptions): TokenScheme {
  const secrets = Object.values(keys).map((hex) => new HmacSha256(Buffer.from(hex, 'hex')))
  return {
    takes: 'value',
    isParameter: (parameter) => parameter === name,
    verify: (text, carrier, request) => {
      // Only a query's own syntax, and browsers' care for cookies, put escapes around a token.
      const token = carrier === 'header' ? text : unescapedOnce(text)
      return token === undefined ? 'malformed' : verify(token, request, { secrets, salt, clientIp })
    },
    coverage: (text) => {
      const token = unescapedOnce(text)
      const acl = token === undefined ? undefined : readFields(token)?.get('acl')
      return (path) => acl !== undefined && matchesAcl(acl, path)
    },
  }
}

function verify(
  token: string,
  request: TokenRequest,
  { secrets, salt, clientIp }: { secrets: readonly HmacSha256[]; salt: string | undefined; clientIp: boolean },
): Refusal | undefined {
  const fields = readFields(token)
  if (fields === undefined) return 'malformed'
  const end = token.lastIndexOf(BEFORE_HMAC)
  const hmac = token.slice(end + BEFORE_HMAC.length)
  const acl = fields.get('acl')
  const ending = salt === undefined ? '' : `~salt=${salt}`
  const own = token.slice(0, end)
  const texts =
    acl !== undefined
      ? [own + ending]
      : [`${own}~url=${request.path}${ending}`, `${own}~url=${escapedEarly(request.path)}${ending}`]
  const isSigned = secrets.some((key) => texts.some((text) => isSameText(key.sign(text, 'hex'), hmac)))
  if (!isSigned) return 'bad-signature'
  if (isExpired(Number(fields.get('exp')), request.nowMs)) return 'expired'
  if (request.nowMs < Number(fields.get('st') ?? 0) * 1000) return 'not-yet'
  if (acl !== undefined && !matchesAcl(acl, request.path)) return 'wrong-path'
  const named = fields.get('ip')
  if (named === undefined) return clientIp ? 'wrong-client' : undefined
  return isSameClient(unescaped(named) ?? '', request.client()) ? undefined : 'wrong-client'
}

/** What stands before the HMAC; undefined where it is no such token, or says something that is not understood here. */
function readFields(token: string): Fields | undefined {
  const end = token.lastIndexOf(BEFORE_HMAC)
  if (end === -1 || !HMAC.test(token.slice(end + BEFORE_HMAC.length))) return undefined
  const fields = new Map<FieldName, string>()
  for (const part of token.slice(0, end).split('~')) {
    const equals = part.indexOf('=')
    const name = FIELDS.find((known) => known === part.slice(0, Math.max(0, equals)))
    if (name === undefined || fields.has(name)) return undefined
    fields.set(name, part.slice(equals + 1))
  }
  const [st = '0', exp = ''] = [fields.get('st'), fields.get('exp')]
  return TIME.test(exp) && TIME.test(st) ? fields : undefined
}

/** A token that begins with an escaped field name, or has an escaped tilde or equals sign, was escaped as a whole. */
function unescapedOnce(text: string): string | undefined {
  return /^[a-z]+(?:%3D)/i.test(text) || /%7E/i.test(text) ? unescaped(text) : text
}

function matchesAcl(acl: string, path: string): boolean {
  const patterns = /^%2f/i.test(acl) ? unescaped(acl) : acl
  return patterns?.split('!').some((pattern) => matches(pattern, path)) ?? false
}

/** Goes back to the last asterisk only, so that no pattern takes more than pattern times path. */
function matches(pattern: string, path: string): boolean {
  let [at, place, asterisk, resumeAt] = [0, 0, -1, 0]
  while (place < path.length) {
    const wanted = pattern[at]
    if (wanted === '*') {
      asterisk = at
      resumeAt = place
      at += 1
    } else if (wanted === '?' || wanted === path[place]) {
      at += 1
      place += 1
    } else if (asterisk !== -1) {
      at = asterisk + 1
      resumeAt += 1
      place = resumeAt
    } else return false
  }
  while (pattern[at] === '*') at += 1
  return at === pattern.length
}

/** As Akamai's own signers escape: all but letters, digits and `-_.!()`, in lower-case hex. */
function escapedEarly(path: string): string {
  return encodeURIComponent(path)
    .replace(/[~'*]/g, (character) => `%${character.charCodeAt(0).toString(16)}`)
    .replace(/%../g, (octet) => octet.toLowerCase())
}
