import { array, assert, constantFrom, integer, property, record } from 'fast-check'
import { LRUCache } from 'lru-cache'
import { expect, test } from 'vitest'
import { LruEviction } from '../../src/cache/lru-eviction.ts'
import { Store } from '../../src/cache/store.ts'
import { storedResponse } from './responses.ts'

const KEYS = Array.from({ length: 20 }, (_, index) => `key ${index}`)

test('what is kept is what a plain LRU cache of the same bytes keeps, whatever is done in whatever order', () => {
  const step = record({
    act: constantFrom('put', 'put', 'get', 'get', 'delete', 'replace'),
    key: constantFrom(...KEYS),
    bytes: integer({ min: 1, max: 400 }),
  })
  void assert(
    property(array(step, { minLength: 50, maxLength: 400, size: 'max' }), (steps) => {
      const store = new Store(1000, new LruEviction())
      const plain = new LRUCache<string, number>({ maxSize: 1000, sizeCalculation: (bytes) => bytes })
      for (const { act, key, bytes } of steps) {
        const stored = store.peek(key)
        if (act === 'get') expect(store.get(key) !== undefined).toBe(plain.get(key) !== undefined)
        else if (act === 'delete') expect(store.delete(key)).toBe(plain.delete(key))
        else if (act === 'put') {
          // Room is made while the older one is still there.
          const room = store.reserve(bytes)
          while (plain.calculatedSize + bytes > 1000) plain.pop()
          if (room !== undefined) store.put(key, storedResponse(), room)
          plain.set(key, bytes)
        } else if (stored !== undefined) {
          store.replace(key, stored, storedResponse())
          plain.set(key, plain.peek(key) ?? 0)
          plain.get(key)
        }
        expect(KEYS.filter((each) => store.has(each))).toEqual(KEYS.filter((each) => plain.has(each)))
        expect(store.usage().cachedBytes).toBe(plain.calculatedSize)
      }
    }),
    { numRuns: 200, seed: 1965 },
  )
})
