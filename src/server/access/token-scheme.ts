/**
 * TokenScheme: how one kind of token says what may be asked for, until when, and by whom.
 *
 * Invariant: a scheme grants a path only where a key of its own signed a text that, read in one way only, covers that
 * path. Whatever cannot be read, or says more than can be checked here, is refused.
 */

import { timingSafeEqual } from 'node:crypto'

/**
 * Why a request gets no answer, for whoever reads the answer, Cache-Status or the log:
 *
 * - `no-token`: there is none in any place where one may be
 * - `malformed`: there is something in that place, and it is no token of this scheme; or there are two
 * - `bad-signature`: no key of ours made it, or it was changed; of schemes that sign the request's own path, also a
 *   token for another path or client
 * - `expired`, `not-yet`: its time is over, or has not come
 * - `wrong-path`: it is good, and covers other paths
 * - `wrong-client`: it is good, and for another client; or it had to name its client and does not
 * - `restricted`: it is good, and restricted by what cannot be checked here, such as countries
 * - `network`, `referer`, `secret`: what the route demands beside a token
 */
export type Refusal =
  | 'no-token'
  | 'malformed'
  | 'bad-signature'
  | 'expired'
  | 'not-yet'
  | 'wrong-path'
  | 'wrong-client'
  | 'restricted'
  | 'network'
  | 'referer'
  | 'secret'

/** What a token is held against. */
export interface TokenRequest {
  /** Decoded, and what the object is looked up by. */
  readonly path: string
  /** The same as it was sent. */
  readonly sentPath: string
  readonly nowMs: number
  /** Canonical, IPv4 never as IPv6; asked for only where a token names a client. */
  readonly client: () => string
}

/** Where a token was found; of the path and the query a scheme may want all of it. */
export type Carrier = 'path' | 'query' | 'cookie' | 'header'

export interface TokenScheme {
  /**
   * `value`: a token is one text, the value of the name it is carried under. `parameters`: it is several parameters,
   * and gets all of the query, or the path segment that holds them.
   */
  readonly takes: 'value' | 'parameters'
  /** Whether a query parameter of this name belongs to the token, and to nobody behind it. */
  readonly isParameter: (name: string) => boolean
  /** Undefined where the request is granted. The text is as it was sent, percent-escapes and all. */
  readonly verify: (text: string, carrier: Carrier, request: TokenRequest) => Refusal | undefined
  /**
   * What a token that was granted something covers besides, by the decoded path, and whether its URL has no query
   * beside the token; undefined where a token covers one path only.
   */
  readonly coverage?: (text: string) => Coverage
}

export type Coverage = (path: string, isBare: boolean) => boolean

/** By the epoch seconds a token holds: at that moment it is over. */
export function isExpired(expiresSeconds: number, nowMs: number): boolean {
  return nowMs >= expiresSeconds * 1000
}

/** Whether two texts of Latin-1 are the same, in a time that tells nothing about where they differ. */
export function isSameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a, 'latin1'), Buffer.from(b, 'latin1'))
}

/**
 * A prefix that ends in a slash covers everything below it, any other one itself alone. Both are decoded and neither
 * has dot-segments, so nothing that starts with the prefix can lead out of it.
 */
export function isCovered(path: string, prefix: string): boolean {
  return prefix.endsWith('/') ? path.startsWith(prefix) : path === prefix
}

/** The text behind percent-escapes; undefined where it has none that is whole. A plus is a plus. */
export function unescaped(text: string): string | undefined {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    // A URIError is its only complaint.
    return undefined
  }
}
