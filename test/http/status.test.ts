import { describe, expect, test } from 'vitest'
import { isHeuristicallyCacheable, isStorableStatus, isUnderstood } from '../../src/http/status.ts'

const ALL = Array.from({ length: 900 }, (_, index) => index + 100)

test('the heuristically cacheable codes are those the specifications name', () => {
  expect(ALL.filter(isHeuristicallyCacheable)).toEqual([
    200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 451, 501,
  ])
})

describe('a code is understood', () => {
  test.each([200, 206, 304, 307, 416, 429, 451, 504])('%i is', (status) => {
    expect(isUnderstood(status)).toBe(true)
  })

  test.each([100, 103, 199, 226, 299, 306, 399, 418, 419, 499, 599, 600, 999, 200.5, Number.NaN])(
    '%d is not',
    (status) => {
      expect(isUnderstood(status)).toBe(false)
    },
  )
})

test('interim answers, 304 and the codes that forbid it are never kept by themselves', () => {
  expect(ALL.filter((status) => status >= 200 && !isStorableStatus(status))).toEqual([304, 428, 429, 431, 511])
  expect(ALL.filter((status) => status < 200 && isStorableStatus(status))).toEqual([])
})

test('no code that may be kept on a guess is unknown to us', () => {
  const guessed = ALL.filter(isHeuristicallyCacheable)
  expect(guessed.every((status) => isUnderstood(status) && isStorableStatus(status))).toBe(true)
})
