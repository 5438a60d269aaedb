/**
 * The client of `http-client.ts` for HTTP/2: fields and bytes as they came, and whether the answer was whole or reset.
 * A request by itself has a connection of its own; a session takes as many as one likes.
 */
import { once } from 'node:events'
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { onTestFinished } from 'vitest'
import {
  type Answer,
  type AnswerHead,
  fieldsOf,
  joined,
  type OpenAnswer,
  openAnswer,
  openRequest,
  pairsOf,
  type RequestOptions,
  request,
} from './http-client.ts'

export interface SessionOptions {
  readonly serverName?: string
  /** Bytes of one answer that may come unasked. @default 65535 */
  readonly windowBytes?: number
}

/** Ended with the test. */
export async function openSession(
  port: number,
  { serverName = 'localhost', windowBytes }: SessionOptions = {},
): Promise<ClientHttp2Session> {
  const session = connect(`https://127.0.0.1:${port}`, {
    rejectUnauthorized: false,
    servername: serverName,
    settings: { enablePush: false, ...(windowBytes !== undefined && { initialWindowSize: windowBytes }) },
  })
  // From then on the server knows of it, too.
  await once(session, 'remoteSettings')
  // What becomes of its requests is told by them.
  session.on('error', () => undefined)
  onTestFinished(() => session.destroy())
  return session
}

/** On a session, with its headers there. @throws when it is reset before */
export async function openOn(session: ClientHttp2Session, options: RequestOptions): Promise<OpenAnswer> {
  const { method = 'GET', path, body } = options
  const fields = Object.entries(fieldsOf(options)).map(([name, value]) => [name.toLowerCase(), value])
  const { host, ...others }: Record<string, string | string[]> = Object.fromEntries(fields)
  const stream = session.request(
    { ':method': method, ':path': path, ...(host !== undefined && { ':authority': String(host) }), ...others },
    { endStream: body === undefined },
  )
  if (body !== undefined) stream.end(body)
  const [, , rawHeaders] = (await once(stream, 'response')) as [unknown, unknown, string[]]
  return follow(stream, rawHeaders)
}

export async function requestOn(session: ClientHttp2Session, options: RequestOptions): Promise<Answer> {
  return (await openOn(session, options)).ended
}

function follow(stream: ClientHttp2Stream, rawHeaders: string[]): OpenAnswer {
  let hasEnded = false
  stream.once('end', () => {
    hasEnded = true
  })
  const pairs = pairsOf(rawHeaders)
  const head: AnswerHead = {
    status: Number(pairs.find(([name]) => name === ':status')?.[1]),
    reason: '',
    httpVersion: '2.0',
    rawHeaders: pairs,
    headers: joined(pairs),
  }
  return openAnswer(head, stream, {
    isWhole: () => hasEnded && stream.rstCode === constants.NGHTTP2_NO_ERROR && !stream.aborted,
    leave: () => stream.close(constants.NGHTTP2_CANCEL),
  })
}

/** The same client for each version that is spoken over TLS. */
export interface VersionedClient {
  readonly name: string
  readonly open: (port: number, options: RequestOptions) => Promise<OpenAnswer>
  readonly request: (port: number, options: RequestOptions) => Promise<Answer>
}

const openHttp2 = async (port: number, options: RequestOptions) => openOn(await openSession(port), options)

export const OVER_TLS: readonly VersionedClient[] = [
  {
    name: 'HTTP/1.1 over TLS',
    open: (port, options) => openRequest(port, { ...options, isSecure: true }),
    request: (port, options) => request(port, { ...options, isSecure: true }),
  },
  {
    name: 'HTTP/2',
    open: openHttp2,
    request: async (port, options) => (await openHttp2(port, options)).ended,
  },
]
