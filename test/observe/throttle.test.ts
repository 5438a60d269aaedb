import { expect, test } from 'vitest'
import { Throttle } from '../../src/observe/throttle.ts'

test('the first occasion is spoken of, with nothing passed over before it', () => {
  expect(new Throttle(1000).admit('a', 5000)).toBe(0)
})

test('the first occasion is spoken of even at time zero', () => {
  expect(new Throttle(1000).admit('a', 0)).toBe(0)
})

test('within the interval there is silence, and at its end the number of those left out', () => {
  const throttle = new Throttle(1000)
  throttle.admit('a', 0)
  expect([1, 500, 999].map((nowMs) => throttle.admit('a', nowMs))).toEqual([undefined, undefined, undefined])
  expect(throttle.admit('a', 1000)).toBe(3)
})

test('the count begins anew each time it is told', () => {
  const throttle = new Throttle(1000)
  throttle.admit('a', 0)
  throttle.admit('a', 10)
  expect(throttle.admit('a', 1000)).toBe(1)
  expect(throttle.admit('a', 1999)).toBeUndefined()
  expect(throttle.admit('a', 2000)).toBe(1)
  expect(throttle.admit('a', 3000)).toBe(0)
})

test('the interval is counted from the last word, not from the last occasion', () => {
  const throttle = new Throttle(1000)
  throttle.admit('a', 0)
  for (let nowMs = 100; nowMs < 1000; nowMs += 100) throttle.admit('a', nowMs)
  expect(throttle.admit('a', 1000)).toBe(9)
})

test('each key is throttled by itself', () => {
  const throttle = new Throttle(1000)
  expect([throttle.admit('a', 0), throttle.admit('b', 1)]).toEqual([0, 0])
  throttle.admit('a', 2)
  expect([throttle.admit('a', 1000), throttle.admit('b', 1000)]).toEqual([1, undefined])
})

test('an interval of zero silences nothing', () => {
  const throttle = new Throttle(0)
  expect([throttle.admit('a', 0), throttle.admit('a', 0)]).toEqual([0, 0])
})

test('a clock that was put back silences nobody for longer than the interval', () => {
  const throttle = new Throttle(1000)
  throttle.admit('a', 1_000_000)
  expect(throttle.admit('a', 0)).toBeDefined()
})
