import { describe, expect, test } from 'vitest'
import type { OriginError } from '../../src/errors.ts'
import { NotSentError } from '../../src/origin/failure.ts'
import type { OriginPriority } from '../../src/origin/origin.ts'
import { ConnectionPool, type Permit } from '../../src/origin/pool.ts'
import { RateLimiter } from '../../src/origin/rate-limiter.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { settled } from '../support/scripted-origin.ts'
import { failure, RecordingLog } from './fixture.ts'

interface Overrides {
  readonly maxQueued?: number
  readonly queueTimeoutMs?: number
  readonly requestsPerSecond?: number
}

function poolOf(
  maxSockets: number,
  { maxQueued = 100, queueTimeoutMs = 3_600_000, requestsPerSecond }: Overrides = {},
) {
  const clock = new FakeClock()
  const log = new RecordingLog()
  const pool = new ConnectionPool({
    name: 'spaces',
    maxSockets,
    maxQueued,
    queueTimeoutMs,
    acquisitionWarningMs: 1_000,
    rate: new RateLimiter(requestsPerSecond),
    clock,
    log,
  })
  return { pool, clock, log }
}

const unaborted = () => new AbortController().signal

describe('permits', () => {
  test('as many are handed out as there are sockets, and the next waits until one is back', async () => {
    const { pool } = poolOf(2)
    const first = await pool.acquire('segment', unaborted())
    await pool.acquire('segment', unaborted())
    let third: Permit | undefined
    const waiting = pool.acquire('segment', unaborted()).then((permit) => {
      third = permit
    })
    await Promise.resolve()

    expect(third).toBeUndefined()
    expect({ inUse: pool.inUse, queued: pool.queued }).toEqual({ inUse: 2, queued: 1 })
    first.release()
    await waiting
    expect({ inUse: pool.inUse, queued: pool.queued }).toEqual({ inUse: 2, queued: 0 })
  })

  test('those who wait are served in the order they came', async () => {
    const { pool } = poolOf(1)
    const held = await pool.acquire('segment', unaborted())
    const order: number[] = []
    const all = [1, 2, 3].map(async (number) => {
      const permit = await pool.acquire('segment', unaborted())
      order.push(number)
      permit.release()
    })
    held.release()
    await Promise.all(all)

    expect(order).toEqual([1, 2, 3])
    expect(pool.inUse).toBe(0)
  })

  test('a permit released twice comes back once', async () => {
    const { pool } = poolOf(2)
    const first = await pool.acquire('segment', unaborted())
    await pool.acquire('segment', unaborted())
    first.release()
    first.release()

    expect(pool.inUse).toBe(1)
  })

  test('a newcomer does not overtake the queue when a permit comes back', async () => {
    const { pool } = poolOf(1)
    const held = await pool.acquire('segment', unaborted())
    const order: string[] = []
    const early = pool.acquire('segment', unaborted()).then((permit) => {
      order.push('early')
      permit.release()
    })
    held.release()
    const late = pool.acquire('segment', unaborted()).then(() => order.push('late'))
    await Promise.all([early, late])

    expect(order).toEqual(['early', 'late'])
  })
})

