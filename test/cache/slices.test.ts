/** A large object is kept in slices: what is needed is fetched, what is there is not, whole or in part. */
import { describe, expect, test } from 'vitest'
import { expectBytes, expectNothingLeft, filmBytes, KB, makeSlicedWorld, OBJECT } from './sliced-world.ts'

const LENGTH = 20 * KB + 100
const FILM = filmBytes(LENGTH)
const IF = 'if "v1"'

function filmWorld(options: Parameters<typeof makeSlicedWorld>[0] = {}) {
  const world = makeSlicedWorld(options)
  world.put(FILM)
  return world
}

describe('a range of an object nobody has asked for yet', () => {
  test.each([
    ['bytes=0-1', 0, 2, ['0-1023']],
    ['bytes=900-999', 900, 1000, ['0-1023']],
    ['bytes=4300-4399', 4300, 4400, ['4096-5119']],
    ['bytes=5000-5099', 5000, 5100, ['4864-5119']],
    ['bytes=5000-6000', 5000, 6001, ['4864-6143']],
    ['bytes=1024-2047', 1024, 2048, ['1024-2047']],
    ['bytes=5000-', 5000, LENGTH, ['4864-']],
    ['bytes=5000-9007199254740991', 5000, LENGTH, ['4864-']],
    ['bytes=20000-99999', 20_000, LENGTH, [`19968-${98 * KB - 1}`]],
    ['bytes=0-', 0, LENGTH, ['whole']],
    ['bytes=-100', LENGTH - 100, LENGTH, ['0-1023', `20480-${LENGTH - 1} ${IF}`]],
    ['bytes=-1500', LENGTH - 1500, LENGTH, ['0-1023', `18432- ${IF}`]],
  ])('%s costs the slices it needs', async (range, start, end, asked) => {
    const world = filmWorld()
    expectBytes(await world.get({ range }), FILM, start, end)
    await world.idle()
    const normal = asked.map((text) => text.replace(`-${LENGTH - 1} `, '- '))
    expect(world.origin.asked).toEqual(normal)
    expectBytes(await world.get({ range }), FILM, start, end)
    expect(world.origin.requests).toHaveLength(asked.length)
  })

  test('beyond the end, it is 416 once the first slice has told the length', async () => {
    const world = filmWorld()
    expect(await world.get({ range: 'bytes=30000-' })).toMatchObject({ status: 416, length: LENGTH })
    await world.idle()
    expect(world.origin.asked).toEqual(['29952-', '0-1023'])
    expect(await world.get({ range: 'bytes=99999-100000' })).toMatchObject({ status: 416, length: LENGTH })
    expectBytes(await world.get({ range: 'bytes=0-99' }), FILM, 0, 100)
    expect(world.origin.requests).toHaveLength(2)
  })

  test('of an empty object, it is 416 with the length 0, and the whole of it is there', async () => {
    const world = makeSlicedWorld()
    world.put(Buffer.alloc(0))
    expect(await world.get({ range: 'bytes=0-1' })).toMatchObject({ status: 416, length: 0 })
    expect(world.origin.asked).toEqual(['0-1023', 'whole'])
    expectBytes(await world.get(), Buffer.alloc(0), 0, 0)
    expectBytes(await world.get({ range: 'bytes=-5' }), Buffer.alloc(0), 0, 0)
    expect(world.origin.requests).toHaveLength(2)
  })

  test('of one no longer than a slice, makes it an ordinary whole answer', async () => {
    const world = makeSlicedWorld()
    const small = filmBytes(1000)
    world.put(small)
    expectBytes(await world.get({ range: 'bytes=5-9' }), small, 5, 10)
    await world.idle()
    expect(world.origin.asked).toEqual(['0-1023'])
    const stored = world.cache.fresh(OBJECT, world.clock.now())
    expect(stored?.body.bytes?.equals(small)).toBe(true)
    expect(stored?.headerPairs.join()).not.toContain('content-range')
  })

  test('from an origin that ignores ranges, is cut from the whole', async () => {
    const world = filmWorld({ maxObjectBytes: 30 * KB })
    world.origin.ignoresRanges = true
    expectBytes(await world.get({ range: 'bytes=5000-5099' }), FILM, 5000, 5100)
    await world.idle()
    expectBytes(await world.get(), FILM, 0, LENGTH)
    expect(world.origin.requests).toHaveLength(1)
  })

  test('without a strong tag: a short object is fetched whole, of a long one just the range is passed through', async () => {
    for (const [tag, maxObjectBytes] of [
      [undefined, 30 * KB],
      ['W/"v1"', 30 * KB],
      [undefined, 2 * KB],
      ['W/"v1"', 2 * KB],
    ] as const) {
      const world = makeSlicedWorld({ maxObjectBytes })
      world.origin.put(OBJECT, FILM, tag)
      const answer = await world.get({ range: 'bytes=5000-5099' })
      expect(answer.bytes.equals(FILM.subarray(5000, 5100))).toBe(true)
      await world.idle()
      expect(world.origin.asked).toEqual(['4864-5119', maxObjectBytes > LENGTH ? 'whole' : '5000-5099'])
    }
  })

  test('everyone who asks meanwhile waits for its headers, and for nothing that does not concern them', async () => {
    const world = filmWorld()
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) => {
        const start = 100 * ((index * 73) % 200)
        return world.get({ range: `bytes=${start}-${start + 99}` })
      }),
    )
    for (const answer of answers) expectBytes(answer, FILM, answer.start, answer.start + 100)
    await world.idle()
    // Every slice once, and no more requests than slices.
    expect(world.origin.takenBytes).toBeLessThanOrEqual(LENGTH)
    expect(world.origin.requests.length).toBeLessThanOrEqual(20)
  })

  test('many places of an object of two slices cost two requests', async () => {
    const world = makeSlicedWorld()
    const two = filmBytes(2 * KB - 10)
    world.put(two)
    const ask = (index: number) => world.get({ range: `bytes=${index * 10}-${index * 10 + 9}` })
    const answers = await Promise.all(Array.from({ length: 200 }, (_, index) => ask((index * 73) % 200)))
    for (const answer of answers) expectBytes(answer, two, answer.start, answer.start + 10)
    expect([world.origin.requests.length, world.origin.takenBytes]).toEqual([2, 2 * KB - 10])
  })
})

