/** What /metrics says after a run of requests whose every figure is known. */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { figuresOf, parseExposition, type Series } from '../observe/exposition-text.ts'
import { findProgram, leftOut } from '../support/programs.ts'
import { gate } from '../support/s3-socket-server.ts'
import { pattern, request, type ShieldOptions, startShield, takenRequest, times } from '../support/shield.ts'

async function start(options: ShieldOptions = {}) {
  const shield = await startShield({ admin: {}, ...options })
  const scrape = async () => {
    const { status, headers, body } = await request(shield.app.admin?.port ?? 0, { path: '/metrics' })
    expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
    return String(body)
  }
  const series = async () => parseExposition(await scrape())
  const figures = async (name: string) => figuresOf(await series(), `segment_shield_${name}`)
  return { ...shield, scrape, series, figures }
}

test('a run of hits, misses, joined fills, ranges and failures is counted as it was', async () => {
  const shield = await start({ routes: [{ match: '/vod/**' }, { match: '/live/**' }] })
  const { s3, port, clock, accessRecords, series } = shield
  const field = { 'cache-control': 'max-age=60' }
  const bytes = pattern(1000)
  s3.put('vod/a', bytes, field)
  s3.put('live/a', bytes, { 'cache-control': 'max-age=60, stale-while-revalidate=0' })
  s3.put('live/joined', bytes, field)
  s3.put('live/cut', bytes)
  const rest = gate()
  s3.once('live/joined', async (exchange) => {
    await rest.opened
    await exchange.answer()
  })
  s3.on('vod/fails', (exchange) => exchange.error(500, 'InternalError'))
  s3.on('live/cut', async (exchange) => {
    await exchange.answerPart(400, { etag: undefined })
    exchange.reset()
  })

  await request(port, { path: '/vod/a' })
  clock.advance(3)
  await request(port, { path: '/vod/a' })
  await request(port, { path: '/vod/a', headers: { Range: 'bytes=0-99' } })
  await request(port, { path: '/vod/a', headers: { 'If-None-Match': '*' } })
  await request(port, { path: '/vod/missing' })
  await request(port, { path: '/vod/fails' })
  await request(port, { path: '/nowhere' })
  const first = await takenRequest(port, { path: '/live/joined' })
  const second = await takenRequest(port, { path: '/live/joined' })
  rest.open()
  await Promise.all([first.whole(), second.whole()])
  const cut = await request(port, { path: '/live/cut' })
  expect([cut.status, cut.isWhole]).toEqual([200, false])
  await request(port, { path: '/live/a' })
  clock.advance(60_000)
  await request(port, { path: '/live/a' })
  await accessRecords(12)

  const scraped = await series()
  const figures = (name: string) => figuresOf(scraped, `segment_shield_${name}`)
  expect(figures('requests_total')).toEqual({
    '/vod/** 200 uri-miss': 1,
    '/vod/** 200 hit': 1,
    '/vod/** 206 hit': 1,
    '/vod/** 304 hit': 1,
    '/vod/** 404 uri-miss': 1,
    '/vod/** 502 miss': 1,
    'none 404 none': 1,
    '/live/** 200 uri-miss': 3,
    '/live/** 200 collapsed': 1,
    '/live/** 200 stale': 1,
  })
  expect(figures('response_bytes_total')).toMatchObject({
    '/vod/** hit': 1100,
    '/live/** collapsed': 1000,
    '/live/** stale': 1000,
  })
  expect(figures('saved_bytes_total')).toEqual({ '/vod/**': 1100, '/live/**': 1000 })
  expect(figures('unfinished_responses_total')).toEqual({ '/live/** cut': 1 })
  expect(figures('time_to_first_byte_seconds_count')).toMatchObject({ '/vod/** hit': 3, '/live/** miss': 5 })
  expect(figures('request_duration_seconds_count')).toMatchObject({ '/vod/** hit': 3, '/live/** miss': 5 })
  expect(figures('origin_requests_total')).toEqual({ spaces: s3.requests.length })
  expect(figures('origin_answers_total')).toEqual({
    'spaces 200': 4,
    'spaces 304': 1,
    'spaces 404': 1,
    'spaces 500': 1,
  })
  expect(figures('origin_queue_wait_seconds_count')).toEqual({ spaces: s3.requests.length })
  expect(figures('origin_failures_total')).toEqual({ 'spaces broken': 1 })
  expect(figures('fills_total')).toEqual({ complete: 4, failed: 2, not_modified: 1 })
  expect(figures('origin_circuit_state')).toEqual({ 'spaces closed': 1 })
  expect(figures('cache_entries')).toEqual({ '': 4 })
  expect(figures('cache_bytes')).toEqual({ cached: expect.any(Number) })
  expect(figures('cache_bytes')['cached']).toBeGreaterThan(3000)
})

