/** Admit: where a route's demands meet a request, and the one place where a refusal is sent. */

import { CACHE_NAME } from '../passed-fields.ts'
import type { Outgoing } from '../respond.ts'
import { sendError } from '../respond.ts'
import type { Access } from './access.ts'
import type { CleanTarget } from './path-tokens.ts'

/**
 * The target as everybody behind this is to see it, without tokens; undefined where the request was refused, and has
 * been answered.
 */
export function admit(outgoing: Outgoing, target: CleanTarget, access: Access | undefined): CleanTarget | undefined {
  const { req, exchange } = outgoing
  if (target.pathToken !== undefined) req.url = target.sentPath + target.sentQuery
  if (access === undefined) return target
  const outcome = access.check(req, target, exchange.startedMs, (addition) => {
    exchange.addition = addition
  })
  if (typeof outcome !== 'string') return outcome
  // RFC 9211 §2: neither hit nor fwd, since nothing was looked for.
  exchange.cacheStatus = `${CACHE_NAME}; detail=${outcome}`
  sendError(outgoing, { status: 403, text: `Forbidden: ${outcome}` }, ['Cache-Status', exchange.cacheStatus])
  return undefined
}
