import { describe, expect, test } from 'vitest'
import { StaleSocketError } from '../../src/origin/failure.ts'
import { RetryBudget } from '../../src/origin/retry-budget.ts'
import { retrying } from '../../src/origin/retrying.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ScriptedOrigin, settled } from '../support/scripted-origin.ts'
import { FAILURES, internalError, outcomeOf, requestFor, slowDown, unreachable } from './asking.ts'

interface Overrides {
  readonly maxAttempts?: number
  readonly deadlineMs?: number
  readonly random?: () => number
  readonly budget?: RetryBudget
}

function retryingOf({ maxAttempts = 5, deadlineMs = 10_000, random = () => 0, budget = new RetryBudget() }: Overrides) {
  const origin = new ScriptedOrigin('spaces')
  const clock = new FakeClock()
  const options = { name: 'spaces', maxAttempts, deadlineMs, random, budget, clock }
  return { origin, clock, fetch: retrying((request) => origin.fetch(request), options) }
}

describe('attempts', () => {
  test.each([1, 2, 5])(
    'of %i, each that fails is followed by the next, and the last error is the outcome',
    async (max) => {
      const { origin, fetch } = retryingOf({ maxAttempts: max })
      const ended = outcomeOf(fetch(requestFor('a')))
      for (let attempt = 0; attempt < max; attempt += 1) {
        await settled()
        origin.exchange(attempt).fail(attempt === max - 1 ? slowDown() : unreachable())
      }

      expect(await ended).toBe('overloaded')
      await settled()
      expect(origin.count).toBe(max)
    },
  )

  test('end with the first answer, and ask each time for the same', async () => {
    const { origin, clock, fetch } = retryingOf({})
    const range = { first: 5, last: 9 }
    const validators = { ifMatch: '"1"' }
    const ended = fetch(requestFor('a', { range, validators, priority: 'playlist' }))
    origin.exchange(0).fail(internalError())
    await settled()
    origin.exchange(1).answerWhole(Buffer.from('hello'), {}, 206)

    expect((await ended).status).toBe(206)
    for (const request of origin.requests) {
      expect(request).toMatchObject({ key: 'a', range, validators, priority: 'playlist' })
    }
    expect(clock.pending).toBe(0)
  })

  test.each([1, 2])('of %i are not spent on one connection that had hung up, but on the second one', async (max) => {
    const { origin, clock, fetch } = retryingOf({ maxAttempts: max, random: () => 0.5 })
    const ended = outcomeOf(fetch(requestFor('a')))
    const fail = async (index: number) => {
      origin.exchange(index).fail(new StaleSocketError('spaces', undefined))
      await settled()
    }
    await fail(0)
    await fail(1)
    expect(origin.count).toBe(2)
    clock.advance(25)
    await settled()
    if (max === 2) await fail(2)

    expect(await ended).toBe('unreachable')
    expect(origin.count).toBe(max + 1)
  })

  test.each([304, 403, 404, 412, 416])('are one where the answer is %i', async (status) => {
    const { origin, fetch } = retryingOf({})
    const ended = outcomeOf(fetch(requestFor('a')))
    origin.exchange(0).answer({ status })

    expect(await ended).toBe(status)
    expect(origin.count).toBe(1)
  })

  test.each(FAILURES)('after %s', async (_, error, isWorthRetry) => {
    const { origin, clock, fetch } = retryingOf({ maxAttempts: 2 })
    const ended = fetch(requestFor('a')).catch((reason: unknown) => reason)
    origin.exchange(0).fail(error)
    await settled()

    expect(origin.count).toBe(isWorthRetry ? 2 : 1)
    if (isWorthRetry) origin.exchange(1).fail(error)
    expect(await ended).toBe(error)
    expect(clock.pending).toBe(0)
  })
})

describe('the pauses', () => {
  test('are a random part of 50 ms, 100 ms and so on up to 2 s', async () => {
    const { origin, clock, fetch } = retryingOf({ maxAttempts: 9, deadlineMs: 60_000, random: () => 0.5 })
    const ended = outcomeOf(fetch(requestFor('a')))
    for (const [attempt, pauseMs] of [25, 50, 100, 200, 400, 800, 1000, 1000].entries()) {
      origin.exchange(attempt).fail(unreachable())
      await settled()
      clock.advance(pauseMs - 1)
      await settled()
      expect(origin.count).toBe(attempt + 1)
      clock.advance(1)
      await settled()
      expect(origin.count).toBe(attempt + 2)
    }
    origin.exchange(8).fail(unreachable())

    expect(await ended).toBe('unreachable')
  })

  test('come on top of what Retry-After says', async () => {
    const { origin, clock, fetch } = retryingOf({ random: () => 0.5 })
    const ended = outcomeOf(fetch(requestFor('a')))
    origin.exchange(0).fail(slowDown(3))
    await settled()
    clock.advance(3_024)
    await settled()
    expect(origin.count).toBe(1)
    clock.advance(1)
    await settled()
    origin.exchange(1).answer({ status: 404 })

    expect(await ended).toBe(404)
  })

  test('that would end at the deadline or after it are not begun', async () => {
    const { origin, fetch } = retryingOf({ deadlineMs: 10_000 })
    const ended = fetch(requestFor('a')).catch((reason: unknown) => reason)
    const error = slowDown(10)
    origin.exchange(0).fail(error)

    expect(await ended).toBe(error)
    expect(origin.count).toBe(1)
  })

  test('end at once when the asker leaves, and leave no timer', async () => {
    const { origin, clock, fetch } = retryingOf({ random: () => 0.9 })
    const leaving = new AbortController()
    const ended = outcomeOf(fetch(requestFor('a', { signal: leaving.signal })))
    origin.exchange(0).fail(unreachable())
    await settled()
    leaving.abort()

    expect(await ended).toBe('aborted')
    expect(clock.pending).toBe(0)
    clock.advance(60_000)
    await settled()
    expect(origin.count).toBe(1)
  })
})

describe('the budget', () => {
  test('in a total outage lets ten retries a second through, however many requests fail', async () => {
    const { origin, clock, fetch } = retryingOf({})
    origin.synchronousFailure = undefined
    for (let second = 0; second < 5; second += 1) {
      const before = origin.count
      const ended = Array.from({ length: 100 }, () => outcomeOf(fetch(requestFor('a'))))
      for (let index = before; index < origin.count; index += 1) {
        origin.exchange(index).fail(unreachable())
        await settled()
      }
      expect(new Set(await Promise.all(ended))).toEqual(new Set(['unreachable']))
      expect(origin.count - before).toBe(110)
      clock.advance(1_000)
    }
  })

  test('is earned by answers of every kind', async () => {
    const budget = new RetryBudget()
    const { origin, fetch } = retryingOf({ budget })
    for (let index = 0; index < 100; index += 1) {
      const ended = fetch(requestFor('a'))
      origin.exchange(index).answer({ status: index % 2 === 0 ? 404 : 200 })
      await ended
    }
    let given = 0
    while (budget.take(Date.UTC(2026, 0, 1))) given += 1

    expect(given).toBe(50)
  })
})
