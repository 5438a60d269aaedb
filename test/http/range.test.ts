import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RangeSelection } from '../../src/http/range.ts'
import { contentRange, MAX_RANGES, selectRanges, unsatisfiedRange } from '../../src/http/range.ts'

/** Ranges written as Content-Range would: first and last position. */
function selected(selection: RangeSelection): readonly string[] | string {
  if (selection.kind !== 'ranges') return selection.kind
  return selection.ranges.map(({ start, end }) => `${start}-${end - 1}`)
}

describe('of 100 bytes', () => {
  const cases: readonly (readonly [string | undefined, readonly string[] | string])[] = [
    [undefined, 'whole'],
    ['bytes=0-0', ['0-0']],
    ['bytes=0-1', ['0-1']],
    ['bytes=0-99', ['0-99']],
    ['bytes=0-100', ['0-99']],
    ['bytes=99-', ['99-99']],
    ['bytes=0-', ['0-99']],
    ['bytes=50-50', ['50-50']],
    ['BYTES=0-1', ['0-1']],
    ['bytes=000-0001', ['0-1']],
    ['bytes=-1', ['99-99']],
    ['bytes=-100', ['0-99']],
    ['bytes=-500', ['0-99']],

    ['bytes=0-1,2-3', ['0-1', '2-3']],
    ['bytes=0-1, -2', ['0-1', '98-99']],
    ['bytes= 0-1\t,\t2-3 ', ['0-1', '2-3']],
    ['bytes=,0-1,, ,2-3,', ['0-1', '2-3']],
    ['bytes=50-59,0-9', ['50-59', '0-9']],
    ['bytes=0-9,5-14', ['0-9', '5-14']],
    ['bytes=0-49,50-99', ['0-49', '50-99']],
    ['bytes=0-1,100-', ['0-1']],
    ['bytes=-0,0-1', ['0-1']],

    ['bytes=100-', 'unsatisfiable'],
    ['bytes=100-200', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=-000', 'unsatisfiable'],
    ['bytes=100-,200-300,-0', 'unsatisfiable'],

    ['', 'whole'],
    ['bytes', 'whole'],
    ['bytes=', 'whole'],
    ['bytes=,', 'whole'],
    ['bytes=-', 'whole'],
    ['bytes=--1', 'whole'],
    ['bytes=1', 'whole'],
    ['bytes=a-b', 'whole'],
    ['bytes=0-x', 'whole'],
    ['bytes=0 - 1', 'whole'],
    ['bytes=0-1-2', 'whole'],
    ['bytes=+0-1', 'whole'],
    ['bytes=0x0-1', 'whole'],
    ['bytes=1.0-2', 'whole'],
    ['bytes=0-1;2-3', 'whole'],
    ['bytes=2-1', 'whole'],
    ['bytes=200-100', 'whole'],
    ['bytes=0-1,3-2', 'whole'],
    ['bytes=0-1,x', 'whole'],
    ['bytes=200-,x', 'whole'],
    ['bytes =0-1', 'whole'],
    [' bytes=0-1', 'whole'],
    ['items=0-1', 'whole'],
    ['xbytes=0-1', 'whole'],
    ['0-1', 'whole'],
    ['bytes=\u0660-\u0661', 'whole'],
    ['bytes=0-1\n', 'whole'],

    ['bytes=0-,0-', 'whole'],
    ['bytes=0-99,0-0', 'whole'],
    ['bytes=-100,-1', 'whole'],
  ]
  test.each(cases)('%j', (header, expected) => {
    expect(selected(selectRanges(header, 100))).toEqual(expected)
  })
})

describe('of an empty body', () => {
  test.each([
    ['bytes=0-', 'unsatisfiable'],
    ['bytes=0-0', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=-1', 'whole'],
    ['bytes=0-1,-5', 'whole'],
    ['bytes=1-0', 'whole'],
  ])('%s', (header, expected) => {
    expect(selectRanges(header, 0).kind).toBe(expected)
  })
})

describe('positions that no number holds exactly', () => {
  const huge = '9'.repeat(400)
  const cases: readonly (readonly [string, readonly string[] | string])[] = [
    ['bytes=0-9007199254740991', ['0-99']],
    ['bytes=0-9007199254740992', ['0-99']],
    [`bytes=10-${huge}`, ['10-99']],
    [`bytes=-${huge}`, ['0-99']],
    [`bytes=${huge}-`, 'unsatisfiable'],
    [`bytes=${huge}-${huge}`, 'unsatisfiable'],
    ['bytes=9007199254740993-9007199254740992', 'whole'],
    ['bytes=9007199254740992-9007199254740993', 'unsatisfiable'],
    [`bytes=${huge}0-${huge}`, 'whole'],
    [`bytes=00${huge}-${huge}`, 'unsatisfiable'],
  ]
  test.each(cases)('%.60s', (header, expected) => {
    expect(selected(selectRanges(header, 100))).toEqual(expected)
  })
})

test('as many as 16 ranges are served, and one more gets the whole body', () => {
  const asked = Array.from({ length: MAX_RANGES }, (_, index) => `${index * 2}-${index * 2}`)
  expect(MAX_RANGES).toBe(16)
  expect(selected(selectRanges(`bytes=${asked.join(',')}`, 100))).toEqual(asked)
  expect(selectRanges(`bytes=${asked.join(',')},90-90`, 100)).toEqual({ kind: 'whole' })
  expect(selectRanges(`bytes=${asked.join(',')},900-`, 100)).toEqual({ kind: 'whole' })
  expect(selected(selectRanges(`bytes=${asked.join(',,,')},,`, 100))).toEqual(asked)
})

test('Content-Range names the first and last position and the length', () => {
  expect(contentRange({ start: 0, end: 2 }, 100)).toBe('bytes 0-1/100')
  expect(contentRange({ start: 99, end: 100 }, 100)).toBe('bytes 99-99/100')
  expect(unsatisfiedRange(100)).toBe('bytes */100')
  expect(unsatisfiedRange(0)).toBe('bytes */0')
})

const position = fc.oneof(fc.nat(40), fc.nat(40), fc.maxSafeNat())
const member = fc.oneof(
  fc.tuple(position, position).map(([first, last]) => `${first}-${last}`),
  position.map((first) => `${first}-`),
  position.map((suffix) => `-${suffix}`),
)
const header = fc.array(member, { minLength: 1, maxLength: 6 }).map((members) => `bytes=${members.join(',')}`)

test('whatever is asked, ranges lie within the body and come to no more bytes than it has', () => {
  const piece = fc.oneof(fc.constantFrom('0', '9', '-', ',', ' '), fc.string({ unit: 'binary', maxLength: 2 }))
  const noise = fc.array(piece).map((pieces) => `bytes=${pieces.join('')}`)
  fc.assert(
    fc.property(fc.oneof(header, noise, fc.string({ unit: 'binary' })), fc.nat(50), (value, length) => {
      const selection = selectRanges(value, length)
      if (selection.kind !== 'ranges') return
      expect(selection.ranges.length).toBeGreaterThan(0)
      let totalBytes = 0
      for (const { start, end } of selection.ranges) {
        expect(Number.isSafeInteger(start) && Number.isSafeInteger(end)).toBe(true)
        expect(0 <= start && start < end && end <= length).toBe(true)
        totalBytes += end - start
      }
      expect(totalBytes).toBeLessThanOrEqual(length)
    }),
    { numRuns: 2000 },
  )
})

test('a single range holds just the positions that it names', () => {
  fc.assert(
    fc.property(member, fc.integer({ min: 1, max: 50 }), (asked, length) => {
      const [first = '', last = ''] = asked.split('-')
      const isNamed = (at: number): boolean => {
        if (first === '') return at >= length - Number(last)
        return at >= Number(first) && (last === '' || at <= Number(last))
      }
      const named = Array.from({ length }, (_, at) => at).filter(isNamed)

      const selection = selectRanges(`bytes=${asked}`, length)
      if (first !== '' && last !== '' && Number(last) < Number(first)) {
        expect(selection).toEqual({ kind: 'whole' })
      } else if (named.length === 0) {
        expect(selection).toEqual({ kind: 'unsatisfiable' })
      } else {
        expect(selection).toEqual({ kind: 'ranges', ranges: [{ start: named[0], end: (named.at(-1) ?? 0) + 1 }] })
      }
    }),
    { numRuns: 1000 },
  )
})

test('every range survives being written as Content-Range and asked for again', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.maxSafeNat(), (a, b, c) => {
      const [start = 0, last = 0, length = 0] = [a, b, c].sort((left, right) => left - right)
      if (last === length) return
      const written = contentRange({ start, end: last + 1 }, length)
      const asked = written.replace('bytes ', 'bytes=').replace(/\/.*$/, '')
      expect(selectRanges(asked, length)).toEqual({ kind: 'ranges', ranges: [{ start, end: last + 1 }] })
      expect(written.endsWith(`/${length}`)).toBe(true)
    }),
  )
})
