/**
 * Uploads: the connections on which somebody receives a request's content and looks after its pace.
 *
 * A listener gives every request a time to arrive as a whole, which is right where nobody wants its content. Content
 * that is sent on to an origin may take as long as it keeps moving.
 */

import type { Duplex } from 'node:stream'

export class Uploads {
  readonly #sockets = new WeakSet<Duplex>()

  begin(socket: Duplex): void {
    this.#sockets.add(socket)
  }

  end(socket: Duplex): void {
    this.#sockets.delete(socket)
  }

  has(socket: Duplex): boolean {
    return this.#sockets.has(socket)
  }
}
