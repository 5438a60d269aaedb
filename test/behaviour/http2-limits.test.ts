/** What a client may do with an HTTP/2 connection before it loses it, or a stream; others never feel it. */
import { expect, test } from 'vitest'
import { makeCertificate } from '../support/certificates.ts'
import { OVER_TLS, openSession, requestOn } from '../support/http2-client.ts'
import {
  END_HEADERS,
  END_STREAM,
  ENHANCE_YOUR_CALM,
  FRAME,
  fieldBlock,
  frame,
  getFrame,
  NO_ERROR,
  openRawHttp2,
  PROTOCOL_ERROR,
  type RawHttp2,
  resetFrame,
  uint32,
} from '../support/raw-http2.ts'
import { gate } from '../support/s3-socket-server.ts'
import { pattern, type Shield, startShield, times } from '../support/shield.ts'

const BYTES = pattern(1000)

async function secureShield(): Promise<Shield> {
  const shield = await startShield({ listen: { tls: makeCertificate() }, log: { access: false } })
  shield.s3.put('good.ts', BYTES)
  return shield
}

async function expectServed({ port }: Shield): Promise<void> {
  for (const { request } of OVER_TLS) {
    const { status, body } = await request(port, { path: '/good.ts' })
    expect([status, body.equals(BYTES)]).toEqual([200, true])
  }
}

const resetCode = async (client: RawHttp2, stream: number) =>
  (await client.frame((one) => one.type === FRAME.reset && one.stream === stream))?.payload.readUInt32BE()
const statusOf = async (client: RawHttp2, stream: number) => {
  const head = await client.frame((one) => one.type === FRAME.headers && one.stream === stream)
  return head !== undefined
}
const lastWord = async (client: RawHttp2) =>
  (await client.closed).findLast(({ type }) => type === FRAME.goaway)?.payload.readUInt32BE(4)

test('a client is told how many requests at once it may have, and may have them', async () => {
  const shield = await secureShield()
  shield.s3.put('all', BYTES)
  const rest = gate()
  shield.s3.on('all', async (exchange) => {
    await rest.opened
    await exchange.answer()
  })
  const client = await openRawHttp2(shield.port)
  const settings = client.frames()[0]?.payload ?? Buffer.alloc(0)
  const announced = times(settings.length / 6, (index) => [
    settings.readUInt16BE(index * 6),
    settings.readUInt32BE(index * 6 + 2),
  ])
  // RFC 9113 §6.5.2: streams at once, and bytes of fields. RFC 8441 §3: CONNECT for WebSockets is not offered.
  expect(announced).toContainEqual([3, 128])
  expect(announced).toContainEqual([6, 16_384])
  expect(announced).not.toContainEqual([8, 1])
  client.send(...times(128, (index) => getFrame(2 * index + 1, '/all')))
  await shield.s3.received(1)
  rest.open()
  const ends = () => client.frames().filter(({ type, flags }) => type === FRAME.data && (flags & END_STREAM) !== 0)
  // What one connection may receive unasked is less than 128 answers.
  client.send(frame(FRAME.windowUpdate, 0, 0, uint32(1e6)))
  await client.frame(() => ends().length === 128)
  expect(shield.s3.requests).toHaveLength(1)
})

test('one who goes on opening more than that loses the connection', async () => {
  const shield = await secureShield()
  shield.s3.onAny(() => undefined)
  const client = await openRawHttp2(shield.port)
  client.send(...times(400, (index) => getFrame(2 * index + 1, '/same')))
  await client.closed
  shield.s3.onAny()
  await expectServed(shield)
})

test('one who opens and resets without end loses the connection, having cost one request to the origin', async () => {
  const shield = await secureShield()
  shield.s3.on('same', () => undefined)
  const client = await openRawHttp2(shield.port)
  for (let stream = 1; stream < 10_000; stream += 2) client.send(getFrame(stream, '/same'), resetFrame(stream))
  expect(await lastWord(client)).not.toBe(NO_ERROR)
  expect(shield.s3.requests.length).toBeLessThanOrEqual(1)
  await expectServed(shield)
})

