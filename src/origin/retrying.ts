/**
 * Attempts until the headers are there: a failure that may have passed is waited out and tried again.
 *
 * Invariant: a fetch makes `maxAttempts` attempts at most, ends within `deadlineMs` with headers or an error, and no
 * retry is made that the budget does not give. After the headers nothing is tried again here: the body is the asker's.
 *
 * The pauses grow from 50 ms to 2 s, each a random part of its length (full jitter), so that those who failed together
 * do not come back together; a Retry-After comes on top. A pause that would end after the deadline is not begun.
 */
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import { DeadlineError, isOriginFault } from './failure.ts'
import type { Fetch } from './origin.ts'
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
}

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 2000

export function retrying(fetch: Fetch, options: RetryingOptions): Fetch {
  const { name, maxAttempts, deadlineMs, budget, clock, random } = options

  return async (request) => {
    const dueAtMs = clock.now() + deadlineMs
    const deadline = new AbortController()
    const timer = clock.after(deadlineMs, () => deadline.abort(new DeadlineError(name, deadlineMs)))
    const withinDeadline = { ...request, signal: AbortSignal.any([request.signal, deadline.signal]) }
    try {
      for (let attempt = 1; ; attempt += 1) {
        try {
          const response = await fetch(withinDeadline)
          budget.succeeded(clock.now())
          return response
        } catch (error) {
          if (attempt >= maxAttempts || !isOriginFault(error)) throw error
          const pauseMs = (error.retryAfterSeconds ?? 0) * 1000 + random() * longestPauseMs(attempt)
          const now = clock.now()
          if (now + pauseMs >= dueAtMs || !budget.take(now)) throw error
          if (pauseMs > 0) await pause(pauseMs, request.signal, options)
        }
      }
    } finally {
      timer.cancel()
    }
  }
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
