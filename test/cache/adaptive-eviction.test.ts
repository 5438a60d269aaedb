import { describe, expect, test } from 'vitest'
import { AdaptiveEviction } from '../../src/cache/adaptive-eviction.ts'
import { Store } from '../../src/cache/store.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { storedResponse } from './responses.ts'

const MEMORY = 1000
const RUSH_MS = 10_000

class World {
  readonly clock = new FakeClock()
  readonly eviction: AdaptiveEviction
  readonly store: Store
  #others = 0

  constructor(memory = MEMORY) {
    this.eviction = new AdaptiveEviction(memory, this.clock)
    this.store = new Store(memory, this.eviction)
  }

  put(key: string, bytes = 100, isPlaylist = false): void {
    const room = this.store.reserve(bytes)
    if (room === undefined) throw new Error(`no room for ${key}`)
    this.store.put(key, storedResponse(), room, isPlaylist)
  }

  /** Something that nobody asks for again, so many bytes of it. */
  scan(bytes: number, each = 100): void {
    for (let scanned = 0; scanned < bytes; scanned += each) this.put(`scanned ${this.#others++}`, each)
  }

  use(key: string, times = 1): void {
    for (let time = 0; time < times; time += 1) this.store.get(key)
  }

  has(key: string): boolean {
    return this.store.has(key)
  }

  kept(keys: readonly string[]): string[] {
    return keys.filter((key) => this.has(key))
  }

  /** So many keys of 100 bytes, each asked for again often and late enough. */
  popular(count: number): string[] {
    const keys = Array.from({ length: count }, (_, index) => `popular ${index}`)
    for (const key of keys) this.put(key)
    this.clock.advance(RUSH_MS)
    for (const key of keys) this.use(key, 2)
    return keys
  }
}

describe('what is asked for again and again', () => {
  test('outlives a scan through many memories of what nobody asks for again', () => {
    const world = new World()
    const popular = world.popular(5)
    world.scan(50 * MEMORY)
    expect(world.kept(popular)).toEqual(popular)
  })

  test('goes from main in the end, if it is not asked for any more while others are', () => {
    const world = new World()
    const popular = world.popular(5)
    for (let round = 0; round < 20; round += 1) {
      for (let other = 0; other < 6; other += 1) world.put(`other ${round} ${other}`)
      world.clock.advance(RUSH_MS)
      for (let other = 0; other < 6; other += 1) world.use(`other ${round} ${other}`, 3)
    }
    expect(world.kept(popular)).toEqual([])
  })

  test('goes the later, the more often it was asked for: each use is one turn more', () => {
    const { eviction, clock } = new World()
    const insert = (key: string) => eviction.inserted(key, 100, { kind: 'answer' })
    const keys = ['often', 'twice', 'once']
    for (const key of keys) {
      insert(key)
      eviction.victim()
    }
    clock.advance(RUSH_MS)
    // To main, as what is back.
    const places = keys.map(insert)
    clock.advance(RUSH_MS)
    for (const [index, times] of [5, 2, 1].entries()) {
      const place = places[index]
      for (let time = 0; time < times && place !== undefined; time += 1) eviction.used(place)
    }
    const gone = keys.map(() => eviction.victim()?.key)
    expect(gone).toEqual(['once', 'twice', 'often'])
  })

  test('keeps its place when a newer answer comes in its stead, whatever that costs', () => {
    const world = new World()
    world.popular(5)
    world.scan(MEMORY)
    world.put('popular 0', 200)
    world.scan(10 * MEMORY)
    expect(world.has('popular 0')).toBe(true)
  })

  test('begins anew when it was deleted', () => {
    const world = new World()
    world.popular(5)
    world.scan(MEMORY)
    world.store.delete('popular 0')
    world.put('popular 0')
    world.scan(10 * MEMORY)
    expect(world.kept(['popular 0', 'popular 1'])).toEqual(['popular 1'])
  })
})

