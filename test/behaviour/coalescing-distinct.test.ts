/** Nobody waits for an object they did not ask for. */
import { expect, test } from 'vitest'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { openRequest, pattern, request, startShield, takenRequest, times } from '../support/shield.ts'

test('a cold object is answered while the origin still owes the headers of another', async () => {
  const { s3, port } = await startShield()
  const slow = gate()
  s3.put('slow.ts', pattern(10_000, 1))
  s3.put('quick.ts', pattern(10_000, 2))
  s3.on('slow.ts', async (exchange) => {
    await slow.opened
    await exchange.answer()
  })
  const waiting = await takenRequest(port, { path: '/slow.ts' })
  const quick = await request(port, { path: '/quick.ts' })
  expect(quick.body.equals(pattern(10_000, 2))).toBe(true)
  slow.open()
  expect((await waiting.whole()).body.equals(pattern(10_000, 1))).toBe(true)
})

test('hits of one object go on while the body of another stalls half way', async () => {
  const { s3, port } = await startShield()
  const rest = gate()
  s3.put('stalled.ts', pattern(100_000, 1))
  s3.put('warm.ts', pattern(100_000, 2))
  s3.on('stalled.ts', pausedAfter(1000, rest))
  await request(port, { path: '/warm.ts' })
  const stalled = await openRequest(port, { path: '/stalled.ts' })
  await stalled.receivedBytes(1000)
  const hits = await Promise.all(times(20, () => request(port, { path: '/warm.ts' })))
  for (const hit of hits) {
    expect(hit.headers['cache-status']).toMatch(/^segment-shield; hit/)
    expect(hit.body.equals(pattern(100_000, 2))).toBe(true)
  }
  expect(stalled.received()).toHaveLength(1000)
  rest.open()
  expect((await stalled.ended).body.equals(pattern(100_000, 1))).toBe(true)
})

test('twenty cold objects are fetched side by side, and each client gets its own', async () => {
  const { s3, port } = await startShield()
  const all = gate()
  for (const index of times(20, Number)) s3.put(`${index}.ts`, pattern(20_000, index))
  s3.onAny(async (exchange) => {
    await all.opened
    await exchange.answer()
  })
  const clients = await Promise.all(times(20, (index) => takenRequest(port, { path: `/${index}.ts` })))
  await s3.received(20)
  all.open()
  const answers = await Promise.all(clients.map((client) => client.whole()))
  for (const [index, answer] of answers.entries()) expect(answer.body.equals(pattern(20_000, index))).toBe(true)
  expect(s3.requests).toHaveLength(20)
})
