/**
 * A reader that takes bytes within the call that brings them gets each of them once, in what the connection reads into;
 * it may leave in the middle of a packet, and then the rest of the packet is nobody's.
 */
import { describe, expect, test } from 'vitest'
import { OriginError } from '../../src/errors.ts'
import type { OriginBody } from '../../src/origin/origin.ts'
import { gate } from '../support/gate.ts'
import type { HttpExchange } from '../support/http-socket-server.ts'
import { startAsked, WAYS } from './asked-each-way.ts'
import { bytesOf, failure, pattern } from './fixture.ts'
import { expectNothingHeld, expectWell, startHttpOrigin } from './http-fixture.ts'

const BYTES = pattern(5000)
const chunked = (bytes: Buffer) => [`${bytes.length.toString(16)}\r\n`, bytes, '\r\n']
const packet = (...parts: readonly (Buffer | string)[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)))

/** What an origin sends in one packet: the reader leaves at the first of its bytes. */
const PACKETS: readonly (readonly [string, Buffer])[] = [
  ['a length', packet('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n', BYTES)],
  [
    'a length, after which it closes',
    packet('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5000\r\n\r\n', BYTES),
  ],
  [
    'chunks',
    packet('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', ...chunked(BYTES), ...chunked(BYTES), '0\r\n\r\n'),
  ],
  [
    'chunks, after which it closes',
    packet(
      'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n',
      ...[...chunked(BYTES), ...chunked(BYTES), '0\r\n\r\n'],
    ),
  ],
  ['no end but its own', packet('HTTP/1.1 200 OK\r\n\r\n', BYTES)],
  [
    'a length, and another answer behind it',
    packet('HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n', BYTES, 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx'),
  ],
]

describe.each(WAYS)('asked by %s', (way) => {
  test.each([
    ['plain', false],
    ['encrypted', true],
  ])('large answers over one connection, %s, come whole', async (_, isTls) => {
    const { server, ask } = await startAsked(way, isTls)
    for (const seed of [1, 2, 3]) {
      const bytes = Buffer.from(Uint32Array.from({ length: 500_000 }, (_one, index) => Math.imul(index, seed)).buffer)
      server.put('/media/a', bytes)
      const places = new Set<ArrayBufferLike>()
      const taken: Buffer[] = []
      const { body } = await ask()
      await body?.readInto((chunk) => {
        taken.push(Buffer.from(chunk))
        if (chunk.length > 10_000) places.add(chunk.buffer)
      })
      expect(Buffer.concat(taken).equals(bytes)).toBe(true)
      // node's own parser copies; what came before anybody waited was copied too.
      if (way !== 'sdk') expect(places.size).toBeLessThanOrEqual(3)
    }
    expect(server.sockets.opened).toBe(1)
  })

  test('a reader that refuses its bytes is told why, and the origin is well', async () => {
    const { server, origin, ask } = await startAsked(way)
    server.put('/media/a', pattern(300_000))
    const { body } = await ask()
    const refusal = new OriginError('overloaded', 'no room')
    let calls = 0
    const read = body?.readInto(() => {
      calls += 1
      if (calls === 2) throw refusal
    })
    await expect(read).rejects.toBe(refusal)

    await server.socketsAtMost(0)
    expect([calls, origin.usage()]).toEqual([2, { inUse: 0, free: 0, queued: 0 }])
    expect((await bytesOf(await ask())).equals(pattern(300_000))).toBe(true)
  })
})

describe.each(PACKETS)('a body that has %s', (_, bytes) => {
  /** The head by itself, so that somebody reads when the rest comes; then the rest in one packet. */
  async function reading(take: (body: OriginBody, stopping: AbortController) => void) {
    const fixture = await startHttpOrigin()
    const stopping = new AbortController()
    const rest = gate()
    const headEnd = bytes.indexOf('\r\n\r\n') + 4
    fixture.server.on('/a', async ({ write }: HttpExchange) => {
      await write(bytes.subarray(0, headEnd))
      await rest.opened
      await write(bytes.subarray(headEnd))
    })
    const { body } = await fixture.fetch('a', { signal: stopping.signal })
    if (body === undefined) throw new Error('there is a body')
    const taken: Buffer[] = []
    const read = body.readInto((chunk) => {
      taken.push(Buffer.from(chunk))
      take(body, stopping)
    })
    rest.open()
    return { fixture, body, read, taken }
  }

  test('is let go of when its reader refuses them, and the origin is well', async () => {
    const refusal = new RangeError('no room')
    const { fixture, body, read, taken } = await reading(() => {
      throw refusal
    })
    const error = await failure(read, 'broken')

    expect(error.cause).toBe(refusal)
    await failure(body.next(), 'broken')
    expect(taken).toHaveLength(1)
    await expectNothingHeld(fixture)
    await expectWell(fixture)
  })

  test.each<readonly [string, (body: OriginBody, stopping: AbortController) => void]>([
    ['given up', (body) => body.destroy()],
    ['left', (body) => void body.return?.()],
    ['aborted', (_body, stopping) => stopping.abort()],
  ])('is let go of when it is %s meanwhile', async (_how, leave) => {
    const { fixture, read, taken } = await reading(leave)
    await failure(read, 'aborted')
    expect(taken).toHaveLength(1)
    await expectNothingHeld(fixture)
    await expectWell(fixture)
  })
})
