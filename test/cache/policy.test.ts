import { describe, expect, test } from 'vitest'
import type { CacheRules, Received } from '../../src/cache/policy.ts'
import { decide } from '../../src/cache/policy.ts'
import { formatHttpDate } from '../../src/http/date.ts'

const NOW_MS = Date.UTC(2026, 0, 1, 12)
const RULES: CacheRules = {
  defaultTtlMs: 60_000,
  negativeTtlMs: new Map([
    [404, 1000],
    [403, 2500],
    [410, 0],
  ]),
}
const FIXED: CacheRules = { ...RULES, ttlMs: 1500 }

function received(headers: Received['headers'] = {}, status = 200): Received {
  return { status, headers, requestTimeMs: NOW_MS, responseTimeMs: NOW_MS }
}

/** Milliseconds of freshness left on arrival, or why it is not stored. */
function ttlMs(answer: Received, rules = RULES): number | string {
  const decision = decide(answer, rules)
  return decision.kind === 'store' ? decision.freshness.staleAtMs - answer.responseTimeMs : decision.reason
}

const date = (offsetSeconds: number) => formatHttpDate(NOW_MS + offsetSeconds * 1000)

describe('how long a 200 is fresh', () => {
  const cases: readonly (readonly [string, Received['headers'], number | string])[] = [
    ['nothing said: the default', {}, 60_000],
    ['a directive about something else: the default', { 'cache-control': 'public, immutable' }, 60_000],
    ['max-age', { 'cache-control': 'max-age=10' }, 10_000],
    ['s-maxage over max-age', { 'cache-control': 'max-age=10, s-maxage=20' }, 20_000],
    ['s-maxage of 0 over max-age', { 'cache-control': 'max-age=10, s-maxage=0' }, 0],
    ['max-age over Expires', { 'cache-control': 'max-age=10', expires: date(99) }, 10_000],
    ['Expires counted from Date', { expires: date(30), date: date(0) }, 30_000],
    ['Expires without Date counted from arrival', { expires: date(30) }, 30_000],
    ['Expires in the past', { expires: date(-30), date: date(0) }, 0],
    ['Expires: 0', { expires: '0' }, 0],
    ['Expires that is no date', { expires: 'tomorrow' }, 0],
    ['an empty Expires', { expires: '' }, 0],
    ['max-age that is no number', { 'cache-control': 'max-age=soon' }, 0],
    ['max-age=0', { 'cache-control': 'max-age=0' }, 0],
    ['no-cache', { 'cache-control': 'no-cache, max-age=10' }, 0],
    ['no-store', { 'cache-control': 'no-store' }, 'no-store'],
    ['no-store beside max-age', { 'cache-control': 'max-age=10, NO-STORE' }, 'no-store'],
    ['private', { 'cache-control': 'private, max-age=10' }, 'private'],
    ['private for one field only', { 'cache-control': 'private="set-cookie", max-age=10' }, 'private'],
    ['must-revalidate does not shorten it', { 'cache-control': 'max-age=10, must-revalidate' }, 10_000],
  ]
  test.each(cases)('%s', (_title, headers, expected) => {
    expect(ttlMs(received(headers))).toBe(expected)
  })
})

describe('a route that states a ttl', () => {
  test.each([
    ['nothing', {}],
    ['a longer max-age', { 'cache-control': 'max-age=600' }],
    ['no-store', { 'cache-control': 'no-store' }],
    ['private', { 'cache-control': 'private' }],
    ['no-cache', { 'cache-control': 'no-cache' }],
    ['Expires: 0', { expires: '0' }],
    ['an Age of a year', { age: '31536000', 'cache-control': 'max-age=10' }],
    ['a Date of last year', { date: date(-31_536_000) }],
  ] as const)('has its way over an origin that says %s', (_title, headers) => {
    expect(ttlMs(received(headers), FIXED)).toBe(1500)
  })

  test('of 0 stores what is stale at once', () => {
    expect(ttlMs(received(), { ...RULES, ttlMs: 0 })).toBe(0)
  })

  test('does not hide how old the answer was on arrival', () => {
    expect(decide(received({ age: '7' }), FIXED)).toEqual({
      kind: 'store',
      freshness: { initialAgeSeconds: 7, staleAtMs: NOW_MS + 1500 },
    })
  })
})

describe('an answer that was old when it arrived', () => {
  test('has its Age taken off what the origin stated', () => {
    expect(ttlMs(received({ 'cache-control': 'max-age=60', age: '25' }))).toBe(35_000)
  })

  test('can have spent more than its whole lifetime', () => {
    expect(ttlMs(received({ 'cache-control': 'max-age=60', age: '61' }))).toBe(-1000)
  })

  test('shows its age by its Date where there is no Age', () => {
    expect(ttlMs(received({ 'cache-control': 'max-age=60', date: date(-20) }))).toBe(40_000)
  })

  test('is as old as the larger of the two', () => {
    const headers = { 'cache-control': 'max-age=60', date: date(-20), age: '5' }
    expect(ttlMs(received(headers))).toBe(40_000)
    expect(ttlMs(received({ ...headers, age: '30' }))).toBe(30_000)
  })

  test('has the time the answer took added to its Age', () => {
    const slow: Received = { ...received({ 'cache-control': 'max-age=60', age: '5' }), requestTimeMs: NOW_MS - 3000 }
    expect(ttlMs(slow)).toBe(52_000)
  })

  test('keeps the default lifetime whole, since that is counted from here', () => {
    expect(ttlMs(received({ age: '25' }))).toBe(60_000)
  })
})

describe('an origin whose clock is wrong', () => {
  test('ahead of ours makes nothing older, and nothing fresher than it says', () => {
    const headers = { date: date(3600), 'cache-control': 'max-age=60' }
    expect(decide(received(headers), RULES)).toEqual({
      kind: 'store',
      freshness: { initialAgeSeconds: 0, staleAtMs: NOW_MS + 60_000 },
    })
  })

  test('ahead of ours has Expires counted by its own clock', () => {
    expect(ttlMs(received({ date: date(3600), expires: date(3630) }))).toBe(30_000)
  })

  test('and writes a Date that is no date is taken to mean now', () => {
    expect(ttlMs(received({ date: 'yesterday', 'cache-control': 'max-age=60' }))).toBe(60_000)
  })

  test('within the same second as ours costs no freshness', () => {
    const answer: Received = {
      ...received({ date: date(0), 'cache-control': 'max-age=60' }),
      requestTimeMs: NOW_MS + 900,
      responseTimeMs: NOW_MS + 999,
    }
    expect(ttlMs(answer)).toBe(60_000)
  })
})

describe('an answer without the object', () => {
  test('is stored as long as its status says', () => {
    expect(ttlMs(received({}, 404))).toBe(1000)
    expect(ttlMs(received({}, 403))).toBe(2500)
  })

  test('is not stored when its status is not listed, or listed with 0', () => {
    expect(ttlMs(received({}, 412))).toBe('status')
    expect(ttlMs(received({}, 410))).toBe('status')
  })

  test('is never fresh by ttl, default or what the origin says', () => {
    expect(ttlMs(received({ 'cache-control': 'max-age=600' }, 404), FIXED)).toBe(1000)
    expect(ttlMs(received({ 'cache-control': 'max-age=600' }, 412), FIXED)).toBe('status')
  })
})
