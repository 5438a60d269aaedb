import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CacheControl } from '../../src/http/cache-control.ts'
import { parseCacheControl } from '../../src/http/cache-control.ts'

const SILENT: CacheControl = {
  noStore: false,
  noCache: false,
  private: false,
  public: false,
  mustRevalidate: false,
  proxyRevalidate: false,
  mustUnderstand: false,
  immutable: false,
}

describe('directives are read', () => {
  const cases: readonly (readonly [string | undefined, Partial<CacheControl>])[] = [
    [undefined, {}],
    ['', {}],
    [' , ,', {}],
    ['no-store', { noStore: true }],
    ['max-age=60', { maxAge: 60 }],
    ['MAX-AGE=60, Public', { maxAge: 60, public: true }],
    ['max-age="60"', { maxAge: 60 }],
    ['max-age="6\\0"', { maxAge: 60 }],
    ['max-age=0060', { maxAge: 60 }],
    ['max-age=60,s-maxage=5', { maxAge: 60, sMaxage: 5 }],
    [',max-age=60\t,\t, immutable ,', { maxAge: 60, immutable: true }],
    ['must-revalidate, proxy-revalidate', { mustRevalidate: true, proxyRevalidate: true }],
    ['Must-Understand, no-store', { mustUnderstand: true, noStore: true }],
    ['max-age=1, stale-while-revalidate=2, stale-if-error=3', { maxAge: 1, staleWhileRevalidate: 2, staleIfError: 3 }],
    ['max-age=1 , stale-if-error=3', { maxAge: 1, staleIfError: 3 }],
    ['no-cache="set-cookie, max-age=3", max-age=60', { noCache: true, maxAge: 60 }],
    ['private="a\\", b", public', { private: true, public: true }],
    ['foo=bar, max-age=60, x="no-store, private", y', { maxAge: 60 }],
    ['max-age=60, public, s-maxage=5, public', { maxAge: 60, sMaxage: 5, public: true }],
    ['max-age=60,  , x="a, b', { maxAge: 60 }],
    ['x="a, no-cache', { noCache: true }],
    ['x="a, y="b", no-store', { noStore: true }],
    ["x='a, no-store'", {}],
    ['xmax-age=60, max-agex=60, max_age=60', {}],
  ]
  test.each(cases)('%j', (value, expected) => {
    expect(parseCacheControl(value)).toEqual({ ...SILENT, ...expected })
  })
})

describe('a number of seconds that is none is stale', () => {
  test.each([
    'max-age',
    'max-age=',
    'max-age=""',
    'max-age=-1',
    'max-age=+1',
    'max-age=1.5',
    'max-age=1e3',
    'max-age=0x10',
    'max-age=60s',
    'max-age=abc',
    'max-age=6 0',
    'max-age =60',
    'max-age= 60',
    'max-age:60',
    'max-age="60" x',
    'max-age="60',
    'max-age="-60"',
    "max-age='60'",
    'max-age=60\u00a0',
    'max-age=\u0666',
  ])('%j', (value) => {
    expect(parseCacheControl(value)).toEqual({ ...SILENT, maxAge: 0 })
    expect(parseCacheControl(`public, ${value}`).maxAge).toBe(0)
  })
})

describe('too large a number is the largest', () => {
  test.each(['2147483648', '2147483649', '9'.repeat(400)])('max-age=%s', (digits) => {
    expect(parseCacheControl(`max-age=${digits}`).maxAge).toBe(2 ** 31)
  })

  test('and one below it is itself', () => {
    expect(parseCacheControl('max-age=2147483647').maxAge).toBe(2 ** 31 - 1)
  })
})

describe('of what is said twice the more restrictive counts', () => {
  test.each([
    ['max-age=60, max-age=10', 10],
    ['max-age=10, max-age=60', 10],
    ['max-age=10, max-age=10', 10],
    ['max-age=60, max-age=never', 0],
    ['max-age, max-age=60', 0],
  ])('%s', (value, seconds) => {
    expect(parseCacheControl(value).maxAge).toBe(seconds)
  })
})

describe('what forbids is heeded even where it is malformed or stands behind something malformed', () => {
  test.each(['no-store=1', 'no-store foo', 'no-store="x', 'x="unclosed, no-store', '=, no-store', '"", no-store'])(
    '%s',
    (value) => {
      expect(parseCacheControl(value).noStore).toBe(true)
    },
  )
})

test('no string makes it throw, and every number is whole and between 0 and 2^31', () => {
  const piece = fc.oneof(
    fc.constantFrom('max-age', 's-maxage', '=', ',', '"', '\\', '-', '1', '99999999999', ' ', 'stale-if-error=', '.'),
    fc.string({ unit: 'binary', maxLength: 3 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
      const { maxAge, sMaxage, staleWhileRevalidate, staleIfError } = parseCacheControl(pieces.join(''))
      for (const seconds of [maxAge, sMaxage, staleWhileRevalidate, staleIfError]) {
        if (seconds === undefined) continue
        expect(Number.isInteger(seconds) && seconds >= 0 && seconds <= 2 ** 31).toBe(true)
      }
    }),
    { numRuns: 1000 },
  )
})

test('another directive beside it never makes a response fresher', () => {
  const extra = fc.oneof(
    fc.string(),
    fc.integer().map((seconds) => `max-age=${seconds}`),
  )
  fc.assert(
    fc.property(fc.nat(), extra, (seconds, other) => {
      const alone = parseCacheControl(`max-age=${seconds}`).maxAge ?? Number.NaN
      expect(parseCacheControl(`max-age=${seconds}, ${other}`).maxAge).toBeLessThanOrEqual(alone)
    }),
  )
})
