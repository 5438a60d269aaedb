/** Limits where other things meet them: TLS, other sites' players, tokens in the path, WebSockets. */
import { expect, test } from 'vitest'
import { hmacAccess, hmacToken } from '../support/access-tokens.ts'
import { makeCertificate } from '../support/certificates.ts'
import { startHttpShield } from '../support/http-shield.ts'
import { OVER_TLS, openSession, requestOn } from '../support/http2-client.ts'
import { hasAnswers, parseAnswers, rawExchange, request, startShield } from '../support/shield.ts'

const A = 'https://a.example'
const ONE_REQUEST = { perClient: { requestsPerSecond: 1, burst: 1 } }

test.each(OVER_TLS)(
  '$name: a connection beyond the limit is reset before its handshake, and no other feels it',
  async ({ request: ask }) => {
    const { s3, port, app } = await startShield({ listen: { tls: makeCertificate() }, limits: { connections: 1 } })
    s3.put('1.ts', 'bytes')
    const session = await openSession(port)
    expect((await requestOn(session, { path: '/1.ts' })).status).toBe(200)
    await expect(ask(port, { path: '/1.ts' })).rejects.toThrow()
    expect((await requestOn(session, { path: '/1.ts' })).status).toBe(200)
    session.destroy()
    for (;;) {
      const again = await ask(port, { path: '/1.ts' }).catch(() => undefined)
      if (again !== undefined) break
    }
    await app.close()
  },
)

test('a player on another site can read that it asks too often, and when to come again', async () => {
  const routes = [{ match: '/vod/**', cors: { origins: [A, 'https://b.example'] } }]
  const { s3, port, accessRecords } = await startShield({ routes, limits: ONE_REQUEST })
  s3.put('vod/1.ts', 'bytes')
  await request(port, { path: '/vod/1.ts', headers: { Origin: A } })
  const { status, headers } = await request(port, { path: '/vod/1.ts', headers: { Origin: A } })
  expect({ status, headers }).toMatchObject({
    status: 429,
    headers: { 'access-control-allow-origin': A, vary: 'Origin', 'retry-after': '1' },
  })
  expect((await request(port, { path: '/elsewhere' })).status).toBe(429)
  expect((await request(port, { path: '/vod/%zz' })).status).toBe(429)
  expect((await accessRecords(4))[1]).toMatchObject({ status: 429, path: '/vod/1.ts' })
})

test('a target of the length that is allowed may have its token in the path', async () => {
  const routes = [{ match: '/**', access: hmacAccess({ in: ['path'] }) }]
  const { s3, port, clock } = await startShield({ routes, limits: { urlLength: '12KiB' } })
  s3.put('1.ts', 'bytes')
  const target = `/token=${hmacToken('/', clock.now())}/1.ts?`
  const ask = (length: number) => request(port, { path: target.padEnd(length, 'q') })
  expect((await ask(12 * 1024)).status).toBe(200)
  expect((await ask(12 * 1024 + 1)).status).toBe(414)
})

const handshake = (path: string) =>
  [
    `GET ${path} HTTP/1.1`,
    'Host: x',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version: 13',
    '\r\n',
  ].join('\r\n')

async function startPassing(limits: Readonly<Record<string, unknown>>) {
  const target = await startHttpShield()
  target.origin.put('/chat', 'no WebSocket here')
  const shield = await startShield({
    routes: [{ match: '/**', passthrough: target.origin.url }],
    limits,
  })
  const statusOf = async (path: string) =>
    parseAnswers(await rawExchange(shield.port, handshake(path), hasAnswers(1)))[0]?.status
  return { ...shield, origin: target.origin, statusOf }
}

test('asking for a WebSocket is a request like any other', async () => {
  const { origin, statusOf } = await startPassing(ONE_REQUEST)
  expect([await statusOf('/chat'), await statusOf('/chat')]).toEqual([200, 429])
  expect(origin.requests).toHaveLength(1)
})

test('asking for a WebSocket may take as long a target as any other request', async () => {
  const { origin, statusOf } = await startPassing({ urlLength: '100' })
  // The origin has nothing of that name.
  expect(await statusOf('/chat?'.padEnd(100, 'q'))).toBe(404)
  expect(await statusOf('/chat?'.padEnd(101, 'q'))).toBe(414)
  expect(origin.requests).toHaveLength(1)
})
