import { describe, expect, test } from 'vitest'
import { TestReader } from './reading.ts'
import { BYTES, expectWithinBudget, makeWorld } from './world.ts'

describe('an answer there is no room for', () => {
  test('passes through and is not remembered: the next one is stored when there is room', async () => {
    const world = makeWorld({ maxBytes: 5000 })
    const busy = world.store.reserve(4500)
    const asked = [world.ask(), world.ask()]
    world.origin.exchange(0).answerWhole(BYTES)
    await world.settled()
    world.origin.exchange(1).answerWhole(BYTES)
    const answers = await Promise.all(asked)
    for (const { response, status } of answers) {
      expect(status).toMatchObject({ stored: false, detail: 'no-room' })
      const reader = new TestReader(response.body)
      await world.settled()
      expect([reader.text, reader.outcome]).toEqual(['0123456789', 'end'])
    }
    busy?.release()

    const next = world.ask()
    expect(world.cache.fills).toBe(1)
    world.origin.exchange(2).answerWhole(BYTES)
    expect((await next).status).toMatchObject({ stored: true })
    await world.settled()
    expect((await world.ask()).status.kind).toBe('hit')
  })

  test('room is made by dropping what was used least recently, never by growing', async () => {
    const world = makeWorld({ maxBytes: 8000 })
    for (const [index, key] of ['a', 'b', 'c', 'd', 'e', 'f'].entries()) {
      const asked = world.ask({ key })
      world.origin.exchange(index).answerWhole(Buffer.alloc(1000, key))
      await asked
      expectWithinBudget(world)
      await world.settled()
      expectWithinBudget(world)
    }
    const { entries, evictions } = world.store.usage()
    expect([entries, evictions]).toEqual([3, 3])
    expect(world.cache.fresh('c', world.clock.now())).toBeUndefined()
    expect(world.cache.fresh('d', world.clock.now())?.body.bytes).toEqual(Buffer.alloc(1000, 'd'))
  })

  test('a reader of an answer that was dropped still gets all of it', async () => {
    const world = makeWorld({ maxBytes: 3000 })
    const { response } = await world.store200(Buffer.alloc(1000, 'a'))
    const reader = response.body.open(0, undefined, () => undefined)
    const room = world.store.reserve(2900)
    expect(world.store.usage().entries).toBe(0)
    expect(reader.read()).toEqual(Buffer.alloc(1000, 'a'))
    expect(reader.read()).toBe('end')
    room?.release()
  })
})
