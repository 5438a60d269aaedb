/** Attempts, circuit, hedging and the queue in front of a store on real sockets. */
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { AnswerError, DeadlineError, NotSentError } from '../../src/origin/failure.ts'
import { gate } from '../support/s3-socket-server.ts'
import { settled } from '../support/scripted-origin.ts'
import { outcomeOf } from './asking.ts'
import { bytesOf, describeEachTransport, failure, HELD, startOrigin } from './fixture.ts'

const times = <Value>(count: number, make: (index: number) => Value) => Array.from({ length: count }, (_, i) => make(i))

describeEachTransport(() => {
  describe('a total outage', () => {
    test('of a store that answers 503: the load stays under one and a half times, and the circuit opens', async () => {
      const { s3, clock, log, fetch } = await startOrigin({
        retry: { maxAttempts: 5 },
        limits: { requestsPerSecond: 1e6 },
      })
      s3.onAny((exchange) => exchange.error(503, 'SlowDown'))
      const outcomes = await Promise.all(times(100, (index) => outcomeOf(fetch(`seg-${index}.ts`))))

      expect(new Set(outcomes)).toEqual(new Set(['overloaded']))
      expect(s3.requests.length).toBeLessThanOrEqual(110)
      expect(log.lines.filter(({ fields }) => fields['circuit'] === 'open')).toHaveLength(1)
      const before = s3.requests.length
      const refused = await failure(fetch('seg-0.ts'), 'overloaded')
      expect(refused).toBeInstanceOf(NotSentError)
      expect(refused.retryAfterSeconds).toBe(5)
      clock.advance(5_000)
      expect(await outcomeOf(fetch('seg-0.ts'))).toBe('overloaded')
      expect(s3.requests.length).toBe(before + 1)
    })

    test('of a store that is gone, and its return: three probes, and everything as before', async () => {
      const { s3, origin, clock, fetch } = await startOrigin({ retry: { maxAttempts: 2 } })
      s3.put('a', 'back again')
      s3.onAny((exchange) => exchange.reset())
      for (let count = 0; count < 20; count += 1) await outcomeOf(fetch('b'))
      const before = s3.requests.length
      expect(await outcomeOf(fetch('a'))).toBe('overloaded')
      expect(s3.requests).toHaveLength(before)
      s3.onAny()
      clock.advance(5_000)
      for (let count = 0; count < 10; count += 1) expect(String(await bytesOf(await fetch('a')))).toBe('back again')

      expect(s3.requests).toHaveLength(before + 10)
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 }))
    })
  })

  describe('the deadline', () => {
    test('ends a fetch whose headers do not come, as a timeout, and closes its socket', async () => {
      const { s3, origin, clock, fetch } = await startOrigin({ retry: { maxAttempts: 5, deadlineMs: 10_000 } })
      s3.on('a', () => undefined)
      const ended = failure(fetch('a'), 'timeout')
      await s3.received(1)
      clock.advance(9_999)
      expect(s3.sockets.open).toBe(1)
      clock.advance(1)

      expect(await ended).toBeInstanceOf(DeadlineError)
      await s3.socketsAtMost(0)
      await vi.waitFor(() => expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 }))
      expect(clock.pending).toBe(0)
      expect(s3.requests).toHaveLength(1)
    })

    test('counts against the origin: one that never answers is soon asked no more', async () => {
      const { s3, clock, fetch } = await startOrigin({ retry: { maxAttempts: 5, deadlineMs: 10_000 } })
      s3.onAny(() => undefined)
      const hanging = times(20, (index) => outcomeOf(fetch(`seg-${index}.ts`)))
      await s3.received(20)
      clock.advance(10_000)
      expect(new Set(await Promise.all(hanging))).toEqual(new Set(['timeout']))

      expect(await failure(fetch('a'), 'overloaded')).toBeInstanceOf(NotSentError)
      expect(s3.requests).toHaveLength(20)
    })

    test('that passes in our own queue is overload, said with Retry-After, and does not count against the origin', async () => {
      const { s3, origin, clock, fetch } = await startOrigin({
        pool: { maxSockets: 1 },
        retry: { deadlineMs: 10_000 },
        breaker: { minRequests: 1 },
      })
      s3.put('a', HELD)
      const first = await fetch('a')
      const waiting = times(30, () => failure(fetch('a'), 'overloaded'))
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ queued: 30 }))
      clock.advance(10_000)
      for (const error of await Promise.all(waiting)) {
        expect(error).toBeInstanceOf(NotSentError)
        expect(error.retryAfterSeconds).toBe(1)
      }
      expect(await bytesOf(first)).toEqual(HELD)

      expect(await bytesOf(await fetch('a'))).toEqual(HELD)
      expect(s3.requests).toHaveLength(2)
    })

    test('is over with the headers: the body takes the time it takes', async () => {
      const { s3, clock, fetch } = await startOrigin({
        retry: { deadlineMs: 10_000 },
        pool: { stallTimeoutMs: 600_000 },
      })
      const open = gate()
      s3.put('a', 'slow but whole')
      s3.on('a', async (exchange) => {
        await exchange.answerPart(4)
        await open.opened
        await exchange.more()
      })
      const response = await fetch('a')
      clock.advance(60_000)
      open.open()

      expect(String(await bytesOf(response))).toBe('slow but whole')
    })
  })

  describe('the queue', () => {
    test('comes before the signature: what has waited is signed when it goes', async () => {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 0, 1, 12) })
      onTestFinished(() => void vi.useRealTimers())
      const { s3, origin, fetch } = await startOrigin({ pool: { maxSockets: 1 } })
      s3.put('a', HELD)
      const first = await fetch('a')
      const second = fetch('a')
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ queued: 1 }))
      vi.setSystemTime(Date.UTC(2026, 0, 1, 12, 14))
      await bytesOf(first)
      await bytesOf(await second)

      expect(s3.requests.map(({ headers }) => headers['x-amz-date'])).toEqual(['20260101T120000Z', '20260101T121400Z'])
    })

    test('refuses after queueTimeout, and that is not tried again', async () => {
      const { s3, origin, clock, fetch } = await startOrigin({
        pool: { maxSockets: 1 },
        limits: { queueTimeoutMs: 3_000 },
        retry: { maxAttempts: 5 },
      })
      s3.put('a', HELD)
      const first = await fetch('a')
      const late = failure(fetch('a'), 'overloaded')
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ queued: 1 }))
      clock.advance(3_000)

      expect((await late).message).toBe('spaces: not sent within 3000 ms in the queue')
      await bytesOf(first)
      expect(s3.requests).toHaveLength(1)
    })

    test('lets playlists go first, whatever came before them', async () => {
      const { s3, origin, fetch } = await startOrigin({ pool: { maxSockets: 1 } })
      for (const key of ['held', 'refresh', 'ahead', 'segment', 'playlist']) s3.put(key, HELD)
      const held = await fetch('held')
      const waiting = [
        fetch('refresh', { priority: 'refresh' }),
        fetch('ahead', { priority: 'read-ahead' }),
        fetch('segment', { priority: 'segment' }),
        fetch('playlist', { priority: 'playlist' }),
      ]
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ queued: 4 }))
      await bytesOf(held)
      await Promise.all(waiting.map(async (one) => bytesOf(await one)))

      expect(s3.requests.map(({ key }) => key)).toEqual(['held', 'playlist', 'segment', 'ahead', 'refresh'])
    })

    test('slows down after a SlowDown, and the rate holds for retries as well', async () => {
      const { s3, origin, clock, fetch } = await startOrigin({
        limits: { requestsPerSecond: 100 },
        retry: { maxAttempts: 2 },
        breaker: { minRequests: 1000 },
      })
      s3.onAny((exchange) => exchange.error(503, 'SlowDown'))
      const all = times(100, (index) => outcomeOf(fetch(`seg-${index}.ts`)))
      await s3.received(5)
      await vi.waitFor(() => expect(origin.usage()).toEqual({ inUse: 0, free: 5, queued: 100 }))
      expect(s3.requests).toHaveLength(5)
      const advance = async (ms: number) => {
        for (let passed = 0; passed < ms; passed += 10) {
          clock.advance(10)
          await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 0 }), { interval: 1 })
        }
      }
      await advance(1_000)
      expect(s3.requests.length).toBeGreaterThan(25)
      expect(s3.requests.length).toBeLessThan(75)
      while (origin.usage().queued > 0) await advance(100)

      expect(new Set(await Promise.all(all))).toEqual(new Set(['overloaded']))
    })
  })

  test('a hedged request: the first answer wins, and the other connection is closed', async () => {
    const { s3, origin, clock, fetch } = await startOrigin({ hedge: { trigger: { afterMs: 500 }, maxShare: 1 } })
    s3.put('a', 'the second one')
    s3.once('a', () => undefined)
    const response = fetch('a')
    await s3.received(1)
    clock.advance(500)

    expect(String(await bytesOf(await response))).toBe('the second one')
    await s3.socketsAtMost(1)
    await vi.waitFor(() => expect(origin.usage()).toEqual({ inUse: 0, free: 1, queued: 0 }))
    expect(s3.requests).toHaveLength(2)
    expect(clock.pending).toBe(0)
  })

  test('a hedge that fails does not harm the first request, nor does it wait for its own retries', async () => {
    const { s3, clock, fetch } = await startOrigin({
      hedge: { trigger: { afterMs: 500 }, maxShare: 1 },
      retry: { maxAttempts: 5 },
    })
    const open = gate()
    s3.put('a', 'the first one')
    s3.once(
      'a',
      async (exchange) => {
        await open.opened
        await exchange.answer()
      },
      (exchange) => exchange.error(500, 'InternalError'),
    )
    const response = fetch('a')
    await s3.received(1)
    clock.advance(500)
    await s3.received(2)
    open.open()

    expect(String(await bytesOf(await response))).toBe('the first one')
    expect(s3.requests).toHaveLength(2)
  })

  test('the SDK’s own limiter, in mode adaptive, holds the next request back after a SlowDown', async () => {
    const { s3, origin, fetch } = await startOrigin({ mode: 'adaptive' })
    s3.once('a', (exchange) => exchange.error(503, 'SlowDown'))
    expect(await failure(fetch('a'), 'overloaded')).toBeInstanceOf(AnswerError)
    const timers = vi.spyOn(globalThis, 'setTimeout')
    onTestFinished(() => timers.mockRestore())
    const leaving = new AbortController()
    const next = failure(fetch('a', { signal: leaving.signal }), 'aborted')
    const isHeldBack = () => timers.mock.calls.some(([, delayMs]) => (delayMs ?? 0) > 300)
    while (!isHeldBack()) await settled()
    expect(s3.requests).toHaveLength(1)
    leaving.abort()

    await next
    expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 })
    expect(s3.requests).toHaveLength(1)
  })
})
