import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { BareItem, Dictionary, InnerList, Item } from '../../src/http/structured-fields.ts'
import { parseDictionary } from '../../src/http/structured-fields.ts'
import { formatDictionary } from '../../src/http/structured-fields-text.ts'

/** The one member of `a=…`, without its parameters. */
function bareValue(text: string): BareItem | undefined {
  const member = parseDictionary(`a=${text}`)?.get('a')
  if (member === undefined || member.type === 'inner-list') return undefined
  const { parameters, ...bare } = member
  expect(parameters.size).toBe(0)
  return bare
}

describe('items', () => {
  const good: readonly (readonly [string, BareItem])[] = [
    ['0', { type: 'integer', value: 0 }],
    ['-0', { type: 'integer', value: 0 }],
    ['-17', { type: 'integer', value: -17 }],
    ['007', { type: 'integer', value: 7 }],
    ['999999999999999', { type: 'integer', value: 999_999_999_999_999 }],
    ['1.0', { type: 'decimal', value: 1 }],
    ['-0.125', { type: 'decimal', value: -0.125 }],
    ['999999999999.999', { type: 'decimal', value: 999_999_999_999.999 }],
    ['""', { type: 'string', value: '' }],
    ['"a, \\"b\\" \\\\"', { type: 'string', value: 'a, "b" \\' }],
    ['abc', { type: 'token', value: 'abc' }],
    ['*a/b:c', { type: 'token', value: '*a/b:c' }],
    ['A', { type: 'token', value: 'A' }],
    ['?1', { type: 'boolean', value: true }],
    ['?0', { type: 'boolean', value: false }],
    ['@1659578233', { type: 'date', value: 1659578233 }],
    ['@-1', { type: 'date', value: -1 }],
    ['%"f%c3%bc %22%25"', { type: 'display-string', value: 'f\u00fc "%' }],
    ['::', { type: 'bytes', value: new Uint8Array() }],
    [':aGVsbG8=:', { type: 'bytes', value: new Uint8Array([104, 101, 108, 108, 111]) }],
    [':aGVsbG8:', { type: 'bytes', value: new Uint8Array([104, 101, 108, 108, 111]) }],
    [':iZ==:', { type: 'bytes', value: new Uint8Array([137]) }],
  ]
  test.each(good)('%s', (text, expected) => {
    expect(bareValue(text)).toEqual(expected)
  })

  const numbers = ['-', '--1', '+1', '1.', '.5', '1.2345', '1234567890123.0', '1000000000000000', '1e3', '0x10', '60s']
  const texts = [
    '"',
    '"a',
    '"a\\b"',
    '"\\',
    '"a"b',
    '"\u00fc"',
    '"a\tb"',
    '"\x7f"',
    "'a'",
    '&',
    'a b',
    'a"b"',
    '\u00fc',
  ]
  const others = ['', '?', '?2', '?true', '@', '@1.5', '@x', ':', ':a', ':a:', ':aaaaa:', ':a=b=:', ':a-_b:', ':====:']
  const display = ['%', '%"', '%a"', '%"%"', '%"%C3%BC"', '%"%c3"', '%"%fz"', '%"\u00fc"', '%"a']
  const lists = ['(', '(a', '(a,b)', '("a""b")', '(a;)', '((a))', '(a\tb)', ')', '(a)b']
  test.each([...numbers, ...texts, ...others, ...display, ...lists])('%j is none', (text) => {
    expect(parseDictionary(`a=${text}`)).toBeUndefined()
    expect(parseDictionary(`x, a=${text}, y=1`)).toBeUndefined()
  })
})

describe('dictionaries', () => {
  test.each(['', ' ', '    '])('%j says nothing', (value) => {
    expect(parseDictionary(value)?.size).toBe(0)
  })

  test('have members with and without values, with any whitespace around the commas', () => {
    const dictionary = parseDictionary('  a=1 \t,\tb,c;x;y="z"; w=?0,*_-.d=tok ')
    expect([...(dictionary ?? [])]).toEqual([
      ['a', { type: 'integer', value: 1, parameters: new Map() }],
      ['b', { type: 'boolean', value: true, parameters: new Map() }],
      [
        'c',
        {
          type: 'boolean',
          value: true,
          parameters: new Map([
            ['x', { type: 'boolean', value: true }],
            ['y', { type: 'string', value: 'z' }],
            ['w', { type: 'boolean', value: false }],
          ]),
        },
      ],
      ['*_-.d', { type: 'token', value: 'tok', parameters: new Map() }],
    ])
  })

  test('have inner lists', () => {
    const list = parseDictionary('a=( "b"  c;d=1 );e, f=()')
    expect(list?.get('a')).toEqual({
      type: 'inner-list',
      items: [
        { type: 'string', value: 'b', parameters: new Map() },
        { type: 'token', value: 'c', parameters: new Map([['d', { type: 'integer', value: 1 }]]) },
      ],
      parameters: new Map([['e', { type: 'boolean', value: true }]]),
    })
    expect(list?.get('f')).toEqual({ type: 'inner-list', items: [], parameters: new Map() })
  })

  test('keep the place of a key that comes twice, and its last value', () => {
    const dictionary = parseDictionary('a=1, b=2, a=3;p=1;q;p=2')
    expect([...(dictionary?.keys() ?? [])]).toEqual(['a', 'b'])
    expect(dictionary?.get('a')).toEqual({
      type: 'integer',
      value: 3,
      parameters: new Map([
        ['p', { type: 'integer', value: 2 }],
        ['q', { type: 'boolean', value: true }],
      ]),
    })
  })

  test.each([
    ',',
    'a,',
    'a, ',
    ',a',
    'a,,b',
    'a b',
    'a;b c',
    '\ta',
    'A',
    'a, B=1',
    'max-Age=1',
    '1a',
    '-a',
    'a =1',
    'a= 1',
    'a;',
    'a;B',
    'a;b=',
    'a ;b',
    'a=1;b=(c)',
    '&&&',
    'a=1, &&&',
    'a=1\n',
    '\u00e4',
  ])('%j is none', (value) => {
    expect(parseDictionary(value)).toBeUndefined()
  })

  test('of great length are read without harm', () => {
    expect(parseDictionary(`a="${'\\"x'.repeat(300_000)}"`)?.size).toBe(1)
    expect(parseDictionary(`a="${'\\"x'.repeat(300_000)}`)).toBeUndefined()
    expect(parseDictionary(`a=${'('.repeat(300_000)}`)).toBeUndefined()
    expect(parseDictionary(`a${';b'.repeat(300_000)}`)?.size).toBe(1)
  })
})

