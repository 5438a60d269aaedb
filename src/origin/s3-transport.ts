/**
 * What carries the requests of an S3 origin to its store and brings the answers: the AWS SDK, or connections of our own.
 *
 * Invariant of each: nothing is sent without the permit of its call, which is released exactly once after that, when
 * the answer's body has ended, has failed or was destroyed. The bodies of answers outside 2xx are read here, bounded
 * in bytes and time, so that none of them ever holds a connection.
 */
import type { OriginBody, OriginRange, Validators } from './origin.ts'
import type { Permit } from './pool.ts'

/** One `fetch`. */
export interface Call {
  /** To be given back by the caller as long as nothing is sent. */
  readonly permit: Permit
  readonly signal: AbortSignal
  /** Whether the request is under way, and the permit with it. */
  isSent: boolean
}

export interface Question {
  /** With the key prefix; from 1 to 1024 bytes. */
  readonly key: string
  readonly range: OriginRange | undefined
  /** Dates that are none are left out. */
  readonly validators: Validators | undefined
}

export interface Answer {
  readonly status: number
  /** S3's code for an error, `Unknown` where there is none. */
  readonly code: string
  /** As received, under lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Present for 2xx. */
  readonly body: OriginBody | undefined
  /** What the answer was to whoever brought it, where that is an error. */
  readonly cause?: unknown
}

export interface Transport {
  /**
   * Ends as soon as the call's signal aborts.
   * @throws {OriginError} or whatever else tells that there is no answer
   */
  send(question: Question, call: Call): Promise<Answer>
  /** Open connections that nobody uses. */
  freeCount(): number
  /** Closes the free connections now, and each of the others when its answer has ended. */
  retire(): void
  /** Called when nothing is under way any more. */
  destroy(): void
}
