/** A large object costs its origin the slices that are wanted, once, and is never a mix of two versions. */
import { expect, test } from 'vitest'
import { gate } from '../support/s3-socket-server.ts'
import { openRequest, pattern, request, type Shield, startShield, times } from '../support/shield.ts'

const KEY = 'vod/film.mp4'
const PATH = `/${KEY}`
const SLICE = 16 * 1024
const LENGTH = 400_000
const BYTES = pattern(LENGTH)

async function startFilm(cache: Readonly<Record<string, unknown>> = {}): Promise<Shield> {
  const shield = await startShield({ cache: { maxObject: '64KiB', slice: '16KiB', ...cache } })
  shield.s3.put(KEY, BYTES, { etag: '"v1"' })
  return shield
}

function ask({ port }: Shield, range?: string, method = 'GET', more: Readonly<Record<string, string>> = {}) {
  return request(port, { path: PATH, method, headers: { ...(range !== undefined && { Range: range }), ...more } })
}

const asked = ({ s3 }: Shield) => s3.requests.map(({ headers }) => [headers.range, headers['if-match']])

test('a seek costs the slices it needs, and the same seek again costs nothing', async () => {
  const shield = await startFilm()
  for (const _ of ['cold', 'warm']) {
    const answer = await ask(shield, 'bytes=200000-229999')
    expect([answer.status, answer.headers['content-range']]).toEqual([206, `bytes 200000-229999/${LENGTH}`])
    expect(answer.body.equals(BYTES.subarray(200_000, 230_000))).toBe(true)
  }
  expect(asked(shield)).toEqual([[`bytes=${12 * SLICE}-${15 * SLICE - 1}`, undefined]])
})

test('a seek to the end of a slice costs little more than was asked for, and going back a little just the rest', async () => {
  const shield = await startFilm()
  const place = 12 * SLICE + 15_000
  for (const _ of ['cold', 'warm']) {
    const answer = await ask(shield, `bytes=${place}-229999`)
    expect([answer.status, answer.headers['content-range']]).toEqual([206, `bytes ${place}-229999/${LENGTH}`])
    expect(answer.body.equals(BYTES.subarray(place, 230_000))).toBe(true)
  }
  const back = await ask(shield, `bytes=${12 * SLICE}-229999`)
  expect(back.body.equals(BYTES.subarray(12 * SLICE, 230_000))).toBe(true)
  const entered = 12 * SLICE + 12 * 1024
  expect(asked(shield)).toEqual([
    [`bytes=${entered}-${15 * SLICE - 1}`, undefined],
    [`bytes=${12 * SLICE}-${entered - 1}`, '"v1"'],
  ])
})

test('a probe of two bytes, the end of the file and an open range cost little more than themselves', async () => {
  const shield = await startFilm()
  const probe = await ask(shield, 'bytes=0-1')
  expect([probe.status, probe.headers['content-range']]).toEqual([206, `bytes 0-1/${LENGTH}`])
  const end = await ask(shield, 'bytes=-5000')
  expect(end.body.equals(BYTES.subarray(-5000))).toBe(true)
  const open = await ask(shield, 'bytes=380000-9007199254740991')
  expect(open.body.equals(BYTES.subarray(380_000))).toBe(true)
  expect(asked(shield)).toEqual([
    [`bytes=0-${SLICE - 1}`, undefined],
    [`bytes=${24 * SLICE}-`, '"v1"'],
    [`bytes=${23 * SLICE}-${24 * SLICE - 1}`, '"v1"'],
  ])
})

test('the whole of it, HEAD and several ranges at once come out of the same slices', async () => {
  const shield = await startFilm()
  const head = await ask(shield, undefined, 'HEAD')
  expect([head.status, head.headers['content-length'], head.headers['accept-ranges']]).toEqual([200, '400000', 'bytes'])
  const whole = await ask(shield)
  expect([whole.status, whole.body.equals(BYTES)]).toEqual([200, true])
  const several = await ask(shield, 'bytes=0-9,390000-390009')
  expect(several.status).toBe(206)
  expect(several.body.includes(BYTES.subarray(390_000, 390_010))).toBe(true)
  const unchanged = await ask(shield, undefined, 'GET', { 'If-None-Match': '"v1"' })
  expect(unchanged.status).toBe(304)
  const other = await ask(shield, 'bytes=0-9', 'GET', { 'If-Range': '"v0"' })
  expect([other.status, other.body.length]).toEqual([200, LENGTH])
  expect(asked(shield)).toEqual([
    [`bytes=0-${SLICE - 1}`, undefined],
    [`bytes=${SLICE}-`, '"v1"'],
  ])
})

