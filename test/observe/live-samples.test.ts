import { getEventListeners } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import type { AccessRecord } from '../../src/observe/access-record.ts'
import { Histogram, quantileMs } from '../../src/observe/histogram.ts'
import { LiveSamples } from '../../src/observe/live-samples.ts'
import { Traffic } from '../../src/observe/traffic.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { randomNumbers } from '../support/random-numbers.ts'

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

function start() {
  const clock = new FakeClock()
  const traffic = new Traffic()
  const now = { fetchedBytes: 0, heldBytes: 0 }
  const levels = () => ({
    connections: 3,
    fills: 0,
    runs: 0,
    cachedBytes: 0,
    inFlightBytes: 0,
    heldBytes: now.heldBytes,
    inUse: 0,
    queued: 0,
  })
  const samples = new LiveSamples({ traffic, fetchedBytes: () => now.fetchedBytes, levels }, clock)
  onTestFinished(() => samples.close())
  const record = (...records: readonly Partial<AccessRecord>[]) => {
    for (const one of records) traffic.record({ ...HIT, ...one })
  }
  return { clock, samples, now, record }
}

test('a second without requests is a sample of nothing', () => {
  const { clock, samples } = start()
  const startMs = clock.now()
  clock.advance(999)
  expect(samples.latest).toBeUndefined()

  clock.advance(1)
  expect(samples.history()).toEqual([
    {
      atMs: startMs + 1000,
      seconds: 1,
      requests: 0,
      hits: 0,
      bytes: 0,
      hitBytes: 0,
      fetchedBytes: 0,
      clientErrors: 0,
      serverErrors: 0,
      connections: 3,
      fills: 0,
      runs: 0,
      cachedBytes: 0,
      inFlightBytes: 0,
      heldBytes: 0,
      inUse: 0,
      queued: 0,
    },
  ])
})

test('each kind of answer is counted as what it is, once', () => {
  const { clock, samples, record } = start()
  record(
    {},
    { status: 206, bytes: 7 },
    { result: 'uri-miss', bytes: 1000 },
    { status: 404, result: 'none', bytes: 1 },
    { status: 499, result: 'uri-miss', bytes: 0, end: 'left', ttfbMs: undefined },
    { status: 502, result: 'uri-miss', bytes: 0 },
    { status: 504, result: 'uri-miss', bytes: 0, end: 'cut' },
    { result: 'uri-miss', bytes: 10, end: 'cut' },
  )
  clock.advance(1000)

  expect(samples.latest).toMatchObject({
    requests: 8,
    hits: 2,
    bytes: 1118,
    hitBytes: 107,
    clientErrors: 2,
    serverErrors: 3,
    ttfbHit: { count: 2 },
    ttfbMiss: { count: 4 },
  })
})

test('a route that is new counts from its first request on', () => {
  const { clock, samples, record } = start()
  record({})
  clock.advance(1000)
  record({ route: '/live/**', ttfbMs: 2 }, { route: undefined, status: 404, result: 'none' })
  clock.advance(1000)

  expect(samples.history()).toMatchObject([
    { requests: 1, bytes: 100, clientErrors: 0, ttfbHit: { count: 1, p50Ms: 0.5 } },
    { requests: 2, bytes: 200, clientErrors: 1, ttfbHit: { count: 1, p50Ms: 1.5 } },
  ])
})

test('quantiles are of the times of one sample, not of those before', () => {
  const { clock, samples, record } = start()
  for (let index = 0; index < 1000; index += 1) record({ ttfbMs: 40_000, result: 'uri-miss' })
  clock.advance(1000)
  for (let index = 0; index < 90; index += 1) record({ ttfbMs: 20, result: 'uri-miss' })
  for (let index = 0; index < 10; index += 1) record({ ttfbMs: 200, result: 'collapsed' })
  record({ ttfbMs: 60_000, result: 'bypass' })
  clock.advance(1000)

  // 50 of 90 within 10 to 25; 5 and 9 of 10 within 100 to 250.
  expect(samples.latest?.ttfbMiss).toEqual({ count: 100, p50Ms: 18.333, p95Ms: 175, p99Ms: 235 })
})

test.each([
  [[0, 0, 0, 0], 0.5, 0.5],
  [[3], 1, 5],
  [[1, 2, 5, 10], 0.25, 1],
  [[90_000], 0.01, 60_000],
  [[1, 90_000, 90_000], 0.99, 60_000],
])('of %j the quantile %d is read as %d', (observed, share, expected) => {
  const histogram = new Histogram()
  for (const ms of observed) histogram.observe(ms)
  expect(quantileMs(histogram.read().counts, share)).toBe(expected)
})

