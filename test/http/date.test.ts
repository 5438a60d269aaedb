import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatHttpDate, parseHttpDate } from '../../src/http/date.ts'

const EXAMPLE = Date.UTC(1994, 10, 6, 8, 49, 37)
const NOW = Date.UTC(2026, 10, 22, 12, 0, 0)

describe('all three forms of a date are understood', () => {
  test.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', EXAMPLE],
    ['Sunday, 06-Nov-94 08:49:37 GMT', EXAMPLE],
    ['Sun Nov  6 08:49:37 1994', EXAMPLE],
    ['Wed Nov 16 08:49:37 1994', Date.UTC(1994, 10, 16, 8, 49, 37)],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
    ['Wed, 31 Dec 1969 23:59:59 GMT', -1000],
    ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
    ['Fri, 31 Dec 9999 23:59:59 GMT', Date.UTC(9999, 11, 31, 23, 59, 59)],
  ])('%s', (value, expected) => {
    expect(parseHttpDate(value)).toBe(expected)
  })

  test('letters are compared without case, as caches should', () => {
    expect(parseHttpDate('sun, 06 NOV 1994 08:49:37 gmt')).toBe(EXAMPLE)
    expect(parseHttpDate('SUNDAY, 06-nov-94 08:49:37 Gmt')).toBe(EXAMPLE)
  })

  test('a day of the week that does not belong to the date is no reason to refuse it', () => {
    expect(parseHttpDate('Mon, 06 Nov 1994 08:49:37 GMT')).toBe(EXAMPLE)
  })

  test('a leap second is the last second of its day', () => {
    expect(parseHttpDate('Sat, 31 Dec 2016 23:59:60 GMT')).toBe(Date.UTC(2016, 11, 31, 23, 59, 59))
  })

  test('a year below 100 is not moved to the last century', () => {
    expect(new Date(parseHttpDate('Thu, 01 Jan 0050 00:00:00 GMT') ?? Number.NaN).getUTCFullYear()).toBe(50)
  })
})

describe('what is no date of these forms is not guessed at', () => {
  test.each([
    '',
    '0',
    '-1',
    'never',
    '1994-11-06T08:49:37Z',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 PST',
    'Sun, 06 Nov 1994 08:49:37 +0000',
    'Sun, 06 Nov 1994 08:49:37 GMT+1',
    ' Sun, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT ',
    'Sun, 06  Nov 1994 08:49:37 GMT',
    'Sun 06 Nov 1994 08:49:37 GMT',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 94 08:49:37 GMT',
    'Sun, 06-Nov-1994 08:49:37 GMT',
    'Sun, 06-Nov-94 08:49:37 GMT',
    'Sunday, 06 Nov 1994 08:49:37 GMT',
    'Abc, 06 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nom 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 8:49:37 GMT',
    'Sun, 06 Nov 1994 08:49 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 06 Nov 1994 08:49:60 GMT',
    'Sun, 06 Nov 1994 23:59:61 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 32 Jan 1994 08:49:37 GMT',
    'Sun, 31 Nov 1994 08:49:37 GMT',
    'Wed, 29 Feb 2023 00:00:00 GMT',
    'Sun Nov 6 08:49:37 1994',
    'Sun Nov 06 08:49:37 1994 GMT',
    'Sun Nov  0 08:49:37 1994',
    'Sun, 06 Nov 1994 08:49:37 GMT, Mon, 07 Nov 1994 08:49:37 GMT',
    'Sun, \u0660\u0666 Nov 1994 08:49:37 GMT',
  ])('%j', (value) => {
    expect(parseHttpDate(value, NOW)).toBeUndefined()
  })
})

describe('a year of two digits', () => {
  test.each([
    ['Sunday, 22-Nov-26 12:00:00 GMT', 2026],
    ['Sunday, 01-Jan-50 00:00:00 GMT', 2050],
    ['Sunday, 22-Nov-76 12:00:00 GMT', 2076],
    ['Sunday, 22-Nov-76 12:00:01 GMT', 1976],
    ['Sunday, 01-Jan-77 00:00:00 GMT', 1977],
    ['Sunday, 01-Jan-00 00:00:00 GMT', 2000],
  ])('%s is at most 50 years ahead of now: %i', (value, year) => {
    expect(new Date(parseHttpDate(value, NOW) ?? Number.NaN).getUTCFullYear()).toBe(year)
  })

  test('follows the clock into the next century', () => {
    const late = Date.UTC(2099, 5, 1)
    expect(parseHttpDate('Thursday, 01-Jan-01 00:00:00 GMT', late)).toBe(Date.UTC(2101, 0, 1))
    expect(parseHttpDate('Thursday, 01-Jan-98 00:00:00 GMT', late)).toBe(Date.UTC(2098, 0, 1))
  })

  test('means 1970 to 2069 when nobody says what time it is', () => {
    expect(parseHttpDate('Thursday, 01-Jan-70 00:00:00 GMT')).toBe(0)
    expect(parseHttpDate('Tuesday, 01-Jan-69 00:00:00 GMT')).toBe(Date.UTC(2069, 0, 1))
  })
})

test('a formatted date has the one form that senders use', () => {
  expect(formatHttpDate(EXAMPLE)).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
  expect(formatHttpDate(EXAMPLE + 999)).toBe('Sun, 06 Nov 1994 08:49:37 GMT')
})

test('every second from year 0 to 9999 survives formatting and parsing', () => {
  const first = new Date(0).setUTCFullYear(0, 0, 1)
  const last = Date.UTC(9999, 11, 31, 23, 59, 59)
  fc.assert(
    fc.property(fc.integer({ min: first / 1000, max: last / 1000 }), (seconds) => {
      expect(parseHttpDate(formatHttpDate(seconds * 1000))).toBe(seconds * 1000)
    }),
  )
})

test('a two-digit year lands within 50 years after now and a century before that', () => {
  const month = fc.constantFrom('Jan', 'Jun', 'Dec')
  const twoDigits = fc.integer({ min: 0, max: 99 }).map((number) => String(number).padStart(2, '0'))
  fc.assert(
    fc.property(month, twoDigits, fc.integer({ min: 1950, max: 2250 }), (name, year, nowYear) => {
      const parsed = parseHttpDate(`Monday, 15-${name}-${year} 00:00:00 GMT`, Date.UTC(nowYear, 6, 1)) ?? Number.NaN
      expect(parsed).toBeLessThanOrEqual(Date.UTC(nowYear + 50, 6, 1))
      expect(parsed).toBeGreaterThan(Date.UTC(nowYear - 50, 6, 1))
      expect(new Date(parsed).getUTCFullYear() % 100).toBe(Number(year))
    }),
  )
})

test('no string makes it throw, and none gives a number that is no time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.option(fc.double(), { nil: undefined }), (value, nowMs) => {
      expect(parseHttpDate(value, nowMs)).not.toBeNaN()
    }),
  )
})
