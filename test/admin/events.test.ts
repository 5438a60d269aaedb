/** The stream of live figures, out of the whole program on real sockets. */
import { expect, test } from 'vitest'
import { pattern, request, type ShieldOptions, startShield } from '../support/shield.ts'
import { listenTo } from './api.ts'

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
