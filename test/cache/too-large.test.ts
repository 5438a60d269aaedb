import { describe, expect, test } from 'vitest'
import { bytesOf, TestReader } from './reading.ts'
import { fieldsOf } from './responses.ts'
import { BYTES, KEY, learn, makeWorld, OBJECT_KEY } from './world.ts'

describe('an object too large to keep', () => {
  test('of exactly the limit is kept; a byte more and it passes through', async () => {
    const world = makeWorld({ maxObjectBytes: 10 })
    await learn(world, {})
    expect((await world.ask()).status.kind).toBe('hit')
    const asked = world.ask({ key: 'larger' })
    world.origin.exchange(1).answerWhole(bytesOf('0123456789a'))
    const { response, status } = await asked
    expect(status).toMatchObject({ stored: false, detail: 'too-large' })
    const reader = new TestReader(response.body)
    await world.settled()
    expect([reader.text, reader.outcome]).toEqual(['0123456789a', 'end'])
  })

  test.each([
    ['bytes=2-4', { first: 2, last: 4 }],
    ['bytes=7-', { first: 7, last: 9 }],
    ['bytes=-3', { first: 7, last: 9 }],
    ['bytes=-500', { first: 0, last: 9 }],
    ['bytes=8-999', { first: 8, last: 9 }],
    ['bytes=0-9007199254740991', { first: 0, last: 9 }],
    ['bytes=9-', { first: 9, last: 9 }],
  ])('is asked for %s by positions that were resolved', async (range, expected) => {
    const world = makeWorld({ maxObjectBytes: 9 })
    await learn(world, {})
    const asked = world.ask({ range })
    expect(world.origin.exchange(1).request).toMatchObject({ key: OBJECT_KEY, range: expected })
    const part = BYTES.subarray(expected.first, expected.last + 1)
    const contentRange = `bytes ${expected.first}-${expected.last}/10`
    world.origin.exchange(1).answerWhole(part, { 'content-range': contentRange }, 206)
    const { response, status } = await asked
    expect([response.status, status]).toMatchObject([206, { fwdStatus: 206, stored: false, detail: 'too-large' }])
    expect(fieldsOf(response.headerPairs)).toMatchObject({ 'Content-Range': contentRange })
    const reader = new TestReader(response.body)
    await world.settled()
    expect([reader.text, reader.outcome]).toEqual([part.toString(), 'end'])
  })

  test.each(['bytes=10-', 'bytes=99-100', 'bytes=-0'])('answers %s by itself with 416', async (range) => {
    const world = makeWorld({ maxObjectBytes: 9 })
    await learn(world, {})
    const { response, status } = await world.ask({ range })
    expect(world.origin.count).toBe(1)
    expect(response.status).toBe(416)
    expect(response.body.bytes).toEqual(Buffer.alloc(0))
    expect(fieldsOf(response.headerPairs)).toMatchObject({ 'Content-Range': 'bytes */10' })
    expect(status).toMatchObject({ fwd: 'uri-miss', stored: false, detail: 'too-large' })
  })

  test.each(['bytes=5-2', 'bytes=a-b', 'lines=1-2', 'bytes=0-1,3-4'])(
    'is asked for as a whole for %s',
    async (range) => {
      const world = makeWorld({ maxObjectBytes: 9 })
      await learn(world, {})
      const asked = world.ask({ range })
      expect(world.origin.exchange(1).request).not.toHaveProperty('range')
      world.origin.exchange(1).answerWhole(BYTES)
      const reader = new TestReader((await asked).response.body)
      await world.settled()
      expect(reader.text).toBe('0123456789')
    },
  )

  test('goes whole to the first waiter that wants the whole; one that wants a range asks for that', async () => {
    const world = makeWorld({ maxObjectBytes: 9 })
    const inRange = world.ask({ range: 'bytes=2-4' })
    const whole = world.ask()
    world.origin.exchange(0).answerWhole(BYTES)
    const reader = new TestReader((await whole).response.body)
    await world.settled()
    expect([reader.text, reader.outcome]).toEqual(['0123456789', 'end'])
    expect(world.origin.exchange(1).request.range).toEqual({ first: 2, last: 4 })
    world.origin.exchange(1).answerWhole(bytesOf('234'), { 'content-range': 'bytes 2-4/10' }, 206)
    const rangeReader = new TestReader((await inRange).response.body)
    await world.settled()
    expect([rangeReader.text, world.origin.count]).toEqual(['234', 2])
  })

  test('that only a range was wanted of is not read: the connection is let go and the range asked for', async () => {
    const world = makeWorld({ maxObjectBytes: 9 })
    const asked = world.ask({ range: 'bytes=-1' })
    const source = world.origin.exchange(0).answer({ headers: { 'content-length': '10' } })
    await world.settled()
    expect([source.isDestroyed, source.taken]).toEqual([true, 0])
    expect(world.origin.exchange(1).request.range).toEqual({ first: 9, last: 9 })
    world.origin.exchange(1).answerWhole(bytesOf('9'), { 'content-range': 'bytes 9-9/10' }, 206)
    expect(new TestReader((await asked).response.body).outcome).toBe('open')
  })

  test('a part of a size that could be kept is not kept', async () => {
    const world = makeWorld({ maxObjectBytes: 9 })
    await learn(world, {})
    const asked = world.ask({ range: 'bytes=0-1' })
    world.origin.exchange(1).answerWhole(bytesOf('01'), { 'content-range': 'bytes 0-1/10' }, 206)
    const reader = new TestReader((await asked).response.body)
    await world.settled()
    expect([reader.text, world.store.usage().entries]).toEqual(['01', 0])
  })
})

