/**
 * Purge: taking out of memory, or declaring stale, what an operator names.
 *
 * What is under way when it begins is disowned first, so that old bytes cannot come back behind it; those who wait for
 * it or read it still get it. What is stored while it looks through memory was asked for after it began, and stays.
 *
 * Invariant: when it resolves, nothing that was stored when it began and is selected is served any more as fresh.
 */

import { setImmediate } from 'node:timers/promises'
import type { Fill } from './fill.ts'
import type { CacheKey } from './key.ts'
import { urlOf } from './known-object.ts'
import type { Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'

/**
 * Whether an answer is meant, by the key of its URL and by itself.
 * @param response undefined for one that has not come yet: the answer is yes unless the URL alone says no
 */
export type Selection = (url: CacheKey, response: StoredResponse | undefined) => boolean

/** `hard`: gone at once. `soft`: stale from now on; its stale-while-revalidate and stale-if-error begin now. */
export type PurgeMode = 'hard' | 'soft'

export interface Purged {
  /** Stored answers, each variant counted; the slices of a large one belong to it. */
  readonly answers: number
  /** Fills under way that will not be stored. */
  readonly fills: number
}

export interface PurgeParts {
  readonly store: Store
  /** Those that can be joined. */
  readonly fills: Iterable<Fill>
  readonly disown: (fill: Fill) => void
  readonly nowMs: number
}

/** Answers looked at before others have their turn, about a millisecond: memory may hold a million. */
const ANSWERS_A_TURN = 5_000

export async function purge(selects: Selection, mode: PurgeMode, parts: PurgeParts): Promise<Purged> {
  const { store, nowMs } = parts
  const fills = disownSelected(selects, parts)
  let answers = 0
  for (const [index, key] of store.keys().entries()) {
    if (index > 0 && index % ANSWERS_A_TURN === 0) await setImmediate()
    const stored = store.peek(key)
    if (stored === undefined || stored.responseTimeMs > nowMs || !selects(urlOf(key), stored)) continue
    if (mode === 'hard' ? store.delete(key) : store.replace(key, stored, staleFrom(stored, nowMs))) answers += 1
  }
  return { answers, fills }
}

function disownSelected(selects: Selection, { fills, disown }: PurgeParts): number {
  const selected = [...fills].filter(({ url, state }) => {
    return selects(url, state.kind === 'filling' ? state.response : undefined)
  })
  for (const fill of selected) disown(fill)
  return selected.length
}

function staleFrom(stored: StoredResponse, nowMs: number): StoredResponse {
  const byMs = Math.min(0, nowMs - stored.staleAtMs)
  return {
    ...stored,
    staleAtMs: stored.staleAtMs + byMs,
    whileRevalidateUntilMs: stored.whileRevalidateUntilMs + byMs,
    ifErrorUntilMs: stored.ifErrorUntilMs + byMs,
  }
}
