import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatHttpDate } from '../../src/http/date.ts'
import type { AgeFields, FreshnessFields } from '../../src/http/freshness.ts'
import { freshnessLifetimeSeconds, initialAgeSeconds } from '../../src/http/freshness.ts'

const NOW = Date.UTC(2026, 10, 22, 12, 0, 0)

function dateAt(offsetSeconds: number): string {
  return formatHttpDate(NOW + offsetSeconds * 1000)
}

describe('freshness lifetime', () => {
  const cases: readonly (readonly [string, FreshnessFields, number | undefined])[] = [
    ['a response that says nothing has none', {}, undefined],
    ['a Date alone says nothing', { date: dateAt(0) }, undefined],
    ['public alone says nothing', { cacheControl: 'public' }, undefined],
    ['max-age is taken', { cacheControl: 'max-age=60' }, 60],
    ['s-maxage goes before max-age', { cacheControl: 'max-age=60, s-maxage=5' }, 5],
    ['s-maxage goes before max-age when it is longer', { cacheControl: 's-maxage=600, max-age=60' }, 600],
    ['max-age goes before Expires', { cacheControl: 'max-age=60', expires: dateAt(999), date: dateAt(0) }, 60],
    ['a broken max-age is stale, Expires or not', { cacheControl: 'max-age=x', expires: dateAt(999) }, 0],
    ['no-cache is 0', { cacheControl: 'no-cache, max-age=60' }, 0],
    ['no-cache is 0 beside Expires', { cacheControl: 'no-cache', expires: dateAt(60) }, 0],
    ['Expires counts from Date', { expires: dateAt(60), date: dateAt(-40) }, 100],
    ['Expires counts from the arrival without a Date', { expires: dateAt(60) }, 60],
    ['Expires counts from the arrival with a broken Date', { expires: dateAt(60), date: 'yesterday' }, 60],
    ['an Expires before its Date is 0', { expires: dateAt(-60), date: dateAt(0) }, 0],
    ['an Expires that is its Date is 0', { expires: dateAt(0), date: dateAt(0) }, 0],
    ['Expires 0 is in the past', { expires: '0', date: dateAt(0) }, 0],
    ['Expires -1 is in the past', { expires: '-1' }, 0],
    ['an empty Expires is in the past', { expires: '' }, 0],
    ['an Expires of another zone is in the past', { expires: 'Sun, 22 Nov 2026 14:00:00 PST' }, 0],
    ['a far Expires is capped', { expires: 'Fri, 31 Dec 9999 23:59:59 GMT', date: dateAt(0) }, 2 ** 31],
    ['an RFC 850 Expires is understood by the arrival', { expires: 'Sunday, 22-Nov-26 12:01:00 GMT' }, 60],
    ['CDN-Cache-Control goes before Cache-Control', { cdnCacheControl: 'max-age=9', cacheControl: 's-maxage=600' }, 9],
    ['CDN-Cache-Control goes before no-cache', { cdnCacheControl: 'max-age=9', cacheControl: 'no-cache' }, 9],
    ['CDN-Cache-Control goes before Expires', { cdnCacheControl: 'max-age=9', expires: '0' }, 9],
    ['its no-cache is 0', { cdnCacheControl: 'no-cache, max-age=9', cacheControl: 'max-age=60' }, 0],
    ['its s-maxage goes before its max-age', { cdnCacheControl: 's-maxage=5, max-age=60' }, 5],
    ['its max-age of another type is stale', { cdnCacheControl: 'max-age="60"', cacheControl: 'max-age=60' }, 0],
    ['one without a lifetime hides theirs', { cdnCacheControl: 'x', cacheControl: 'max-age=60' }, undefined],
    ['one without a lifetime hides Expires', { cdnCacheControl: 'public', expires: dateAt(60) }, undefined],
    ['an invalid one hides nothing', { cdnCacheControl: 'max-age=9, &', cacheControl: 'max-age=60' }, 60],
    ['an empty one hides nothing', { cdnCacheControl: '', expires: dateAt(60) }, 60],
    ['undefined fields are absent fields', { cacheControl: undefined, expires: undefined, date: undefined }, undefined],
  ]
  test.each(cases)('%s', (_title, fields, expected) => {
    expect(freshnessLifetimeSeconds(fields, NOW)).toBe(expected)
  })

  test('a part of a second never counts as fresh', () => {
    expect(freshnessLifetimeSeconds({ expires: dateAt(2) }, NOW + 1)).toBe(1)
  })
})

