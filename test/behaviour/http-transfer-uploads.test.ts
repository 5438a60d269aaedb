/** Content that takes longer than a request nobody wants the content of may take: it goes on for as long as it moves. */
import { expect, onTestFinished, test } from 'vitest'
import { Cache } from '../../src/cache/cache.ts'
import { Store } from '../../src/cache/store.ts'
import { compilePattern } from '../../src/http/pattern.ts'
import { createHttpOrigin } from '../../src/origin/http.ts'
import { createHandler } from '../../src/server/handler.ts'
import { passedTraffic } from '../../src/server/passed-traffic.ts'
import { compileRoutes } from '../../src/server/route-table.ts'
import type { Route } from '../../src/server/router.ts'
import { startServer } from '../../src/server/server.ts'
import { Uploads } from '../../src/server/uploads.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { gate, startHttpServer } from '../support/http-socket-server.ts'
import { hasAnswers, openRaw, parseAnswers } from '../support/shield.ts'

const NO_LIMIT_MS = 86_400_000
const POOL = {
  maxSockets: 10,
  maxFreeSockets: 10,
  connectTimeoutMs: NO_LIMIT_MS,
  responseTimeoutMs: NO_LIMIT_MS,
  stallTimeoutMs: NO_LIMIT_MS,
  idleTimeoutMs: NO_LIMIT_MS,
  acquisitionWarningMs: NO_LIMIT_MS,
  maxQueued: 10,
}

/** @param requestMs after which the listener ends a request; it looks every few milliseconds */
async function start(requestMs: number) {
  const server = await startHttpServer()
  const clock = new FakeClock()
  const log = { warn: () => undefined, error: () => undefined }
  const limits = { requestsPerSecond: 1e9, queueTimeoutMs: NO_LIMIT_MS }
  const origin = createHttpOrigin('packager', { url: server.url, pool: POOL, limits }, { clock, log })
  const route: Route = {
    match: '/**',
    pattern: compilePattern('/**'),
    origin,
    stripPrefix: '',
    rulesFor: () => ({ defaultTtlMs: 1000, negativeTtlMs: new Map() }),
    queryInclude: 'all',
    responseHeaders: [],
    http: { methods: new Set(['GET', 'HEAD', 'PUT']), honoursRequest: false },
  }
  const routes = compileRoutes([route])
  const uploads = new Uploads()
  const faults: unknown[] = []
  const onFault = (error: unknown) => void faults.push(error)
  const cache = new Cache({
    store: new Store(1000),
    clock,
    maxObjectBytes: 1,
    contentTypeFor: () => undefined,
    onFillFailed: () => undefined,
  })
  const options = { clock, accessLog: () => undefined, uploads }
  const handler = createHandler({
    ...options,
    routes,
    cache,
    onFault,
    isTrusted: () => false,
    randomBoundary: () => 'x',
    clientStallMs: NO_LIMIT_MS,
  })
  const passed = passedTraffic({ ...options, routes })
  let asked = 0
  const running = await startServer([{ host: '127.0.0.1', port: 0, highWaterMarkBytes: 65_536 }], handler, {
    clock,
    onFault,
    timeouts: { keepAliveMs: NO_LIMIT_MS, headersMs: 20, requestMs, checkingMs: 5 },
    passed: {
      ...passed,
      isReceiving: (socket) => {
        asked += 1
        return passed.isReceiving(socket)
      },
    },
  })
  onTestFinished(async () => {
    const closed = running.close(0, 0)
    clock.advance(0)
    await closed
    await origin.close()
    await server.close()
    expect(faults).toEqual([])
  })
  const client = await openRaw(running.listeners[0]?.port ?? 0)
  return { server, clock, client, askedToEnd: () => asked }
}

test.each([
  ['a length', 'Content-Length: 6', 'abc', 'def'],
  ['chunks', 'Transfer-Encoding: chunked', '3\r\nabc\r\n', '3\r\ndef\r\n0\r\n\r\n'],
])('with %s', async (_what, field, early, late) => {
  const { server, client, askedToEnd } = await start(50)
  server.on('/x', async (exchange) => {
    await exchange.request.content
    await exchange.send({ status: 201 })
  })
  client.write(`PUT /x HTTP/1.1\r\nHost: x\r\n${field}\r\n\r\n${early}`)
  await server.received(1)
  // The listener has wanted to end it.
  await expect.poll(askedToEnd).toBeGreaterThan(0)
  client.write(late)

  expect(parseAnswers(await client.until(hasAnswers(1))).map(({ status }) => status)).toEqual([201])
  expect((await server.requests[0]?.content)?.toString()).toBe('abcdef')
  client.leave()
})

test('behind another one whose answer comes only now', async () => {
  const { server, client, askedToEnd } = await start(50)
  const first = gate()
  server.on('/x', async (exchange) => {
    await exchange.request.content
    if (exchange.nth === 1) await first.opened
    await exchange.send({ status: 201 })
  })
  client.write('PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc')
  client.write('PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc')
  await server.received(2)
  first.open()
  await client.until(hasAnswers(1))
  await expect.poll(askedToEnd).toBeGreaterThan(0)
  client.write('def')

  expect(parseAnswers(await client.until(hasAnswers(2))).map(({ status }) => status)).toEqual([201, 201])
  client.leave()
})

test('the rest of one that has been answered may take some time, and no more', async () => {
  const { server, client, clock } = await start(NO_LIMIT_MS)
  server.on('/x', async (exchange) => {
    await exchange.request.contentAtLeast(3)
    await exchange.send({ status: 413 })
  })
  client.write('PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc')
  expect(parseAnswers(await client.until(hasAnswers(1))).map(({ status }) => status)).toEqual([413])
  await server.socketsAtMost(0)
  clock.advance(30_000)
  await client.closed
})
