import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCacheControl } from '../../src/http/cache-control.ts'
import type { StaleOptions } from '../../src/http/stale.ts'
import { staleWindows } from '../../src/http/stale.ts'

const ROUTE: StaleOptions = { staleWhileRevalidateSeconds: 5, staleIfErrorSeconds: 3600 }

describe('the windows of a stale response', () => {
  const cases: readonly (readonly [string | undefined, StaleOptions, number, number])[] = [
    [undefined, {}, 0, 0],
    [undefined, ROUTE, 5, 3600],
    ['max-age=60', ROUTE, 5, 3600],
    ['max-age=60', { staleIfErrorSeconds: 7 }, 0, 7],
    ['max-age=60', { staleWhileRevalidateSeconds: undefined, staleIfErrorSeconds: undefined }, 0, 0],
    ['max-age=60, stale-while-revalidate=30', {}, 30, 0],
    ['max-age=60, stale-while-revalidate=30', ROUTE, 30, 3600],
    ['max-age=60, stale-if-error=30', ROUTE, 5, 30],
    ['max-age=60, stale-while-revalidate=0, stale-if-error=0', ROUTE, 0, 0],
    ['max-age=60, stale-while-revalidate=x, stale-if-error', ROUTE, 0, 0],
    ['immutable, public, max-age=60', ROUTE, 5, 3600],
  ]
  test.each(cases)('%j with %j', (value, route, whileRevalidateSeconds, ifErrorSeconds) => {
    expect(staleWindows(parseCacheControl(value), route)).toEqual({ whileRevalidateSeconds, ifErrorSeconds })
  })
})

describe('a response that has to be validated once it is stale has none, even where it says otherwise', () => {
  test.each(['must-revalidate', 'proxy-revalidate', 'no-cache', 'no-cache="set-cookie"'])('%s', (directive) => {
    const value = `max-age=60, ${directive}, stale-while-revalidate=30, stale-if-error=30`
    expect(staleWindows(parseCacheControl(value), ROUTE)).toEqual({ whileRevalidateSeconds: 0, ifErrorSeconds: 0 })
  })
})

describe('s-maxage', () => {
  test('keeps the route from adding windows', () => {
    const windows = staleWindows(parseCacheControl('max-age=60, s-maxage=60'), ROUTE)
    expect(windows).toEqual({ whileRevalidateSeconds: 0, ifErrorSeconds: 0 })
  })

  test('leaves those that stand beside it', () => {
    const windows = staleWindows(parseCacheControl('s-maxage=60, stale-while-revalidate=30'), ROUTE)
    expect(windows).toEqual({ whileRevalidateSeconds: 30, ifErrorSeconds: 0 })
    const other = staleWindows(parseCacheControl('s-maxage=60, stale-if-error=30'), ROUTE)
    expect(other).toEqual({ whileRevalidateSeconds: 0, ifErrorSeconds: 30 })
  })
})

test('whatever was sent, no window is negative or fractional', () => {
  const directive = fc.oneof(
    fc.string(),
    fc.integer().map((n) => `stale-if-error=${n}, stale-while-revalidate=${n}`),
  )
  fc.assert(
    fc.property(directive, (value) => {
      const { whileRevalidateSeconds, ifErrorSeconds } = staleWindows(parseCacheControl(value), ROUTE)
      for (const seconds of [whileRevalidateSeconds, ifErrorSeconds]) {
        expect(Number.isInteger(seconds) && seconds >= 0).toBe(true)
      }
    }),
  )
})
