import { describe, expect, test } from 'vitest'
import { OriginError } from '../../src/errors.ts'
import { bytesOf, TestReader } from './reading.ts'
import { askAndAnswer, BYTES, learn, makeWorld } from './world.ts'

const NO_STORE = { 'cache-control': 'no-store' }
const TWO_MINUTES_MS = 120_000

describe('an answer that may not be kept', () => {
  test.each([
    ['no-store', { 'cache-control': 'no-store' }],
    ['private', { 'cache-control': 'private' }],
  ])('passes through, is not stored, and says so: %s', async (detail, headers) => {
    const world = makeWorld()
    const asked = world.ask()
    world.origin.exchange(0).answerWhole(BYTES, headers)
    const { response, status } = await asked
    expect(status).toEqual({
      kind: 'forward',
      fwd: 'uri-miss',
      fwdStatus: 200,
      stored: false,
      collapsed: false,
      detail,
    })
    const reader = new TestReader(response.body)
    await world.settled()
    expect([reader.text, reader.outcome]).toEqual(['0123456789', 'end'])
    expect(response.body.bytes).toBeUndefined()
    expect(world.store.usage()).toMatchObject({ entries: 0, inFlightBytes: 0 })
    expect(world.failures).toEqual([])
  })

  test('goes to the first waiter; each other one fetches for itself, all at once', async () => {
    const world = makeWorld()
    const asked = [world.ask(), world.ask(), world.ask()]
    await world.settled()
    expect(world.origin.count).toBe(1)
    world.origin.exchange(0).answerWhole(bytesOf('first'), NO_STORE)
    await world.settled()
    expect(world.origin.count).toBe(3)
    world.origin.exchange(2).answerWhole(bytesOf('third'), NO_STORE)
    world.origin.exchange(1).answerWhole(bytesOf('second'), NO_STORE)
    const readers = (await Promise.all(asked)).map(({ response }) => new TestReader(response.body))
    await world.settled()
    expect(readers.map(({ text, outcome }) => `${text} ${outcome}`)).toEqual(['first end', 'second end', 'third end'])
  })

  test('is remembered for two minutes, in which requests go to the origin at once and concurrently', async () => {
    const world = makeWorld()
    await learn(world, NO_STORE)
    world.clock.advance(TWO_MINUTES_MS - 1)
    const asked = [world.ask(), world.ask(), world.ask()]
    expect([world.origin.count, world.cache.fills]).toEqual([4, 0])
    for (const index of [3, 1, 2]) world.origin.exchange(index).answerWhole(bytesOf(`body ${index}`), NO_STORE)
    const readers = (await Promise.all(asked)).map(({ response }) => new TestReader(response.body))
    await world.settled()
    expect(readers.map(({ text }) => text)).toEqual(['body 1', 'body 2', 'body 3'])
  })

  test('is tried again after two minutes, by one fill for all, and stored if it may be by then', async () => {
    const world = makeWorld()
    await learn(world, NO_STORE)
    world.clock.advance(TWO_MINUTES_MS)
    const asked = [world.ask(), world.ask()]
    expect([world.origin.count, world.cache.fills]).toEqual([2, 1])
    world.origin.exchange(1).answerWhole(BYTES, { 'cache-control': 'max-age=60' })
    const [first, second] = await Promise.all(asked)
    await world.settled()
    expect(first?.response).toBe(second?.response)
    expect((await world.ask()).status.kind).toBe('hit')
    expect(world.origin.count).toBe(2)
  })

  test('is not remembered for longer because it was passed through meanwhile', async () => {
    const world = makeWorld()
    await learn(world, NO_STORE)
    world.clock.advance(TWO_MINUTES_MS - 1)
    await askAndAnswer(world, NO_STORE)
    world.clock.advance(1)
    const asked = world.ask()
    expect(world.cache.fills).toBe(1)
    world.origin.exchange(2).answerWhole(BYTES)
    await asked
  })

  test('of one key is nothing to another key', async () => {
    const world = makeWorld()
    await learn(world, NO_STORE)
    const asked = [world.ask({ key: 'other' }), world.ask({ key: 'other' })]
    expect([world.origin.count, world.cache.fills]).toEqual([2, 1])
    world.origin.exchange(1).answerWhole(BYTES)
    await Promise.all(asked)
  })

  test('goes to the second waiter when the first has left', async () => {
    const world = makeWorld()
    const leaving = new AbortController()
    const first = world.ask({ signal: leaving.signal })
    const second = world.ask()
    leaving.abort()
    await expect(first).rejects.toMatchObject({ kind: 'aborted' })
    world.origin.exchange(0).answerWhole(BYTES, NO_STORE)
    const reader = new TestReader((await second).response.body)
    await world.settled()
    expect([reader.text, reader.outcome, world.origin.count]).toEqual(['0123456789', 'end', 1])
  })

  test('is let go when everyone who waited has left', async () => {
    const world = makeWorld()
    const leaving = new AbortController()
    const left = world.ask({ signal: leaving.signal })
    leaving.abort()
    await expect(left).rejects.toMatchObject({ kind: 'aborted' })
    const source = world.origin.exchange(0).answer({ headers: { ...NO_STORE, 'content-length': '10' } })
    await world.settled()
    expect([source.isDestroyed, source.taken, world.cache.fills]).toEqual([true, 0, 0])
  })

  test('gives its connection back when its client leaves half way, and the others keep theirs', async () => {
    const world = makeWorld()
    const asked = [world.ask(), world.ask()]
    const headers = { ...NO_STORE, 'content-length': '10' }
    const source = world.origin.exchange(0).answer({ headers })
    await world.settled()
    const other = world.origin.exchange(1).answer({ headers })
    const [first, second] = (await Promise.all(asked)).map(({ response }) => new TestReader(response.body))
    source.push(bytesOf('01234'))
    other.push(bytesOf('01234'))
    await world.settled()
    first?.close()
    expect([source.isDestroyed, other.isOpen]).toEqual([true, true])
    other.push(bytesOf('56789'))
    other.end()
    await world.settled()
    expect([first?.text, second?.text, second?.outcome]).toEqual(['01234', '0123456789', 'end'])
  })

  test('that breaks half way fails its one reader, not the others', async () => {
    const world = makeWorld()
    const asked = [world.ask(), world.ask()]
    const source = world.origin.exchange(0).answer({ headers: { ...NO_STORE, 'content-length': '10' } })
    await world.settled()
    world.origin.exchange(1).answerWhole(BYTES, NO_STORE)
    const [first, second] = (await Promise.all(asked)).map(({ response }) => new TestReader(response.body))
    source.push(bytesOf('012'))
    source.fail(new OriginError('unreachable', 'reset'))
    await world.settled()
    expect([first?.text, first?.outcome]).toEqual(['012', 'failed'])
    expect([second?.text, second?.outcome]).toEqual(['0123456789', 'end'])
  })

  test('a client that leaves while its own fetch waits ends that fetch only', async () => {
    const world = makeWorld()
    await learn(world, NO_STORE)
    const leaving = new AbortController()
    const left = world.ask({ signal: leaving.signal })
    const staying = world.ask()
    leaving.abort()
    await expect(left).rejects.toMatchObject({ kind: 'aborted' })
    world.origin.exchange(2).answerWhole(BYTES, NO_STORE)
    const reader = new TestReader((await staying).response.body)
    await world.settled()
    expect(reader.outcome).toBe('end')
  })

  test('whose own fetch fails gives that error to its client alone', async () => {
    const world = makeWorld()
    await learn(world, NO_STORE)
    const error = new OriginError('overloaded', 'SlowDown', { retryAfterSeconds: 3 })
    const asked = world.ask()
    world.origin.exchange(1).fail(error)
    await expect(asked).rejects.toBe(error)
  })

  test('whose object is gone by now is a 404 that is not kept', async () => {
    const world = makeWorld()
    await learn(world, NO_STORE)
    const asked = world.ask()
    world.origin.exchange(1).answer({ status: 404 })
    const { response, status } = await asked
    expect([response.status, status]).toMatchObject([404, { fwdStatus: 404, stored: false, detail: 'no-store' }])
    expect(world.store.usage().entries).toBe(0)
  })
})
