/** Connections to origins read into the same few buffers, and never over bytes that somebody has still to read. */

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type OnReadOpts, type Server, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { type ConnectionOptions, connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readingIntoOwn } from '../../src/origin/read-buffers.ts'
import { makeCertificate } from '../support/certificates.ts'

const MEGABYTE = 1024 * 1024
const content = (length: number) => Buffer.from(Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff))

/** Both ends of one connection that is read so. @param host as the client asks for it */
async function connected(isTls: boolean, host = '127.0.0.1') {
  const files = isTls ? makeCertificate() : undefined
  const keys = files && { cert: readFileSync(files.cert), key: readFileSync(files.key) }
  const server: Server = keys === undefined ? createServer() : createTlsServer(keys)
  server.listen(0, host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const open = (onread: OnReadOpts): Socket => {
    if (keys === undefined) return connect({ host, port, onread })
    const options: ConnectionOptions & { onread: OnReadOpts } = { host, port, ca: keys.cert, onread }
    return connectTls(options)
  }
  const accepted = once(server, isTls ? 'secureConnection' : 'connection')
  const client = readingIntoOwn(isTls, open)
  const [origin] = (await accepted) as [Socket]
  onTestFinished(() => {
    client.destroy()
    origin.destroy()
    server.close()
  })
  return { client, origin }
}

/** Sends each by itself, so that each is read by itself. */
async function sendOneByOne(origin: Socket, client: Socket, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces) {
    const before = client.readableLength
    origin.write(piece)
    while (client.readableLength === before) await setImmediate()
  }
}

/** What waits to be read. */
function readAll(client: Socket): Buffer {
  const chunks: Buffer[] = []
  for (let chunk: Buffer | null = client.read(); chunk !== null; chunk = client.read()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe.each([
  ['plain', false],
  ['encrypted', true],
] as const)('a connection, %s', (_, isTls) => {
  test('whose reader takes all at once has one buffer', async () => {
    const { client, origin } = await connected(isTls)
    const sent = content(MEGABYTE)
    const places = new Set<ArrayBufferLike>()
    const copies: Buffer[] = []
    client.on('data', (chunk: Buffer) => {
      places.add(chunk.buffer)
      copies.push(Buffer.from(chunk))
    })
    origin.end(sent)
    await once(client, 'end')

    expect(Buffer.concat(copies).equals(sent)).toBe(true)
    expect(places.size).toBe(1)
  })

  test('whose reader comes in the next tick has two', async () => {
    const { client, origin } = await connected(isTls)
    const sent = content(MEGABYTE)
    const places = new Set<ArrayBufferLike>()
    const copies: Buffer[] = []
    client.on('readable', () => {
      for (let chunk = client.read(); chunk !== null; chunk = client.read()) {
        places.add(chunk.buffer)
        copies.push(Buffer.from(chunk))
      }
    })
    origin.end(sent)
    await once(client, 'end')

    expect(Buffer.concat(copies).equals(sent)).toBe(true)
    expect(places.size).toBeLessThanOrEqual(2)
  })

  test('whose reader comes late finds all that came, each piece as it was', async () => {
    const { client, origin } = await connected(isTls)
    client.on('readable', () => undefined)
    const pieces = Array.from({ length: 12 }, (_, index) => Buffer.alloc(1000 + index, index + 1))
    await sendOneByOne(origin, client, pieces)

    expect(readAll(client).equals(Buffer.concat(pieces))).toBe(true)
    // And from here on it is read as if nothing had waited.
    await sendOneByOne(origin, client, [Buffer.from('next')])
    expect(String(readAll(client))).toBe('next')
  })

  test('whose reader takes a part, and puts some of it back, loses nothing', async () => {
    const { client, origin } = await connected(isTls)
    client.on('readable', () => undefined)
    await sendOneByOne(origin, client, [Buffer.from('abc'), Buffer.from('def')])
    const first: Buffer = client.read(4)
    client.unshift(first.subarray(1))
    await sendOneByOne(origin, client, [Buffer.from('ghi'), Buffer.from('jkl')])

    expect(String(readAll(client))).toBe('bcdefghijkl')
  })

  test('that is paused keeps what came before', async () => {
    const { client, origin } = await connected(isTls)
    const copies: Buffer[] = []
    client.on('data', (chunk: Buffer) => {
      copies.push(Buffer.from(chunk))
      client.pause()
    })
    const sent = content(300_000)
    origin.end(sent)
    const ended = once(client, 'end')
    while (Buffer.concat(copies).length < sent.length) {
      await setImmediate()
      client.resume()
    }
    await ended

    expect(Buffer.concat(copies).equals(sent)).toBe(true)
  })
})

test('a name that has several addresses is connected to as by any other connection', async () => {
  const { client, origin } = await connected(false, 'localhost')
  client.on('readable', () => undefined)
  await sendOneByOne(origin, client, [Buffer.from('here')])

  expect(String(readAll(client))).toBe('here')
})
