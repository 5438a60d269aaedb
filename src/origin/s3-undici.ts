/**
 * An S3 origin's requests over undici: one GET, prepared and signed, on a connection of an HTTP origin's kind.
 *
 * Invariant: what the store sees differs from what the SDK would send only in fields that decide nothing (`x-id`, the
 * SDK's own ones); address, escaping, signature and credentials come from the SDK's configuration, so both transports
 * ask for the same object with the same rights.
 */
import { XMLParser } from 'fast-xml-parser'
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import { readErrorBody } from './error-body.ts'
import { givenUp, StaleSocketError } from './failure.ts'
import { exchange } from './http-exchange.ts'
import { HttpSockets } from './http-sockets.ts'
import type { ConnectionPool } from './pool.ts'
import type { Answer, Call, Question, Transport } from './s3-transport.ts'
import type { PoolSettings } from './settings.ts'
import { untilAborted } from './until-aborted.ts'

/** A GET of an object, but for its connection. */
export interface PreparedGet {
  /** With the port where it is not the scheme's own. */
  readonly host: string
  /** The escaped path. */
  readonly target: string
  readonly fields: Readonly<Record<string, string>>
}

/** Where the bucket is and who asks for its objects. */
export interface Store {
  /**
   * Scheme, host and port of the bucket, and the path before the slash before a key.
   * @throws when no address can be made of the bucket's name
   */
  address(): URL
  /** Resolves to the fields to send, Host and the signature included. Rejects where there are no credentials. */
  sign(request: PreparedGet): Promise<Readonly<Record<string, string>>>
}

export interface UndiciTransportOptions {
  /** The origin's name, for messages. */
  readonly name: string
  readonly store: Store
  readonly pool: ConnectionPool
  readonly settings: PoolSettings
  readonly clock: Clock
}

interface Route {
  readonly sockets: HttpSockets
  readonly host: string
  readonly pathPrefix: string
}

export class UndiciTransport implements Transport {
  readonly #options: UndiciTransportOptions
  /** Absent until the first request: what is wrong with the bucket's name is that request's error. */
  #route: Route | undefined
  #isRetired = false

  constructor(options: UndiciTransportOptions) {
    this.#options = options
  }

  async send(question: Question, call: Call): Promise<Answer> {
    const { name, store, pool, settings, clock } = this.#options
    const { permit, signal } = call
    const { sockets, host, pathPrefix } = this.#open()
    const target = `${pathPrefix}/${escapedKey(question.key)}`
    const fields = await untilAborted(store.sign({ host, target, fields: conditionsOf(question) }), signal)
    if (signal.aborted) throw givenUp(name, signal, false)
    call.isSent = true
    const { responseTimeoutMs, stallTimeoutMs } = settings
    const sent = { method: 'GET', target, fields: Object.entries(fields).flat(), signal }
    const { status, headers, body } = await exchange(sent, {
      ...{ name, clock, sockets, counts: pool.counts, responseTimeoutMs, stallTimeoutMs },
      onAnswer: (code) => pool.answered(code),
      onOver: () => permit.release(),
    }).catch((error: unknown) => {
      // Those that are left have been idle for longer: what happened to this one happened to them.
      if (error instanceof StaleSocketError) sockets.closeFree()
      throw error
    })
    if (body === undefined || (status >= 200 && status < 300)) return { status, code: UNKNOWN, headers, body }
    const text = await readErrorBody(body, { name, clock, stallTimeoutMs })
    return { status, code: errorCode(text), headers, body: undefined }
  }

  freeCount(): number {
    return this.#route?.sockets.freeCount ?? 0
  }

  /** @throws {OriginError} `misconfigured` where the bucket's name is none */
  #open(): Route {
    if (this.#route !== undefined) return this.#route
    const { name, store, settings, clock } = this.#options
    const { origin, host, pathname } = addressOf(store, name)
    const sockets = new HttpSockets({ url: origin, clock, ...settings })
    if (this.#isRetired) sockets.retire()
    this.#route = { sockets, host, pathPrefix: pathname.replace(/\/$/, '') }
    return this.#route
  }

  retire(): void {
    this.#isRetired = true
    this.#route?.sockets.retire()
  }

  destroy(): void {
    // Connections are closed one by one: those that were free when it was retired, the others after their answers.
  }
}

/** What S3 calls an error that it gives no code; the SDK's word. */
const UNKNOWN = 'Unknown'

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

const XML = new XMLParser({ ignoreAttributes: true, parseTagValue: false, processEntities: false })

/** `<Error><Code>…`; a proxy in front of the store may answer in HTML, and some stores in nothing at all. */
function errorCode(text: Buffer): string {
  try {
    const code: unknown = XML.parse(text)?.Error?.Code
    return typeof code === 'string' && code !== '' ? code : UNKNOWN
  } catch {
    // No XML: the status has to do.
    return UNKNOWN
  }
}