describe('initial age', () => {
  const cases: readonly (readonly [string, AgeFields, number, number, number])[] = [
    ['a fresh answer is 0', { date: dateAt(0) }, NOW, NOW, 0],
    ['an answer without Date and Age is 0', {}, NOW, NOW, 0],
    ['a Date in the past shows', { date: dateAt(-30) }, NOW, NOW, 30],
    ['a Date in the future does not', { date: dateAt(30) }, NOW, NOW, 0],
    ['the fraction of the second in which it arrived does not', { date: dateAt(0) }, NOW + 900, NOW + 999, 0],
    ['a broken Date is none', { date: 'today' }, NOW, NOW, 0],
    ['Age is taken', { age: '10' }, NOW, NOW, 10],
    ['the larger of the two counts: Age', { date: dateAt(-5), age: '10' }, NOW, NOW, 10],
    ['the larger of the two counts: Date', { date: dateAt(-50), age: '10' }, NOW, NOW, 50],
    ['the time on the way is added to Age', { age: '10' }, NOW - 3000, NOW, 13],
    ['the time on the way counts without Age', {}, NOW - 3000, NOW, 3],
    ['the time on the way is cut to whole seconds', { age: '10' }, NOW - 1999, NOW, 11],
    ['the time on the way is not added to what Date shows', { date: dateAt(-5) }, NOW - 3000, NOW, 5],
    ['a clock set back on the way does not make it younger', { age: '10' }, NOW + 60_000, NOW, 10],
    ['of a list of ages the first counts', { age: '10, 20' }, NOW, NOW, 10],
    ['a negative Age is none', { age: '-10' }, NOW, NOW, 0],
    ['a fractional Age is none', { age: '1.5' }, NOW, NOW, 0],
    ['an empty Age is none', { age: '' }, NOW, NOW, 0],
    ['an Age that is no number is none', { age: 'old, 10' }, NOW, NOW, 0],
    ['a huge Age is capped', { age: '9'.repeat(50) }, NOW, NOW, 2 ** 31],
  ]
  test.each(cases)('%s', (_title, fields, requestTimeMs, responseTimeMs, expected) => {
    expect(initialAgeSeconds(fields, requestTimeMs, responseTimeMs)).toBe(expected)
  })
})

const time = fc.integer({ min: 0, max: Date.UTC(9999, 0) })
const date = fc.oneof(time.map(formatHttpDate), fc.string({ unit: 'binary' }))
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined })

test('age and lifetime are whole and never negative, whatever the fields and clocks say', () => {
  const age = fc.oneof(fc.integer().map(String), fc.string())
  const cacheControl = fc.oneof(
    fc.string(),
    fc.integer().map((seconds) => `max-age=${seconds}`),
  )
  const fields = fc.record({
    date: maybe(date),
    expires: maybe(date),
    age: maybe(age),
    cacheControl: maybe(cacheControl),
    cdnCacheControl: maybe(cacheControl),
  })
  fc.assert(
    fc.property(fields, time, time, (response, requestTimeMs, responseTimeMs) => {
      const lifetime = freshnessLifetimeSeconds(response, responseTimeMs) ?? 0
      for (const seconds of [initialAgeSeconds(response, requestTimeMs, responseTimeMs), lifetime]) {
        expect(Number.isInteger(seconds) && seconds >= 0 && seconds <= 2 ** 31).toBe(true)
      }
    }),
    { numRuns: 1000 },
  )
})

test('a response made and received in the same second has no age', () => {
  fc.assert(
    fc.property(time, fc.integer({ min: 0, max: 999 }), (madeMs, delayMs) => {
      const second = madeMs - (madeMs % 1000)
      expect(initialAgeSeconds({ date: formatHttpDate(second) }, second, second + delayMs)).toBe(0)
    }),
  )
})
