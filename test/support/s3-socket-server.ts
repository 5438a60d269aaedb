/**
 * A scripted S3 on real sockets: an ordinary answer for every object put into it, and any misbehaviour a test asks for.
 *
 * It answers as Ceph RGW does (one exact If-None-Match tag, 416 without Content-Range, If-Range ignored, only the first
 * of several ranges) and promises exact counts: every request is in `requests` before its handler runs, every TCP
 * connection is in `sockets` from accept to close. Signatures are not checked. Nothing here uses a timer.
 *
 *     const s3 = await startS3Server()
 *     s3.put('live/1.ts', bytes, { 'cache-control': 'max-age=60' })
 *     s3.on('live/1.ts', async (exchange) => { await open.opened; await exchange.answer() })
 *     s3.once('live/1.ts', (exchange) => exchange.error(503, 'SlowDown'), ordinary)
 *     … s3.requests, s3.sockets.peak, await s3.received(3), await s3.socketsAtMost(0)
 *     await s3.close()
 */
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { CountedSockets, type SocketCounts } from './counted-sockets.ts'
import { decide } from './object-outcome.ts'
import { type Scripted, script } from './server-script.ts'

export { type Gate, gate, pausedAfter } from './gate.ts'

export interface S3Object {
  readonly bytes: Buffer
  /** Lower-case names. `etag` and `last-modified` are always there. */
  readonly headers: Readonly<Record<string, string>>
}

export interface S3Request {
  readonly method: string
  /** The request target exactly as it stood in the request line. */
  readonly url: string
  /** The decoded key; undefined where the target names no object of the bucket. */
  readonly key: string | undefined
  readonly headers: IncomingHttpHeaders
  /** Which connection it came on: 1 for the first one accepted. */
  readonly connection: number
}

/** What a handler may do with one request. A handler that returns without answering leaves the client waiting. */
export interface Exchange {
  readonly request: S3Request
  /** 1 for the first request for this key, 2 for the second. */
  readonly nth: number
  /** For everything the methods below do not cover. */
  readonly response: ServerResponse
  /** Resolves when the client's connection is gone or the answer has been sent whole. */
  readonly closed: Promise<void>
  /** The ordinary answer; `headers` are added to it, and a header given as undefined is left out. */
  answer(headers?: Readonly<Record<string, string | undefined>>): Promise<void>
  /**
   * The ordinary head and the first `byteCount` bytes of the ordinary body; what happens next is up to the handler.
   * Resolves when the bytes were handed to the kernel.
   */
  answerPart(byteCount: number, headers?: Readonly<Record<string, string | undefined>>): Promise<void>
  /** What is still missing after `answerPart`, or its next `byteCount` bytes. */
  more(byteCount?: number): Promise<void>
  /** An S3 error. `message` is empty by default, as RGW's are. HEAD answers carry no XML. */
  error(status: number, code: string, options?: { message?: string; headers?: Record<string, string> }): Promise<void>
  /** Ends the connection in good order (FIN), whatever is missing. */
  cut(): void
  /** Resets the connection (RST). Bytes the client has not received yet may be lost. */
  reset(): void
}

export type S3Handler = (exchange: Exchange) => unknown

/** The handler that does what no handler would do: for use in `once` between misbehaving ones. */
export const ordinary: S3Handler = (exchange) => exchange.answer()

export interface S3ServerOptions {
  /** @default 'media' */
  readonly bucket?: string
  /** Present: HTTPS. */
  readonly tls?: { readonly cert: string; readonly key: string }
}

/** A script by `key`. */
export interface S3Server extends Scripted<S3Handler> {
  /** `http://127.0.0.1:PORT`, without a bucket. */
  readonly endpoint: string
  readonly port: number
  readonly bucket: string
  readonly requests: readonly S3Request[]
  readonly sockets: SocketCounts
  /** Stores an object and gives back what will be served: the ETag is the body's MD5 unless `headers` has another. */
  put(key: string, bytes: Buffer | string, headers?: Readonly<Record<string, string>>): S3Object
  delete(key: string): void
  requestsFor(key: string): readonly S3Request[]
  /** Resolves when `count` requests have arrived since the start. */
  received(count: number): Promise<void>
  /** Resolves when no more than `count` connections are open. */
  socketsAtMost(count: number): Promise<void>
  close(): Promise<void>
}

