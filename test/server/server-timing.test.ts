import { expect, test } from 'vitest'
import type { CacheStatus } from '../../src/http/cache-status.ts'
import { serverTiming } from '../../src/server/server-timing.ts'

const FORWARD = { kind: 'forward', fwd: 'uri-miss', fwdStatus: 200, stored: true, collapsed: false } as const

const CASES: readonly (readonly [CacheStatus, string])[] = [
  [{ kind: 'hit', ttlSeconds: 0 }, 'cache;desc=hit'],
  [{ kind: 'hit', ttlSeconds: -1 }, 'cache;desc=stale'],
  [FORWARD, 'cache;desc=miss, origin;dur=12'],
  [{ ...FORWARD, collapsed: true }, 'cache;desc=collapsed, origin;dur=12'],
  [{ ...FORWARD, fwd: 'stale', fwdStatus: 304 }, 'cache;desc=revalidated, origin;dur=12'],
  [{ ...FORWARD, fwd: 'stale', fwdStatus: 503, detail: 'stale-if-error' }, 'cache;desc=stale, origin;dur=12'],
  [{ ...FORWARD, fwd: 'partial' }, 'cache;desc=partial, origin;dur=12'],
]

test.each(CASES)('%j', (status, expected) => {
  expect(serverTiming(status, 12)).toBe(expected)
})

test('a clock that was set back gives no time below zero', () => {
  expect(serverTiming(FORWARD, -5)).toBe('cache;desc=miss, origin;dur=0')
})
