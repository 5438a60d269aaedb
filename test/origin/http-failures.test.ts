import { describe, expect, test } from 'vitest'
import type { OriginErrorKind } from '../../src/errors.ts'
import { NotConnectedError } from '../../src/origin/failure.ts'
import { claimPort } from '../support/claimed-port.ts'
import { gate, type HttpExchange } from '../support/http-socket-server.ts'
import { bytesOf, failure, pattern } from './fixture.ts'
import { expectNothingHeld, expectWell, startHttpOrigin } from './http-fixture.ts'

const HEAD = 'HTTP/1.1 200 OK\r\n'

describe('before the headers', () => {
  test('an origin that is not there is unreachable, and nothing was sent', async () => {
    const port = await claimPort()
    const fixture = await startHttpOrigin({ url: `http://127.0.0.1:${port.port}` })
    await port.release()
    expect(await failure(fixture.fetch('a'), 'unreachable')).toBeInstanceOf(NotConnectedError)
    await expectNothingHeld(fixture)
  })

  test.each<[what: string, kind: OriginErrorKind, handler: (exchange: HttpExchange) => unknown]>([
    ['a reset', 'unreachable', (exchange) => exchange.reset()],
    ['a clean close', 'unreachable', (exchange) => exchange.cut()],
    ['half a status line', 'unreachable', (exchange) => exchange.write('HTTP/1.1 20').then(exchange.cut)],
    ['half a head', 'unreachable', (exchange) => exchange.write(`${HEAD}ETag: "a`).then(exchange.cut)],
    ['only an interim answer', 'unreachable', (exchange) => exchange.interim(103).then(exchange.cut)],
    ['an answer that is no HTTP', 'broken', (exchange) => exchange.write('SSH-2.0-OpenSSH_9.9\r\n\r\n')],
    ['a bare number', 'broken', (exchange) => exchange.write('HTTP/1.1 20 OK\r\n\r\n')],
    ['two lengths', 'broken', (exchange) => exchange.write(`${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\nab`)],
    ['a length that is none', 'broken', (exchange) => exchange.write(`${HEAD}Content-Length: -1\r\n\r\n`)],
    ['a header far too large', 'broken', (exchange) => exchange.head(200, { 'X-Long': 'x'.repeat(100_000) })],
    [
      'a transfer coding we did not ask for',
      'broken',
      (exchange) => exchange.head(200, { 'Transfer-Encoding': 'gzip, chunked' }),
    ],
  ])('%s: %s', async (_, kind, handler) => {
    const fixture = await startHttpOrigin()
    fixture.server.on('/a', handler)
    const error = await failure(fixture.fetch('a'), kind)

    expect(error.message).toMatch(/^packager: /)
    await expectNothingHeld(fixture)
    await expectWell(fixture)
  })
})

describe('within the body', () => {
  const bytes = pattern(200_000)

  /** Each begins an answer, and ends it in its own way once the client has its head. */
  test.each<[what: string, handler: (exchange: HttpExchange, isSeen: Promise<void>) => Promise<unknown>]>([
    [
      'a reset',
      async (exchange, isSeen) => {
        await exchange.answerPart(100_000)
        await isSeen
        exchange.reset()
      },
    ],
    [
      'a close that comes too early',
      async (exchange) => {
        await exchange.answerPart(199_999)
        exchange.cut()
      },
    ],
    [
      'chunks that are cut short',
      async (exchange) => {
        await exchange.head(200, { 'Transfer-Encoding': 'chunked' })
        await exchange.chunk(bytes)
        exchange.cut()
      },
    ],
    [
      'a chunk size that is none',
      async (exchange) => {
        await exchange.head(200, { 'Transfer-Encoding': 'chunked' })
        await exchange.chunk(bytes)
        await exchange.write('zz\r\n')
      },
    ],
    [
      'a reset where only a close in good order says that it is whole',
      async (exchange, isSeen) => {
        await exchange.head(200, { Connection: 'close' })
        await exchange.write(bytes)
        await isSeen
        exchange.reset()
      },
    ],
  ])('%s is an error, now and for ever', async (_, handler) => {
    const fixture = await startHttpOrigin()
    const { opened: isSeen, open } = gate()
    fixture.server.put('/a', bytes)
    fixture.server.on('/a', (exchange) => handler(exchange, isSeen))
    const response = await fixture.fetch('a')
    open()

    expect(response.status).toBe(200)
    await failure(bytesOf(response), 'broken')
    await failure(response.body?.next() ?? Promise.resolve(), 'broken')
    await expectNothingHeld(fixture)
    await expectWell(fixture)
  })

  test('more bytes than were announced are no part of it, and end the connection', async () => {
    const fixture = await startHttpOrigin()
    fixture.server.on('/a', (exchange) => exchange.write(`${HEAD}Content-Length: 3\r\n\r\nabcdef`))
    expect((await bytesOf(await fixture.fetch('a'))).toString()).toBe('abc')
    await expectNothingHeld(fixture)
  })
})