test('a body that broke off and was resumed shows as a resume, and no byte of it as received twice', async () => {
  const { s3, port, figures, accessRecords } = await start()
  const bytes = pattern(10_000)
  s3.put('a', bytes)
  s3.once('a', async (exchange) => {
    await exchange.answerPart(4000)
    exchange.reset()
  })
  const answer = await request(port, { path: '/a' })
  await accessRecords(1)

  expect(answer.body.equals(bytes)).toBe(true)
  expect(await figures('origin_resumes_total')).toEqual({ spaces: 1 })
  expect(await figures('origin_received_bytes_total')).toEqual({ spaces: 10_000 })
  expect(await figures('fills_total')).toEqual({ complete: 1 })
})

test('what is under way, waits and is open shows as it is now, and how long requests waited once they left', async () => {
  const { s3, port, clock, series, accessRecords } = await start({ pool: { maxSockets: 2, maxQueued: 7 } })
  const rest = gate()
  for (const index of [1, 2, 3]) {
    s3.put(`${index}`, pattern(100))
    s3.once(`${index}`, async (exchange) => {
      await rest.opened
      await exchange.answer()
    })
  }
  const taken = await Promise.all(times(3, (index) => takenRequest(port, { path: `/${index + 1}` })))
  await s3.received(2)
  const during = await series()
  const shown = (name: string) => figuresOf(during, `segment_shield_${name}`)

  expect(shown('origin_connections')).toEqual({ 'spaces in_use': 2 })
  expect(shown('origin_max_connections')).toEqual({ spaces: 2 })
  expect(shown('origin_queued_requests')).toEqual({ spaces: 1 })
  expect(shown('origin_max_queued_requests')).toEqual({ spaces: 7 })
  expect(shown('fills_in_progress')).toEqual({ '': 3 })
  expect(shown('connections')).toEqual({ '': 3 })

  clock.advance(1500)
  rest.open()
  for (const one of taken) expect((await one.whole()).status).toBe(200)
  await accessRecords(3)
  const after = await series()
  expect(figuresOf(after, 'segment_shield_origin_queue_wait_seconds_sum')).toEqual({ spaces: 1.5 })
  expect(figuresOf(after, 'segment_shield_origin_queue_wait_seconds_bucket')).toMatchObject({
    'spaces 0.001': 2,
    'spaces 1': 2,
    'spaces 2.5': 3,
    'spaces +Inf': 3,
  })
  expect(figuresOf(after, 'segment_shield_fills_in_progress')).toEqual({})
})

test('retries, a circuit that opens, and what it refuses are counted', async () => {
  const breaker = { minRequests: 2, errorRate: 0.5, openFor: '5s' }
  const { s3, port, figures } = await start({ retry: { maxAttempts: 2 }, origin: { breaker } })
  s3.onAny((exchange) => exchange.error(500, 'InternalError'))
  await request(port, { path: '/a' })
  await request(port, { path: '/b' })

  expect(await figures('origin_retries_total')).toEqual({ spaces: 1 })
  expect(await figures('origin_circuit_openings_total')).toEqual({ spaces: 1 })
  expect(await figures('origin_circuit_state')).toEqual({ 'spaces open': 1 })
  expect(await figures('origin_failures_total')).toEqual({ 'spaces broken': 2, 'spaces refused': 1 })
  expect(await figures('origin_requests_total')).toEqual({ spaces: 2 })
})