export async function startS3Server(options: S3ServerOptions = {}): Promise<S3Server> {
  const bucket = options.bucket ?? 'media'
  const objects = new Map<string, S3Object>()
  const counts = new Map<string, number>()
  const requests: S3Request[] = []
  const connections = new Map<Socket, number>()
  const sockets = new CountedSockets()
  const { take, ...scripted } = script<S3Handler>(ordinary)

  const onRequest = (message: IncomingMessage, response: ServerResponse) => {
    message.resume()
    // The raw socket below TLS is the one that was counted; its remote port names it.
    const connection = [...connections].find(([socket]) => socket.remotePort === message.socket.remotePort)?.[1] ?? 0
    const url = message.url ?? ''
    const key = locate(url, message.headers.host ?? '', bucket)
    const request: S3Request = { method: message.method ?? '', url, key, headers: message.headers, connection }
    const nth = (counts.get(key ?? '') ?? 0) + 1
    counts.set(key ?? '', nth)
    requests.push(request)
    sockets.changed()
    const object = key === undefined ? undefined : objects.get(key)
    const exchange = createExchange(request, nth, message, response, object)
    const handler = take(key ?? '')
    // A handler that fails is a broken test: the client sees a reset, and the test fails on that.
    const run = async () => handler(exchange)
    run().catch(() => exchange.reset())
  }

  const server = options.tls === undefined ? createServer(onRequest) : createTlsServer(options.tls, onRequest)
  server.keepAliveTimeout = 0
  server.requestTimeout = 0
  server.headersTimeout = 0
  server.on('connection', (socket: Socket) => {
    if (connections.has(socket)) return
    connections.set(
      socket,
      sockets.add(socket, () => connections.delete(socket)),
    )
  })
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 })
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    endpoint: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    bucket,
    requests,
    sockets: sockets.counts,
    put(key, content, headers = {}) {
      const bytes = Buffer.from(content)
      const object: S3Object = {
        bytes,
        headers: {
          'content-type': 'binary/octet-stream',
          'last-modified': 'Sun, 01 Nov 2026 12:00:00 GMT',
          etag: `"${createHash('md5').update(bytes).digest('hex')}"`,
          ...headers,
        },
      }
      objects.set(key, object)
      return object
    },
    delete: (key) => void objects.delete(key),
    ...scripted,
    requestsFor: (key) => requests.filter((request) => request.key === key),
    received: (count) => sockets.until(() => requests.length >= count),
    socketsAtMost: (count) => sockets.atMost(count),
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of connections.keys()) socket.destroy()
      await closed
    },
  }
}

/** The object's key from a path-style or virtual-host-style target. */
function locate(url: string, host: string, bucket: string): string | undefined {
  const path = url.split('?', 1)[0] ?? ''
  try {
    if (host.startsWith(`${bucket}.`)) return decodeURIComponent(path.slice(1))
    const prefix = `/${bucket}/`
    return path.startsWith(prefix) ? decodeURIComponent(path.slice(prefix.length)) : undefined
  } catch {
    // Bad escapes name no object.
    return undefined
  }
}

function createExchange(
  request: S3Request,
  nth: number,
  message: IncomingMessage,
  response: ServerResponse,
  object: S3Object | undefined,
): Exchange {
  const closed = new Promise<void>((resolve) => response.once('close', resolve))
  let rest: Buffer = Buffer.alloc(0)

  const writeHead = (status: number, headers: Readonly<Record<string, string | undefined>>) => {
    const given = Object.entries({ ...storeHeaders(), ...headers }).filter(([, value]) => value !== undefined)
    response.writeHead(status, Object.fromEntries(given) as Record<string, string>)
  }
  const write = (bytes: Buffer) =>
    new Promise<void>((resolve) => {
      response.once('close', resolve)
      response.write(bytes, () => {
        response.off('close', resolve)
        resolve()
      })
    })
  const finish = async (bytes: Buffer | string) => {
    response.end(bytes)
    await closed
  }
  const error: Exchange['error'] = async (status, code, { message: text = '', headers = {} } = {}) => {
    const xml =
      `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${text}</Message>` +
      '<RequestId>tx000-1-default</RequestId><HostId>1-default-default</HostId></Error>'
    writeHead(status, {
      'content-type': 'application/xml',
      'content-length': String(Buffer.byteLength(xml)),
      ...headers,
    })
    await finish(xml)
  }

  /** The ordinary answer's head and body; answers that carry no object are sent at once. */
  const begin = async (headers: Readonly<Record<string, string | undefined>>): Promise<boolean> => {
    if (request.key === undefined) await error(404, 'NoSuchBucket')
    else if (request.method !== 'GET' && request.method !== 'HEAD') await error(405, 'MethodNotAllowed')
    else if (object === undefined) await error(404, 'NoSuchKey')
    else {
      const outcome = decide(message.headers, object)
      if (outcome.status === 412) await error(412, 'PreconditionFailed')
      else if (outcome.status === 416) await error(416, 'InvalidRange')
      else if (outcome.status === 304) {
        writeHead(304, { etag: object.headers['etag'], 'last-modified': object.headers['last-modified'], ...headers })
        await finish('')
      } else {
        const { first, last } = outcome
        rest = object.bytes.subarray(first, last + 1)
        const range = `bytes ${first}-${last}/${object.bytes.length}`
        writeHead(outcome.status, {
          ...object.headers,
          'accept-ranges': 'bytes',
          'content-length': String(rest.length),
          'content-range': outcome.status === 206 ? range : undefined,
          ...headers,
        })
        return true
      }
    }
    return false
  }

  const exchange: Exchange = {
    request,
    nth,
    response,
    closed,
    async answer(headers = {}) {
      if (await begin(headers)) await exchange.more()
    },
    async answerPart(byteCount, headers = {}) {
      if (!(await begin(headers))) return
      response.flushHeaders()
      if (byteCount > 0) await exchange.more(byteCount)
    },
    async more(byteCount) {
      if (byteCount === undefined) return finish(rest)
      const part = rest.subarray(0, byteCount)
      rest = rest.subarray(byteCount)
      await write(part)
    },
    error,
    cut: () => void message.socket.end(),
    reset: () => void message.socket.resetAndDestroy(),
  }
  return exchange
}

/** Fields of the store's own that must not reach anyone. */
function storeHeaders(): Record<string, string> {
  return {
    'x-amz-request-id': `tx${randomUUID()}`,
    'x-amz-id-2': 'host/id',
    'x-rgw-object-type': 'Normal',
    server: 'Ceph Object Gateway (pacific)',
  }
}
