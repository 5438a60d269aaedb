/**
 * HTTP clients that hide nothing: one connection a request, fields as they came, bytes as they came, and whether the
 * answer was whole or cut. No redirects, no decoding, no reuse, no retries.
 */
import { once } from 'node:events'
import { type IncomingMessage, request as startHttpRequest } from 'node:http'
import { connect, type Socket } from 'node:net'

export interface RequestOptions {
  /** @default 'GET' */
  readonly method?: string
  /** The request target, written to the request line as it is. */
  readonly path: string
  /** `Host` and `Connection: close` are added where they are not given. A list writes the field several times. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Buffer
}

export interface AnswerHead {
  readonly status: number
  readonly reason: string
  readonly httpVersion: string
  /** Lower-case names; a field that came several times is joined with `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** As they stood in the answer: name, value. */
  readonly rawHeaders: readonly (readonly [string, string])[]
}

export interface Answer extends AnswerHead {
  readonly body: Buffer
  /** False when the connection ended before the message did. */
  readonly isWhole: boolean
}

/** An answer whose headers are there, while its body arrives. */
export interface OpenAnswer extends AnswerHead {
  /** What has arrived so far. */
  received(): Buffer
  /** Resolves when that many body bytes are there, or when no more will come. */
  receivedBytes(count: number): Promise<void>
  /** Stops reading from the connection, as a slow player would; `resume` goes on. */
  pause(): void
  resume(): void
  /** Ends the connection from this side. */
  leave(): void
  /** Resolves when the message or the connection has ended. */
  readonly ended: Promise<Answer>
}

/** A whole exchange. @throws when the connection ends before any headers came */
export async function request(port: number, options: RequestOptions): Promise<Answer> {
  return (await openRequest(port, options)).ended
}

/** Resolves with the headers. @throws when the connection ends before they came, or the signal fires */
export async function openRequest(
  port: number,
  { method = 'GET', path, headers = {}, body }: RequestOptions,
  signal?: AbortSignal,
): Promise<OpenAnswer> {
  const fields = Object.entries(headers).map(([name, value]): [string, string | string[]] => [
    name,
    typeof value === 'string' ? value : [...value],
  ])
  const message = startHttpRequest({
    host: '127.0.0.1',
    port,
    method,
    path,
    headers: Object.fromEntries(fields),
    agent: false,
    ...(signal && { signal }),
  })
  message.end(body)
  const [response] = (await once(message, 'response')) as [IncomingMessage]
  // Everything that goes wrong from here on shows as a message that is not complete.
  message.on('error', () => undefined)
  return follow(response)
}

function follow(response: IncomingMessage): OpenAnswer {
  const chunks: Buffer[] = []
  let byteCount = 0
  let isOver = false
  const waiters = new Set<() => void>()
  const changed = () => {
    for (const check of [...waiters]) check()
  }
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    byteCount += chunk.length
    changed()
  })
  const head: AnswerHead = {
    status: response.statusCode ?? 0,
    reason: response.statusMessage ?? '',
    httpVersion: response.httpVersion,
    rawHeaders: pairsOf(response.rawHeaders),
    headers: joined(pairsOf(response.rawHeaders)),
  }
  const ended = new Promise<Answer>((resolve) => {
    response.on('error', () => undefined)
    response.once('close', () => {
      isOver = true
      changed()
      resolve({ ...head, body: Buffer.concat(chunks), isWhole: response.complete })
    })
  })
  return {
    ...head,
    ended,
    received: () => Buffer.concat(chunks),
    receivedBytes: (count) =>
      new Promise((resolve) => {
        const check = () => {
          if (byteCount < count && !isOver) return
          waiters.delete(check)
          resolve()
        }
        waiters.add(check)
        check()
      }),
    pause: () => void response.pause(),
    resume: () => void response.resume(),
    leave: () => void response.destroy(),
  }
}

/** A bare TCP connection to write anything to. */
export interface RawConnection {
  readonly socket: Socket
  received(): Buffer
  write(bytes: string | Buffer): void
  /** Resolves when what was received satisfies the test, or when no more will come. */
  until(isSo: (received: Buffer) => boolean): Promise<Buffer>
  /** Resolves with everything when the connection is over, from whichever side. */
  readonly closed: Promise<Buffer>
  leave(): void
}

export async function openRaw(port: number): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  const chunks: Buffer[] = []
  let isOver = false
  const waiters = new Set<() => void>()
  const changed = () => {
    for (const check of [...waiters]) check()
  }
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    changed()
  })
  const closed = new Promise<Buffer>((resolve) => {
    socket.once('close', () => {
      isOver = true
      changed()
      resolve(Buffer.concat(chunks))
    })
  })
  await once(socket, 'connect')
  // A reset is one way for a connection to end; `closed` tells.
  socket.on('error', () => undefined)
  return {
    socket,
    closed,
    received: () => Buffer.concat(chunks),
    write: (bytes) => void socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes),
    until: (isSo) =>
      new Promise((resolve) => {
        const check = () => {
          const received = Buffer.concat(chunks)
          if (!isSo(received) && !isOver) return
          waiters.delete(check)
          resolve(received)
        }
        waiters.add(check)
        check()
      }),
    leave: () => void socket.destroy(),
  }
}

/**
 * Writes bytes (a string as Latin-1) and gives back everything that comes until the other side closes, or until `isSo`.
 * End the last request with `Connection: close`, or give `isSo`: a server keeps a good connection open.
 */
