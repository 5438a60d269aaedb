import { describe, expect, test } from 'vitest'
import { CircuitBreaker } from '../../src/origin/breaker.ts'
import { NotSentError } from '../../src/origin/failure.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ScriptedOrigin, settled } from '../support/scripted-origin.ts'
import { FAILURES, outcomeOf, requestFor, unreachable } from './asking.ts'
import { failure, RecordingLog } from './fixture.ts'

function breakerOf(overrides: Partial<ConstructorParameters<typeof CircuitBreaker>[0]> = {}) {
  const origin = new ScriptedOrigin('spaces')
  const clock = new FakeClock()
  const log = new RecordingLog()
  const settings = { errorRate: 0.5, minRequests: 20, windowMs: 10_000, openForMs: 5_000 }
  const breaker = new CircuitBreaker({ name: 'spaces', ...settings, clock, log, ...overrides })
  const fetch = breaker.guard((request) => origin.fetch(request))
  /** One request that is let through and ends with this status or error. */
  const ask = async (end: number | Error) => {
    const ended = outcomeOf(fetch(requestFor('a')))
    const exchange = origin.exchange(origin.count - 1)
    if (typeof end === 'number') exchange.answer({ status: end })
    else exchange.fail(end)
    return ended
  }
  const askOften = async (count: number, end: number | Error) => {
    for (let index = 0; index < count; index += 1) await ask(end)
  }
  return { origin, clock, log, breaker, fetch, ask, askOften }
}

/** A circuit that has just opened. */
async function opened() {
  const world = breakerOf()
  await world.askOften(20, unreachable())
  expect(world.breaker.state).toBe('open')
  return world
}

describe('a closed circuit', () => {
  test('opens when half of twenty requests failed', async () => {
    const { breaker, log, ask, askOften } = breakerOf()
    await askOften(10, 200)
    await askOften(9, unreachable())
    expect(breaker.state).toBe('closed')
    await ask(unreachable())

    expect(breaker.state).toBe('open')
    expect(log.lines).toEqual([
      {
        level: 'warn',
        fields: { origin: 'spaces', circuit: 'open', openForMs: 5_000, failed: 10, asked: 20 },
        message: 'spaces: fails; the circuit is open and nothing is asked for 5000 ms',
      },
    ])
  })

  test('stays closed while fewer than half failed, and while there were fewer than twenty', async () => {
    const many = breakerOf()
    for (let count = 0; count < 100; count += 1) {
      await many.ask(200)
      await many.ask(404)
      await many.ask(unreachable())
    }
    const few = breakerOf()
    await few.askOften(19, unreachable())

    expect([many.breaker.state, few.breaker.state]).toEqual(['closed', 'closed'])
  })

  test('counts only what was within the window', async () => {
    const { breaker, clock, askOften, ask } = breakerOf()
    await askOften(19, unreachable())
    clock.advance(10_000)
    await ask(unreachable())

    expect(breaker.state).toBe('closed')
  })

  test.each(FAILURES)('%s', async (_, error, isOriginFault) => {
    const { breaker, origin, fetch } = breakerOf()
    for (let index = 0; index < 20; index += 1) {
      const ended = fetch(requestFor('a')).catch((reason: unknown) => reason)
      origin.exchange(index).fail(error)
      expect(await ended).toBe(error)
    }

    expect(breaker.state).toBe(isOriginFault ? 'open' : 'closed')
  })

  test.each([304, 403, 404, 412, 416])(
    '%i is a success: with as many of them as failures less one it stays closed',
    async (status) => {
      const { breaker, ask, askOften } = breakerOf()
      await askOften(11, status)
      await askOften(10, unreachable())
      expect(breaker.state).toBe('closed')
      await ask(unreachable())

      expect(breaker.state).toBe('open')
    },
  )
})

