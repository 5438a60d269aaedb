/**
 * References of a playlist: which of them get a parameter that the playlist was asked for with, and where in them.
 *
 * Invariant: a reference to another server never gets it, whatever the playlist says; what two programs could read in
 * two ways gets it neither.
 */

import { parseTarget } from '../http/target.ts'

export interface Addition {
  /** URL that the playlist was asked for by, without the parameter. */
  readonly url: URL
  /** `name=value`, or several with ampersands between them; made by {@link additionText}. */
  readonly text: string
  /** Whether it is good for another path of the server. @param isBare whether that URL has no query of its own */
  readonly covers: (path: string, isBare: boolean) => boolean
}

/** A name in the playlist's own folder: nothing that a URL parser could make something else of. */
const PLAIN_NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.~-]*$/
/** No white space, controls or backslashes, which programs read in different ways. */
const CLEAR = /^[!-[\]-~\x80-\xff]+$/

/**
 * Whether the reference gets the parameter.
 *
 * @param reference with its entities and variables replaced, in UTF-8's bytes as Latin-1
 * @param base URL that it is relative to
 */
export function carriesAddition(reference: string, base: URL, { url, text, covers }: Addition): boolean {
  if (PLAIN_NAME.test(reference) && base === url) return covers(folderOf(url) + reference, true)
  if (!CLEAR.test(reference)) return false
  const child = URL.parse(Buffer.from(reference, 'latin1').toString(), base)
  if (child === null || child.host !== url.host || child.username !== '' || child.password !== '') return false
  // The parameter is a secret: it does not leave TLS.
  if (child.protocol !== 'https:' && (child.protocol !== 'http:' || url.protocol === 'https:')) return false
  if (child.search.slice(1).split('&').includes(text)) return false
  const target = parseTarget(child.pathname + child.search)
  return target.kind === 'ok' && covers(target.path, target.query === '')
}

/** The reference with the parameter behind its query and in front of its fragment. */
export function withAddition(reference: string, addition: string, ampersand = '&'): string {
  const hash = reference.indexOf('#')
  const end = hash === -1 ? reference.length : hash
  const address = reference.slice(0, end)
  const isQueryOpen = address.endsWith('?') || address.endsWith('&')
  const separator = !address.includes('?') ? '?' : isQueryOpen ? '' : ampersand
  return address + separator + addition + reference.slice(end)
}

function folderOf({ pathname }: URL): string {
  const folder = pathname.slice(0, pathname.lastIndexOf('/') + 1)
  const target = folder.includes('%') ? parseTarget(folder) : undefined
  return target?.kind === 'ok' ? target.path : folder
}
