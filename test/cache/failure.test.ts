import { describe, expect, test } from 'vitest'
import { OriginError } from '../../src/errors.ts'
import { bytesOf, TestReader } from './reading.ts'
import { makeWorld, OBJECT_KEY } from './world.ts'

const LENGTH_6 = { headers: { 'content-length': '6', etag: 'W/"a"' } }
const unreachable = new OriginError('unreachable', 'refused')

describe('a failure before the headers', () => {
  test('reaches every waiter as the same error, is reported once and not stored; the next asker asks again', async () => {
    const world = makeWorld()
    const asked = Array.from({ length: 20 }, () => world.ask())
    const outcomes = Promise.allSettled(asked)
    world.origin.exchange(0).fail(unreachable)
    for (const outcome of await outcomes) {
      expect(outcome).toEqual({ status: 'rejected', reason: unreachable })
      expect(outcome.status === 'rejected' && outcome.reason).toBe(unreachable)
    }
    expect(world.failures).toEqual([{ originName: 'origin', objectKey: OBJECT_KEY, error: unreachable }])
    expect(world.store.usage()).toMatchObject({ entries: 0, inFlightBytes: 0 })

    const again = world.ask()
    expect(world.origin.count).toBe(2)
    world.origin.exchange(1).answerWhole(bytesOf('abcdef'))
    expect((await again).status).toMatchObject({ fwd: 'uri-miss', collapsed: false })
  })

  test('that is no OriginError reaches the waiters as a broken one, its cause kept', async () => {
    const world = makeWorld()
    const asked = world.ask()
    const cause = new TypeError('undefined is not a function')
    world.origin.exchange(0).fail(cause)
    await expect(asked).rejects.toMatchObject({ name: 'OriginError', kind: 'broken', cause })
  })

  test('that an origin throws instead of rejecting is a failure like any other', async () => {
    const world = makeWorld()
    world.origin.synchronousFailure = unreachable
    await expect(world.ask()).rejects.toBe(unreachable)
    expect([world.cache.fills, world.failures.length]).toEqual([0, 1])
    world.origin.synchronousFailure = undefined
    const again = world.ask()
    world.origin.exchange(1).answerWhole(bytesOf('abcdef'))
    expect((await again).response.status).toBe(200)
  })

  test('that nobody waits for any more is reported all the same', async () => {
    const world = makeWorld()
    const leaving = new AbortController()
    const left = world.ask({ signal: leaving.signal })
    leaving.abort()
    await expect(left).rejects.toMatchObject({ kind: 'aborted' })
    world.origin.exchange(0).fail(unreachable)
    await world.settled()
    expect([world.cache.fills, world.failures]).toEqual([
      0,
      [{ originName: 'origin', objectKey: OBJECT_KEY, error: unreachable }],
    ])
  })
})

describe('a failure half way', () => {
  test('fails every reader after the bytes that had come, and stores nothing', async () => {
    const world = makeWorld()
    const asked = [world.ask(), world.ask()]
    const source = world.origin.exchange(0).answer(LENGTH_6)
    const bodies = (await Promise.all(asked)).map(({ response }) => response.body)
    const readers = bodies.map((body) => new TestReader(body))
    const readByHand = (await world.ask()).response.body.open(0, undefined, () => undefined)
    source.push(bytesOf('abc'))
    await world.settled()
    source.fail(unreachable)
    await world.settled()
    for (const reader of readers) {
      expect([reader.text, reader.outcome]).toEqual(['abc', 'failed'])
      expect(reader.error).toBe(unreachable)
    }
    expect([readByHand.read(), readByHand.read()]).toEqual([bytesOf('abc'), 'failed'])
    expect(bodies.map(({ bytes }) => bytes)).toEqual([undefined, undefined])
    expect(world.store.usage()).toMatchObject({ entries: 0, inFlightBytes: 0 })
    expect(world.failures.map(({ error }) => error)).toEqual([unreachable])
  })

  test('does not stick: the next asker starts a fill of its own and gets the whole', async () => {
    const world = makeWorld()
    const first = world.ask()
    const source = world.origin.exchange(0).answer(LENGTH_6)
    await first
    source.push(bytesOf('abc'))
    source.fail(unreachable)
    await world.settled()

    const second = world.ask()
    world.origin.exchange(1).answerWhole(bytesOf('ABCDEF'))
    const reader = new TestReader((await second).response.body)
    await world.settled()
    expect([reader.text, reader.outcome, world.origin.count]).toEqual(['ABCDEF', 'end', 2])
  })

  test('a body that ends early is broken for all, and not stored', async () => {
    const world = makeWorld()
    const asked = world.ask()
    const source = world.origin.exchange(0).answer(LENGTH_6)
    const reader = new TestReader((await asked).response.body)
    source.push(bytesOf('abcde'))
    source.end()
    await world.settled()
    expect([reader.text, reader.outcome, reader.error?.kind]).toEqual(['abcde', 'failed', 'broken'])
    expect([world.store.usage().entries, world.failures.length]).toEqual([0, 1])
  })

  test('a body that ends before its first byte is broken too', async () => {
    const world = makeWorld()
    const asked = world.ask()
    world.origin.exchange(0).answer(LENGTH_6).end()
    const reader = new TestReader((await asked).response.body)
    await world.settled()
    expect([reader.text, reader.outcome, world.store.usage().entries]).toEqual(['', 'failed', 0])
  })

  test('a body that is longer than announced gives its connection up, and is not stored', async () => {
    const world = makeWorld()
    const asked = world.ask()
    const source = world.origin.exchange(0).answer(LENGTH_6)
    const reader = new TestReader((await asked).response.body)
    source.push(bytesOf('abcd'), bytesOf('efg'), bytesOf('hij'))
    await world.settled()
    expect([reader.text, reader.outcome, reader.error?.kind]).toEqual(['abcd', 'failed', 'broken'])
    expect([source.isDestroyed, world.store.usage().entries, world.failures.length]).toEqual([true, 0, 1])
  })

  test('one byte after the last announced one spoils the answer for the store', async () => {
    const world = makeWorld()
    const asked = world.ask()
    const source = world.origin.exchange(0).answer(LENGTH_6)
    await asked
    source.push(bytesOf('abcdef'), bytesOf('g'))
    await world.settled()
    expect([source.isDestroyed, world.store.usage().entries]).toEqual([true, 0])
  })
})

describe('an answer that cannot be used', () => {
  test.each([200, 206, 301])('a %i without a body is broken', async (status) => {
    const world = makeWorld()
    const asked = world.ask()
    world.origin.exchange(0).answerAs({ status, headers: { 'content-length': '0' }, body: undefined })
    await expect(asked).rejects.toMatchObject({ kind: 'broken' })
    expect(world.store.usage().entries).toBe(0)
  })

  test('a 304 that nobody asked for is broken', async () => {
    const world = makeWorld()
    const asked = world.ask()
    world.origin.exchange(0).answer({ status: 304 })
    await expect(asked).rejects.toMatchObject({ kind: 'broken' })
  })

  test('a fault of our own on the way to the waiters leaves no connection open and no room taken', async () => {
    const cause = new Error('no such type')
    const world = makeWorld({
      contentTypeFor: () => {
        throw cause
      },
    })
    for (const headers of [LENGTH_6.headers, { 'cache-control': 'no-store' }]) {
      const asked = world.ask()
      world.origin.exchanges.at(-1)?.answer({ headers })
      await expect(asked).rejects.toMatchObject({ kind: 'broken', cause })
      expect([world.origin.openBodies, world.store.usage().inFlightBytes]).toEqual([0, 0])
    }
  })
})
