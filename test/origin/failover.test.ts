import { describe, expect, test } from 'vitest'
import { OriginError } from '../../src/errors.ts'
import { failover } from '../../src/origin/failover.ts'
import { NotSentError } from '../../src/origin/failure.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ScriptedBody, ScriptedOrigin, settled } from '../support/scripted-origin.ts'
import { FAILURES, internalError, outcomeOf, requestFor, slowDown, unreachable } from './asking.ts'
import { RecordingLog } from './fixture.ts'

function failoverOf({ onNotFound = false } = {}) {
  const [a, b, c] = [new ScriptedOrigin('sfo3'), new ScriptedOrigin('nyc3'), new ScriptedOrigin('ams3')] as const
  const clock = new FakeClock()
  const log = new RecordingLog()
  return { a, b, c, clock, log, origin: failover(a, [b, c], { onNotFound, clock, log }) }
}

describe('the next origin is asked', () => {
  const FOR_NEXT = new Set(['unreachable', 'timeout', 'overloaded', 'broken'])
  test.each(FAILURES)('or not, after %s', async (_, error) => {
    const { a, b, origin } = failoverOf()
    const ended = outcomeOf(origin.fetch(requestFor('x')))
    a.exchange(0).fail(error)
    await settled()
    const kind = 'kind' in error ? String(error.kind) : undefined
    if (kind === undefined || !FOR_NEXT.has(kind)) {
      expect([b.count, await ended]).toEqual([0, kind ?? String(error)])
      return
    }
    b.exchange(0).answer()

    expect(await ended).toBe(200)
  })

  test.each([200, 206, 304, 412, 416])('not after %i', async (status) => {
    const { a, b, origin } = failoverOf({ onNotFound: true })
    const ended = outcomeOf(origin.fetch(requestFor('x')))
    a.exchange(0).answer({ status })

    expect([await ended, b.count]).toEqual([status, 0])
  })

  test('after an open circuit, and the one after that too', async () => {
    const { a, b, c, origin } = failoverOf()
    const ended = outcomeOf(origin.fetch(requestFor('x')))
    a.exchange(0).fail(new NotSentError('overloaded', 'sfo3: the circuit is open', { retryAfterSeconds: 5 }))
    await settled()
    b.exchange(0).fail(internalError())
    await settled()
    c.exchange(0).answer()

    expect(await ended).toBe(200)
  })

  test('and each request begins with the first one again', async () => {
    const { a, b, origin } = failoverOf()
    for (let index = 0; index < 3; index += 1) {
      const ended = outcomeOf(origin.fetch(requestFor('x')))
      a.exchange(index).fail(unreachable())
      await settled()
      b.exchange(index).answer()
      expect(await ended).toBe(200)
    }
  })

  test('and when none is left the last error is the outcome', async () => {
    const { a, b, c, origin } = failoverOf()
    const last = slowDown(7)
    const ended = origin.fetch(requestFor('x')).catch((error: unknown) => error)
    a.exchange(0).fail(unreachable())
    await settled()
    b.exchange(0).fail(internalError())
    await settled()
    c.exchange(0).fail(last)

    expect(await ended).toBe(last)
  })

  test('not once the asker has left', async () => {
    const { a, b, origin } = failoverOf()
    const leaving = new AbortController()
    const ended = outcomeOf(origin.fetch(requestFor('x', { signal: leaving.signal })))
    expect(a.count).toBe(1)
    leaving.abort()

    expect([await ended, b.count]).toEqual(['aborted', 0])
  })
})

