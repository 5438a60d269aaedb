import { describe, expect, test } from 'vitest'
import { bytesOf } from './reading.ts'
import { fieldsOf } from './responses.ts'
import type { World } from './world.ts'
import { makeWorld } from './world.ts'

const keyOf = (name: string) => `origin ${name}`
const all = () => true
const of = (name: string) => (url: string) => url === keyOf(name)

/** Starts the fill of one object and lets its header and half of its body come in. */
async function begin(world: World, name: string) {
  const asked = world.ask({ key: keyOf(name), objectKey: name })
  await world.settled()
  const exchange = world.origin.exchange(world.origin.count - 1)
  return { asked, exchange }
}

async function store(world: World, name: string, headers: Readonly<Record<string, string>> = {}) {
  const { asked, exchange } = await begin(world, name)
  exchange.answerWhole(bytesOf(name), { 'cache-control': 'max-age=60', ...headers })
  const { response } = await asked
  await world.settled()
  return response
}

const isFresh = (world: World, name: string) => world.cache.fresh(keyOf(name), world.clock.now()) !== undefined

describe('a hard purge', () => {
  test('takes out what is selected, leaves the rest, and counts', async () => {
    const world = makeWorld()
    for (const name of ['a', 'b', 'c']) await store(world, name)
    const purged = await world.cache.purge((url) => url !== keyOf('b'), 'hard')

    expect(purged).toEqual({ answers: 2, fills: 0 })
    expect(['a', 'b', 'c'].map((name) => isFresh(world, name))).toEqual([false, true, false])
    expect(world.store.usage().entries).toBe(1)
    expect(await world.cache.purge(of('a'), 'hard')).toEqual({ answers: 0, fills: 0 })
  })

  test('may select by what the answer says', async () => {
    const world = makeWorld()
    await store(world, 'a', { 'surrogate-key': 'film-7' })
    await store(world, 'b')
    const selects = (_: string, response?: { originHeaders: Readonly<Record<string, string>> }) =>
      response?.originHeaders['surrogate-key'] === 'film-7'

    expect(await world.cache.purge(selects, 'hard')).toMatchObject({ answers: 1 })
    expect([isFresh(world, 'a'), isFresh(world, 'b')]).toEqual([false, true])
  })

  test('keeps what is under way from coming back, while those who wait get it whole', async () => {
    const world = makeWorld()
    const waiting = await begin(world, 'a')
    expect(await world.cache.purge(of('a'), 'hard')).toEqual({ answers: 0, fills: 1 })
    const later = await begin(world, 'a')
    expect(world.origin.count).toBe(2)
    waiting.exchange.answerWhole(bytesOf('old'))
    expect((await waiting.asked).response.body.bytes).toEqual(bytesOf('old'))
    await world.settled()
    expect(isFresh(world, 'a')).toBe(false)

    later.exchange.answerWhole(bytesOf('new'), { 'cache-control': 'max-age=60' })
    await later.asked
    await world.settled()
    expect(world.cache.fresh(keyOf('a'), world.clock.now())?.body.bytes).toEqual(bytesOf('new'))
  })

  test('keeps what is arriving from being stored too', async () => {
    const world = makeWorld()
    const { asked, exchange } = await begin(world, 'a')
    const body = exchange.answer({ headers: { 'content-length': '6' } })
    body.push(bytesOf('old'))
    const { response } = await asked
    const seen: unknown[] = []
    const purging = world.cache.purge((url, filling) => {
      seen.push([url, filling === response])
      return true
    }, 'hard')
    expect(seen).toEqual([[keyOf('a'), true]])
    expect(await purging).toEqual({ answers: 0, fills: 1 })
    body.push(bytesOf('der'))
    body.end()
    await world.settled()

    expect(response.body.bytes).toEqual(bytesOf('oldder'))
    expect(isFresh(world, 'a')).toBe(false)
    expect(world.store.usage()).toMatchObject({ entries: 0, cachedBytes: 0, inFlightBytes: 0 })
  })

  test('takes its time with many, and leaves alone what is stored meanwhile', async () => {
    const world = makeWorld({ maxBytes: 100_000_000 })
    for (let index = 0; index < 5_001; index += 1) await store(world, `s${index}`)
    const purging = world.cache.purge(all, 'hard')
    expect(world.store.usage().entries).toBe(1)
    world.clock.advance(1)
    await store(world, 'newer')

    expect(await purging).toEqual({ answers: 5_001, fills: 0 })
    expect([isFresh(world, 'newer'), world.store.usage().entries]).toEqual([true, 1])
  })
})

describe('a soft purge', () => {
  test('makes an answer stale, which one request then confirms', async () => {
    const world = makeWorld()
    const old = await store(world, 'a', { etag: '"a"' })
    expect(await world.cache.purge(of('a'), 'soft')).toEqual({ answers: 1, fills: 0 })
    expect(isFresh(world, 'a')).toBe(false)

    const { asked, exchange } = await begin(world, 'a')
    expect(exchange.request.validators).toEqual({ ifNoneMatch: '"a"' })
    exchange.answer({ status: 304, headers: { 'cache-control': 'max-age=60' } })
    expect((await asked).response.body).toBe(old.body)
    expect(isFresh(world, 'a')).toBe(true)
  })

  test('lets it be used while a new one is fetched for as long as before, from now on', async () => {
    const world = makeWorld()
    await store(world, 'a', { 'cache-control': 'max-age=60, stale-while-revalidate=5', etag: '"a"' })
    await world.cache.purge(all, 'soft')
    world.clock.advance(4_999)
    const { asked, exchange } = await begin(world, 'a')
    expect((await asked).status.kind).toBe('hit')
    exchange.answer({ status: 304, headers: { 'cache-control': 'max-age=0, stale-while-revalidate=0' } })
    await world.settled()
  })

  test('does not make a stale answer any fresher', async () => {
    const world = makeWorld()
    const stored = await store(world, 'a')
    world.clock.advance(100_000)
    await world.cache.purge(all, 'soft')
    expect(world.store.peek(keyOf('a'))?.staleAtMs).toBe(stored.staleAtMs)
  })

  test('changes nothing about what the answer says', async () => {
    const world = makeWorld()
    const before = await store(world, 'a', { etag: '"a"' })
    await world.cache.purge(all, 'soft')
    const after = world.store.peek(keyOf('a'))
    expect(after && fieldsOf(after.headerPairs)).toEqual(fieldsOf(before.headerPairs))
  })
})
