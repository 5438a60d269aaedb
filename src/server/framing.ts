/**
 * Framing: what Node's parser lets pass and RFC 9112 does not, since another reader of the same bytes could understand
 * it in another way. A request that is refused here is the last one on its connection.
 */

import type { ClientError } from '../errors.ts'
import type { IncomingMessage } from './messages.ts'
import { isHttp10 } from './messages.ts'

const NO_HOST: ClientError = { status: 400, text: 'The Host field is missing' }
const TWO_HOSTS: ClientError = { status: 400, text: 'More than one Host field' }
const BAD_HOST: ClientError = { status: 400, text: 'The Host field is malformed' }
const UNKNOWN_CODING: ClientError = { status: 501, text: 'This transfer coding is not understood' }
const CHUNKS_IN_HTTP_1_0: ClientError = { status: 400, text: 'HTTP/1.0 knows no Transfer-Encoding' }

/** RFC 3986 §3.2.2, §3.2.3, without a comma, which would make two of it; a target without an authority has an empty one. */
const HOST = /^(?:\[[0-9a-f:.]+\]|[a-z0-9._~%!$&'()*+;=-]*)(?::\d{0,5})?$/i

/** What to refuse a request with (RFC 9112 §3.2, §6.1, §6.3), or undefined for one that is well framed. */
export function framingFault(req: IncomingMessage): ClientError | undefined {
  const { rawHeaders, headers } = req
  let hostCount = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]
    if (name?.length === 4 && name.toLowerCase() === 'host') hostCount += 1
  }
  if (hostCount > 1) return TWO_HOSTS
  if (hostCount === 1 && !HOST.test(headers.host ?? '')) return BAD_HOST
  const coding = headers['transfer-encoding']
  if (isHttp10(req)) return coding === undefined ? undefined : CHUNKS_IN_HTTP_1_0
  if (hostCount === 0) return NO_HOST
  // Any other one would stay in the content, and nobody behind us would know of it.
  return coding === undefined || coding.trim().toLowerCase() === 'chunked' ? undefined : UNKNOWN_CODING
}
