/**
 * A scripted HTTP origin on bare TCP: an ordinary answer for everything put into it, and any bytes a test asks for.
 *
 * Nothing stands between a handler and the wire, so an answer may have any status, framing, order and end, right or
 * wrong. It promises exact counts: every request is in `requests` before its handler runs, every connection is in
 * `sockets` from accept to close. Nothing here uses a timer.
 *
 *     const server = await startHttpServer()
 *     server.put('/live/1.ts', bytes, { 'Cache-Control': 'max-age=60' })        // GET, HEAD, Range, If-Match, If-None-Match
 *     server.on('/api', (exchange) => exchange.send({ status: 799, body: 'odd', framing: 'chunked' }))
 *     server.once('/live/1.ts', (exchange) => exchange.send({ status: 503 }), ordinary)
 *     server.on('/cut', async (exchange) => { await exchange.answerPart(1000); exchange.reset() })
 *     server.on('/hints', async (exchange) => { await exchange.interim(103, { Link: '</a>' }); await exchange.answer() })
 *     server.on('/raw', (exchange) => exchange.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab'))
 *     … server.requests, server.sockets.peak, await server.received(3), await server.socketsAtMost(0)
 *     await server.close()
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { CountedSockets, type SocketCounts } from './counted-sockets.ts'
import { decide } from './object-outcome.ts'
import { RequestReader } from './request-reader.ts'
import { type Scripted, script } from './server-script.ts'

export { type Gate, gate, pausedAfter } from './gate.ts'

/** A value that is a list is sent as several fields; one that is undefined is left out. Sent in their order, as latin1. */
export type Fields = Readonly<Record<string, string | readonly string[] | undefined>>

export interface HttpRequest {
  readonly method: string
  /** The request target exactly as it stood in the request line. */
  readonly target: string
  /** name, value, name, value …, exactly as they came, in latin1. */
  readonly rawFields: readonly string[]
  /** Under lower-case names; several values are joined with `, `. */
  readonly fields: Readonly<Record<string, string>>
  /** Which connection it came on: 1 for the first one accepted. */
  readonly connection: number
  /** What has come of the content, in pieces as they came off the wire, its transfer coding undone. */
  readonly received: readonly Buffer[]
  /** The whole content; rejects when the connection ends before. Empty at once where there is none. */
  readonly content: Promise<Buffer>
  /** Resolves when so many bytes of content have come. */
  contentAtLeast(byteCount: number): Promise<void>
}

export interface Answer {
  /** @default 200 */
  readonly status?: number
  readonly reason?: string
  /** Content-Length and Transfer-Encoding come by themselves, from `framing`. */
  readonly fields?: Fields
  readonly body?: Buffer | string
  /** `close`: the end of the connection ends the body. `none`: no framing field at all. @default 'length' */
  readonly framing?: 'length' | 'chunked' | 'close' | 'none'
}

/** What a handler may do with one request. A handler that returns without answering leaves the client waiting. */
export interface HttpExchange {
  readonly request: HttpRequest
  /** 1 for the first request for this target, 2 for the second. */
  readonly nth: number
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>
  /** Bytes as they are, strings in latin1. Resolves when they were handed to the kernel, or the connection is gone. */
  write(bytes: Buffer | string): Promise<void>
  /** A status line and fields, and the empty line. */
  head(status: number, fields?: Fields, reason?: string): Promise<void>
  /** An interim answer (1xx). */
  interim(status: number, fields?: Fields): Promise<void>
  /** One chunk of a body with `Transfer-Encoding: chunked`; an empty one is the last. */
  chunk(bytes: Buffer | string): Promise<void>
  /** A whole answer. An answer to HEAD leaves its body out. */
  send(answer?: Answer): Promise<void>
  /** The ordinary answer for what was put under the target, 404 where nothing was; `fields` are added or left out. */
  answer(fields?: Fields): Promise<void>
  /** The ordinary head and the first `byteCount` bytes of the ordinary body; what happens next is up to the handler. */
  answerPart(byteCount: number, fields?: Fields): Promise<void>
  /** What is still missing after `answerPart`, or its next `byteCount` bytes. */
  more(byteCount?: number): Promise<void>
  /** Stops and goes on reading the request's content, so that the kernel's buffers fill up. */
  pauseReading(): void
  resumeReading(): void
  /** Ends the connection in good order (FIN), whatever is missing. */
  cut(): void
  /** Resets the connection (RST). Bytes the client has not received yet may be lost. */
  reset(): void
}