describe('the queue', () => {
  test('a full queue refuses at once and says when to come back', async () => {
    const { pool } = poolOf(1, { maxQueued: 1 })
    await pool.acquire('segment', unaborted())
    void pool.acquire('segment', unaborted())
    const error: OriginError = await failure(pool.acquire('segment', unaborted()), 'overloaded')

    expect(error.retryAfterSeconds).toBe(1)
    expect(pool.queued).toBe(1)
  })

  test('with maxQueued 0 nobody waits', async () => {
    const { pool } = poolOf(1, { maxQueued: 0 })
    await pool.acquire('segment', unaborted())

    await failure(pool.acquire('segment', unaborted()), 'overloaded')
  })

  test('an aborted waiter leaves at once, keeps nobody waiting and makes room for another', async () => {
    const { pool } = poolOf(1, { maxQueued: 2 })
    const held = await pool.acquire('segment', unaborted())
    const leaving = new AbortController()
    const aborted = pool.acquire('segment', leaving.signal)
    const next = pool.acquire('segment', unaborted())
    leaving.abort()

    await failure(aborted, 'aborted')
    expect(pool.queued).toBe(1)
    held.release()
    await next
    expect({ inUse: pool.inUse, queued: pool.queued }).toEqual({ inUse: 1, queued: 0 })
  })

  test('whoever comes with an aborted signal gets no permit even when one is free', async () => {
    const { pool } = poolOf(1)

    await failure(pool.acquire('segment', AbortSignal.abort()), 'aborted')
    expect(pool.inUse).toBe(0)
  })

  test('a signal that aborts after the permit was handed out changes nothing', async () => {
    const { pool } = poolOf(1)
    const held = await pool.acquire('segment', unaborted())
    const controller = new AbortController()
    const waiting = pool.acquire('segment', controller.signal)
    held.release()
    const permit = await waiting
    controller.abort()

    expect(pool.inUse).toBe(1)
    permit.release()
    expect(pool.inUse).toBe(0)
  })

  test('whoever has waited for queueTimeout is refused, no sooner and no later, and told to come back', async () => {
    const { pool, clock } = poolOf(1, { queueTimeoutMs: 10_000 })
    await pool.acquire('segment', unaborted())
    const outcomes: string[] = []
    const wait = (name: string, priority: OriginPriority) =>
      failure(pool.acquire(priority, unaborted()), 'overloaded').then((error) => {
        outcomes.push(name)
        return error
      })
    const first = wait('first', 'refresh')
    clock.advance(4_000)
    const second = wait('second', 'playlist')
    clock.advance(5_999)
    await settled()
    expect(outcomes).toEqual([])
    clock.advance(1)
    const error = await first
    expect(error).toBeInstanceOf(NotSentError)
    expect(error.retryAfterSeconds).toBe(1)
    clock.advance(3_999)
    await settled()
    expect(outcomes).toEqual(['first'])
    clock.advance(1)
    await second

    expect({ inUse: pool.inUse, queued: pool.queued, pending: clock.pending }).toEqual({
      inUse: 1,
      queued: 0,
      pending: 0,
    })
  })

  test('a deadline is kept by those who come after a warning too', async () => {
    const { pool, clock, log } = poolOf(1, { queueTimeoutMs: 2_000 })
    await pool.acquire('segment', unaborted())
    const first = failure(pool.acquire('segment', unaborted()), 'overloaded')
    clock.advance(1_500)
    expect(log.lines).toHaveLength(1)
    const second = failure(pool.acquire('segment', unaborted()), 'overloaded')
    clock.advance(500)
    await first
    expect(pool.queued).toBe(1)
    clock.advance(1_500)

    await second
  })

  test('a full queue makes room for a higher class by pushing out the youngest of the lowest', async () => {
    const { pool } = poolOf(1, { maxQueued: 4 })
    const held = await pool.acquire('segment', unaborted())
    const order: string[] = []
    const wait = (name: string, priority: OriginPriority) =>
      pool.acquire(priority, unaborted()).then(
        (permit) => {
          order.push(name)
          permit.release()
        },
        (error: unknown) => {
          expect(error).toBeInstanceOf(NotSentError)
          order.push(`${name} pushed out`)
        },
      )
    const all = [
      wait('refresh 1', 'refresh'),
      wait('refresh 2', 'refresh'),
      wait('read-ahead', 'read-ahead'),
      wait('segment', 'segment'),
      wait('playlist 1', 'playlist'),
      wait('playlist 2', 'playlist'),
      wait('playlist 3', 'playlist'),
    ]
    await settled()
    expect(order).toEqual(['refresh 2 pushed out', 'refresh 1 pushed out', 'read-ahead pushed out'])
    expect(pool.queued).toBe(4)
    held.release()
    await Promise.all(all)

    expect(order.slice(3)).toEqual(['playlist 1', 'playlist 2', 'playlist 3', 'segment'])
  })

  test.each([
    ['segment', 'segment'],
    ['refresh', 'read-ahead'],
  ] as const)('a %s pushes out no %s', async (late, early) => {
    const { pool } = poolOf(1, { maxQueued: 1 })
    await pool.acquire('segment', unaborted())
    void pool.acquire(early, unaborted())

    expect(await failure(pool.acquire(late, unaborted()), 'overloaded')).toBeInstanceOf(NotSentError)
    expect(pool.queued).toBe(1)
  })

  test('whoever was pushed out or was too late leaves nothing behind when its signal aborts', async () => {
    const { pool, clock } = poolOf(1, { maxQueued: 1, queueTimeoutMs: 1_000 })
    const held = await pool.acquire('segment', unaborted())
    const leaving = new AbortController()
    const pushed = failure(pool.acquire('refresh', leaving.signal), 'overloaded')
    const late = failure(pool.acquire('playlist', leaving.signal), 'overloaded')
    await pushed
    clock.advance(1_000)
    await late
    leaving.abort()
    held.release()

    expect({ inUse: pool.inUse, queued: pool.queued }).toEqual({ inUse: 0, queued: 0 })
    await pool.idle()
  })

  test('idle resolves when the last permit is back and the last waiter gone', async () => {
    const { pool } = poolOf(1)
    const held = await pool.acquire('segment', unaborted())
    const leaving = new AbortController()
    const waiting = pool.acquire('segment', leaving.signal)
    let isIdle = false
    const idle = pool.idle().then(() => {
      isIdle = true
    })
    held.release()
    const permit = await waiting
    await Promise.resolve()

    expect(isIdle).toBe(false)
    permit.release()
    await idle
    await pool.idle()
  })
})