describe('the whole of a large object', () => {
  test('comes in one request and stays, slice by slice', async () => {
    const world = filmWorld()
    expectBytes(await world.get(), FILM, 0, LENGTH)
    await world.idle()
    expectBytes(await world.get(), FILM, 0, LENGTH)
    expectBytes(await world.get({ range: 'bytes=7000-9999' }), FILM, 7000, 10_000)
    expect(world.origin.asked).toEqual(['whole'])
    expect(world.cache.fresh(OBJECT, world.clock.now())?.body.kind).toBe('sliced')
  })

  test('costs only the slices that are missing, adjacent ones in one request', async () => {
    const world = filmWorld()
    await world.get({ range: `bytes=${5 * KB}-${6 * KB - 1}` })
    await world.get({ range: `bytes=${10 * KB}-${13 * KB - 1}` })
    await world.idle()
    expectBytes(await world.get(), FILM, 0, LENGTH)
    await world.idle()
    expect(world.origin.asked).toEqual([
      '5120-6143',
      `10240-13311 ${IF}`,
      `0-5119 ${IF}`,
      `6144-10239 ${IF}`,
      `13312- ${IF}`,
    ])
    expect(world.origin.takenBytes).toBe(LENGTH)
  })

  test('asks for what lies behind a gap before it comes to it', async () => {
    const world = filmWorld()
    await world.get({ range: `bytes=${2 * KB}-${4 * KB - 1}` })
    await world.idle()
    const seen: number[] = []
    await world.get({
      pace: (readBytes) => {
        if (readBytes <= 4 * KB) seen.push(world.origin.requests.length)
      },
    })
    expect(seen.at(-1)).toBe(3)
    expect(world.origin.requests.map(({ priority }) => priority)).toEqual(['segment', 'segment', 'read-ahead'])
  })

  test('two who read it at once cost it once', async () => {
    const world = filmWorld()
    const both = await Promise.all([world.get(), world.get({ range: 'bytes=0-' })])
    for (const answer of both) expectBytes(answer, FILM, 0, LENGTH)
    expect([world.origin.asked, world.origin.takenBytes]).toEqual([['whole'], LENGTH])
  })

  test('HEAD costs a slice and no more, and the slice is kept', async () => {
    const world = filmWorld()
    expect(await world.get({ isHead: true })).toMatchObject({ status: 200, length: LENGTH })
    await world.idle()
    expect([world.origin.asked, world.origin.takenBytes]).toEqual([['0-1023'], KB])
    expectBytes(await world.get({ range: 'bytes=0-1' }), FILM, 0, 2)
    expect(await world.get({ isHead: true })).toMatchObject({ status: 200, length: LENGTH })
    expect(world.origin.requests).toHaveLength(1)
  })
})

