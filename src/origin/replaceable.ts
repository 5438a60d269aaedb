/**
 * ReplaceableOrigin: an origin under its name, whose client, keys and limits can be exchanged while it is in use.
 *
 * What was begun with the former one ends with it: its answers go on to their last byte, its queue is served. What is
 * asked for from then on, the rest of a body that broke off included, is asked of the new one. Until the former one has
 * nothing under way, both have connections, each within its own bound.
 *
 * Invariant: whoever holds this holds the one that the configuration names now; after `close()` all of them are closed.
 */
import { OriginError } from '../errors.ts'
import type { CircuitState } from './breaker.ts'
import type { ResilientOrigin } from './compose.ts'
import type { OriginRequest, OriginResponse, PoolUsage } from './origin.ts'

export class ReplaceableOrigin implements ResilientOrigin {
  readonly name: string
  readonly #closing = new Set<Promise<void>>()
  #current: ResilientOrigin

  constructor(origin: ResilientOrigin) {
    this.name = origin.name
    this.#current = origin
  }

  fetch(request: OriginRequest): Promise<OriginResponse> {
    const asked = this.#current
    return asked.fetch(request).catch((error: unknown) => {
      // Closed between two of its attempts: for the one who asks that is no failure.
      const isReplaced = this.#current !== asked && error instanceof OriginError && error.kind === 'aborted'
      if (!isReplaced || request.signal.aborted || request.content !== undefined) throw error
      return this.#current.fetch(request)
    })
  }

  /** @param next takes over at once, and is closed with this from now on */
  replace(next: ResilientOrigin): void {
    const closing = this.#current.close().finally(() => this.#closing.delete(closing))
    this.#closing.add(closing)
    this.#current = next
  }

  /** Of the one that is asked now. */
  circuit(): CircuitState {
    return this.#current.circuit()
  }

  /** Of the one that is asked now. */
  allowedPerSecond(): number {
    return this.#current.allowedPerSecond()
  }

  /** Of the one that is asked now. */
  usage(): PoolUsage {
    return this.#current.usage()
  }

  /** Whether it or a former one has a connection, be it idle, or somebody who waits for one. */
  isBusy(): boolean {
    const { inUse, free, queued } = this.#current.usage()
    return inUse + free + queued + this.#closing.size > 0
  }

  async close(): Promise<void> {
    await Promise.all([this.#current.close(), ...this.#closing])
  }
}
