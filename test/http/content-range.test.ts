import { describe, expect, test } from 'vitest'
import { contentLength } from '../../src/http/content-length.ts'
import { parseContentRange } from '../../src/http/content-range.ts'

describe('Content-Range', () => {
  test.each([
    ['bytes 0-0/1', { start: 0, end: 1, total: 1 }],
    ['bytes 5-9/10', { start: 5, end: 10, total: 10 }],
    [
      'Bytes 999999999999990-999999999999997/999999999999998',
      { start: 999999999999990, end: 999999999999998, total: 999999999999998 },
    ],
  ])('%s is that part', (value, part) => {
    expect(parseContentRange(value)).toEqual(part)
  })

  test.each([
    undefined,
    '',
    'bytes */10',
    'bytes 0-9/*',
    'bytes 5-4/10',
    'bytes 0-10/10',
    'bytes 0-9/9999999999999999',
    'bytes=0-9/10',
    'items 0-9/10',
    ' bytes 0-9/10',
    'bytes 0-9/10, bytes 0-9/10',
    'bytes -1-9/10',
  ])('%s is none that can be used', (value) => {
    expect(parseContentRange(value)).toBeUndefined()
  })
})

test.each([
  ['0', 0],
  ['12', 12],
  ['999999999999999', 999_999_999_999_999],
  ['', undefined],
  ['1, 1', undefined],
  ['-1', undefined],
  ['1e3', undefined],
  ['9999999999999999', undefined],
])('a Content-Length of %s is %s', (value, length) => {
  expect(contentLength({ 'content-length': value })).toBe(length)
})