describe('404, and 403, which says the same where a bucket may not be listed,', () => {
  test.each([404, 403])('%i is the answer by default', async (status) => {
    const { a, b, origin } = failoverOf()
    const ended = outcomeOf(origin.fetch(requestFor('x')))
    a.exchange(0).answer({ status })

    expect([await ended, b.count]).toEqual([status, 0])
  })

  test.each([404, 403])('%i is asked about further where the route wants it', async (status) => {
    const { a, b, c, log, origin } = failoverOf({ onNotFound: true })
    const ended = outcomeOf(origin.fetch(requestFor('x')))
    a.exchange(0).answer({ status })
    await settled()
    b.exchange(0).answer()

    expect([await ended, c.count]).toEqual([200, 0])
    expect(log.lines).toEqual([])
  })

  test.each([
    { said: [404, 404, 404], answer: 404, from: 'sfo3' },
    { said: [403, 403, 403], answer: 403, from: 'sfo3' },
    { said: [403, 404, 404], answer: 404, from: 'nyc3' },
    { said: [403, 403, 404], answer: 404, from: 'ams3' },
    { said: [404, 403, 403], answer: 404, from: 'sfo3' },
  ])('when all say so, $said, the first of the clearest is the answer: $answer of $from', async (expected) => {
    const { a, b, c, origin } = failoverOf({ onNotFound: true })
    const asked = [a, b, c].map((one, index) => ({ one, status: expected.said[index] ?? 0, body: new ScriptedBody() }))
    const answered = origin.fetch(requestFor('x'))
    for (const { one, status, body } of asked) {
      one.exchange(0).answerAs({ status, headers: {}, body })
      await settled()
    }
    const { status, body } = await answered

    const chosen = asked.find(({ one }) => one.name === expected.from)
    expect([status, body]).toEqual([expected.answer, chosen?.body])
    expect(asked.filter((one) => one.body.isOpen)).toEqual([chosen])
  })

  test.each([404, 403])('%i of one origin is the answer when the others fail', async (status) => {
    const { a, b, c, origin } = failoverOf({ onNotFound: true })
    const ended = outcomeOf(origin.fetch(requestFor('x')))
    a.exchange(0).answer({ status })
    await settled()
    b.exchange(0).fail(unreachable())
    await settled()
    c.exchange(0).fail(unreachable())

    expect(await ended).toBe(status)
  })

  test.each([
    ['an answer that is one', 200],
    ['an error that ends the search', new OriginError('misconfigured', 'nyc3: 403 InvalidAccessKeyId')],
  ])('is forgotten, body and all, for %s', async (_, outcome) => {
    const { a, b, origin } = failoverOf({ onNotFound: true })
    const body = new ScriptedBody()
    const ended = outcomeOf(origin.fetch(requestFor('x')))
    a.exchange(0).answerAs({ status: 404, headers: {}, body })
    await settled()
    expect(body.isOpen).toBe(true)
    if (typeof outcome === 'number') b.exchange(0).answer({ status: outcome })
    else b.exchange(0).fail(outcome)

    expect(await ended).toBe(typeof outcome === 'number' ? outcome : outcome.kind)
    expect(body.isDestroyed).toBe(true)
  })
})

test('a tag that has to match goes to every origin, one that has to differ to the first alone, a date to none', async () => {
  const { a, b, origin } = failoverOf()
  const validators = { ifMatch: '"1"', ifNoneMatch: '"2"', ifModifiedSince: 'Sun, 01 Nov 2026 12:00:00 GMT' }
  void outcomeOf(origin.fetch(requestFor('x', { validators, range: { first: 5 } })))
  a.exchange(0).fail(unreachable())
  await settled()
  void outcomeOf(origin.fetch(requestFor('y', { validators: { ifNoneMatch: '"2"' } })))
  a.exchange(1).fail(unreachable())
  await settled()

  expect(a.exchange(0).request.validators).toEqual({ ifMatch: '"1"', ifNoneMatch: '"2"' })
  expect(b.exchange(0).request).toMatchObject({ range: { first: 5 }, validators: { ifMatch: '"1"' } })
  expect(b.exchange(0).request.validators).toEqual({ ifMatch: '"1"' })
  expect(b.exchange(1).request).not.toHaveProperty('validators')
})

test('the log hears of it once in ten seconds for each origin', async () => {
  const { a, b, clock, log, origin } = failoverOf()
  const ask = async (index: number) => {
    const ended = outcomeOf(origin.fetch(requestFor('x')))
    a.exchange(index).fail(unreachable())
    await settled()
    b.exchange(index).answer()
    await ended
  }
  for (let index = 0; index < 5; index += 1) await ask(index)
  expect(log.lines).toEqual([
    {
      level: 'warn',
      fields: { origin: 'sfo3', next: 'nyc3', kind: 'unreachable', error: 'spaces: connection refused' },
      message: 'sfo3: asking nyc3',
    },
  ])
  clock.advance(10_000)
  await ask(5)

  expect(log.lines).toHaveLength(2)
})

test('it goes by the name of the first, counts them all, and closes them all', async () => {
  const { a, b, c, origin } = failoverOf()
  const asked = [a, b, c].map((one) => one.fetch(requestFor('x')))
  for (const one of [a, b, c]) one.exchange(0).answer()
  await Promise.all(asked)
  expect([origin.name, origin.usage()]).toEqual(['sfo3', { inUse: 3, free: 0, queued: 0 }])
  await origin.close()

  expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
})
