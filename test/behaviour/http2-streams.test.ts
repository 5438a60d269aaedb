/** Streams of one HTTP/2 connection: each ends by itself, and none is ended for another's sake. */
import { expect, test, vi } from 'vitest'
import { makeCertificate } from '../support/certificates.ts'
import { openOn, openSession, requestOn } from '../support/http2-client.ts'
import {
  CANCEL,
  END_STREAM,
  FRAME,
  frame,
  getFrame,
  INTERNAL_ERROR,
  openRawHttp2,
  type RawHttp2,
  resetFrame,
  uint32,
} from '../support/raw-http2.ts'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { pattern, type ShieldOptions, startShield, times } from '../support/shield.ts'

const KEY = 'vod/1.ts'
const PATH = `/${KEY}`
const WINDOW = 65_535
const BYTES = pattern(10 * WINDOW)
const STALL_MS = 60_000

const secureShield = (options: ShieldOptions = {}) => startShield({ ...options, listen: { tls: makeCertificate() } })

const onStream = (client: RawHttp2, stream: number) => client.frames().filter((one) => one.stream === stream)
const bytesOn = (client: RawHttp2, stream: number) =>
  Buffer.concat(onStream(client, stream).flatMap(({ type, payload }) => (type === FRAME.data ? [payload] : [])))
const hasBytes = async (client: RawHttp2, stream: number, count: number) =>
  client.frame(() => bytesOn(client, stream).length >= count)
const isEnd = (stream: number) => (one: { stream: number; flags: number; type: number }) =>
  one.stream === stream && one.type <= FRAME.headers && (one.flags & END_STREAM) !== 0
const resetOf = (client: RawHttp2, stream: number) =>
  client.frame((one) => one.stream === stream && one.type === FRAME.reset)
const grant = (stream: number, bytes: number) => frame(FRAME.windowUpdate, 0, stream, uint32(bytes))

test('an answer that fails half way is reset, and never ended', async () => {
  const { s3, port } = await secureShield()
  s3.put(KEY, BYTES, { 'Cache-Control': 'no-store' })
  s3.on(KEY, async (exchange) => {
    await exchange.answerPart(1000)
    exchange.cut()
  })
  const client = await openRawHttp2(port)
  client.send(getFrame(1, PATH))
  const reset = await resetOf(client, 1)
  expect(reset?.payload.readUInt32BE()).toBe(INTERNAL_ERROR)
  // Whatever was to be sent on this stream would have come before this.
  client.send(getFrame(3, '/none.ts'))
  await client.frame(isEnd(3))
  expect(onStream(client, 1).some(isEnd(1))).toBe(false)
})

test('an answer without content ends with its header', async () => {
  const { port } = await secureShield({ routes: [{ match: '/**' }] })
  const client = await openRawHttp2(port)
  const head = { ':method': 'HEAD' }
  client.send(getFrame(1, '/none.ts', head))
  await client.frame(isEnd(1))
  expect(onStream(client, 1).map(({ type }) => type)).toEqual([FRAME.headers])
})

test('a client that opens its window no more loses that stream after the stall time, and no other', async () => {
  const { s3, port, clock, accessRecords } = await secureShield({ pool: { maxFreeSockets: 0 } })
  s3.put(KEY, BYTES)
  const client = await openRawHttp2(port)
  client.send(getFrame(1, PATH))
  await hasBytes(client, 1, WINDOW)
  await s3.socketsAtMost(0)
  // The connection has room again, and the other stream goes on as it likes.
  client.send(grant(0, 2 * BYTES.length), getFrame(3, PATH), grant(3, BYTES.length))
  await client.frame(isEnd(3))
  expect(bytesOn(client, 3).equals(BYTES)).toBe(true)
  // In the first half it had taken something.
  clock.advance(2 * STALL_MS)
  const reset = await resetOf(client, 1)
  expect(reset?.payload.readUInt32BE()).toBe(CANCEL)
  expect(bytesOn(client, 1).length).toBe(WINDOW)
  client.send(getFrame(5, PATH, { range: 'bytes=0-9' }))
  await client.frame(isEnd(5))
  expect(bytesOn(client, 5).equals(BYTES.subarray(0, 10))).toBe(true)
  const records = await accessRecords(3)
  expect(records.map(({ end }) => end).toSorted()).toEqual(['left', 'whole', 'whole'])
})

test('progress on one stream does not excuse another that stands still, from memory as well', async () => {
  const { s3, port, clock } = await secureShield()
  s3.put(KEY, BYTES)
  const client = await openRawHttp2(port)
  client.send(grant(0, 100 * BYTES.length))
  client.send(getFrame(1, PATH), grant(1, BYTES.length))
  await client.frame(isEnd(1))
  client.send(getFrame(3, PATH))
  await hasBytes(client, 3, WINDOW)
  for (const stream of [5, 7, 9]) {
    clock.advance(STALL_MS / 4)
    client.send(getFrame(stream, PATH), grant(stream, BYTES.length))
    await client.frame(isEnd(stream))
  }
  expect(onStream(client, 3).some(({ type }) => type === FRAME.reset)).toBe(false)
  clock.advance(STALL_MS / 4)
  expect((await resetOf(client, 3))?.payload.readUInt32BE()).toBe(CANCEL)
})

