import { describe, expect, test } from 'vitest'
import type { OriginError } from '../../src/errors.ts'
import { ConnectionPool, type Permit } from '../../src/origin/pool.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { failure, RecordingLog } from './fixture.ts'

function poolOf(maxSockets: number, maxQueued = 100) {
  const clock = new FakeClock()
  const log = new RecordingLog()
  const pool = new ConnectionPool({ name: 'spaces', maxSockets, maxQueued, acquisitionWarningMs: 1_000, clock, log })
  return { pool, clock, log }
}

const unaborted = () => new AbortController().signal

describe('permits', () => {
  test('as many are handed out as there are sockets, and the next waits until one is back', async () => {
    const { pool } = poolOf(2)
    const first = await pool.acquire(unaborted())
    await pool.acquire(unaborted())
    let third: Permit | undefined
    const waiting = pool.acquire(unaborted()).then((permit) => {
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
    const held = await pool.acquire(unaborted())
    const order: number[] = []
    const all = [1, 2, 3].map(async (number) => {
      const permit = await pool.acquire(unaborted())
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
    const first = await pool.acquire(unaborted())
    await pool.acquire(unaborted())
    first.release()
    first.release()

    expect(pool.inUse).toBe(1)
  })

  test('a newcomer does not overtake the queue when a permit comes back', async () => {
    const { pool } = poolOf(1)
    const held = await pool.acquire(unaborted())
    const order: string[] = []
    const early = pool.acquire(unaborted()).then((permit) => {
      order.push('early')
      permit.release()
    })
    held.release()
    const late = pool.acquire(unaborted()).then(() => order.push('late'))
    await Promise.all([early, late])

    expect(order).toEqual(['early', 'late'])
  })
})

describe('the queue', () => {
  test('a full queue refuses at once and says when to come back', async () => {
    const { pool } = poolOf(1, 1)
    await pool.acquire(unaborted())
    void pool.acquire(unaborted())
    const error: OriginError = await failure(pool.acquire(unaborted()), 'overloaded')

    expect(error.retryAfterSeconds).toBe(1)
    expect(pool.queued).toBe(1)
  })

  test('with maxQueued 0 nobody waits', async () => {
    const { pool } = poolOf(1, 0)
    await pool.acquire(unaborted())

    await failure(pool.acquire(unaborted()), 'overloaded')
  })

  test('an aborted waiter leaves at once, keeps nobody waiting and makes room for another', async () => {
    const { pool } = poolOf(1, 2)
    const held = await pool.acquire(unaborted())
    const leaving = new AbortController()
    const aborted = pool.acquire(leaving.signal)
    const next = pool.acquire(unaborted())
    leaving.abort()

    await failure(aborted, 'aborted')
    expect(pool.queued).toBe(1)
    held.release()
    await next
    expect({ inUse: pool.inUse, queued: pool.queued }).toEqual({ inUse: 1, queued: 0 })
  })

  test('whoever comes with an aborted signal gets no permit even when one is free', async () => {
    const { pool } = poolOf(1)

    await failure(pool.acquire(AbortSignal.abort()), 'aborted')
    expect(pool.inUse).toBe(0)
  })

  test('a signal that aborts after the permit was handed out changes nothing', async () => {
    const { pool } = poolOf(1)
    const held = await pool.acquire(unaborted())
    const controller = new AbortController()
    const waiting = pool.acquire(controller.signal)
    held.release()
    const permit = await waiting
    controller.abort()

    expect(pool.inUse).toBe(1)
    permit.release()
    expect(pool.inUse).toBe(0)
  })

  test('idle resolves when the last permit is back and the last waiter gone', async () => {
    const { pool } = poolOf(1)
    const held = await pool.acquire(unaborted())
    const leaving = new AbortController()
    const waiting = pool.acquire(leaving.signal)
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

describe('the acquisition warning', () => {
  test('comes when a request has waited for acquisitionWarningMs, with the counts', async () => {
    const { pool, clock, log } = poolOf(2)
    await pool.acquire(unaborted())
    await pool.acquire(unaborted())
    for (let count = 0; count < 3; count += 1) void pool.acquire(unaborted())
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
    await pool.acquire(unaborted())
    void pool.acquire(unaborted())
    clock.advance(1_000)
    for (let second = 0; second < 14; second += 1) {
      void pool.acquire(unaborted())
      clock.advance(1_000)
    }
    expect(log.lines).toHaveLength(1)
    clock.advance(1_000)

    expect(log.lines.map(({ fields }) => fields['queued'])).toEqual([1, 15])
  })

  test('does not come for a short wait, nor while everybody in the queue is new', async () => {
    const { pool, clock, log } = poolOf(1)
    let held = await pool.acquire(unaborted())
    for (let round = 0; round < 10; round += 1) {
      const next = pool.acquire(unaborted())
      clock.advance(900)
      held.release()
      held = await next
    }

    expect(log.lines).toEqual([])
  })

  test('keeps its 15 seconds across an empty queue', async () => {
    const { pool, clock, log } = poolOf(1)
    const held = await pool.acquire(unaborted())
    const waiting = pool.acquire(unaborted())
    clock.advance(1_000)
    held.release()
    await waiting
    clock.advance(5_000)
    void pool.acquire(unaborted())
    clock.advance(8_999)
    expect(log.lines).toHaveLength(1)
    clock.advance(15_000)

    expect(log.lines).toHaveLength(2)
  })

  test('an empty queue leaves no timer running', async () => {
    const { pool, clock } = poolOf(1)
    const held = await pool.acquire(unaborted())
    const waiting = pool.acquire(unaborted())
    held.release()
    await waiting
    clock.advance(60_000)

    expect(clock.pending).toBe(0)
  })
})
