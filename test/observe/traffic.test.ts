import { expect, test } from 'vitest'
import type { AccessRecord } from '../../src/observe/access-record.ts'
import { BOUNDS_MS } from '../../src/observe/histogram.ts'
import { Traffic } from '../../src/observe/traffic.ts'

const HIT: AccessRecord = {
  startedMs: 0,
  client: '127.0.0.1',
  method: 'GET',
  path: '/vod/a.ts',
  status: 200,
  bytes: 100,
  ttfbMs: 0,
  durationMs: 3,
  end: 'whole',
  result: 'hit',
  cacheStatus: 'segment-shield; hit; ttl=60',
  route: '/vod/**',
  origin: 'spaces',
  range: undefined,
  cmcd: undefined,
  error: undefined,
}

function trafficOf(...records: readonly Partial<AccessRecord>[]): Traffic {
  const traffic = new Traffic()
  for (const record of records) traffic.record({ ...HIT, ...record })
  return traffic
}

test('requests and bytes are counted by route, status and cache result', () => {
  const traffic = trafficOf(
    {},
    {},
    { status: 206, bytes: 10 },
    { result: 'uri-miss' },
    { route: '/live/**', status: 304, bytes: 0 },
    { route: undefined, status: 404, bytes: 10, result: 'none' },
  )
  expect(traffic.counts()).toEqual([
    { route: '/vod/**', status: 200, result: 'hit', requests: 2, bytes: 200, left: 0, cut: 0 },
    { route: '/vod/**', status: 206, result: 'hit', requests: 1, bytes: 10, left: 0, cut: 0 },
    { route: '/vod/**', status: 200, result: 'uri-miss', requests: 1, bytes: 100, left: 0, cut: 0 },
    { route: '/live/**', status: 304, result: 'hit', requests: 1, bytes: 0, left: 0, cut: 0 },
    { route: undefined, status: 404, result: 'none', requests: 1, bytes: 10, left: 0, cut: 0 },
  ])
})

test('answers that did not reach their clients whole are counted among the others and by themselves', () => {
  const traffic = trafficOf({}, { end: 'left', bytes: 5 }, { end: 'cut', bytes: 7 }, { end: 'cut' })
  expect(traffic.counts()).toEqual([
    { route: '/vod/**', status: 200, result: 'hit', requests: 4, bytes: 212, left: 1, cut: 2 },
  ])
})

test('times of hits, misses and what is passed through are apart, and refusals are in none of them', () => {
  const traffic = trafficOf(
    {},
    { result: 'collapsed', ttfbMs: 40 },
    { result: 'stale', ttfbMs: 60 },
    { result: 'bypass', durationMs: 100_000 },
    { result: 'none' },
  )
  const times = traffic.times().map(({ served, ttfbMs, durationMs }) => [served, ttfbMs.sumMs, durationMs.sumMs])
  expect(times).toEqual([
    ['hit', 0, 3],
    ['miss', 100, 6],
    ['bypass', 0, 100_000],
  ])
})

test('a time counts below the bound that it does not exceed, and above all of them when it exceeds them all', () => {
  const last = BOUNDS_MS.at(-1) ?? 0
  const traffic = trafficOf(...[0, 1, 2, 3, last, last + 1].map((durationMs) => ({ durationMs })))
  const [times] = traffic.times()
  expect(times?.durationMs.boundsMs).toEqual(BOUNDS_MS)
  expect(times?.durationMs.counts).toEqual([2, 1, 1, ...BOUNDS_MS.slice(3, -1).map(() => 0), 1, 1])
  expect(times?.durationMs.counts).toHaveLength(BOUNDS_MS.length + 1)
})

test('an exchange without an answer has a duration and no time to first byte', () => {
  const traffic = trafficOf({ status: 499, ttfbMs: undefined, result: 'miss', end: 'left', durationMs: 700 })
  const [times] = traffic.times()
  const sum = (counts: readonly number[] = []) => counts.reduce((total, count) => total + count, 0)
  expect([sum(times?.ttfbMs.counts), sum(times?.durationMs.counts)]).toEqual([0, 1])
})

test('a clock that is set back takes nothing away from the sums', () => {
  const traffic = trafficOf({ durationMs: 5 }, { durationMs: -1000 })
  expect(traffic.times()[0]?.durationMs).toMatchObject({ sumMs: 5 })
  expect(traffic.times()[0]?.durationMs.counts[0]).toBe(1)
})
