/**
 * TCP connections to write anything to, and a strict reader of what comes back on them: a byte that belongs to no answer
 * is an error, and an answer that was cut is never taken for a whole one.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Answer, joined } from './http-client.ts'

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

/** @param allowHalfOpen stay when the other side has ended its half */
export async function openRaw(port: number, { allowHalfOpen = false } = {}): Promise<RawConnection> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen })
  const connection = rawOn(socket)
  await once(socket, 'connect')
  return connection
}

/** The same on a connection of another kind. */
export function rawOn(socket: Socket): RawConnection {
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
