import { describe, expect, test } from 'vitest'
import { type HedgeSettings, hedging } from '../../src/origin/hedging.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ScriptedBody, ScriptedOrigin, settled } from '../support/scripted-origin.ts'
import { outcomeOf, requestFor, slowDown, unreachable } from './asking.ts'

function hedgingOf({ trigger = { afterMs: 500 }, maxShare = 1 }: Partial<HedgeSettings> = {}) {
  const origin = new ScriptedOrigin('spaces')
  const clock = new FakeClock()
  const queue = { isQueued: false }
  const isQueued = () => queue.isQueued
  return {
    origin,
    clock,
    queue,
    fetch: hedging((request) => origin.fetch(request), { trigger, maxShare, clock, isQueued }),
  }
}

/** A request that has been sent twice. */
async function hedged() {
  const world = hedgingOf()
  const leaving = new AbortController()
  const ended = world.fetch(requestFor('a', { signal: leaving.signal, range: { first: 3 } }))
  world.clock.advance(500)
  await settled()
  expect(world.origin.count).toBe(2)
  return { ...world, ended, leaving }
}

describe('an answer that is a failure', () => {
  const failed = (status: number) => ({ status, headers: {}, body: new ScriptedBody() })

  test('loses to a good one, and its body is destroyed', async () => {
    const { origin, ended } = await hedged()
    const bad = failed(500)
    origin.exchange(0).answerAs(bad)
    await settled()
    expect(bad.body.isOpen).toBe(true)
    origin.exchange(1).answerWhole(Buffer.from('good'))

    expect((await ended).status).toBe(200)
    expect(bad.body.isDestroyed).toBe(true)
  })

  test.each([0, 1])('is the answer when the other one failed too, whichever came first (%i)', async (first) => {
    const { origin, ended } = await hedged()
    const bad = failed(503)
    if (first === 0) origin.exchange(0).answerAs(bad)
    origin.exchange(1).fail(unreachable())
    await settled()
    if (first === 1) origin.exchange(0).answerAs(bad)

    expect((await ended).status).toBe(503)
    expect(bad.body.isOpen).toBe(true)
  })

  test('of two the first is the answer', async () => {
    const { origin, ended } = await hedged()
    const [one, other] = [failed(500), failed(502)]
    origin.exchange(1).answerAs(other)
    await settled()
    origin.exchange(0).answerAs(one)

    expect((await ended).status).toBe(502)
    expect([one.body.isDestroyed, other.body.isOpen]).toEqual([true, true])
  })

  test('is none for who has left', async () => {
    const { origin, ended, leaving } = await hedged()
    const bad = failed(500)
    origin.exchange(0).answerAs(bad)
    await settled()
    leaving.abort()

    expect(await outcomeOf(ended)).toBe('aborted')
    expect(bad.body.isOpen).toBe(false)
  })
})

describe('the second request', () => {
  test('is sent when the headers have not come in time, no sooner, and asks for the same', async () => {
    const { origin, clock, fetch } = hedgingOf()
    void outcomeOf(fetch(requestFor('a', { range: { first: 3 }, priority: 'playlist' })))
    clock.advance(499)
    expect(origin.count).toBe(1)
    clock.advance(1)

    expect(origin.requests).toMatchObject([
      { key: 'a', range: { first: 3 }, priority: 'playlist' },
      { key: 'a', range: { first: 3 }, priority: 'playlist' },
    ])
  })

  test('is not sent once the headers are there, or the first one has failed', async () => {
    const { origin, clock, fetch } = hedgingOf()
    const good = fetch(requestFor('a'))
    origin.exchange(0).answer()
    const bad = outcomeOf(fetch(requestFor('b')))
    origin.exchange(1).fail(unreachable())
    expect([(await good).status, await bad]).toEqual([200, 'unreachable'])
    expect(clock.pending).toBe(0)
    clock.advance(60_000)

    expect(origin.count).toBe(2)
  })

  test('is not sent while requests queue for the origin', async () => {
    const { origin, clock, queue, fetch } = hedgingOf()
    queue.isQueued = true
    void outcomeOf(fetch(requestFor('a')))
    clock.advance(60_000)

    expect(origin.count).toBe(1)
  })
})

