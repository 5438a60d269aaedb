import { describe, expect, test } from 'vitest'
import { normaliseAcceptEncoding, normaliseAcceptLanguage } from '../../src/http/preferences.ts'

describe('the one form of Accept-Encoding', () => {
  test.each([
    ['', 'identity'],
    ['gzip;q=0, br;q=0', 'identity'],
    ['GZIP', 'gzip'],
    ['deflate;q=0.5, x-gzip;q=0.50, br;q=1.0, *;q=0.001', 'br, deflate;q=0.5, gzip;q=0.5, *;q=0.001'],
    ['a;q=0.9, z', 'z, a;q=0.9'],
    ['gzip, *;q=0', 'gzip, identity;q=0'],
    ['br;q=0, *', '*, br;q=0'],
  ])('of %j is %j', (value, expected) => {
    expect(normaliseAcceptEncoding(value)).toBe(expected)
  })

  test.each([
    'gzip br',
    'gzip;q',
    'gzip;q=1.1',
    'gzip;q=0.0001',
    'gzip;v=1',
    'gzip;q=1;v=1',
    ';q=1',
    'gzip;q=.5',
    'g\u00fc',
  ])('of %j is not known', (value) => {
    expect(normaliseAcceptEncoding(value)).toBeUndefined()
    expect(normaliseAcceptEncoding(`br, ${value}`)).toBeUndefined()
  })
})

describe('the one form of Accept-Language', () => {
  test.each([
    ['', ''],
    ['de-AT, de;q=0.8 , en;q=0.80,*;q=0.1', 'de-at, de;q=0.8, en;q=0.8, *;q=0.1'],
    ['a;q=0.9, z', 'z, a;q=0.9'],
    ['en;q=0', 'en;q=0'],
    ['zh-Hans-CN', 'zh-hans-cn'],
  ])('of %j is %j', (value, expected) => {
    expect(normaliseAcceptLanguage(value)).toBe(expected)
  })

  test.each(['en_GB', 'toolonglanguage', 'e-', '1a', 'en;level=1', 'en, en;q=0.5'])('of %j is not known', (value) => {
    expect(normaliseAcceptLanguage(value)).toBeUndefined()
  })
})
