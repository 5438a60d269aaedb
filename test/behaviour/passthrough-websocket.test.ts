/** A WebSocket on a pass-through route is joined to its server once that has agreed, and both sides end together. */
import { createHash } from 'node:crypto'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { fieldsOf, heldBack, type OriginConnection, startAnswering, startRawOrigin } from '../support/raw-origin.ts'
import {
  hasAnswers,
  openRaw,
  openRequest,
  parseAnswers,
  pattern,
  request,
  type ShieldOptions,
  startShield,
  times,
} from '../support/shield.ts'

const MINUTE_MS = 60_000
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const HANDSHAKE = [
  'GET /api/socket?x=1 HTTP/1.1',
  'Host: shield.example',
  'Origin: http://shield.example',
  'Connection: keep-alive, Upgrade, X-Hop',
  'Upgrade: WebSocket',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: chat',
  'X-Hop: 1',
  'X-Forwarded-For: 6.6.6.6',
  '',
  '',
].join('\r\n')
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
const SWITCHING = [
  'HTTP/1.1 101 Whatever',
  'Upgrade: websocket',
  'Connection: Upgrade, X-Hop',
  `Sec-WebSocket-Accept: ${ACCEPT}`,
  'Sec-WebSocket-Protocol: chat',
  'Set-Cookie: a=1',
  'Set-Cookie: b=2',
  'X-Hop: 1',
  'Keep-Alive: timeout=5',
  '',
  '',
].join('\r\n')

interface Asking extends ShieldOptions {
  readonly handshake?: string
  /** Whether each side may go on when the other has ended. */
  readonly allowHalfOpen?: boolean
}

/** A shield in front of an origin that says nothing by itself, and the handshake under way. */
async function asking({ handshake = HANDSHAKE, allowHalfOpen = false, ...more }: Asking = {}) {
  const origin = await startRawOrigin(() => undefined, { allowHalfOpen })
  const routes = [{ match: '/api/**', passthrough: origin.url, responseHeaders: { 'X-Route': 'api' } }]
  const shield = await startShield({ routes, ...more })
  const client = await openRaw(shield.port, { allowHalfOpen })
  client.write(handshake)
  const connection = await origin.connection(1)
  const head = await connection.head()
  return { ...shield, origin, client, connection, head }
}

/** The same, and the origin has agreed. */
async function joined(options: Asking = {}) {
  const asked = await asking(options)
  asked.connection.write(SWITCHING)
  const received = await asked.client.until((bytes) => bytes.includes('\r\n\r\n'))
  return { ...asked, answer: received.toString('latin1') }
}

/** What came behind the head of the handshake. */
const behindHead = (text: string) => text.slice(text.indexOf('\r\n\r\n') + 4)