test.each([
  ['pings', frame(FRAME.ping, 0, 0, Buffer.alloc(8))],
  ['settings', frame(FRAME.settings, 0, 0)],
])('one who sends %s without end and reads no answers loses the connection', async (_what, flood) => {
  const shield = await secureShield()
  const client = await openRawHttp2(shield.port)
  client.pause()
  const many = Buffer.concat(times(10_000, () => flood))
  for (let round = 0; round < 200 && !client.isOver(); round += 1) await client.sent(many)
  client.resume()
  await client.closed
  await expectServed(shield)
})

test('fields beyond what was announced reset the stream, and only that', async () => {
  const shield = await secureShield()
  const client = await openRawHttp2(shield.port)
  const [half, otherHalf] = [{ ':method': 'GET', 'x-one': 'a'.repeat(9000) }, { 'x-two': 'a'.repeat(9000) }]
  client.send(frame(FRAME.headers, END_STREAM, 1, fieldBlock(half)))
  client.send(frame(FRAME.continuation, END_HEADERS, 1, fieldBlock(otherHalf)))
  expect(await resetCode(client, 1)).toBe(ENHANCE_YOUR_CALM)
  client.send(getFrame(3, '/good.ts'))
  expect(await statusOf(client, 3)).toBe(true)
})

test('a header that never ends loses the connection', async () => {
  const shield = await secureShield()
  const client = await openRawHttp2(shield.port)
  client.send(frame(FRAME.headers, END_STREAM, 1, fieldBlock({ ':method': 'GET' })))
  const more = frame(FRAME.continuation, 0, 1, fieldBlock({ 'x-more': 'a'.repeat(1000) }))
  for (let count = 0; count < 100; count += 1) client.send(more)
  expect(await lastWord(client)).not.toBe(NO_ERROR)
  await expectServed(shield)
})

test.each([
  ['a field of the connection', { connection: 'close' }],
  ['a coding of HTTP/1.1', { 'transfer-encoding': 'chunked' }],
  ['the wish to change protocols', { upgrade: 'websocket' }],
  ['a name in capital letters', { 'X-Capital': '1' }],
  ['WebSockets over HTTP/2', { ':method': 'CONNECT', ':protocol': 'websocket' }],
])('a request with %s is reset, and the next one is answered', async (_what, fields) => {
  const shield = await secureShield()
  const client = await openRawHttp2(shield.port)
  client.send(getFrame(1, '/good.ts', fields))
  expect(await resetCode(client, 1)).toBe(PROTOCOL_ERROR)
  client.send(getFrame(3, '/good.ts'))
  expect(await statusOf(client, 3)).toBe(true)
})

test('CONNECT is refused in words', async () => {
  const shield = await secureShield()
  const client = await openRawHttp2(shield.port)
  const block = fieldBlock({ ':method': 'CONNECT', ':authority': 'example.com:443' })
  client.send(frame(FRAME.headers, END_HEADERS, 1, block))
  const text = await client.frame(({ type, stream }) => type === FRAME.data && stream === 1)
  expect(text?.payload.toString()).toBe('Not a proxy for CONNECT, and no WebSockets over HTTP/2\n')
})

test.each([
  ['without a request, shortly', 0, 10_000],
  ['after its last answer, later', 1, 75_000],
])('a connection is closed %s', async (_when, requests, idleMs) => {
  const shield = await secureShield()
  const session = await openSession(shield.port)
  for (const _ of times(requests, () => 0)) await requestOn(session, { path: '/good.ts' })
  shield.clock.advance(idleMs - 1)
  expect((await requestOn(await openSession(shield.port), { path: '/good.ts' })).status).toBe(200)
  expect(session.closed).toBe(false)
  shield.clock.advance(1)
  const closed = new Promise((resolve) => session.once('close', resolve))
  await closed
})

test('an idle client that does not close its side has it closed for it', async () => {
  const shield = await secureShield()
  const client = await openRawHttp2(shield.port, { allowHalfOpen: true })
  shield.clock.advance(10_000)
  expect((await client.frame(({ type }) => type === FRAME.goaway))?.payload.readUInt32BE(4)).toBe(NO_ERROR)
  shield.clock.advance(10_000)
  // Nothing is left that this would have to wait for.
  await shield.app.close()
})

test('what is no HTTP/2 ends its connection', async () => {
  const shield = await secureShield()
  const client = await openRawHttp2(shield.port)
  client.send(Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
  await client.closed
  await expectServed(shield)
})
