/** What waits to be read on a connection takes about as much memory as it has bytes, in however many pieces it came. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import {
  type AddressInfo,
  connect,
  createServer,
  type LookupFunction,
  type OnReadOpts,
  type Server,
  type Socket,
} from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { type ConnectionOptions, connect as connectTls, createServer as createTlsServer } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readingIntoOwn } from '../../src/origin/read-buffers.ts'
import { makeCertificate } from '../support/certificates.ts'
import { randomNumbers } from '../support/random-numbers.ts'

/**
 * Both ends of a connection whose client reads so.
 * @param isKept as the reader says
 * @param lookup where `localhost` is
 */
async function connected(isTls: boolean, isKept?: () => boolean, lookup?: LookupFunction) {
  const files = isTls ? makeCertificate() : undefined
  const keys = files && { cert: readFileSync(files.cert), key: readFileSync(files.key) }
  const server: Server = keys === undefined ? createServer() : createTlsServer(keys)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const open = (onread: OnReadOpts): Socket => {
    const host = lookup === undefined ? '127.0.0.1' : 'localhost'
    const options = { host, port, onread, ...(lookup && { lookup }) } satisfies ConnectionOptions & {
      onread: OnReadOpts
    }
    return keys === undefined ? connect(options) : connectTls({ ...options, ca: keys.cert })
  }
  const accepted = once(server, isTls ? 'secureConnection' : 'connection')
  const client = readingIntoOwn(isTls, open, isKept)
  const [origin] = (await accepted) as [Socket]
  onTestFinished(() => {
    client.destroy()
    origin.destroy()
    server.close()
  })
  client.on('readable', () => undefined)
  return { client, origin: origin.setNoDelay(true) }
}

/** Resolves when it was read, by itself, and waits. */
async function sendAlone({ client, origin }: { client: Socket; origin: Socket }, bytes: Buffer): Promise<void> {
  const expected = client.readableLength + bytes.length
  origin.write(bytes)
  while (client.readableLength < expected) await setImmediate()
}

/** What waits, chunk by chunk, as it lies in memory. */
function unread(client: Socket): Buffer[] {
  const chunks: Buffer[] = []
  for (let chunk: Buffer | null = client.read(1); chunk !== null; chunk = client.read(1)) chunks.push(chunk)
  return chunks
}

const memoryOf = (chunks: readonly Buffer[]) => {
  const places = new Set(chunks.map((chunk) => chunk.buffer))
  return [...places].reduce((total, { byteLength }) => total + byteLength, 0)
}

describe.each([
  ['plain', false],
  ['encrypted', true],
] as const)('a connection, %s', (_, isTls) => {
  test('that brings a thousand small pieces to a reader that is late has not a buffer for each', async () => {
    const both = await connected(isTls)
    const random = randomNumbers(1)
    const pieces = Array.from({ length: 1000 }, () => Buffer.alloc(1 + Math.floor(random() * 20), random().toString()))
    for (const piece of pieces) await sendAlone(both, piece)
    const chunks = unread(both.client)

    expect(Buffer.concat(chunks).equals(Buffer.concat(pieces))).toBe(true)
    expect(memoryOf(chunks)).toBeLessThan(300_000)
  })

  test('to the second address of a name, since nobody is at the first, is read like any other', async () => {
    const addresses = ['127.0.0.2', '127.0.0.1'].map((address) => ({ address, family: 4 }))
    const both = await connected(isTls, undefined, (_name, _options, callback) => callback(null, addresses))
    const pieces = Array.from({ length: 8 }, (_piece, index) => Buffer.alloc(100 - index, String(index)))
    for (const piece of pieces) await sendAlone(both, piece)

    expect(Buffer.concat(unread(both.client)).equals(Buffer.concat(pieces))).toBe(true)
  })

  test('leaves what a reader keeps that takes all at once', async () => {
    let isKept = false
    const { client, origin } = await connected(isTls, () => isKept)
    const kept: Buffer[] = []
    client.removeAllListeners('readable')
    client.on('data', (chunk: Buffer) => {
      isKept = true
      kept.push(chunk)
    })
    const pieces = Array.from({ length: 8 }, (_piece, index) => Buffer.alloc(10 * (index + 1), String(index)))
    for (const [index, piece] of pieces.entries()) {
      origin.write(piece)
      while (kept.length <= index) await setImmediate()
    }
    expect(Buffer.concat(kept).equals(Buffer.concat(pieces))).toBe(true)
  })

  test('leaves what its reader keeps as it was, for as long as it says so', async () => {
    let isKept = false
    const both = await connected(isTls, () => isKept)
    for (let round = 0; round < 3; round += 1) {
      const pieces = Array.from({ length: 8 }, (_piece, index) => Buffer.alloc(10 * (index + 1), `${round}-${index}`))
      const kept: Buffer[] = []
      isKept = false
      for (const piece of pieces) {
        await sendAlone(both, piece)
        kept.push(both.client.read())
        isKept = true
      }
      expect(Buffer.concat(kept).equals(Buffer.concat(pieces))).toBe(true)
    }
  })
})
