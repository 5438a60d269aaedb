/** An S3 origin's requests over undici, on connections of an HTTP origin's kind. */
import type { Clock } from '../clock.ts'
import { StaleSocketError } from './failure.ts'
import { exchange } from './http-exchange.ts'
import { HttpSockets } from './http-sockets.ts'
import type { ConnectionPool } from './pool.ts'
import type { Call, Carried, Carrier, PreparedGet } from './s3-transport.ts'
import type { PoolSettings } from './settings.ts'

export interface CarrierOptions {
  /** The origin's name, for messages. */
  readonly name: string
  /** Of the bucket: scheme, host and port. */
  readonly address: URL
  readonly pool: ConnectionPool
  readonly settings: PoolSettings
  readonly clock: Clock
}

export class UndiciCarrier implements Carrier {
  readonly #options: CarrierOptions
  readonly #sockets: HttpSockets

  constructor(options: CarrierOptions) {
    this.#options = options
    const { address, clock, settings } = options
    this.#sockets = new HttpSockets({ url: address.origin, clock, ...settings })
  }

  async carry({ target, fields }: Pick<PreparedGet, 'target' | 'fields'>, call: Call): Promise<Carried> {
    const { name, pool, settings, clock } = this.#options
    const { permit, signal } = call
    const { responseTimeoutMs, stallTimeoutMs } = settings
    const sockets = this.#sockets
    const sent = { method: 'GET', target, fields: Object.entries(fields).flat(), signal }
    return exchange(sent, {
      ...{ name, clock, sockets, counts: pool.counts, responseTimeoutMs, stallTimeoutMs },
      onAnswer: (code) => pool.answered(code),
      onOver: () => permit.release(),
    }).catch((error: unknown) => {
      // Those that are left have been idle for longer: what happened to this one happened to them.
      if (error instanceof StaleSocketError) sockets.closeFree()
      throw error
    })
  }

  freeCount(): number {
    return this.#sockets.freeCount
  }

  retire(): void {
    this.#sockets.retire()
  }

  destroy(): void {
    // Connections are closed one by one: those that were free when it was retired, the others after their answers.
  }
}