describe('what has no form is not written', () => {
  const none = new Map<string, BareItem>()
  const cases: readonly BareItem[] = [
    { type: 'integer', value: 1e15 },
    { type: 'integer', value: 1.5 },
    { type: 'integer', value: Number.NaN },
    { type: 'date', value: 0.5 },
    { type: 'decimal', value: 1e12 },
    { type: 'decimal', value: 0.0001 },
    { type: 'decimal', value: Infinity },
    { type: 'string', value: 'a\nb' },
    { type: 'string', value: '\u00fc' },
    { type: 'token', value: '' },
    { type: 'token', value: '1a' },
    { type: 'token', value: 'a b' },
    { type: 'display-string', value: '\ud800' },
  ]
  test.each(cases)('%j', (item) => {
    expect(formatDictionary(new Map([['a', { ...item, parameters: none }]]))).toBeUndefined()
    const parameters = new Map([['p', item]])
    expect(formatDictionary(new Map([['a', { type: 'boolean', value: true, parameters }]]))).toBeUndefined()
  })

  test.each(['', 'A', '1', 'a b', 'a,b', 'a\n'])('key %j', (key) => {
    expect(formatDictionary(new Map([[key, { type: 'integer', value: 1, parameters: none }]]))).toBeUndefined()
  })
})

test('a dictionary is written in the one canonical form', () => {
  const written = formatDictionary(parseDictionary('  a=001,b=?1;x=?1 ,c=(  1.50 "\\"" );y=?0, d=:YQ:') ?? new Map())
  expect(written).toBe('a=1, b;x, c=(1.5 "\\"");y=?0, d=:YQ==:')
})

const lower = 'abcdefghijklmnopqrstuvwxyz'
const key = fc
  .tuple(
    fc.constantFrom('a', 'z', '*'),
    fc.string({ unit: fc.constantFrom(...lower, '0', '_', '-', '.', '*'), maxLength: 4 }),
  )
  .map(([first, rest]) => first + rest)
const ascii = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) })
const integer = fc.integer({ min: -999_999_999_999_999, max: 999_999_999_999_999 })
const bareItem: fc.Arbitrary<BareItem> = fc.oneof(
  integer.map((value): BareItem => ({ type: 'integer', value: value + 0 })),
  integer.map((value): BareItem => ({ type: 'date', value: value + 0 })),
  integer.map((value): BareItem => ({ type: 'decimal', value: value / 1000 + 0 })),
  ascii.map((value): BareItem => ({ type: 'string', value })),
  fc.constantFrom('a', '*', 'Z9!#:/', 'no-store').map((value): BareItem => ({ type: 'token', value })),
  fc.string({ unit: 'grapheme' }).map((value): BareItem => ({ type: 'display-string', value })),
  fc.boolean().map((value): BareItem => ({ type: 'boolean', value })),
  fc.uint8Array().map((bytes): BareItem => ({ type: 'bytes', value: new Uint8Array(bytes) })),
)
const parameters = fc.array(fc.tuple(key, bareItem), { maxLength: 3 }).map((pairs) => new Map(pairs))
const item: fc.Arbitrary<Item> = fc.tuple(bareItem, parameters).map(([bare, own]) => ({ ...bare, parameters: own }))
const innerList: fc.Arbitrary<InnerList> = fc
  .tuple(fc.array(item, { maxLength: 3 }), parameters)
  .map(([items, own]) => ({ type: 'inner-list', items, parameters: own }))
const dictionary: fc.Arbitrary<Dictionary> = fc
  .array(fc.tuple(key, fc.oneof(item, innerList)), { maxLength: 4 })
  .map((pairs) => new Map(pairs))

test('what is written is read back the same', () => {
  fc.assert(
    fc.property(dictionary, (members) => {
      const text = formatDictionary(members)
      expect(text).toBeDefined()
      const back = parseDictionary(text ?? '?')
      expect([...(back ?? [])]).toEqual([...members])
    }),
    { numRuns: 500 },
  )
})

test('no string makes it throw, and what it understands it also writes, and reads back the same', () => {
  const piece = fc.oneof(
    fc.constantFrom('a', 'b', '=', ',', ';', ' ', '(', ')', '"', '\\', '?1', '@', ':', 'YQ', '%', '1', '.5', '-', '\t'),
    fc.string({ unit: 'binary', maxLength: 2 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const read = parseDictionary(pieces.join(''))
      if (read === undefined) return
      const text = formatDictionary(read)
      expect(text).toBeDefined()
      expect([...(parseDictionary(text ?? '?') ?? [])]).toEqual([...read])
    }),
    { numRuns: 1000 },
  )
})
