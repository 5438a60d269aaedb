import { array, assert, constantFrom, integer, property, record } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeEviction } from '../../src/cache/make-eviction.ts'
import type { Reservation } from '../../src/cache/store.ts'
import { Store } from '../../src/cache/store.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { storedResponse } from './responses.ts'
import { expectWithinBudget } from './world.ts'

/** Puts an answer of this cost, whose room must be there. */
function put(store: Store, key: string, costBytes: number) {
  const reservation = store.reserve(costBytes)
  if (reservation === undefined) throw new Error(`no room for ${key}`)
  const response = storedResponse()
  store.put(key, response, reservation)
  return response
}

const keysIn = (store: Store, keys: readonly string[]) => keys.filter((key) => store.get(key) !== undefined)

describe.each(['adaptive', 'lru'] as const)('with the policy %s', (policy) => {
  const makeStore = () => new Store(1000, makeEviction(policy, 1000, new FakeClock()))

  describe('the budget', () => {
    test('cached bytes and bytes in flight never exceed it, whatever is done in whatever order', () => {
      const step = record({
        act: constantFrom(
          'reserve',
          'put',
          'release',
          'release twice',
          'grow',
          'shrink',
          'grow what has ended',
          'replace',
          'replace the wrong one',
          'enlarge',
          'get',
          'delete',
        ),
        key: integer({ min: 0, max: 9 }).map(String),
        bytes: integer({ min: 1, max: 1200 }),
        pick: integer({ min: 0, max: 99 }),
      })
      void assert(
        property(array(step, { minLength: 50, maxLength: 400, size: 'max' }), (steps) => {
          const store = makeStore()
          const open: Reservation[] = []
          let openBytes = 0
          const close = (pick: number) => {
            const [reservation] = open.splice(pick % Math.max(1, open.length), 1)
            openBytes -= reservation?.bytes ?? 0
            return reservation
          }
          for (const { act, key, bytes, pick } of steps) {
            if (act === 'reserve') {
              const reservation = store.reserve(bytes)
              expect(reservation === undefined).toBe(bytes + openBytes > 1000)
              if (reservation !== undefined) {
                open.push(reservation)
                openBytes += bytes
              }
            } else if (act === 'put') {
              const reservation = close(pick)
              if (reservation !== undefined) {
                const response = storedResponse()
                store.put(key, response, reservation)
                expect(store.get(key)).toBe(response)
              }
            } else if (act === 'release') close(pick)?.release()
            else if (act === 'release twice') {
              const reservation = close(pick)
              reservation?.release()
              reservation?.release()
            } else if (act === 'grow') {
              const reservation = open[pick % Math.max(1, open.length)]
              const before = reservation?.bytes ?? 0
              const hasGrown = reservation?.grow(bytes)
              if (reservation !== undefined) expect(hasGrown).toBe(bytes + openBytes <= 1000)
              openBytes += (reservation?.bytes ?? 0) - before
            } else if (act === 'shrink') {
              const reservation = open[pick % Math.max(1, open.length)]
              const before = reservation?.bytes ?? 0
              reservation?.shrinkTo(bytes)
              expect(reservation?.bytes ?? 0).toBe(Math.min(before, bytes))
              openBytes += (reservation?.bytes ?? 0) - before
            } else if (act === 'grow what has ended') {
              const reservation = close(pick)
              reservation?.release()
              expect(reservation?.grow(1) ?? false).toBe(false)
              reservation?.shrinkTo(0)
            } else if (act === 'replace') {
              const stored = store.get(key)
              if (stored !== undefined) expect(store.replace(key, stored, storedResponse())).toBe(true)
            } else if (act === 'replace the wrong one') {
              expect(store.replace(key, storedResponse(), storedResponse())).toBe(false)
            } else if (act === 'enlarge') {
              const reservation = open[pick % Math.max(1, open.length)]
              const stored = store.peek(key)
              if (reservation !== undefined && !store.enlarge(key, stored ?? storedResponse(), reservation)) {
                expect(stored).toBeUndefined()
              } else if (reservation !== undefined) {
                close(open.indexOf(reservation))
                expect(store.peek(key)).toBe(stored)
              }
            } else if (act === 'get') store.get(key)
            else {
              const isStored = store.get(key) !== undefined
              expect(store.delete(key)).toBe(isStored)
            }
            expectWithinBudget({ store })
            expect(store.usage().inFlightBytes).toBe(openBytes)
          }
          for (const reservation of open) reservation.release()
          expect(store.usage().inFlightBytes).toBe(0)
        }),
        { numRuns: 200, seed: 20_260_101 },
      )
    })

    test('room is refused when the bytes in flight alone leave too little, and nothing is dropped for it', () => {
      const store = makeStore()
      put(store, 'a', 300)
      const inFlight = store.reserve(600)
      expect(store.reserve(401)).toBeUndefined()
      expect(store.usage()).toMatchObject({ cachedBytes: 300, inFlightBytes: 600, entries: 1, evictions: 0 })
      inFlight?.release()
    })

    test('an answer larger than the whole memory is refused, and nothing is dropped for it', () => {
      const store = makeStore()
      put(store, 'a', 1000)
      expect(store.reserve(1001)).toBeUndefined()
      expect(store.usage()).toMatchObject({ cachedBytes: 1000, evictions: 0 })
    })

    test('an answer exactly as large as the memory fits, alone', () => {
      const store = makeStore()
      put(store, 'a', 10)
      put(store, 'b', 1000)
      expect(keysIn(store, ['a', 'b'])).toEqual(['b'])
      expect(store.usage()).toMatchObject({ cachedBytes: 1000, entries: 1, evictions: 1 })
    })
  })

  describe('what is dropped first', () => {
    test('the least recently stored goes first, and no more than needed', () => {
      const store = makeStore()
      for (const key of ['a', 'b', 'c', 'd']) put(store, key, 250)
      const reservation = store.reserve(251)
      expect(keysIn(store, ['a', 'b', 'c', 'd'])).toEqual(['c', 'd'])
      expect(store.usage().evictions).toBe(2)
      reservation?.release()
    })

    test('an answer that was asked for just now outlives one that was not', () => {
      const store = makeStore()
      for (const key of ['a', 'b', 'c', 'd']) put(store, key, 250)
      store.get('a')
      store.reserve(1)?.release()
      expect(keysIn(store, ['a', 'b', 'c', 'd'])).toEqual(['a', 'c', 'd'])
    })

    test('deleting is no eviction', () => {
      const store = makeStore()
      put(store, 'a', 250)
      expect([store.delete('a'), store.delete('a')]).toEqual([true, false])
      expect(store.usage()).toMatchObject({ cachedBytes: 0, entries: 0, evictions: 0 })
    })
  })

  describe('a reservation', () => {
    test('gives its bytes back once, however often it is released', () => {
      const store = makeStore()
      const kept = store.reserve(400)
      const released = store.reserve(500)
      released?.release()
      released?.release()
      expect(store.usage().inFlightBytes).toBe(400)
      kept?.release()
    })

    test('grows by dropping what was used least recently, and not at all where that is not enough', () => {
      const store = makeStore()
      for (const key of ['a', 'b']) put(store, key, 300)
      const reservation = store.reserve(400)
      expect(reservation?.grow(100)).toBe(true)
      expect([reservation?.bytes, keysIn(store, ['a', 'b'])]).toEqual([500, ['b']])
      expect(reservation?.grow(501)).toBe(false)
      expect([reservation?.bytes, keysIn(store, ['a', 'b'])]).toEqual([500, ['b']])
      reservation?.release()
      expect(store.usage()).toMatchObject({ cachedBytes: 300, inFlightBytes: 0, evictions: 1 })
    })

    test('gives back what it does not need, and is stored for the rest', () => {
      const store = makeStore()
      const reservation = store.reserve(800)
      if (reservation === undefined) throw new Error('no room')
      reservation.shrinkTo(900)
      expect(store.usage().inFlightBytes).toBe(800)
      reservation.shrinkTo(300)
      expect(store.usage().inFlightBytes).toBe(300)
      store.put('a', storedResponse(), reservation)
      reservation.shrinkTo(0)
      expect(reservation.grow(1)).toBe(false)
      expect(store.usage()).toMatchObject({ cachedBytes: 300, inFlightBytes: 0 })
    })

    test('grows no further than what may be wanted soon, if it was made for that', () => {
      const store = makeStore()
      const reservation = store.reserve(400, 'soon')
      expect([reservation?.grow(101), reservation?.grow(100)]).toEqual([false, true])
      reservation?.release()
    })

    test('turns into cached bytes when it is used, and releasing it afterwards changes nothing', () => {
      const store = makeStore()
      const reservation = store.reserve(400)
      if (reservation === undefined) throw new Error('no room')
      store.put('a', storedResponse(), reservation)
      reservation.release()
      expect(store.usage()).toMatchObject({ cachedBytes: 400, inFlightBytes: 0 })
    })
  })

  describe('a newer answer', () => {
    test('stands in place of the older one under its key, with its own cost', () => {
      const store = makeStore()
      put(store, 'a', 300)
      const newer = put(store, 'a', 500)
      expect(store.get('a')).toBe(newer)
      expect(store.usage()).toMatchObject({ cachedBytes: 500, entries: 1 })
    })

    test('is exchanged for a revalidated one only while the key still holds what was revalidated', () => {
      const store = makeStore()
      const first = put(store, 'a', 300)
      const refreshed = storedResponse()
      expect(store.replace('a', first, refreshed)).toBe(true)
      expect(store.get('a')).toBe(refreshed)
      expect(store.replace('a', first, storedResponse())).toBe(false)
      expect(store.get('a')).toBe(refreshed)
      expect(store.usage()).toMatchObject({ cachedBytes: 300, entries: 1 })
    })

    test('is not exchanged for one that was dropped meanwhile', () => {
      const store = makeStore()
      const first = put(store, 'a', 300)
      store.delete('a')
      expect(store.replace('a', first, storedResponse())).toBe(false)
      expect(store.usage()).toMatchObject({ cachedBytes: 0, entries: 0 })
    })
  })
})
