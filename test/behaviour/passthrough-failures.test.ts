/** A server behind a pass-through route that fails, or a client that leaves: nobody waits for nothing, nothing cut looks whole. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { startUnacceptingPort } from '../origin/unaccepting.ts'
import { heldBack, type OriginConnection, startAnswering, startRawOrigin } from '../support/raw-origin.ts'
import { gate } from '../support/s3-socket-server.ts'
import {
  hasAnswers,
  openRaw,
  openRequest,
  parseAnswers,
  pattern,
  rawExchange,
  request,
  startShield,
  times,
} from '../support/shield.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const GET = 'GET /api/x HTTP/1.1\r\nHost: x\r\n\r\n'
const BAD_GATEWAY = [502, 'The origin could not be used\n']
const TOO_LATE = [504, 'The origin did not answer in time\n']
const MINUTE_MS = 60_000

function passingTo(url: string, more: object = {}) {
  return { routes: [{ match: '/api/**', passthrough: url }, { match: '/**' }], ...more }
}

/** A closed port: nothing listens where something just did. */
async function closedPort(): Promise<string> {
  const origin = await startRawOrigin()
  await origin.close()
  return origin.url
}

test('a server that is down is a 502, for requests with and without content', async () => {
  const { port, accessRecords, logRecords } = await startShield(passingTo(await closedPort()))

  const answers = [
    await request(port, { path: '/api/x' }),
    await request(port, { method: 'HEAD', path: '/api/x' }),
    await request(port, { method: 'POST', path: '/api/x', body: pattern(300_000) }),
  ]

  expect(answers.map(({ status, body }) => [status, body.toString()])).toEqual([BAD_GATEWAY, [502, ''], BAD_GATEWAY])
  expect(answers.map(({ headers }) => headers['cache-control'])).toEqual(times(3, () => 'no-store'))
  expect(await accessRecords(3)).toMatchObject(
    times(3, () => ({ status: 502, end: 'whole', route: '/api/**', error: expect.stringContaining('ECONNREFUSED') })),
  )
  const warnings = logRecords().filter(({ msg }) => msg === 'passing through failed')
  expect(warnings.map(({ kind }) => kind)).toEqual(['unreachable'])
})

test.each([
  ['resets the connection', 'reset'],
  ['closes the connection', 'end'],
] as const)('a server that %s before its header is a 502', async (_what, act) => {
  const origin = await startRawOrigin((connection) => void connection.head().then(() => connection[act]()))
  const { port } = await startShield(passingTo(origin.url))

  for (const method of ['GET', 'POST']) {
    const { status, body } = await request(port, { method, path: '/api/x' })
    expect([status, body.toString()]).toEqual(BAD_GATEWAY)
  }
  await origin.socketsAtMost(0)
})

