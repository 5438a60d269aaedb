/**
 * An S3-compatible store as an Origin, whatever carries its requests.
 *
 * Invariant: a fetch ends with an answer or an OriginError as soon as its signal aborts. A transport makes one attempt;
 * permits, pace, and what an answer means are decided here, and every attempt after the first is made elsewhere.
 */
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import { parseHttpDate } from '../http/date.ts'
import { AnswerError, givenUp } from './failure.ts'
import type { OriginLog, OriginRequest, OriginResponse, PacedOrigin, PoolUsage, Validators } from './origin.ts'
import type { ConnectionPool } from './pool.ts'
import { retryAfterSeconds } from './retry-after.ts'
import { classifyFailure, classifyStatus, codeAndName, objectHeaders } from './s3-outcome.ts'
import type { Answer, Call, S3Transport } from './s3-transport.ts'
import type { OriginDependencies } from './settings.ts'

export interface StoreOptions {
  /** Put before every key as it is. */
  readonly keyPrefix: string
  readonly pool: ConnectionPool
  readonly transport: S3Transport
}

/** S3's limit, prefix included. */
const MAX_KEY_BYTES = 1024

/** Misconfiguration fails every request alike; the log hears of it once in this time. */
const ERROR_LOG_INTERVAL_MS = 10_000

export class S3Origin implements PacedOrigin {
  readonly name: string
  readonly #options: StoreOptions
  readonly #clock: Clock
  readonly #log: OriginLog
  #isClosed = false
  #lastErrorLogAt = Number.NEGATIVE_INFINITY

  constructor(name: string, options: StoreOptions, { clock, log }: OriginDependencies) {
    this.name = name
    this.#options = options
    this.#clock = clock
    this.#log = log
  }

  async fetch(request: OriginRequest): Promise<OriginResponse> {
    const { priority, signal, range } = request
    const { keyPrefix, pool, transport } = this.#options
    const key = keyPrefix + request.key
    if (this.#isClosed) throw new OriginError('aborted', `${this.name}: closed`)
    if (signal.aborted) throw givenUp(this.name, signal, false)
    // No object can have such a name; an empty one would ask for the bucket itself.
    if (key === '' || Buffer.byteLength(key) > MAX_KEY_BYTES) return { status: 404, headers: {}, body: undefined }

    // Before anybody has any work with it: what is refused costs nothing, and what has waited is signed when it goes.
    const permit = await pool.acquire(priority, signal).catch((error: unknown) => {
      throw signal.aborted ? givenUp(this.name, signal, false, error) : error
    })
    const call: Call = { permit, signal, isSent: false }
    try {
      return this.#answered(await transport.send({ key, range, validators: withDates(request.validators) }, call))
    } catch (error) {
      if (signal.aborted) throw givenUp(this.name, signal, call.isSent, error)
      if (error instanceof AnswerError) throw error
      throw this.#failed(error)
    } finally {
      if (!call.isSent) permit.release()
    }
  }

  usage(): PoolUsage {
    const { pool, transport } = this.#options
    return { inUse: pool.inUse, free: transport.freeCount(), queued: pool.queued }
  }

  allowedPerSecond(): number {
    return this.#options.pool.allowedPerSecond
  }

  /** Resolves when the last answer under way has ended; a caller in a hurry aborts its signals. */
  async close(): Promise<void> {
    const { pool, transport } = this.#options
    this.#isClosed = true
    transport.retire()
    await pool.idle()
    transport.destroy()
  }

  /** @throws {AnswerError} unless the answer is one to the question asked */
  #answered({ status, code, headers, body }: Answer): OriginResponse {
    const kind = classifyStatus(status, code)
    if (kind === 'answer') return { status, headers: objectHeaders(status, headers), body }

    body?.destroy()
    if (kind === 'misconfigured') this.#reportMisconfigured({ code, status })
    const retryAfter = kind === 'overloaded' ? retryAfterSeconds(headers['retry-after'], this.#clock.now()) : undefined
    throw new AnswerError(status, kind, `${this.name}: ${status} ${code}`, {
      ...(retryAfter !== undefined && { retryAfterSeconds: retryAfter }),
    })
  }

  #failed(cause: unknown): OriginError {
    if (cause instanceof OriginError) {
      if (cause.kind === 'misconfigured') this.#reportMisconfigured({ code: codeOf(cause.cause) })
      return cause
    }
    const { kind, code } = classifyFailure(cause)
    if (kind === 'misconfigured') this.#reportMisconfigured({ code })
    return new OriginError(kind, `${this.name}: ${cause instanceof Error ? cause.message : code}`, { cause })
  }

  /** The code and no more: messages and answers can quote keys and signatures. */
  #reportMisconfigured(fields: { readonly code: string; readonly status?: number }): void {
    const now = this.#clock.now()
    if (Math.abs(now - this.#lastErrorLogAt) < ERROR_LOG_INTERVAL_MS) return
    this.#lastErrorLogAt = now
    this.#log.error(
      { origin: this.name, ...fields },
      `${this.name}: refused because of our configuration (credentials, clock, bucket, region or certificate)`,
    )
  }
}

/** A date that is none is no condition (RFC 9110 §13.1.3). */
function withDates(validators: Validators | undefined): Validators | undefined {
  if (validators?.ifModifiedSince === undefined || parseHttpDate(validators.ifModifiedSince) !== undefined) {
    return validators
  }
  const { ifModifiedSince: _, ...others } = validators
  return others
}

function codeOf(error: unknown): string {
  const { code, name } = codeAndName(error)
  return code === '' ? name : code
}
