/**
 * Answers under way: how many there are on each connection, and which of them is the last.
 *
 * An answer is under way from its request until its `close`. What this costs a request is one look into a map and one
 * listener that all requests of a connection share.
 */

import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

interface OnConnection {
  count: number
  last: ServerResponse | undefined
  readonly onClose: () => void
}

export class AnswersUnderWay {
  readonly #connections = new Map<Duplex, OnConnection>()
  readonly #onAnswered: () => void

  /** @param onAnswered called after the end of each of them */
  constructor(onAnswered: () => void) {
    this.#onAnswered = onAnswered
  }

  /** Counts it until it closes. */
  add(res: ServerResponse, socket: Duplex): void {
    const connection = this.#connections.get(socket) ?? this.#begin(socket)
    connection.count += 1
    connection.last = res
    res.on('close', connection.onClose)
  }

  countOn(socket: Duplex): number {
    return this.#connections.get(socket)?.count ?? 0
  }

  /** Of each connection that has one under way, the last. */
  lasts(): readonly ServerResponse[] {
    return [...this.#connections.values()].map(({ last }) => last).filter((res) => res !== undefined)
  }

  #begin(socket: Duplex): OnConnection {
    const connection: OnConnection = {
      count: 0,
      last: undefined,
      onClose: () => {
        connection.count -= 1
        // A connection that waits for its next request holds on to nothing of the one before.
        if (connection.count === 0) connection.last = undefined
        this.#onAnswered()
      },
    }
    this.#connections.set(socket, connection)
    socket.once('close', () => this.#connections.delete(socket))
    return connection
  }
}
