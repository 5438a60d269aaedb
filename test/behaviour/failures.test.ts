/** An origin that fails half way: every answer under way is cut, none looks whole, and nothing of it is kept. */
import { describe, expect, test } from 'vitest'
import { type Exchange, gate } from '../support/s3-socket-server.ts'
import { type OpenAnswer, openRequest, pattern, request, startShield, takenRequest } from '../support/shield.ts'

const KEY = 'vod/1.ts'
const PATH = `/${KEY}`
const LENGTH = 200_000
const BYTES = pattern(LENGTH)
const STALL_MS = 15_000

type Break = (exchange: Exchange, advance: (ms: number) => void) => void

const BREAKS: readonly (readonly [string, Break])[] = [
  ['resets the connection', (exchange) => exchange.reset()],
  ['ends the connection early', (exchange) => exchange.cut()],
  ['sends nothing more', (_exchange, advance) => advance(STALL_MS)],
]

/** Without a strong tag nothing says that the rest belongs to what has come: such a body cannot go on. */
const UNPINNED = { etag: 'W/"1"' }

async function expectCut(client: OpenAnswer, received: Buffer): Promise<void> {
  const answer = await client.ended
  expect(answer.isWhole).toBe(false)
  expect(answer.body.equals(received)).toBe(true)
}

describe.each(BREAKS)('when the origin %s half way', (_what, breakOff) => {
  test('the answers of all who need more are cut, and nobody is told that it was all', async () => {
    const { s3, port, clock, accessRecords } = await startShield({ pool: { maxFreeSockets: 0 } })
    s3.put(KEY, BYTES, UNPINNED)
    const broken = gate()
    s3.once(KEY, async (exchange) => {
      await exchange.answerPart(100_000)
      await broken.opened
      breakOff(exchange, (ms) => clock.advance(ms))
    })
    const first = await openRequest(port, { path: PATH })
    await first.receivedBytes(100_000)
    const late = await openRequest(port, { path: PATH })
    await late.receivedBytes(100_000)
    const range = await openRequest(port, { path: PATH, headers: { Range: 'bytes=99000-150000' } })
    await range.receivedBytes(1000)
    const there = await request(port, { path: PATH, headers: { Range: 'bytes=0-99999' } })
    const ahead = await takenRequest(port, { path: PATH, headers: { Range: 'bytes=150000-' } })
    broken.open()

    await expectCut(first, BYTES.subarray(0, 100_000))
    await expectCut(late, BYTES.subarray(0, 100_000))
    await expectCut(range, BYTES.subarray(99_000, 100_000))
    expect((await ahead.whole()).status).toBeGreaterThanOrEqual(502)
    expect(there.isWhole).toBe(true)
    expect(there.body.equals(BYTES.subarray(0, 100_000))).toBe(true)
    const ends = (await accessRecords(5)).map(({ end }) => end)
    expect(ends.toSorted()).toEqual(['cut', 'cut', 'cut', 'whole', 'whole'])
    await s3.socketsAtMost(0)
  })

  test('nothing is kept, and the next client gets the whole of it from the origin', async () => {
    const { s3, port, clock } = await startShield()
    s3.put(KEY, BYTES, UNPINNED)
    const broken = gate()
    s3.once(KEY, async (exchange) => {
      await exchange.answerPart(LENGTH - 1)
      await broken.opened
      breakOff(exchange, (ms) => clock.advance(ms))
    })
    const client = await openRequest(port, { path: PATH })
    await client.receivedBytes(LENGTH - 1)
    broken.open()
    await expectCut(client, BYTES.subarray(0, LENGTH - 1))

    const next = await request(port, { path: PATH })
    expect(next.headers['cache-status']).toContain('fwd=uri-miss')
    expect(next.isWhole).toBe(true)
    expect(next.body.equals(BYTES)).toBe(true)
    expect(s3.requests).toHaveLength(2)
  })

  test('a body that only passes through is cut as well', async () => {
    const { s3, port, clock } = await startShield({ pool: { maxFreeSockets: 0 } })
    s3.put(KEY, BYTES, { ...UNPINNED, 'cache-control': 'no-store' })
    const broken = gate()
    s3.once(KEY, async (exchange) => {
      await exchange.answerPart(100_000)
      await broken.opened
      breakOff(exchange, (ms) => clock.advance(ms))
    })
    const client = await openRequest(port, { path: PATH })
    await client.receivedBytes(100_000)
    broken.open()
    await expectCut(client, BYTES.subarray(0, 100_000))
    await s3.socketsAtMost(0)
  })
})

test('a client who joins when all but the last byte is there, and that byte never comes, is not told it was all', async () => {
  const { s3, port } = await startShield()
  s3.put(KEY, BYTES, UNPINNED)
  const broken = gate()
  s3.once(KEY, async (exchange) => {
    await exchange.answerPart(LENGTH - 1)
    await broken.opened
    exchange.cut()
  })
  const first = await openRequest(port, { path: PATH })
  await first.receivedBytes(LENGTH - 1)
  const late = await openRequest(port, { path: PATH })
  const lastByte = await takenRequest(port, { path: PATH, headers: { Range: 'bytes=-1' } })
  await late.receivedBytes(LENGTH - 1)
  broken.open()
  await expectCut(late, BYTES.subarray(0, LENGTH - 1))
  expect((await lastByte.whole()).status).toBe(502)
})

test('a client who reads slowly when the origin fails receives what had come, and then the cut', async () => {
  const length = 24 * 1024 ** 2
  const bytes = pattern(length)
  const { s3, port } = await startShield({ cache: { maxObject: '32MiB' }, pool: { maxFreeSockets: 0 } })
  s3.put(KEY, bytes, UNPINNED)
  s3.once(KEY, async (exchange) => {
    await exchange.answerPart(length - 1)
    exchange.cut()
  })
  const slow = await openRequest(port, { path: PATH })
  slow.pause()
  await s3.received(1)
  await s3.socketsAtMost(0)
  slow.resume()
  const answer = await slow.ended
  expect(answer.isWhole).toBe(false)
  expect(answer.body.equals(bytes.subarray(0, answer.body.length))).toBe(true)
})

test('each fill that fails is told once in the log, however many clients waited for it', async () => {
  const { s3, port, logRecords } = await startShield()
  s3.put(KEY, BYTES, UNPINNED)
  const broken = gate()
  s3.once(KEY, async (exchange) => {
    await broken.opened
    exchange.reset()
  })
  const clients = await Promise.all([1, 2, 3].map(() => takenRequest(port, { path: PATH })))
  broken.open()
  for (const client of clients) expect((await client.whole()).status).toBe(502)
  const told = logRecords().filter(({ msg }) => msg === 'fill failed')
  expect(told).toMatchObject([{ origin: 'spaces', kind: 'unreachable', level: 40 }])
})
