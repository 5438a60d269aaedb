/** What a former configuration leaves behind: whatever is under way goes on to its end, and then nothing is left of it. */
import { expect, test } from 'vitest'
import { aliveOf } from '../support/garbage.ts'
import { openRequest, takenRequest } from '../support/http-client.ts'
import { openRaw } from '../support/raw-client.ts'
import { startAnswering, startRawOrigin } from '../support/raw-origin.ts'
import { bucket, configOf, running } from '../support/reloadable.ts'
import { gate } from '../support/s3-socket-server.ts'
import { pattern, times } from '../support/shield.ts'

const SWITCHING = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'
const HANDSHAKE = `${[
  'GET /api/socket HTTP/1.1',
  'Host: x',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
].join('\r\n')}\r\n\r\n`

test('a thousand reloads leave nothing of the configurations between the first one and the last', async () => {
  const s3 = await bucket({ 'a.ts': 'a' })
  const passed = await startAnswering('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  const spaces = { endpoint: s3.endpoint }
  const next = (index: number) => {
    // Other limits, a route that passes through, and an origin that is gone with the next one.
    const origins = {
      spaces: { ...spaces, pool: { maxSockets: 3 + (index % 2) } },
      ...(index % 3 === 0 && { second: spaces }),
    }
    const routes = [
      { match: '/api/**', passthrough: passed.url },
      { match: '/**', origin: index % 3 === 0 ? ['spaces', 'second'] : 'spaces' },
    ]
    return configOf(origins, { routes, limits: { perClient: { requestsPerSecond: 1000 + index } } })
  }
  const { app, ask } = await running(next(0))
  const references: WeakRef<object>[] = []
  for (const index of times(1000, (one) => one + 1)) {
    const config = next(index)
    references.push(new WeakRef(config))
    expect(await app.reload(config)).toMatchObject({ kind: 'reloaded' })
    if (index % 100 !== 0) continue
    expect((await ask('/api/x')).status).toBe(200)
    expect((await ask('/a.ts')).status).toBe(200)
  }
  await passed.socketsAtMost(1)
  // The one in use, and what the last turns may still hold.
  await expect.poll(() => aliveOf(references), { timeout: 20_000 }).toBeLessThanOrEqual(3)
}, 120_000)

test('a WebSocket goes on through reloads and the end of its route, and then its configuration is let go', async () => {
  const s3 = await bucket({ 'a.ts': 'a' })
  const origin = await startRawOrigin()
  const spaces = { endpoint: s3.endpoint }
  const passing = () => configOf({ spaces }, { routes: [{ match: '/api/**', passthrough: origin.url }] })
  const { app, port } = await running(configOf({ spaces }))
  const references = await (async () => {
    const config = passing()
    await app.reload(config)
    return [new WeakRef<object>(config)]
  })()
  const client = await openRaw(port)
  client.write(HANDSHAKE)
  const connection = await origin.connection(1)
  await connection.head()
  connection.write(SWITCHING)
  await client.until((bytes) => bytes.includes('\r\n\r\n'))
  await app.reload(passing())
  await app.reload(configOf({ spaces }))

  client.write('up')
  await connection.until((received) => received.endsWith('up'))
  connection.write('down')
  await client.until((bytes) => bytes.includes('down'))
  connection.end()
  client.leave()
  await client.closed
  await origin.socketsAtMost(0)
  await expect.poll(() => aliveOf(references)).toBe(0)
})

test('an upload goes on to its last byte and gets its answer, and its connection is not kept', async () => {
  const s3 = await bucket()
  const origin = await startRawOrigin()
  const spaces = { endpoint: s3.endpoint }
  const { app, port } = await running(configOf({ spaces }, { routes: [{ match: '/api/**', passthrough: origin.url }] }))
  const client = await openRaw(port)
  client.write('POST /api/x HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhello')
  const connection = await origin.connection(1)
  await connection.until((received) => received.endsWith('hello'))
  await app.reload(configOf({ spaces }))

  client.write('world')
  await connection.until((received) => received.endsWith('helloworld'))
  connection.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
  await client.until((bytes) => bytes.toString().endsWith('ok'))
  await origin.socketsAtMost(0)
  client.leave()
})

test('connections that a route kept for its next request are closed with it, one in use after its answer', async () => {
  const s3 = await bucket()
  const origin = await startRawOrigin()
  const spaces = { endpoint: s3.endpoint }
  const { app, port, ask } = await running(
    configOf({ spaces }, { routes: [{ match: '/api/**', passthrough: origin.url }] }),
  )
  const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
  const [slow, quick] = [await takenRequest(port, { path: '/api/slow' }), ask('/api/quick')]
  const [first, second] = [await origin.connection(1), await origin.connection(2)]
  const isSlow = async (one: typeof first) => (await one.head()).includes('slow')
  const [inUse, free] = (await isSlow(first)) ? [first, second] : [second, first]
  await free.head()
  free.write(ok)
  expect((await quick).status).toBe(200)
  expect(origin.open).toBe(2)

  await app.reload(configOf({ spaces }))
  await origin.socketsAtMost(1)
  inUse.write(ok)
  expect(String((await slow.whole()).body)).toBe('ok')
  await origin.socketsAtMost(0)
})

test('an origin that is gone goes on with the bodies it began, the rest of one that breaks off included', async () => {
  const bytes = pattern(300_000)
  const [old, other] = [await bucket({ 'a.ts': bytes }), await bucket({ 'b.ts': 'b' })]
  const rest = gate()
  old.once('a.ts', async (exchange) => {
    await exchange.answerPart(1000)
    await rest.opened
    exchange.reset()
  })
  const { app, port, ask } = await running(configOf({ old: { endpoint: old.endpoint } }))
  const begun = await openRequest(port, { path: '/a.ts' })
  for (const _ of times(3, (one) => one)) await app.reload(configOf({ other: { endpoint: other.endpoint } }))
  expect(String((await ask('/b.ts')).body)).toBe('b')
  rest.open()

  const { isWhole, body } = await begun.ended
  expect([isWhole, body.equals(bytes)]).toEqual([true, true])
})
