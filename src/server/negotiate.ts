/**
 * Negotiate: in which content coding a stored answer goes to this request (RFC 9110 §12.1, §12.5.3).
 *
 * Ranges are of the bytes as they are: a request that asks for one gets these, whole where its range does not count.
 */

import type { StoredResponse } from '../cache/stored-response.ts'
import { acceptedCodings, forbidsTransform } from '../http/content-coding.ts'
import type { IncomingMessage } from './messages.ts'

/** The stored answer, or its encoded self: an answer like any other, with its own tag, length and bytes. */
export function negotiate({ headers }: IncomingMessage, stored: StoredResponse): StoredResponse {
  const { encodings } = stored
  if (encodings === undefined) return stored
  const accepted = headers['accept-encoding']
  if (accepted === undefined || headers.range !== undefined) return stored
  if (forbidsTransform(headers['cache-control'])) return stored
  return encodings.select(stored, acceptedCodings(accepted))
}
