/** Content on its way to the server of a pass-through route: invited by that server, and never hurried while it moves. */
import { expect, onTestFinished, test } from 'vitest'
import { Cache } from '../../src/cache/cache.ts'
import { Store } from '../../src/cache/store.ts'
import { compilePattern } from '../../src/http/pattern.ts'
import { createHandler } from '../../src/server/handler.ts'
import { passedTraffic } from '../../src/server/passed-traffic.ts'
import { Passthrough } from '../../src/server/passthrough.ts'
import { compileRoutes } from '../../src/server/route-table.ts'
import { startServer } from '../../src/server/server.ts'
import { Uploads } from '../../src/server/uploads.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { startRawOrigin } from '../support/raw-origin.ts'
import { hasAnswers, openRaw, parseAnswers, startShield, takenRequest } from '../support/shield.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const EXPECTING = 'POST /api/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n'

async function start() {
  const origin = await startRawOrigin()
  const shield = await startShield({ routes: [{ match: '/api/**', passthrough: origin.url }, { match: '/**' }] })
  const client = await openRaw(shield.port)
  return { ...shield, origin, client }
}

test.each([
  ['a length', 'Content-Length: 5\r\n\r\n', 'hello'],
  ['chunks', 'Transfer-Encoding: chunked\r\n\r\n', '5\r\nhello\r\n0\r\n\r\n'],
])('a client that asks first is invited when the server does it: %s', async (_what, framing, content) => {
  const { origin, client, clock } = await start()
  client.write(EXPECTING + framing)
  const connection = await origin.connection(1)
  expect(await connection.head()).toMatch(/^expect: 100-continue\r$/im)
  expect(client.received().length).toBe(0)

  connection.write('HTTP/1.1 100 Continue\r\n\r\n')
  await client.until((received) => received.includes('100 Continue\r\n\r\n'))
  client.write(content)
  await connection.until((got) => got.endsWith(content))
  connection.write(OK)

  const answers = parseAnswers(await client.until(hasAnswers(2)))
  expect(answers.map(({ status }) => status)).toEqual([100, 200])
  expect(answers[1]?.headers['connection']).toBe('keep-alive')
  expect(clock.pending).toBe(0)
  client.leave()
})

test('a client that asks first and is refused by the server never sends its content', async () => {
  const { origin, client, clock } = await start()
  client.write(`${EXPECTING}Content-Length: 1000000\r\n\r\n`)
  const connection = await origin.connection(1)
  await connection.head()
  connection.write('HTTP/1.1 401 Who are you\r\nContent-Length: 2\r\n\r\nno')

  const answers = parseAnswers(await client.closed)
  expect(answers.map(({ status, headers }) => [status, headers['connection']])).toEqual([[401, 'close']])
  await origin.socketsAtMost(0)
  expect(clock.pending).toBe(0)
})

test('a server that ignores the question gets the content after a second', async () => {
  const { origin, client, clock } = await start()
  client.write(`${EXPECTING}Content-Length: 5\r\n\r\n`)
  const connection = await origin.connection(1)
  await connection.head()
  clock.advance(999)
  expect(client.received().length).toBe(0)
  clock.advance(1)

  await client.until((received) => received.includes('100 Continue\r\n\r\n'))
  client.write('hello')
  await connection.until((got) => got.endsWith('hello'))
  connection.write(`HTTP/1.1 100 Continue\r\n\r\n${OK}`)
  const answers = parseAnswers(await client.until(hasAnswers(2)))
  expect(answers.map(({ status }) => status)).toEqual([100, 200])
  client.leave()
})

test('a question without content to come is answered here, and so is one on a route that caches', async () => {
  const { origin, port, s3 } = await start()
  s3.put('a.ts', 'x')
  const bare = await takenRequest(port, { path: '/api/x' })
  const connection = await origin.connection(1)
  expect(await connection.head()).not.toMatch(/^expect/im)
  connection.write(OK)
  expect((await bare.whole()).status).toBe(200)
  expect((await (await takenRequest(port, { path: '/a.ts' })).whole()).status).toBe(200)
})

test('HTTP/1.0 is never invited', async () => {
  const { origin, client } = await start()
  client.write('POST /api/x HTTP/1.0\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello')
  const connection = await origin.connection(1)
  expect(await connection.until((got) => got.endsWith('hello'))).not.toMatch(/^expect/im)
  connection.write(`HTTP/1.1 100 Continue\r\n\r\n${OK}`)
  expect(parseAnswers(await client.closed).map(({ status }) => status)).toEqual([200])
})

test('an upload may take longer than a request that nobody wants the content of, as long as it moves', async () => {
  const origin = await startRawOrigin()
  const clock = new FakeClock()
  const uploads = new Uploads()
  const faults: unknown[] = []
  const common = { clock, clientStallMs: 60_000, onFault: (error: unknown) => void faults.push(error) }
  const passthrough = new Passthrough({
    ...common,
    target: new URL(origin.url),
    uploads,
    isTrusted: () => false,
    pseudonym: 'shield',
    onFailure: () => undefined,
  })
  const routes = compileRoutes([{ match: '/**', pattern: compilePattern('/**'), passthrough, responseHeaders: [] }])
  const handler = createHandler({
    ...common,
    routes,
    cache: new Cache({
      store: new Store(1000),
      clock,
      maxObjectBytes: 1,
      sliceBytes: 1,
      contentTypeFor: () => undefined,
      onFillFailed: () => undefined,
    }),
    accessLog: () => undefined,
    isTrusted: () => false,
    uploads,
    randomBoundary: () => 'x',
  })
  const passed = passedTraffic({ routes, clock, accessLog: () => undefined, uploads })
  const { isReceiving } = passed
  let spared = 0
  const server = await startServer([{ host: '127.0.0.1', port: 0, highWaterMarkBytes: 65_536 }], handler, {
    clock,
    onFault: common.onFault,
    timeouts: { keepAliveMs: 600_000, headersMs: 20, requestMs: 20, checkingMs: 5 },
    passed: {
      ...passed,
      isReceiving: (socket) => {
        spared += 1
        return isReceiving(socket)
      },
    },
  })
  onTestFinished(async () => {
    const closed = server.close(0, 0)
    clock.advance(0)
    await closed
    passthrough.close()
  })
  const client = await openRaw(server.listeners[0]?.port ?? 0)
  client.write('PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc')
  const connection = await origin.connection(1)
  await connection.until((got) => got.endsWith('abc'))
  // The listener has wanted to end it.
  await expect.poll(() => spared).toBeGreaterThan(0)
  client.write('def')
  await connection.until((got) => got.endsWith('abcdef'))
  connection.write(OK)

  expect(parseAnswers(await client.until(hasAnswers(1))).map(({ status }) => status)).toEqual([200])
  expect(faults).toEqual([])
  client.leave()
})
