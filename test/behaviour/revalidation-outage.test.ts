/** An origin that is down when an answer is stale: an honest error now, and the stored bytes again once it is back. */
import { describe, expect, test } from 'vitest'
import { type Exchange, gate } from '../support/s3-socket-server.ts'
import { pattern, request, type Shield, startShield, takenRequest, times } from '../support/shield.ts'

const KEY = 'vod/1.ts'
const PATH = `/${KEY}`
const BYTES = pattern(50_000)

async function staleShield(): Promise<Shield> {
  const shield = await startShield({ pool: { maxFreeSockets: 0 } })
  const { s3, port, clock } = shield
  s3.put(KEY, BYTES, { 'cache-control': 'max-age=60' })
  await request(port, { path: PATH })
  clock.advance(60_000)
  return shield
}

describe.each([
  ['resets every connection', 502, (exchange: Exchange) => exchange.reset()],
  ['answers 500', 502, (exchange: Exchange) => exchange.error(500, 'InternalError')],
  ['says SlowDown', 503, (exchange: Exchange) => exchange.error(503, 'SlowDown')],
  ['does not answer', 504, (_: Exchange, { clock }: Shield) => clock.advance(30_000)],
])('an origin that %s while an answer is stale', (_what, status, fail) => {
  test(`is a ${status} for all who wait; when it is back the stored bytes are revalidated, not fetched`, async () => {
    const shield = await staleShield()
    const { s3, port } = shield
    const failing = gate()
    s3.once(KEY, async (exchange) => {
      await failing.opened
      await fail(exchange, shield)
    })
    const clients = await Promise.all(times(3, () => takenRequest(port, { path: PATH })))
    await s3.received(2)
    failing.open()
    for (const client of clients) expect((await client.whole()).status).toBe(status)
    await s3.socketsAtMost(0)

    const back = await request(port, { path: PATH })
    expect(back.status).toBe(200)
    expect(back.headers['cache-status']).toContain('fwd=stale; fwd-status=304')
    expect(back.body.equals(BYTES)).toBe(true)
    const tags = s3.requests.map(({ headers }) => headers['if-none-match'])
    expect(tags).toEqual([undefined, back.headers['etag'], back.headers['etag']])
  })
})

test('a changed object that breaks half way takes neither the stored one nor its validator with it', async () => {
  const { s3, port } = await staleShield()
  const changed = pattern(70_000, 2)
  const tag = s3.put(KEY, BYTES, { 'cache-control': 'max-age=60' }).headers['etag']
  s3.put(KEY, changed, { 'cache-control': 'max-age=60', etag: 'W/"changed"' })
  const broken = gate()
  s3.once(KEY, async (exchange) => {
    await exchange.answerPart(1000)
    await broken.opened
    exchange.reset()
  })
  const client = await takenRequest(port, { path: PATH })
  await (await client.answer).receivedBytes(1000)
  broken.open()
  expect((await client.whole()).isWhole).toBe(false)

  const next = await request(port, { path: PATH })
  expect(next.isWhole).toBe(true)
  expect(next.body.equals(changed)).toBe(true)
  expect(s3.requests.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, tag, tag])
})
