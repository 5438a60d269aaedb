/**
 * The floor: Node's own server writing one Buffer, with the fields a player needs and nothing else; over TLS, the one for
 * the protocol that is measured. Ends with its parent.
 */

import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { contentFor } from './content.ts'
import type { BareAnswer, BareOptions } from './processes.ts'

const { answer, tls } = JSON.parse(process.argv[2] ?? '') as BareOptions
const body = bodyOf(answer)
const fields = fieldsOf(answer)
const highWaterMark = 1024 * 1024
const SESSION_MEGABYTES = 100
const server = makeServer()
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
process.on('disconnect', () => process.exit())

function makeServer() {
  if (tls === undefined) return createServer({ highWaterMark }, write)
  const keys = { cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) }
  if (tls.protocol === 'http/1.1') return createHttpsServer({ ...keys, highWaterMark }, write)
  // HTTP/1.1 for the one who checks its answer before the load; and memory for more than five such answers at once on one
  // connection, or further ones are refused.
  return createSecureServer({ ...keys, allowHTTP1: true, maxSessionMemory: SESSION_MEGABYTES }, writeEither)
}

function write(_req: IncomingMessage, res: ServerResponse): void {
  res.writeHead(answer.status, fields)
  res.end(body)
}

function writeEither(_req: IncomingMessage | Http2ServerRequest, res: ServerResponse | Http2ServerResponse): void {
  // The two have this in common, and no type that says so.
  ;(res as ServerResponse).writeHead(answer.status, fields)
  ;(res as ServerResponse).end(body)
}

function bodyOf(it: BareAnswer): Buffer | undefined {
  switch (it.status) {
    case 200:
      return contentFor(1, it.length)
    case 206:
      return contentFor(1, it.length).subarray(it.start, it.end)
    case 304:
      return undefined
    default:
      return it satisfies never
  }
}

function fieldsOf(it: BareAnswer): string[] {
  const etag = ['ETag', '"1"']
  switch (it.status) {
    case 200:
      return ['Content-Type', 'video/mp2t', 'Content-Length', String(it.length), ...etag]
    case 206: {
      const range = `bytes ${it.start}-${it.end - 1}/${it.length}`
      return [
        ...['Content-Type', 'video/mp2t', 'Content-Length', String(it.end - it.start)],
        ...['Content-Range', range, ...etag],
      ]
    }
    case 304:
      return etag
    default:
      return it satisfies never
  }
}