describe('an open circuit', () => {
  test('refuses at once, asks nothing, and says when to come back', async () => {
    const { origin, clock, fetch } = await opened()
    clock.advance(1_500)
    const error = await failure(fetch(requestFor('a')), 'overloaded')

    expect(error).toBeInstanceOf(NotSentError)
    expect(error.retryAfterSeconds).toBe(4)
    expect(error.message).toBe('spaces: the circuit is open')
    expect(origin.count).toBe(20)
  })

  test('is half-open when its time is over, before anyone has asked', async () => {
    const { breaker, clock, ask } = await opened()
    clock.advance(4_999)
    expect(breaker.state).toBe('open')
    clock.advance(1)
    expect(breaker.state).toBe('half-open')
    await ask(unreachable())
    expect(breaker.state).toBe('open')
  })

  test('is not moved by what was sent before it opened', async () => {
    const { breaker, origin, clock, fetch, ask, askOften } = breakerOf()
    const late = [outcomeOf(fetch(requestFor('a'))), outcomeOf(fetch(requestFor('a')))]
    await askOften(20, unreachable())
    origin.exchange(0).answer({ status: 200 })
    await late[0]
    expect(breaker.state).toBe('open')
    clock.advance(5_000)
    await ask(200)
    origin.exchange(1).fail(unreachable())
    await late[1]

    expect(breaker.state).toBe('half-open')
  })
})

describe('a half-open circuit', () => {
  test('lets three requests through at once, and no more', async () => {
    const { breaker, origin, clock, fetch } = await opened()
    clock.advance(4_999)
    await failure(fetch(requestFor('a')), 'overloaded')
    clock.advance(1)
    for (let probe = 0; probe < 3; probe += 1) void outcomeOf(fetch(requestFor('a')))
    const refused = await failure(fetch(requestFor('a')), 'overloaded')

    expect(refused.retryAfterSeconds).toBe(1)
    expect(breaker.state).toBe('half-open')
    expect(origin.count).toBe(23)
  })

  test('closes after three good answers, says so, and has forgotten what was before', async () => {
    const { breaker, clock, log, ask, askOften } = await opened()
    clock.advance(5_000)
    expect([await ask(200), await ask(404)]).toEqual([200, 404])
    expect(breaker.state).toBe('half-open')
    await ask(200)
    expect(breaker.state).toBe('closed')
    expect(log.lines.at(-1)).toEqual({
      level: 'warn',
      fields: { origin: 'spaces', circuit: 'closed' },
      message: 'spaces: answers again; the circuit is closed',
    })
    await askOften(19, unreachable())

    expect(breaker.state).toBe('closed')
  })

  test('opens again at the first failure, each time for twice as long, up to a minute', async () => {
    const { breaker, clock, log, ask } = await opened()
    for (const openForMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      clock.advance(openForMs - 1)
      expect(log.lines.at(-1)?.fields).toMatchObject({ circuit: 'open', openForMs })
      clock.advance(1)
      await ask(unreachable())
      expect(breaker.state).toBe('open')
    }
    clock.advance(60_000)
    for (let probe = 0; probe < 3; probe += 1) await ask(200)
    for (let count = 0; count < 20; count += 1) await ask(unreachable())

    expect(log.lines.at(-1)?.fields).toMatchObject({ circuit: 'open', openForMs: 5_000 })
  })

  test('counts a probe that was given up for neither, and lets another one through', async () => {
    const { breaker, clock, fetch, ask } = await opened()
    clock.advance(5_000)
    const leaving = new AbortController()
    const left = [0, 1, 2].map(() => outcomeOf(fetch(requestFor('a', { signal: leaving.signal }))))
    leaving.abort()
    expect(await Promise.all(left)).toEqual(['aborted', 'aborted', 'aborted'])
    expect(breaker.state).toBe('half-open')
    for (let probe = 0; probe < 3; probe += 1) expect(await ask(200)).toBe(200)
    await settled()

    expect(breaker.state).toBe('closed')
  })
})
