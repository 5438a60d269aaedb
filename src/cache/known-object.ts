/** Cache keys read back: what a key is about, and an object that an origin is known to have. */

import type { CacheKey } from './key.ts'
import type { Store } from './store.ts'

export interface KeyParts {
  readonly originName: string
  /**
   * Of an S3 origin the escaped object's name and the query that counts; of an HTTP origin the scheme and host that were
   * asked, a slash, and path and query as they were sent.
   */
  readonly rest: string
}

/** The parts of a URL's key, a variant's included. */
export function readKey(key: CacheKey): KeyParts {
  const url = urlOf(key)
  const space = url.indexOf(' ')
  return { originName: url.slice(0, space), rest: url.slice(space + 1) }
}

/** A variant's key is its URL's, a NUL, and what it was chosen by. */
export function urlOf(key: CacheKey): CacheKey {
  const end = key.indexOf('\0')
  return end === -1 ? key : key.slice(0, end)
}

/** The inverse of {@link cacheKey}'s second and third part. */
export function readObject(rest: string): { readonly objectKey: string; readonly query: string } {
  const mark = rest.indexOf('?')
  const escaped = mark === -1 ? rest : rest.slice(0, mark)
  const objectKey = escaped.includes('%') ? escaped.replace(/%(25|3F)/g, unescaped) : escaped
  return { objectKey, query: mark === -1 ? '' : rest.slice(mark + 1) }
}

function unescaped(_: string, digits: string): string {
  return digits === '25' ? '%' : '?'
}

/** The name of an object of an S3 origin that is stored with status 200; undefined where none is. */
export function knownObject(store: Store, originName: string): string | undefined {
  for (const key of store.keys()) {
    if (key.startsWith(`${originName} `) && store.peek(key)?.status === 200)
      return readObject(readKey(key).rest).objectKey
  }
  return undefined
}
