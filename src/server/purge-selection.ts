/**
 * Purge selection: which stored answers an operator means, as one test of a key and its answer.
 *
 * Prefixes and patterns are held against public paths as routes see them, decoded and without their query; of an HTTP
 * origin's answers the scheme and host may be given too. URLs are taken as clients would ask for them.
 */

import type { Selection } from '../cache/purge.ts'
import type { StoredResponse } from '../cache/stored-response.ts'
import { compilePattern } from '../http/pattern.ts'
import { type Addressed, addressed, type Fault, isAddressed, publicAddresses, splitSite } from './public-address.ts'
import type { Routes } from './router.ts'

/** What is to go: whatever any of these means. */
export interface PurgeSelectors {
  readonly everything: boolean
  /** Paths with their query, or whole URLs; a path alone means every host. */
  readonly urls: readonly string[]
  readonly prefixes: readonly string[]
  /** As routes have them. */
  readonly patterns: readonly string[]
  /** Of `Surrogate-Key` or `Cache-Tag`. */
  readonly surrogateKeys: readonly string[]
}

interface PathTest {
  readonly site: string | undefined
  readonly test: (path: string) => boolean
}

/** Found out from its first selector that means nothing: then nothing is selected. */
export function purgeSelection(selectors: PurgeSelectors, routes: Routes): { readonly selects: Selection } | Fault {
  const { everything, urls, prefixes, patterns, surrogateKeys } = selectors
  const selections: Selection[] = everything ? [() => true] : []
  const found: Addressed[] = []
  for (const [index, url] of urls.entries()) {
    const one = addressed(url, routes)
    if (one.kind === 'fault') return { kind: 'fault', text: `urls[${index}]: ${one.text}` }
    found.push(one)
  }
  if (found.length > 0) selections.push(isAddressed(found))
  const paths: PathTest[] = []
  for (const [index, prefix] of prefixes.entries()) {
    const parts = splitSite(prefix)
    if (parts === undefined) return notAPath(`prefixes[${index}]`)
    paths.push({ site: parts.site, test: (path) => path.startsWith(parts.rest) })
  }
  for (const [index, pattern] of patterns.entries()) {
    const parts = splitSite(pattern)
    if (parts === undefined) return notAPath(`patterns[${index}]`)
    try {
      const compiled = compilePattern(parts.rest)
      paths.push({ site: parts.site, test: (path) => compiled.test(path) })
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
      return { kind: 'fault', text: `patterns[${index}]: ${error.message}` }
    }
  }
  if (paths.length > 0) selections.push(byPath(paths, routes))
  if (surrogateKeys.length > 0) selections.push(bySurrogateKey(new Set(surrogateKeys)))
  return { selects: (url, response) => selections.some((selects) => selects(url, response)) }
}

function notAPath(where: string): Fault {
  return { kind: 'fault', text: `${where}: expected a path that begins with a slash, or a whole URL` }
}

function byPath(tests: readonly PathTest[], routes: Routes): Selection {
  const addressOf = publicAddresses(routes)
  return (url) =>
    tests.some(({ site, test }) => {
      const address = addressOf(url, test)
      // An S3 origin's answers are the same for every site.
      return address !== undefined && (site === undefined || address.startsWith('/') || address.startsWith(`${site}/`))
    })
}

/** An answer that has not come yet may have any key. */
function bySurrogateKey(keys: ReadonlySet<string>): Selection {
  return (_, response) => response === undefined || surrogateKeysOf(response).some((key) => keys.has(key))
}

function surrogateKeysOf({ originHeaders }: StoredResponse): readonly string[] {
  const { 'surrogate-key': surrogateKey, 'cache-tag': cacheTag } = originHeaders
  if (surrogateKey === undefined && cacheTag === undefined) return []
  return `${surrogateKey ?? ''} ${cacheTag ?? ''}`.split(/[\s,]+/)
}