describe('a rush for something new', () => {
  test('is one use, however many come: a scan drives it out', () => {
    const world = new World()
    world.put('live')
    world.use('live', 100)
    world.clock.advance(RUSH_MS - 1)
    world.use('live', 100)
    world.clock.advance(1)
    world.scan(10 * MEMORY)
    expect(world.has('live')).toBe(false)
  })

  test('and one use after it are two: it stays', () => {
    const world = new World()
    world.put('film')
    world.use('film', 100)
    world.clock.advance(RUSH_MS)
    world.use('film')
    world.scan(10 * MEMORY)
    expect(world.has('film')).toBe(true)
  })

  test('keeps what was used in it for as long as it lasts, however fast other things come', () => {
    const world = new World()
    world.put('live')
    for (let turn = 0; turn < 20; turn += 1) {
      world.use('live')
      world.scan(MEMORY / 2)
    }
    expect(world.has('live')).toBe(true)
    world.clock.advance(RUSH_MS)
    world.scan(2 * MEMORY)
    expect(world.has('live')).toBe(false)
  })

  test('keeps nothing that nobody used in it', () => {
    const world = new World()
    world.put('live')
    world.scan(MEMORY)
    expect(world.has('live')).toBe(false)
  })

  test('does not begin again for what is stored already when the clock is put back', () => {
    const world = new World()
    world.put('film')
    world.clock.jumpTo(world.clock.now() - 3_600_000)
    world.use('film', 2)
    world.scan(10 * MEMORY)
    expect(world.has('film')).toBe(true)
  })

  test('is told by the time that the caller knows, without a look at the clock', () => {
    const world = new World()
    world.put('film')
    const later = world.clock.now() + RUSH_MS
    world.clock.now = () => {
      throw new Error('looked at the clock')
    }
    for (let time = 0; time < 5; time += 1) world.store.get('film', later)
    expect(world.has('film')).toBe(true)
  })
})

describe('what has gone and comes back', () => {
  test('stays, though it was asked for only once each time', () => {
    const world = new World()
    world.put('film')
    world.scan(MEMORY)
    expect(world.has('film')).toBe(false)
    world.clock.advance(RUSH_MS)
    world.put('film')
    world.scan(10 * MEMORY)
    expect(world.has('film')).toBe(true)
  })

  test('within the rush that it came in is as new as before, and not for any longer', () => {
    const world = new World()
    const comeBack = () => {
      world.scan(MEMORY)
      world.put('live')
    }
    world.put('live')
    comeBack()
    world.clock.advance(RUSH_MS - 1)
    comeBack()
    world.scan(10 * MEMORY)
    expect(world.has('live')).toBe(false)
    world.put('live')
    comeBack()
    world.clock.advance(RUSH_MS)
    comeBack()
    world.scan(10 * MEMORY)
    expect(world.has('live')).toBe(true)
  })

  test('is new again after one memory of other things has gone', () => {
    const world = new World()
    world.put('film')
    world.scan(2 * MEMORY + 100)
    world.clock.advance(RUSH_MS)
    world.put('film')
    world.scan(10 * MEMORY)
    expect(world.has('film')).toBe(false)
  })
})

describe('the boundary', () => {
  /** From probation: nothing else is there. */
  function comeBack({ eviction }: World, key: string, bytes: number): void {
    eviction.inserted(key, bytes, { kind: 'answer' })
    eviction.victim()
    eviction.removed(eviction.inserted(key, bytes, { kind: 'answer' }))
  }

  test('begins at 30 % of the memory', () => {
    expect(new World().eviction.boundaryBytes).toBe(300)
  })

  test('moves up by the size of what comes back from probation, and to 80 % at most', () => {
    const world = new World()
    comeBack(world, 'a', 70)
    expect(world.eviction.boundaryBytes).toBe(370)
    for (let index = 0; index < 50; index += 1) comeBack(world, `a ${index}`, 70)
    expect(world.eviction.boundaryBytes).toBe(800)
  })

  /** Main gives these: they come back from where they had gone to before. */
  function goneFromMain({ eviction, clock }: World, keys: readonly string[], bytes: number): void {
    for (const key of keys) {
      eviction.inserted(key, bytes, { kind: 'answer' })
      eviction.victim()
    }
    clock.advance(RUSH_MS)
    for (const key of keys) eviction.inserted(key, bytes, { kind: 'answer' })
    for (const _ of keys) eviction.victim()
  }

  test('moves down by the size of what comes back from main, and to 5 % at least', () => {
    const world = new World()
    goneFromMain(world, ['a'], 50)
    expect(world.eviction.boundaryBytes).toBe(350)
    world.eviction.removed(world.eviction.inserted('a', 50, { kind: 'answer' }))
    expect(world.eviction.boundaryBytes).toBe(300)
    for (let round = 0; round < 30; round += 1) {
      const place = world.eviction.inserted(`b ${round}`, 50, { kind: 'answer' })
      world.clock.advance(RUSH_MS)
      for (let time = 0; time < 3; time += 1) world.eviction.used(place)
      // To main first, and from there after its uses: with nothing else there, in one search.
      expect(world.eviction.victim()).toBe(place)
      world.eviction.removed(world.eviction.inserted(`b ${round}`, 50, { kind: 'answer' }))
    }
    expect(world.eviction.boundaryBytes).toBe(50)
  })

  test('moves the more, the more has gone from the other side', () => {
    const world = new World()
    goneFromMain(world, ['a', 'b', 'c'], 100)
    const { boundaryBytes } = world.eviction
    comeBack(world, 'd', 10)
    // 300 bytes have gone from main, 10 from probation: thirty times the size.
    expect(world.eviction.boundaryBytes).toBe(Math.min(800, boundaryBytes + 300))
  })

  test('decides who gives: probation when it is larger, else main', () => {
    const world = new World()
    const popular = world.popular(7)
    world.scan(300)
    // Seven hundred bytes have passed, and what is new is as much as the boundary.
    world.scan(100)
    expect(world.eviction.boundaryBytes).toBe(300)
    expect(world.kept(popular)).toEqual(popular.slice(1))
  })
})

