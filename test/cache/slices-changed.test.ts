/** An object that is replaced while it is read in slices: never a mix of two versions. */
import { describe, expect, test } from 'vitest'
import { ObjectChanged } from '../../src/cache/resume.ts'
import { OriginError } from '../../src/errors.ts'
import {
  expectBytes,
  expectNothingLeft,
  filmBytes,
  KB,
  makeSlicedWorld,
  OBJECT,
  type SlicedWorld,
} from './sliced-world.ts'

const LENGTH = 20 * KB
const OLD = filmBytes(LENGTH, 1)
const NEW = filmBytes(LENGTH + 500, 2)

function oldFilm(options: Parameters<typeof makeSlicedWorld>[0] = {}): SlicedWorld {
  const world = makeSlicedWorld(options)
  world.put(OLD, '"old"')
  return world
}

async function replacedWith(world: SlicedWorld, range: string): Promise<void> {
  await world.get({ range })
  await world.idle()
  world.put(NEW, '"new"')
}

describe('a slice that is asked for after the object was replaced', () => {
  test('fails its reader before the first byte, and what is old is dropped, so that asking again gives the new one', async () => {
    const world = oldFilm()
    await replacedWith(world, 'bytes=0-2047')
    const failed = await world.get({ range: 'bytes=8192-9000' })
    expect([failed.outcome, failed.bytes.length]).toEqual(['failed', 0])
    expect(failed.error).toBeInstanceOf(ObjectChanged)
    expect(world.store.usage().entries).toBe(0)
    expectBytes(await world.get({ range: 'bytes=0-2047' }), NEW, 0, 2048)
    expect(world.origin.asked).toEqual(['0-2047', '8192-9215 if "old"', '0-2047'])
  })

  test('cuts a reader off where the old bytes end, and gives it no new one', async () => {
    const world = oldFilm()
    await replacedWith(world, 'bytes=0-4095')
    const cut = await world.get()
    expect([cut.outcome, cut.etag]).toEqual(['failed', '"old"'])
    expect(cut.bytes.equals(OLD.subarray(0, 4096))).toBe(true)
    expectBytes(await world.get(), NEW, 0, NEW.length)
  })

  test('ahead of its reader drops what is old too, though the reader leaves before it comes there', async () => {
    const world = oldFilm()
    await replacedWith(world, 'bytes=0-4095')
    const reading = await world.get({ range: 'bytes=1000-9000', leaveAfter: 10, pace: () => world.quiet() })
    expect(reading.outcome).toBe('left')
    expect(reading.bytes.equals(OLD.subarray(1000, 1000 + reading.bytes.length))).toBe(true)
    expect(world.store.usage().entries).toBe(0)
  })

  test('of another length under the same tag counts as replaced', async () => {
    const world = oldFilm()
    await world.get({ range: 'bytes=0-4095' })
    await world.idle()
    world.put(NEW, '"old"')
    expect(await world.get({ range: 'bytes=8192-9000' })).toMatchObject({ outcome: 'failed', bytes: Buffer.alloc(0) })
    expectBytes(await world.get({ range: 'bytes=8192-9000' }), NEW, 8192, 9001)
  })

  test('of a deleted object fails too, and then there is none', async () => {
    const world = oldFilm()
    await world.get({ range: 'bytes=0-4095' })
    await world.idle()
    world.origin.objects.delete(OBJECT)
    expect((await world.get({ range: 'bytes=8192-9000' })).outcome).toBe('failed')
    expect((await world.get({ range: 'bytes=8192-9000' })).status).toBe(404)
  })
})

test('a run that breaks goes on by itself, and fails when the object is another one by then', async () => {
  const world = oldFilm()
  world.origin.breakAfter = (index) => (index === 0 ? 5000 : undefined)
  const reading = world.get()
  world.origin.beforeAnswer = (index) => {
    if (index === 1) world.put(NEW, '"new"')
  }
  const cut = await reading
  expect(cut.outcome).toBe('failed')
  expect(cut.bytes.equals(OLD.subarray(0, 5000))).toBe(true)
  expect(world.origin.asked).toEqual(['whole', '5000- if "old"'])
  expect(world.store.usage().entries).toBe(0)
  expect(world.failures).toHaveLength(1)
})

