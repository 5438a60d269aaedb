/** That an object is missing or forbidden is remembered as briefly as the route says, and other errors not at all. */
import { expect, test } from 'vitest'
import { type Exchange, gate } from '../support/s3-socket-server.ts'
import { pattern, request, startShield, takenRequest, times } from '../support/shield.ts'

const KEY = 'live/7.ts'
const PATH = `/${KEY}`
const BYTES = pattern(10_000)

test.each([
  [404, 'NoSuchKey', undefined, 1000],
  [403, 'AccessDenied', undefined, 1000],
  [404, 'NoSuchKey', { 404: '10s' }, 10_000],
])('a %i %s with negativeTtl %j is kept for %4$i ms', async (status, code, negativeTtl, freshMs) => {
  const { s3, port, clock } = await startShield({ routes: [{ match: '/**', ...(negativeTtl && { negativeTtl }) }] })
  const asked = gate()
  s3.once(KEY, async (exchange) => {
    await asked.opened
    await exchange.error(status, code)
  })
  const clients = await Promise.all(times(10, () => takenRequest(port, { path: PATH })))
  asked.open()
  for (const client of clients) expect((await client.whole()).status).toBe(status)
  s3.put(KEY, BYTES)
  clock.advance(freshMs - 1)
  const kept = await request(port, { path: PATH })
  expect(kept.status).toBe(status)
  expect(kept.headers['cache-status']).toMatch(/^segment-shield; hit/)
  expect(s3.requests).toHaveLength(1)
  clock.advance(1)
  expect((await request(port, { path: PATH })).body.equals(BYTES)).toBe(true)
  expect(s3.requests).toHaveLength(2)
})

test('a status that negativeTtl does not list is passed on and asked for each time', async () => {
  const { s3, port } = await startShield({ routes: [{ match: '/**', negativeTtl: { 403: '10s' } }] })
  for (const _ of [1, 2]) expect((await request(port, { path: PATH })).status).toBe(404)
  s3.put(KEY, BYTES)
  expect((await request(port, { path: PATH })).body.equals(BYTES)).toBe(true)
  expect(s3.requests).toHaveLength(3)
})

test.each([
  [500, 'InternalError'],
  [503, 'SlowDown'],
  [403, 'InvalidAccessKeyId'],
  [404, 'NoSuchBucket'],
])('a %i %s is not kept, whatever negativeTtl says', async (status, code) => {
  const negativeTtl = { 403: '1h', 404: '1h', 500: '1h', 502: '1h', 503: '1h' }
  const { s3, port } = await startShield({ routes: [{ match: '/**', negativeTtl }] })
  s3.put(KEY, BYTES)
  s3.once(KEY, (exchange: Exchange) => exchange.error(status, code))
  expect((await request(port, { path: PATH })).status).toBeGreaterThanOrEqual(502)
  expect((await request(port, { path: PATH })).body.equals(BYTES)).toBe(true)
})
