/**
 * Uploads: the connections on which somebody receives a request's content and looks after its pace.
 *
 * A listener gives every request a time to arrive as a whole, which is right where nobody wants its content. Content
 * that is sent on to an origin may take as long as it keeps moving. What is left of it when its answer is over is read
 * all the same, for a while: a client that sends everything before it reads would never come to see the answer.
 */

import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../clock.ts'

/** How long content that nobody wants any more is read. */
const LINGER_MS = 30_000

export class Uploads {
  /** One may have begun to arrive while the answer to the one before it is still under way. */
  readonly #counts = new WeakMap<Duplex, number>()

  begin(socket: Duplex): void {
    this.#counts.set(socket, (this.#counts.get(socket) ?? 0) + 1)
  }

  /** Once for each `begin`. */
  end(socket: Duplex): void {
    this.#counts.set(socket, (this.#counts.get(socket) ?? 1) - 1)
  }

  has(socket: Duplex): boolean {
    return (this.#counts.get(socket) ?? 0) > 0
  }
}

/** Reads what still comes of a request's content and drops it; its connection ends if that takes too long. */
export function dropContent(req: IncomingMessage, clock: Clock): void {
  if (req.complete || req.destroyed) {
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