test('the handshake reaches the server with its own fields, and the agreement comes back', async () => {
  const { head, answer } = await joined()

  expect(head.split('\r\n')[0]).toBe('GET /api/socket?x=1 HTTP/1.1')
  expect(fieldsOf(head).toSorted(([a], [b]) => a.localeCompare(b))).toEqual([
    ['connection', 'Upgrade'],
    ['forwarded', 'for=127.0.0.1;host=shield.example;proto=http'],
    ['host', 'shield.example'],
    ['origin', 'http://shield.example'],
    ['sec-websocket-key', KEY],
    ['sec-websocket-protocol', 'chat'],
    ['sec-websocket-version', '13'],
    ['upgrade', 'websocket'],
    ['via', expect.stringMatching(/^1\.1 segment-shield-[0-9a-f]{8}$/)],
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-host', 'shield.example'],
    ['x-forwarded-proto', 'http'],
  ])
  expect(answer.split('\r\n')[0]).toBe('HTTP/1.1 101 Switching Protocols')
  expect(fieldsOf(answer).toSorted(([a, x], [b, y]) => `${a}${x}`.localeCompare(`${b}${y}`))).toEqual([
    ['connection', 'Upgrade'],
    ['sec-websocket-accept', ACCEPT],
    ['sec-websocket-protocol', 'chat'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
    ['upgrade', 'websocket'],
  ])
})

test("Node's own WebSocket client talks to an echo through it, a megabyte too", async () => {
  const origin = await startRawOrigin(echoFrames)
  const { port, accessRecords } = await startShield({ routes: [{ match: '/api/**', passthrough: origin.url }] })
  const socket = new WebSocket(`ws://127.0.0.1:${port}/api/echo`)
  socket.binaryType = 'arraybuffer'
  const event = (name: 'open' | 'close') =>
    new Promise((resolve) => socket.addEventListener(name, resolve, { once: true }))
  const message = () =>
    new Promise<unknown>((resolve) => socket.addEventListener('message', ({ data }) => resolve(data), { once: true }))
  await event('open')

  const text = message()
  socket.send('hello')
  expect(await text).toBe('hello')
  const bytes = pattern(1024 ** 2)
  const echoed = message()
  socket.send(bytes)
  expect(Buffer.from((await echoed) as ArrayBuffer).equals(bytes)).toBe(true)
  const closed = event('close')
  socket.close()
  await closed

  expect(await accessRecords(1)).toMatchObject([
    {
      method: 'GET',
      path: '/api/echo',
      status: 101,
      end: 'whole',
      route: '/api/**',
      cacheStatus: 'segment-shield; fwd=bypass',
    },
  ])
  await origin.socketsAtMost(0)
})

/** A server side of RFC 6455: sends every frame back unmasked, answers Close and ends. */
function echoFrames(connection: OriginConnection): void {
  let buffered = Buffer.alloc(0)
  let isOpen = false
  connection.socket.on('data', (chunk: Buffer) => {
    buffered = Buffer.concat([buffered, chunk])
    if (!isOpen) {
      const end = buffered.indexOf('\r\n\r\n')
      if (end === -1) return
      const [, key = ''] = /^sec-websocket-key: (.*)\r$/im.exec(buffered.toString('latin1')) ?? []
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
      connection.write(
        `HTTP/1.1 101 OK\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      )
      buffered = buffered.subarray(end + 4)
      isOpen = true
    }
    for (let frame = nextFrame(buffered); frame !== undefined; frame = nextFrame(buffered)) {
      buffered = buffered.subarray(frame.length)
      connection.write(frame.echo)
      if (frame.isClose) connection.end()
    }
  })
}

function nextFrame(bytes: Buffer): { length: number; echo: Buffer; isClose: boolean } | undefined {
  if (bytes.length < 2) return undefined
  const short = bytes.readUInt8(1) & 0x7f
  const lengthBytes = short === 127 ? 8 : short === 126 ? 2 : 0
  const headBytes = 2 + lengthBytes + 4
  if (bytes.length < headBytes) return undefined
  const size = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short
  if (bytes.length < headBytes + size) return undefined
  const mask = bytes.subarray(headBytes - 4, headBytes)
  const payload = Buffer.from(bytes.subarray(headBytes, headBytes + size))
  for (let index = 0; index < size; index += 1) payload[index] = (payload[index] ?? 0) ^ (mask[index & 3] ?? 0)
  const head = Buffer.from(bytes.subarray(0, 2 + lengthBytes))
  head[1] = short
  return { length: headBytes + size, echo: Buffer.concat([head, payload]), isClose: (bytes.readUInt8(0) & 0x0f) === 8 }
}

test('bytes go both ways as they are, those right behind the handshakes included', async () => {
  const early = pattern(3000, 7).toString('latin1')
  const { client, connection } = await asking({ handshake: HANDSHAKE + early })
  connection.write(`${SWITCHING}from the origin at once`)
  await connection.until((got) => behindHead(got).length >= early.length)
  await client.until((received) => received.includes('at once'))
  client.write('and later')
  connection.write(', and later')

  const got = await connection.until((text) => text.endsWith('and later'))
  const received = await client.until((bytes) => bytes.includes(', and later'))
  expect(behindHead(got)).toBe(`${early}and later`)
  expect(behindHead(received.toString('latin1'))).toBe('from the origin at once, and later')
})

test('what a client sends before the server agrees reaches it only then, in order', async () => {
  const { client, connection } = await asking()
  const sent = pattern(200_000, 9)
  client.write(sent.subarray(0, 50_000))
  client.write(sent.subarray(50_000))
  // Another request on another connection has been answered: what was written before it is there.
  await request(client.socket.remotePort ?? 0, { path: '/none' })
  expect(behindHead(connection.received())).toBe('')

  connection.write(SWITCHING)

  const got = await connection.until((text) => behindHead(text).length >= sent.length)
  expect(behindHead(got)).toBe(sent.toString('latin1'))
})

test.each([
  ['a length', 'Content-Length: 7\r\n\r\nno way!', 'no way!'],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n7\r\nno way!\r\n0\r\n\r\n', 'no way!'],
  ['neither', 'Connection: close\r\n\r\nno way!', 'no way!'],
])('a server that refuses is heard, its answer with %s whole', async (_what, rest, body) => {
  const { client, connection, accessRecords, origin, clock } = await asking()
  connection.end(`HTTP/1.1 403 Forbidden\r\nX-Why: because\r\n${rest}`)

  const [answer, ...more] = parseAnswers(await client.closed)
  expect(answer).toMatchObject({ status: 403, isWhole: true })
  expect(answer?.body.toString()).toBe(body)
  expect(answer?.headers).toMatchObject({
    'x-why': 'because',
    'x-route': 'api',
    connection: 'close',
    'cache-status': 'segment-shield; fwd=bypass',
  })
  expect(more).toEqual([])
  expect(await accessRecords(1)).toMatchObject([{ status: 403, bytes: 7, end: 'whole', route: '/api/**' }])
  await origin.socketsAtMost(0)
  expect(clock.pending).toBe(0)
})

test('a refusal of many megabytes waits for a client that reads slowly', async () => {
  const { client, connection } = await asking()
  const bytes = pattern(24 * 1024 ** 2)
  client.socket.pause()
  connection.write(`HTTP/1.1 500 No\r\nContent-Length: ${bytes.length}\r\n\r\n`)
  connection.write(bytes)
  await heldBack(connection.socket)
  expect(connection.socket.writableLength).toBeGreaterThan(0)
  client.socket.resume()

  const [answer] = parseAnswers(await client.closed)
  expect(answer?.isWhole).toBe(true)
  expect(answer?.body.equals(bytes)).toBe(true)
})

test('a refusal whose client takes nothing for too long is cut off', async () => {
  const { client, connection, origin, accessRecords } = await asking({ clientStallMs: 100 })
  client.socket.pause()
  connection.write(`HTTP/1.1 500 No\r\nContent-Length: ${48 * 1024 ** 2}\r\n\r\n`)
  connection.write(Buffer.alloc(48 * 1024 ** 2))

  await origin.socketsAtMost(0)
  expect(await accessRecords(1)).toMatchObject([{ status: 500, end: 'left' }])
  client.leave()
})

test.each(['end', 'reset'] as const)('a refusal that breaks off (%s) cuts the client off', async (act) => {
  const { client, connection, accessRecords } = await asking()
  connection.write('HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nabc')
  await client.until((received) => received.includes('abc'))
  connection[act]()

  const [answer] = parseAnswers(await client.closed)
  expect([answer?.status, answer?.isWhole]).toEqual([403, false])
  expect(await accessRecords(1)).toMatchObject([{ status: 403, end: 'cut' }])
})

test.each(['end', 'reset'] as const)('a server that goes away (%s) instead of an answer is a 502', async (act) => {
  const { client, connection, accessRecords, origin, clock } = await asking()
  connection[act]()

  const answers = parseAnswers(await client.closed)
  expect(answers.map(({ status, isWhole, body }) => [status, isWhole, body.toString()])).toEqual([
    [502, true, 'The origin could not be used\n'],
  ])
  expect(await accessRecords(1)).toMatchObject([{ status: 502, end: 'whole', error: expect.any(String) }])
  await origin.socketsAtMost(0)
  expect(clock.pending).toBe(0)
})

test('a server that is down is a 502', async () => {
  const origin = await startRawOrigin()
  await origin.close()
  const { port } = await startShield({ routes: [{ match: '/**', passthrough: origin.url }] })
  const client = await openRaw(port)
  client.write(HANDSHAKE)
  expect(parseAnswers(await client.closed).map(({ status }) => status)).toEqual([502])
})

test('a server that does not answer for a minute is a 504', async () => {
  const { client, clock, origin } = await asking()
  clock.advance(MINUTE_MS - 1)
  expect(client.received().length).toBe(0)
  clock.advance(1)

  expect(parseAnswers(await client.closed).map(({ status }) => status)).toEqual([504])
  await origin.socketsAtMost(0)
  expect(clock.pending).toBe(0)
})

test.each([
  ['leaves', 'end'],
  ['is reset', 'reset'],
] as const)('a client that %s before the answer is gone for the server, too', async (_what, how) => {
  const { client, clock, origin, accessRecords, logRecords } = await asking()
  if (how === 'end') client.socket.end()
  else client.socket.resetAndDestroy()

  await origin.socketsAtMost(0)
  expect(await accessRecords(1)).toMatchObject([{ status: 499, end: 'left' }])
  expect(logRecords().filter(({ level }) => level > 30)).toEqual([])
  expect(clock.pending).toBe(0)
  client.leave()
})

test('a client that has ended its side still hears what the server has to say', async () => {
  const { client, connection, origin, accessRecords, clock } = await joined({ allowHalfOpen: true })
  client.socket.end('bye')
  await connection.ended
  connection.write('one more thing')
  await client.until((received) => received.includes('one more thing'))
  connection.end()
  await client.closed

  expect(behindHead(connection.received())).toBe('bye')
  await origin.socketsAtMost(0)
  expect(await accessRecords(1)).toMatchObject([{ status: 101, bytes: 'one more thing'.length, end: 'whole' }])
  expect(clock.pending).toBe(0)
})

test('a server that has ended its side still hears what the client has to say', async () => {
  const { client, connection, origin, accessRecords } = await joined({ allowHalfOpen: true })
  const clientHeard = new Promise((resolve) => client.socket.once('end', resolve))
  connection.end('bye')
  await clientHeard
  client.write('one more thing')
  await connection.until((got) => got.endsWith('one more thing'))
  client.socket.end()

  expect(behindHead((await client.closed).toString('latin1'))).toBe('bye')
  await origin.socketsAtMost(0)
  expect(await accessRecords(1)).toMatchObject([{ status: 101, end: 'whole' }])
})

test('a side that never ends after the other has is given a minute of silence', async () => {
  const { client, connection, origin, clock, accessRecords } = await joined({ allowHalfOpen: true })
  client.socket.end()
  await connection.ended
  clock.advance(MINUTE_MS - 1)
  connection.write('still here')
  await client.until((received) => received.includes('still here'))
  clock.advance(MINUTE_MS - 1)
  expect(origin.open).toBe(1)
  clock.advance(1)

  await client.closed
  expect(await accessRecords(1)).toMatchObject([{ status: 101, end: 'left' }])
})

test('a WebSocket may be idle for hours', async () => {
  const { client, connection, clock } = await joined()
  expect(clock.pending).toBe(0)
  clock.advance(10 * 60 * MINUTE_MS)
  client.write('hello')
  await connection.until((got) => got.endsWith('hello'))
})

test('a client that is reset is gone for the server', async () => {
  const { client, connection, origin, accessRecords } = await joined()
  client.socket.resetAndDestroy()
  await connection.closed
  await origin.socketsAtMost(0)
  expect(await accessRecords(1)).toMatchObject([{ status: 101, end: 'left' }])
})

test('a server that goes on sending to a client that was reset finds nobody there', async () => {
  const { client, connection, origin, accessRecords } = await joined({ allowHalfOpen: true })
  client.socket.resetAndDestroy()
  await accessRecords(1)

  const sendMore = () => {
    connection.write('more')
    return origin.open
  }
  await expect.poll(sendMore).toBe(0)
})

test('a server that is reset is gone for the client', async () => {
  const { client, connection, accessRecords, logRecords } = await joined()
  connection.write('half a fra')
  await client.until((received) => received.includes('half a fra'))
  connection.reset()
  await client.closed
  expect(await accessRecords(1)).toMatchObject([
    { status: 101, end: 'cut', error: expect.stringContaining('ECONNRESET') },
  ])
  expect(logRecords().filter(({ msg }) => msg === 'passing through failed')).toHaveLength(1)
})

test('a client that takes nothing for too long is cut off, and so is its server', async () => {
  const { client, connection, origin, accessRecords } = await joined({ clientStallMs: 100 })
  client.socket.pause()
  connection.write(Buffer.alloc(48 * 1024 ** 2))

  await origin.socketsAtMost(0)
  const [record] = await accessRecords(1)
  expect(record).toMatchObject({ status: 101, end: 'left' })
  expect(Number(record?.['bytes'])).toBeLessThan(40 * 1024 ** 2)
  client.leave()
})

test('an idle WebSocket does not keep the program from ending, and is cut at the end of the grace time', async () => {
  const { client, connection, app, clock, origin, accessRecords } = await joined({ graceMs: 30_000 })
  const closed = app.close()
  clock.advance(29_999)
  client.write('still open')
  await connection.until((got) => got.endsWith('still open'))
  clock.advance(1)

  await client.closed
  await closed
  await origin.socketsAtMost(0)
  expect(await accessRecords(1)).toMatchObject([{ status: 101 }])
})

test('a WebSocket that ends by itself lets the program end at once', async () => {
  const { client, app, clock, accessRecords } = await joined({ graceMs: 30_000 })
  const closed = app.close()
  client.socket.end()
  await closed
  await accessRecords(1)
  expect(clock.pending).toBe(0)
})

test('requests that are passed through are finished before the program ends, or cut when the grace time does', async () => {
  const origin = await startRawOrigin()
  const routes = [{ match: '/api/**', passthrough: origin.url }]
  const { port, app, clock } = await startShield({ routes, graceMs: 30_000 })
  const [first, second] = times(2, (index) => openRequest(port, { path: `/api/${index}` }))
  const connections = [await origin.connection(1), await origin.connection(2)]
  for (const it of connections) {
    await it.head()
    it.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc')
  }
  const answers = [await first, await second]
  for (const answer of answers) await answer?.receivedBytes(3)
  const closed = app.close()
  for (const it of connections) if (it.received().includes('/api/0')) it.write('def')
  expect((await answers[0]?.ended)?.isWhole).toBe(true)
  clock.advance(30_000)

  expect((await answers[1]?.ended)?.isWhole).toBe(false)
  await closed
  await origin.socketsAtMost(0)
})

test('many WebSockets at once each have a connection of their own, and give it back', async () => {
  const origin = await startRawOrigin(echoFrames)
  const { port, accessRecords } = await startShield({ routes: [{ match: '/api/**', passthrough: origin.url }] })
  const clients = await Promise.all(times(50, () => openRaw(port)))
  for (const client of clients) client.write(HANDSHAKE)
  for (const client of clients) await client.until((received) => received.includes('101'))
  expect(origin.open).toBe(50)

  for (const client of clients) client.leave()

  await origin.socketsAtMost(0)
  expect(await accessRecords(50)).toHaveLength(50)
})

test('an ordinary request on the same connection may come before the handshake', async () => {
  const origin = await startAnswering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const { port } = await startShield({ routes: [{ match: '/api/**', passthrough: origin.url }] })
  const client = await openRaw(port)
  client.write('GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n')
  await client.until(hasAnswers(1))
  client.write(HANDSHAKE)

  const answers = parseAnswers(await client.closed)
  expect(answers.map(({ status, headers }) => [status, headers['connection']])).toEqual([
    [200, 'keep-alive'],
    [200, 'close'],
  ])
})

test('a connection that was reset right after its handshake harms nobody', async () => {
  const origin = await startAnswering(SWITCHING)
  const { port } = await startShield({ routes: [{ match: '/api/**', passthrough: origin.url }] })
  for (const _ of times(20, () => 0)) {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('error', () => undefined)
    await new Promise<void>((resolve) => socket.write(HANDSHAKE, () => resolve()))
    socket.resetAndDestroy()
  }
  const client = await openRaw(port)
  client.write(HANDSHAKE)
  await client.until((received) => received.includes('101'))
  client.leave()
  await origin.socketsAtMost(0)
})
