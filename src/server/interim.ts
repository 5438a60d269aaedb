/**
 * Interim answers on their way to a client (RFC 9110 §15.2).
 *
 * Invariant: none gets between the header and the body of another answer, nor behind the header of its own.
 */

import type { IncomingMessage, ServerResponse } from './messages.ts'
import { isHttp10 } from './messages.ts'

/** Sends one on if its client can have it now; it does without otherwise. */
export function sendInterim(req: IncomingMessage, res: ServerResponse, status: number, pairs: readonly string[]): void {
  // HTTP/1.0 has none; and Node can send them since 26.
  if (isHttp10(req) || !isOnTurn(res) || typeof res.writeInformation !== 'function') return
  res.writeInformation(status, [...pairs])
}

/**
 * Whether what is written now stands where this answer begins. While an earlier one on the same connection is under way,
 * Node keeps what is written in a place of its own and puts the header before it.
 */
export function isOnTurn(res: ServerResponse): boolean {
  return !res.headersSent && !res.destroyed && res.socket !== null
}
