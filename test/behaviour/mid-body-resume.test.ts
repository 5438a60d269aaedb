/** A body whose connection to the origin breaks half way goes on, and no client notices. */
import { describe, expect, test } from 'vitest'
import { type Exchange, gate } from '../support/s3-socket-server.ts'
import { openRequest, pattern, request, type Shield, startShield, times } from '../support/shield.ts'

const KEY = 'live/1.ts'
const PATH = `/${KEY}`
const LENGTH = 200_000
const BYTES = pattern(LENGTH)
const STALL_MS = 15_000

const BREAKS: readonly (readonly [string, (exchange: Exchange, shield: Shield) => void])[] = [
  ['resets the connection', (exchange) => exchange.reset()],
  ['ends the connection early', (exchange) => exchange.cut()],
  ['sends nothing more', (_, { clock }) => clock.advance(STALL_MS)],
]

describe.each(BREAKS)('an origin that %s half way', (_what, breakOff) => {
  test.each([
    ['an object that is kept', {}],
    ['an object that only passes through', { 'cache-control': 'no-store' }],
  ])('%s arrives whole, from one answer and a range', async (_kind, headers) => {
    const shield = await startShield({ pool: { maxFreeSockets: 0 } })
    const { s3, port } = shield
    s3.put(KEY, BYTES, { etag: '"v1"', ...headers })
    const broken = gate()
    s3.once(KEY, async (exchange) => {
      await exchange.answerPart(100_000)
      await broken.opened
      breakOff(exchange, shield)
    })
    const client = await openRequest(port, { path: PATH })
    await client.receivedBytes(100_000)
    broken.open()
    const answer = await client.ended
    expect([answer.isWhole, answer.body.equals(BYTES)]).toEqual([true, true])
    expect(s3.requests.map((it) => [it.headers.range, it.headers['if-match']])).toEqual([
      [undefined, undefined],
      ['bytes=100000-', '"v1"'],
    ])
    await s3.socketsAtMost(0)
  })
})

test('all who read a fill that breaks again and again get all of it', async () => {
  const { s3, port, logRecords } = await startShield()
  s3.put(KEY, BYTES, { etag: '"v1"' })
  const start = gate()
  const breakAfter = (bytes: number) => async (exchange: Exchange) => {
    await start.opened
    await exchange.answerPart(bytes)
    exchange.cut()
  }
  s3.once(KEY, breakAfter(0), breakAfter(70_000), breakAfter(1), breakAfter(70_000))
  const clients = times(20, (index) =>
    request(port, { path: PATH, ...(index % 2 === 0 && { headers: { Range: `bytes=${index * 1000}-` } }) }),
  )
  start.open()
  for (const [index, answer] of (await Promise.all(clients)).entries()) {
    expect([answer.isWhole, answer.body.equals(BYTES.subarray(index % 2 === 0 ? index * 1000 : 0))]).toEqual([
      true,
      true,
    ])
  }
  expect(s3.requests).toHaveLength(5)
  expect(logRecords().filter(({ msg }) => msg === 'fill failed')).toEqual([])
  expect((await request(port, { path: PATH })).headers['cache-status']).toContain('hit')
})

test('an object that was replaced meanwhile cuts its readers off, and the next one gets the new version', async () => {
  const { s3, port } = await startShield()
  s3.put(KEY, BYTES, { etag: '"v1"' })
  const broken = gate()
  s3.once(KEY, async (exchange) => {
    await exchange.answerPart(100_000)
    await broken.opened
    exchange.reset()
  })
  const client = await openRequest(port, { path: PATH })
  await client.receivedBytes(100_000)
  const changed = pattern(LENGTH, 2)
  s3.put(KEY, changed, { etag: '"v2"' })
  broken.open()
  const cut = await client.ended
  expect([cut.isWhole, cut.body.equals(BYTES.subarray(0, 100_000))]).toEqual([false, true])
  const next = await request(port, { path: PATH })
  expect([next.headers['etag'], next.body.equals(changed)]).toEqual(['"v2"', true])
})

test('an origin that is gone for good fails the answer after a handful of requests', async () => {
  const { s3, port } = await startShield()
  s3.put(KEY, BYTES, { etag: '"v1"' })
  s3.once(KEY, async (exchange) => {
    await exchange.answerPart(100_000)
    s3.on(KEY, (later) => later.reset())
    exchange.cut()
  })
  const answer = await (await openRequest(port, { path: PATH })).ended
  expect([answer.isWhole, answer.body.equals(BYTES.subarray(0, 100_000))]).toEqual([false, true])
  expect(s3.requests).toHaveLength(6)
  s3.on(KEY)
  expect((await request(port, { path: PATH })).body.equals(BYTES)).toBe(true)
})
