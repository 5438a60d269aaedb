import { describe, expect, test } from 'vitest'
import type { OriginErrorKind } from '../src/errors.ts'
import { asOriginError, ConfigError, OriginError, StartError, toClientError } from '../src/errors.ts'

describe('what a client is told', () => {
  test.each<[OriginErrorKind, number, number | undefined]>([
    ['unreachable', 502, undefined],
    ['misconfigured', 502, undefined],
    ['broken', 502, undefined],
    ['timeout', 504, undefined],
    ['overloaded', 503, 1],
    ['aborted', 503, 1],
  ])('%s is %i', (kind, status, retryAfterSeconds) => {
    const told = toClientError(new OriginError(kind, 'secret-bucket: https://origin.invalid/key'))
    expect([told.status, told.retryAfterSeconds]).toEqual([status, retryAfterSeconds])
  })

  test.each<OriginErrorKind>(['unreachable', 'misconfigured', 'broken', 'timeout', 'overloaded', 'aborted'])(
    '%s names nothing of what is behind',
    (kind) => {
      const { text } = toClientError(new OriginError(kind, 'secret-bucket', { cause: new Error('secret-key') }))
      expect(text).toMatch(/^[A-Za-z ]{5,60}$/)
      expect(text).not.toMatch(/secret|bucket/)
    },
  )

  test.each<OriginErrorKind>(['overloaded', 'aborted'])('%s passes on when to come back', (kind) => {
    expect(toClientError(new OriginError(kind, 'busy', { retryAfterSeconds: 7 })).retryAfterSeconds).toBe(7)
  })

  test.each([new TypeError('secret'), new ConfigError([]), 'secret', undefined, null, { kind: 'timeout' }])(
    'a fault of our own is 500 and no more: %o',
    (error) => {
      expect(toClientError(error)).toEqual({ status: 500, text: 'Internal error' })
    },
  )
})

describe('an origin error', () => {
  test('carries its kind, its cause and when to come back', () => {
    const cause = new Error('ECONNRESET')
    const error = new OriginError('unreachable', 'reset', { cause, retryAfterSeconds: 2 })
    expect(error).toMatchObject({ name: 'OriginError', kind: 'unreachable', message: 'reset', cause })
    expect(error.retryAfterSeconds).toBe(2)
    expect(error).toBeInstanceOf(Error)
    expect(new OriginError('timeout', 'late').retryAfterSeconds).toBeUndefined()
  })

  test('is passed on as it is', () => {
    const error = new OriginError('timeout', 'late')
    expect(asOriginError(error)).toBe(error)
  })

  test.each([
    ['an Error', new TypeError('x is not a function'), 'x is not a function'],
    ['a text', 'thrown text', 'thrown text'],
    ['nothing', undefined, 'undefined'],
    ['null', null, 'null'],
  ])('%s that was thrown instead becomes broken, and stays visible as its cause', (_title, cause, message) => {
    expect(asOriginError(cause)).toMatchObject({ name: 'OriginError', kind: 'broken', message })
    expect(asOriginError(cause).cause).toBe(cause)
  })
})

test('a configuration error names every problem by its path', () => {
  const problems = [
    { path: 'origins.spaces.pool.maxSockets', message: 'expected a whole number from 1, got "many"' },
    { path: '', message: 'unknown key "orgins"' },
  ]
  const error = new ConfigError(problems)
  expect(error.message).toBe(
    'origins.spaces.pool.maxSockets: expected a whole number from 1, got "many"\nunknown key "orgins"',
  )
  expect([error.problems, error.name]).toEqual([problems, 'ConfigError'])
})

test('a start error keeps its cause', () => {
  const cause = new Error('EADDRINUSE')
  expect(new StartError('port 80 is taken', { cause })).toMatchObject({ name: 'StartError', cause })
})