describe('an answer of unknown length', () => {
  test('is kept once its end has told its length', async () => {
    const world = makeWorld()
    await learn(world, { 'content-length': 'unknown' })
    const stored = world.cache.fresh(KEY, world.clock.now())
    expect([stored?.body.length, stored?.body.bytes]).toEqual([10, BYTES])
    expect(world.origin.count).toBe(1)
  })

  test('is shared while it arrives, and passed on where it turns out too long to keep', async () => {
    const world = makeWorld({ maxObjectBytes: 15 })
    const first = world.ask()
    const body = world.origin.exchange(0).answer({ headers: {} })
    const readers = [new TestReader((await first).response.body), new TestReader((await world.ask()).response.body)]
    body.push(BYTES)
    await world.settled()
    body.push(BYTES)
    await world.settled()
    body.end()
    await world.settled()
    expect(readers.map(({ text, outcome }) => [text, outcome])).toEqual([
      ['01234567890123456789', 'end'],
      ['01234567890123456789', 'end'],
    ])
    expect([world.origin.count, world.cache.fresh(KEY, world.clock.now())]).toEqual([1, undefined])
    const later = world.ask()
    world.origin.exchange(1).answerWhole(BYTES, { 'content-length': '' })
    expect((await later).status).toMatchObject({ detail: 'too-large', stored: false })
    ;(await later).response.body.discard()
  })

  test('a part nobody asked for tells nothing about the length of the whole', async () => {
    const world = makeWorld()
    const first = world.ask()
    world.origin.exchange(0).answerWhole(bytesOf('01'), { 'content-range': 'bytes 0-1/10' }, 206)
    const { response, status } = await first
    expect([response.status, status]).toMatchObject([206, { stored: false, detail: 'status' }])
    response.body.discard()
    const asked = world.ask({ range: 'bytes=5-6' })
    await world.settled()
    expect(world.origin.count).toBe(2)
    world.origin.exchange(1).answerWhole(bytesOf('56'), { 'content-range': 'bytes 5-6/10' }, 206)
    ;(await asked).response.body.discard()
  })
})
