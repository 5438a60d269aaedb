/** Told to end, the shield finishes what it has begun, takes on nothing new, and leaves no connection on either side. */
import { expect, test } from 'vitest'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import {
  hasAnswers,
  openRaw,
  openRequest,
  parseAnswers,
  pattern,
  request,
  type Shield,
  type ShieldOptions,
  startShield,
  takenRequest,
} from '../support/shield.ts'

const KEY = 'vod/1.ts'
const PATH = `/${KEY}`
const BYTES = pattern(100_000)
const GRACE_MS = 30_000

/** An origin that sends the head and 1000 bytes, and the rest when told to. */
async function halfWay(options: ShieldOptions = {}, headers: Readonly<Record<string, string>> = {}) {
  const shield = await startShield({ graceMs: GRACE_MS, ...options })
  const rest = gate()
  shield.s3.put(KEY, BYTES, headers)
  shield.s3.on(KEY, pausedAfter(1000, rest))
  return { ...shield, finish: () => rest.open() }
}

function isRefused(port: number): Promise<boolean> {
  return request(port, { path: PATH }).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ECONNREFUSED',
  )
}

/** A connection that has had one answer and waits for the next request. */
async function idleConnection({ port, s3 }: Pick<Shield, 'port' | 's3'>) {
  s3.put('idle.ts', BYTES)
  const connection = await openRaw(port)
  connection.write('GET /idle.ts HTTP/1.1\r\nHost: shield\r\n\r\n')
  const [answer] = parseAnswers(await connection.until(hasAnswers(1)))
  expect(answer?.headers['connection']).toBe('keep-alive')
  return connection
}

test('answers under way are finished, and then no connection is left on either side', async () => {
  const { app, port, s3, finish } = await halfWay()
  const client = await openRequest(port, { path: PATH })
  await client.receivedBytes(1000)
  const closed = app.close()
  finish()
  const answer = await client.ended
  expect(answer.isWhole).toBe(true)
  expect(answer.body.equals(BYTES)).toBe(true)
  await closed
  await s3.socketsAtMost(0)
})

test('a body that only passes through is finished as well', async () => {
  const { app, port, s3, finish } = await halfWay({}, { 'cache-control': 'no-store' })
  const client = await openRequest(port, { path: PATH })
  await client.receivedBytes(1000)
  const closed = app.close()
  finish()
  expect((await client.ended).body.equals(BYTES)).toBe(true)
  await closed
  await s3.socketsAtMost(0)
})

test('new connections are refused while answers under way are finished', async () => {
  const { app, port, finish } = await halfWay()
  const client = await openRequest(port, { path: PATH })
  await client.receivedBytes(1000)
  const closed = app.close()
  expect(await isRefused(port)).toBe(true)
  finish()
  expect((await client.ended).isWhole).toBe(true)
  await closed
  expect(await isRefused(port)).toBe(true)
})

test('connections that wait for a next request are closed at once', async () => {
  const shield = await halfWay()
  const { app, port, finish } = shield
  const idle = await idleConnection(shield)
  const client = await openRequest(port, { path: PATH })
  await client.receivedBytes(1000)
  const closed = app.close()
  await idle.closed
  expect(client.received()).toHaveLength(1000)
  finish()
  expect((await client.ended).isWhole).toBe(true)
  await closed
})

test('connections that never sent anything, or half a request, hold nothing up beyond the grace time', async () => {
  const { app, port, clock } = await startShield({ graceMs: GRACE_MS })
  const silent = await openRaw(port)
  const half = await openRaw(port)
  half.write(`GET ${PATH} HTTP/1.1\r\nHost: shi`)
  // When another connection's answer is there, those bytes are, too.
  await request(port, { path: PATH })
  const closed = app.close()
  clock.advance(GRACE_MS)
  await closed
  expect(await silent.closed).toHaveLength(0)
  expect(parseAnswers(await half.closed).every(({ status }) => status >= 400)).toBe(true)
})