test.each([
  ['no HTTP', 'SSH-2.0-OpenSSH\r\n'],
  [
    'a protocol nobody asked for',
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  ],
  ['a status that is none', 'HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n'],
  ['a header that never ends', `HTTP/1.1 200 OK\r\n${`X: ${'x'.repeat(1000)}\r\n`.repeat(40)}\r\n`],
  ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx'],
  ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a folded field', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n'],
  ['a NUL in a value', 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n'],
  ['a bare carriage return', 'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b=1\r\nContent-Length: 0\r\n\r\n'],
])('an answer with %s is a 502, and nothing of it is passed on', async (_what, text) => {
  const origin = await startAnswering(text)
  const { port } = await startShield(passingTo(origin.url))

  const answers = parseAnswers(await rawExchange(port, GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n')))

  expect(answers.map(({ status, body }) => [status, body.toString()])).toEqual([BAD_GATEWAY])
  expect(answers[0]?.headers['set-cookie']).toBeUndefined()
  await origin.socketsAtMost(0)
})

test('a server that cannot be connected to in five seconds is a 504', async () => {
  const unaccepting = await startUnacceptingPort()
  onTestFinished(() => unaccepting.close())
  const { port, clock } = await startShield(passingTo(`http://127.0.0.1:${unaccepting.port}`))
  const client = await openRaw(port)
  client.write(GET)
  await expect.poll(() => clock.pending).toBe(1)

  clock.advance(4999)
  expect(client.received().length).toBe(0)
  clock.advance(1)

  const [answer] = parseAnswers(await client.until(hasAnswers(1)))
  expect([answer?.status, answer?.body.toString()]).toEqual(TOO_LATE)
  expect(clock.pending).toBe(0)
  client.leave()
})

test('a server that does not answer for a minute is a 504, and hears that nobody waits any more', async () => {
  const origin = await startRawOrigin()
  const { port, clock } = await startShield(passingTo(origin.url))
  const answered = request(port, { path: '/api/x' })
  const connection = await origin.connection(1)
  await connection.head()

  clock.advance(MINUTE_MS - 1)
  expect(origin.open).toBe(1)
  clock.advance(1)

  const { status, body } = await answered
  expect([status, body.toString()]).toEqual(TOO_LATE)
  await origin.socketsAtMost(0)
  expect(clock.pending).toBe(0)
})

test.each([
  ['a length', 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc', 'abc'],
  ['chunks', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n', 'abc'],
])('an answer with %s that stands still for a minute is cut off', async (_what, begun, body) => {
  const origin = await startRawOrigin()
  const { port, clock, accessRecords } = await startShield(passingTo(origin.url))
  const asked = openRequest(port, { path: '/api/x' })
  const connection = await origin.connection(1)
  await connection.head()
  clock.advance(MINUTE_MS - 1)
  connection.write(begun)
  const answer = await asked
  await answer.receivedBytes(3)

  clock.advance(MINUTE_MS - 1)
  expect(origin.open).toBe(1)
  clock.advance(1)

  const ended = await answer.ended
  expect([ended.isWhole, ended.body.toString()]).toEqual([false, body])
  await origin.socketsAtMost(0)
  expect(await accessRecords(1)).toMatchObject([{ status: 200, bytes: 3, end: 'cut' }])
})

const WITH_LENGTH = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc'
const IN_CHUNKS = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'
const end = (it: OriginConnection) => it.end()
const reset = (it: OriginConnection) => it.reset()

const BROKEN = [
  ['with a length that is closed early', WITH_LENGTH, end],
  ['with a length that is reset', WITH_LENGTH, reset],
  ['in chunks that is closed early', IN_CHUNKS, end],
  ['in chunks that is reset', IN_CHUNKS, reset],
  ['whose next chunk is none', IN_CHUNKS, (it: OriginConnection) => it.write('xyz\r\n')],
  ['without a length that is reset', 'HTTP/1.1 200 OK\r\n\r\nabc', reset],
] as const

test.each(BROKEN)('an answer %s cuts the client off', async (_what, begun, breakOff) => {
  const origin = await startRawOrigin()
  const { port, accessRecords } = await startShield(passingTo(origin.url))
  const asked = openRequest(port, { path: '/api/x' })
  const connection = await origin.connection(1)
  await connection.head()
  connection.write(begun)
  const answer = await asked
  await answer.receivedBytes(3)

  breakOff(connection)

  const ended = await answer.ended
  expect([ended.status, ended.isWhole, ended.body.toString()]).toEqual([200, false, 'abc'])
  expect(await accessRecords(1)).toMatchObject([{ status: 200, end: 'cut', error: 'the origin broke off its answer' }])
})

test.each(BROKEN)('HTTP/1.0 learns by a reset of an answer %s', async (_what, begun, breakOff) => {
  const origin = await startRawOrigin()
  const { port } = await startShield(passingTo(origin.url))
  const client = await openRaw(port)
  const failed = new Promise<NodeJS.ErrnoException>((resolve) => client.socket.once('error', resolve))
  client.write('GET /api/x HTTP/1.0\r\nHost: x\r\n\r\n')
  const connection = await origin.connection(1)
  await connection.head()
  connection.write(begun)
  await client.until((received) => received.includes('abc'))

  breakOff(connection)

  expect((await failed).code).toBe('ECONNRESET')
})

test('a client that leaves before the answer ends the request to the server', async () => {
  const origin = await startRawOrigin()
  const { port, clock, accessRecords, logRecords } = await startShield(passingTo(origin.url))
  const client = await openRaw(port)
  client.write(GET)
  await (await origin.connection(1)).head()

  client.leave()

  await origin.socketsAtMost(0)
  expect(await accessRecords(1)).toMatchObject([{ status: 499, bytes: 0, end: 'left', route: '/api/**' }])
  expect(logRecords().filter(({ level }) => level > 30)).toEqual([])
  expect(clock.pending).toBe(0)
})

test('a client that leaves half way through its download ends it for the server', async () => {
  const origin = await startRawOrigin()
  const { port, clock, accessRecords } = await startShield(passingTo(origin.url))
  const asked = openRequest(port, { path: '/api/x' })
  const connection = await origin.connection(1)
  await connection.head()
  connection.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nabc')
  const answer = await asked
  await answer.receivedBytes(3)

  answer.leave()

  await connection.closed
  expect(await accessRecords(1)).toMatchObject([{ status: 200, bytes: 3, end: 'left' }])
  expect(clock.pending).toBe(0)
})

test.each([
  ['a length', 'Content-Length: 10\r\n\r\nabc'],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n'],
])(
  'a client that leaves half way through its upload with %s: the server sees that it is not all',
  async (_what, rest) => {
    const origin = await startRawOrigin()
    const { port, clock } = await startShield(passingTo(origin.url))
    const client = await openRaw(port)
    client.write(`POST /api/x HTTP/1.1\r\nHost: x\r\n${rest}`)
    const connection = await origin.connection(1)
    await connection.until((got) => got.includes('abc'))

    client.leave()

    const got = await connection.closed
    expect(got.slice(got.indexOf('\r\n\r\n') + 4)).toBe(rest.slice(rest.indexOf('\r\n\r\n') + 4))
    expect(clock.pending).toBe(0)
  },
)

test('a client that stops sending for a minute is told so, and the server is let go', async () => {
  const origin = await startRawOrigin()
  const { port, clock, accessRecords } = await startShield(passingTo(origin.url))
  const client = await openRaw(port)
  client.write('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc')
  const connection = await origin.connection(1)
  await connection.until((got) => got.endsWith('abc'))

  clock.advance(MINUTE_MS)

  const [answer] = parseAnswers(await client.closed)
  expect([answer?.status, answer?.body.toString()]).toEqual([408, 'The request took too long\n'])
  await origin.socketsAtMost(0)
  expect(await accessRecords(1)).toMatchObject([{ status: 408 }])
})

test('a server that fails during an upload: the client gets the 502, and its connection when it has sent the rest', async () => {
  const origin = await startRawOrigin()
  const { port, clock } = await startShield(passingTo(origin.url))
  const client = await openRaw(port)
  client.write('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc')
  const connection = await origin.connection(1)
  await connection.until((got) => got.endsWith('abc'))
  connection.reset()
  await client.until(hasAnswers(1))

  client.write(`defGET /api/none HTTP/1.1\r\nHost: x\r\n\r\n`)
  const second = await origin.connection(2)
  await second.head()
  second.write(OK)

  const answers = parseAnswers(await client.until(hasAnswers(2)))
  expect(answers.map(({ status }) => status)).toEqual([502, 200])
  expect(clock.pending).toBe(0)
  client.leave()
})

test('an answer that comes before the end of its upload is passed on, and the rest of the upload goes nowhere', async () => {
  const origin = await startRawOrigin()
  const { port, clock } = await startShield(passingTo(origin.url))
  const client = await openRaw(port)
  client.write('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc')
  const connection = await origin.connection(1)
  await connection.until((got) => got.endsWith('abc'))
  connection.write('HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig')
  const [answer] = parseAnswers(await client.until(hasAnswers(1)))
  expect([answer?.status, answer?.body.toString()]).toEqual([413, 'big'])
  await connection.closed

  client.write('more of it')
  clock.advance(29_999)
  expect(client.socket.closed).toBe(false)
  clock.advance(1)

  await client.closed
  expect(connection.received().endsWith('abc')).toBe(true)
  expect(clock.pending).toBe(0)
})

test('a client that does not read holds the server back, and is cut off when it takes nothing for too long', async () => {
  const origin = await startRawOrigin()
  const { port, clock, accessRecords } = await startShield(passingTo(origin.url, { clientStallMs: 100 }))
  const asked = openRequest(port, { path: '/api/x' })
  const connection = await origin.connection(1)
  await connection.head()
  const size = 48 * 1024 ** 2
  connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`)
  connection.write(Buffer.alloc(size))
  const answer = await asked
  answer.pause()

  const [record] = await accessRecords(1)

  expect(record).toMatchObject({ status: 200, end: 'left' })
  expect(Number(record?.['bytes'])).toBeLessThan(size / 2)
  await origin.socketsAtMost(0)
  expect(clock.pending).toBe(0)
  answer.resume()
  expect((await answer.ended).isWhole).toBe(false)
})

test('a client that reads slowly is no idle server', async () => {
  const origin = await startRawOrigin()
  const { port, clock } = await startShield(passingTo(origin.url))
  const asked = openRequest(port, { path: '/api/x' })
  const connection = await origin.connection(1)
  await connection.head()
  const bytes = pattern(24 * 1024 ** 2)
  connection.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes.length}\r\n\r\n`)
  connection.write(bytes)
  const answer = await asked
  answer.pause()
  // The timer rests while it is the client's turn.
  await expect.poll(() => clock.pending).toBe(0)

  clock.advance(10 * MINUTE_MS)
  answer.resume()

  const ended = await answer.ended
  expect(ended.isWhole).toBe(true)
  expect(ended.body.equals(bytes)).toBe(true)
})

test('a server that does not read holds the client back', async () => {
  const bytes = pattern(24 * 1024 ** 2)
  const hash = createHash('sha256')
  let taken = 0
  const { promise: all, resolve: allTaken } = Promise.withResolvers<void>()
  const server = createServer(async (req, res) => {
    await reading.opened
    for await (const chunk of req) {
      hash.update(chunk)
      taken += chunk.length
    }
    allTaken()
    res.end('ok')
  })
  const reading = gate()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = await startShield(passingTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
  const client = await openRaw(port)
  client.write(`POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}\r\nConnection: close\r\n\r\n`)
  const sent = new Promise<'sent'>((resolve) => client.socket.write(bytes, () => resolve('sent')))

  expect(await Promise.race([sent, heldBack(client.socket)])).toBe('held back')
  reading.open()

  await all
  expect(taken).toBe(bytes.length)
  expect(hash.digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'))
  expect(parseAnswers(await client.closed).map(({ status }) => status)).toEqual([200])
})

test('more requests at once than are allowed are a 503 with Retry-After', async () => {
  const origin = await startRawOrigin()
  const { port } = await startShield(passingTo(origin.url))
  const clients = await Promise.all(times(11, () => openRaw(port)))
  // A hundred on each connection is what a listener takes.
  for (const client of clients.slice(0, 10)) client.write(GET.repeat(100))
  clients[10]?.write(GET.repeat(24))
  await origin.connection(1024)

  const { status, headers, body } = await request(port, { path: '/api/x' })

  expect([status, headers['retry-after'], body.toString()]).toEqual([503, '1', 'The origin is overloaded\n'])
  expect(origin.connections.length).toBe(1024)
  for (const client of clients) client.leave()
  await origin.socketsAtMost(0)
})

test.each([
  ['at once', ''],
  ['later', 'later'],
])('bytes that a server sends beyond its answer (%s) are in no other answer', async (_what, when) => {
  const extra = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'
  const origin = await startRawOrigin((connection) => {
    connection.socket.on('data', () => connection.write(when === '' ? OK + extra : OK))
  })
  const { port } = await startShield(passingTo(origin.url))
  const bodies: string[] = []

  for (let nth = 0; nth < 5; nth += 1) {
    bodies.push((await request(port, { path: '/api/x' })).body.toString())
    const connection = origin.connections.at(-1)
    if (when !== '' && connection !== undefined && !connection.socket.destroyed) {
      await new Promise<void>((resolve) => connection.socket.write(extra, () => resolve()))
    }
  }

  expect(bodies).toEqual(times(5, () => 'ok'))
})
