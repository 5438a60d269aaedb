/** Tokens for tests of whole programs: the keys, what a route says of them, and URLs that are signed with them. */
import { signHmac } from '../../src/server/access/hmac.ts'

export const HMAC_KEY = 'hush-hmac-key-0123456789'

/** A token for `path` for an hour from the epoch second given. */
export function hmacToken(path: string, nowMs: number, more: { client?: string; key?: string; keyName?: string } = {}) {
  const { client, key = HMAC_KEY, keyName = 'k1' } = more
  return signHmac(keyName, key, { path, expiresSeconds: Math.floor(nowMs / 1000) + 3600, client })
}

/** `access` of a route with our own tokens. */
export function hmacAccess(more: Readonly<Record<string, unknown>> = {}) {
  return { tokens: { scheme: 'hmac', keys: { k1: HMAC_KEY }, ...more } }
}
