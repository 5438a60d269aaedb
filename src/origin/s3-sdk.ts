/**
 * An S3 origin's requests over the SDK's own handler, on node's agents; sockets, timeouts and bodies are ours.
 *
 * Invariant: no body the handler ever received stays open without a reader.
 */
import { Readable } from 'node:stream'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { type Agents, createAgents } from './agents.ts'
import { StreamBody } from './body.ts'
import type { OriginLog } from './origin.ts'
import type { Permit } from './pool.ts'
import type { Call, Carried, Carrier, PreparedGet } from './s3-transport.ts'
import type { CarrierOptions } from './s3-undici.ts'

type SdkRequest = Parameters<NodeHttpHandler['handle']>[0]

export class SdkCarrier implements Carrier {
  readonly #options: CarrierOptions
  readonly #agents: Agents
  readonly #sender: NodeHttpHandler

  constructor(options: CarrierOptions, log: OriginLog) {
    this.#options = options
    const { name, settings, clock } = options
    this.#agents = createAgents({ clock, ...settings })
    this.#sender = new NodeHttpHandler({
      httpAgent: this.#agents.http,
      httpsAgent: this.#agents.https,
      // Off: they measure queueing, or kill a body whose reader is paused. The agents have ours.
      connectionTimeout: 0,
      requestTimeout: 0,
      socketTimeout: 0,
      socketAcquisitionWarningTimeout: settings.acquisitionWarningMs,
      logger: warningsOnly(name, log),
    })
  }

  async carry(request: Pick<PreparedGet, 'target' | 'fields'>, { permit, signal }: Call): Promise<Carried> {
    try {
      const { response } = await this.#sender.handle(this.#message(request), { abortSignal: signal })
      const { statusCode: status, headers } = response
      this.#options.pool.answered(status)
      // A 304 may announce the length of what it does not send (RFC 9110 §8.6).
      const contentLength = status >= 200 && status < 300 ? announcedLength(headers) : undefined
      return { status, headers, body: this.#takeBody(response.body, contentLength, signal, permit) }
    } catch (error) {
      permit.release()
      throw error
    }
  }

  freeCount(): number {
    return this.#agents.freeCount()
  }

  retire(): void {
    this.#agents.retire()
  }

  destroy(): void {
    this.#sender.destroy()
  }

  /** Of what the SDK calls a request, as much as its handler looks at. */
  #message({ target, fields }: Pick<PreparedGet, 'target' | 'fields'>): SdkRequest {
    const { protocol, hostname, port } = this.#options.address
    const message = { method: 'GET', protocol, hostname, path: target, query: {}, headers: fields }
    return (port === '' ? message : { ...message, port: Number(port) }) as SdkRequest
  }

  #takeBody(stream: unknown, contentLength: number | undefined, signal: AbortSignal, permit: Permit): StreamBody {
    if (!(stream instanceof Readable)) throw new Error('a response whose body is no stream')
    if (stream.closed) permit.release()
    else stream.once('close', () => permit.release())
    const { name, pool, clock, settings } = this.#options
    const { stallTimeoutMs } = settings
    return new StreamBody(stream, { name, signal, contentLength, stallTimeoutMs, clock, counts: pool.counts })
  }
}

function announcedLength(headers: Readonly<Record<string, string>>): number | undefined {
  const value = headers['content-length'] ?? ''
  return /^\d+$/.test(value) ? Number(value) : undefined
}

/** The handler's one warning, of requests piling up on the agents, must be seen: the pool is there to make it impossible. */
function warningsOnly(name: string, log: OriginLog) {
  const ignore = () => undefined
  const warn = (message: unknown) => log.warn({ origin: name }, String(message))
  return { trace: ignore, debug: ignore, info: ignore, warn, error: ignore }
}
