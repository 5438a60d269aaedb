/**
 * Connection limit: how many connections clients may have open at once, all together and each by itself.
 *
 * Invariant: every connection that was admitted is counted until its `close`, and no other is; what is remembered of
 * clients is as much as there are connections.
 */

import type { Socket } from 'node:net'
import { clientNetwork } from '../http/client-network.ts'
import type { Trust } from '../http/forwarded.ts'

export interface ConnectionLimitOptions {
  readonly maxConnections: number
  /** @default no limit */
  readonly maxPerClient?: number | undefined
  /** They bring the connections of many, and are held to the first limit alone. */
  readonly isTrusted: Trust
  /** Told of each one that was refused. */
  readonly onRefused: (reason: ConnectionRefusal) => void
}

/** Which limit was reached. */
export type ConnectionRefusal = 'connections' | 'connections of one client'

export class ConnectionLimit {
  #options: ConnectionLimitOptions
  readonly #perClient = new Map<string, number>()
  #count = 0
  readonly #refused: Record<ConnectionRefusal, number> = { connections: 0, 'connections of one client': 0 }

  constructor(options: ConnectionLimitOptions) {
    this.#options = options
  }

  /** Connections that are counted. */
  get count(): number {
    return this.#count
  }

  /** How many were refused since the start. */
  get refused(): Readonly<Record<ConnectionRefusal, number>> {
    return this.#refused
  }

  /** Clients that are known by their connections. */
  get clients(): number {
    return this.#perClient.size
  }

  /** Other limits from now on; who is connected stays. */
  change(options: ConnectionLimitOptions): void {
    this.#options = options
  }

  /** Takes a connection that was accepted, or resets it. */
  take(socket: Socket): void {
    const { maxConnections, maxPerClient, isTrusted, onRefused } = this.#options
    const client = maxPerClient === undefined ? undefined : clientOf(socket, isTrusted)
    const ofClient = client === undefined ? 0 : (this.#perClient.get(client) ?? 0)
    const isFull = this.#count >= maxConnections
    if (isFull || ofClient >= (maxPerClient ?? Number.POSITIVE_INFINITY)) {
      const reason: ConnectionRefusal = isFull ? 'connections' : 'connections of one client'
      this.#refused[reason] += 1
      onRefused(reason)
      // Nothing was said on it, and nothing of it is to linger in the kernel.
      socket.resetAndDestroy()
      return
    }
    this.#count += 1
    if (client !== undefined) this.#perClient.set(client, ofClient + 1)
    socket.once('close', () => {
      this.#count -= 1
      if (client !== undefined) this.#forget(client)
    })
  }

  #forget(client: string): void {
    const rest = (this.#perClient.get(client) ?? 1) - 1
    if (rest === 0) this.#perClient.delete(client)
    else this.#perClient.set(client, rest)
  }
}

function clientOf({ remoteAddress }: Socket, isTrusted: Trust): string | undefined {
  return remoteAddress === undefined || isTrusted(remoteAddress) ? undefined : clientNetwork(remoteAddress)
}
