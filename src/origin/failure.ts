/**
 * How a fetch failed, as far as retries, circuit breaker and failover have to know it beyond the kind.
 *
 * Invariant: what this program refused or gave up by itself, before anything was sent, never counts against the origin
 * and is never tried again by whoever refused it.
 */
import type { OriginErrorKind, OriginErrorOptions } from '../errors.ts'
import { OriginError } from '../errors.ts'

/** Nothing was sent: our queue is full or too slow, or the circuit is open. */
export class NotSentError extends OriginError {}

/** The origin sent an answer, and it is none to the question asked. */
export class AnswerError extends OriginError {
  readonly status: number

  constructor(status: number, kind: OriginErrorKind, message: string, options?: OriginErrorOptions) {
    super(kind, message, options)
    this.status = status
  }
}

/**
 * The time for a whole fetch is over. It is the reason of a signal: whoever obeys that signal ends with this error
 * rather than with `aborted`, so that an origin which never answers is seen to fail.
 */
export class DeadlineError extends OriginError {
  constructor(name: string, deadlineMs: number) {
    super('timeout', `${name}: no answer within ${deadlineMs} ms`)
  }
}

/**
 * Whether the origin failed in a way that may have passed a moment later: no connection, no answer in time, SlowDown
 * and its kin, any 5xx. Such failures open the circuit and are worth another attempt; no others do or are.
 */
export function isOriginFault(error: unknown): error is OriginError {
  if (!(error instanceof OriginError) || error instanceof NotSentError) return false
  switch (error.kind) {
    case 'unreachable':
    case 'timeout':
    case 'overloaded':
      return true
    case 'broken':
      return error instanceof AnswerError && error.status >= 500
    case 'misconfigured':
    case 'aborted':
      return false
    default:
      return error.kind satisfies never
  }
}
