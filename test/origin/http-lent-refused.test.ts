/** A reader may leave in the middle of the packet that brings it its bytes: then the rest of the packet is nobody's. */
import { describe, expect, test } from 'vitest'
import type { OriginBody } from '../../src/origin/origin.ts'
import { gate } from '../support/gate.ts'
import type { HttpExchange } from '../support/http-socket-server.ts'
import { failure, pattern } from './fixture.ts'
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
