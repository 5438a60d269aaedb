/**
 * Several origins with the same objects, in order: the next one is asked when the one before cannot help.
 *
 * | the origin's outcome                                      | what happens                                         |
 * |-----------------------------------------------------------|------------------------------------------------------|
 * | 404, 403                                                  | is the answer; with `onNotFound` the next one is asked |
 * | any other answer                                          | is the answer                                        |
 * | `unreachable`, `timeout`, `broken`, `overloaded`          | the next one is asked; an open circuit and a full queue are `overloaded` |
 * | `misconfigured`                                           | is the error: an operator has to act, and a second origin that answers for the first would hide it for ever |
 * | `aborted`                                                 | is the error: nobody wants the answer                |
 *
 * A 403 counts with the 404: that is how a store says that an object is missing to whoever may not list its bucket.
 *
 * Invariant: who asks gets the first answer that is one; where none is, the first 404 if there was any, else the first
 * 403, else the last error. Of the answers nobody gets the bodies are destroyed.
 *
 * Validators: an entity tag that has to match (`ifMatch`) goes to every origin, since whoever sends it holds bytes of
 * just that version, and 412 is a fair answer. `ifNoneMatch` goes to the first origin alone, and a date to none: it
 * says when a copy was written, not what is in it, and copies are written at different times.
 *
 * Origins are not asked when nobody wants anything of them: an origin that came back is found by its circuit's probes.
 */
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import type { Origin, OriginLog, OriginRequest, OriginResponse, PoolUsage } from './origin.ts'

export interface FailoverOptions {
  /** A 404 or 403 is no answer as long as there is another origin to ask. */
  readonly onNotFound: boolean
  readonly clock: Clock
  readonly log: OriginLog
}

/** One line for an origin in this time. */
const LOG_INTERVAL_MS = 10_000

/** Under the first one's name. Does not own the origins' lives alone: closing it closes all of them, as often as asked. */
export function failover(first: Origin, others: readonly Origin[], options: FailoverOptions): Origin {
  const { onNotFound, clock, log } = options
  const origins = [first, ...others]
  const loggedAtMs = new Map<string, number>()

  const report = ({ name }: Origin, next: Origin, error: OriginError) => {
    const now = clock.now()
    if (Math.abs(now - (loggedAtMs.get(name) ?? Number.NEGATIVE_INFINITY)) < LOG_INTERVAL_MS) return
    loggedAtMs.set(name, now)
    log.warn({ origin: name, next: next.name, kind: error.kind, error: error.message }, `${name}: asking ${next.name}`)
  }

  const fetch = async (request: OriginRequest): Promise<OriginResponse> => {
    let missing: OriginResponse | undefined
    for (const [index, origin] of origins.entries()) {
      const next = origins[index + 1]
      try {
        const response = await origin.fetch(index === 0 ? forFirst(request) : forOther(request))
        if (!onNotFound || !saysMissing(response)) {
          missing?.body?.destroy()
          return response
        }
        missing = clearerOf(missing, response)
        if (next === undefined) return missing
      } catch (error) {
        if (!isForNext(error)) {
          missing?.body?.destroy()
          throw error
        }
        if (next === undefined) {
          if (missing !== undefined) return missing
          throw error
        }
        report(origin, next, error)
      }
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

function saysMissing({ status }: OriginResponse): boolean {
  return status === 404 || status === 403
}

/** A 404 says more than a 403; else the earlier one stands. The other one's body is destroyed. */
function clearerOf(earlier: OriginResponse | undefined, later: OriginResponse): OriginResponse {
  if (earlier === undefined) return later
  const isLaterClearer = earlier.status === 403 && later.status === 404
  const [clearer, other] = isLaterClearer ? [later, earlier] : [earlier, later]
  other.body?.destroy()
  return clearer
}

function isForNext(error: unknown): error is OriginError {
  if (!(error instanceof OriginError)) return false
  switch (error.kind) {
    case 'unreachable':
    case 'timeout':
    case 'broken':
    case 'overloaded':
      return true
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