describe('the rate', () => {
  test('holds requests back though sockets are free, and lets them go one by one', async () => {
    const { pool, clock } = poolOf(100, { requestsPerSecond: 10 })
    await pool.acquire('segment', unaborted())
    let admitted = 0
    for (let count = 0; count < 3; count += 1) void pool.acquire('segment', unaborted()).then(() => ++admitted)
    clock.advance(99)
    await settled()
    expect({ admitted, inUse: pool.inUse, queued: pool.queued }).toEqual({ admitted: 0, inUse: 1, queued: 3 })
    clock.advance(1)
    await settled()
    expect(admitted).toBe(1)
    clock.advance(200)
    await settled()

    expect({ admitted, inUse: pool.inUse, queued: pool.queued }).toEqual({ admitted: 3, inUse: 4, queued: 0 })
  })

  test('needs a free socket as well', async () => {
    const { pool, clock } = poolOf(1, { requestsPerSecond: 10 })
    const held = await pool.acquire('segment', unaborted())
    let isAdmitted = false
    void pool.acquire('segment', unaborted()).then(() => {
      isAdmitted = true
    })
    clock.advance(10_000)
    await settled()
    expect(isAdmitted).toBe(false)
    held.release()
    await settled()

    expect(isAdmitted).toBe(true)
  })

  test('has one timer however many wait', async () => {
    const { pool, clock } = poolOf(100, { requestsPerSecond: 10 })
    for (let count = 0; count < 50; count += 1) void pool.acquire('segment', unaborted())

    expect(clock.pending).toBe(2)
  })

  test('falls when the store refuses', async () => {
    const { pool, clock } = poolOf(100, { requestsPerSecond: 100, maxQueued: 1000 })
    let admitted = 0
    for (let count = 0; count < 300; count += 1) void pool.acquire('segment', unaborted()).then(() => ++admitted)
    clock.advance(1_000)
    await settled()
    expect(admitted).toBeGreaterThan(98)
    for (const status of [503, 429]) {
      pool.answered(status)
      clock.advance(250)
    }
    await settled()
    const before = admitted
    clock.advance(1_000)
    await settled()

    expect(admitted - before).toBeLessThan(60)
  })

  test('is what the warning speaks of when there are sockets enough', async () => {
    const { pool, clock, log } = poolOf(100, { requestsPerSecond: 1 })
    for (let count = 0; count < 5; count += 1) void pool.acquire('segment', unaborted())
    clock.advance(1_500)

    expect(log.lines).toMatchObject([
      {
        fields: { inUse: 2, queued: 3, maxSockets: 100, requestsPerSecond: 1 },
        message: 'spaces: requests wait because no more are sent a second',
      },
    ])
  })
})

