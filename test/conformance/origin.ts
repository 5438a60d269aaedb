/**
 * An HTTP/1.1 origin that says to each case what the case wants said, byte for byte.
 *
 * The invariant: every request that reached it is seen by the case whose path it has, before a byte of the answer goes
 * out. A path that is no case's is answered 200, and may not be stored.
 */
import { once } from 'node:events'
import { STATUS_CODES } from 'node:http'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { OriginAnswer } from './case.ts'
import { evaluated } from './origin-evaluates.ts'
import { fillIn, fillInFields, type Places } from './texts.ts'

export interface SeenRequest {
  readonly method: string
  readonly target: string
  /** As they came: name, value. */
  readonly fields: readonly (readonly [string, string])[]
  readonly content: string
}

/** An answer with everything decided. */
export interface Saying {
  readonly answer: OriginAnswer
  readonly body: string
  readonly places: Places
  /** Called when everything has been written. */
  said(): void
}

/** Who decides what is said under a path. */
export type Script = (request: SeenRequest) => Promise<Saying>

export interface ConformanceOrigin {
  readonly port: number
  /** Gives every request to the path, or below it, to the script. */
  on(path: string, script: Script): void
  close(): Promise<void>
}

export async function startOrigin(): Promise<ConformanceOrigin> {
  const scripts = new Map<string, Script>()
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    // A client that has gone is no concern of an origin.
    socket.on('error', () => undefined)
    serve(socket, scripts)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    on: (path, script) => void scripts.set(path, script),
    close: async () => {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** `/route/case/more?query` belongs to `/route/case`; an absolute form counts by its path. */
function scriptPath(target: string): string {
  const path = target.replace(/^https?:\/\/[^/]*/, '').replace(/[?#].*$/s, '')
  return path.split('/').slice(0, 3).join('/')
}

function serve(socket: Socket, scripts: ReadonlyMap<string, Script>): void {
  let received: Buffer = Buffer.alloc(0)
  let isBusy = false
  const next = () => {
    if (isBusy || socket.destroyed) return
    const taken = takeRequest(received)
    if (taken === undefined) return
    received = taken.rest
    isBusy = true
    void answer(socket, taken.request, scripts.get(scriptPath(taken.request.target))).then(() => {
      isBusy = false
      next()
    })
  }
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    next()
  })
}

async function answer(socket: Socket, request: SeenRequest, script: Script | undefined): Promise<void> {
  if (script === undefined) {
    socket.write('HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 5\r\n\r\nprobe', 'latin1')
    return
  }
  const saying = await script(request)
  if (socket.destroyed) return
  say(socket, request, saying)
  saying.said()
}

function say(socket: Socket, request: SeenRequest, { answer, body: wholeBody, places }: Saying): void {
  const { failure } = answer
  if (failure === 'stall') return
  if (failure === 'reset') return void socket.resetAndDestroy()
  if (failure === 'close') return void socket.destroy()
  if (answer.raw !== undefined) return void socket.end(fillIn(answer.raw, places), 'latin1')

  const given = fillInFields(answer.fields ?? {}, places)
  const { status, fields, body } = evaluated(request, answer, given, wholeBody)
  const framing = answer.framing ?? 'length'
  const hasBody = request.method !== 'HEAD' && status !== 204 && status !== 304
  const lines = [...fields]
  const names = new Set(fields.map(([name]) => name.toLowerCase()))
  if (answer.hasDate !== false && !names.has('date')) lines.push(['Date', fillIn('{now}', places)])
  if (status !== 204 && status !== 304 && framing === 'length' && !names.has('content-length')) {
    lines.push(['Content-Length', String(Buffer.byteLength(body, 'latin1'))])
  }
  if (framing === 'chunked') lines.push(['Transfer-Encoding', 'chunked'])
  if (framing === 'close') lines.push(['Connection', 'close'])

  const interim = (answer.interim ?? []).map((it) => head(it.status, fillInFields(it.fields ?? {}, places)))
  const bytes = Buffer.from(body, 'latin1')
  const content = hasBody ? framed(typeof failure === 'number' ? bytes.subarray(0, failure) : bytes, answer) : ''
  const isLast = request.fields.some(([name, value]) => name.toLowerCase() === 'connection' && /\bclose\b/i.test(value))
  const isOver = isLast || framing === 'close' || failure !== undefined
  socket.write(`${interim.join('')}${head(status, lines)}`, 'latin1')
  if (!isOver) return void socket.write(content, 'latin1')
  socket.end(content, 'latin1')
}

function head(status: number, lines: readonly (readonly [string, string])[]): string {
  const reason = STATUS_CODES[status] ?? 'Unnamed'
  return `HTTP/1.1 ${status} ${reason}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`
}

/** The bytes of a body as they go out; one that is cut has no last chunk. */
function framed(bytes: Buffer, { framing, failure, trailers = {} }: OriginAnswer): string {
  const text = bytes.toString('latin1')
  if (framing !== 'chunked') return text
  const chunk = bytes.length > 0 ? `${bytes.length.toString(16)}\r\n${text}\r\n` : ''
  if (failure !== undefined) return chunk
  const lines = Object.entries(trailers).map(([name, value]) => `${name}: ${String(value)}\r\n`)
  return `${chunk}0\r\n${lines.join('')}\r\n`
}

function takeRequest(received: Buffer): { request: SeenRequest; rest: Buffer } | undefined {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const [requestLine = '', ...lines] = received.subarray(0, headEnd).toString('latin1').split('\r\n')
  const [method = '', target = ''] = requestLine.split(' ')
  const fields = lines.map((line): [string, string] => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const lineOf = (name: string) => fields.find(([it]) => it.toLowerCase() === name)?.[1]
  const after = received.subarray(headEnd + 4)
  const content = lineOf('transfer-encoding') === undefined ? byLength(after, lineOf) : byChunks(after)
  if (content === undefined) return undefined
  return { request: { method, target, fields, content: content.text }, rest: after.subarray(content.usedBytes) }
}

interface Content {
  readonly text: string
  readonly usedBytes: number
}

function byLength(bytes: Buffer, lineOf: (name: string) => string | undefined): Content | undefined {
  const length = Number(lineOf('content-length') ?? 0)
  if (bytes.length < length) return undefined
  return { text: bytes.subarray(0, length).toString('latin1'), usedBytes: length }
}

function byChunks(bytes: Buffer): Content | undefined {
  let text = ''
  for (let position = 0; ; ) {
    const lineEnd = bytes.indexOf('\r\n', position)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(bytes.subarray(position, lineEnd).toString('latin1'), 16)
    const end = lineEnd + 2 + size + 2
    if (bytes.length < end) return undefined
    text += bytes.subarray(lineEnd + 2, end - 2).toString('latin1')
    position = end
    if (size === 0) return { text, usedBytes: position }
  }
}
