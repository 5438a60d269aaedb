import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Precondition, RequestConditions, SelectedRepresentation } from '../../src/http/conditional.ts'
import { evaluatePreconditions, rangeApplies } from '../../src/http/conditional.ts'

const BEFORE = 'Sun, 22 Nov 2026 11:59:59 GMT'
const MODIFIED = 'Sun, 22 Nov 2026 12:00:00 GMT'
const AFTER = 'Sun, 22 Nov 2026 12:00:01 GMT'

const strong: SelectedRepresentation = { etag: '"a"', lastModified: MODIFIED, date: AFTER }
const weak: SelectedRepresentation = { etag: 'W/"a"', lastModified: MODIFIED, date: AFTER }
const bare: SelectedRepresentation = {}

describe('preconditions in the order of RFC 9110', () => {
  const cases: readonly (readonly [string, RequestConditions, SelectedRepresentation, Precondition])[] = [
    ['no conditions', {}, strong, 'proceed'],
    ['If-Range is none of them', { ifRange: '"x"' }, strong, 'proceed'],

    ['If-Match with the tag', { ifMatch: '"a"' }, strong, 'proceed'],
    ['If-Match with the tag in a list', { ifMatch: '"x", "a"' }, strong, 'proceed'],
    ['If-Match with another tag', { ifMatch: '"x"' }, strong, 'failed'],
    ['If-Match with anything', { ifMatch: '*' }, bare, 'proceed'],
    ['If-Match without a tag to compare', { ifMatch: '"a"' }, bare, 'failed'],
    ['If-Match with a weak tag', { ifMatch: 'W/"a"' }, strong, 'failed'],
    ['If-Match against a weak tag', { ifMatch: 'W/"a"' }, weak, 'failed'],
    ['If-Match that is malformed', { ifMatch: 'a' }, strong, 'failed'],
    ['If-Match that is empty', { ifMatch: '' }, strong, 'failed'],

    ['If-Unmodified-Since before', { ifUnmodifiedSince: BEFORE }, strong, 'failed'],
    ['If-Unmodified-Since the same', { ifUnmodifiedSince: MODIFIED }, strong, 'proceed'],
    ['If-Unmodified-Since after', { ifUnmodifiedSince: AFTER }, strong, 'proceed'],
    ['If-Unmodified-Since that is no date', { ifUnmodifiedSince: '0' }, strong, 'proceed'],
    ['If-Unmodified-Since without a date to compare', { ifUnmodifiedSince: BEFORE }, bare, 'proceed'],
    ['If-Unmodified-Since beside a true If-Match', { ifMatch: '"a"', ifUnmodifiedSince: BEFORE }, strong, 'proceed'],
    ['If-Unmodified-Since beside a false If-Match', { ifMatch: '"x"', ifUnmodifiedSince: AFTER }, strong, 'failed'],

    ['If-None-Match with the tag', { ifNoneMatch: '"a"' }, strong, 'not-modified'],
    ['If-None-Match with the tag in a list', { ifNoneMatch: 'W/"x", "y,z", "a"' }, strong, 'not-modified'],
    ['If-None-Match with the tag made weak', { ifNoneMatch: 'W/"a"' }, strong, 'not-modified'],
    ['If-None-Match against a weak tag', { ifNoneMatch: '"a"' }, weak, 'not-modified'],
    ['If-None-Match with another tag', { ifNoneMatch: '"x"' }, strong, 'proceed'],
    ['If-None-Match with anything', { ifNoneMatch: '*' }, bare, 'not-modified'],
    ['If-None-Match without a tag to compare', { ifNoneMatch: '"a"' }, bare, 'proceed'],
    ['If-None-Match that is malformed', { ifNoneMatch: 'a' }, strong, 'proceed'],

    ['If-Modified-Since before', { ifModifiedSince: BEFORE }, strong, 'proceed'],
    ['If-Modified-Since the same', { ifModifiedSince: MODIFIED }, strong, 'not-modified'],
    ['If-Modified-Since after', { ifModifiedSince: AFTER }, strong, 'not-modified'],
    ['If-Modified-Since in another form', { ifModifiedSince: 'Sun Nov 22 12:00:00 2026' }, strong, 'not-modified'],
    ['If-Modified-Since that is no date', { ifModifiedSince: 'x' }, strong, 'proceed'],
    ['If-Modified-Since of two dates', { ifModifiedSince: `${AFTER}, ${AFTER}` }, strong, 'proceed'],
    ['If-Modified-Since without a date to compare', { ifModifiedSince: AFTER }, bare, 'proceed'],
    ['If-Modified-Since against a broken date', { ifModifiedSince: AFTER }, { lastModified: 'x' }, 'proceed'],
    ['If-Modified-Since beside If-None-Match', { ifNoneMatch: '"x"', ifModifiedSince: AFTER }, strong, 'proceed'],
    ['If-Modified-Since beside a broken If-None-Match', { ifNoneMatch: '', ifModifiedSince: AFTER }, strong, 'proceed'],

    ['a false If-Match goes first', { ifMatch: '"x"', ifNoneMatch: '"a"' }, strong, 'failed'],
    ['a false If-Unmodified-Since too', { ifUnmodifiedSince: BEFORE, ifNoneMatch: '"a"' }, strong, 'failed'],
    ['a true If-Match lets If-None-Match speak', { ifMatch: '"a"', ifNoneMatch: '"a"' }, strong, 'not-modified'],
    [
      'a true If-Unmodified-Since lets If-Modified-Since speak',
      { ifUnmodifiedSince: MODIFIED, ifModifiedSince: MODIFIED },
      strong,
      'not-modified',
    ],
    ['undefined fields are absent fields', { ifMatch: undefined, ifNoneMatch: undefined }, strong, 'proceed'],
  ]
  test.each(cases)('%s', (_title, conditions, representation, expected) => {
    expect(evaluatePreconditions(conditions, representation)).toBe(expected)
  })
})

