/** A client may leave at any moment: a fill goes on without it, a body that only passes through ends with it. */
import { expect, test } from 'vitest'
import { type Exchange, gate, pausedAfter } from '../support/s3-socket-server.ts'
import { openRequest, pattern, request, startShield, takenRequest, times } from '../support/shield.ts'

const KEY = 'vod/1.ts'
const PATH = `/${KEY}`
const BYTES = pattern(100_000)
/** A connection is open at the origin exactly as long as it is used. */
const POOL = { maxFreeSockets: 0 }

test('when all clients leave half way the fill goes on, and the next client has a hit', async () => {
  const { s3, port, accessRecords } = await startShield({ pool: POOL })
  s3.put(KEY, BYTES)
  const rest = gate()
  s3.on(KEY, pausedAfter(1000, rest))
  const clients = await Promise.all(times(3, () => openRequest(port, { path: PATH })))
  for (const client of clients) {
    await client.receivedBytes(1000)
    client.leave()
  }
  const records = await accessRecords(3)
  expect(records.map(({ end }) => end)).toEqual(['left', 'left', 'left'])
  rest.open()
  await s3.socketsAtMost(0)

  const next = await request(port, { path: PATH })
  expect(next.headers['cache-status']).toMatch(/^segment-shield; hit/)
  expect(next.body.equals(BYTES)).toBe(true)
  expect(s3.requests).toHaveLength(1)
})

test('when all clients leave before the headers the fill goes on, and the next client has a hit', async () => {
  const { s3, port, accessRecords } = await startShield({ pool: POOL })
  s3.put(KEY, BYTES)
  const headers = gate()
  s3.on(KEY, async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  const clients = await Promise.all(times(3, () => takenRequest(port, { path: PATH })))
  await s3.received(1)
  for (const client of clients) client.leave()
  await accessRecords(3)
  headers.open()
  await s3.socketsAtMost(0)
  const next = await request(port, { path: PATH })
  expect(next.headers['cache-status']).toMatch(/^segment-shield; hit/)
  expect(next.body.equals(BYTES)).toBe(true)
  expect(s3.requests).toHaveLength(1)
})

test('one client who leaves takes nothing from those who stay', async () => {
  const { s3, port, accessRecords } = await startShield()
  s3.put(KEY, BYTES)
  const rest = gate()
  s3.on(KEY, pausedAfter(1000, rest))
  const first = await openRequest(port, { path: PATH })
  const staying = await openRequest(port, { path: PATH })
  await first.receivedBytes(1000)
  first.leave()
  await accessRecords(1)
  rest.open()
  const answer = await staying.ended
  expect(answer.isWhole).toBe(true)
  expect(answer.body.equals(BYTES)).toBe(true)
})

test('a client who leaves a body that only passes through ends that origin request, and no other', async () => {
  const { s3, port } = await startShield({ pool: POOL })
  s3.put(KEY, BYTES, { 'cache-control': 'no-store' })
  const rest = gate()
  const exchanges: Exchange[] = []
  s3.on(KEY, async (exchange) => {
    exchanges.push(exchange)
    await exchange.answerPart(1000)
    await rest.opened
    await exchange.more()
  })
  const leaving = await openRequest(port, { path: PATH })
  const staying = await openRequest(port, { path: PATH })
  await leaving.receivedBytes(1000)
  await staying.receivedBytes(1000)
  leaving.leave()
  await exchanges[0]?.closed
  await s3.socketsAtMost(1)
  expect(exchanges.map(({ response }) => response.destroyed)).toEqual([true, false])
  rest.open()
  expect((await staying.ended).body.equals(BYTES)).toBe(true)
})

test('a client who leaves before the headers of an object known to pass through ends its origin request', async () => {
  const { s3, port } = await startShield({ pool: POOL })
  s3.put(KEY, BYTES, { 'cache-control': 'no-store' })
  await request(port, { path: PATH })
  const arrived = gate()
  s3.on(KEY, () => arrived.open())
  const leaving = await takenRequest(port, { path: PATH })
  await arrived.opened
  leaving.leave()
  await s3.socketsAtMost(0)
  expect(s3.requests).toHaveLength(2)
})

test('a cold object that turns out to pass through, and whose clients have all left, is let go at once', async () => {
  const { s3, port, accessRecords } = await startShield({ pool: POOL })
  s3.put(KEY, BYTES, { 'cache-control': 'no-store' })
  const headers = gate()
  s3.on(KEY, async (exchange) => {
    await headers.opened
    await exchange.answerPart(1000)
  })
  const leaving = await takenRequest(port, { path: PATH })
  await s3.received(1)
  leaving.leave()
  await accessRecords(1)
  headers.open()
  await s3.socketsAtMost(0)
  s3.on(KEY)
  expect((await request(port, { path: PATH })).body.equals(BYTES)).toBe(true)
})
