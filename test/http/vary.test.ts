import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalisedValue, parseVary, selectingKey } from '../../src/http/vary.ts'

describe('the names in Vary', () => {
  const cases: readonly (readonly [string | undefined, readonly string[] | '*'])[] = [
    [undefined, []],
    ['', []],
    [' , ,', []],
    ['Origin', ['origin']],
    ['origin, Accept-Encoding', ['accept-encoding', 'origin']],
    ['b,a,B , A', ['a', 'b']],
    ['\tfoo\t,,bar ', ['bar', 'foo']],
    ['*', '*'],
    [' * ', '*'],
    ['*, *', '*'],
    [', *', '*'],
    ['foo, *', '*'],
    ['*, foo', '*'],
    ['foo bar', '*'],
    ['foo, "bar"', '*'],
    ['foo, b\u00e4r', '*'],
    ['foo;bar', '*'],
    ['*foo', ['*foo']],
  ]
  test.each(cases)('%j', (value, expected) => {
    expect(parseVary(value)).toEqual(expected)
  })

  test('do not depend on order, case and repetition, and hold for themselves', () => {
    const names = fc.array(fc.constantFrom('a', 'B', 'Accept', 'x-y', 'Z'), { maxLength: 8 })
    fc.assert(
      fc.property(names, (list) => {
        const parsed = parseVary(list.join(', '))
        expect(parseVary([...list, ...list].toReversed().join(' ,,').toUpperCase())).toEqual(parsed)
        if (parsed !== '*') expect(parseVary(parsed.join(', '))).toEqual(parsed)
      }),
    )
  })

  test('no string makes it throw, and only names come out', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const parsed = parseVary(value)
        for (const name of parsed === '*' ? [] : parsed) expect(name).toMatch(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/)
      }),
    )
  })
})

function keyOf(name: string, value: string | readonly string[] | undefined): string {
  return selectingKey([name], { [name]: value })
}

function expectSame(name: string, values: readonly (string | readonly string[] | undefined)[]): void {
  expect(new Set(values.map((value) => keyOf(name, value))).size, `${name}: ${JSON.stringify(values)}`).toBe(1)
}

function expectDistinct(name: string, values: readonly (string | readonly string[] | undefined)[]): void {
  expect(new Set(values.map((value) => keyOf(name, value))).size, JSON.stringify(values)).toBe(values.length)
}

describe('any selecting field', () => {
  test('that is absent is not one that is empty', () => {
    for (const name of ['x-a', 'accept-encoding', 'accept-language']) {
      expectDistinct(name, [undefined, ''])
      expectSame(name, [undefined, []])
      expect(selectingKey([name], {})).toBe(keyOf(name, undefined))
    }
  })

  test('means the same on one line and on several, with whitespace around its commas and without', () => {
    expectSame('x-a', ['1,2', '1, 2', ' 1 ,\t2 ', ['1', '2'], ['1 ', '\t2']])
  })

  test('keeps its case, its order, its empty members and the whitespace within them', () => {
    expectDistinct('x-a', ['a b', 'ab', 'a  b', 'A b', 'a, b', 'b, a', 'a,, b', 'a, b,'])
  })

  test('keeps what stands in quotes', () => {
    expectDistinct('x-a', ['"a, b"', '"a,b"', '"a , b"', '"a\\",b"'])
    expectSame('x-a', ['x="a , b" ,c', 'x="a , b", c'])
    expectSame('x-a', ['"a , b', '"a, b'])
  })

  test('named like something every object has is a field like any other', () => {
    expect(selectingKey(['constructor'], {})).toBe(keyOf('constructor', undefined))
    expectDistinct('__proto__', [undefined])
    expect(selectingKey(['__proto__'], JSON.parse('{"__proto__":"a"}'))).toContain('a')
  })

  test('adds nothing to the key when it is not named', () => {
    expect(selectingKey(['x-a'], { 'x-a': '1', other: '2' })).toBe(selectingKey(['x-a'], { 'x-a': '1', other: '3' }))
  })
})

