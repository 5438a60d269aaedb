/**
 * Access: whether a request may have an answer from its route, decided before anything else about it is.
 *
 * Everything that a route demands has to be there: an address out of the right networks, the word of the CDN in front,
 * a page of the right site, a token. What was brought to show it goes no further: the target that comes out has no
 * token, and where the origin sees the request's fields, these have none either.
 *
 * A refusal is a 403 with one word, which no cache keeps.
 */

import { hash, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { compileTrust, type Trust } from '../../http/forwarded.ts'
import { compileSites, type SiteTest } from '../../http/site.ts'
import { type Addition, additionText } from '../../media/playlist-rewriting.ts'
import { forwardingFor, requestedAddress } from '../for-whom.ts'
import type { IncomingMessage } from '../messages.ts'
import type { CleanTarget } from './path-tokens.ts'
import { onlyParameters } from './query-parameters.ts'
import { isFromAllowedSite, type RefererRules } from './referers.ts'
import { editField, fieldValue, removeCookie, removeField } from './request-credentials.ts'
import type { FoundToken, TokenRules } from './token-check.ts'
import { checkToken, withoutToken } from './token-check.ts'
import type { Refusal } from './token-scheme.ts'

export interface AccessRules {
  readonly tokens?: TokenRules
  readonly networks?: { readonly allow: readonly string[]; readonly deny: readonly string[] }
  readonly referers?: RefererRules
  /** Whether playlists that were asked for with a token in the query hand it on to their children. */
  readonly rewritesPlaylists?: boolean
  /** `name` in lower case; any of the values is good. */
  readonly secretHeader?: { readonly name: string; readonly values: readonly string[] }
}

export interface AccessOptions {
  readonly isTrusted: Trust
  /** Whether the route's origin sees the fields of requests. */
  readonly isSeenByOrigin: boolean
}

/**
 * Paths that programs are known to read in more than one way: other slashes, escapes in escapes, path parameters, and
 * white space, which URL parsers leave out wherever it breaks a line, and behind the last segment (WHATWG URL §4.4).
 */
const READ_IN_TWO_WAYS = /[\\\t\n\r]|%(?:2e|2f|5c)|\/\.{1,2}(?:;|\s|\p{Cc})/iu
/** RFC 6761 §6.4 */
const NO_HOST = 'http://unknown.invalid'
const ESCAPED_SLASH = /%(?:2f|5c)/i

export class Access {
  readonly #rules: AccessRules
  readonly #options: AccessOptions
  readonly #isAllowed: Trust | undefined
  readonly #isDenied: Trust | undefined
  readonly #isAllowedSite: SiteTest | undefined
  readonly #secretDigests: readonly Buffer[]

  constructor(rules: AccessRules, options: AccessOptions) {
    const { networks, referers, secretHeader } = rules
    this.#rules = rules
    this.#options = options
    this.#isAllowed = networks && networks.allow.length > 0 ? compileTrust(networks.allow) : undefined
    this.#isDenied = networks && compileTrust(networks.deny)
    this.#isAllowedSite = referers && compileSites(referers.allow)
    this.#secretDigests = (secretHeader?.values ?? []).map(digest)
  }

  /** How the path carries tokens of this route; undefined where it carries none. */
  get pathName(): string | undefined {
    return this.#rules.tokens?.carriers.find(({ carrier }) => carrier === 'path')?.name
  }

  /**
   * Whether the request is granted; takes its credentials away if it is.
   *
   * @param onAddition told what the children of a playlist are to carry, where they are to carry anything
   */
  check(
    req: IncomingMessage,
    target: CleanTarget,
    nowMs: number,
    onAddition: (addition: () => Addition) => void,
  ): CleanTarget | Refusal {
    const { tokens, referers } = this.#rules
    let address: string | undefined
    const client = () => {
      address ??= forwardingFor(req, this.#options.isTrusted).clientAddress
      return address
    }
    if (!this.#isFromAllowedNetwork(client)) return 'network'
    if (!this.#hasSecret(req)) return 'secret'
    const isAllowedSite = this.#isAllowedSite
    if (isAllowedSite && !isFromAllowedSite(req, isAllowedSite, referers?.absent ?? 'allow')) return 'referer'
    const token = tokens && checkToken(req, target, tokens, { nowMs, client, isReadOneWay: this.#isReadOneWay(target) })
    if (typeof token === 'string') return token
    const clean = tokens === undefined ? target : withoutTokenIn(target, tokens)
    if (clean !== target) req.url = clean.sentPath + clean.sentQuery
    if (this.#options.isSeenByOrigin) this.#removeCredentials(req)
    if (tokens !== undefined && token?.carrier === 'query' && this.#rules.rewritesPlaylists === true) {
      onAddition(() => this.#addition(req, target, clean, tokens, token))
    }
    return clean
  }

  #isFromAllowedNetwork(client: () => string): boolean {
    if (this.#isDenied === undefined) return true
    const address = client()
    // A connection that is gone has no address any more.
    return isIP(address) !== 0 && !this.#isDenied(address) && this.#isAllowed?.(address) !== false
  }

  #hasSecret(req: IncomingMessage): boolean {
    const { secretHeader } = this.#rules
    if (secretHeader === undefined) return true
    const sent = fieldValue(req, secretHeader.name)
    if (sent === undefined || sent === 'several') return false
    const sentDigest = digest(sent)
    // All of them, so that the time does not tell which one it was.
    return this.#secretDigests.filter((one) => timingSafeEqual(one, sentDigest)).length > 0
  }

  /** A store has the object of the decoded path, and no other; of what an HTTP server makes of a path nobody can tell. */
  #isReadOneWay({ path, sentPath, isUtf8 }: CleanTarget): boolean {
    if (!isUtf8) return false
    return !this.#options.isSeenByOrigin || !(READ_IN_TWO_WAYS.test(path) || ESCAPED_SLASH.test(sentPath))
  }

  /** The token's own parameters as they were sent, and where they are good. */
  #addition(
    req: IncomingMessage,
    { query }: CleanTarget,
    { sentPath }: CleanTarget,
    { scheme }: TokenRules,
    token: FoundToken,
  ): Addition {
    const address = requestedAddress(req, this.#options.isTrusted)
    // Whoever names no host gets no reference that names one.
    const url = URL.parse((address.endsWith('/') ? NO_HOST : address) + sentPath) ?? new URL(NO_HOST)
    return {
      url,
      text: additionText(onlyParameters(query, scheme.isParameter)),
      covers: scheme.coverage?.(token.text) ?? (() => false),
    }
  }

  #removeCredentials(req: IncomingMessage): void {
    const { secretHeader, tokens } = this.#rules
    if (secretHeader !== undefined) removeField(req, secretHeader.name)
    for (const { carrier, name } of tokens?.carriers ?? []) {
      if (carrier === 'cookie') removeCookie(req, name)
      else if (carrier === 'header') removeField(req, name)
      // What was asked for with a token names itself, token and all, as the referer of what it asks for.
      else if (req.headers.referer?.includes(`${name}=`)) editField(req, 'referer', siteOf)
    }
  }
}

function withoutTokenIn(target: CleanTarget, tokens: TokenRules): CleanTarget {
  const query = withoutToken(target.query, tokens)
  return query === target.query ? target : { ...target, query, sentQuery: query === '' ? '' : `?${query}` }
}

function siteOf(referer: string): string | undefined {
  const url = URL.parse(referer)
  return url === null ? undefined : `${url.origin}/`
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer')
}
