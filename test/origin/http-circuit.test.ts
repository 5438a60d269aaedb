/** What the answers of an HTTP origin do to its pace and its circuit: some are about one request, some about all. */
import { describe, expect, test } from 'vitest'
import { NotSentError } from '../../src/origin/failure.ts'
import type { HttpHandler } from '../support/http-socket-server.ts'
import { bytesOf, failure } from './fixture.ts'
import { failing, told } from './http-asking.ts'
import { type HttpFixture, startHttpOrigin } from './http-fixture.ts'

describe('the pace', () => {
  /** One request for each of these, as fast as the pace allows; resolves with how many were sent by then. */
  const askedFor = async ({ server, clock, fetch }: HttpFixture, keys: readonly string[]) => {
    for (const [index, key] of keys.entries()) {
      const answer = fetch(key)
      await server.received(index + 1)
      await bytesOf(await answer)
      // At 20 a second one may leave every 50 ms.
      if (index < keys.length - 1) clock.advance(50)
    }
  }

  /** Whether the next request leaves 60 ms later, as it does at 20 a second; after a cut it leaves after 72 ms. */
  const isSlowed = async ({ server, origin, clock, fetch }: HttpFixture) => {
    const sent = server.requests.length
    const next = fetch('next')
    await Promise.resolve()
    clock.advance(60)
    const { queued } = origin.usage()
    clock.advance(20)
    await bytesOf(await next)
    expect(server.requests).toHaveLength(sent + 1)
    return queued === 1
  }

  test.each([
    [503, ['a'], true],
    [429, ['a'], false],
    [429, ['a', 'a?1', 'a', 'a?2'], false],
    [429, ['a', 'b'], true],
    [500, ['a', 'b'], false],
    [502, ['a', 'b'], false],
  ])('%i of %j: slowed down is %s', async (status, keys, isSlow) => {
    const fixture = await startHttpOrigin({ limits: { requestsPerSecond: 20 } })
    for (const key of keys) fixture.server.on(`/${key}`, failing(status))
    fixture.server.put('/next', 'good')
    await askedFor(fixture, keys)
    expect(await isSlowed(fixture)).toBe(isSlow)
  })

  test('429s of two paths that lie more than a second apart are two matters', async () => {
    const fixture = await startHttpOrigin({ limits: { requestsPerSecond: 20 } })
    for (const path of ['/a', '/b']) fixture.server.on(path, failing(429))
    fixture.server.put('/next', 'good')
    await askedFor(fixture, ['a'])
    fixture.clock.advance(1_001)
    await bytesOf(await fixture.fetch('b'))
    expect(await isSlowed(fixture)).toBe(false)
  })
})

describe('the circuit', () => {
  test.each([502, 503, 504])('opens on %i, and closes on good answers', async (status) => {
    const fixture = await startHttpOrigin({ breaker: { minRequests: 4 } })
    const { server, clock, fetch } = fixture
    server.on('/a', failing(status))
    server.on('/b', failing(404))
    for (let count = 0; count < 2; count += 1) await bytesOf(await fetch('b'))
    for (let count = 0; count < 2; count += 1) expect(await told(fixture)).toBe(`${status} error ${status}`)
    const refused = await failure(fetch('a'), 'overloaded')

    expect([refused instanceof NotSentError, refused.retryAfterSeconds, server.requests.length]).toEqual([true, 5, 4])
    clock.advance(5_000)
    for (let count = 0; count < 3; count += 1) await bytesOf(await fetch('b'))
    expect(await told(fixture)).toBe(`${status} error ${status}`)
  })

  test.each([400, 404, 429, 500, 501, 505, 507, 508, 520, 599, 999])(
    'is closed however often one path answers %i',
    async (status) => {
      const fixture = await startHttpOrigin({ breaker: { minRequests: 20 } })
      const { server, fetch } = fixture
      server.on('/a', failing(status))
      server.put('/b', 'good')
      for (let count = 0; count < 25; count += 1) expect(await told(fixture)).toBe(`${status} error ${status}`)

      expect((await bytesOf(await fetch('b'))).toString()).toBe('good')
    },
  )

  test('a probe that is answered at all has found the origin well, be it with a 500', async () => {
    const fixture = await startHttpOrigin({ breaker: { minRequests: 1 } })
    const { server, clock } = fixture
    server.on('/a', failing(500))
    server.once('/a', failing(503))
    await told(fixture)
    clock.advance(5_000)
    for (let count = 0; count < 4; count += 1) expect(await told(fixture)).toBe('500 error 500')
  })

  test.each<[what: string, handler: HttpHandler]>([
    ['resets', (exchange) => exchange.reset()],
    ['silence', () => undefined],
  ])('opens on %s', async (_, handler) => {
    const fixture = await startHttpOrigin({ breaker: { minRequests: 2 } })
    const { server, clock, pool, fetch } = fixture
    server.on('/a', handler)
    const ended = Promise.allSettled([fetch('a'), fetch('a')])
    await server.received(2)
    clock.advance(pool.responseTimeoutMs)
    await ended
    expect(await failure(fetch('a'), 'overloaded')).toBeInstanceOf(NotSentError)
    expect(server.requests).toHaveLength(2)
  })

  test('a failing probe opens it again', async () => {
    const fixture = await startHttpOrigin({ breaker: { minRequests: 1 } })
    fixture.server.on('/a', failing(503))
    await told(fixture)
    fixture.clock.advance(5_000)
    expect(await told(fixture)).toBe('503 error 503')
    expect((await failure(fixture.fetch('a'), 'overloaded')).retryAfterSeconds).toBe(10)
  })
})