describe('If-Range lets a range count', () => {
  const cases: readonly (readonly [string, string | undefined, SelectedRepresentation, boolean])[] = [
    ['when it is absent', undefined, strong, true],
    ['when its tag is the tag', '"a"', strong, true],
    ['not when its tag is another', '"x"', strong, false],
    ['not when its tag is weak', 'W/"a"', strong, false],
    ['not when the tag is weak', '"a"', weak, false],
    ['not when both are weak', 'W/"a"', weak, false],
    ['not when there is no tag', '"a"', bare, false],
    ['not when it is a list', '"a", "b"', strong, false],
    ['not when it is *', '*', strong, false],
    ['not when it is empty', '', strong, false],
    ['when its date is Last-Modified, a second before Date', MODIFIED, strong, true],
    ['not when its date is earlier', BEFORE, strong, false],
    ['not when its date is later', AFTER, strong, false],
    ['not when the object changed in the second of its Date', MODIFIED, { ...strong, date: MODIFIED }, false],
    ['not when the object changed after its Date', MODIFIED, { ...strong, date: BEFORE }, false],
    ['not when there is no Date to judge by', MODIFIED, { lastModified: MODIFIED }, false],
    ['not when there is no Last-Modified', MODIFIED, { date: AFTER }, false],
    ['not when it is no date and Last-Modified is none either', 'x', { lastModified: 'x', date: AFTER }, false],
    ['not when it is no date', 'x', strong, false],
  ]
  test.each(cases)('%s', (_title, ifRange, representation, expected) => {
    expect(rangeApplies({ ifRange }, representation)).toBe(expected)
  })
})

test('no field value makes an evaluation throw', () => {
  const value = fc.option(fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('*', '"a"', MODIFIED)), {
    nil: undefined,
  })
  const conditions = fc.record({
    ifMatch: value,
    ifNoneMatch: value,
    ifModifiedSince: value,
    ifUnmodifiedSince: value,
    ifRange: value,
  })
  const representation = fc.record({ etag: value, lastModified: value, date: value })
  fc.assert(
    fc.property(conditions, representation, (asked, selected) => {
      expect(['proceed', 'not-modified', 'failed']).toContain(evaluatePreconditions(asked, selected))
      expect(typeof rangeApplies(asked, selected)).toBe('boolean')
    }),
  )
})
