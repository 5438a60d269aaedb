/**
 * Keys whose answers could not be kept: their requests go to the origin at once, instead of one behind the other.
 *
 * A key is remembered for two minutes, or until an answer to it turns out to be one that can be kept.
 */

import { LRUCache } from 'lru-cache'
import type { CacheKey } from './key.ts'
import type { UncacheableReason } from './policy.ts'

export interface Uncacheable {
  readonly reason: UncacheableReason
  /** Bytes of the whole object, where known: lets a range be asked for by itself. */
  readonly length: number | undefined
}

const REMEMBERED_MS = 120_000
const MAX_KEYS = 10_000
/** Together, in UTF-16 units: keys come from strangers and can be long. */
const MAX_KEY_LENGTHS = 4_000_000

export class UncacheableKeys {
  readonly #keys = new LRUCache<CacheKey, Uncacheable & { readonly untilMs: number }>({
    max: MAX_KEYS,
    maxSize: MAX_KEY_LENGTHS,
    sizeCalculation: (_known, key) => key.length + 1,
  })

  get(key: CacheKey, nowMs: number): Uncacheable | undefined {
    const known = this.#keys.get(key)
    return known !== undefined && nowMs < known.untilMs ? known : undefined
  }

  /** Reasons that pass by themselves are not remembered. */
  remember(key: CacheKey, { reason, length }: Uncacheable, nowMs: number): void {
    if (reason === 'no-room' || reason === 'failure') return
    this.#keys.set(key, { reason, length, untilMs: nowMs + REMEMBERED_MS })
  }

  /** With `known`, only while that is what is remembered. */
  forget(key: CacheKey, known?: Uncacheable): void {
    if (known === undefined || this.#keys.peek(key) === known) this.#keys.delete(key)
  }
}
