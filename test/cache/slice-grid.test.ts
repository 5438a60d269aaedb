/** Where slices begin and end: every byte in one, wherever the object was entered. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sliceAt, sliceGrid, sliceStart } from '../../src/cache/slice-grid.ts'

const places = fc
  .record({ sliceBytes: fc.integer({ min: 1, max: 50 }), length: fc.integer({ min: 1, max: 1000 }) })
  .chain((size) => fc.record({ size: fc.constant(size), entered: fc.nat({ max: size.length - 1 }) }))

test('slices follow each other without gap or overlap, from the first byte to the last', () => {
  fc.assert(
    fc.property(places, ({ size: { sliceBytes, length }, entered }) => {
      const grid = sliceGrid(sliceBytes, length, entered)
      expect(sliceStart(grid, 0)).toBe(0)
      const count = sliceAt(grid, length - 1) + 1
      expect(sliceStart(grid, count)).toBe(length)
      for (let index = 0; index < count; index += 1) {
        const [start, end] = [sliceStart(grid, index), sliceStart(grid, index + 1)]
        expect(end - start).toBeGreaterThan(0)
        expect(end - start).toBeLessThanOrEqual(sliceBytes)
        for (let position = start; position < end; position += 1) expect(sliceAt(grid, position)).toBe(index)
      }
    }),
  )
})

test('a slice begins where the object was entered, and at every multiple of their size', () => {
  fc.assert(
    fc.property(places, ({ size: { sliceBytes, length }, entered }) => {
      const grid = sliceGrid(sliceBytes, length, entered)
      expect(sliceStart(grid, sliceAt(grid, entered))).toBe(entered)
      for (let place = 0; place < length; place += sliceBytes) {
        expect(sliceStart(grid, sliceAt(grid, place))).toBe(place)
      }
    }),
  )
})

test('an object entered where a slice begins anyway has none more than any other', () => {
  expect(sliceAt(sliceGrid(10, 95, 30), 94)).toBe(9)
  expect(sliceAt(sliceGrid(10, 95, 33), 94)).toBe(10)
})