export type HttpHandler = (exchange: HttpExchange) => unknown

/** The handler that does what no handler would do: for use in `once` between misbehaving ones. */
export const ordinary: HttpHandler = (exchange) => exchange.answer()

export interface HttpServerOptions {
  /** Present: HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string }
  /** The port of a server that is gone, to come back in its place. @default a free one */
  readonly port?: number
}

/** A script by `target`. */
export interface HttpServer extends Scripted<HttpHandler> {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  readonly requests: readonly HttpRequest[]
  readonly sockets: SocketCounts
  /** Stores what is served under a target, its query included. There is always an ETag; give one to have another. */
  put(target: string, bytes: Buffer | string, fields?: Fields): void
  delete(target: string): void
  requestsFor(target: string): readonly HttpRequest[]
  /** Resolves when `count` requests have arrived since the start. */
  received(count: number): Promise<void>
  /** Resolves when no more than `count` connections are open. */
  socketsAtMost(count: number): Promise<void>
  /** Ends the connections that wait for a request, as a server does with those that were idle for too long. */
  closeIdle(): void
  close(): Promise<void>
}

interface Stored {
  readonly bytes: Buffer
  readonly fields: Fields
}

interface Connection {
  readonly number: number
  readonly socket: Socket
  readonly closed: Promise<void>
  /** Whether a request is under way: its head has come and its answer has not been sent whole. */
  isBusy: boolean
}

export async function startHttpServer(options: HttpServerOptions = {}): Promise<HttpServer> {
  const objects = new Map<string, Stored>()
  const requests: HttpRequest[] = []
  const connections = new Set<Connection>()
  const sockets = new CountedSockets()
  const { take, ...scripted } = script<HttpHandler>(ordinary)
  let entityTags = 0

  const onRequest = (connection: Connection, request: HttpRequest) => {
    connection.isBusy = true
    requests.push(request)
    sockets.changed()
    const nth = requests.filter(({ target }) => target === request.target).length
    const exchange = createExchange(connection, request, nth, objects.get(request.target))
    const handler = take(request.target)
    // A handler that fails is a broken test: the client sees a reset, and the test fails on that.
    const run = async () => handler(exchange)
    run().catch(() => exchange.reset())
  }

  const onConnection = (socket: Socket) => {
    const { promise: closed, resolve: onClosed } = Promise.withResolvers<void>()
    const number = sockets.add(socket, () => {
      reader.end()
      connections.delete(connection)
      onClosed()
    })
    const connection: Connection = { number, socket, closed, isBusy: false }
    connections.add(connection)
    const reader = new RequestReader(number, (request) => onRequest(connection, request))
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => reader.push(bytes))
  }

  const server = options.tls === undefined ? createServer(onConnection) : createTlsServer(options.tls, onConnection)
  // A client that refuses our certificate says so by an alert.
  server.on('tlsClientError', () => undefined)
  server.listen({ port: options.port ?? 0, host: '127.0.0.1', backlog: 1024 })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    requests,
    sockets: sockets.counts,
    put(target, content, fields = {}) {
      entityTags += 1
      objects.set(target, { bytes: Buffer.from(content), fields: { ETag: `"v${entityTags}"`, ...fields } })
    },
    delete: (target) => void objects.delete(target),
    ...scripted,
    requestsFor: (target) => requests.filter((request) => request.target === target),
    received: (count) => sockets.until(() => requests.length >= count),
    socketsAtMost: (count) => sockets.atMost(count),
    closeIdle: () => {
      for (const { socket, isBusy } of connections) if (!isBusy) socket.end()
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const { socket } of connections) socket.destroy()
      await closed
    },
  }
}

