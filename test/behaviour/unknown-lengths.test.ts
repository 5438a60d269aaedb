/** Answers made from a body whose length is not known yet: what goes over the socket, to one client and to many. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { growFrom } from '../../src/cache/grow.ts'
import type { Grown } from '../../src/cache/growing-body.ts'
import { GrowingBody } from '../../src/cache/growing-body.ts'
import { Store } from '../../src/cache/store.ts'
import { OriginError } from '../../src/errors.ts'
import type { AccessRecord } from '../../src/server/exchange.ts'
import { beginExchange } from '../../src/server/exchange.ts'
import { NO_PAIRS } from '../../src/server/fields.ts'
import { respond } from '../../src/server/respond.ts'
import { storedResponse } from '../cache/responses.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ScriptedBody } from '../support/scripted-origin.ts'
import { openRaw, openRequest, parseAnswers, pattern, request } from '../support/shield.ts'

const PATH = '/live.ts'
const BYTES = pattern(300_000)
/** Of more than sockets and write buffers take. */
const MANY = pattern(24 * 1024 ** 2)

interface GrowingServer {
  readonly port: number
  readonly source: ScriptedBody
  readonly body: GrowingBody
  readonly store: Store
  readonly grown: Promise<Grown>
  readonly records: readonly AccessRecord[]
  /** How often an answer was asked for anew. */
  readonly repeats: readonly string[]
}

