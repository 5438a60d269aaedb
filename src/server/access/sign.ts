/** Sign: a URL, or a cookie, with a token of our own scheme, as a backend would give it to a player. Pure. */

import { parseTarget } from '../../http/target.ts'
import { isPlaylist } from '../../media/types.ts'
import { networkBytes } from './client-network.ts'
import { signHmac } from './hmac.ts'
import { isCovered } from './token-scheme.ts'

export interface Signing {
  /** A path with or without scheme and host in front, as it stands in a URL. */
  readonly url: string
  readonly keyName: string
  readonly key: string
  /** What the token covers, as it stands in a URL: everything below it where it ends in a slash. */
  readonly covers: string | undefined
  readonly expiresSeconds: number
  readonly client: string | undefined
  readonly carrier: 'path' | 'query' | 'cookie'
  /** What the token is called there. */
  readonly name: string
}

/** One line to print, or a sentence about what cannot be signed. */
export type Signed = { readonly text: string } | { readonly fault: string }

const SITE_AND_TARGET = /^(https?:\/\/[^/?#]+)?(\/[^#]*)$/i

export function sign(signing: Signing): Signed {
  const { url, keyName, key, expiresSeconds, client, carrier, name } = signing
  const [, site = '', sentTarget] = SITE_AND_TARGET.exec(url) ?? []
  const target = sentTarget === undefined ? undefined : parseTarget(sentTarget)
  if (target?.kind !== 'ok' || !target.isUtf8)
    return { fault: 'expected a path, or a URL with one, that can be asked for' }
  const covers = parseTarget(signing.covers ?? coveredBy(target.sentPath))
  if (covers.kind === 'refused' || !covers.isUtf8 || covers.query !== '') {
    return { fault: 'expected a path that the token is to cover' }
  }
  if (!isCovered(target.path, covers.path)) return { fault: 'the token would not cover the path that it is for' }
  if (client !== undefined && networkBytes(client) === undefined) return { fault: 'expected the address of a client' }
  const token = signHmac(keyName, key, { path: covers.path, expiresSeconds, client })
  switch (carrier) {
    case 'path':
      return { text: `${site}/${name}=${token}${target.sentPath}${target.sentQuery}` }
    case 'query':
      return { text: `${site}${target.sentPath}${target.query === '' ? '?' : `${target.sentQuery}&`}${name}=${token}` }
    case 'cookie':
      return { text: `${name}=${token}; Path=${covers.sentPath}; HttpOnly; Secure; SameSite=None` }
    default:
      return carrier satisfies never
  }
}

/** A playlist is of no use without what it lists, which is beside it as a rule. */
function coveredBy(sentPath: string): string {
  return isPlaylist(sentPath) ? sentPath.slice(0, sentPath.lastIndexOf('/') + 1) : sentPath
}