describe('Accept-Encoding', () => {
  const name = 'accept-encoding'
  const equals: readonly (readonly (string | readonly string[])[])[] = [
    [
      'gzip',
      'GZIP',
      ' gzip ',
      'x-gzip',
      'gzip;q=1',
      'gzip;q=1.0',
      'gzip; Q=1.000',
      'gzip ;q=1.',
      'gzip,',
      'gzip, gzip',
    ],
    ['gzip, br', 'br, gzip', 'br,gzip;q=1', ['br', 'gzip'], 'br, X-Gzip'],
    ['br;q=0.5, gzip', 'gzip, br;q=0.50', 'gzip;q=1.0, br;q=0.500'],
    ['gzip', 'gzip, br;q=0', 'gzip, br;q=0.000, zstd;q=0.'],
    ['', ' ', ',', 'identity', 'identity;q=0.5', 'gzip;q=0', 'gzip;q=0, identity'],
    ['*;q=0', 'identity;q=0', 'identity;q=0, *;q=0', 'gzip;q=0, *;q=0', 'identity;q=0, br;q=0'],
    ['gzip, *;q=0', 'gzip, identity;q=0', 'gzip, br;q=0, identity;q=0.0, *;q=0'],
    ['gzip, identity', 'gzip, identity, *;q=0'],
    ['compress', 'x-compress'],
    ['gzip;q=0, *', '*, x-gzip;q=0'],
  ]
  test.each(equals)('%j is the same as the others of its row', (...values) => {
    expectSame(name, values)
  })

  test('differs where its meaning does', () => {
    expectDistinct(name, [
      undefined,
      '',
      'gzip',
      'br',
      'gzip, br',
      'gzip, br;q=0.5',
      'gzip;q=0.5, br',
      'gzip, identity',
      'gzip, identity;q=0.5',
      'gzip, identity;q=0',
      '*',
      '*, gzip;q=0',
      'identity;q=0',
    ])
  })

  test('that is malformed or contradicts itself is compared as it was written', () => {
    expectDistinct(name, [
      'gzip',
      'gzip;q=2',
      'gzip;q=-1',
      'gzip;q=0.1234',
      'gzip;level=1',
      'gz ip',
      'gzip;q=',
      'gzip;',
    ])
    expectDistinct(name, ['gzip', 'gzip, gzip;q=0', 'gzip;q=0, gzip', 'GZIP;q=0, gzip'])
    expectSame(name, ['gzip;q=2,br', 'gzip;q=2 , br'])
  })
})

describe('Accept-Language', () => {
  const name = 'accept-language'
  test('is compared without case, whitespace and order', () => {
    expectSame(name, ['en, de', 'de, en', 'eN, De', ' en ,   de', ['de', 'en'], 'en;q=1.0,de'])
    expectSame(name, ['de;q=0.8, en-GB', 'en-gb, de;q=0.80'])
  })

  test('differs where its weights or its ranges do', () => {
    expectDistinct(name, ['en', 'de', 'en, de', 'en, de;q=0.9', 'en;q=0.9, de', 'en-gb', 'en, en-gb;q=0', '*', ''])
  })

  test('that is malformed is compared as it was written', () => {
    expectDistinct(name, ['en', 'en_GB', 'en_gb', 'en;q=high', 'en;q=1.5'])
  })
})

const value = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc
    .array(
      fc.constantFrom(
        'gzip',
        'br',
        '*',
        'identity',
        'x-gzip',
        'EN',
        'de-DE',
        ';q=',
        '0',
        '1.0',
        '0.5',
        ',',
        ' ',
        '"',
        '\\',
      ),
      { maxLength: 12 },
    )
    .map((pieces) => pieces.join('')),
)
const lines = fc.option(fc.oneof(value, fc.array(value, { maxLength: 3 })), { nil: undefined })

test('normalising a second time changes nothing', () => {
  fc.assert(
    fc.property(fc.constantFrom('accept-encoding', 'accept-language', 'x-a'), lines, (name, written) => {
      const once = normalisedValue(name, written)
      expect(normalisedValue(name, once)).toBe(once)
    }),
    { numRuns: 3000 },
  )
})

test('a key says which values it was made of, and no two lists of values have the same one', () => {
  const names = ['accept-encoding', 'accept-language', 'x-a', 'x-b']
  const request = fc.record(Object.fromEntries(names.map((name) => [name, lines])))
  fc.assert(
    fc.property(request, request, (a, b) => {
      const isSame = names.every((name) => normalisedValue(name, a[name]) === normalisedValue(name, b[name]))
      expect(selectingKey(names, a) === selectingKey(names, b)).toBe(isSame)
    }),
    { numRuns: 2000 },
  )
  expect(selectingKey(['a', 'b'], { a: '1b:1:2' })).not.toBe(selectingKey(['a', 'b'], { a: '1', b: '2' }))
  expect(selectingKey(['a', 'b'], { a: '1' })).not.toBe(selectingKey(['a', 'b'], { b: '1' }))
})

test('a long row of quotes that are never closed is read once', () => {
  expect(keyOf('x-a', '\\"'.repeat(500_000))).toContain('1000000')
})

test('a key is the same however many other values were seen in between', () => {
  const before = keyOf('accept-encoding', 'x-gzip;q=0.50, br')
  for (let index = 0; index < 1000; index += 1) keyOf('accept-encoding', `br, c${index}`)
  expect(keyOf('accept-encoding', 'br, gzip;q=0.5')).toBe(before)
  expect(keyOf('accept-language', 'br, gzip;q=0.5')).toBe('accept-language:14:br, gzip;q=0.5')
  const long = `br, ${'c'.repeat(1000)}`
  expect(keyOf('accept-encoding', long.toUpperCase())).toBe(keyOf('accept-encoding', long))
})
