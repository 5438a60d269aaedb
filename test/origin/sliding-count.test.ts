import { expect, test } from 'vitest'
import { SlidingCount } from '../../src/origin/sliding-count.ts'

const NOON = Date.UTC(2026, 0, 1, 12)

test('what happened within the window is counted, and what is older is not', () => {
  const count = new SlidingCount(1000)
  for (const ms of [0, 150, 300, 950]) count.add(NOON + ms)

  expect(count.total(NOON + 999)).toBe(4)
  expect(count.total(NOON + 1000)).toBe(3)
  expect(count.total(NOON + 1250)).toBe(2)
  expect(count.total(NOON + 1899)).toBe(1)
  expect(count.total(NOON + 1900)).toBe(0)
})

test('a long silence leaves nothing, and counting goes on after it', () => {
  const count = new SlidingCount(1000)
  count.add(NOON)
  count.add(NOON + 86_400_000)

  expect(count.total(NOON + 86_400_000)).toBe(1)
})

test('a clock that is put back loses nothing by a little, and starts anew by a lot', () => {
  const count = new SlidingCount(1000)
  count.add(NOON)
  count.add(NOON - 500)
  expect(count.total(NOON - 500)).toBe(2)
  count.add(NOON - 3_600_000)

  expect(count.total(NOON - 3_600_000)).toBe(1)
  expect(count.total(NOON - 3_599_000)).toBe(0)
})

test('clear forgets everything', () => {
  const count = new SlidingCount(1000)
  count.add(NOON)
  count.clear()

  expect(count.total(NOON)).toBe(0)
})
