import { describe, expect, test } from 'vitest'
import {
  acceptedCodings,
  encodedEtag,
  forbidsTransform,
  isUntransformable,
  varyByEncoding,
} from '../../src/http/content-coding.ts'

describe('the tag of an encoded representation', () => {
  const tags: readonly (readonly [string, string | undefined])[] = [
    ['"abc"', '"abc-br"'],
    ['W/"abc"', 'W/"abc-br"'],
    ['""', '"-br"'],
    ['"a-b,c"', '"a-b,c-br"'],
    ['abc', undefined],
    ['"abc', undefined],
    ['', undefined],
  ]
  test.each(tags)('%s becomes %s', (etag, encoded) => {
    expect(encodedEtag(etag, 'br')).toBe(encoded)
  })
})

describe('Vary', () => {
  const values: readonly (readonly [string | undefined, string])[] = [
    [undefined, 'Accept-Encoding'],
    ['', 'Accept-Encoding'],
    ['Origin', 'Origin, Accept-Encoding'],
    ['Origin, accept-encoding', 'Origin, accept-encoding'],
    ['Accept-Encoding-Not', 'Accept-Encoding-Not, Accept-Encoding'],
    ['*', '*'],
  ]
  test.each(values)('“%s” becomes “%s”', (vary, more) => {
    expect(varyByEncoding(vary)).toBe(more)
  })
})

describe('no-transform', () => {
  const values: readonly (readonly [string | undefined, boolean])[] = [
    [undefined, false],
    ['', false],
    ['max-age=60', false],
    ['no-transform', true],
    ['max-age=60, No-Transform', true],
    ['max-age=60,no-transform=1', true],
    ['x="no-transform"', false],
    ['x=no-transform', false],
    ['no-transformation', false],
  ]
  test.each(values)('in “%s”: %s', (value, isThere) => {
    expect(forbidsTransform(value)).toBe(isThere)
    expect(isUntransformable(value === undefined ? {} : { 'cache-control': value })).toBe(isThere)
  })

  test('counts where it is told to caches of CDNs alone', () => {
    expect(isUntransformable({ 'cdn-cache-control': 'no-transform' })).toBe(true)
  })
})

test('ever new spellings do not fill the memory, and come out right', () => {
  for (let index = 0; index < 1000; index += 1) {
    expect(acceptedCodings(`x-${index}, gzip;q=0.5, br;q=0.2`)).toEqual(['gzip', 'br'])
  }
  expect(acceptedCodings('gzip, br')).toEqual(['br', 'gzip'])
})