describe('playlists', () => {
  test('survive a flood of segments, as many as a hundredth of the memory holds', () => {
    const world = new World(100_000)
    for (let index = 0; index < 10; index += 1) world.put(`playlist ${index}`, 100, true)
    world.scan(1_000_000, 1000)
    expect(world.kept(Array.from({ length: 10 }, (_, index) => `playlist ${index}`))).toHaveLength(10)
  })

  test('give way to each other beyond that, those used least recently first, and drive no segment out', () => {
    const world = new World(100_000)
    world.put('film', 98_900)
    for (let index = 0; index < 11; index += 1) world.put(`playlist ${index}`, 100, true)
    world.use('playlist 0')
    for (let index = 11; index < 15; index += 1) world.put(`playlist ${index}`, 100, true)
    expect(world.store.usage().evictions).toBe(4)
    const names = ['film', ...Array.from({ length: 6 }, (_, index) => `playlist ${index}`)]
    expect(world.kept(names)).toEqual(['film', 'playlist 0', 'playlist 5'])
  })

  test('take what room there is while nothing else wants it', () => {
    const world = new World()
    for (let index = 0; index < 10; index += 1) world.put(`playlist ${index}`, 100, true)
    expect(world.store.usage()).toMatchObject({ entries: 10, evictions: 0 })
    world.scan(500)
    expect(world.store.usage()).toMatchObject({ entries: 10, evictions: 5 })
  })

  test('that are asked for again are kept before those that are not, as are those that were revalidated', () => {
    const world = new World()
    for (const key of ['a', 'b', 'c']) world.put(key, 100, true)
    world.use('a')
    const stored = world.store.peek('b')
    if (stored === undefined) throw new Error('b is not stored')
    world.store.replace('b', stored, storedResponse())
    world.scan(800)
    expect(world.kept(['a', 'b', 'c'])).toEqual(['a', 'b'])
  })
})

describe('the search for what goes', () => {
  test('takes something in use before it has looked at all of a large memory', () => {
    const world = new World(1_000_000)
    const places = Array.from({ length: 10_000 }, (_, index) =>
      world.eviction.inserted(`key ${index}`, 100, { kind: 'answer' }),
    )
    world.clock.advance(RUSH_MS)
    for (const place of places) for (let time = 0; time < 3; time += 1) world.eviction.used(place)
    expect(world.eviction.victim()).toBeDefined()
    expect(places.filter(({ uses }) => uses < 3).length).toBeLessThanOrEqual(101)
  })

  test('ends with nothing when nothing is there', () => {
    const world = new World()
    expect(world.eviction.victim()).toBeUndefined()
    world.eviction.removed(world.eviction.inserted('a', 100, { kind: 'answer' }))
    expect(world.eviction.victim()).toBeUndefined()
  })
})

describe('the fields of an object', () => {
  test('stay for as long as one of its slices does, and can go after the last one', () => {
    const { eviction } = new World()
    const object = eviction.inserted('film', 10, { kind: 'sliced' })
    const slices = ['film 0', 'film 1'].map((key) => eviction.inserted(key, 100, { kind: 'slice', object: 'film' }))
    expect([eviction.victim(), eviction.victim()]).toEqual(slices)
    expect([eviction.victim(), eviction.victim()]).toEqual([object, undefined])
  })

  test('that come after a slice stay for it too', () => {
    const { eviction } = new World()
    const slice = eviction.inserted('film 0', 100, { kind: 'slice', object: 'film' })
    const object = eviction.inserted('film', 10, { kind: 'sliced' })
    expect([eviction.victim(), eviction.victim(), eviction.victim()]).toEqual([slice, object, undefined])
  })

  test('can be deleted while slices stay, and these go as they would have', () => {
    const { eviction } = new World()
    const object = eviction.inserted('film', 10, { kind: 'sliced' })
    const slice = eviction.inserted('film 0', 100, { kind: 'slice', object: 'film' })
    eviction.removed(object)
    expect([eviction.victim(), eviction.victim()]).toEqual([slice, undefined])
  })
})
