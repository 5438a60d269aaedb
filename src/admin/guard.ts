/**
 * Who may ask the admin listener.
 *
 * - With a token: whoever brings it, wherever the request came from (RFC 6750 §2.1).
 * - Without one, which the configuration allows on loopback only: programs of this machine. A web page open on it is no
 *   such program, though it can make its own name point to 127.0.0.1 (DNS rebinding) and then read what comes back. Its
 *   browser gives that name as the host, so only names that mean this machine are answered. HTTP/1.0 without a host is
 *   let in: plain health checks send that, browsers never do.
 *
 * Whoever is refused is disconnected, so that a stranger holds no connection.
 */

import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type AdminAnswer, problem } from './answer.ts'

/** The refusal, or `undefined` for a request that may go on. */
export type Guard = (req: IncomingMessage) => AdminAnswer | undefined

const REALM = 'Bearer realm="segment-shield admin"'
const BEARER = /^Bearer +([^ ]+) *$/i
/** Names of this machine, with any port: 127.0.0.0/8, ::1 and localhost. */
const LOOPBACK_HOST = /^(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]{1,5})?$/i

/** @param token undefined: the listener can be reached from this machine only */
export function createGuard(token: string | undefined): Guard {
  return token === undefined ? refuseForeignHosts : tokenGuard(token)
}

function tokenGuard(token: string): Guard {
  const expected = digest(token)
  return ({ headers }) => {
    const given = BEARER.exec(headers.authorization ?? '')?.[1]
    if (given === undefined) return unauthorized('Authorization: Bearer TOKEN is missing', REALM)
    // Digests have one length, so that the time of the comparison tells nothing of the token, its length included.
    if (timingSafeEqual(digest(given), expected)) return undefined
    return unauthorized('The token is wrong', `${REALM}, error="invalid_token"`)
  }
}

const refuseForeignHosts: Guard = ({ headers: { host } }) => {
  if (host === undefined || LOOPBACK_HOST.test(host)) return undefined
  const detail = 'Without a token only localhost, 127.0.0.1 and [::1] are answered for: name one as the host'
  return problem(421, detail, { Connection: 'close' })
}

function unauthorized(detail: string, challenge: string): AdminAnswer {
  return problem(401, detail, { 'WWW-Authenticate': challenge, Connection: 'close' })
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
