/**
 * HTTP/2 request: one stream's request as the HTTP/1.1 message that it stands for (RFC 9113 §8.3.1, §8.2.3).
 *
 * Invariant: content that its client broke off never comes to an end; the request closes instead.
 */

import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import { Readable } from 'node:stream'
import { fieldsByName } from '../http/request-fields.ts'
import type { IncomingMessage } from './messages.ts'

/** As Node gives them: by lower-case name, pseudo-fields among them. */
type StreamHeaders = Record<string, string | string[] | undefined>

export class Http2Request extends Readable implements IncomingMessage {
  readonly method: string
  url: string
  readonly httpVersion = '2.0'
  readonly rawHeaders: string[]
  /** Not read-only: the library that passes requests on puts its own in place. */
  headers: IncomingMessage['headers']
  readonly socket: Socket
  readonly #stream: ServerHttp2Stream
  #isReading = false
  #distinct: NodeJS.Dict<string[]> | undefined

  constructor(stream: ServerHttp2Stream, headers: StreamHeaders, rawHeaders: readonly string[], socket: Socket) {
    super()
    this.#stream = stream
    this.socket = socket
    this.method = String(headers[':method'])
    this.url = String(headers[':path'] ?? '')
    this.rawHeaders = asHttp1(rawHeaders, stream.endAfterHeaders)
    // Host comes first in them, and the coding last, where they are there at all.
    if (this.rawHeaders[0] === 'Host') headers['host'] = this.rawHeaders[1]
    if (this.rawHeaders.at(-2) === 'Transfer-Encoding') headers['transfer-encoding'] = 'chunked'
    this.headers = headers
    if (stream.endAfterHeaders) this.push(null)
    stream.once('close', () => this.destroy())
  }

  get headersDistinct(): NodeJS.Dict<string[]> {
    this.#distinct ??= fieldsByName(this.rawHeaders) as NodeJS.Dict<string[]>
    return this.#distinct
  }

  get complete(): boolean {
    return this.#stream.endAfterHeaders || this.readableEnded || this.#stream.state.remoteClose === 1
  }

  override _read(): void {
    if (!this.#isReading) {
      this.#isReading = true
      this.#stream.on('data', (chunk: Buffer) => {
        if (!this.push(chunk)) this.#stream.pause()
      })
      this.#stream.once('end', () => {
        // A stream that was reset ends, too.
        if (!this.#stream.aborted && this.#stream.rstCode === 0) this.push(null)
      })
    }
    this.#stream.resume()
  }
}

/**
 * name, value, …: Host is what `:authority` says, and any other Host that was sent stays beside it, to be refused. The
 * crumbs of a cookie are one field again. Content whose length is not told comes in chunks.
 */
function asHttp1(rawHeaders: readonly string[], isWithoutContent: boolean): string[] {
  let authority: string | undefined
  let hasLength = false
  const hosts: string[] = []
  const crumbs: string[] = []
  const fields: string[] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const value = rawHeaders[index + 1] ?? ''
    if (name.startsWith(':')) {
      if (name === ':authority') authority = value
    } else if (name === 'host') hosts.push(value)
    else if (name === 'cookie') crumbs.push(value)
    else {
      hasLength ||= name === 'content-length'
      fields.push(name, value)
    }
  }
  const others = hosts.filter((host) => host.toLowerCase() !== authority?.toLowerCase())
  const asked = authority === undefined ? others : [authority, ...others]
  return [
    ...asked.flatMap((host) => ['Host', host]),
    ...fields,
    ...(crumbs.length === 0 ? [] : ['cookie', crumbs.join('; ')]),
    ...(isWithoutContent || hasLength ? [] : ['Transfer-Encoding', 'chunked']),
  ]
}
