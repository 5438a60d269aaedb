/** An answer is the same however many packets it comes in: no part of it is written over by what comes after. */
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { HttpExchange } from '../support/http-socket-server.ts'
import { startAsked, WAYS } from './asked-each-way.ts'
import { bytesOf, pattern } from './fixture.ts'

/** Each is read by itself, if the machine is not too busy to have them read one by one. */
async function writePieces({ write }: HttpExchange, pieces: readonly (Buffer | string)[]): Promise<void> {
  for (const piece of pieces) {
    await write(piece)
    for (let turns = 0; turns < 4; turns += 1) await setImmediate()
  }
}

function inPieces(bytes: Buffer, length: number): Buffer[] {
  const count = Math.ceil(bytes.length / length)
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * length, (index + 1) * length))
}

/** Fields that grow, so that each packet covers what the ones before it left in the same place. */
const FIELDS: Readonly<Record<string, string>> = Object.fromEntries(
  Array.from({ length: 9 }, (_, index) => [`x-field-${index}`, String(index).repeat(20 * (index + 1))]),
)
const FIELD_LINES = Object.entries(FIELDS).map(([name, value]) => `${name}: ${value}\r\n`)
const BODY = pattern(3000)
const HEAD = `HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: ${BODY.length}\r\n${FIELD_LINES.join('')}\r\n`
const WHOLE = Buffer.concat([Buffer.from(HEAD), BODY])
const EXPECTED = { ...FIELDS, etag: '"v1"', 'content-length': '3000' }

describe.each(WAYS)('of an origin that is asked by %s', (way) => {
  describe.each([
    ['plain', false],
    ['encrypted', true],
  ] as const)('over a connection that is %s', (_, isTls) => {
    test.each([1, 7, 100, 1000, 5000])('an answer in pieces of %i bytes is what it is', async (length) => {
      const { server, ask } = await startAsked(way, isTls)
      server.on('/media/a', (exchange) => writePieces(exchange, inPieces(WHOLE, length)))
      for (const times of [1, 2]) {
        const response = await ask()
        expect(response.headers).toEqual(EXPECTED)
        expect((await bytesOf(response)).equals(BODY)).toBe(true)
        expect(server.requests).toHaveLength(times)
      }
      expect(server.sockets.opened).toBe(1)
    })

    test('so is one whose fields come one by one', async () => {
      const { server, ask } = await startAsked(way, isTls)
      const statusLine = `HTTP/1.1 200 OK\r\nETag: "v1"\r\nContent-Length: ${BODY.length}\r\n`
      server.on('/media/a', (exchange) => writePieces(exchange, [statusLine, ...FIELD_LINES, '\r\n', BODY]))
      const response = await ask()

      expect(response.headers).toEqual(EXPECTED)
      expect((await bytesOf(response)).equals(BODY)).toBe(true)
    })

    test('so is one after interim answers that end in the middle of a packet', async () => {
      const { server, ask } = await startAsked(way, isTls)
      const interim = `HTTP/1.1 103 Early Hints\r\nLink: <${'x'.repeat(300)}>\r\n\r\n`
      const [first = Buffer.alloc(0), ...rest] = inPieces(WHOLE, 150)
      const begun = Buffer.concat([Buffer.from(interim), first])
      server.on('/media/a', (exchange) => writePieces(exchange, [interim, begun, ...rest]))
      const response = await ask()

      expect(response.headers).toEqual(EXPECTED)
      expect((await bytesOf(response)).equals(BODY)).toBe(true)
    })
  })
})
