import { describe, expect, test } from 'vitest'
import type { Answer } from '../../src/cache/cache-request.ts'
import { OriginError } from '../../src/errors.ts'
import { formatHttpDate } from '../../src/http/date.ts'
import { bytesOf } from './reading.ts'
import { fieldsOf } from './responses.ts'
import type { World } from './world.ts'
import { KEY, makeWorld } from './world.ts'

const LAST_MODIFIED = 'Wed, 31 Dec 2025 00:00:00 GMT'
const MAX_AGE_60 = { 'cache-control': 'max-age=60' }

/** Stores `old` and lets it go stale, 61 s later. */
async function makeStale(world: World, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const answer = await world.store200(bytesOf('old'), { ...MAX_AGE_60, ...headers })
  world.clock.advance(61_000)
  return answer
}

describe('a stale answer', () => {
  test('is fresh for its lifetime and not a millisecond longer', async () => {
    const world = makeWorld()
    await world.store200(bytesOf('old'), MAX_AGE_60)
    world.clock.advance(59_999)
    expect(world.cache.fresh(KEY, world.clock.now())).toBeDefined()
    world.clock.advance(1)
    expect(world.cache.fresh(KEY, world.clock.now())).toBeUndefined()
  })

  test('with an entity tag is revalidated by one request for all who wait, and the tag alone is sent', async () => {
    const world = makeWorld()
    const old = await makeStale(world, { etag: '"a-3"', 'last-modified': LAST_MODIFIED })
    const asked = Array.from({ length: 20 }, () => world.ask())
    await world.settled()
    expect(world.origin.count).toBe(2)
    expect(world.origin.exchange(1).request.validators).toEqual({ ifNoneMatch: '"a-3"' })

    world.origin.exchange(1).answer({ status: 304, headers: MAX_AGE_60 })
    const answers = await Promise.all(asked)
    expect(new Set(answers.map(({ response }) => response)).size).toBe(1)
    expect(answers[0]?.response.body).toBe(old.response.body)
    expect(answers[0]?.response.body.bytes).toEqual(bytesOf('old'))
    expect(answers[0]?.status).toEqual({
      kind: 'forward',
      fwd: 'stale',
      fwdStatus: 304,
      stored: false,
      collapsed: false,
      ttlSeconds: 60,
    })
    expect(answers[1]?.status).toMatchObject({ fwd: 'stale', fwdStatus: 304, collapsed: true })
    expect(world.store.usage()).toMatchObject({ entries: 1, evictions: 0 })
  })

  test('is fresh again after a 304, counted from that moment, and then stale again', async () => {
    const world = makeWorld()
    await makeStale(world, { etag: '"a"' })
    const asked = world.ask()
    world.origin.exchange(1).answer({ status: 304, headers: { 'cache-control': 'max-age=10' } })
    const { response } = await asked
    expect(response.responseTimeMs).toBe(world.clock.now())
    expect(fieldsOf(response.headerPairs)).toMatchObject({ 'Cache-Control': 'max-age=10', ETag: '"a"' })
    world.clock.advance(9999)
    expect((await world.ask()).status.kind).toBe('hit')
    world.clock.advance(1)
    const again = world.ask()
    expect(world.origin.exchange(2).request.validators).toEqual({ ifNoneMatch: '"a"' })
    world.origin.exchange(2).answer({ status: 304 })
    await again
  })

  test('keeps what it said of its lifetime where the 304 says nothing, even without a Date', async () => {
    const world = makeWorld()
    await makeStale(world, { etag: '"a"', date: formatHttpDate(world.clock.now()) })
    const asked = world.ask()
    world.origin.exchange(1).answer({ status: 304 })
    const { response, status } = await asked
    expect(status).toMatchObject({ fwdStatus: 304, ttlSeconds: 60 })
    expect(response.initialAgeSeconds).toBe(0)
  })

  test('with only a date is revalidated by If-Modified-Since, the value sent as it came', async () => {
    const world = makeWorld()
    await makeStale(world, { 'last-modified': LAST_MODIFIED })
    const asked = world.ask()
    expect(world.origin.exchange(1).request.validators).toEqual({ ifModifiedSince: LAST_MODIFIED })
    world.origin.exchange(1).answer({ status: 304 })
    expect((await asked).response.body.bytes).toEqual(bytesOf('old'))
  })

  test('without validators is asked for as if it were new, and still counts as stale', async () => {
    const world = makeWorld()
    await makeStale(world, {})
    const asked = world.ask()
    expect(world.origin.exchange(1).request).not.toHaveProperty('validators')
    world.origin.exchange(1).answerWhole(bytesOf('new'))
    expect((await asked).status).toMatchObject({ fwd: 'stale', fwdStatus: 200, stored: true })
  })

  test('that has changed is replaced, for all who wait and for those after them', async () => {
    const world = makeWorld()
    await makeStale(world, { etag: '"a"' })
    const asked = [world.ask(), world.ask()]
    world.origin.exchange(1).answerWhole(bytesOf('newer'), { etag: '"b"' })
    const answers = await Promise.all(asked)
    await world.settled()
    for (const { response } of answers) {
      expect([response.body.bytes, response.etag]).toEqual([bytesOf('newer'), '"b"'])
    }
    expect((await world.ask()).response.body.bytes).toEqual(bytesOf('newer'))
    expect(world.store.usage().entries).toBe(1)
    expect(world.origin.count).toBe(2)
  })

  test('that is asked for while its successor arrives gives the successor', async () => {
    const world = makeWorld()
    await makeStale(world, { etag: '"a"' })
    const first = world.ask()
    const source = world.origin.exchange(1).answer({ headers: { 'content-length': '5', etag: '"b"' } })
    await first
    const second = await world.ask()
    expect(second.response.etag).toBe('"b"')
    expect(second.status).toMatchObject({ fwd: 'stale', collapsed: true })
    source.push(bytesOf('newer'))
    source.end()
    await world.settled()
    expect(second.response.body.bytes).toEqual(bytesOf('newer'))
  })

  test('stays, for the next revalidation, when the origin cannot be reached', async () => {
    const world = makeWorld()
    await makeStale(world, { etag: '"a"' })
    const error = new OriginError('timeout', 'no answer')
    const failing = [world.ask(), world.ask()]
    const outcomes = Promise.allSettled(failing)
    world.origin.exchange(1).fail(error)
    expect(await outcomes).toEqual([
      { status: 'rejected', reason: error },
      { status: 'rejected', reason: error },
    ])
    expect(world.store.usage().entries).toBe(1)

    const asked = world.ask()
    expect(world.origin.exchange(2).request.validators).toEqual({ ifNoneMatch: '"a"' })
    world.origin.exchange(2).answer({ status: 304, headers: MAX_AGE_60 })
    expect((await asked).response.body.bytes).toEqual(bytesOf('old'))
    expect((await world.ask()).status.kind).toBe('hit')
  })

  test('stays when its successor breaks half way', async () => {
    const world = makeWorld()
    await makeStale(world, { etag: '"a"' })
    const asked = world.ask()
    const source = world.origin.exchange(1).answer({ headers: { 'content-length': '5', etag: 'W/"b"' } })
    await asked
    source.push(bytesOf('new'))
    source.fail(new OriginError('unreachable', 'reset'))
    await world.settled()
    const next = world.ask()
    expect(world.origin.exchange(2).request.validators).toEqual({ ifNoneMatch: '"a"' })
    world.origin.exchange(2).answer({ status: 304 })
    expect((await next).response.body.bytes).toEqual(bytesOf('old'))
  })

  test('goes when the object is gone', async () => {
    const world = makeWorld()
    await makeStale(world, { etag: '"a"' })
    const asked = world.ask()
    world.origin.exchange(1).answer({ status: 403 })
    expect((await asked).response.status).toBe(403)
    expect(world.store.usage().entries).toBe(0)
  })

  test('goes when the object may no longer be kept', async () => {
    const world = makeWorld()
    await makeStale(world, { etag: '"a"' })
    const asked = world.ask()
    world.origin.exchange(1).answerWhole(bytesOf('new'), { 'cache-control': 'no-store' })
    const { response } = await asked
    expect(world.store.usage().entries).toBe(0)
    response.body.discard()
  })

  test.each(['no-store', 'private'])('goes when its 304 says %s, after answering those who wait', async (directive) => {
    const world = makeWorld()
    await makeStale(world, { etag: '"a"' })
    const asked = [world.ask(), world.ask()]
    world.origin.exchange(1).answer({ status: 304, headers: { 'cache-control': directive } })
    for (const { response } of await Promise.all(asked)) expect(response.body.bytes).toEqual(bytesOf('old'))
    expect(world.cache.fresh(KEY, world.clock.now())).toBeUndefined()
    expect(world.store.usage()).toMatchObject({ entries: 0, cachedBytes: 0 })
  })

  test('that was dropped while it was revalidated is served and kept again', async () => {
    const world = makeWorld()
    await makeStale(world, { etag: '"a"' })
    const asked = world.ask()
    world.store.delete(KEY)
    world.origin.exchange(1).answer({ status: 304, headers: MAX_AGE_60 })
    expect((await asked).response.body.bytes).toEqual(bytesOf('old'))
    expect((await world.ask()).status.kind).toBe('hit')
    expect(world.origin.count).toBe(2)
  })

  test('that was dropped while it was revalidated is served, not kept, when there is no room', async () => {
    const world = makeWorld({ maxBytes: 3000 })
    await makeStale(world, { etag: '"a"' })
    const asked = world.ask()
    const others = world.store.reserve(2900)
    expect(world.store.usage().entries).toBe(0)
    world.origin.exchange(1).answer({ status: 304, headers: MAX_AGE_60 })
    expect((await asked).response.body.bytes).toEqual(bytesOf('old'))
    expect(world.store.usage()).toMatchObject({ entries: 0, inFlightBytes: 2900 })
    others?.release()
  })

  test('is shown as it was to whoever read it before its revalidation', async () => {
    const world = makeWorld()
    const old = await makeStale(world, { etag: '"a"' })
    const asked = world.ask()
    world.origin.exchange(1).answer({ status: 304, headers: { 'cache-control': 'max-age=10' } })
    expect((await asked).response).not.toBe(old.response)
    expect(fieldsOf(old.response.headerPairs)).toMatchObject({ 'Cache-Control': 'max-age=60' })
  })
})

describe('an answer that is stale at once', () => {
  test('is revalidated for each request in turn, and its bytes are fetched once', async () => {
    const world = makeWorld()
    await world.store200(bytesOf('old'), { 'cache-control': 'no-cache', etag: '"a"' })
    for (const index of [1, 2, 3]) {
      const asked = world.ask()
      expect(world.origin.exchange(index).request.validators).toEqual({ ifNoneMatch: '"a"' })
      world.origin.exchange(index).answer({ status: 304 })
      const { response, status } = await asked
      expect(response.body.bytes).toEqual(bytesOf('old'))
      expect(status).toMatchObject({ fwd: 'stale', fwdStatus: 304, ttlSeconds: 0 })
    }
  })

  test('is still fetched once for all who wait for it', async () => {
    const world = makeWorld()
    const asked = [world.ask(), world.ask(), world.ask()]
    world.origin.exchange(0).answerWhole(bytesOf('old'), { 'cache-control': 'max-age=0' })
    const answers = await Promise.all(asked)
    await world.settled()
    expect(answers.map(({ response }) => response.body.bytes)).toEqual(Array(3).fill(bytesOf('old')))
    expect(world.origin.count).toBe(1)
  })
})
