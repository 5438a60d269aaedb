/**
 * One attempt at an S3 request: one GET, prepared here, signed by the SDK, and carried by the SDK's handler or by undici.
 *
 * What is sent differs from what the SDK's own commands would send only in fields that decide nothing (`x-id`, the SDK's
 * own ones): address, escaping, signature and credentials come from its configuration. Those commands are made for every
 * request of S3 there is, and cost several times as much as the one that is needed here.
 *
 * Invariant: nothing is sent without the permit of its call, which is released exactly once after that, when the answer's
 * body has ended, has failed or was destroyed. The bodies of answers outside 2xx are read here, bounded in bytes and time,
 * so that none of them ever holds a connection.
 */
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import { errorCode, readErrorBody, UNKNOWN_CODE } from './error-body.ts'
import { givenUp } from './failure.ts'
import type { OriginBody, OriginRange, Validators } from './origin.ts'
import type { Permit } from './pool.ts'
import { untilAborted } from './until-aborted.ts'

/** One `fetch`. */
export interface Call {
  /** To be given back by the caller as long as nothing is sent. */
  readonly permit: Permit
  readonly signal: AbortSignal
  /** Whether the request is under way, and the permit with it. */
  isSent: boolean
}

export interface Question {
  /** With the key prefix; from 1 to 1024 bytes. */
  readonly key: string
  readonly range: OriginRange | undefined
  /** Dates that are none are left out. */
  readonly validators: Validators | undefined
}

/** What has come of an answer when its fields are here. */
export interface Carried {
  readonly status: number
  /** As received, under lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Absent only where there can be none. */
  readonly body: OriginBody | undefined
}

export interface Answer extends Carried {
  /** S3's code for an error, `Unknown` where there is none. */
  readonly code: string
  /** Present for 2xx. */
  readonly body: OriginBody | undefined
}

/** A GET of an object, but for its connection. */
export interface PreparedGet {
  /** With the port where it is not the scheme's own. */
  readonly host: string
  /** The escaped path. */
  readonly target: string
  readonly fields: Readonly<Record<string, string>>
}

/** Where the bucket is, who asks for its objects, and how fast. */
export interface Store {
  /**
   * Scheme, host and port of the bucket, and the path before the slash before a key.
   * @throws when no address can be made of the bucket's name
   */
  address(): URL
  /** Resolves to the fields to send, Host and the signature included. Rejects where there are no credentials. */
  sign(request: PreparedGet): Promise<Readonly<Record<string, string>>>
  /** Absent: nothing of the SDK's holds requests back. */
  readonly limiter?: Limiter | undefined
}

/** Holds requests back by what came of those before. */
export interface Limiter {
  /** Resolves when the next one may go, to what is to be told when its answer is here. */
  wait(): Promise<(status: number, code: string) => void>
}

/** The connections to one bucket. */
export interface Carrier {
  /**
   * Sends it, and releases the permit once that and its answer are over. Ends as soon as the call's signal aborts.
   * @throws {OriginError} or whatever else tells that there is no answer
   */
  carry(request: Pick<PreparedGet, 'target' | 'fields'>, call: Call): Promise<Carried>
  /** Open connections that nobody uses. */
  freeCount(): number
  /** Closes the free connections now, and each of the others when its answer has ended. */
  retire(): void
  /** Called when nothing is under way any more. */
  destroy(): void
}

export interface S3TransportOptions {
  /** The origin's name, for messages. */
  readonly name: string
  readonly store: Store
  /** @param address of the bucket */
  readonly connect: (address: URL) => Carrier
  readonly stallTimeoutMs: number
  readonly clock: Clock
}

interface Connected {
  readonly carrier: Carrier
  readonly host: string
  readonly pathPrefix: string
}

export class S3Transport {
  readonly #options: S3TransportOptions
  /** Absent until the first request: what is wrong with the bucket's name is that request's error. */
  #connected: Connected | undefined
  #isRetired = false

  constructor(options: S3TransportOptions) {
    this.#options = options
  }

  /**
   * Ends as soon as the call's signal aborts.
   * @throws {OriginError} or whatever else tells that there is no answer
   */
  async send(question: Question, call: Call): Promise<Answer> {
    const { name, store, stallTimeoutMs, clock } = this.#options
    const { signal } = call
    const { carrier, host, pathPrefix } = this.#connect()
    const tell = store.limiter && (await untilAborted(store.limiter.wait(), signal))
    const target = `${pathPrefix}/${escapedKey(question.key)}`
    const fields = await untilAborted(store.sign({ host, target, fields: conditionsOf(question) }), signal)
    if (signal.aborted) throw givenUp(name, signal, false)
    call.isSent = true
    const { status, headers, body } = await carrier.carry({ target, fields }, call)
    const isSuccess = status >= 200 && status < 300
    const text =
      isSuccess || body === undefined ? undefined : await readErrorBody(body, { name, clock, stallTimeoutMs })
    const code = text === undefined ? UNKNOWN_CODE : errorCode(text)
    tell?.(status, code)
    return { status, code, headers, body: isSuccess ? body : undefined }
  }

  freeCount(): number {
    return this.#connected?.carrier.freeCount() ?? 0
  }

  retire(): void {
    this.#isRetired = true
    this.#connected?.carrier.retire()
  }

  destroy(): void {
    this.#connected?.carrier.destroy()
  }

  /** @throws {OriginError} `misconfigured` where the bucket's name is none */
  #connect(): Connected {
    if (this.#connected !== undefined) return this.#connected
    const { name, store, connect } = this.#options
    const address = addressOf(store, name)
    const carrier = connect(address)
    if (this.#isRetired) carrier.retire()
    this.#connected = { carrier, host: address.host, pathPrefix: address.pathname.replace(/\/$/, '') }
    return this.#connected
  }
}

function addressOf(store: Store, name: string): URL {
  try {
    return store.address()
  } catch (cause) {
    throw new OriginError('misconfigured', `${name}: no address can be made of the bucket's name`, { cause })
  }
}

function conditionsOf({ range, validators }: Question): Record<string, string> {
  const { ifNoneMatch, ifMatch, ifModifiedSince } = validators ?? {}
  return {
    ...(range !== undefined && { range: `bytes=${range.first}-${range.last ?? ''}` }),
    ...(ifNoneMatch !== undefined && { 'if-none-match': ifNoneMatch }),
    ...(ifMatch !== undefined && { 'if-match': ifMatch }),
    ...(ifModifiedSince !== undefined && { 'if-modified-since': ifModifiedSince }),
  }
}

/** A slash is all that is not escaped but by RFC 3986 unreserved, as S3's signature has it. */
function escapedKey(key: string): string {
  const escaped = encodeURIComponent(key).replaceAll('%2F', '/')
  return escaped.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}