test('a tick that comes late is of all the time since', () => {
  const { clock, samples, record } = start()
  record({})
  clock.jumpTo(clock.now() + 5 * 60_000)
  record({})
  clock.advance(1000)
  expect(samples.history()).toMatchObject([{ seconds: 301, requests: 2 }])

  clock.advance(1000)
  expect(samples.latest).toMatchObject({ seconds: 1, requests: 0 })
})

test('a clock that is set back leaves no time below nothing, and no two samples out of order', () => {
  const { clock, samples, record } = start()
  clock.advance(10_000)
  record({})
  clock.jumpTo(clock.now() - 5000)
  clock.advance(1000)

  const history = samples.history()
  expect(history.at(-1)).toMatchObject({ seconds: 1, requests: 1 })
  expect(history.map(({ atMs }) => atMs)).toEqual(history.map(({ atMs }) => atMs).toSorted((a, b) => a - b))
  expect(new Set(history.map(({ atMs }) => atMs)).size).toBe(history.length)
  expect(history).toHaveLength(6)
})

test('a quarter of an hour is kept, and no more of it however long it runs', () => {
  const { clock, samples } = start()
  clock.advance(15 * 60_000)
  expect(samples.history()).toHaveLength(900)
  clock.advance(3_600_000)
  expect(samples.history()).toHaveLength(900)
  expect(samples.history().at(-1)?.atMs).toBe(clock.now())

  clock.jumpTo(clock.now() + 3_600_000)
  clock.advance(1000)
  expect(samples.history()).toHaveLength(1)
})

test('whatever happens and however time goes, samples add up to what was counted', () => {
  const random = randomNumbers(4711)
  const { clock, samples, now, record } = start()
  const sums = { requests: 0, hits: 0, bytes: 0, hitBytes: 0, fetchedBytes: 0, serverErrors: 0, clientErrors: 0 }
  const counted = { ...sums }
  for (let step = 0; step < 500; step += 1) {
    const before = samples.latest
    for (let index = random() * 5; index > 1; index -= 1) {
      const status = [200, 206, 304, 404, 503][Math.floor(random() * 5)] ?? 200
      const result = random() < 0.5 ? 'hit' : 'uri-miss'
      const bytes = Math.floor(random() * 1e9)
      record({ status, result, bytes, route: `/${Math.floor(random() * 20)}`, ttfbMs: random() * 100_000 })
      counted.requests += 1
      counted.bytes += bytes
      if (result === 'hit') {
        counted.hits += 1
        counted.hitBytes += bytes
      }
      if (status === 404) counted.clientErrors += 1
      if (status === 503) counted.serverErrors += 1
    }
    now.fetchedBytes += Math.floor(random() * 1e9)
    if (random() < 0.1) clock.jumpTo(clock.now() + (random() - 0.3) * 1e6)
    clock.advance(1000)
    const sample = samples.latest
    if (sample === undefined || sample === before) throw new Error('no sample')
    for (const name of [
      'requests',
      'hits',
      'bytes',
      'hitBytes',
      'fetchedBytes',
      'serverErrors',
      'clientErrors',
    ] as const)
      sums[name] += sample[name]
    const numbers = [sample.seconds, ...Object.values(sample.ttfbHit ?? {}), ...Object.values(sample.ttfbMiss ?? {})]
    expect(numbers.every((one) => one > 0 && Number.isFinite(one))).toBe(true)
    expect(sample.ttfbMiss?.p99Ms ?? 0).toBeGreaterThanOrEqual(sample.ttfbMiss?.p50Ms ?? 0)
  }
  expect(sums).toEqual({ ...counted, fetchedBytes: now.fetchedBytes })
})

test('all who wait are told of the next one', async () => {
  const { clock, samples } = start()
  const { signal } = new AbortController()
  const told = [samples.next(signal), samples.next(signal)]
  clock.advance(1000)

  expect(await Promise.all(told)).toEqual([true, true])
  expect([samples.waiting, getEventListeners(signal, 'abort')]).toEqual([0, []])
})

test('who leaves waits no more, and nothing of it is left', async () => {
  const { samples } = start()
  const gone = new AbortController()
  const told = samples.next(gone.signal)
  gone.abort()

  expect([await told, await samples.next(gone.signal)]).toEqual([false, false])
  expect([samples.waiting, getEventListeners(gone.signal, 'abort')]).toEqual([0, []])
})

test('once closed there is no timer, and nobody waits for ever', async () => {
  const { clock, samples } = start()
  const { signal } = new AbortController()
  const told = samples.next(signal)
  samples.close()

  expect([await told, await samples.next(signal)]).toEqual([false, false])
  expect([clock.pending, samples.waiting, getEventListeners(signal, 'abort')]).toEqual([0, 0, []])
})
