/** A pass-through route to an https server: that server's certificate counts, whatever host a client names. */
import { once } from 'node:events'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { TEST_CERTIFICATE } from '../origin/tls-certificate.ts'
import { openRaw, request, startShield } from '../support/shield.ts'

async function start(host: string) {
  const names: unknown[] = []
  const server = createServer(TEST_CERTIFICATE, (req, res) => res.end(`${req.headers.host} ${req.url}`))
  server.on('secureConnection', (socket) => names.push(socket.servername))
  server.on('upgrade', (_req, socket) => {
    socket.on('error', () => undefined)
    socket.write('HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n')
    socket.pipe(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { names, ...(await startShield({ routes: [{ match: '/**', passthrough: `https://${host}:${port}` }] })) }
}

function trustTestCertificate(): void {
  const before = getCACertificates()
  setDefaultCACertificates([...before, TEST_CERTIFICATE.cert])
  onTestFinished(() => setDefaultCACertificates(before))
}

const HANDSHAKE = 'GET /socket HTTP/1.1\r\nHost: other.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

test('its certificate is checked against the configured host, and the connection is used again', async () => {
  trustTestCertificate()
  const { port, names } = await start('127.0.0.1')

  const answers = [
    await request(port, { path: '/x', headers: { Host: 'other.example' } }),
    await request(port, { path: '/y', headers: { Host: 'third.example' } }),
  ]

  expect(answers.map(({ status, body }) => [status, body.toString()])).toEqual([
    [200, 'other.example /x'],
    [200, 'third.example /y'],
  ])
  expect(names).toEqual([false])
})

test('a WebSocket goes over TLS as well', async () => {
  trustTestCertificate()
  const { port } = await start('127.0.0.1')
  const client = await openRaw(port)
  client.write(HANDSHAKE)
  await client.until((received) => received.includes('101 '))
  client.write('hello')
  await client.until((received) => received.includes('hello'))
  client.leave()
})

test('a certificate for another host, or one that nobody vouches for, is a 502', async () => {
  const untrusted = await start('127.0.0.1')
  expect((await request(untrusted.port, { path: '/x' })).status).toBe(502)
  trustTestCertificate()
  const { port } = await start('localhost')

  // The client cannot make it right by naming the host that the certificate is for.
  const answer = await request(port, { path: '/x', headers: { Host: '127.0.0.1' } })

  expect([answer.status, answer.body.toString()]).toEqual([502, 'The origin could not be used\n'])
})
