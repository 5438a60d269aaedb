import { expect, test } from 'vitest'
import { Pace } from '../../src/server/pace.ts'
import { FakeClock } from '../support/fake-clock.ts'

test('a quarter of a second goes at once, and then what time has brought', () => {
  const clock = new FakeClock()
  const pace = new Pace(1000, clock)
  expect([pace.take(10_000), pace.take(10_000)]).toEqual([250, 0])
  clock.advance(100)
  expect(pace.take(60)).toBe(60)
  expect(pace.take(60)).toBe(40)
  clock.advance(60_000)
  expect(pace.take(10_000)).toBe(250)
})

test('who waits is called once there is enough to be worth it, unless nobody waits any more', () => {
  const clock = new FakeClock()
  const pace = new Pace(1000, clock)
  pace.take(250)
  let calls = 0
  pace.whenMore(() => {
    calls += 1
  })
  clock.advance(124)
  expect(calls).toBe(0)
  clock.advance(1)
  expect([calls, pace.take(1000)]).toEqual([1, 125])
  pace.whenMore(() => {
    calls += 1
  })
  pace.cancel()
  clock.advance(1000)
  expect([calls, clock.pending]).toEqual([1, 0])
})

test('a byte a second still gets on', () => {
  const clock = new FakeClock()
  const pace = new Pace(1, clock)
  expect(pace.take(10)).toBe(1)
  pace.whenMore(() => undefined)
  clock.advance(1000)
  expect(pace.take(10)).toBe(1)
})

test('a clock that is set back neither gives nor takes', () => {
  const clock = new FakeClock()
  const pace = new Pace(1000, clock)
  pace.take(200)
  clock.jumpTo(clock.now() - 3_600_000)
  expect(pace.take(100)).toBe(50)
  clock.advance(10)
  expect(pace.take(100)).toBe(10)
})
