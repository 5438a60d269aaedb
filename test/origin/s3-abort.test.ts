import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { bytesOf, describeEachTransport, type Fixture, failure, HELD, pattern, startOrigin } from './fixture.ts'
import { startUnacceptingPort } from './unaccepting.ts'

const NOTHING_HELD = { inUse: 0, free: 0, queued: 0 }

const nothingHeld = ({ origin }: Fixture) => vi.waitFor(() => expect(origin.usage()).toEqual(NOTHING_HELD))

describeEachTransport(() => {
  describe('an aborted fetch gives permit and socket back', () => {
    test('before it began: no request at all', async () => {
      const fixture = await startOrigin()
      const reason = new Error('the client left')

      expect((await failure(fixture.fetch('a', { signal: AbortSignal.abort(reason) }), 'aborted')).cause).toBe(reason)
      await nothingHeld(fixture)
      expect(fixture.s3.sockets.opened).toBe(0)
    })

    test('in the same turn it began: no request at all', async () => {
      const fixture = await startOrigin()
      const leaving = new AbortController()
      const ended = failure(fixture.fetch('a', { signal: leaving.signal }), 'aborted')
      leaving.abort()

      await ended
      await nothingHeld(fixture)
      expect(fixture.s3.requests).toEqual([])
    })

    test('queued: it leaves the queue, and the others are served', async () => {
      const fixture = await startOrigin({ pool: { maxSockets: 1 } })
      const { s3, origin, fetch } = fixture
      s3.put('a', HELD)
      const first = await fetch('a')
      const leaving = new AbortController()
      const ended = failure(fetch('never', { signal: leaving.signal }), 'aborted')
      const last = fetch('a')
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 1, queued: 2 }))
      leaving.abort()

      await ended
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 1, queued: 1 }))
      await bytesOf(first)
      expect(await bytesOf(await last)).toEqual(HELD)
      expect(s3.requestsFor('never')).toEqual([])
    })

    test('connecting', async () => {
      const unaccepting = await startUnacceptingPort()
      onTestFinished(() => unaccepting.close())
      const fixture = await startOrigin({ endpoint: `http://127.0.0.1:${unaccepting.port}` })
      const leaving = new AbortController()
      const ended = failure(fixture.fetch('a', { signal: leaving.signal }), 'aborted')
      await vi.waitFor(() => expect(fixture.origin.usage()).toMatchObject({ inUse: 1 }))
      leaving.abort()

      await ended
      await nothingHeld(fixture)
      await vi.waitFor(() => expect(fixture.clock.pending).toBe(0))
    })

    test('waiting for the headers: the store sees the connection end', async () => {
      const fixture = await startOrigin({ retry: { maxAttempts: 5 } })
      fixture.s3.on('a', () => undefined)
      const leaving = new AbortController()
      const ended = failure(fixture.fetch('a', { signal: leaving.signal }), 'aborted')
      await fixture.s3.received(1)
      leaving.abort()

      await ended
      await fixture.s3.socketsAtMost(0)
      await nothingHeld(fixture)
      expect(fixture.clock.pending).toBe(0)
      expect(fixture.s3.requests).toHaveLength(1)
    })

    test('in the pause before a retry: at once, and there is no other attempt', async () => {
      const fixture = await startOrigin({ retry: { maxAttempts: 5 }, random: () => 0.99 })
      const { s3, origin, fetch } = fixture
      s3.on('a', (exchange) => exchange.error(503, 'SlowDown', { headers: { 'retry-after': '2' } }))
      const leaving = new AbortController()
      const ended = failure(fetch('a', { signal: leaving.signal }), 'aborted')
      await s3.received(1)
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 0, free: 1 }))
      leaving.abort()

      await ended
      expect(fixture.clock.pending).toBe(0)
      fixture.clock.advance(60_000)
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 }))
      expect(s3.requests).toHaveLength(1)
    })

    test('in the middle of an error answer', async () => {
      const fixture = await startOrigin()
      fixture.s3.on('a', ({ response }) => void response.writeHead(404, { 'content-length': '100' }).write('<'))
      const leaving = new AbortController()
      const ended = failure(fixture.fetch('a', { signal: leaving.signal }), 'aborted')
      await fixture.s3.received(1)
      leaving.abort()

      await ended
      await fixture.s3.socketsAtMost(0)
      await nothingHeld(fixture)
    })

    test('with the answer handed out but unread', async () => {
      const fixture = await startOrigin()
      fixture.s3.put('a', HELD)
      const leaving = new AbortController()
      const { body } = await fixture.fetch('a', { signal: leaving.signal })
      leaving.abort()

      await fixture.s3.socketsAtMost(0)
      await nothingHeld(fixture)
      await failure(body?.next() ?? Promise.resolve(), 'aborted')
    })

    test('half way through the body', async () => {
      const fixture = await startOrigin()
      fixture.s3.put('a', pattern(1_000))
      fixture.s3.on('a', (exchange) => exchange.answerPart(500))
      const leaving = new AbortController()
      const { body } = await fixture.fetch('a', { signal: leaving.signal })
      expect((await body?.next())?.value).toEqual(pattern(1_000).subarray(0, 500))
      const next = failure(body?.next() ?? Promise.resolve(), 'aborted')
      leaving.abort()

      await next
      await fixture.s3.socketsAtMost(0)
      await nothingHeld(fixture)
      expect(fixture.clock.pending).toBe(0)
    })

    test('at any moment of 200 fetches through 10 sockets: nothing is left over', async () => {
      const fixture = await startOrigin({ pool: { maxSockets: 10 } })
      const { s3, origin, fetch } = fixture
      s3.put('a', pattern(50_000))
      const outcomes = Array.from({ length: 200 }, async (_, index) => {
        const leaving = new AbortController()
        const ending = fetch('a', { signal: leaving.signal }).then(bytesOf)
        if (index % 3 === 0) void s3.received(index / 2 + 1).then(() => leaving.abort())
        return ending.then(
          (bytes) => bytes.equals(pattern(50_000)),
          () => leaving.signal.aborted,
        )
      })

      expect(new Set(await Promise.all(outcomes))).toEqual(new Set([true]))
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 }))
    })
  })
})
