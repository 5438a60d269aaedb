/**
 * Hedging: when the headers take longer than usual a second request is sent, and the first answer is taken.
 *
 * Invariant: of the two at most one answer is handed out. The other request is aborted, and a body it brought all the
 * same is destroyed. An answer that is a failure wins only when the other one failed as well. What must not be repeated
 * is never sent twice. Of all requests no more than `maxShare` are sent twice, and what a quiet time saved up is ten.
 */
import type { Clock } from '../clock.ts'
import { type Attempt, attempted, discard, isFailedAnswer, isRepeatable } from './attempt.ts'
import type { OriginCounts } from './counts.ts'
import type { Fetch, OriginRequest, OriginResponse } from './origin.ts'

/** When the second request is sent: after a fixed time, or after what that percentage of recent requests took. */
export type HedgeTrigger = { readonly afterMs: number } | { readonly percentile: number }

export interface HedgeSettings {
  readonly trigger: HedgeTrigger
  /** From 0 to 1. */
  readonly maxShare: number
}

export interface HedgingOptions extends HedgeSettings {
  readonly clock: Clock
  /** Whether requests queue for the origin already: then they are slow because of us, and one more would make it worse. */
  readonly isQueued: () => boolean
  /** @default counted for nobody */
  readonly counts?: OriginCounts
}

export function hedging(fetch: Fetch, { trigger, maxShare, clock, isQueued, counts }: HedgingOptions): Fetch {
  const allowance = new Allowance(maxShare)
  const recent = new RecentTimes()
  const race = (request: OriginRequest, delayMs: number | undefined) =>
    new Promise<OriginResponse>((resolve, reject) => {
      const controllers: AbortController[] = []
      const failures: Attempt[] = []
      let isWon = false

      const send = () => {
        const startedMs = clock.now()
        const controller = new AbortController()
        controllers.push(controller)
        const onAnswer = (response: OriginResponse) => {
          isWon = true
          timer?.cancel()
          recent.add(clock.now() - startedMs)
          for (const other of controllers) if (other !== controller) other.abort()
          for (const failed of failures) discard(failed)
          resolve(response)
        }
        const onFailure = (failed: Attempt) => {
          failures.push(failed)
          if (failures.length < controllers.length) return
          timer?.cancel()
          // An answer is better than an error; with nobody left to want it, it is one whose body is aborted already.
          const best = failures.find((one) => (request.signal.aborted ? 'error' in one : 'response' in one))
          const chosen = best ?? failures[0] ?? failed
          for (const one of failures) if (one !== chosen) discard(one)
          if ('error' in chosen) reject(chosen.error)
          else resolve(chosen.response)
        }
        const onSettled = (made: Attempt) => {
          if (isWon) {
            // How long the loser would have taken is not known, but it is no less than this.
            if ('error' in made) recent.add(clock.now() - startedMs)
            discard(made)
          } else if ('response' in made && !isFailedAnswer(made.response)) {
            onAnswer(made.response)
          } else {
            onFailure(made)
          }
        }
        const signal = AbortSignal.any([request.signal, controller.signal])
        void attempted(() => fetch({ ...request, signal })).then(onSettled)
      }

      const timer =
        delayMs === undefined
          ? undefined
          : clock.after(delayMs, () => {
              if (isQueued() || !allowance.take()) return
              if (counts !== undefined) counts.hedges += 1
              send()
            })
      send()
    })

  return (request) => {
    if (!isRepeatable(request)) return fetch(request)
    allowance.earn()
    return race(request, 'afterMs' in trigger ? trigger.afterMs : recent.percentileMs(trigger.percentile))
  }
}

const MOST_SAVED = 10

class Allowance {
  readonly #share: number
  #saved = 0

  constructor(share: number) {
    this.#share = share
  }

  earn(): void {
    this.#saved = Math.min(MOST_SAVED, this.#saved + this.#share)
  }

  take(): boolean {
    // Twenty times 0.05 is a little less than one.
    if (this.#saved < 1 - 1e-9) return false
    this.#saved -= 1
    return true
  }
}

const REMEMBERED_TIMES = 256
/** With fewer a percentile means nothing; and this often it is worked out anew. */
const TIMES_PER_LOOK = 32

/** The times of the last requests. */
class RecentTimes {
  readonly #times: number[] = []
  #count = 0
  #sorted: readonly number[] = []

  add(ms: number): void {
    this.#times[this.#count % REMEMBERED_TIMES] = ms
    this.#count += 1
    if (this.#count % TIMES_PER_LOOK === 0) this.#sorted = this.#times.toSorted((a, b) => a - b)
  }

  /** Undefined while too few are known. */
  percentileMs(percentile: number): number | undefined {
    return this.#sorted[Math.min(this.#sorted.length - 1, Math.floor((this.#sorted.length * percentile) / 100))]
  }
}
