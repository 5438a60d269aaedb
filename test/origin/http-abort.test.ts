import { describe, expect, onTestFinished, test } from 'vitest'
import { failure, pattern } from './fixture.ts'
import { expectNothingHeld, type HttpFixture, startHttpOrigin, until } from './http-fixture.ts'
import { startUnacceptingPort } from './unaccepting.ts'

describe('an abort gives permit and connection back at once', () => {
  const aborting = (fixture: HttpFixture) => {
    const controller = new AbortController()
    const fetched = failure(fixture.fetch('a', { signal: controller.signal }), 'aborted')
    return { fetched, abort: () => controller.abort() }
  }

  test('before it begins', async () => {
    const fixture = await startHttpOrigin()
    await failure(fixture.fetch('a', { signal: AbortSignal.abort() }), 'aborted')
    expect(fixture.server.sockets.opened).toBe(0)
  })

  test('in the queue', async () => {
    const fixture = await startHttpOrigin({ pool: { maxSockets: 1 } })
    fixture.server.on('/held', (exchange) => exchange.head(200, { 'Content-Length': '1' }))
    const held = await fixture.fetch('held')
    const { fetched, abort } = aborting(fixture)
    expect(fixture.origin.usage().queued).toBe(1)
    abort()
    await fetched
    expect(fixture.origin.usage()).toEqual({ inUse: 1, free: 0, queued: 0 })
    held.body?.destroy()
    await expectNothingHeld(fixture)
    expect(fixture.server.requestsFor('/a')).toEqual([])
  })

  test('while it connects', async () => {
    const unaccepting = await startUnacceptingPort()
    onTestFinished(() => unaccepting.close())
    const fixture = await startHttpOrigin({ url: `http://127.0.0.1:${unaccepting.port}` })
    const { fetched, abort } = aborting(fixture)
    await until(() => fixture.clock.pending === 1)
    abort()
    expect(fixture.origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
    await fetched
    await until(() => fixture.clock.pending === 0)
  })

  test('while it waits for the headers', async () => {
    const fixture = await startHttpOrigin()
    fixture.server.on('/a', () => undefined)
    const { fetched, abort } = aborting(fixture)
    await fixture.server.received(1)
    abort()
    await expectNothingHeld(fixture)
    await fetched
    expect(fixture.clock.pending).toBe(0)
  })

  test('by whoever is told of an interim answer', async () => {
    const fixture = await startHttpOrigin()
    fixture.server.on('/a', async (exchange) => {
      await exchange.write('HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na')
    })
    const controller = new AbortController()
    const onInformational = () => controller.abort()
    await failure(fixture.fetch('a', { onInformational, signal: controller.signal }), 'aborted')
    await expectNothingHeld(fixture)
  })

  test('within the body, for a reader that waits and for one that does not', async () => {
    const fixture = await startHttpOrigin()
    fixture.server.put('/a', 'abcdef')
    fixture.server.on('/a', (exchange) => exchange.answerPart(3))
    for (const isWaiting of [true, false]) {
      const controller = new AbortController()
      const { body } = await fixture.fetch('a', { signal: controller.signal })
      await body?.next()
      const next = isWaiting ? body?.next() : undefined
      controller.abort()
      await failure(next ?? body?.next() ?? Promise.resolve(), 'aborted')
      await expectNothingHeld(fixture)
    }
  })

  test('at any moment of 200 fetches through 10 connections: nothing is left over', async () => {
    const fixture = await startHttpOrigin({ pool: { maxSockets: 10, maxFreeSockets: 5 } })
    const { server, fetch } = fixture
    const bytes = pattern(50_000)
    server.onAny(async (exchange) => {
      await exchange.head(200, { 'Content-Length': '50000' })
      await exchange.write(bytes.subarray(0, 20_000))
      await exchange.write(bytes.subarray(20_000))
    })
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const controller = new AbortController()
        const at = (stage: number) => {
          if (index % 5 === stage) controller.abort()
        }
        try {
          const fetched = fetch(String(index), { signal: controller.signal })
          at(0)
          if (index % 5 === 1) void server.received(index % 100).then(() => at(1))
          const { body } = await fetched
          at(2)
          const chunks: Buffer[] = []
          for await (const chunk of body ?? []) {
            chunks.push(chunk)
            at(3)
          }
          return Buffer.concat(chunks).equals(bytes) ? 'whole' : 'wrong'
        } catch {
          return 'failed'
        }
      }),
    )

    expect(outcomes).not.toContain('wrong')
    expect(outcomes.filter((outcome) => outcome === 'whole').length).toBeGreaterThanOrEqual(40)
    expect(fixture.origin.usage()).toMatchObject({ inUse: 0, queued: 0 })
    expect(server.sockets.peak).toBeLessThanOrEqual(15)
    await server.socketsAtMost(5)
  })
})
