/**
 * Drop content: the rest of a request that has been answered is read and goes nowhere, for a while. A client that sends
 * everything before it reads would otherwise never come to see the answer.
 */

import type { Clock } from '../clock.ts'
import type { IncomingMessage } from './messages.ts'
import { isHttp2 } from './messages.ts'

/** Long enough for its sender to come to see the answer. */
const LINGER_MS = 30_000

/** Cuts the connection when the content has not ended by then. */
export function dropContent(req: IncomingMessage, clock: Clock): void {
  // A stream is closed with its answer (RFC 9113 §8.1); what is read here is what came until then.
  if (req.complete || req.destroyed || isHttp2(req)) {
    req.resume()
    return
  }
  const { socket } = req
  const linger = clock.after(LINGER_MS, () => socket.destroy())
  const stop = () => {
    linger.cancel()
    req.off('close', stop)
    socket.off('close', stop)
  }
  // A request that has been answered does not hear of the end of its connection.
  req.once('close', stop)
  socket.once('close', stop)
  req.resume()
}
