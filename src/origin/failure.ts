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

/** No connection could be made, so nothing was sent; but unlike what we refuse ourselves it is the origin's fault. */
export class NotConnectedError extends OriginError {}

/**
 * A connection that had been idle was closed by the origin before any byte of the answer: it did not fail, it had hung
 * up. A request that may be repeated is sent again at once.
 */
export class StaleSocketError extends OriginError {
  constructor(name: string, cause: unknown) {
    super('unreachable', `${name}: an idle connection was closed before its next answer`, { cause })
  }
}

/** Whether the origin cannot have seen anything of the request, so that even one that must not be repeated may go elsewhere. */
export function isUnsent(error: unknown): boolean {
  return error instanceof NotSentError || error instanceof NotConnectedError
}

/** What becomes of a fetch whose signal has aborted; `isSent` says whether the origin may have been asked by then. */
export function givenUp(name: string, signal: AbortSignal, isSent: boolean, error?: unknown): OriginError {
  if (signal.reason instanceof DeadlineError) {
    if (isSent) return signal.reason
    const message = `${name}: not sent before its time was over`
    return new NotSentError('overloaded', message, { cause: signal.reason, retryAfterSeconds: 1 })
  }
  if (error instanceof OriginError && error.kind === 'aborted') return error
  return new OriginError('aborted', `${name}: given up before an answer came`, { cause: signal.reason })
}
