/**
 * Reloads: what came of each reading of the configuration, and what they come to since the start.
 *
 * Invariant: nothing in here holds a secret; files, paths in the configuration and sentences are all there is.
 */

import type { ConfigProblem } from '../errors.ts'

/**
 * - `noSource`: there is nothing to read the configuration from
 * - `configuration`: it cannot be read or is wrong
 * - `certificates`: a file of theirs is no use
 * - `keys`: a bucket does not take its new keys
 * - `untried`: nothing else is wrong, but a bucket could not be asked about its new keys
 * - `ending`: the program is
 */
export type RefusalCause = 'noSource' | 'configuration' | 'certificates' | 'keys' | 'untried' | 'ending'

/**
 * - `reloaded`: it is in use. `changed` are the paths in the file that are different, `certificates` the files that hold
 *   another one or have another key, `restartNeeded` the paths that only the next start will heed
 * - `refused`: nothing has changed; `reasons` are the problems as sentences
 */
export type ReloadOutcome =
  | {
      readonly kind: 'reloaded'
      readonly changed: readonly string[]
      readonly certificates: readonly string[]
      readonly restartNeeded: readonly string[]
    }
  | {
      readonly kind: 'refused'
      readonly cause: RefusalCause
      readonly problems: readonly ConfigProblem[]
      readonly reasons: readonly string[]
    }

/** Whether anything that takes effect now was different. */
export function resultOf({ changed, certificates }: Extract<ReloadOutcome, { kind: 'reloaded' }>) {
  return changed.length + certificates.length > 0 ? 'reloaded' : 'unchanged'
}

export class Reloads {
  readonly #counts = { reloaded: 0, unchanged: 0, refused: 0 }
  #isLastGood = true
  #lastGoodMs: number

  /** @param startedMs when the configuration was read for the start, which counts as a good reading */
  constructor(startedMs: number) {
    this.#lastGoodMs = startedMs
  }

  get counts(): Readonly<Record<'reloaded' | 'unchanged' | 'refused', number>> {
    return this.#counts
  }

  /** Whether what was read last is in use. */
  get isLastGood(): boolean {
    return this.#isLastGood
  }

  /** When what is in use was read, or found to be the same still. */
  get lastGoodMs(): number {
    return this.#lastGoodMs
  }

  add(outcome: ReloadOutcome, nowMs: number): void {
    if (outcome.kind === 'reloaded') {
      this.#counts[resultOf(outcome)] += 1
      this.#isLastGood = true
      this.#lastGoodMs = nowMs
      return
    }
    this.#counts.refused += 1
    // Nothing was read then that could have been wrong.
    if (outcome.cause !== 'ending' && outcome.cause !== 'noSource') this.#isLastGood = false
  }
}
