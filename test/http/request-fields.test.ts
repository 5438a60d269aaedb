import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isFieldValue, isHopByHop } from '../../src/http/headers.ts'
import { fieldsByName, listsFields, originRequestFields } from '../../src/http/request-fields.ts'
import { isToken } from '../../src/http/syntax.ts'

describe('what an origin sees of a client', () => {
  test('is everything that is meant for it, in order and as often as it came', () => {
    const sent = [
      'Accept',
      'a',
      'X-One',
      '1',
      'accept',
      'b',
      'Cookie',
      'c=1',
      'Via',
      '1.1 lb',
      'Authorization',
      'B x',
      'x-one',
      '',
    ]
    expect(originRequestFields(sent, 'asked')).toEqual(sent)
    expect(originRequestFields(sent, 'passed-on')).toEqual(sent)
  })

  test.each([
    'Connection',
    'Keep-Alive',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'HTTP2-Settings',
    'Proxy-Authorization',
    'Proxy-Connection',
    'Host',
    'content-length',
    'Expect',
    'Forwarded',
    'X-Forwarded-For',
    'x-forwarded-prefix',
    'X_Forwarded_For',
    'Transfer_Encoding',
    ':authority',
    'a b',
    '',
  ])('is never %j', (name) => {
    for (const use of ['asked', 'passed-on'] as const) {
      expect(originRequestFields([name, 'x', 'X-Kept', '1'], use)).toEqual(['X-Kept', '1'])
    }
  })

  test.each(['Range', 'If-Range', 'If-Match', 'If-None-Match', 'if-modified-since', 'IF-UNMODIFIED-SINCE', 'If_Match'])(
    'is %s only where the request is passed on as it is',
    (name) => {
      expect(originRequestFields([name, 'x'], 'asked')).toEqual([])
      expect(originRequestFields([name, 'x'], 'passed-on')).toEqual([name, 'x'])
    },
  )

  test('is no value that could end its line', () => {
    expect(originRequestFields(['a', 'x\r\nHost: b', 'b', '\0', 'c', 'fine'], 'asked')).toEqual(['c', 'fine'])
  })
})

describe('fields that Connection lists', () => {
  test('are removed, on whichever line and in whichever case they are listed', () => {
    const sent = [
      'X-A',
      '1',
      'connection',
      'close, x-a',
      'x-b',
      '2',
      'Connection',
      'X-B , "x-c"',
      'X-C',
      '3',
      'x-a',
      '4',
    ]
    expect(originRequestFields(sent, 'asked')).toEqual(['X-C', '3'])
  })

  test.each([
    'Authorization',
    'Cookie',
    'Accept-Encoding',
    'Cache-Control',
    'Origin',
    'User-Agent',
    'Content-Type',
    'Via',
  ])('stay where they are end-to-end by definition: %s', (name) => {
    expect(originRequestFields(['Connection', `keep-alive, ${name}`, name, 'x'], 'asked')).toEqual([name, 'x'])
  })

  const connections: readonly (readonly [string | undefined, boolean])[] = [
    [undefined, false],
    ['', false],
    ['close', false],
    ['Keep-Alive, Upgrade, TE, HTTP2-Settings', false],
    ['authorization, Accept', false],
    ['x-a', true],
    ['close, X-A', true],
    ['x-forwarded-for', true],
  ]
  test.each(connections)('are there in %j: %s', (connection, expected) => {
    expect(listsFields(connection)).toBe(expected)
  })
})

test('lines are gathered by name, whatever the names', () => {
  const lines = fieldsByName(['X-A', '1', 'b', '2', 'x-a', '3', '__proto__', '4'])
  expect(Object.entries(lines)).toEqual([
    ['x-a', ['1', '3']],
    ['b', ['2']],
    ['__proto__', ['4']],
  ])
})

const name = fc.oneof(
  fc.constantFrom('Connection', 'X-A', 'x_a', 'TE', 'Upgrade', 'Range', 'Host', 'X-Forwarded-For', 'Forwarded', 'Via'),
  fc.string({ unit: 'binary', maxLength: 4 }),
)
const value = fc.oneof(fc.constantFrom('close, x-a', 'X_A', 'range,te'), fc.string({ unit: 'binary', maxLength: 6 }))

test('whatever comes in, only what a message can carry goes out; a second time nothing more is removed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(name, value), { maxLength: 12 }),
      fc.constantFrom('asked', 'passed-on'),
      (raw, use) => {
        const pairs = originRequestFields(raw, use)
        for (let index = 0; index < pairs.length; index += 2) {
          expect(isToken(pairs[index] ?? '') && isFieldValue(pairs[index + 1] ?? '')).toBe(true)
          expect(isHopByHop(pairs[index] ?? '')).toBe(false)
        }
        expect(originRequestFields(pairs, use)).toEqual(pairs)
      },
    ),
    { numRuns: 500 },
  )
})