test('an answer that begins after the word to end says that its connection closes, and it does', async () => {
  const { app, port, s3, clock } = await startShield({ graceMs: GRACE_MS })
  s3.put(KEY, BYTES)
  const headers = gate()
  s3.on(KEY, async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  const connection = await openRaw(port)
  connection.write(`GET ${PATH} HTTP/1.1\r\nHost: shield\r\n\r\n`)
  await s3.received(1)
  const closed = app.close()
  headers.open()
  const [answer] = parseAnswers(await connection.closed)
  expect(answer?.isWhole).toBe(true)
  expect(answer?.body.equals(BYTES)).toBe(true)
  expect(answer?.headers['connection']).toBe('close')
  await closed
  expect(clock.pending).toBe(0)
})

test('requests that came one behind the other before the word to end are all answered', async () => {
  const { app, port, s3 } = await startShield({ graceMs: GRACE_MS })
  s3.put(KEY, BYTES)
  s3.put('2.ts', 'second')
  await request(port, { path: '/2.ts' })
  const headers = gate()
  s3.on(KEY, async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  const connection = await openRaw(port)
  connection.write(`GET ${PATH} HTTP/1.1\r\nHost: shield\r\n\r\nGET /2.ts HTTP/1.1\r\nHost: shield\r\n\r\n`)
  await s3.received(2)
  const closed = app.close()
  headers.open()
  const [first, second, ...more] = parseAnswers(await connection.closed)
  expect(first?.body.equals(BYTES)).toBe(true)
  expect(second?.body.toString()).toBe('second')
  expect(more).toEqual([])
  await closed
})

test('a request that comes on an open connection during the drain is answered, and the last on it', async () => {
  const { app, port, s3, finish } = await halfWay()
  s3.put('2.ts', 'second')
  await request(port, { path: '/2.ts' })
  const connection = await openRaw(port)
  connection.write(`GET ${PATH} HTTP/1.1\r\nHost: shield\r\n\r\n`)
  await connection.until((received) => received.includes(BYTES.subarray(0, 1000)))
  const closed = app.close()
  connection.write('GET /2.ts HTTP/1.1\r\nHost: shield\r\n\r\n')
  finish()
  const answers = parseAnswers(await connection.closed)
  expect(answers[0]?.body.equals(BYTES)).toBe(true)
  // It is either not taken on, or answered in full.
  for (const answer of answers.slice(1)) {
    expect(answer.isWhole).toBe(true)
    expect(answer.body.toString()).toBe('second')
    expect(answer.headers['connection']).toBe('close')
  }
  await closed
})

test('what has not ended within the grace time is cut, and nothing is left', async () => {
  const { app, port, s3, clock } = await halfWay({ pool: { responseTimeout: '10m', stallTimeout: '10m' } })
  s3.put('passing.ts', BYTES, { 'cache-control': 'no-store' })
  s3.on('passing.ts', (exchange) => exchange.answerPart(1000))
  s3.on('silent.ts', () => undefined)
  const filling = await openRequest(port, { path: PATH })
  const passing = await openRequest(port, { path: '/passing.ts' })
  const silent = await takenRequest(port, { path: '/silent.ts' })
  await filling.receivedBytes(1000)
  await passing.receivedBytes(1000)
  await s3.received(3)
  const closed = app.close()
  clock.advance(GRACE_MS - 1)
  // Still there: a refused connection takes longer to come back than a cut would.
  expect(await isRefused(port)).toBe(true)
  expect(s3.sockets.open).toBe(3)
  clock.advance(1)
  for (const client of [filling, passing]) {
    const answer = await client.ended
    expect(answer.isWhole).toBe(false)
    expect(answer.body.equals(BYTES.subarray(0, 1000))).toBe(true)
  }
  await expect(silent.answer).rejects.toThrow()
  await closed
  await s3.socketsAtMost(0)
  expect(clock.pending).toBe(0)
})

test('a fill that nobody waits for any more does not hold the end up', async () => {
  const { app, port, s3, accessRecords } = await halfWay()
  const client = await openRequest(port, { path: PATH })
  await client.receivedBytes(1000)
  client.leave()
  await accessRecords(1)
  await app.close()
  await s3.socketsAtMost(0)
})

test('a client that has stopped reading is waited for no longer than the grace time', async () => {
  const length = 24 * 1024 ** 2
  const { app, port, s3, clock } = await startShield({ graceMs: GRACE_MS, cache: { maxObject: '32MiB' } })
  s3.put(KEY, pattern(length))
  const client = await openRequest(port, { path: PATH })
  client.pause()
  const closed = app.close()
  clock.advance(GRACE_MS)
  await closed
  await s3.socketsAtMost(0)
  client.resume()
  expect((await client.ended).isWhole).toBe(false)
})
