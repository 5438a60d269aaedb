import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { connectionOptions, endToEndHeaders, isFieldValue, isHopByHop } from '../../src/http/headers.ts'

describe('which fields are for the next hop only', () => {
  test.each([
    'Connection',
    'keep-alive',
    'Proxy-Connection',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'UPGRADE',
    'proxy-authenticate',
    'proxy-authorization',
  ])('%s is', (name) => {
    expect(isHopByHop(name)).toBe(true)
  })

  test.each(['etag', 'Content-Length', 'cache-control', 'x-connection', 'constructor', ''])('%s is not', (name) => {
    expect(isHopByHop(name)).toBe(false)
  })
})

test('the members of Connection are read in lower case, without what is no token', () => {
  expect(connectionOptions(undefined)).toEqual([])
  expect(connectionOptions('')).toEqual([])
  expect(connectionOptions('close')).toEqual(['close'])
  expect(connectionOptions(' Keep-Alive ,, X-Secret\t,a b,"x"')).toEqual(['keep-alive', 'x-secret'])
})

describe('which values may stand in a message', () => {
  test.each(['', 'a', 'a b', 'a\tb', '"~!"', '\u00e9\u00ff'])('%j may', (value) => {
    expect(isFieldValue(value)).toBe(true)
  })

  test.each(['\r', '\n', 'a\r\nX: b', '\0', 'a\x01', '\x1f', '\x7f', '\u0100', '\u{1f3ac}', 'a\u2028b'])(
    '%j may not',
    (value) => {
      expect(isFieldValue(value)).toBe(false)
    },
  )
})

describe('end-to-end fields', () => {
  test('names become lower case, several values one, and absent ones nothing', () => {
    const fields = endToEndHeaders({ ETag: '"a"', Vary: ['origin', 'range'], Age: undefined, 'X-Empty': '', Link: [] })
    expect(fields).toEqual({ etag: '"a"', vary: 'origin, range', 'x-empty': '', link: '' })
  })

  test('one field under two spellings is one field', () => {
    expect(endToEndHeaders({ Vary: 'a', vary: 'b', VARY: ['c', 'd'] })).toEqual({ vary: 'a, b, c, d' })
  })

  test('those of the hop are left out, named by us or by Connection', () => {
    const fields = endToEndHeaders({
      Connection: ['close', 'X-Hop'],
      'x-hop': '1',
      'X-HOP-2': '2',
      'Keep-Alive': 'timeout=5',
      'Transfer-Encoding': 'chunked',
      etag: '"a"',
    })
    expect(fields).toEqual({ 'x-hop-2': '2', etag: '"a"' })
  })

  test('a field with a forbidden character in its name or value is left out', () => {
    const fields = endToEndHeaders({
      a: 'x\r\nSet-Cookie: b',
      b: ['fine', 'not\0fine'],
      'c d': '1',
      'e:': '1',
      '': '1',
      f: '\u2028',
      g: 'kept',
    })
    expect(fields).toEqual({ g: 'kept' })
  })

  test('names that objects know already are names like any other', () => {
    const fields = endToEndHeaders(JSON.parse('{"__proto__":"a","constructor":"b"}'))
    expect(Object.entries(fields)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ])
    expect(Object.getPrototypeOf(fields)).toBe(Object.prototype)
  })

  test('whatever comes in, only what a message can carry goes out', () => {
    const text = fc.string({ unit: 'binary', maxLength: 6 })
    const raw = fc.dictionary(
      fc.oneof(text, fc.constantFrom('Connection', 'Upgrade', 'x-a')),
      fc.oneof(text, fc.array(text)),
    )
    fc.assert(
      fc.property(raw, (fields) => {
        for (const [name, value] of Object.entries(endToEndHeaders(fields))) {
          expect(name).toMatch(/^[!#$%&'*+\-.^_`|~0-9a-z]+$/)
          expect(isHopByHop(name)).toBe(false)
          expect(isFieldValue(value)).toBe(true)
        }
      }),
    )
  })
})