export async function rawExchange(
  port: number,
  bytes: string | Buffer,
  isSo: (received: Buffer) => boolean = () => false,
): Promise<Buffer> {
  const connection = await openRaw(port)
  connection.write(bytes)
  const received = await connection.until(isSo)
  connection.leave()
  return received
}

/**
 * The answers in a connection's bytes, in order. The last one may be cut (`isWhole` false). Bytes that begin no answer
 * are an error: something foreign got in.
 *
 * @param methods of the requests, in order, since an answer to HEAD has no body; GET where there are fewer
 */
export function parseAnswers(received: Buffer, methods: readonly string[] = []): readonly Answer[] {
  const answers: Answer[] = []
  let rest = received
  while (rest.length > 0) {
    const headEnd = rest.indexOf('\r\n\r\n')
    const lines = rest
      .subarray(0, headEnd === -1 ? rest.length : headEnd)
      .toString('latin1')
      .split('\r\n')
    const statusLine = /^HTTP\/(1\.[01]) (\d{3}) ([^\r\n]*)$/.exec(lines[0] ?? '')
    if (statusLine === null) throw new Error(`no answer begins with ${JSON.stringify(lines[0]?.slice(0, 80))}`)
    const rawHeaders = lines.slice(1).map((line): [string, string] => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1).trim()]
    })
    const headers = joined(rawHeaders)
    const [, httpVersion = '', status = '', reason = ''] = statusLine
    const after = headEnd === -1 ? Buffer.alloc(0) : rest.subarray(headEnd + 4)
    const isBodyless = methods[answers.length] === 'HEAD' || status === '304' || status === '204' || status[0] === '1'
    const framed = isBodyless ? { body: Buffer.alloc(0), usedBytes: 0, isWhole: true } : readBody(after, headers)
    const isWhole = headEnd !== -1 && framed.isWhole
    answers.push({ status: Number(status), reason, httpVersion, rawHeaders, headers, body: framed.body, isWhole })
    if (!isWhole) break
    rest = after.subarray(framed.usedBytes)
  }
  return answers
}

/** For {@link rawExchange}: that many whole answers are there. */
export function hasAnswers(count: number, methods: readonly string[] = []): (received: Buffer) => boolean {
  return (received) => parseAnswers(received, methods).filter(({ isWhole }) => isWhole).length >= count
}

interface Framed {
  readonly body: Buffer
  readonly usedBytes: number
  readonly isWhole: boolean
}

function readBody(bytes: Buffer, headers: Readonly<Record<string, string>>): Framed {
  if (headers['transfer-encoding'] === 'chunked') return readChunks(bytes)
  const length = Number(headers['content-length'] ?? Number.NaN)
  // Without a length the end of the connection is the end of the body.
  if (Number.isNaN(length)) return { body: bytes, usedBytes: bytes.length, isWhole: true }
  return { body: bytes.subarray(0, length), usedBytes: length, isWhole: bytes.length >= length }
}

function readChunks(bytes: Buffer): Framed {
  const chunks: Buffer[] = []
  let position = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', position)
    const size = lineEnd === -1 ? Number.NaN : Number.parseInt(bytes.subarray(position, lineEnd).toString('latin1'), 16)
    const end = lineEnd + 2 + size
    if (Number.isNaN(size) || bytes.length < end + 2) {
      return { body: Buffer.concat(chunks), usedBytes: bytes.length, isWhole: false }
    }
    chunks.push(bytes.subarray(lineEnd + 2, end))
    position = end + 2
    if (size === 0) return { body: Buffer.concat(chunks), usedBytes: position, isWhole: true }
  }
}

function pairsOf(flat: readonly string[]): readonly (readonly [string, string])[] {
  return flat.flatMap((name, index) => (index % 2 === 0 ? [[name, flat[index + 1] ?? ''] as const] : []))
}

function joined(pairs: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const [name, value] of pairs) {
    const key = name.toLowerCase()
    headers[key] = headers[key] === undefined ? value : `${headers[key]}, ${value}`
  }
  return headers
}

/** A request that the server has in hand, whether or not it has begun to answer. */
export interface TakenRequest {
  /** The headers. @throws when the connection ends before they came */
  readonly answer: Promise<OpenAnswer>
  /** The whole exchange. @throws as `answer` does */
  whole(): Promise<Answer>
  /** Ends the connection from this side. */
  leave(): void
}

/**
 * Resolves when the server has taken the request in hand, which it tells by `100 Continue`: from then on it counts as
 * waiting for its answer, and a test may go on with what is to happen meanwhile.
 */
export async function takenRequest(
  port: number,
  { method, path, headers = {} }: RequestOptions,
): Promise<TakenRequest> {
  const fields = Object.entries(headers).map(([name, value]): [string, string | string[]] => [
    name,
    typeof value === 'string' ? value : [...value],
  ])
  const message = startHttpRequest({
    host: '127.0.0.1',
    port,
    method: method ?? 'GET',
    path,
    headers: { ...Object.fromEntries(fields), Expect: '100-continue' },
    agent: false,
  })
  const answer = once(message, 'response').then(([response]) => follow(response as IncomingMessage))
  // Whoever awaits it hears of the failure; a test that leaves on purpose need not.
  answer.catch(() => undefined)
  // A reset before `continue` rejects below; any later one shows in the answer.
  const taken = once(message, 'continue')
  message.end()
  await taken
  message.on('error', () => undefined)
  return { answer, whole: async () => (await answer).ended, leave: () => void message.destroy() }
}
