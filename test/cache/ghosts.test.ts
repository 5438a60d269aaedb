import { array, assert, integer, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import { fingerprint, Ghosts } from '../../src/cache/ghosts.ts'

const MEMORY = 1000
const NOW = Date.UTC(2026, 0, 1)

test('a key that has gone is remembered until as many bytes have gone after it as the memory has', () => {
  const ghosts = new Ghosts(MEMORY)
  ghosts.remember(1, 100, NOW)
  for (let print = 2; print <= 10; print += 1) ghosts.remember(print, 100, NOW)
  expect([ghosts.bytes, ghosts.count, ghosts.take(1)]).toEqual([1000, 10, NOW])
  ghosts.remember(1, 100, NOW)
  for (let print = 2; print <= 11; print += 1) ghosts.remember(print, 100, NOW)
  expect(ghosts.take(1)).toBeUndefined()
})

test('a key that came back is not remembered any more, until it goes again', () => {
  const ghosts = new Ghosts(MEMORY)
  ghosts.remember(1, 100, NOW)
  expect([ghosts.take(1), ghosts.take(1), ghosts.bytes, ghosts.count]).toEqual([NOW, undefined, 0, 0])
  ghosts.remember(1, 60, NOW)
  expect([ghosts.bytes, ghosts.take(1), ghosts.bytes]).toEqual([60, NOW, 0])
})

test('a key that goes twice is remembered once, as what went last', () => {
  const ghosts = new Ghosts(MEMORY)
  ghosts.remember(1, 100, NOW)
  ghosts.remember(2, 600, NOW)
  ghosts.remember(1, 400, NOW)
  expect([ghosts.bytes, ghosts.count]).toEqual([1000, 2])
  ghosts.remember(3, 100, NOW)
  expect([1, 2, 3].map((print) => ghosts.take(print))).toEqual([NOW, undefined, NOW])
})

test('what is larger than the memory is not remembered, and nothing is forgotten for it', () => {
  const ghosts = new Ghosts(MEMORY)
  ghosts.remember(1, 1000, NOW)
  ghosts.remember(2, 1001, NOW)
  expect([ghosts.take(2), ghosts.take(1)]).toEqual([undefined, NOW])
})

test('however small what goes is, no more keys are remembered, by two of these, than a hundredth of the memory holds', () => {
  const memory = 64 * 1024 ** 2
  const ghosts = new Ghosts(memory)
  for (let print = 0; print < 100_000; print += 1) ghosts.remember(print, 1, NOW)
  expect(ghosts.count).toBe(ghosts.mostKeys)
  const [lists, bytesOfOne] = [2, 80]
  expect(lists * ghosts.mostKeys * bytesOfOne).toBeLessThan(memory / 100)
  expect([ghosts.take(99_999), ghosts.take(99_999 - ghosts.mostKeys)]).toEqual([NOW, undefined])
})

test('bytes and keys stay within their bounds and are those of what is remembered, whatever goes and comes', () => {
  const step = record({
    print: integer({ min: -20, max: 20 }),
    bytes: integer({ min: 1, max: 1200 }),
    act: integer({ min: 0, max: 2 }),
  })
  void assert(
    property(array(step, { minLength: 20, maxLength: 300, size: 'max' }), (steps) => {
      const ghosts = new Ghosts(MEMORY)
      let model: { readonly print: number; readonly bytes: number }[] = []
      for (const { print, bytes, act } of steps) {
        const isThere = model.some((ghost) => ghost.print === print)
        model = model.filter((ghost) => ghost.print !== print)
        if (act === 0) expect(ghosts.take(print)).toBe(isThere ? NOW : undefined)
        else {
          ghosts.remember(print, bytes, NOW)
          if (bytes <= MEMORY) model.push({ print, bytes })
          while (model.reduce((sum, ghost) => sum + ghost.bytes, 0) > MEMORY) model.shift()
        }
        expect(ghosts.count).toBe(model.length)
        expect(ghosts.bytes).toBe(model.reduce((sum, ghost) => sum + ghost.bytes, 0))
      }
    }),
    { numRuns: 200, seed: 2003 },
  )
})

test('keys that differ in little have different fingerprints', () => {
  const keys = Array.from({ length: 50_000 }, (_, index) => `spaces vod/${index % 50}/720p-${index}.ts`)
  // Of fifty thousand, chance makes 0.3 pairs alike.
  expect(new Set(keys.map(fingerprint)).size).toBeGreaterThan(49_995)
  expect(fingerprint('spaces a')).toBe(fingerprint('spaces a'))
})
