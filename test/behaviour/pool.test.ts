/** The origin gets no more connections than the configuration says, and who cannot be served hears so at once. */
import { expect, test } from 'vitest'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { pattern, request, startShield, takenRequest, times } from '../support/shield.ts'

const LENGTH = 20_000

test('three hundred cold objects at once: two hundred connections, no more, and everyone is served', async () => {
  const { s3, port, logRecords } = await startShield()
  for (const index of times(300, Number)) s3.put(`${index}.ts`, pattern(LENGTH, index))
  const all = gate()
  s3.onAny(pausedAfter(1000, all))
  const clients = await Promise.all(times(300, (index) => takenRequest(port, { path: `/${index}.ts` })))
  await s3.received(200)
  expect(s3.requests).toHaveLength(200)
  all.open()
  const answers = await Promise.all(clients.map((client) => client.whole()))
  for (const [index, answer] of answers.entries()) {
    expect(answer.isWhole).toBe(true)
    expect(answer.body.equals(pattern(LENGTH, index))).toBe(true)
  }
  expect(s3.sockets.peak).toBe(200)
  expect(s3.requests).toHaveLength(300)
  expect(logRecords().filter(({ level }) => level >= 40)).toEqual([])
})

test('a request that finds the queue full is a 503 with Retry-After at once, and those in the queue are served', async () => {
  const { s3, port } = await startShield({ pool: { maxSockets: 2, maxQueued: 3 } })
  for (const index of times(7, Number)) s3.put(`${index}.ts`, pattern(LENGTH, index))
  const all = gate()
  s3.onAny(async (exchange) => {
    await all.opened
    await exchange.answer()
  })
  const clients = await Promise.all(times(5, (index) => takenRequest(port, { path: `/${index}.ts` })))
  await s3.received(2)
  for (const path of ['/5.ts', '/6.ts', '/5.ts']) {
    const refused = await request(port, { path })
    expect(refused.status).toBe(503)
    expect(refused.headers['retry-after']).toBe('1')
    expect(refused.headers['cache-control']).toBe('no-store')
  }
  // Those who want what is being fetched need no place in the queue.
  const joining = await takenRequest(port, { path: '/0.ts' })
  all.open()
  for (const [index, client] of [...clients, joining].entries()) {
    expect((await client.whole()).body.equals(pattern(LENGTH, index % 5))).toBe(true)
  }
  expect((await request(port, { path: '/5.ts' })).body.equals(pattern(LENGTH, 5))).toBe(true)
  expect(s3.sockets.peak).toBe(2)
})

test('a request that has waited a second for a connection is a warning with the counts, once in fifteen seconds', async () => {
  const { s3, port, clock, logRecords } = await startShield({ pool: { maxSockets: 1, responseTimeout: '10m' } })
  for (const index of times(3, Number)) s3.put(`${index}.ts`, pattern(LENGTH, index))
  const all = gate()
  s3.onAny(async (exchange) => {
    await all.opened
    await exchange.answer()
  })
  const clients = await Promise.all(times(3, (index) => takenRequest(port, { path: `/${index}.ts` })))
  await s3.received(1)
  const warnings = () => logRecords().filter(({ level }) => level === 40)
  clock.advance(999)
  expect(warnings()).toEqual([])
  clock.advance(1)
  expect(warnings()).toMatchObject([{ origin: 'spaces', inUse: 1, queued: 2, maxSockets: 1, waitedMs: 1000 }])
  clock.advance(14_999)
  expect(warnings()).toHaveLength(1)
  clock.advance(1)
  expect(warnings()).toHaveLength(2)
  all.open()
  for (const client of clients) expect((await client.whole()).status).toBe(200)
})

test('hits are answered while every connection of the pool is in use and the queue is full', async () => {
  const { s3, port } = await startShield({ pool: { maxSockets: 1, maxQueued: 0 } })
  s3.put('warm.ts', pattern(LENGTH, 1))
  s3.put('cold.ts', pattern(LENGTH, 2))
  await request(port, { path: '/warm.ts' })
  const all = gate()
  s3.on('cold.ts', async (exchange) => {
    await all.opened
    await exchange.answer()
  })
  const cold = await takenRequest(port, { path: '/cold.ts' })
  await s3.received(2)
  expect((await request(port, { path: '/warm.ts' })).body.equals(pattern(LENGTH, 1))).toBe(true)
  all.open()
  expect((await cold.whole()).body.equals(pattern(LENGTH, 2))).toBe(true)
})
