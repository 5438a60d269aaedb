/**
 * Waiters: those who wait for the headers of one fill.
 *
 * Invariant: each gets exactly one outcome, or leaves; leaving costs the others nothing.
 */

import { OriginError } from '../errors.ts'
import type { FieldPairs } from '../origin/origin.ts'
import type { UncacheableReason } from './policy.ts'
import type { StoredResponse } from './stored-response.ts'

/** What one waiter gets. */
export type FillOutcome =
  | { readonly kind: 'response'; readonly response: StoredResponse; readonly isStored: boolean }
  | { readonly kind: 'notModified'; readonly response: StoredResponse }
  | { readonly kind: 'uncacheable'; readonly reason: UncacheableReason; readonly response: StoredResponse | undefined }
  | { readonly kind: 'failed'; readonly error: OriginError }

export interface Waiter {
  /** It is the one whose request was sent on. */
  readonly isAsker: boolean
  /** False for one that would ask the origin for less than the whole, if it had to ask itself. */
  readonly wantsWhole: boolean
  /** Told of interim answers. */
  readonly onInformational: ((status: number, fields: FieldPairs) => void) | undefined
  settle(outcome: FillOutcome): void
}

export class Waiters {
  readonly #waiters = new Set<Waiter>()

  /** @throws {OriginError} `aborted` when the signal fires first; the fill goes on */
  join(joining: Omit<Waiter, 'settle'>, signal: AbortSignal): Promise<FillOutcome> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#waiters.delete(waiter)
        reject(new OriginError('aborted', 'the client left before the origin answered'))
      }
      const waiter: Waiter = {
        ...joining,
        settle: (outcome) => {
          signal.removeEventListener('abort', leave)
          resolve(outcome)
        },
      }
      if (signal.aborted) {
        leave()
        return
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#waiters.add(waiter)
    })
  }

  inform(status: number, fields: FieldPairs): void {
    for (const waiter of this.#waiters) waiter.onInformational?.(status, fields)
  }

  /** The one that gets what only one can have, no longer waiting. */
  takeOne(isForAskerAlone: boolean): Waiter | undefined {
    for (const waiter of this.#waiters) {
      if (!waiter.wantsWhole || (isForAskerAlone && !waiter.isAsker)) continue
      this.#waiters.delete(waiter)
      return waiter
    }
    return undefined
  }

  settleAll(outcome: FillOutcome): void {
    for (const waiter of this.#waiters) waiter.settle(outcome)
    this.#waiters.clear()
  }
}
