/** Answers that are held to so many bytes a second go out whole, at that pace and no faster. */
import { expect, test } from 'vitest'
import { openRequest, pattern, request, type ShieldOptions, startShield } from '../support/shield.ts'

const BYTES = pattern(100_000)
const PACED: ShieldOptions = { limits: { bytesPerSecond: '40000B' } }
const EIGHTH_OF_A_SECOND_MS = 125

async function stored(options: ShieldOptions = PACED) {
  const shield = await startShield(options)
  shield.s3.put('a.ts', BYTES)
  await request(shield.port, { path: '/a.ts', headers: { Range: 'bytes=0-0' } })
  return shield
}

test('a hit goes out a quarter of a second at first and then as time passes, byte for byte', async () => {
  const { port, clock } = await stored()
  const answer = await openRequest(port, { path: '/a.ts' })
  expect(answer.headers['content-length']).toBe('100000')
  await answer.receivedBytes(10_000)
  for (let sent = 15_000; sent <= 100_000; sent += 5_000) {
    expect(answer.received().length).toBe(sent - 5_000)
    clock.advance(EIGHTH_OF_A_SECOND_MS)
    await answer.receivedBytes(sent)
  }
  const { body, isWhole } = await answer.ended
  expect([isWhole, body.equals(BYTES)]).toEqual([true, true])
})

test('a range is held to it too, and what fits into the beginning goes at once', async () => {
  const { port, clock } = await stored()
  const short = await request(port, { path: '/a.ts', headers: { Range: 'bytes=5-9999' } })
  expect(short.body.equals(BYTES.subarray(5, 10_000))).toBe(true)
  const long = await openRequest(port, { path: '/a.ts', headers: { Range: 'bytes=0-19999' } })
  await long.receivedBytes(10_000)
  clock.advance(2 * EIGHTH_OF_A_SECOND_MS)
  expect((await long.ended).body.equals(BYTES.subarray(0, 20_000))).toBe(true)
})

test('one viewer does not wait for another, and the bucket for neither', async () => {
  const { port, clock, s3 } = await startShield(PACED)
  s3.put('b.ts', BYTES)
  const viewers = await Promise.all([1, 2, 3].map(() => openRequest(port, { path: '/b.ts' })))
  for (const viewer of viewers) await viewer.receivedBytes(10_000)
  await s3.socketsAtMost(1)
  viewers[0]?.leave()
  clock.advance(3000)
  const rest = await Promise.all(viewers.slice(1).map(({ ended }) => ended))
  expect(rest.map(({ body }) => body.equals(BYTES))).toEqual([true, true])
  expect(s3.requests).toHaveLength(1)
})

test('a viewer who leaves leaves no timer behind', async () => {
  const { port, clock, app } = await stored()
  const idle = clock.pending
  const answer = await openRequest(port, { path: '/a.ts' })
  await answer.receivedBytes(10_000)
  expect(clock.pending).toBe(idle + 1)
  answer.leave()
  await expect.poll(() => clock.pending, { interval: 1, timeout: 15_000 }).toBe(idle)
  await app.close()
})

test('without it a hit is one write', async () => {
  const { port } = await stored({})
  const { body, isWhole } = await request(port, { path: '/a.ts' })
  expect([isWhole, body.equals(BYTES)]).toEqual([true, true])
})
