import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CacheControl } from '../../src/http/cache-control.ts'
import { parseCacheControl } from '../../src/http/cache-control.ts'
import { effectiveCacheControl, parseCdnCacheControl } from '../../src/http/cdn-cache-control.ts'

const SILENT: CacheControl = parseCacheControl(undefined)

describe('CDN-Cache-Control is read', () => {
  const cases: readonly (readonly [string, Partial<CacheControl>])[] = [
    ['max-age=60', { maxAge: 60 }],
    ['  max-age=60  ', { maxAge: 60 }],
    ['max-age=060,s-maxage=5', { maxAge: 60, sMaxage: 5 }],
    ['no-store', { noStore: true }],
    ['private, no-cache="set-cookie, x", public', { private: true, noCache: true, public: true }],
    ['must-revalidate, proxy-revalidate, immutable', { mustRevalidate: true, proxyRevalidate: true, immutable: true }],
    ['must-understand, no-store', { mustUnderstand: true, noStore: true }],
    ['max-age=1, stale-while-revalidate=2, stale-if-error=3', { maxAge: 1, staleWhileRevalidate: 2, staleIfError: 3 }],
    ['foobar, max-age=60, x=("no-store" private)', { maxAge: 60 }],
    ['max-age=60;s-maxage=1;no-store', { maxAge: 60 }],
    ['max-age=99999999999', { maxAge: 2 ** 31 }],
    ['max-age=1, max-age=60', { maxAge: 60 }],
    ['none', {}],
  ]
  test.each(cases)('%j', (value, expected) => {
    expect(parseCdnCacheControl(value)).toEqual({ ...SILENT, ...expected })
  })
})

describe('a field that is empty or no dictionary is no field', () => {
  test.each([
    undefined,
    '',
    '   ',
    'max-age=10000, &&&&&',
    'max-age =100',
    'max-age= 100',
    'MaX-aGe=3600',
    'No-Store',
    'max-age=60,',
    ', max-age=60',
    'max-age=',
    'max-age=60s',
    'max-age=9999999999999999',
    'max-age="60',
    'no-store max-age=60',
  ])('%j', (value) => {
    expect(parseCdnCacheControl(value)).toBeUndefined()
  })
})

describe('a value of another type', () => {
  test.each(['"10000"', '60.0', '60.5', 'tok', '?1', '?0', '@60', '(60)', ':YQ==:', '-1'])(
    'is no number of seconds, and so stale: max-age=%s',
    (value) => {
      expect(parseCdnCacheControl(`max-age=${value}, s-maxage=${value}, stale-if-error=${value}`)).toEqual({
        ...SILENT,
        maxAge: 0,
        sMaxage: 0,
        staleIfError: 0,
      })
    },
  )

  test('is none either where there is no value', () => {
    expect(parseCdnCacheControl('max-age')).toEqual({ ...SILENT, maxAge: 0 })
  })

  test.each(['1', '"x"', 'tok', '("a")', '60.5'])(
    'forbids what its directive forbids, and permits nothing: %s',
    (value) => {
      const named = [
        'no-store',
        'no-cache',
        'private',
        'must-revalidate',
        'proxy-revalidate',
        'public',
        'must-understand',
      ]
      expect(parseCdnCacheControl(named.map((name) => `${name}=${value}`).join(', '))).toEqual({
        ...SILENT,
        noStore: true,
        noCache: true,
        private: true,
        mustRevalidate: true,
        proxyRevalidate: true,
      })
    },
  )

  test('that says no means no', () => {
    expect(parseCdnCacheControl('no-store=?0, no-cache=?0, private=?0, public=?0, max-age=5')).toEqual({
      ...SILENT,
      maxAge: 5,
    })
    expect(parseCdnCacheControl('no-store, public=?1, no-store=?0')).toEqual({ ...SILENT, public: true })
  })
})

describe('which field decides', () => {
  test('a valid CDN-Cache-Control, and nothing of Cache-Control', () => {
    expect(effectiveCacheControl({ cdnCacheControl: 'max-age=60', cacheControl: 'no-store, s-maxage=1' })).toEqual({
      cacheControl: { ...SILENT, maxAge: 60 },
      isTargeted: true,
    })
    expect(effectiveCacheControl({ cdnCacheControl: 'none', cacheControl: 'no-store' })).toEqual({
      cacheControl: SILENT,
      isTargeted: true,
    })
  })

  test.each(['', 'max-age=60, &', 'NO-STORE', undefined])('Cache-Control where it is %j', (cdnCacheControl) => {
    expect(effectiveCacheControl({ cdnCacheControl, cacheControl: 'max-age=5' })).toEqual({
      cacheControl: { ...SILENT, maxAge: 5 },
      isTargeted: false,
    })
  })
})

test('no string makes it throw, and every number is whole and between 0 and 2^31', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      'max-age',
      's-maxage',
      'stale-if-error',
      'no-store',
      '=',
      ', ',
      ';',
      '"',
      '-',
      '1',
      '9999999',
      '.5',
    ),
    fc.string({ unit: 'binary', maxLength: 2 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
      const parsed = parseCdnCacheControl(pieces.join(''))
      if (parsed === undefined) return
      for (const seconds of [parsed.maxAge, parsed.sMaxage, parsed.staleIfError, parsed.staleWhileRevalidate]) {
        if (seconds !== undefined) expect(Number.isInteger(seconds) && seconds >= 0 && seconds <= 2 ** 31).toBe(true)
      }
    }),
    { numRuns: 1000 },
  )
})
