import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RequestDirectives } from '../../src/http/request-directives.ts'
import { parseRequestDirectives } from '../../src/http/request-directives.ts'

const SILENT: RequestDirectives = { noCache: false, noStore: false, onlyIfCached: false }

describe('what a client wishes', () => {
  const cases: readonly (readonly [string | undefined, Partial<RequestDirectives>])[] = [
    [undefined, {}],
    ['', {}],
    [' ,,', {}],
    ['no-cache', { noCache: true }],
    ['No-Store , only-if-CACHED', { noStore: true, onlyIfCached: true }],
    ['no-cache=1', { noCache: true }],
    ['max-age=0', { maxAge: 0 }],
    ['max-age="60"', { maxAge: 60 }],
    ['max-age=60, min-fresh=5, max-stale=7', { maxAge: 60, minFresh: 5, maxStale: 7 }],
    ['max-stale', { maxStale: Infinity }],
    ['MAX-STALE ', { maxStale: Infinity }],
    ['max-stale, max-stale=9', { maxStale: 9 }],
    ['max-stale=9, max-stale', { maxStale: 9 }],
    ['max-age=60, max-age=10, max-age=20', { maxAge: 10 }],
    ['min-fresh=60, min-fresh=90, min-fresh=1', { minFresh: 90 }],
    [`max-age=${'9'.repeat(400)}`, { maxAge: 2 ** 31 }],
    ['no-transform, foo="no-store, max-age=3", public', {}],
    ['x="unclosed, only-if-cached', { onlyIfCached: true }],
  ]
  test.each(cases)('%j', (value, expected) => {
    expect(parseRequestDirectives(value, undefined)).toEqual({ ...SILENT, ...expected })
  })
})

describe('a number that is none is no wish', () => {
  test.each(['', '=', '=""', '=-1', '=+1', '=1.5', '=1e3', '=abc', '= 5', ' =5', '=5 x', "='5'"])('%j', (rest) => {
    const value = `max-age${rest}, min-fresh${rest}, max-stale=${rest}`
    expect(parseRequestDirectives(value, undefined)).toEqual(SILENT)
    expect(parseRequestDirectives(`max-age${rest}, max-age=7`, undefined)).toEqual({ ...SILENT, maxAge: 7 })
  })
})

describe('Pragma', () => {
  test.each(['no-cache', 'No-Cache', ' x , no-cache', 'no-cache,foo=bar'])('%j alone asks for no-cache', (pragma) => {
    expect(parseRequestDirectives(undefined, pragma)).toEqual({ ...SILENT, noCache: true })
  })

  test.each(['', 'no-store', 'nocache', 'no-cache=1', '"no-cache"', 'x-no-cache'])('%j asks for nothing', (pragma) => {
    expect(parseRequestDirectives(undefined, pragma)).toEqual(SILENT)
  })

  test.each(['', 'max-stale', 'no-transform'])('beside Cache-Control: %j it does not count', (cacheControl) => {
    expect(parseRequestDirectives(cacheControl, 'no-cache').noCache).toBe(false)
  })
})

test('no strings make it throw, and no number is negative or fractional', () => {
  const piece = fc.oneof(
    fc.constantFrom('max-age', 'min-fresh', 'max-stale', '=', ',', '"', '\\', '-', '1', '99999999999', ' ', '.'),
    fc.string({ unit: 'binary', maxLength: 3 }),
  )
  const text = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(fc.option(text, { nil: undefined }), fc.option(text, { nil: undefined }), (value, pragma) => {
      const { maxAge, minFresh, maxStale } = parseRequestDirectives(value, pragma)
      for (const seconds of [maxAge, minFresh]) {
        if (seconds !== undefined) expect(Number.isInteger(seconds) && seconds >= 0 && seconds <= 2 ** 31).toBe(true)
      }
      if (maxStale !== undefined) expect(maxStale).toBeGreaterThanOrEqual(0)
    }),
    { numRuns: 1000 },
  )
})
