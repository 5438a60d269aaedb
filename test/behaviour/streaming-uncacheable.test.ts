/** What may not or cannot be kept is passed through, to each client its own, at that client's pace. */
import { expect, test } from 'vitest'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { openRequest, pattern, request, startShield, takenRequest, times } from '../support/shield.ts'

const KEY = 'live/1.ts'
const PATH = `/${KEY}`

test('clients of a no-store object that is asked for the first time each get their own answer, side by side', async () => {
  const { s3, port } = await startShield()
  const bytes = pattern(50_000)
  s3.put(KEY, bytes, { 'cache-control': 'no-store' })
  const headers = gate()
  const rest = gate()
  s3.on(KEY, async (exchange) => {
    await headers.opened
    await exchange.answerPart(1000, { 'content-language': `nr-${exchange.nth}` })
    await rest.opened
    await exchange.more()
  })
  const clients = await Promise.all(times(5, () => takenRequest(port, { path: PATH })))
  headers.open()
  const answers = await Promise.all(clients.map(({ answer }) => answer))
  // Nobody's body has ended, and everybody has the beginning of theirs.
  for (const answer of answers) await answer.receivedBytes(1000)
  expect(answers.map(({ headers }) => headers['content-language']).toSorted()).toEqual(times(5, (i) => `nr-${i + 1}`))
  rest.open()
  for (const { ended } of answers) {
    const answer = await ended
    expect(answer.isWhole).toBe(true)
    expect(answer.body.equals(bytes)).toBe(true)
    expect(answer.headers['cache-status']).toContain('detail=no-store')
  }
  expect(s3.requests).toHaveLength(5)
})

test('later clients of a no-store object do not wait for the headers of one another', async () => {
  const { s3, port } = await startShield()
  const bytes = pattern(50_000)
  s3.put(KEY, bytes, { 'cache-control': 'private' })
  await request(port, { path: PATH })
  const headers = gate()
  s3.on(KEY, async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  const clients = await Promise.all(times(5, () => takenRequest(port, { path: PATH })))
  await s3.received(6)
  headers.open()
  for (const client of clients) expect((await client.whole()).body.equals(bytes)).toBe(true)
  expect(s3.requests).toHaveLength(6)
})

test('an object that was passed through is kept once its origin allows it, two minutes later at most', async () => {
  const { s3, port, clock } = await startShield()
  s3.put(KEY, 'old', { 'cache-control': 'no-store' })
  await request(port, { path: PATH })
  s3.put(KEY, 'new', { 'cache-control': 'max-age=600' })
  expect((await request(port, { path: PATH })).body.toString()).toBe('new')
  clock.advance(120_000)
  await request(port, { path: PATH })
  expect((await request(port, { path: PATH })).headers['cache-status']).toMatch(/^segment-shield; hit/)
  expect(s3.requests).toHaveLength(3)
})

test('where fills under way leave no room an object is passed through, and kept when there is room again', async () => {
  const { s3, port } = await startShield({ cache: { memory: '256KiB' }, pool: { maxFreeSockets: 0 } })
  const bytes = pattern(200_000, 1)
  const other = pattern(200_000, 2)
  s3.put(KEY, bytes)
  s3.put('live/2.ts', other)
  const rest = gate()
  s3.on(KEY, pausedAfter(1000, rest))
  const filling = await openRequest(port, { path: PATH })
  await filling.receivedBytes(1000)
  for (const _ of [1, 2]) {
    const passed = await request(port, { path: '/live/2.ts' })
    expect(passed.headers['cache-status']).toContain('detail=no-room')
    expect(passed.body.equals(other)).toBe(true)
  }
  rest.open()
  expect((await filling.ended).body.equals(bytes)).toBe(true)
  await s3.socketsAtMost(0)
  expect((await request(port, { path: '/live/2.ts' })).body.equals(other)).toBe(true)
  const hit = await request(port, { path: '/live/2.ts' })
  expect(hit.headers['cache-status']).toMatch(/^segment-shield; hit/)
  expect(hit.body.equals(other)).toBe(true)
  expect(s3.requestsFor('live/2.ts')).toHaveLength(3)
})

test('an origin does not get rid of a large body while its client reads nothing', async () => {
  const length = 48 * 1024 ** 2
  const { s3, port } = await startShield()
  const bytes = pattern(length)
  s3.put('unread.mp4', bytes)
  s3.put('read.mp4', bytes)
  const isSentWhole = new Map<string | undefined, () => boolean>()
  s3.onAny(async (exchange) => {
    isSentWhole.set(exchange.request.key, () => exchange.response.writableFinished)
    await exchange.answer()
  })
  const unread = await openRequest(port, { path: '/unread.mp4' })
  unread.pause()
  // In the time three other such bodies take from end to end, one after the other, this one has come to a halt.
  for (const _ of [1, 2, 3]) {
    expect((await request(port, { path: '/read.mp4' })).body.equals(bytes)).toBe(true)
  }
  expect(isSentWhole.get('read.mp4')?.()).toBe(true)
  expect(isSentWhole.get('unread.mp4')?.()).toBe(false)
  expect(unread.received().length).toBeLessThan(length / 2)

  unread.resume()
  const answer = await unread.ended
  expect(answer.isWhole).toBe(true)
  expect(answer.body.equals(bytes)).toBe(true)
})