test('a request that was sent twice since the first took long is counted as hedged', async () => {
  const { s3, port, clock, figures } = await start({ origin: { hedge: { after: '100ms', maxShare: 1 } } })
  s3.put('a', 'x')
  s3.once('a', () => undefined)
  const answer = request(port, { path: '/a' })
  await s3.received(1)
  clock.advance(100)

  expect((await answer).status).toBe(200)
  expect(await figures('origin_hedges_total')).toEqual({ spaces: 1 })
})

test('an origin that asks for fewer requests lowers the rate that is shown', async () => {
  const { s3, port, clock, figures } = await start({ origin: { limits: { requestsPerSecond: 1000 } } })
  expect(await figures('origin_allowed_requests_per_second')).toEqual({ spaces: 1000 })
  s3.onAny((exchange) => exchange.error(503, 'SlowDown'))
  await request(port, { path: '/a' })
  clock.advance(0)

  expect(await figures('origin_allowed_requests_per_second')).toEqual({ spaces: 700 })
  expect(await figures('origin_answers_total')).toEqual({ 'spaces 503': 1 })
})

test('refused connections and requests are counted by the limit they met', async () => {
  const limits = { perClient: { requestsPerSecond: 1, burst: 1 } }
  const { s3, port, figures, accessRecords } = await start({ limits })
  s3.put('a', 'x')
  for (const status of [200, 429, 429]) expect((await request(port, { path: '/a' })).status).toBe(status)
  await accessRecords(3)

  expect(await figures('refusals_total')).toEqual({ client_requests: 2 })
})

test('a connection that was one too many is counted, and is not among the open ones', async () => {
  const { s3, port, series } = await start({ limits: { connections: 1 } })
  s3.put('a', 'x')
  s3.on('a', () => undefined)
  const first = await takenRequest(port, { path: '/a' })
  await expect(request(port, { path: '/a' })).rejects.toThrow()

  const scraped = await series()
  expect(figuresOf(scraped, 'segment_shield_refusals_total')).toEqual({ connections: 1 })
  expect(figuresOf(scraped, 'segment_shield_connections')).toEqual({ '': 1 })
  first.leave()
})

test('however many paths are asked for, there are no more series', async () => {
  const { port, series, accessRecords } = await start()
  await request(port, { path: '/0?token=hush' })
  await accessRecords(1)
  const ofShield = (all: readonly Series[]) => all.filter(({ name }) => name.startsWith('segment_shield_')).length
  const before = ofShield(await series())
  for (const index of times(20, (one) => one + 1)) await request(port, { path: `/hush-${index}?token=hush` })
  await accessRecords(21)
  const after = await series()

  expect(after.filter(({ labels }) => JSON.stringify(labels).includes('hush'))).toEqual([])
  expect(ofShield(after)).toBe(before)
})

test('the process and its event loop are shown', async () => {
  const { series } = await start()
  const names = new Set((await series()).map(({ name }) => name))
  const wanted = ['process_cpu_seconds_total', 'process_resident_memory_bytes', 'process_start_time_seconds']
  for (const name of [...wanted, 'nodejs_eventloop_lag_p99_seconds', 'nodejs_heap_size_used_bytes']) {
    expect(names).toContain(name)
  }
})

test('without the token there is nothing to be seen', async () => {
  const { app } = await start({ admin: { token: 'a-token-for-operators' } })
  const port = app.admin?.port ?? 0
  expect((await request(port, { path: '/metrics' })).status).toBe(401)
  const headers = { Authorization: 'Bearer a-token-for-operators' }
  const { status, body } = await request(port, { path: '/metrics', headers })
  expect(status).toBe(200)
  expect(String(body)).not.toContain('a-token-for-operators')
})

const promtool = findProgram('promtool')
if (promtool === undefined) leftOut('promtool check metrics', 'promtool is not installed')

test.skipIf(promtool === undefined)('promtool finds nothing wrong with names, types and help', async () => {
  const { s3, port, scrape, accessRecords } = await start()
  s3.put('a', 'x')
  for (const path of ['/a', '/a', '/b']) await request(port, { path })
  await accessRecords(3)

  expect(execFileSync(promtool ?? '', ['check', 'metrics'], { input: await scrape(), encoding: 'utf8' })).toBe('')
})
