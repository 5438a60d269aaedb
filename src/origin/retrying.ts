/**
 * Attempts until the headers are there: a failure that may have passed is waited out and tried again.
 *
 * Invariant: a fetch makes `maxAttempts` attempts at most, ends within `deadlineMs` with headers or an error, and no
 * retry is made that the budget does not give. After the headers nothing is tried again here: the body is the asker's.
 * What must not be repeated is sent once.
 *
 * An answer that is a failure counts as one, and is the answer all the same when no attempt follows it; when one does,
 * its body is destroyed before the pause, so that a pause holds no socket. Content takes as long as its sender takes:
 * such a request has no deadline here.
 *
 * A request that met a connection the origin had hung up on is sent again at once, and not counted; once only, since
 * the others that were idle as long are gone by then. The pauses grow from 50 ms to 2 s, each a random part of its length (full jitter), so that those who failed together
 * do not come back together; a Retry-After comes on top. A pause that would end after the deadline is not begun.
 */
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import { attempted, discard, failedAttempt, isRepeatable, outcomeOf } from './attempt.ts'
import type { OriginCounts } from './counts.ts'
import { DeadlineError, StaleSocketError } from './failure.ts'
import type { Fetch, OriginRequest } from './origin.ts'
import type { RetryBudget } from './retry-budget.ts'

export interface RetryingOptions {
  /** The origin's name, for messages. */
  readonly name: string
  /** The first one included. */
  readonly maxAttempts: number
  /** For the whole fetch: queueing, attempts and pauses. */
  readonly deadlineMs: number
  readonly budget: RetryBudget
  readonly clock: Clock
  /** At least 0, less than 1. */
  readonly random: () => number
  /** @default counted for nobody */
  readonly counts?: OriginCounts
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2000

export function retrying(fetch: Fetch, options: RetryingOptions): Fetch {
  const { name, maxAttempts, deadlineMs, budget, clock, random, counts } = options

  const untilAnswered = async (request: OriginRequest, signal: AbortSignal, dueAtMs: number) => {
    let hasMetStaleSocket = false
    const attempt = async () => {
      const made = await attempted(() => fetch({ ...request, signal }))
      const isStale = 'error' in made && made.error instanceof StaleSocketError
      if (!isStale || hasMetStaleSocket) return made
      hasMetStaleSocket = true
      return attempted(() => fetch({ ...request, signal }))
    }
    for (let count = 1; ; count += 1) {
      const made = await attempt()
      const now = clock.now()
      const failed = failedAttempt(made, now)
      if (failed === undefined && 'response' in made) budget.succeeded(now)
      if (failed === undefined || count >= maxAttempts) return outcomeOf(made)
      const pauseMs = failed.retryAfterMs + random() * longestPauseMs(count)
      if (now + pauseMs >= dueAtMs || !budget.take(now)) return outcomeOf(made)
      discard(made)
      if (pauseMs > 0) await pause(pauseMs, request.signal, options)
      if (counts !== undefined) counts.retries += 1
    }
  }

  const withinDeadline = async (request: OriginRequest) => {
    const { abort, signal } = following(request.signal)
    const timer = clock.after(deadlineMs, () => abort(new DeadlineError(name, deadlineMs)))
    try {
      if (!isRepeatable(request)) return await fetch({ ...request, signal })
      return await untilAnswered(request, signal, clock.now() + deadlineMs)
    } finally {
      timer.cancel()
    }
  }

  return (request) => (request.content === undefined ? withinDeadline(request) : fetch(request))
}

/**
 * A signal that aborts with another one, or by itself. `AbortSignal.any` does the same at several times the cost, since
 * it forgets its sources as soon as nobody has it any more; here the source remembers for as long as it lives, which is
 * no longer than whoever asked for one object.
 */
function following(source: AbortSignal): { readonly signal: AbortSignal; readonly abort: (reason: unknown) => void } {
  const controller = new AbortController()
  const { signal } = controller
  const abort = (reason: unknown) => controller.abort(reason)
  if (source.aborted) abort(source.reason)
  else source.addEventListener('abort', () => abort(source.reason), { once: true })
  return { signal, abort }
}

function longestPauseMs(attempt: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (attempt - 1))
}

function pause(pauseMs: number, signal: AbortSignal, { name, clock }: RetryingOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      timer.cancel()
      reject(new OriginError('aborted', `${name}: given up between two attempts`, { cause: signal.reason }))
    }
    const timer = clock.after(pauseMs, () => {
      signal.removeEventListener('abort', giveUp)
      resolve()
    })
    if (signal.aborted) giveUp()
    else signal.addEventListener('abort', giveUp, { once: true })
  })
}