describe('reading ahead', () => {
  test('goes a few slices beyond the fastest reader, and then the origin waits', async () => {
    const world = filmWorld()
    let isPaused = false
    const open = Promise.withResolvers<void>()
    const reading = world.get({
      pace: async (readBytes) => {
        if (readBytes < 2 * KB || isPaused) return
        isPaused = true
        await world.quiet()
        const taken = world.origin.takenBytes
        // At slice 1 or 2, four ahead of it, and a chunk.
        expect(taken).toBeGreaterThan(4 * KB)
        expect(taken).toBeLessThanOrEqual(7 * KB + 400)
        await world.quiet()
        expect(world.origin.takenBytes).toBe(taken)
        await open.promise
      },
    })
    await world.quiet()
    open.resolve()
    expectBytes(await reading, FILM, 0, LENGTH)
    expect(world.origin.asked).toEqual(['whole'])
  })

  test('a slow reader beside a fast one does not slow it', async () => {
    const world = filmWorld()
    const open = Promise.withResolvers<void>()
    const slow = world.get({ pace: () => open.promise })
    expectBytes(await world.get(), FILM, 0, LENGTH)
    open.resolve()
    expectBytes(await slow, FILM, 0, LENGTH)
    expect(world.origin.takenBytes).toBe(LENGTH)
  })
})

describe('a reader that leaves', () => {
  test('ends the request that nobody else reads; whole slices stay, the begun one does not', async () => {
    const world = filmWorld()
    expect((await world.get({ leaveAfter: 3 * KB + 100 })).outcome).toBe('left')
    await world.idle()
    expectNothingLeft(world)
    const taken = world.origin.takenBytes
    expect(taken).toBeLessThan(9 * KB)
    // The object and its whole slices.
    const { entries } = world.store.usage()
    expect(entries - 1).toBe(Math.floor(taken / KB))
  })

  test('having read all it wanted leaves the slice behind it whole', async () => {
    const world = filmWorld()
    expectBytes(await world.get({ range: 'bytes=4200-4209' }), FILM, 4200, 4210)
    await world.idle()
    expectBytes(await world.get({ range: 'bytes=4096-5119' }), FILM, 4096, 5120)
    expect(world.origin.requests).toHaveLength(1)
  })

  test('does not end a request that another one reads', async () => {
    const world = filmWorld()
    const [left, stayed] = await Promise.all([world.get({ leaveAfter: 500 }), world.get()])
    expect(left.outcome).toBe('left')
    expectBytes(stayed, FILM, 0, LENGTH)
    expect(world.origin.asked).toEqual(['whole'])
  })

  test('before the headers leaves one slice at most', async () => {
    const world = filmWorld()
    const leaving = new AbortController()
    const asked = world.headers({}, leaving.signal)
    leaving.abort()
    await expect(asked).rejects.toMatchObject({ kind: 'aborted' })
    await world.idle()
    expectNothingLeft(world)
    expect(world.origin.takenBytes).toBeLessThan(3 * KB)
  })

  test('a hundred seeks leave nothing behind', async () => {
    const world = filmWorld()
    for (let seek = 0; seek < 100; seek += 1) {
      const range = `bytes=${(seek * 7919) % LENGTH}-`
      await Promise.all([world.get({ range, leaveAfter: seek * 10 }), world.get({ range, leaveAfter: 1 })])
    }
    await world.idle()
    expectNothingLeft(world)
    expectBytes(await world.get(), FILM, 0, LENGTH)
  })
})

test('closing the cache ends what is under way', async () => {
  const world = filmWorld()
  const reading = world.get({ pace: () => world.quiet() })
  await world.quiet()
  await world.cache.close()
  expect((await reading).outcome).toBe('failed')
  await world.idle()
  expectNothingLeft(world)
})
