import { expect, test } from 'vitest'
import { RetryBudget } from '../../src/origin/retry-budget.ts'

const NOON = Date.UTC(2026, 0, 1, 12)

/** How many retries it gives at one moment. */
function givenAt(budget: RetryBudget, nowMs: number): number {
  let given = 0
  while (given < 100_000 && budget.take(nowMs)) given += 1
  return given
}

test('without any success it gives ten a second, and no more', () => {
  const budget = new RetryBudget()

  expect(Array.from({ length: 5 }, (_, second) => givenAt(budget, NOON + second * 1000))).toEqual([10, 10, 10, 10, 10])
})

test('ten a second are ten in any second', () => {
  const budget = new RetryBudget()
  expect(givenAt(budget, NOON + 500)).toBe(10)
  expect(givenAt(budget, NOON + 1000)).toBe(0)
  expect(givenAt(budget, NOON + 1400)).toBe(0)

  expect(givenAt(budget, NOON + 1500)).toBe(10)
})

test('it gives half of the successes of the last ten seconds', () => {
  const budget = new RetryBudget()
  for (let ms = 0; ms < 10_000; ms += 10) budget.succeeded(NOON + ms)

  expect(givenAt(budget, NOON + 9_999)).toBe(500)
})

test('successes older than ten seconds earn nothing', () => {
  const budget = new RetryBudget()
  for (let count = 0; count < 1000; count += 1) budget.succeeded(NOON)

  expect(givenAt(budget, NOON + 10_000)).toBe(10)
})

test('in an outage that follows 100 good requests a second the load never exceeds one and a half times', () => {
  const budget = new RetryBudget()
  for (let ms = 0; ms < 10_000; ms += 10) budget.succeeded(NOON + ms)
  const retries = Array.from({ length: 60 }, (_, second) => {
    let given = 0
    for (let ms = 0; ms < 1000; ms += 10) {
      // Each of the 100 requests of this second fails and would be tried again four times.
      for (let attempt = 0; attempt < 4; attempt += 1) given += Number(budget.take(NOON + 10_000 + second * 1000 + ms))
    }
    return given
  })

  const total = retries.reduce((a, b) => a + b)
  expect(total).toBeLessThanOrEqual(500 + 60 * 10)
  expect(total / 6000).toBeLessThanOrEqual(0.5)
  expect(retries.slice(10)).toEqual(Array(50).fill(10))
})