function createExchange(
  connection: Connection,
  request: HttpRequest,
  nth: number,
  object: Stored | undefined,
): HttpExchange {
  const { socket, closed } = connection
  const isHead = request.method === 'HEAD'
  let rest: Buffer = Buffer.alloc(0)

  const write: HttpExchange['write'] = (bytes) =>
    Promise.race([closed, new Promise<void>((resolve) => socket.write(bytes as Buffer, 'latin1', () => resolve()))])
  const headText = (status: number, fields: Fields, reason: string) =>
    `HTTP/1.1 ${status} ${reason}\r\n${fieldLines(fields)}\r\n`

  const exchange: HttpExchange = {
    request,
    nth,
    closed,
    write,
    head: (status, fields = {}, reason = '') => write(headText(status, fields, reason)),
    interim: (status, fields = {}) => write(headText(status, fields, 'Interim')),
    chunk: (bytes) => write(chunkOf(bytes)),
    async send({ status = 200, reason = '', fields = {}, body = '', framing = 'length' } = {}) {
      const bytes = Buffer.from(body as string, 'latin1')
      const head = headText(status, { ...framingFields(framing, bytes.length), ...fields }, reason)
      const chunks = bytes.length === 0 ? [] : [chunkOf(bytes)]
      const coded = framing === 'chunked' ? Buffer.concat([...chunks, chunkOf('')]) : bytes
      // Before the client can have it, so that it never finds a connection busy whose answer it has read.
      connection.isBusy = false
      await write(Buffer.concat([Buffer.from(head, 'latin1'), ...(isHead ? [] : [coded])]))
      if (framing === 'close') exchange.cut()
    },
    async answer(fields = {}) {
      await exchange.answerPart(0, fields)
      await exchange.more()
    },
    async answerPart(byteCount, fields = {}) {
      const outcome = object === undefined ? undefined : decide(request.fields, storedObject(object))
      if (object === undefined || outcome === undefined) return exchange.send({ status: 404, fields })
      if (outcome.status === 304)
        return exchange.send({ status: 304, framing: 'none', fields: { ...object.fields, ...fields } })
      if (outcome.status === 412 || outcome.status === 416) return exchange.send({ status: outcome.status, fields })
      const { status, first, last } = outcome
      const length = object.bytes.length
      rest = isHead ? Buffer.alloc(0) : object.bytes.subarray(first, last + 1)
      await exchange.head(status, {
        'Accept-Ranges': 'bytes',
        'Content-Length': String(last + 1 - first),
        'Content-Range': status === 206 ? `bytes ${first}-${last}/${length}` : undefined,
        ...object.fields,
        ...fields,
      })
      if (byteCount > 0) await exchange.more(byteCount)
    },
    async more(byteCount = rest.length) {
      const part = rest.subarray(0, byteCount)
      rest = rest.subarray(byteCount)
      if (rest.length === 0) connection.isBusy = false
      if (part.length > 0) await write(part)
    },
    pauseReading: () => void socket.pause(),
    resumeReading: () => void socket.resume(),
    cut: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
  }
  return exchange
}

/** As the shared rules of conditions and ranges want it. */
function storedObject({ bytes, fields }: Stored): { bytes: Buffer; headers: Record<string, string> } {
  const headers = Object.entries(fields).map(([name, value]) => [name.toLowerCase(), String(value ?? '')])
  return { bytes, headers: Object.fromEntries(headers) }
}

function framingFields(framing: Answer['framing'], byteCount: number): Fields {
  if (framing === 'length') return { 'Content-Length': String(byteCount) }
  if (framing === 'chunked') return { 'Transfer-Encoding': 'chunked' }
  return framing === 'close' ? { Connection: 'close' } : {}
}

function fieldLines(fields: Fields): string {
  return Object.entries(fields)
    .flatMap(([name, value]) => (value === undefined ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`)))
    .join('')
}

function chunkOf(bytes: Buffer | string): Buffer {
  const content = Buffer.from(bytes as string, 'latin1')
  return Buffer.concat([Buffer.from(`${content.length.toString(16)}\r\n`), content, Buffer.from('\r\n')])
}
