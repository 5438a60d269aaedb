/** The stream of live figures, out of the whole program on real sockets. */
import { expect, test } from 'vitest'
import { openRequest, pattern, request, type ShieldOptions, startShield } from '../support/shield.ts'
import { askApi, listenTo } from './api.ts'

async function start(options: ShieldOptions = {}) {
  const shield = await startShield({ admin: {}, ...options })
  const adminPort = shield.app.admin?.port ?? 0
  return { ...shield, adminPort, listen: () => listenTo(adminPort) }
}

const NOTHING = {
  requests: 0,
  hits: 0,
  bytes: 0,
  hitBytes: 0,
  fetchedBytes: 0,
  clientErrors: 0,
  serverErrors: 0,
  connections: 0,
  fills: 0,
  runs: 0,
  cachedBytes: 0,
  inFlightBytes: 0,
  heldBytes: 0,
  inUse: 0,
  queued: 0,
}

test('a sample is what happened since the one before, exactly', async () => {
  const { s3, port, clock, listen, accessRecords } = await start()
  const startMs = clock.now()
  s3.put('1.ts', pattern(10_000))
  const listener = await listen()
  expect(await listener.events('history', 1)).toEqual([[]])
  await request(port, { path: '/1.ts' })
  await request(port, { path: '/1.ts' })
  await request(port, { path: '/1.ts', headers: { Range: 'bytes=0-99' } })
  await request(port, { method: 'POST', path: '/1.ts' })
  await accessRecords(4)
  clock.advance(1000)
  const [sample] = await listener.events('sample', 1)

  const { cachedBytes, connections: _, ...rest } = sample
  expect(rest).toMatchObject({
    atMs: startMs + 1000,
    seconds: 1,
    requests: 4,
    hits: 2,
    hitBytes: 10_100,
    fetchedBytes: 10_000,
    clientErrors: 1,
    serverErrors: 0,
    ttfbHit: { count: 2, p50Ms: 0.5, p95Ms: 0.95, p99Ms: 0.99 },
    ttfbMiss: { count: 1 },
    inUse: 0,
  })
  expect(cachedBytes).toBeGreaterThan(10_000)
  clock.advance(1000)
  const [, still] = await listener.events('sample', 2)
  expect(still).toEqual({ ...NOTHING, atMs: startMs + 2000, seconds: 1, cachedBytes, connections: still.connections })
})

test('who comes later, or again, is sent what was before', async () => {
  const { clock, listen } = await start()
  clock.advance(3000)
  const first = await listen()
  const [history] = await first.events('history', 1)
  expect(history.map(({ seconds }: { seconds: number }) => seconds)).toEqual([1, 1, 1])
  first.answer.leave()
  clock.advance(2000)

  const again = await listen()
  expect((await again.events('history', 1))[0]).toHaveLength(5)
  expect(await again.events('state', 1)).toHaveLength(1)
  expect(again.names()).toEqual(['history', 'state'])
})

test('all who listen are told the same', async () => {
  const { clock, listen } = await start()
  const listeners = await Promise.all([listen(), listen(), listen()])
  await Promise.all(listeners.map(({ events }) => events('state', 1)))
  clock.advance(1000)
  const [first, ...others] = await Promise.all(listeners.map(({ events }) => events('sample', 1)))
  await Promise.all(listeners.map(({ events }) => events('state', 2)))

  expect(others).toEqual([first, first])
  expect(first).toHaveLength(1)
  expect(listeners.map(({ names }) => names().slice(0, 4))).toEqual(
    listeners.map(() => ['history', 'state', 'sample', 'state']),
  )
})

test('samples that come while nothing can be sent are passed over for the newest', async () => {
  const { clock, listen } = await start()
  const startMs = clock.now()
  const { events } = await listen()
  await events('state', 1)
  clock.advance(100_000)
  const samples = await events('sample', 1)
  clock.advance(1000)

  expect([...samples, ...(await events('sample', 2)).slice(1)].map(({ atMs }) => atMs - startMs)).toEqual([
    100_000, 101_000,
  ])
})

