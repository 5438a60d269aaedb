/**
 * Request rate: how many requests each client may make in a second, by a token bucket.
 *
 * A bucket is one number, the time at which it will be full again: it fills by itself, and a client that has been away
 * for long enough is as one that never came. Nothing here uses a timer.
 *
 * Invariant: in any `t` seconds no client that is remembered gets more than `burst + t · perSecond` requests admitted.
 * No more than a fixed number are remembered: those that came last.
 */

import { LRUCache } from 'lru-cache'
import type { ClientError } from '../errors.ts'
import { clientNetwork } from '../http/client-network.ts'
import type { Trust } from '../http/forwarded.ts'
import { forwardingFor } from './for-whom.ts'
import type { IncomingMessage } from './messages.ts'

export interface RequestRateOptions {
  readonly perSecond: number
  /** Requests that may come at once after a pause; from 1. */
  readonly burst: number
  /** Requests that come through these count for the client that they name, and for nobody where they name none. */
  readonly isTrusted: Trust
  /** @default 100000 */
  readonly maxClients?: number
}

const MAX_CLIENTS = 100_000

export function tooManyRequests(retryAfterSeconds: number): ClientError {
  return { status: 429, text: 'Too many requests', retryAfterSeconds }
}

export class RequestRate {
  #msPerRequest: number
  #burstMs: number
  #isTrusted: Trust
  /** Epoch ms at which the client's bucket is full again. */
  readonly #fullAtMs: LRUCache<string, number>
  /** Taken apart once a connection. */
  #networks = new WeakMap<IncomingMessage['socket'], string>()

  constructor({ perSecond, burst, isTrusted, maxClients = MAX_CLIENTS }: RequestRateOptions) {
    this.#msPerRequest = 1000 / perSecond
    this.#burstMs = burst * this.#msPerRequest
    this.#isTrusted = isTrusted
    this.#fullAtMs = new LRUCache({ max: maxClients })
  }

  /** Clients that are remembered. */
  get clients(): number {
    return this.#fullAtMs.size
  }

  /**
   * Another rule from now on. Of what a client had left of its burst it has as many requests fewer as before, down to
   * none: who has just used up the former one gets no new one.
   */
  change({ perSecond, burst, isTrusted }: Omit<RequestRateOptions, 'maxClients'>, nowMs: number): void {
    const [formerMsPerRequest, formerBurstMs] = [this.#msPerRequest, this.#burstMs]
    this.#msPerRequest = 1000 / perSecond
    this.#burstMs = burst * this.#msPerRequest
    this.#isTrusted = isTrusted
    // A connection may be another client's by the new list of proxies.
    this.#networks = new WeakMap()
    if (this.#msPerRequest === formerMsPerRequest && this.#burstMs === formerBurstMs) return
    // From the one that came longest ago to the last one, so that they stay in that order.
    for (const [client, fullAtMs] of [...this.#fullAtMs.entries()].reverse()) {
      const emptyMs = fullAtMs - nowMs
      const isOver = emptyMs <= 0 || emptyMs > formerBurstMs
      if (isOver) this.#fullAtMs.delete(client)
      else {
        const requests = emptyMs / formerMsPerRequest
        this.#fullAtMs.set(client, nowMs + Math.min(requests * this.#msPerRequest, this.#burstMs))
      }
    }
  }

  /** Undefined where the request may go on, and is counted; else the whole seconds after which the next one may. */
  refuse(req: IncomingMessage, nowMs: number): number | undefined {
    const client = this.#clientOf(req)
    if (client === undefined) return undefined
    const fullAtMs = Math.max(nowMs, this.#fullAtMs.get(client) ?? 0)
    // A clock that was set back must not lock anybody out.
    const emptyMs = fullAtMs - nowMs > this.#burstMs ? 0 : fullAtMs - nowMs
    const waitMs = emptyMs + this.#msPerRequest - this.#burstMs
    // Sums of fractions are off by a little.
    if (waitMs > 1e-6) return Math.ceil(waitMs / 1000)
    this.#fullAtMs.set(client, nowMs + emptyMs + this.#msPerRequest)
    return undefined
  }

  #clientOf(req: IncomingMessage): string | undefined {
    const { socket } = req
    const known = this.#networks.get(socket)
    if (known !== undefined) return known
    const { remoteAddress } = socket
    if (remoteAddress === undefined) return undefined
    if (this.#isTrusted(remoteAddress)) {
      const { clientAddress } = forwardingFor(req, this.#isTrusted)
      return clientAddress === 'unknown' || this.#isTrusted(clientAddress) ? undefined : clientNetwork(clientAddress)
    }
    const network = clientNetwork(remoteAddress)
    this.#networks.set(socket, network)
    return network
  }
}