/** A server that answers everything from one growing body; what is asked for anew gets a short answer instead. */
async function startServer({
  memory = 64 * 1024 ** 2,
  maxBytes = 1024 ** 2,
  clientStallMs = 60_000,
} = {}): Promise<GrowingServer> {
  const store = new Store(memory)
  const source = new ScriptedBody()
  const body = new GrowingBody({ room: store, overheadBytes: 1000, maxBytes })
  const response = storedResponse({ body, contentType: 'video/mp2t', headers: { etag: '"v1"' } })
  const records: AccessRecord[] = []
  const repeats: string[] = []
  const options = { randomBoundary: () => 'boundary', clientStallMs }
  const forwarded = { fwd: 'uri-miss', fwdStatus: 200, stored: true, collapsed: false, ttlSeconds: 60 } as const
  const server = createServer({ keepAlive: true, highWaterMark: 64 * 1024 }, (req, res) => {
    const exchange = beginExchange(req, res, new FakeClock(), (record) => records.push(record))
    const outgoing = { req, res, exchange, routeHeaders: NO_PAIRS }
    const askAgain = () => {
      repeats.push(req.url ?? '')
      respond(outgoing, storedResponse(), { kind: 'hit', ttlSeconds: 0 }, 0, options)
    }
    respond({ ...outgoing, askAgain }, response, { kind: 'forward', ...forwarded }, 0, options)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const abort = new AbortController()
  const grown = growFrom(source, body, abort.signal)
  grown.catch(() => undefined)
  onTestFinished(async () => {
    abort.abort()
    const result = await grown.catch(() => undefined)
    if (result?.kind === 'complete') result.reservation.release()
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
    expect(source.isOpen).toBe(false)
    expect(store.usage()).toMatchObject({ inFlightBytes: 0, heldBytes: 0 })
  })
  const { port } = server.address() as AddressInfo
  return { port, source, body, store, grown, records, repeats }
}

/** In pieces as they come off a socket. */
function push(source: ScriptedBody, bytes: Buffer): void {
  for (let start = 0; start < bytes.length; start += 65_536) source.push(bytes.subarray(start, start + 65_536))
}

describe('while the body grows', () => {
  test('it goes out in chunks, as it comes, to all who ask, late or early', async () => {
    const { port, source, records } = await startServer()
    push(source, BYTES.subarray(0, 100_000))
    const early = await openRequest(port, { path: PATH })
    await early.receivedBytes(100_000)
    push(source, BYTES.subarray(100_000, 200_000))
    const late = await openRequest(port, { path: PATH })
    await late.receivedBytes(200_000)
    push(source, BYTES.subarray(200_000))
    source.end()
    for (const client of [early, late]) {
      const answer = await client.ended
      expect(answer.status).toBe(200)
      expect(answer.headers).toMatchObject({ 'transfer-encoding': 'chunked', etag: '"v1"' })
      expect(answer.headers['content-length']).toBeUndefined()
      expect([answer.isWhole, answer.body.equals(BYTES)]).toEqual([true, true])
    }
    expect(records.map(({ end, bytes }) => [end, bytes])).toEqual([
      ['whole', BYTES.length],
      ['whole', BYTES.length],
    ])
  })

  test.each(['bytes=0-1', 'bytes=5-', 'bytes=-5', 'bytes=0-1,5-9', 'bytes=9999999-'])(
    'a Range is ignored until the length is known: %s',
    async (range) => {
      const { port, source } = await startServer()
      push(source, BYTES.subarray(0, 100_000))
      const open = await openRequest(port, { path: PATH, headers: { Range: range, 'If-Range': '"v1"' } })
      push(source, BYTES.subarray(100_000))
      source.end()
      const answer = await open.ended
      expect([answer.status, answer.headers['content-range'], answer.isWhole]).toEqual([200, undefined, true])
      expect(answer.body.equals(BYTES)).toBe(true)
    },
  )

  test('HEAD is answered without a length, and a condition that holds with 304, without waiting for bytes', async () => {
    const { port } = await startServer()
    const head = await request(port, { method: 'HEAD', path: PATH })
    expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, undefined, 0])
    const notModified = await request(port, { path: PATH, headers: { 'If-None-Match': '"v1"' } })
    expect([notModified.status, notModified.body.length]).toEqual([304, 0])
    const failed = await request(port, { path: PATH, headers: { 'If-Match': '"v2"' } })
    expect(failed.status).toBe(412)
  })

  test('a body of no bytes is a whole answer', async () => {
    const { port, source } = await startServer()
    source.end()
    const answer = await request(port, { path: PATH })
    expect([answer.status, answer.isWhole, answer.body.length]).toEqual([200, true, 0])
  })

  test('a connection can be used for the next request', async () => {
    const { port, source } = await startServer()
    push(source, BYTES)
    source.end()
    const connection = await openRaw(port)
    connection.write(
      `GET ${PATH} HTTP/1.1\r\nHost: a\r\n\r\nGET ${PATH} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
    )
    const answers = parseAnswers(await connection.closed)
    expect(answers.map(({ isWhole, body }) => [isWhole, body.equals(BYTES)])).toEqual([
      [true, true],
      [true, true],
    ])
  })
})

describe('when the body is complete', () => {
  test('it has a length, and ranges are answered from it', async () => {
    const { port, source, grown } = await startServer()
    push(source, BYTES)
    source.end()
    await grown
    const whole = await request(port, { path: PATH })
    expect(whole.headers['content-length']).toBe(String(BYTES.length))
    expect([whole.headers['transfer-encoding'], whole.body.equals(BYTES)]).toEqual([undefined, true])
    const range = await request(port, { path: PATH, headers: { Range: 'bytes=100-199' } })
    expect([range.status, range.headers['content-range']]).toEqual([206, `bytes 100-199/${BYTES.length}`])
    expect(range.body.equals(BYTES.subarray(100, 200))).toBe(true)
    const beyond = await request(port, { path: PATH, headers: { Range: `bytes=${BYTES.length}-` } })
    expect(beyond.status).toBe(416)
  })
})

describe('an HTTP/1.0 client', () => {
  const REQUEST = `GET ${PATH} HTTP/1.0\r\n\r\n`

  test('gets the bytes as they are, and the end of the connection as their end', async () => {
    const { port, source } = await startServer()
    push(source, BYTES)
    const connection = await openRaw(port)
    const errors: Error[] = []
    connection.socket.on('error', (error) => errors.push(error))
    connection.write(REQUEST)
    await connection.until((received) => received.length > BYTES.length)
    source.end()
    const [answer] = parseAnswers(await connection.closed)
    expect(answer?.headers['transfer-encoding']).toBeUndefined()
    expect([answer?.body.equals(BYTES), errors]).toEqual([true, []])
  })

  test.each([
    ['is kept', 1024 ** 2],
    ['passes', 1024],
  ])('sees a reset when a body that %s fails, never an end', async (_what, maxBytes) => {
    const { port, source } = await startServer({ maxBytes })
    const connection = await openRaw(port)
    const errors: NodeJS.ErrnoException[] = []
    connection.socket.on('error', (error) => errors.push(error))
    connection.write(REQUEST)
    push(source, BYTES.subarray(0, 1000))
    await connection.until((received) => received.length > 1000)
    push(source, BYTES.subarray(1000))
    await connection.until((received) => received.length > BYTES.length)
    source.fail(new OriginError('broken', 'reset'))
    await connection.closed
    expect(errors.map(({ code }) => code)).toEqual(['ECONNRESET'])
  })
})

describe('when the body fails', () => {
  test('after bytes were sent, the connection is cut', async () => {
    const { port, source, records } = await startServer()
    push(source, BYTES)
    const open = await openRequest(port, { path: PATH })
    await open.receivedBytes(BYTES.length)
    source.fail(new OriginError('broken', 'reset'))
    const answer = await open.ended
    expect([answer.isWhole, answer.body.equals(BYTES)]).toEqual([false, true])
    expect(records.map(({ end, error }) => [end, error?.message])).toEqual([['cut', 'reset']])
  })

  test('before any byte, it is an error with a status', async () => {
    const { port, source, grown } = await startServer()
    source.fail(new OriginError('timeout', 'stalled'))
    await grown.catch(() => undefined)
    expect((await request(port, { path: PATH })).status).toBe(504)
  })
})

describe('a body that is too long to be kept', () => {
  test('reaches all who joined in time, whole, at the pace of the slowest', async () => {
    const { port, source, grown, store } = await startServer()
    push(source, MANY.subarray(0, 65_536))
    const slow = await openRequest(port, { path: PATH })
    const fast = await openRequest(port, { path: PATH })
    slow.pause()
    push(source, MANY.subarray(65_536))
    source.end()
    // Less than the window, which is all that is sure to come while the other does not read.
    await fast.receivedBytes(900_000)
    slow.resume()
    for (const client of [slow, fast]) {
      const answer = await client.ended
      expect([answer.isWhole, answer.body.equals(MANY)]).toEqual([true, true])
    }
    expect(await grown).toEqual({ kind: 'passed', reason: 'too-large' })
    expect(store.usage().inFlightBytes).toBe(0)
  })

  test('gives a client that comes too late the chance to ask for itself', async () => {
    const { port, source, repeats } = await startServer({ maxBytes: 1024 })
    push(source, BYTES.subarray(0, 1024))
    const early = await openRequest(port, { path: PATH })
    await early.receivedBytes(1024)
    push(source, BYTES.subarray(1024))
    await early.receivedBytes(BYTES.length)
    const late = await request(port, { path: PATH })
    expect([late.status, late.body.toString(), repeats]).toEqual([200, 'bytes', [PATH]])
    source.end()
    expect((await early.ended).body.equals(BYTES)).toBe(true)
  })

  test('is given up when the last client leaves', async () => {
    const { port, source, grown } = await startServer({ maxBytes: 1024 })
    push(source, BYTES.subarray(0, 1024))
    const only = await openRequest(port, { path: PATH })
    push(source, BYTES.subarray(1024))
    await only.receivedBytes(BYTES.length)
    only.leave()
    expect(await grown).toEqual({ kind: 'passed', reason: 'too-large' })
    expect(source.isDestroyed).toBe(true)
  })

  test('is not held up for ever by a client that takes nothing', async () => {
    const { port, source, grown, records } = await startServer({ clientStallMs: 100 })
    push(source, MANY.subarray(0, 65_536))
    const stalled = await openRequest(port, { path: PATH })
    stalled.pause()
    push(source, MANY.subarray(65_536))
    expect(await grown).toEqual({ kind: 'passed', reason: 'too-large' })
    expect(source.isDestroyed).toBe(true)
    expect(records.map(({ end }) => end)).toEqual(['left'])
    stalled.resume()
    expect((await stalled.ended).isWhole).toBe(false)
  })
})
