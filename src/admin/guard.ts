/**
 * Who may ask the admin listener.
 *
 * - With a token: whoever brings it, wherever the request came from (RFC 6750 §2.1).
 * - Without one, which the configuration allows on loopback only: programs of this machine. A web page open on it is no
 *   such program, though it can make its own name point to 127.0.0.1 (DNS rebinding) and then read what comes back. Its
 *   browser gives that name as the host, so only names that mean this machine are answered. HTTP/1.0 without a host is
 *   let in: plain health checks send that, browsers never do.
 *
 *   What changes something is taken from no page of another site either: it could send it without reading the answer.
 *
 * Whoever is refused is disconnected, so that a stranger holds no connection. Who names no token where one is asked for
 * is a stranger too, and may be told what an endpoint tells everybody.
 */

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type AdminAnswer, problem } from './answer.ts'

/**
 * - `operator`: may ask for everything
 * - `stranger`: brought nothing; `refusal` is what it gets from an endpoint that is not for everybody
 * - `refused`: goes no further
 */
export type Asker =
  | { readonly kind: 'operator' }
  | { readonly kind: 'stranger'; readonly refusal: AdminAnswer }
  | { readonly kind: 'refused'; readonly refusal: AdminAnswer }

export type Guard = (req: IncomingMessage) => Asker

const OPERATOR: Asker = { kind: 'operator' }

const REALM = 'Bearer realm="segment-shield admin"'
const BEARER = /^Bearer +([^ ]+) *$/i
/** Names of this machine, with any port: 127.0.0.0/8, ::1 and localhost. */
const LOOPBACK_HOST = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?$/i

/** @param token undefined: the listener can be reached from this machine only */
export function createGuard(token: string | undefined): Guard {
  return token === undefined ? refusePages : tokenGuard(token)
}

function tokenGuard(token: string): Guard {
  const expected = digest(token)
  return ({ headers: { authorization } }) => {
    const given = BEARER.exec(authorization ?? '')?.[1]
    if (given === undefined) {
      const refusal = unauthorized('Authorization: Bearer TOKEN is missing', REALM)
      return { kind: authorization === undefined ? 'stranger' : 'refused', refusal }
    }
    // Digests have one length, so that the time of the comparison tells nothing of the token, its length included.
    if (timingSafeEqual(digest(given), expected)) return OPERATOR
    return { kind: 'refused', refusal: unauthorized('The token is wrong', `${REALM}, error="invalid_token"`) }
  }
}

const refusePages: Guard = ({ method, headers }) => {
  const { host, origin, 'sec-fetch-site': site } = headers
  if (host !== undefined && !LOOPBACK_HOST.test(host)) {
    const detail = 'Without a token only localhost, 127.0.0.1 and [::1] are answered for: name one as the host'
    return { kind: 'refused', refusal: problem(421, detail, { Connection: 'close' }) }
  }
  if (method === 'GET' || method === 'HEAD') return OPERATOR
  const isOfOtherSite = site !== undefined && site !== 'same-origin' && site !== 'none'
  const isOfOtherOrigin = origin !== undefined && origin.toLowerCase() !== `http://${host}`.toLowerCase()
  if (!isOfOtherSite && !isOfOtherOrigin) return OPERATOR
  const detail = 'Pages of other sites may change nothing here'
  return { kind: 'refused', refusal: problem(403, detail, { Connection: 'close' }) }
}

function unauthorized(detail: string, challenge: string): AdminAnswer {
  return problem(401, detail, { 'WWW-Authenticate': challenge, Connection: 'close' })
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