test('a range beyond the end is 416 with the length, though the origin does not tell it', async () => {
  const shield = await startFilm()
  for (const _ of ['cold', 'warm']) {
    const answer = await ask(shield, 'bytes=500000-')
    expect([answer.status, answer.headers['content-range']]).toEqual([416, `bytes */${LENGTH}`])
  }
  expect(shield.s3.requests).toHaveLength(2)
})

test('two hundred players at as many places of one cold segment cost it once, in few requests', async () => {
  const shield = await startShield({ cache: { slice: '128KiB' } })
  const bytes = pattern(200_000)
  shield.s3.put(KEY, bytes)
  const answers = await Promise.all(times(200, (index) => ask(shield, `bytes=${index * 1000}-${index * 1000 + 999}`)))
  for (const [index, { status, body }] of answers.entries()) {
    expect([status, body.equals(bytes.subarray(index * 1000, index * 1000 + 1000))]).toEqual([206, true])
  }
  expect(shield.s3.requests.length).toBeLessThanOrEqual(2)
})

test('a client that leaves ends the request for what it no longer wants, and its socket is free', async () => {
  const shield = await startFilm()
  shield.s3.on(KEY, (exchange) => exchange.answerPart(3 * SLICE))
  const leaving = await openRequest(shield.port, { path: PATH, headers: { Range: `bytes=${SLICE}-` } })
  await leaving.receivedBytes(2 * SLICE + 100)
  leaving.leave()
  await shield.s3.socketsAtMost(0)
  shield.s3.on(KEY)
  const kept = await ask(shield, `bytes=${SLICE}-${2 * SLICE}`)
  expect(kept.body.equals(BYTES.subarray(SLICE, 2 * SLICE + 1))).toBe(true)
  expect(shield.s3.requests).toHaveLength(1)
})

test('an object that was replaced is answered with its new version, if nothing of the old one was sent', async () => {
  const shield = await startFilm()
  await ask(shield, 'bytes=0-1')
  const changed = pattern(LENGTH - 1000, 2)
  shield.s3.put(KEY, changed, { etag: '"v2"' })
  const answer = await ask(shield, 'bytes=200000-200099')
  expect([answer.status, answer.headers['etag']]).toEqual([206, '"v2"'])
  expect(answer.headers['content-range']).toBe(`bytes 200000-200099/${LENGTH - 1000}`)
  expect(answer.body.equals(changed.subarray(200_000, 200_100))).toBe(true)
  expect(asked(shield).slice(1)).toEqual([
    [`bytes=${12 * SLICE}-${13 * SLICE - 1}`, '"v1"'],
    [`bytes=${12 * SLICE}-${13 * SLICE - 1}`, undefined],
  ])
})

test('and an answer that has begun is cut off, with nothing of the new version in it', async () => {
  const shield = await startFilm()
  await ask(shield, `bytes=0-${4 * SLICE - 1}`)
  shield.s3.put(KEY, pattern(LENGTH, 2), { etag: '"v2"' })
  const cut = await ask(shield)
  expect([cut.status, cut.headers['etag'], cut.isWhole]).toEqual([200, '"v1"', false])
  expect(cut.body.equals(BYTES.subarray(0, cut.body.length))).toBe(true)
  expect((await ask(shield)).body.equals(pattern(LENGTH, 2))).toBe(true)
})

test('a reader that stands still holds back the origin after a few slices, and no one else', async () => {
  const length = 32 * 1024 * 1024
  const shield = await startShield({ cache: { memory: '16MiB', maxObject: '1MiB', slice: '256KiB' } })
  const bytes = pattern(length)
  shield.s3.put(KEY, bytes, { etag: '"v1"' })
  const still = await openRequest(shield.port, { path: PATH })
  still.pause()
  const other = await ask(shield, `bytes=${length - 1000}-`)
  expect(other.body.equals(bytes.subarray(-1000))).toBe(true)
  expect(shield.s3.sockets.open).toBeGreaterThan(0)
  still.resume()
  const answer = await still.ended
  expect([answer.isWhole, answer.body.equals(bytes)]).toEqual([true, true])
})

test('a cold object that breaks half way is whole for everyone who reads it', async () => {
  const shield = await startFilm()
  const broken = gate()
  shield.s3.once(KEY, async (exchange) => {
    await exchange.answerPart(100_000)
    await broken.opened
    exchange.reset()
  })
  const first = await openRequest(shield.port, { path: PATH })
  await first.receivedBytes(100_000)
  broken.open()
  const answer = await first.ended
  expect([answer.isWhole, answer.body.equals(BYTES)]).toEqual([true, true])
  expect(asked(shield)).toEqual([
    [undefined, undefined],
    ['bytes=100000-', '"v1"'],
  ])
})
