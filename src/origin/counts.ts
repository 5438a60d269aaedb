/**
 * OriginCounts: what asking one origin has come to since the start, in plain numbers, for whoever shows them.
 *
 * Each is added to where it happens. They belong to the origin's name: one that takes its place in a newer
 * configuration goes on with them. Invariant: numbers only ever grow, and there are as many as there are statuses of
 * three digits at most.
 */
import { OriginError, type OriginErrorKind } from '../errors.ts'
import { NotSentError } from './failure.ts'

/** Why a request brought no answer to the question asked; `refused`: it was never sent, by our own queue or circuit. */
export type RequestFailure = OriginErrorKind | 'refused'

export type FailoverReason = 'failed' | 'missing'

export class OriginCounts {
  /** How long requests waited for their permit, in milliseconds; 0 for those that did not. */
  readonly queueWait: { observe(ms: number): void }
  /** Requests that left the queue, retries and the like included. */
  requests = 0
  /** Answers, by status. */
  readonly answers = new Map<number, number>()
  readonly failures = new Map<RequestFailure, number>()
  /** Of bodies, as they came. */
  receivedBytes = 0
  /** Attempts after the first one. */
  retries = 0
  /** Requests sent a second time because the first took longer than usual. */
  hedges = 0
  /** Requests for the rest of a body that broke off. */
  resumes = 0
  /** Times the circuit opened. */
  circuitOpenings = 0
  /** Requests that went on to another origin, by its name: since this one failed, or has no such object. */
  readonly failovers = new Map<string, Record<FailoverReason, number>>()

  constructor(queueWait: { observe(ms: number): void } = NOT_MEASURED) {
    this.queueWait = queueWait
  }

  answered(status: number): void {
    this.answers.set(status, (this.answers.get(status) ?? 0) + 1)
  }

  /** There is a route that goes on there; it is shown before it ever does. */
  mayFailOver(next: string): Record<FailoverReason, number> {
    const counted = this.failovers.get(next) ?? { failed: 0, missing: 0 }
    this.failovers.set(next, counted)
    return counted
  }

  failed(error: unknown): void {
    if (!(error instanceof OriginError)) return
    const failure = error instanceof NotSentError ? 'refused' : error.kind
    this.failures.set(failure, (this.failures.get(failure) ?? 0) + 1)
  }
}

const NOT_MEASURED = { observe: () => undefined }
