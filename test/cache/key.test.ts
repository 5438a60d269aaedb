import { describe, expect, test } from 'vitest'
import { cacheKey, selectQuery } from '../../src/cache/key.ts'

describe('the parameters that count', () => {
  test.each([
    ['none are named: none', 'a=1&b=2', [], ''],
    ['an empty query', '', ['a'], ''],
    ['those not named are left out', 'a=1&b=2&c=3', ['b'], 'b=2'],
    ['they stand in the order of their names', 'b=2&a=1', ['a', 'b'], 'a=1&b=2'],
    ['repeated ones keep their order', 'b=1&a=2&a=1&a=3', ['a', 'b'], 'a=2&a=1&a=3&b=1'],
    ['one without a value is kept as it is', 'a&b=', ['a', 'b'], 'a&b='],
    ['names are compared as they are written', 'A=1&%61=2&aa=3', ['a'], ''],
    ['a value may hold equals signs and escapes', 'a=b=c%26&d=1', ['a'], 'a=b=c%26'],
    ['empty parts between ampersands are nothing', '&&a=1&', ['a'], 'a=1'],
    ['a name after a later question mark is part of a value', 'a=1?b=2', ['a', 'b'], 'a=1?b=2'],
  ] as const)('%s', (_title, query, include, expected) => {
    expect(selectQuery(query, include)).toBe(expected)
  })
})

describe('the key', () => {
  test('differs by origin, by object and by the query that counts', () => {
    const keys = [
      cacheKey('a', 'x', ''),
      cacheKey('b', 'x', ''),
      cacheKey('a', 'y', ''),
      cacheKey('a', 'x', 'v=1'),
      cacheKey('a', 'x', 'v=2'),
      cacheKey('a', 'x ', ''),
    ]
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('an object with a question mark in its name is not another object with a query', () => {
    expect(cacheKey('a', 'x?v=1', '')).not.toBe(cacheKey('a', 'x', 'v=1'))
    expect(cacheKey('a', 'x?v=1', '')).not.toBe(cacheKey('a', 'x%3Fv=1', ''))
    expect(cacheKey('a', 'x?', 'v=1')).not.toBe(cacheKey('a', 'x', '?v=1'))
  })
})
