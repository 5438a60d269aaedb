/** With `transport: undici` an S3 origin's bodies resume, its slices fit and its 304s count as they do with the SDK. */
import { expect, test } from 'vitest'
import { pattern, request, startShield } from '../support/shield.ts'

const UNDICI = { origin: { transport: 'undici' } }
const BYTES = pattern(200_000)

test('a body that breaks off goes on where it broke, of the same version', async () => {
  const { s3, port } = await startShield(UNDICI)
  s3.put('live/1.ts', BYTES, { etag: '"v1"' })
  s3.once('live/1.ts', async (exchange) => {
    await exchange.answerPart(70_000)
    exchange.cut()
  })
  const answer = await request(port, { path: '/live/1.ts' })

  expect([answer.isWhole, answer.body.equals(BYTES)]).toEqual([true, true])
  expect(s3.requests.map(({ headers }) => [headers.range, headers['if-match']])).toEqual([
    [undefined, undefined],
    ['bytes=70000-', '"v1"'],
  ])
})

test('a range of a cold large object costs its slices, and the connection is there for the next one', async () => {
  const { s3, port } = await startShield({ ...UNDICI, cache: { maxObject: '64KiB', slice: '16KiB' } })
  s3.put('vod/film.mp4', BYTES, { etag: '"v1"' })
  const ask = (range: string) => request(port, { path: '/vod/film.mp4', headers: { Range: range } })
  const first = await ask('bytes=100000-119999')
  const second = await ask('bytes=150000-150009')

  expect([first.status, first.headers['content-range']]).toEqual([206, 'bytes 100000-119999/200000'])
  expect(first.body.equals(BYTES.subarray(100_000, 120_000))).toBe(true)
  expect(second.body.equals(BYTES.subarray(150_000, 150_010))).toBe(true)
  expect(s3.requests.map(({ headers, connection }) => [headers.range, connection])).toEqual([
    ['bytes=98304-131071', 1],
    ['bytes=147456-163839', 1],
  ])
})

test('what is stale is confirmed with a 304', async () => {
  const { s3, port, clock } = await startShield({ ...UNDICI, routes: [{ match: '/**', origin: 'spaces', ttl: '1s' }] })
  s3.put('live/1.ts', BYTES, { etag: '"v1"' })
  await request(port, { path: '/live/1.ts' })
  clock.advance(1_000)
  const answer = await request(port, { path: '/live/1.ts' })

  expect([answer.status, answer.body.equals(BYTES)]).toEqual([200, true])
  expect(answer.headers['cache-status']).toContain('fwd-status=304')
  expect(s3.requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"v1"'])
})

test('a SlowDown is tried again, and an answer that is none becomes an error of our own', async () => {
  const { s3, port } = await startShield({ ...UNDICI, retry: { maxAttempts: 2 } })
  s3.put('live/1.ts', BYTES)
  s3.once('live/1.ts', (exchange) => exchange.error(503, 'SlowDown'))
  s3.on('live/2.ts', (exchange) => exchange.error(403, 'SignatureDoesNotMatch'))

  expect((await request(port, { path: '/live/1.ts' })).body.equals(BYTES)).toBe(true)
  expect((await request(port, { path: '/live/2.ts' })).status).toBe(502)
  expect(s3.requestsFor('live/1.ts')).toHaveLength(2)
  expect(s3.requestsFor('live/2.ts')).toHaveLength(1)
})
