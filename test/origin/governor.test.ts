/** The queue with its pace, in front of stores that refuse what is over their limit; time is the test's. */
import { expect, test } from 'vitest'
import type { OriginPriority } from '../../src/origin/origin.ts'
import { ConnectionPool } from '../../src/origin/pool.ts'
import { RateLimiter } from '../../src/origin/rate-limiter.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { settled } from '../support/scripted-origin.ts'
import { RecordingLog } from './fixture.ts'

type Limit = (nowMs: number) => boolean

/** Refuses what is over `perSecond` in a second of the clock. */
function perCalendarSecond(perSecond: number): Limit {
  let second = 0
  let taken = 0
  return (nowMs) => {
    const current = Math.floor(nowMs / 1000)
    if (current !== second) {
      second = current
      taken = 0
    }
    taken += 1
    return taken <= perSecond
  }
}

/** Refuses what comes faster than `perSecond`, a tenth of a second's worth aside. */
function perMoment(perSecond: number): Limit {
  let tokens = perSecond / 10
  let last = 0
  return (nowMs) => {
    tokens = Math.min(perSecond / 10, tokens + ((nowMs - last) / 1000) * perSecond)
    last = nowMs
    if (tokens < 1) return false
    tokens -= 1
    return true
  }
}

interface Run {
  readonly requests: number
  readonly requestsPerSecond?: number
  readonly isAllowed: Limit
}

/** All at once; each refused one comes back 100 ms later, until every one is served. */
async function run({ requests, requestsPerSecond, isAllowed }: Run) {
  const clock = new FakeClock()
  const rate = new RateLimiter(requestsPerSecond)
  const pool = new ConnectionPool({
    name: 'spaces',
    maxSockets: 200,
    maxQueued: requests,
    queueTimeoutMs: 600_000,
    acquisitionWarningMs: 600_000,
    rate,
    clock,
    log: new RecordingLog(),
  })
  const { signal } = new AbortController()
  const tally = { sent: 0, refused: 0, served: 0 }
  const after = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve))
  const ask = async () => {
    for (;;) {
      const permit = await pool.acquire('segment', signal)
      tally.sent += 1
      const isGood = isAllowed(clock.now())
      await after(20)
      pool.answered(isGood ? 200 : 503)
      permit.release()
      if (isGood) break
      tally.refused += 1
      await after(100)
    }
    tally.served += 1
  }
  const startedMs = clock.now()
  const all = Promise.all(Array.from({ length: requests }, ask))
  while (tally.served < requests) {
    clock.advance(1)
    await settled()
  }
  await all
  return { ...tally, seconds: (clock.now() - startedMs) / 1000, refusedShare: tally.refused / tally.sent }
}

test.each([
  ['1500 in a second of the clock', perCalendarSecond(1500)],
  ['1500 a second at any moment', perMoment(1500)],
])('3,000 at once to a store that takes %s, at 1200 a second: none is refused', async (_, isAllowed) => {
  const { served, refused, seconds } = await run({ requests: 3000, requestsPerSecond: 1200, isAllowed })

  expect({ served, refused }).toEqual({ served: 3000, refused: 0 })
  expect(seconds).toBeGreaterThan(2.4)
  expect(seconds).toBeLessThan(2.6)
})

test('a store that takes less than configured is found out: at most one in ten is refused', async () => {
  const { served, refusedShare, seconds } = await run({
    requests: 6000,
    requestsPerSecond: 1200,
    isAllowed: perMoment(800),
  })

  expect(served).toBe(6000)
  expect(refusedShare).toBeLessThan(0.1)
  expect(seconds).toBeLessThan(12)
})

test('a store whose limit nobody configured is found out as well', async () => {
  const { served, refusedShare, seconds } = await run({ requests: 6000, isAllowed: perMoment(800) })

  expect(served).toBe(6000)
  expect(refusedShare).toBeLessThan(0.2)
  expect(seconds).toBeLessThan(20)
})

test('a store that fails one request in five, whatever the rate, is not starved', async () => {
  let count = 0
  const { served, seconds } = await run({ requests: 6000, requestsPerSecond: 1200, isAllowed: () => ++count % 5 !== 0 })

  expect(served).toBe(6000)
  expect(seconds).toBeLessThan(12)
})

test('a playlist does not wait for the segments that came before it', async () => {
  const clock = new FakeClock()
  const pool = new ConnectionPool({
    name: 'spaces',
    maxSockets: 200,
    maxQueued: 100,
    queueTimeoutMs: 10_000,
    acquisitionWarningMs: 10_000,
    rate: new RateLimiter(10),
    clock,
    log: new RecordingLog(),
  })
  const order: string[] = []
  const ask = async (priority: OriginPriority, number: number) => {
    await pool.acquire(priority, new AbortController().signal)
    order.push(`${priority} ${number}`)
  }
  const classes: readonly OriginPriority[] = ['refresh', 'read-ahead', 'segment', 'playlist']
  const all = [ask('segment', 0), ...[1, 2].flatMap((number) => classes.map((priority) => ask(priority, number)))]
  for (let count = 0; count < 8; count += 1) {
    clock.advance(100)
    await settled()
  }
  await Promise.all(all)

  expect(order).toEqual([
    'segment 0',
    'playlist 1',
    'playlist 2',
    'segment 1',
    'segment 2',
    'read-ahead 1',
    'read-ahead 2',
    'refresh 1',
    'refresh 2',
  ])
})