test('a client that takes its bytes slowly is no stalled one', async () => {
  const { s3, port, clock } = await secureShield()
  s3.put(KEY, BYTES)
  const client = await openRawHttp2(port)
  client.send(grant(0, BYTES.length), getFrame(1, PATH))
  // As much as may wait here, a moment before its time is over.
  for (let taken = WINDOW; taken < BYTES.length; taken += 2 * WINDOW) {
    await hasBytes(client, 1, taken)
    clock.advance(STALL_MS - 1)
    client.send(grant(1, 2 * WINDOW))
  }
  await client.frame(isEnd(1))
  expect(bytesOn(client, 1).equals(BYTES)).toBe(true)
})

test('what has been taken in full leaves no timer and no stream behind', async () => {
  const { s3, port, clock } = await secureShield()
  s3.put(KEY, BYTES)
  const session = await openSession(port)
  for (const _ of [1, 2, 3]) expect((await requestOn(session, { path: PATH })).body.equals(BYTES)).toBe(true)
  // The one that is left looks after the connection.
  expect(clock.pending).toBe(1)
  clock.advance(STALL_MS)
  expect(session.closed).toBe(false)
})

test('a stream that its client resets is over for it alone, and the request to the origin with the last that waits', async () => {
  const { s3, port, accessRecords } = await secureShield({ pool: { maxFreeSockets: 0 } })
  s3.put(KEY, BYTES)
  s3.put('live', BYTES, { 'Cache-Control': 'no-store' })
  const rest = gate()
  s3.on(KEY, pausedAfter(1000, rest))
  s3.on('live', (exchange) => exchange.answerPart(1000))
  s3.on('silent', () => undefined)
  const session = await openSession(port)
  const staying = await openOn(session, { path: PATH })
  const leaving = await openOn(session, { path: PATH })
  const passing = await openOn(session, { path: '/live' })
  const unanswered = session.request({ ':path': '/silent' }).on('error', () => undefined)
  await passing.receivedBytes(1000)
  await s3.received(3)
  for (const stream of [leaving, passing]) stream.leave()
  unanswered.close(CANCEL)
  const records = await accessRecords(3)
  expect(records.map(({ end }) => end)).toEqual(['left', 'left', 'left'])
  rest.open()
  expect((await staying.ended).body.equals(BYTES)).toBe(true)
  expect(s3.requestsFor(KEY)).toHaveLength(1)
  await s3.socketsAtMost(1)
})

test('a connection that breaks ends all its streams, and holds nothing', async () => {
  const { s3, port, accessRecords, clock } = await secureShield({ pool: { maxFreeSockets: 0 } })
  s3.put(KEY, BYTES, { 'Cache-Control': 'no-store' })
  s3.on(KEY, (exchange) => exchange.answerPart(1000))
  const client = await openRawHttp2(port)
  client.send(getFrame(1, PATH), getFrame(3, '/other'), getFrame(5, PATH))
  await hasBytes(client, 1, 1000)
  client.leave()
  const records = await accessRecords(3)
  expect(records.filter(({ end }) => end === 'whole').length).toBeLessThanOrEqual(1)
  await s3.socketsAtMost(0)
  await vi.waitFor(() => expect(clock.pending).toBe(0))
})

test('one that is reset before its answer, and again and again, costs one request to the origin', async () => {
  const { s3, port } = await secureShield()
  s3.put(KEY, BYTES)
  const rest = gate()
  s3.on(KEY, async (exchange) => {
    await rest.opened
    await exchange.answer()
  })
  const client = await openRawHttp2(port)
  for (let stream = 1; stream < 200; stream += 2) client.send(getFrame(stream, PATH), resetFrame(stream))
  client.send(grant(0, BYTES.length), getFrame(201, PATH), grant(201, BYTES.length))
  await s3.received(1)
  rest.open()
  await client.frame(isEnd(201))
  expect(bytesOn(client, 201).equals(BYTES)).toBe(true)
  expect(s3.requests).toHaveLength(1)
})

test('as many large answers as a connection may have at once are all whole, however slowly they are taken', async () => {
  const { s3, port } = await secureShield()
  const large = pattern(1_000_000)
  s3.put('large', large)
  const session = await openSession(port)
  expect((await requestOn(session, { path: '/large' })).isWhole).toBe(true)
  const clients = await Promise.all(times(128, () => openOn(session, { path: '/large' })))
  for (const client of clients) client.pause()
  for (const client of clients) {
    client.resume()
    const { isWhole, body } = await client.ended
    expect([isWhole, body.equals(large)]).toEqual([true, true])
  }
})