test('the state says what is asked for most once somebody listens, without queries and tokens', async () => {
  const { s3, port, clock, listen, accessRecords } = await start()
  s3.put('a b.ts', pattern(100))
  s3.put('2.ts', pattern(10))
  await request(port, { path: '/2.ts' })
  const { events } = await listen()
  expect((await events('state', 1))[0].topPaths).toEqual([])
  await request(port, { path: '/2.ts' })
  await request(port, { path: '/a%20b.ts?token=hush' })
  await request(port, { path: '/a%20b.ts?token=hush' })
  await accessRecords(4)
  clock.advance(1)
  clock.advance(999)
  const { topPaths } = (await events('state', 2))[1]

  expect(topPaths).toEqual([
    { path: '/a b.ts', requests: 2, hits: 1, bytes: expect.any(Number) },
    { path: '/2.ts', requests: 1, hits: 1, bytes: 10 },
  ])
})

test('the state says what troubles there were, before somebody listened too', async () => {
  const { s3, port, clock, listen } = await start({ log: { format: 'pretty' } })
  s3.onAny((exchange) => exchange.error(500, 'InternalError'))
  await request(port, { path: '/1.ts?token=hush' })
  const { events } = await listen()
  const [{ troubles, ...state }] = await events('state', 1)

  expect(troubles).toEqual([
    {
      atMs: clock.now(),
      level: 'warn',
      message: 'fill failed',
      origin: 'spaces',
      detail: expect.stringMatching(/^object: .*1\.ts, kind: \w+, error: /),
    },
  ])
  expect(JSON.stringify(troubles)).not.toContain('hush')
  expect(state).toMatchObject({ phase: 'listening', version: 'unknown', uptimeSeconds: 0, fills: 0 })
})

test('while the program drains its listeners are told so, and at its end they are let go', async () => {
  const { s3, port, clock, app, listen } = await start({ graceMs: 60_000 })
  s3.put('1.ts', pattern(1000))
  s3.on('1.ts', async (exchange) => {
    await exchange.answerPart(10)
  })
  const viewer = await openRequest(port, { path: '/1.ts' })
  await viewer.receivedBytes(10)
  const [listener, silent] = await Promise.all([listen(), listen()])
  silent.answer.pause()
  await listener.events('state', 1)
  const closed = app.close()
  clock.advance(1000)
  expect((await listener.events('state', 2))[1]).toMatchObject({ phase: 'draining', fills: 1 })
  clock.advance(60_000)
  await closed

  expect((await listener.answer.ended).isWhole).toBe(false)
  silent.answer.resume()
  expect((await silent.answer.ended).isWhole).toBe(false)
  expect(clock.pending).toBe(0)
})

test('as many may listen that others still reach the listener, and who leaves makes room', async () => {
  const { adminPort, listen } = await start()
  const listeners = await Promise.all(Array.from({ length: 50 }, () => listen()))
  await Promise.all(listeners.map((listener) => listener.events('history', 1)))
  const refused = await askApi(adminPort, 'GET', '/events')
  expect([refused.status, refused.values[0].detail]).toEqual([503, '50 listen already'])
  expect((await askApi(adminPort, 'GET', '/health')).status).toBe(200)
  listeners[0]?.answer.leave()
  const later = await untilAnswered(listen)
  expect(await later.events('history', 1)).toHaveLength(1)
  for (const { answer } of [...listeners, later]) answer.leave()
})

/** The program hears of a listener that has left when it does. */
async function untilAnswered<Answered>(ask: () => Promise<Answered>): Promise<Answered> {
  for (let times = 0; times < 100; times += 1) {
    try {
      return await ask()
    } catch {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return ask()
}

test('a stranger hears nothing, and no page that rebound its name', async () => {
  const { adminPort, clock } = await start({ admin: { token: 'hush-4711' } })
  for (const headers of [{}, { Authorization: 'Bearer wrong' }]) {
    const answer = await request(adminPort, { path: '/events', headers })
    expect([answer.status, answer.headers['content-type']]).toEqual([401, 'application/problem+json'])
  }
  const { events } = await listenTo(adminPort, { Authorization: 'Bearer hush-4711' })
  await events('state', 1)
  clock.advance(1000)
  expect(await events('sample', 1)).toHaveLength(1)

  const open = await start()
  const misdirected = await request(open.adminPort, { path: '/events', headers: { Host: 'evil.example' } })
  expect(misdirected.status).toBe(421)
})

test('without an admin listener no samples are taken', async () => {
  const { clock } = await startShield()
  expect(clock.pending).toBe(0)
})
