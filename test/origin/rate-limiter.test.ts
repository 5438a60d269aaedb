import { describe, expect, test } from 'vitest'
import { RateLimiter } from '../../src/origin/rate-limiter.ts'

const NOON = Date.UTC(2026, 0, 1, 12)

/** How many may go in each of the next stretches when always somebody waits, and when the last of them ended. */
function sentIn(limiter: RateLimiter, fromMs: number, stretchMs: number, stretches: number): number[] {
  return Array.from({ length: stretches }, (_, stretch) => {
    let sent = 0
    for (let ms = 0; ms < stretchMs; ms += 1) {
      while (limiter.take(fromMs + stretch * stretchMs + ms) === 0) sent += 1
    }
    return sent
  })
}

const refuseAll = (limiter: RateLimiter, fromMs: number, forMs: number) => {
  for (let ms = 0; ms <= forMs; ms += 10) limiter.answered(true, fromMs + ms)
}

describe('the pace', () => {
  test('is the rate, after a burst of no more than 50 ms of it', () => {
    const limiter = new RateLimiter(1200)

    expect(sentIn(limiter, NOON, 1, 1)).toEqual([60])
    const [first, ...others] = sentIn(limiter, NOON + 1, 1000, 5)
    expect(first).toBeGreaterThanOrEqual(1199)
    for (const sent of [first, ...others]) expect(Math.abs((sent ?? 0) - 1200)).toBeLessThanOrEqual(1)
  })

  test('is even: no 50 ms have more than twice their part, and after the first none has more than its own', () => {
    const sent = sentIn(new RateLimiter(1200), NOON, 50, 100)

    expect(sent[0]).toBeLessThanOrEqual(120)
    expect(Math.max(...sent.slice(1))).toBeLessThanOrEqual(61)
  })

  test('saves up no more than a burst however quiet it was', () => {
    const limiter = new RateLimiter(1200)
    sentIn(limiter, NOON, 1000, 1)

    expect(sentIn(limiter, NOON + 3_600_000, 1, 1)).toEqual([60])
  })

  test('says exactly when the next may go', () => {
    const limiter = new RateLimiter(4)
    expect(limiter.take(NOON)).toBe(0)
    expect(limiter.take(NOON)).toBe(250)
    expect(limiter.take(NOON + 100)).toBe(150)
    expect(limiter.take(NOON + 249)).toBe(1)
    expect(limiter.take(NOON + 250)).toBe(0)
  })

  test('survives a clock that is put back', () => {
    const limiter = new RateLimiter(10)
    limiter.take(NOON)

    expect(limiter.take(NOON - 3_600_000)).toBe(100)
    expect(limiter.take(NOON - 3_600_000 + 100)).toBe(0)
  })

  test('is no pace at all without a configured rate', () => {
    const limiter = new RateLimiter(undefined)
    for (let count = 0; count < 100_000; count += 1) expect(limiter.take(NOON)).toBe(0)
    expect(limiter.allowedPerSecond(NOON)).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('a refusal', () => {
  test('makes the rate fall by 0.7, once in 250 ms however many there are', () => {
    const limiter = new RateLimiter(1000)
    refuseAll(limiter, NOON, 249)
    expect(limiter.allowedPerSecond(NOON + 249)).toBeCloseTo(700 + 50 * 0.249, 1)
    limiter.answered(true, NOON + 250)

    expect(limiter.allowedPerSecond(NOON + 250)).toBeCloseTo((700 + 12.5) * 0.7, 1)
  })

  test('never brings it below a tenth of the configured rate', () => {
    const limiter = new RateLimiter(1000)
    refuseAll(limiter, NOON, 20_000)

    expect(limiter.allowedPerSecond(NOON + 20_000)).toBeGreaterThanOrEqual(100)
    expect(limiter.allowedPerSecond(NOON + 20_000)).toBeLessThan(113)
  })

  test('is forgotten by and by: a twentieth more each second, and never more than configured', () => {
    const limiter = new RateLimiter(1000)
    limiter.answered(true, NOON)

    expect(limiter.allowedPerSecond(NOON + 2000)).toBeCloseTo(800)
    expect(limiter.allowedPerSecond(NOON + 5900)).toBeCloseTo(995)
    expect(limiter.allowedPerSecond(NOON + 60_000)).toBe(1000)
  })

  test('counts for nothing where it is one in more than a hundred', () => {
    const limiter = new RateLimiter(1000)
    for (let ms = 0; ms < 10_000; ms += 1) limiter.answered(ms % 125 === 124, NOON + ms)

    expect(limiter.allowedPerSecond(NOON + 10_000)).toBe(1000)
  })

  test('one in five at any rate slows the origin down twice, and no further', () => {
    const limiter = new RateLimiter(1000)
    for (let ms = 0; ms < 20_000; ms += 1) limiter.answered(ms % 5 === 4, NOON + ms)

    expect(limiter.allowedPerSecond(NOON + 600)).toBeGreaterThanOrEqual(490)
    expect(limiter.allowedPerSecond(NOON + 20_000)).toBe(1000)
  })

  test('that gets rarer as the rate falls makes it fall on', () => {
    const limiter = new RateLimiter(1000)
    const shares = [0.9, 0.8, 0.45, 0.3, 0.1]
    for (const [step, share] of shares.entries()) {
      for (let ms = 1; ms <= 250; ms += 1) limiter.answered(ms % 100 < share * 100, NOON + step * 250 + ms)
    }

    expect(limiter.allowedPerSecond(NOON + 1250)).toBeLessThan(1000 * 0.7 ** 5 + 130)
  })
})

describe('without a configured rate', () => {
  test('the first refusal teaches one: seven tenths of what was sent in the second before it', () => {
    const limiter = new RateLimiter(undefined)
    for (let ms = 0; ms < 3000; ms += 1) limiter.take(NOON + ms)
    limiter.answered(true, NOON + 3000)

    expect(limiter.allowedPerSecond(NOON + 3000)).toBeGreaterThanOrEqual(630)
    expect(limiter.allowedPerSecond(NOON + 3000)).toBeLessThanOrEqual(700)
    expect(sentIn(limiter, NOON + 3000, 1000, 1)[0]).toBeLessThan(770)
  })

  test('it never falls below 50 a second', () => {
    const limiter = new RateLimiter(undefined)
    limiter.take(NOON)
    refuseAll(limiter, NOON, 30_000)

    expect(limiter.allowedPerSecond(NOON + 30_000)).toBeGreaterThanOrEqual(50)
    expect(limiter.allowedPerSecond(NOON + 30_000)).toBeLessThan(53)
  })

  test('a minute without refusals takes it away', () => {
    const limiter = new RateLimiter(undefined)
    for (let ms = 0; ms < 1000; ms += 1) limiter.take(NOON + ms)
    limiter.answered(true, NOON + 1000)
    expect(limiter.allowedPerSecond(NOON + 60_999)).toBeLessThan(5000)

    expect(limiter.allowedPerSecond(NOON + 61_000)).toBe(Number.POSITIVE_INFINITY)
    for (let count = 0; count < 10_000; count += 1) expect(limiter.take(NOON + 61_000)).toBe(0)
  })
})