describe('the acquisition warning', () => {
  test('comes when a request has waited for acquisitionWarningMs, with the counts', async () => {
    const { pool, clock, log } = poolOf(2)
    await pool.acquire('segment', unaborted())
    await pool.acquire('segment', unaborted())
    for (let count = 0; count < 3; count += 1) void pool.acquire('segment', unaborted())
    clock.advance(999)
    expect(log.lines).toEqual([])
    clock.advance(1)

    expect(log.lines).toEqual([
      {
        level: 'warn',
        fields: { origin: 'spaces', inUse: 2, queued: 3, maxSockets: 2, waitedMs: 1_000 },
        message: expect.stringContaining('spaces'),
      },
    ])
  })

  test('comes at most every 15 seconds, and again for as long as somebody waits', async () => {
    const { pool, clock, log } = poolOf(1)
    await pool.acquire('segment', unaborted())
    void pool.acquire('segment', unaborted())
    clock.advance(1_000)
    for (let second = 0; second < 14; second += 1) {
      void pool.acquire('segment', unaborted())
      clock.advance(1_000)
    }
    expect(log.lines).toHaveLength(1)
    clock.advance(1_000)

    expect(log.lines.map(({ fields }) => fields['queued'])).toEqual([1, 15])
  })

  test('does not come for a short wait, nor while everybody in the queue is new', async () => {
    const { pool, clock, log } = poolOf(1)
    let held = await pool.acquire('segment', unaborted())
    for (let round = 0; round < 10; round += 1) {
      const next = pool.acquire('segment', unaborted())
      clock.advance(900)
      held.release()
      held = await next
    }

    expect(log.lines).toEqual([])
  })

  test('keeps its 15 seconds across an empty queue', async () => {
    const { pool, clock, log } = poolOf(1)
    const held = await pool.acquire('segment', unaborted())
    const waiting = pool.acquire('segment', unaborted())
    clock.advance(1_000)
    held.release()
    await waiting
    clock.advance(5_000)
    void pool.acquire('segment', unaborted())
    clock.advance(8_999)
    expect(log.lines).toHaveLength(1)
    clock.advance(15_000)

    expect(log.lines).toHaveLength(2)
  })

  test('an empty queue leaves no timer running', async () => {
    const { pool, clock } = poolOf(1)
    const held = await pool.acquire('segment', unaborted())
    const waiting = pool.acquire('segment', unaborted())
    held.release()
    await waiting
    clock.advance(60_000)

    expect(clock.pending).toBe(0)
  })
})

describe('an origin that asks for fewer requests', () => {
  test('is spoken of at once and then every 15 seconds, however often it asks', () => {
    const { pool, clock, log } = poolOf(1, { requestsPerSecond: 1000 })
    for (let ms = 0; ms < 30_000; ms += 10) {
      pool.answered(ms % 20 === 0 ? 503 : 429)
      clock.advance(10)
    }

    expect(log.lines.map(({ level, fields }) => [level, fields['status'], fields['requestsPerSecond']])).toEqual([
      ['warn', 503, 700],
      ['warn', 503, 100],
    ])
  })

  test('is not one that answers anything else', () => {
    const { pool, log } = poolOf(1)
    for (const status of [200, 404, 500, 502, 504]) pool.answered(status)
    expect(log.lines).toEqual([])
  })
})
