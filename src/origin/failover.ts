/**
 * Several origins with the same objects, in order: the next one is asked when the one before cannot help.
 *
 * | the origin's outcome                                      | what happens                                         |
 * |-----------------------------------------------------------|------------------------------------------------------|
 * | any other than these                                      | is the answer                                        |
 * | 404, 403                                                  | is the answer; with `onNotFound` the next one is asked |
 * | 429, 5xx (but 501, 505, 508)                              | the next one is asked                                |
 * | `unreachable`, `timeout`, `broken`, `overloaded`          | the next one is asked; an open circuit and a full queue are `overloaded` |
 * | `misconfigured`                                           | is the error: an operator has to act, and a second origin that answers for the first would hide it for ever |
 * | `aborted`                                                 | is the error: nobody wants the answer                |
 *
 * A 403 counts with the 404: that is how a store says that an object is missing to whoever may not list its bucket.
 *
 * Invariant: who asks gets the first answer that is one; where none is, the first 404 if there was any, else the first
 * 403 that counted, else the last answer of any kind, else the last error. Of all the other answers the bodies are destroyed. A request that must not be repeated
 * goes to the next origin only where the one before cannot have seen anything of it.
 *
 * Validators: an entity tag that has to match (`ifMatch`) goes to every origin, since whoever sends it holds bytes of
 * just that version, and 412 is a fair answer. `ifNoneMatch` goes to the first origin alone, and a date to none: it
 * says when a copy was written, not what is in it, and copies are written at different times.
 *
 * Origins are not asked when nobody wants anything of them: an origin that came back is found by its circuit's probes.
 */
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import { type Attempt, attempted, discard, isFailedAnswer, isRepeatable, outcomeOf } from './attempt.ts'
import type { FailoverReason } from './counts.ts'
import { isUnsent } from './failure.ts'
import type { Origin, OriginLog, OriginRequest, OriginResponse, PoolUsage } from './origin.ts'

export interface FailoverOptions {
  /** A 404 or 403 is no answer as long as there is another origin to ask. */
  readonly onNotFound: boolean
  readonly clock: Clock
  readonly log: OriginLog
  /** Told of every request that goes on, before it does. @default nobody counts them */
  readonly onFailover?: (origin: string, next: string, reason: FailoverReason) => void
}

/** One line for an origin in this time. */
const LOG_INTERVAL_MS = 10_000

/** Under the first one's name. Does not own the origins' lives alone: closing it closes all of them, as often as asked. */
export function failover(first: Origin, others: readonly Origin[], options: FailoverOptions): Origin {
  const { onNotFound, clock, log, onFailover } = options
  const origins = [first, ...others]
  const loggedAtMs = new Map<string, number>()

  const report = ({ name }: Origin, next: Origin, made: Attempt) => {
    const now = clock.now()
    if (Math.abs(now - (loggedAtMs.get(name) ?? Number.NEGATIVE_INFINITY)) < LOG_INTERVAL_MS) return
    loggedAtMs.set(name, now)
    log.warn({ origin: name, next: next.name, ...reasonOf(made) }, `${name}: asking ${next.name}`)
  }

  const fetch = async (request: OriginRequest): Promise<OriginResponse> => {
    let kept: Attempt | undefined
    for (const [index, origin] of origins.entries()) {
      const next = origins[index + 1]
      const made = await attempted(() => origin.fetch(index === 0 ? forFirst(request) : forOther(request)))
      const isNotFound = onNotFound && saysMissing(made) && isRepeatable(request)
      const isFinal = !isNotFound && !isForNext(made, request)
      if (isFinal) {
        discard(kept)
        return outcomeOf(made)
      }
      kept = better(kept, made)
      if (next === undefined) return outcomeOf(kept)
      onFailover?.(origin.name, next.name, isNotFound ? 'missing' : 'failed')
      if (!isNotFound) report(origin, next, made)
    }
    throw new Error('the last origin ends the loop')
  }

  return {
    name: first.name,
    fetch,
    usage: () => origins.map((origin) => origin.usage()).reduce(sum),
    close: async () => {
      await Promise.all(origins.map((origin) => origin.close()))
    },
  }
}

/** The one to hand out when nothing better comes; the other is let go. Of two that say the object is missing the first. */
function better(kept: Attempt | undefined, made: Attempt): Attempt {
  if (kept === undefined) return made
  const isKept = saysMissing(kept) ? worth(made) <= worth(kept) : worth(made) < worth(kept)
  discard(isKept ? made : kept)
  return isKept ? kept : made
}

function worth(made: Attempt): number {
  if ('error' in made) return 0
  return made.response.status === 404 ? 3 : made.response.status === 403 ? 2 : 1
}

function saysMissing(made: Attempt): boolean {
  return statusOf(made) === 404 || statusOf(made) === 403
}

function statusOf(made: Attempt): number | undefined {
  return 'response' in made ? made.response.status : undefined
}

function reasonOf(made: Attempt): Readonly<Record<string, unknown>> {
  if ('response' in made) return { status: made.response.status }
  return made.error instanceof OriginError ? { kind: made.error.kind, error: made.error.message } : {}
}

function isForNext(made: Attempt, request: OriginRequest): boolean {
  if ('response' in made) return isFailedAnswer(made.response) && isRepeatable(request)
  const { error } = made
  if (!(error instanceof OriginError)) return false
  switch (error.kind) {
    case 'unreachable':
    case 'timeout':
    case 'broken':
    case 'overloaded':
      return isRepeatable(request) || isUnsent(error)
    case 'misconfigured':
    case 'aborted':
      return false
    default:
      return error.kind satisfies never
  }
}

function forFirst({ validators, ...request }: OriginRequest): OriginRequest {
  if (validators === undefined) return request
  const { ifModifiedSince: _, ...tags } = validators
  return { ...request, validators: tags }
}

function forOther({ validators, ...request }: OriginRequest): OriginRequest {
  return validators?.ifMatch === undefined ? request : { ...request, validators: { ifMatch: validators.ifMatch } }
}

function sum(a: PoolUsage, b: PoolUsage): PoolUsage {
  return { inUse: a.inUse + b.inUse, free: a.free + b.free, queued: a.queued + b.queued }
}