test('a run that breaks goes on unseen while the object is the same', async () => {
  const world = oldFilm()
  world.origin.breakAfter = (index) => (index < 3 ? 5000 : undefined)
  const both = await Promise.all([world.get(), world.get({ range: 'bytes=100-' })])
  expectBytes(both[0] ?? expect.fail(), OLD, 0, LENGTH)
  expectBytes(both[1] ?? expect.fail(), OLD, 100, LENGTH)
  expect(world.origin.asked).toEqual(['whole', '5000- if "old"', '10000- if "old"', '15000- if "old"'])
  expect([world.origin.takenBytes, world.failures]).toEqual([LENGTH, []])
})

describe('a stale object', () => {
  test('is asked for with the slices that are needed, and a 304 refreshes all of it', async () => {
    const world = oldFilm()
    await world.get({ range: 'bytes=0-4095' })
    world.clock.advance(61_000)
    expectBytes(await world.get({ range: 'bytes=100-199' }), OLD, 100, 200)
    const { range, validators } = world.origin.requests[1] ?? {}
    expect([range, validators]).toEqual([{ first: 0, last: 1023 }, { ifNoneMatch: '"old"' }])
    expectBytes(await world.get({ range: 'bytes=0-4095' }), OLD, 0, 4096)
    expect(world.origin.requests).toHaveLength(2)
  })

  test('that was replaced gives way to the new one, and its slices are dropped', async () => {
    const world = oldFilm()
    await replacedWith(world, 'bytes=0-4095')
    world.clock.advance(61_000)
    expectBytes(await world.get({ range: 'bytes=5000-5099' }), NEW, 5000, 5100)
    await world.idle()
    // The new object and one slice of it.
    expect(world.store.usage().entries).toBe(2)
    expectBytes(await world.get({ range: 'bytes=0-4095' }), NEW, 0, 4096)
  })

  test('that became short enough to be kept whole drops its slices', async () => {
    const world = oldFilm()
    await world.get()
    await world.idle()
    world.put(NEW.subarray(0, 500), '"short"')
    world.clock.advance(61_000)
    expectBytes(await world.get(), NEW.subarray(0, 500), 0, 500)
    await world.idle()
    expect(world.store.usage().entries).toBe(1)
  })

  test('that is gone drops its slices', async () => {
    const world = oldFilm()
    await world.get()
    await world.idle()
    world.origin.objects.delete(OBJECT)
    world.clock.advance(61_000)
    expect((await world.get()).status).toBe(404)
    expect(world.store.usage().entries).toBe(1)
  })

  test('one who reads the old one on meanwhile gets no new byte', async () => {
    const world = oldFilm()
    const open = Promise.withResolvers<void>()
    const old = world.get({ pace: () => open.promise })
    await world.quiet()
    world.put(NEW, '"new"')
    world.clock.advance(61_000)
    expectBytes(await world.get({ range: 'bytes=0-4095' }), NEW, 0, 4096)
    open.resolve()
    const reading = await old
    // Its own request had begun before, so all of the old version came.
    expectBytes(reading, OLD, 0, LENGTH)
    await world.idle()
    expectBytes(await world.get({ range: 'bytes=0-8191' }), NEW, 0, 8192)
  })

  test('whose answer is the same object again keeps the slices it has', async () => {
    const world = oldFilm()
    await world.get({ range: 'bytes=0-4095' })
    await world.idle()
    world.clock.advance(61_000)
    const { requests } = world.origin
    world.origin.instead = (index, { key, signal, range, priority }) =>
      index === 1 ? world.origin.answer(index, { key, signal, priority, ...(range && { range }) }) : undefined
    expectBytes(await world.get({ range: 'bytes=0-4095' }), OLD, 0, 4096)
    await world.idle()
    expectBytes(await world.get({ range: 'bytes=0-4095' }), OLD, 0, 4096)
    expect([requests.length, world.store.usage().entries]).toEqual([2, 5])
  })
})

test('an error of the origin fails those who wait for the slice, is told once, and does not stick', async () => {
  const world = oldFilm()
  await world.get({ range: 'bytes=0-1' })
  await world.idle()
  const error = new OriginError('unreachable', 'refused')
  world.origin.beforeAnswer = (index) => {
    if (index === 1) throw error
  }
  const failed = await Promise.all([1, 2, 3].map(() => world.get({ range: 'bytes=8192-8200' })))
  expect(failed.map((reading) => [reading.outcome, reading.error])).toEqual(Array(3).fill(['failed', error]))
  expect(world.failures).toEqual([{ originName: 'origin', objectKey: OBJECT, error }])
  expectBytes(await world.get({ range: 'bytes=8192-8200' }), OLD, 8192, 8201)
  await world.idle()
  expectNothingLeft(world)
})
