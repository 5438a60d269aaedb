import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isEntityTag, parseEntityTagList, strongMatch, weakMatch } from '../../src/http/etag.ts'

describe('what is an entity tag', () => {
  test.each(['""', '"a"', 'W/"a"', 'W/""', '"a,b"', '"a\\"', '"d41d8cd9-3"', '"\u00e9"', '"\'!~"'])('%s', (tag) => {
    expect(isEntityTag(tag)).toBe(true)
  })

  test.each(['', '"', 'a', '"a', 'a"', 'w/"a"', 'W/a', 'W/', 'W/ "a"', '"a b"', '"a"b"', '"a" ', ' "a"', '"\t"'])(
    '%j is none',
    (tag) => {
      expect(isEntityTag(tag)).toBe(false)
    },
  )

  test.each(['"\0"', '"\x7f"', '"\u0100"', '"a", "b"', '*'])('%j is none either', (tag) => {
    expect(isEntityTag(tag)).toBe(false)
  })
})

describe('the two comparisons', () => {
  test.each([
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', 'W/"1"', false, true],
    ['"1"', '"1"', true, true],
    ['"1"', '"2"', false, false],
    ['"a"', '"A"', false, false],
  ])('%s and %s: strong %s, weak %s', (a, b, strong, weak) => {
    expect(strongMatch(a, b)).toBe(strong)
    expect(weakMatch(a, b)).toBe(weak)
  })
})

describe('lists', () => {
  const cases: readonly (readonly [string, '*' | readonly string[]])[] = [
    ['*', '*'],
    [' *\t', '*'],
    ['', []],
    [' , ,', []],
    ['"a"', ['"a"']],
    ['"a", W/"b","c"', ['"a"', 'W/"b"', '"c"']],
    [' ,"a"\t,, "b" ,', ['"a"', '"b"']],
    ['"a,b", "c"', ['"a,b"', '"c"']],
    ['"a\\", "b"', ['"a\\"', '"b"']],
    ['a, "b"', ['"b"']],
    ['*, "b"', ['"b"']],
    ['"a"x, "b"', ['"b"']],
    ['"a" "b", "c"', ['"c"']],
    ['w/"a", "b"', ['"b"']],
    ['"a, "b"', ['"b"']],
    ['"a', []],
    ['W/', []],
  ]
  test.each(cases)('%j', (value, expected) => {
    expect(parseEntityTagList(value)).toEqual(expected)
  })
})

const tagCharacters = fc.constantFrom(..."!#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~\u0080\u00e9\u00ff")
const entityTag = fc
  .tuple(fc.boolean(), fc.string({ unit: tagCharacters, maxLength: 8 }))
  .map(([isWeak, text]) => `${isWeak ? 'W/' : ''}"${text}"`)

test('every list of tags is read back as it was written', () => {
  fc.assert(
    fc.property(fc.array(entityTag), fc.constantFrom(',', ', ', ' ,\t,'), (tags, separator) => {
      expect(parseEntityTagList(tags.join(separator))).toEqual(tags)
    }),
  )
})

test('no string makes a list throw or yield something that is no tag', () => {
  const piece = fc.oneof(fc.constantFrom('"', ',', 'W/', '*', ' ', 'a'), fc.string({ unit: 'binary', maxLength: 3 }))
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const tags = parseEntityTagList(pieces.join(''))
      if (tags === '*') return
      for (const tag of tags) expect(isEntityTag(tag)).toBe(true)
    }),
    { numRuns: 1000 },
  )
})

test('a strong match is a weak match, and both go both ways', () => {
  fc.assert(
    fc.property(entityTag, entityTag, (a, b) => {
      if (strongMatch(a, b)) expect(weakMatch(a, b)).toBe(true)
      expect(strongMatch(a, b)).toBe(strongMatch(b, a))
      expect(weakMatch(a, b)).toBe(weakMatch(b, a))
    }),
  )
})
