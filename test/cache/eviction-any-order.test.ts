/** A Store under each policy, with all that can be done to it: its books are right and its memory bounded, always. */

import { array, assert, constantFrom, integer, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import { AdaptiveEviction } from '../../src/cache/adaptive-eviction.ts'
import type { Body } from '../../src/cache/body.ts'
import { BufferedBody } from '../../src/cache/buffered-body.ts'
import type { Eviction } from '../../src/cache/eviction.ts'
import type { EvictionPolicy } from '../../src/cache/make-eviction.ts'
import { makeEviction } from '../../src/cache/make-eviction.ts'
import type { Reservation } from '../../src/cache/store.ts'
import { Store } from '../../src/cache/store.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { storedResponse } from './responses.ts'

const MEMORY = 1000
const OBJECTS = ['film a', 'film b']
const SLICES = [0, 1, 2, 3]
const WHOLES = ['a', 'b', 'c', 'd', 'e', 'f']
const PLAYLISTS = ['a.m3u8', 'b.m3u8', 'c.m3u8']

const sliceKey = (object: string, index: number) => `${object} ${index}`
const KEYS = [
  ...WHOLES,
  ...PLAYLISTS,
  ...OBJECTS,
  ...OBJECTS.flatMap((object) => SLICES.map((index) => sliceKey(object, index))),
]

/** A body whose slices are dropped with it, as a sliced body's are. */
function slicedBody(store: Store, object: string): Body {
  const retire = () => {
    for (const index of SLICES) store.delete(sliceKey(object, index))
  }
  const body = BufferedBody.of(Buffer.alloc(0))
  return {
    kind: 'sliced',
    length: MEMORY,
    bytes: undefined,
    open: () => body.open(0, undefined, () => undefined),
    covers: () => false,
    discard: () => undefined,
    hold: () => undefined,
    release: () => undefined,
    retire,
  }
}

interface Step {
  readonly act: string
  readonly key: string
  readonly object: string
  readonly slice: number
  readonly bytes: number
  readonly pick: number
}

const STEP = record({
  act: constantFrom(
    'put whole',
    'put whole',
    'put playlist',
    'put object',
    'put object again',
    'put object whole',
    'put slice',
    'put slice',
    'get',
    'get',
    'get',
    'replace',
    'delete',
    'reserve',
    'grow',
    'release',
    'wait',
  ),
  key: constantFrom(...KEYS),
  object: constantFrom(...OBJECTS),
  slice: constantFrom(...SLICES),
  bytes: integer({ min: 1, max: 500 }),
  pick: integer({ min: 0, max: 30 }),
})

class Play {
  readonly clock = new FakeClock()
  readonly eviction: Eviction
  readonly store: Store
  readonly #open: Reservation[] = []
  /** What each key was put in with, last. */
  readonly #costs = new Map<string, number>()

  constructor(policy: EvictionPolicy) {
    this.eviction = makeEviction(policy, MEMORY, this.clock)
    this.store = new Store(MEMORY, this.eviction)
  }

  step({ act, key, object, slice, bytes, pick }: Step): void {
    const { store } = this
    const some = this.#open[pick % Math.max(1, this.#open.length)]
    if (act === 'put whole') this.#put(WHOLES[pick % WHOLES.length] ?? 'a', bytes)
    else if (act === 'put playlist') this.#put(PLAYLISTS[pick % PLAYLISTS.length] ?? 'a.m3u8', bytes % 40, true)
    else if (act === 'put object whole') this.#put(object, bytes)
    else if (act === 'put object') this.#putObject(object, slicedBody(store, object), bytes % 40)
    else if (act === 'put object again') {
      this.#putObject(object, store.peek(object)?.body ?? slicedBody(store, object), bytes % 40)
    } else if (act === 'put slice') this.#putSlice(object, slice, bytes)
    else if (act === 'get') {
      store.get(key)
      store.getSlice(key)
    } else if (act === 'replace') {
      const stored = store.peek(key)
      if (stored !== undefined) store.replace(key, stored, { ...stored })
    } else if (act === 'delete') expect(store.has(key)).toBe(store.delete(key))
    else if (act === 'reserve') this.#reserve(bytes)
    else if (act === 'grow') this.#expectFieldsWithSlices(() => some?.grow(bytes))
    else if (act === 'release') this.#open.splice(pick % Math.max(1, this.#open.length), 1)[0]?.release()
    else this.clock.advance(pick * 1000)
  }

  expectSound(): void {
    const { cachedBytes, inFlightBytes, entries } = this.store.usage()
    expect(cachedBytes + inFlightBytes).toBeLessThanOrEqual(MEMORY)
    expect(inFlightBytes).toBe(this.#open.reduce((sum, { bytes }) => sum + bytes, 0))
    const present = KEYS.filter((key) => this.store.has(key))
    expect(entries).toBe(present.length)
    expect(cachedBytes).toBe(present.reduce((sum, key) => sum + (this.#costs.get(key) ?? 0), 0))
    if (this.eviction instanceof AdaptiveEviction) {
      expect(this.eviction.boundaryBytes).toBeGreaterThanOrEqual(MEMORY * 0.05)
      expect(this.eviction.boundaryBytes).toBeLessThanOrEqual(MEMORY * 0.8)
    }
  }

  /** Either way of emptying it leaves nothing in anybody's books. */
  empty(byPurge: boolean): void {
    for (const reservation of this.#open.splice(0)) reservation.release()
    if (byPurge) for (const key of KEYS) this.store.delete(key)
    else this.store.reserve(MEMORY)?.release()
    expect(this.store.usage()).toMatchObject({ cachedBytes: 0, inFlightBytes: 0, entries: 0 })
    expect(this.eviction.victim()).toBeUndefined()
  }

  #put(key: string, bytes: number, isPlaylist = false): void {
    const room = this.#room(bytes)
    if (room === undefined) return
    this.store.put(key, storedResponse(), room, isPlaylist)
    this.#costs.set(key, room.bytes)
  }

  #putObject(object: string, body: Body, bytes: number): void {
    const room = this.#room(bytes)
    if (room === undefined) return
    this.store.put(object, storedResponse({ body }), room)
    this.#costs.set(object, room.bytes)
  }

  #putSlice(object: string, index: number, bytes: number): void {
    const room = this.#room(bytes)
    if (room === undefined) return
    this.store.putSlice(sliceKey(object, index), BufferedBody.of(Buffer.from('slice')), room, object)
    this.#costs.set(sliceKey(object, index), room.bytes)
  }

  /** At least one byte: nothing costs nothing. */
  #room(bytes: number): Reservation | undefined {
    return this.#expectFieldsWithSlices(() => this.store.reserve(bytes + 1))
  }

  #reserve(bytes: number): void {
    const reservation = this.#room(bytes)
    if (reservation !== undefined) this.#open.push(reservation)
  }

  /** Where the policy is adaptive, to make room takes an object's fields only with the last of its slices. */
  #expectFieldsWithSlices<Result>(makeRoom: () => Result): Result {
    const before = OBJECTS.filter((object) => this.store.peek(object)?.body.kind === 'sliced')
    const result = makeRoom()
    if (this.eviction instanceof AdaptiveEviction) {
      for (const object of before) {
        const hasSlices = SLICES.some((index) => this.store.has(sliceKey(object, index)))
        if (hasSlices) expect([object, this.store.has(object)]).toEqual([object, true])
      }
    }
    return result
  }
}

test.each(['adaptive', 'lru'] as const)(
  'the books are right and the memory is bounded, whatever is stored, asked for and dropped, with the policy %s',
  (policy) => {
    void assert(
      property(
        array(STEP, { minLength: 50, maxLength: 300, size: 'max' }),
        integer({ min: 0, max: 1 }),
        (steps, end) => {
          const play = new Play(policy)
          for (const step of steps) {
            play.step(step)
            play.expectSound()
          }
          play.empty(end === 0)
        },
      ),
      { numRuns: 100, seed: 20_230_101 },
    )
  },
)
