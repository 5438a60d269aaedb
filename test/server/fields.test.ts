import { array, assert as check, constantFrom, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import { answerFields } from '../../src/server/fields.ts'
import { storedResponse } from '../cache/responses.ts'

const stored = () =>
  storedResponse({
    headers: { etag: '"v1"', 'cache-control': 'max-age=60', vary: 'Accept-Encoding', 'x-origin': 'a' },
    contentType: 'video/mp2t',
  })

const ROUTE_FIELDS: readonly (readonly string[])[] = [
  [],
  ['X-Origin', 'b', 'Vary', 'Origin'],
  ['Cache-Control', 'no-cache', 'Content-Type', 'text/html', 'Server-Timing', 'route'],
  ['Age', '1', 'Access-Control-Allow-Origin', '*'],
  ['Content-Range', 'x', 'Content-Disposition', 'inline'],
]
const OWN_FIELDS: readonly (readonly string[])[] = [
  ['Content-Length', '5', 'Age', '0', 'Cache-Status', 'hit'],
  ['Content-Length', '5', 'Age', '0', 'Server-Timing', 'x'],
  ['Content-Length', '2', 'Content-Range', 'bytes 0-1/5', 'Age', '0'],
  ['Content-Type', 'multipart/byteranges', 'Content-Length', '9'],
  ['Age', '7'],
]

test('an answer has the same fields whatever answers were made of the same stored one before', () => {
  const form = record({
    status: constantFrom(200, 206, 304, 404),
    kind: constantFrom('all', 'without-type', 'not-modified', 'none'),
    route: constantFrom(...ROUTE_FIELDS),
    own: constantFrom(...OWN_FIELDS),
  } as const)
  void check(
    property(array(form, { minLength: 2, maxLength: 20 }), (forms) => {
      const used = stored()
      for (const { status, kind, route, own } of forms) {
        expect(answerFields(used, status, kind, route, own)).toEqual(answerFields(stored(), status, kind, route, own))
      }
    }),
    { seed: 6, numRuns: 500 },
  )
})

test('the stored fields of an answer are not changed by those that are added to them', () => {
  const used = stored()
  const before = [...used.headerPairs]
  answerFields(used, 200, 'all', [], ['Age', '1']).push('X', 'y')
  answerFields(used, 304, 'not-modified', [], []).push('X', 'y')
  expect(used.headerPairs).toEqual(before)
  expect(answerFields(used, 304, 'not-modified', [], [])).not.toContain('X')
})
