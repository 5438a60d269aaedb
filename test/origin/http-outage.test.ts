import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { gate } from '../support/http-socket-server.ts'
import { failure } from './fixture.ts'
import { failing, told, UNREPEATABLE } from './http-asking.ts'
import { expectWell, startHttpOrigin, until } from './http-fixture.ts'

describe('attempts', () => {
  test.each([429, 500, 502, 503, 504, 507, 599, 600, 999])('%i is tried again', async (status) => {
    const fixture = await startHttpOrigin({ retry: { maxAttempts: 3 } })
    fixture.server.put('/a', 'good')
    fixture.server.once('/a', failing(status), failing(status))

    expect(await told(fixture)).toBe('200 good')
    expect(fixture.server.requests).toHaveLength(3)
    expect(fixture.server.sockets.opened).toBe(1)
    await expectWell(fixture)
  })

  test.each([200, 301, 400, 403, 404, 408, 421, 499, 501, 505, 508])('%i is not', async (status) => {
    const fixture = await startHttpOrigin({ retry: { maxAttempts: 3 } })
    fixture.server.on('/a', failing(status))
    expect(await told(fixture)).toBe(`${status} error ${status}`)
    expect(fixture.server.requests).toHaveLength(1)
  })

  test('the last one’s answer is the answer, with its own body', async () => {
    const fixture = await startHttpOrigin({ retry: { maxAttempts: 3 } })
    fixture.server.once('/a', failing(500), failing(503), failing(502, 'the last'))
    expect(await told(fixture)).toBe('502 the last')
    await expectWell(fixture)
  })

  test('large bodies that nobody will read give their connections back', async () => {
    const fixture = await startHttpOrigin({ retry: { maxAttempts: 3 }, pool: { maxSockets: 1 } })
    const large = 'x'.repeat(8_000_000)
    fixture.server.put('/a', 'good')
    fixture.server.once('/a', failing(500, large), failing(503, large))

    expect(await told(fixture)).toBe('200 good')
    await fixture.server.socketsAtMost(1)
    await expectWell(fixture)
  })

  test('no more are made than the budget gives', async () => {
    const fixture = await startHttpOrigin({ retry: { maxAttempts: 5 } })
    fixture.server.on('/a', failing(500))
    const answers = await Promise.all(Array.from({ length: 30 }, () => told(fixture)))

    expect(new Set(answers)).toEqual(new Set(['500 error 500']))
    expect(fixture.server.requests).toHaveLength(40)
  })

  test.each([429, 503])('Retry-After of a %i is waited for, without a connection', async (status) => {
    const fixture = await startHttpOrigin({ retry: { maxAttempts: 2, deadlineMs: 10_000 } })
    const { server, origin, clock } = fixture
    server.put('/a', 'good')
    server.once('/a', (exchange) => exchange.send({ status, body: 'later', fields: { 'Retry-After': '3' } }))
    const answer = told(fixture)
    await server.received(1)
    await until(() => origin.usage().inUse === 0)
    expect(origin.usage()).toEqual({ inUse: 0, free: 1, queued: 0 })
    clock.advance(2_999)
    expect(server.requests).toHaveLength(1)
    clock.advance(1)

    expect(await answer).toBe('200 good')
    expect(clock.pending).toBe(0)
  })

  test('a Retry-After beyond the deadline makes the answer the answer', async () => {
    const fixture = await startHttpOrigin({ retry: { maxAttempts: 2, deadlineMs: 10_000 } })
    const fields = { 'Retry-After': '10' }
    fixture.server.on('/a', (exchange) => exchange.send({ status: 503, body: 'later', fields }))
    expect(await told(fixture)).toBe('503 later')
    expect(fixture.server.requests).toHaveLength(1)
  })

  test.each(UNREPEATABLE)('%s is sent once', async (_, request) => {
    const fixture = await startHttpOrigin({ retry: { maxAttempts: 3 } })
    fixture.server.on('/a', async (exchange) => {
      await exchange.request.content
      await exchange.send({ status: 503, body: 'no' })
    })
    expect(await told(fixture, request())).toBe('503 no')
    fixture.server.on('/a', (exchange) => exchange.cut())
    await failure(fixture.fetch('a', request()), 'unreachable')
    expect(fixture.server.requests).toHaveLength(2)
    await expectWell(fixture)
  })

  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])('%s without content is repeated', async (method) => {
    const fixture = await startHttpOrigin({ retry: { maxAttempts: 2 } })
    fixture.server.on('/a', (exchange) => exchange.send())
    fixture.server.once('/a', failing(500))
    expect((await fixture.fetch('a', { method })).status).toBe(200)
  })

  test('the deadline ends a request at any stage, but for one whose content takes its time', async () => {
    const fixture = await startHttpOrigin({ retry: { maxAttempts: 3, deadlineMs: 10_000 } })
    const { server, clock, fetch } = fixture
    const open = gate()
    server.on('/a', async (exchange) => {
      await open.opened
      await exchange.send({ body: 'done' })
    })
    const get = failure(fetch('a'), 'timeout')
    const put = told(fixture, { method: 'PUT', content: Readable.from([Buffer.from('x')]) })
    await server.received(2)
    clock.advance(10_000)
    await get
    open.open()
    expect(await put).toBe('200 done')
  })
})

describe('hedging', () => {
  const hedge = { trigger: { afterMs: 500 }, maxShare: 1 }

  test('an answer that is a failure loses to a good one that comes later', async () => {
    const fixture = await startHttpOrigin({ hedge })
    const { server, clock } = fixture
    const good = gate()
    const bad = gate()
    server.once(
      '/a',
      async (exchange) => {
        await bad.opened
        await exchange.send({ status: 500, body: 'bad' })
      },
      async (exchange) => {
        await good.opened
        await exchange.send({ body: 'good' })
      },
    )
    const answer = told(fixture)
    await server.received(1)
    clock.advance(500)
    await server.received(2)
    bad.open()
    await until(() => fixture.origin.usage().inUse === 1)
    good.open()

    expect(await answer).toBe('200 good')
    await expectWell(fixture)
    expect(server.sockets.opened).toBe(2)
  })

  test('of two failures the answer is one, with its body', async () => {
    const fixture = await startHttpOrigin({ hedge })
    const { server, clock } = fixture
    const both = gate()
    const first = gate()
    server.once(
      '/a',
      async (exchange) => {
        await both.opened
        exchange.reset()
        first.open()
      },
      async (exchange) => {
        await first.opened
        await exchange.send({ status: 503, body: 'bad' })
      },
    )
    const answer = told(fixture)
    await server.received(1)
    clock.advance(500)
    await server.received(2)
    both.open()

    expect(await answer).toBe('503 bad')
    await expectWell(fixture)
  })

  test.each(UNREPEATABLE)('%s is never sent twice', async (_, request) => {
    const fixture = await startHttpOrigin({ hedge })
    const { server, clock } = fixture
    const open = gate()
    server.on('/a', async (exchange) => {
      await open.opened
      await exchange.send({ body: 'done' })
    })
    const answer = told(fixture, request())
    await server.received(1)
    clock.advance(29_999)
    expect(fixture.origin.usage()).toMatchObject({ inUse: 1, queued: 0 })
    open.open()
    expect(await answer).toBe('200 done')
    expect(server.requests).toHaveLength(1)
  })
})
