/** An object too large to keep whole is passed through, and who wants a part of it costs the origin that part. */
import { beforeEach, expect, test } from 'vitest'
import { openRequest, pattern, request, type Shield, startShield } from '../support/shield.ts'

const KEY = 'vod/film.mp4'
const PATH = `/${KEY}`
const LENGTH = 300_000
const BYTES = pattern(LENGTH)

const UNPINNED = { etag: 'W/"1"' }

let shield: Shield

beforeEach(async () => {
  shield = await startShield({ cache: { maxObject: '64KiB' }, pool: { maxFreeSockets: 0 } })
  shield.s3.put(KEY, BYTES, UNPINNED)
})

function ask(range: string | undefined, more: Readonly<Record<string, string>> = {}, method = 'GET') {
  const headers = { ...(range !== undefined && { Range: range }), ...more }
  return request(shield.port, { path: PATH, method, headers })
}

function askedRanges(): (string | undefined)[] {
  return shield.s3.requests.map(({ headers }) => headers.range)
}

test('the whole of it is passed through byte by byte, and not kept', async () => {
  for (const _ of [1, 2]) {
    const answer = await ask(undefined)
    expect(answer.status).toBe(200)
    expect(answer.headers['content-length']).toBe(String(LENGTH))
    expect(answer.headers['cache-status']).toContain('detail=too-large')
    expect(answer.isWhole).toBe(true)
    expect(answer.body.equals(BYTES)).toBe(true)
  }
  expect(askedRanges()).toEqual([undefined, undefined])
})

test.each([
  ['bytes=100-199', 'bytes=100-199', 100, 200],
  ['bytes=-500', 'bytes=299500-299999', LENGTH - 500, LENGTH],
  ['bytes=299000-', 'bytes=299000-299999', 299_000, LENGTH],
  ['bytes=0-1', 'bytes=0-1', 0, 2],
  ['bytes=299990-9007199254740991', 'bytes=299990-299999', 299_990, LENGTH],
])('of a known one, %s is asked of the origin as %s and answered 206', async (range, asked, start, end) => {
  await ask(undefined)
  const answer = await ask(range)
  expect(answer.status).toBe(206)
  expect(answer.headers['content-range']).toBe(`bytes ${start}-${end - 1}/${LENGTH}`)
  expect(answer.headers['content-length']).toBe(String(end - start))
  expect(answer.headers['content-type']).toBe('video/mp4')
  expect(answer.body.equals(BYTES.subarray(start, end))).toBe(true)
  expect(askedRanges()).toEqual([undefined, asked])
})

test('a range of one nobody has asked for yet is answered 206, and the slice that told its size is let go', async () => {
  const answer = await ask('bytes=1000-1999')
  expect(answer.status).toBe(206)
  expect(answer.headers['content-range']).toBe(`bytes 1000-1999/${LENGTH}`)
  expect(answer.body.equals(BYTES.subarray(1000, 2000))).toBe(true)
  expect(askedRanges()).toEqual(['bytes=0-65535', 'bytes=1000-1999'])
  await shield.s3.socketsAtMost(0)
})

test('a range beyond its end is answered 416 with its length, without asking the origin again', async () => {
  await ask(undefined)
  const answer = await ask(`bytes=${LENGTH}-`)
  expect(answer.status).toBe(416)
  expect(answer.headers['content-range']).toBe(`bytes */${LENGTH}`)
  expect(answer.isWhole).toBe(true)
  expect(askedRanges()).toEqual([undefined])
})

test('several ranges, and a Range that is none, get the whole of it', async () => {
  await ask(undefined)
  for (const range of ['bytes=0-1,5-6', 'bytes=9-1', 'lines=1-2']) {
    const answer = await ask(range)
    expect([range, answer.status]).toEqual([range, 200])
    expect(answer.body.equals(BYTES)).toBe(true)
  }
})

test('a range under an If-Range that does not match gets the whole of it', async () => {
  await ask(undefined)
  const answer = await ask('bytes=0-1', { 'If-Range': '"another version"' })
  expect(answer.status).toBe(200)
  expect(answer.body.equals(BYTES)).toBe(true)
})

test('HEAD tells the length of the whole, with or without a Range, and leaves no origin request open', async () => {
  for (const range of [undefined, 'bytes=0-1', `bytes=${LENGTH}-`]) {
    const answer = await ask(range, {}, 'HEAD')
    expect([range, answer.status]).toEqual([range, 200])
    expect(answer.headers['content-length']).toBe(String(LENGTH))
    expect(answer.headers['content-range']).toBeUndefined()
    await shield.s3.socketsAtMost(0)
  }
})

test('a condition that says the client has it already is answered 304 and leaves no origin request open', async () => {
  const { headers } = await ask(undefined)
  const answer = await ask(undefined, { 'If-None-Match': headers['etag'] ?? '' })
  expect(answer.status).toBe(304)
  expect(answer.body).toHaveLength(0)
  await shield.s3.socketsAtMost(0)
})

test('a client who leaves a range of it ends that origin request', async () => {
  await ask(undefined)
  shield.s3.on(KEY, (exchange) => exchange.answerPart(1000))
  const leaving = await openRequest(shield.port, { path: PATH, headers: { Range: 'bytes=100000-' } })
  await leaving.receivedBytes(1000)
  expect(leaving.received().equals(BYTES.subarray(100_000, 101_000))).toBe(true)
  leaving.leave()
  await shield.s3.socketsAtMost(0)
})

test('of one that has grown since it was last asked for, the last bytes are the new last bytes', async () => {
  await ask(undefined)
  const grown = Buffer.concat([BYTES, pattern(1000, 7)])
  shield.s3.put(KEY, grown, UNPINNED)
  const open = await ask('bytes=299000-')
  expect(open.headers['content-range']).toBe('bytes 299000-300999/301000')
  expect(open.body.equals(grown.subarray(299_000))).toBe(true)
  const suffix = await ask('bytes=-500')
  expect(suffix.headers['content-range']).toBe('bytes 300500-300999/301000')
  expect(suffix.body.equals(grown.subarray(-500))).toBe(true)
})

test('of one that has shrunk since, a range beyond the new end is answered 416 with the new length', async () => {
  await ask(undefined)
  shield.s3.put(KEY, BYTES.subarray(0, 200_000), UNPINNED)
  const answer = await ask('bytes=250000-250099')
  expect(answer.status).toBe(416)
  expect(answer.headers['content-range']).toBe('bytes */200000')
})

test('a no-store object that has grown is asked for again, rather than answered 416 from memory', async () => {
  shield.s3.put(KEY, BYTES, { 'cache-control': 'no-store' })
  await ask(undefined)
  const grown = Buffer.concat([BYTES, pattern(1000, 7)])
  shield.s3.put(KEY, grown, { 'cache-control': 'no-store' })
  const answer = await ask('bytes=300500-300599')
  expect(answer.status).toBe(206)
  expect(answer.headers['content-range']).toBe('bytes 300500-300599/301000')
  expect(answer.body.equals(grown.subarray(300_500, 300_600))).toBe(true)
  const beyond = await ask('bytes=301000-')
  expect(beyond.status).toBe(416)
  expect(beyond.headers['content-range']).toBe('bytes */301000')
  await shield.s3.socketsAtMost(0)
})
