import { once } from 'node:events'
import { createServer, get, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { allocateBytes } from '../../src/cache/own-pages.ts'
import { pattern } from '../support/shield.ts'

const LENGTHS = [0, 1, 524_287, 524_288, 524_289, 1_048_576, 3_000_001]

test.each(LENGTHS)('%i bytes are a Buffer of just that length, which holds what is written to it', (length) => {
  const bytes = allocateBytes(length)
  const content = pattern(length)
  bytes.set(content)
  expect(Buffer.isBuffer(bytes)).toBe(true)
  expect([bytes.length, bytes.byteOffset, bytes.buffer.byteLength]).toEqual([length, 0, length])
  expect(bytes.equals(content)).toBe(true)
  expect(bytes.subarray(length >> 1).equals(content.subarray(length >> 1))).toBe(true)
  expect(gzipSync(bytes).equals(gzipSync(content))).toBe(true)
})

test('long ones go out over a connection, and stay as they were while others come and go', async () => {
  const content = pattern(2_000_000)
  const bytes = allocateBytes(content.length)
  bytes.set(content)
  const server = createServer((_req, res) => res.end(bytes)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  for (let times = 0; times < 5; times += 1) {
    allocateBytes(content.length).fill(times)
    const { port } = server.address() as AddressInfo
    const [response] = (await once(get({ port, host: '127.0.0.1', agent: false }), 'response')) as [IncomingMessage]
    const chunks: Buffer[] = []
    for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
    expect(Buffer.concat(chunks).equals(content)).toBe(true)
  }
})

test('more than the machine has is refused with an exception', () => {
  expect(() => allocateBytes(Number.MAX_SAFE_INTEGER)).toThrow(RangeError)
})
