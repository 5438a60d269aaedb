import { describe, expect, onTestFinished, test } from 'vitest'
import { NotConnectedError } from '../../src/origin/failure.ts'
import { gate } from '../support/http-socket-server.ts'
import { bytesOf, failure, pattern } from './fixture.ts'
import { expectNothingHeld, startHttpOrigin, until } from './http-fixture.ts'
import { startUnacceptingPort } from './unaccepting.ts'

describe('timeouts', () => {
  test('connecting', async () => {
    const unaccepting = await startUnacceptingPort()
    onTestFinished(() => unaccepting.close())
    const { origin, clock, fetch } = await startHttpOrigin({ url: `http://127.0.0.1:${unaccepting.port}` })
    const fetched = failure(fetch('a'), 'timeout')
    await until(() => clock.pending === 1)
    clock.advance(4_999)
    expect(origin.usage().inUse).toBe(1)
    clock.advance(1)

    expect(await fetched).toBeInstanceOf(NotConnectedError)
    expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
    expect(clock.pending).toBe(0)
  })

  test('the response’s headers, from when the request is on a connection; an interim answer is none', async () => {
    const fixture = await startHttpOrigin()
    const { server, clock, origin, fetch } = fixture
    const told = gate()
    server.on('/a', (exchange) => exchange.interim(102))
    const fetched = failure(fetch('a', { onInformational: () => told.open() }), 'timeout')
    await told.opened
    clock.advance(29_999)
    expect(origin.usage().inUse).toBe(1)
    clock.advance(1)

    await fetched
    expect(clock.pending).toBe(0)
    await expectNothingHeld(fixture)
  })

  test('headers that come byte by byte are late all the same', async () => {
    const fixture = await startHttpOrigin()
    fixture.server.on('/a', (exchange) => exchange.write('HTTP/1.1 200 OK\r\nX-Slow: '))
    const fetched = failure(fixture.fetch('a'), 'timeout')
    await fixture.server.received(1)
    fixture.clock.advance(30_000)
    await fetched
    await expectNothingHeld(fixture)
  })

  test('a queue does not count', async () => {
    const { server, clock, fetch } = await startHttpOrigin({ pool: { maxSockets: 1 } })
    server.put('/a', 'a')
    server.put('/b', 'b')
    server.on('/a', (exchange) => exchange.answerPart(0))
    const { body } = await fetch('a')
    const waiting = fetch('b')
    clock.advance(31_000)
    body?.destroy()
    expect((await bytesOf(await waiting)).toString()).toBe('b')
  })

  test('the next bytes of a body, while its reader waits for them', async () => {
    const fixture = await startHttpOrigin()
    fixture.server.put('/a', 'abcdef')
    fixture.server.on('/a', (exchange) => exchange.answerPart(3))
    const { body } = await fixture.fetch('a')
    expect((await body?.next())?.value?.toString()).toBe('abc')
    const next = failure(body?.next() ?? Promise.resolve(), 'timeout')
    fixture.clock.advance(14_999)
    expect(fixture.origin.usage().inUse).toBe(1)
    fixture.clock.advance(1)

    await next
    await expectNothingHeld(fixture)
  })

  test('a reader that pauses for an hour and then reads on is no stall', async () => {
    const { server, clock, fetch } = await startHttpOrigin()
    const bytes = pattern(3_000_000)
    server.put('/a', bytes)
    const { status, headers, body } = await fetch('a')
    const first = await body?.next()
    clock.advance(3_600_000)
    const rest = await bytesOf({ status, headers, body })
    expect(Buffer.concat([first?.value ?? Buffer.alloc(0), rest]).equals(bytes)).toBe(true)
  })
})
