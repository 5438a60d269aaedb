/** Whatever arrives, what is cached and what is on its way fit into the memory; what only readers hold is counted. */
import { describe, expect, test } from 'vitest'
import { BufferedBody } from '../../src/cache/buffered-body.ts'
import { Store } from '../../src/cache/store.ts'
import { storedResponse } from './responses.ts'
import {
  expectBytes,
  expectNothingLeft,
  expectWithinBudget,
  filmBytes,
  KB,
  makeSlicedWorld,
  OBJECT,
} from './sliced-world.ts'

const FILM = filmBytes(40 * KB)

describe('a memory smaller than the object', () => {
  test('serves it whole in one request, and never holds more than fits', async () => {
    const world = makeSlicedWorld({ maxBytes: 24 * KB })
    world.put(FILM)
    expectBytes(await world.get(), FILM, 0, FILM.length)
    await world.idle()
    expect(world.origin.takenBytes).toBe(FILM.length)
    expect(world.store.usage().cachedBytes).toBeGreaterThan(4 * KB)
  })

  test('keeps at most half of itself for one object, so that others stay', async () => {
    const world = makeSlicedWorld({ maxBytes: 60 * KB })
    world.put(FILM)
    for (const key of ['a', 'b', 'c', 'd', 'e']) {
      world.put(filmBytes(900), '"small"', key)
      await world.get({ key })
    }
    await world.get()
    await world.idle()
    const asked = world.origin.requests.length
    for (const key of ['a', 'b', 'c', 'd', 'e']) await world.get({ key })
    expect(world.origin.requests).toHaveLength(asked)
    expect(world.store.usage().cachedBytes).toBeLessThan(45 * KB)
  })

  test('lets many readers through at once, each with every byte', async () => {
    const world = makeSlicedWorld({ maxBytes: 16 * KB })
    world.put(FILM)
    const ranges = Array.from({ length: 30 }, (_, index) => `bytes=${(index * 1777) % (38 * KB)}-`)
    const pace = async () => {
      await world.quiet()
      expectWithinBudget(world.store)
    }
    const readings = await Promise.all(ranges.map((range) => world.get({ range, pace })))
    for (const reading of readings) expectBytes(reading, FILM, reading.start, FILM.length)
    await world.idle()
    expectNothingLeft(world)
  })
})

describe('no room at all', () => {
  test('a reader goes on by a request of its own, which waits for it and is pinned to the version', async () => {
    const world = makeSlicedWorld({ maxBytes: 24 * KB })
    world.put(FILM)
    await world.get({ range: 'bytes=0-1023' })
    await world.idle()
    world.cache.fresh(OBJECT, world.clock.now())
    const taken = world.store.reserve(22_700)
    expect(taken).toBeDefined()
    const paused = Promise.withResolvers<void>()
    const reading = world.get({ range: 'bytes=0-20000', pace: () => paused.promise })
    await world.quiet()
    const before = world.origin.takenBytes
    await world.quiet()
    expect(world.origin.takenBytes).toBe(before)
    paused.resolve()
    expectBytes(await reading, FILM, 0, 20_001)
    expect(world.origin.asked.at(-1)).toMatch(/-20000 if "v1"$/)
    taken?.release()
    await world.idle()
    expectBytes(await world.get({ range: 'bytes=0-20000' }), FILM, 0, 20_001)
  })

  test('its own request goes on where it breaks, and ends when it leaves', async () => {
    const world = makeSlicedWorld({ maxBytes: 24 * KB })
    world.put(FILM)
    await world.get({ range: 'bytes=0-1023' })
    await world.idle()
    // The object's fields stay, and nothing else fits.
    world.cache.fresh(OBJECT, world.clock.now())
    const taken = world.store.reserve(22_700)
    world.origin.breakAfter = (index) => (index === 1 ? 3000 : undefined)
    expectBytes(await world.get({ range: 'bytes=8000-19999' }), FILM, 8000, 20_000)
    expect(world.origin.asked.slice(1)).toEqual(['8000-19999 if "v1"', '11000-19999 if "v1"'])
    expect((await world.get({ range: 'bytes=8000-19999', leaveAfter: 100 })).outcome).toBe('left')
    await world.idle()
    expect(world.origin.openBodies).toBe(0)
    taken?.release()
  })
})

describe('bytes that only readers hold', () => {
  const body = () => BufferedBody.of(Buffer.alloc(1000))

  test('count as held from when their answer is evicted until the last of them is done', () => {
    const store = new Store(4000)
    const [one, room] = [body(), store.reserve(2000)]
    if (room === undefined) expect.fail('no room')
    store.put('one', storedResponse({ body: one }), room)
    const reader = one.open(0, undefined, () => undefined)
    one.hold()
    expect(store.usage()).toMatchObject({ cachedBytes: 2000, heldBytes: 0 })
    const other = store.reserve(3000)
    expect(store.usage()).toMatchObject({ cachedBytes: 0, inFlightBytes: 3000, heldBytes: 2000, evictions: 1 })
    reader.close()
    expect(store.usage().heldBytes).toBe(2000)
    one.release()
    expect(store.usage().heldBytes).toBe(0)
    other?.release()
  })

  test('of an answer that was deleted or replaced count too; of one nobody reads do not', () => {
    const store = new Store(10_000)
    for (const [key, isRead] of [
      ['read', true],
      ['unread', false],
    ] as const) {
      const [older, room, more] = [body(), store.reserve(2000), store.reserve(1500)]
      if (room === undefined || more === undefined) expect.fail('no room')
      store.put(key, storedResponse({ body: older }), room)
      if (isRead) older.hold()
      store.put(key, storedResponse({ body: body() }), more)
      expect(store.usage().heldBytes).toBe(isRead ? 2000 : 0)
      if (isRead) older.release()
      expect(store.usage().heldBytes).toBe(0)
      store.delete(key)
    }
    expect(store.usage()).toMatchObject({ cachedBytes: 0, inFlightBytes: 0, heldBytes: 0, entries: 0 })
  })

  test('of slices that were evicted under a slow reader count, and stop counting when it goes on', async () => {
    const world = makeSlicedWorld({ maxBytes: 12 * KB })
    world.put(FILM)
    world.put(FILM, '"other"', 'other')
    const open = Promise.withResolvers<void>()
    const slow = world.get({ range: 'bytes=0-9000', pace: () => open.promise })
    await world.quiet()
    await world.get({ key: 'other' })
    await world.idle().catch(() => undefined)
    expect(world.store.usage().heldBytes).toBeGreaterThan(0)
    open.resolve()
    expectBytes(await slow, FILM, 0, 9001)
    await world.idle()
    expect(world.store.usage().heldBytes).toBe(0)
  })
})

test('what may be wanted soon takes at most half of the memory, what is wanted now all of it', () => {
  const store = new Store(1000)
  expect(store.reserve(501, 'soon')).toBeUndefined()
  const soon = store.reserve(500, 'soon')
  expect(store.reserve(1, 'soon')).toBeUndefined()
  const now = store.reserve(500, 'now')
  expect([soon?.bytes, now?.bytes, store.reserve(1)]).toEqual([500, 500, undefined])
})
