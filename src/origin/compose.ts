/**
 * One origin out of its parts, from the outside in:
 *
 *     failover( retrying( hedging( breaker( S3 or HTTP ( queue, permits, pace ( socket ) ) ) ) ), … )
 *
 * - Retries are outside: each attempt may be hedged, meets the circuit as it is by then, and queues anew. A retry that
 *   the open circuit or our own queue refuses ends the fetch at once, since neither refusal is worth an attempt.
 * - Hedging is inside them, so that a failed attempt is waited out rather than doubled. Its second request meets the
 *   circuit and the queue like any other.
 * - The circuit sees every single request and nothing of our own queue, which is inside and counts for nothing there.
 * - The queue is innermost: whatever is sent, for whatever reason, has a permit and its place in the pace.
 * - Failover is outside of it all, for the origins of one route; the first one's attempts are over before the next one
 *   is asked, or its circuit is open and they never began.
 */
import { type BreakerSettings, CircuitBreaker, type CircuitState } from './breaker.ts'
import { OriginCounts } from './counts.ts'
import { type HedgeSettings, hedging } from './hedging.ts'
import { createHttpOrigin, type HttpOriginOptions } from './http.ts'
import type { OriginRequest, PacedOrigin } from './origin.ts'
import { RetryBudget } from './retry-budget.ts'
import { retrying } from './retrying.ts'
import { createS3Origin, type S3OriginOptions } from './s3.ts'
import type { OriginDependencies } from './settings.ts'

export interface ResilientOptions {
  readonly retry: { readonly maxAttempts: number; readonly deadlineMs: number }
  readonly breaker: BreakerSettings
  /** Undefined: nothing is sent twice at once. */
  readonly hedge: HedgeSettings | undefined
}

export interface ResilientDependencies extends OriginDependencies {
  /** At least 0, less than 1. */
  readonly random: () => number
}

export interface ResilientOrigin extends PacedOrigin {
  /** Whether the origin is thought to be well. */
  circuit(): CircuitState
}

export function composeS3Origin(
  name: string,
  { retry, breaker, hedge, ...s3 }: ResilientOptions & S3OriginOptions,
  dependencies: ResilientDependencies,
): ResilientOrigin {
  return resilient(createS3Origin(name, s3, dependencies), { retry, breaker, hedge }, dependencies)
}

export function composeHttpOrigin(
  name: string,
  { retry, breaker, hedge, ...http }: ResilientOptions & HttpOriginOptions,
  dependencies: ResilientDependencies,
): ResilientOrigin {
  return resilient(createHttpOrigin(name, http, dependencies), { retry, breaker, hedge }, dependencies)
}

function resilient(
  origin: PacedOrigin,
  { retry, breaker, hedge }: ResilientOptions,
  { random, clock, log, counts = new OriginCounts() }: ResilientDependencies,
): ResilientOrigin {
  const { name } = origin
  const circuit = new CircuitBreaker({ ...breaker, name, clock, log, counts })
  const guarded = circuit.guard((request) => origin.fetch(request))
  const isQueued = () => origin.usage().queued > 0
  const hedged = hedge === undefined ? guarded : hedging(guarded, { ...hedge, clock, isQueued, counts })
  const retried = retrying(hedged, { ...retry, name, clock, random, counts, budget: new RetryBudget() })
  return {
    name,
    fetch: (request: OriginRequest) => {
      if (request.isResume === true) counts.resumes += 1
      return retried(request)
    },
    allowedPerSecond: () => origin.allowedPerSecond(),
    usage: () => origin.usage(),
    close: () => origin.close(),
    circuit: () => circuit.state,
  }
}
