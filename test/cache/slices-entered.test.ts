/** A film entered far inside a slice begins there; what lies before is had later, and no byte is had twice. */
import { describe, expect, test } from 'vitest'
import { SlicedBody } from '../../src/cache/sliced-body.ts'
import { expectBytes, filmBytes, KB, makeSlicedWorld, OBJECT, type SlicedWorld } from './sliced-world.ts'

const LENGTH = 20 * KB + 100
const FILM = filmBytes(LENGTH)
const IF = 'if "v1"'

/** Entered at 5000: the slice from 4096 to 5119 is cut at 4864. */
async function enteredFilm(options: Parameters<typeof makeSlicedWorld>[0] = {}): Promise<SlicedWorld> {
  const world = makeSlicedWorld(options)
  world.put(FILM)
  expectBytes(await world.get({ range: 'bytes=5000-5999' }), FILM, 5000, 6000)
  await world.idle()
  expect([world.origin.asked, world.origin.takenBytes]).toEqual([['4864-6143'], 6144 - 4864])
  return world
}

describe('a film entered far inside a slice', () => {
  test('has all that was asked for in memory, also the bytes that were rounded down to', async () => {
    const world = await enteredFilm()
    expectBytes(await world.get({ range: 'bytes=4864-6143' }), FILM, 4864, 6144)
    expect(world.origin.requests).toHaveLength(1)
  })

  test('costs one who wants what lies before just that', async () => {
    const world = await enteredFilm()
    expectBytes(await world.get({ range: 'bytes=4863-4864' }), FILM, 4863, 4865)
    await world.idle()
    expectBytes(await world.get({ range: 'bytes=4096-6143' }), FILM, 4096, 6144)
    expect(world.origin.asked).toEqual(['4864-6143', `4096-4863 ${IF}`])
  })

  test('is read whole across the place, each byte fetched once', async () => {
    const world = await enteredFilm()
    expectBytes(await world.get(), FILM, 0, LENGTH)
    await world.idle()
    expect(world.origin.asked).toEqual(['4864-6143', `0-4863 ${IF}`, `6144- ${IF}`])
    expect(world.origin.takenBytes).toBe(LENGTH)
    expectBytes(await world.get({ range: `bytes=${20 * KB}-` }), FILM, 20 * KB, LENGTH)
    expect(world.origin.requests).toHaveLength(3)
  })

  test('in its last, short slice ends where it ends', async () => {
    const world = makeSlicedWorld()
    const film = filmBytes(20 * KB + 600)
    world.put(film)
    const place = 20 * KB + 550
    expectBytes(await world.get({ range: `bytes=${place}-` }), film, place, film.length)
    await world.idle()
    expectBytes(await world.get({ range: 'bytes=-600' }), film, 20 * KB, film.length)
    await world.idle()
    expect(world.origin.asked).toEqual([`${20 * KB + 512}-`, `${20 * KB}-${20 * KB + 511} ${IF}`])
  })

  test('gives those who ask meanwhile for what lies before it their bytes too', async () => {
    const world = makeSlicedWorld()
    world.put(FILM)
    const [entering, before, across] = await Promise.all([
      world.get({ range: 'bytes=5000-7000' }),
      world.get({ range: 'bytes=4100-4200' }),
      world.get({ range: 'bytes=4000-5500' }),
    ])
    expectBytes(entering, FILM, 5000, 7001)
    expectBytes(before, FILM, 4100, 4201)
    expectBytes(across, FILM, 4000, 5501)
    await world.idle()
    expect(world.origin.takenBytes).toBe(7 * KB - 3 * KB)
  })

  test('that breaks right there goes on right there', async () => {
    const world = makeSlicedWorld()
    world.put(FILM)
    world.origin.breakAfter = (index) => (index === 0 ? 100 : undefined)
    expectBytes(await world.get({ range: 'bytes=5000-5099' }), FILM, 5000, 5100)
    await world.idle()
    expect(world.origin.asked).toEqual(['4864-5119', `4964-5119 ${IF}`])
  })

  test('and is fresh no more is asked about from where slices begin, and goes on as it is', async () => {
    const world = await enteredFilm()
    world.clock.advance(61_000)
    expectBytes(await world.get({ range: 'bytes=9100-9199' }), FILM, 9100, 9200)
    await world.idle()
    expect(world.origin.asked.slice(1)).toEqual(['8192-9215', `8192-9215 ${IF}`])
    expect(world.origin.requests[1]?.validators).toEqual({ ifNoneMatch: '"v1"' })
    expectBytes(await world.get({ range: 'bytes=4864-6143' }), FILM, 4864, 6144)
    expect(world.origin.requests).toHaveLength(3)
  })

  test('and replaced since begins anew, with nothing of the old in it', async () => {
    const world = await enteredFilm()
    const replaced = filmBytes(LENGTH, 2)
    world.put(replaced, '"v2"')
    world.clock.advance(61_000)
    expectBytes(await world.get({ range: 'bytes=4500-5500' }), replaced, 4500, 5501)
    expectBytes(await world.get(), replaced, 0, LENGTH)
  })

  test('whose fields were dropped and whose slice was not, is not put together out of two divisions', async () => {
    // The other policy keeps the fields for as long as it keeps a slice.
    const world = makeSlicedWorld({ policy: 'lru' })
    world.put(FILM)
    await world.get({ range: 'bytes=5000-5099' })
    await world.idle()
    const { maxBytes, cachedBytes } = world.store.usage()
    world.store.reserve(maxBytes - cachedBytes + 1)?.release()
    expect([world.store.peek(OBJECT), world.store.usage().entries]).toEqual([undefined, 1])
    expectBytes(await world.get({ range: 'bytes=4096-7167' }), FILM, 4096, 7168)
    expectBytes(await world.get(), FILM, 0, LENGTH)
  })
})

test('an answer that begins or ends where no slice does is let go, not taken for one', async () => {
  const { origin, store } = makeSlicedWorld()
  origin.put(OBJECT, FILM, '"v1"')
  const runs: unknown[] = []
  const ignore = () => undefined
  const told = { onRun: (run: unknown) => runs.push(run), onRunFailed: ignore, onChanged: ignore }
  const film = { key: OBJECT, origin, objectKey: OBJECT, etag: '"v1"', length: LENGTH }
  const body = new SlicedBody(film, { store, sliceBytes: KB, ...told }, 0)
  for (const [first, end] of [
    [4864, 6144],
    [4096, 6000],
  ] as const) {
    const { signal } = new AbortController()
    const part = await origin.fetch({ key: OBJECT, priority: 'segment', signal, range: { first, last: end - 1 } })
    if (part.body !== undefined) body.begin(part.body, first, end, 'segment')
    expect([part.status, origin.openBodies, runs]).toEqual([206, 0, []])
  }
})