describe('of two requests', () => {
  test.each([
    [0, 1],
    [1, 0],
  ])('the answer of number %i is taken when it comes first, and number %i is aborted', async (winner, loser) => {
    const { origin, ended } = await hedged()
    const body = origin.exchange(winner).answer({ headers: { etag: `"${winner}"` } })
    const response = await ended

    expect(response.headers).toEqual({ etag: `"${winner}"` })
    expect(response.body).toBe(body)
    expect(origin.exchange(loser).request.signal.aborted).toBe(true)
    expect(origin.exchange(winner).request.signal.aborted).toBe(false)
    await settled()
    expect(origin.openBodies).toBe(1)
  })

  test('the loser’s body is destroyed when both answer in the same moment', async () => {
    const { origin, ended } = await hedged()
    const first = origin.exchange(0).answer()
    const second = origin.exchange(1).answer()
    const response = await ended
    await settled()

    expect(response.body).toBe(first)
    expect([first.isOpen, second.isOpen, second.destroyed]).toEqual([true, false, 1])
  })

  test('one that fails leaves the other its chance', async () => {
    const { origin, ended } = await hedged()
    origin.exchange(0).fail(unreachable())
    await settled()
    origin.exchange(1).answer({ status: 404 })

    expect((await ended).status).toBe(404)
  })

  test('both that fail give the error that came first', async () => {
    const { origin, ended } = await hedged()
    const outcome = outcomeOf(ended)
    origin.exchange(1).fail(slowDown())
    await settled()
    origin.exchange(0).fail(unreachable())

    expect(await outcome).toBe('overloaded')
  })

  test('both end when the asker leaves, before the headers and after them', async () => {
    const before = await hedged()
    const outcome = outcomeOf(before.ended)
    before.leaving.abort()
    expect(await outcome).toBe('aborted')
    expect(before.origin.requests.map(({ signal }) => signal.aborted)).toEqual([true, true])

    const after = await hedged()
    const body = after.origin.exchange(1).answer()
    await after.ended
    after.leaving.abort()
    expect(body.isOpen).toBe(false)
  })
})

describe('how many are sent twice', () => {
  test('is no more than the share that is allowed', async () => {
    const { origin, clock, fetch } = hedgingOf({ maxShare: 0.05 })
    for (let count = 0; count < 1000; count += 1) {
      const before = origin.count
      const ended = fetch(requestFor('a'))
      clock.advance(500)
      for (let index = before; index < origin.count; index += 1) origin.exchange(index).answer({ status: 404 })
      await ended
    }

    expect(origin.count).toBe(1050)
  })

  test('after a quiet time is ten at once', async () => {
    const { origin, clock, fetch } = hedgingOf({ maxShare: 0.05 })
    for (let index = 0; index < 1000; index += 1) {
      const ended = fetch(requestFor('a'))
      origin.exchange(index).answer({ status: 404 })
      await ended
    }
    for (let count = 0; count < 50; count += 1) void outcomeOf(fetch(requestFor('a')))
    clock.advance(500)

    expect(origin.count).toBe(1000 + 50 + 10)
  })
})

test('with a percentile the time is what recent requests took, and nothing is sent twice before it is known', async () => {
  const { origin, clock, fetch } = hedgingOf({ trigger: { percentile: 90 } })
  const take = async (ms: number) => {
    const index = origin.count
    const ended = fetch(requestFor('a'))
    clock.advance(ms)
    expect(origin.count).toBe(index + 1)
    origin.exchange(index).answer({ status: 404 })
    await ended
  }
  for (let count = 0; count < 28; count += 1) await take(20)
  for (let count = 0; count < 4; count += 1) await take(10_000)
  const before = origin.count
  void outcomeOf(fetch(requestFor('a')))
  clock.advance(9_999)
  expect(origin.count).toBe(before + 1)
  clock.advance(1)
  expect(origin.count).toBe(before + 2)
  origin.exchange(before).answer({ status: 404 })
  await settled()
  for (let count = 0; count < 30; count += 1) await take(20)
  void outcomeOf(fetch(requestFor('a')))
  clock.advance(20)

  expect(origin.count).toBe(before + 2 + 30 + 2)
})
