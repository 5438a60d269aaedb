/**
 * Uploads: the connections on which somebody receives a request's content and looks after its pace.
 *
 * A listener gives every request a time to arrive as a whole, which is right where nobody wants its content. Content
 * that is sent on to an origin may take as long as it keeps moving.
 */

import type { Duplex } from 'node:stream'

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
