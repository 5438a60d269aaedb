/**
 * Variants: which stored answers belong to one URL whose origin varies them by fields of the request (RFC 9111 §4.1).
 *
 * The URL's own key leads to the sets of field names its answers varied by, and these and the request lead to the keys
 * that the answers are stored under. Answers that do not vary are stored under the URL's own key, and nothing is
 * remembered of them here.
 *
 * Invariant: a variant is only ever found by a request whose named fields mean the same as those it was made for.
 */

import { hash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { parseVary, selectingKey } from '../http/vary.ts'
import type { CacheKey } from './key.ts'

/** Fields of a request under lower-case names, as node:http has them. */
export type RequestFields = Readonly<Record<string, string | readonly string[] | undefined>>

/** What one answer was chosen by. */
export interface Variant {
  /** Lower-case, sorted; empty for an answer that does not vary. */
  readonly names: readonly string[]
  /** The meaning of these fields in the request it answered. */
  readonly selecting: string
}

export const NO_VARIANT: Variant = { names: [], selecting: '' }

/** More answers to one URL are not kept: the one that was stored first goes. */
const MAX_VARIANTS = 32
/** More ways to vary are not tried for one request. */
const MAX_NAME_SETS = 4
/** URLs that vary, and the lengths of their keys together, in UTF-16 units: both come from strangers. */
const MAX_URLS = 50_000
const MAX_KEY_LENGTHS = 16_000_000
/** A longer meaning of fields is kept as its digest. */
const MAX_SELECTING_LENGTH = 512

interface Known {
  /** The one learnt last comes first. */
  readonly nameSets: readonly (readonly string[])[]
  /** In the order they were stored. */
  readonly keys: readonly CacheKey[]
}

export class Variants {
  readonly #known: LRUCache<CacheKey, Known>

  /** @param onForgotten told of the keys of answers that nothing leads to any more */
  constructor(onForgotten: (keys: readonly CacheKey[]) => void) {
    this.#known = new LRUCache<CacheKey, Known>({
      max: MAX_URLS,
      maxSize: MAX_KEY_LENGTHS,
      sizeCalculation: ({ keys }, key) => keys.reduce((length, one) => length + one.length, key.length + 1),
      dispose: ({ keys }, _key, reason) => {
        if (reason !== 'set') onForgotten(keys)
      },
    })
  }

  /** Whether its answers are known to vary. */
  has(url: CacheKey): boolean {
    return this.#known.has(url)
  }

  /** Where an answer to this request may be stored, the likeliest place first. */
  keysFor(url: CacheKey, fields: RequestFields): readonly CacheKey[] {
    const known = this.#known.get(url)
    if (known === undefined) return [url]
    return known.nameSets.map((names) => keyOf(url, { names, selecting: selectingOf(names, fields) }))
  }

  /** The key to store an answer under, which from now on leads to it. `dropped`: keys that no longer lead anywhere. */
  learn(url: CacheKey, variant: Variant): { readonly key: CacheKey; readonly dropped: readonly CacheKey[] } {
    const known = this.#known.get(url)
    if (variant.names.length === 0) {
      // What does not vary answers everybody, and is newer than all there was.
      this.#known.delete(url)
      return { key: url, dropped: [] }
    }
    const key = keyOf(url, variant)
    const nameSets = [variant.names, ...(known?.nameSets ?? []).filter((names) => !isSame(names, variant.names))]
    const keys = [...(known?.keys ?? []).filter((one) => one !== key), key]
    const dropped = keys.slice(0, Math.max(0, keys.length - MAX_VARIANTS))
    this.#known.set(url, { nameSets: nameSets.slice(0, MAX_NAME_SETS), keys: keys.slice(dropped.length) })
    return { key, dropped: known === undefined ? [url, ...dropped] : dropped }
  }

  keyOf(url: CacheKey, variant: Variant): CacheKey {
    return variant.names.length === 0 ? url : keyOf(url, variant)
  }

  /** Forgets what belongs to a URL, and tells the keys through `onForgotten`. */
  forget(url: CacheKey): void {
    this.#known.delete(url)
  }

  /** The keys of all stored answers to a URL. */
  allKeys(url: CacheKey): readonly CacheKey[] {
    return this.#known.peek(url)?.keys ?? [url]
  }
}

/** What an answer to this request was chosen by; undefined where nothing but that very request tells (`Vary: *`). */
export function variantOf(vary: string | undefined, fields: RequestFields): Variant | undefined {
  if (vary === undefined) return NO_VARIANT
  const names = parseVary(vary)
  if (names === '*') return undefined
  return names.length === 0 ? NO_VARIANT : { names, selecting: selectingOf(names, fields) }
}

/** Whether an answer is one to this request too. */
export function isSelected({ names, selecting }: Variant, fields: RequestFields): boolean {
  return names.length === 0 || selecting === selectingOf(names, fields)
}

function selectingOf(names: readonly string[], fields: RequestFields): string {
  const selecting = selectingKey(names, fields)
  return selecting.length <= MAX_SELECTING_LENGTH ? selecting : hash('sha256', selecting)
}

/** No URL's own key has a NUL in it. */
function keyOf(url: CacheKey, { names, selecting }: Variant): CacheKey {
  return `${url}\0vary\0${names.join(',')}\0${selecting}`
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index])
}
