/** HTTP/1.1 behind TLS is held to the limits of plain HTTP/1.1, byte by byte. */
import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Handler } from '../../src/server/handler.ts'
import { startServer } from '../../src/server/server.ts'
import { makeCertificate } from '../support/certificates.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { openSession, requestOn } from '../support/http2-client.ts'
import { hasAnswers, openRaw, parseAnswers, type RawConnection, rawOn } from '../support/raw-client.ts'
import { startRawOrigin } from '../support/raw-origin.ts'
import { pattern, type ShieldOptions, startShield, times } from '../support/shield.ts'

const BYTES = pattern(100_000)
const secureShield = (options: ShieldOptions = {}) => startShield({ ...options, listen: { tls: makeCertificate() } })

async function openSecure(port: number): Promise<RawConnection & { readonly socket: TLSSocket }> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  const connection = rawOn(socket)
  await once(socket, 'secureConnect')
  onTestFinished(() => void socket.destroy())
  return { ...connection, socket }
}

async function exchange(port: number, bytes: string) {
  const connection = await openSecure(port)
  connection.write(bytes)
  return parseAnswers(await connection.closed)
}

describe('time', () => {
  /** Longer than any test waits, so that the one limit under test is the one that acts. */
  const LONG = { keepAliveMs: 600_000, headersMs: 600_000, requestMs: 600_000, checkingMs: 10 }
  const HELLO: Handler = (_req, res) => void res.writeHead(200, ['Content-Length', '5']).end('hello')

  async function start(timeouts: Partial<typeof LONG>): Promise<number> {
    const options = { clock: new FakeClock(), onFault: () => undefined, timeouts: { ...LONG, ...timeouts } }
    const listen = { host: '127.0.0.1', port: 0, highWaterMarkBytes: 65_536, tls: [makeCertificate()] }
    const server = await startServer([listen], HELLO, options)
    onTestFinished(() => server.close(0, 0))
    return server.listeners[0]?.port ?? 0
  }

  test('a handshake that does not come in time loses its connection', async () => {
    const silent = await openRaw(await start({ headersMs: 50 }))
    expect(await silent.closed).toHaveLength(0)
  })

  test('header fields that do not end in time are a 408', async () => {
    const connection = await openSecure(await start({ headersMs: 400 }))
    connection.write('GET / HTTP/1.1\r\nHost: x\r\n')
    const [answer] = parseAnswers(await connection.closed)
    expect([answer?.status, answer?.isWhole, answer?.headers['connection']]).toEqual([408, true, 'close'])
  })

  test('content that does not end in time loses its connection', async () => {
    const connection = await openSecure(await start({ headersMs: 400, requestMs: 400 }))
    connection.write('GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345')
    const [answer] = parseAnswers(await connection.closed)
    expect([answer?.status, answer?.body.toString()]).toEqual([200, 'hello'])
  })

  test('an idle connection is closed after its keep-alive time', async () => {
    const connection = await openSecure(await start({ keepAliveMs: 50 }))
    connection.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    const answers = parseAnswers(await connection.closed)
    expect(answers.map(({ status, isWhole }) => [status, isWhole])).toEqual([[200, true]])
  })
})

test.each([
  ['nonsense\r\n\r\n', 400],
  ['GET / HTTP/1.1\r\n\r\n', 400],
  ['GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
  ['GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n', 400],
  ['GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n', 501],
  [`GET / HTTP/1.1\r\nHost: a\r\nX-Large: ${'a'.repeat(17_000)}\r\n\r\n`, 431],
  ['CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n', 405],
])('what is malformed or not to be served is told so, and is the last on its connection: %#', async (bytes, status) => {
  const { port, s3 } = await secureShield()
  const answers = await exchange(port, bytes)
  expect(answers.map((answer) => [answer.status, answer.isWhole])).toEqual([[status, true]])
  expect(s3.requests).toEqual([])
})

test('requests behind requests are answered in their order', async () => {
  const { port, s3 } = await secureShield()
  for (const name of ['1', '2', '3']) s3.put(name, `answer ${name}`)
  const connection = await openSecure(port)
  for (const name of ['1', '2', '3']) connection.write(`GET /${name} HTTP/1.1\r\nHost: x\r\n\r\n`)
  const answers = parseAnswers(await connection.until(hasAnswers(3)))
  expect(answers.map(({ body }) => body.toString())).toEqual(['answer 1', 'answer 2', 'answer 3'])
})

test('one who sends more requests than may wait loses the connection', async () => {
  const { port, s3 } = await secureShield()
  s3.onAny(() => undefined)
  const connection = await openSecure(port)
  connection.write(times(101, () => 'GET /1 HTTP/1.1\r\nHost: x\r\n\r\n').join(''))
  expect(await connection.closed).toHaveLength(0)
})

test('a client that expects to be invited is', async () => {
  const { port } = await secureShield()
  const connection = await openSecure(port)
  connection.write('GET /none HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
  await connection.until((received) => received.includes('HTTP/1.1 100 Continue'))
  connection.write('ok')
  const answers = parseAnswers(await connection.until(hasAnswers(2)))
  expect(answers.map(({ status }) => status)).toEqual([100, 404])
})

test('an answer to HTTP/1.0 that has no length and fails half way has no proper end', async () => {
  const origin = await startRawOrigin(() => undefined)
  const { port } = await secureShield({ routes: [{ match: '/**', passthrough: origin.url }] })
  const client = await openSecure(port)
  const failed = once(client.socket, 'error').then(
    ([error]) => String((error as NodeJS.ErrnoException).code),
    () => 'none',
  )
  const ended = once(client.socket, 'end').then(() => 'a proper end')
  client.write('GET /a HTTP/1.0\r\n\r\n')
  const connection = await origin.connection(1)
  await connection.head()
  connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n')
  await client.until((received) => received.includes('half'))
  connection.end()
  expect(await Promise.race([failed, ended])).not.toBe('a proper end')
})

test('plain HTTP on this port ends, and nothing else does', async () => {
  const { port, s3 } = await secureShield()
  s3.put('a', BYTES)
  const plain = await openRaw(port)
  plain.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await plain.closed
  expect((await requestOn(await openSession(port), { path: '/a' })).body.equals(BYTES)).toBe(true)
})

test('random bytes in the handshake end their connection, and nothing else', async () => {
  const { port, s3, logRecords } = await secureShield()
  s3.put('a', BYTES)
  for (const seed of times(20, (index) => index)) {
    const socket = connectTcp({ host: '127.0.0.1', port })
    const connection = rawOn(socket)
    connection.write(Buffer.concat([Buffer.from([0x16, 3, 1, 0, 200]), pattern(600, seed)]))
    await connection.closed
  }
  expect((await requestOn(await openSession(port), { path: '/a' })).body.equals(BYTES)).toBe(true)
  expect(logRecords().filter(({ level }) => level >= 50)).toEqual([])
})

test.each(['server', 'client'])(
  'a WebSocket is joined to its server, and the %s may end before the other',
  async (who) => {
    const origin = await startRawOrigin(() => undefined, { allowHalfOpen: true })
    const { port } = await secureShield({ routes: [{ match: '/**', passthrough: origin.url }] })
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false })
    socket.allowHalfOpen = true
    const client = rawOn(socket)
    await once(socket, 'secureConnect')
    onTestFinished(() => void socket.destroy())
    const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: a\r\n'
    client.write(`GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n${key}\r\n`)
    const connection = await origin.connection(1)
    expect(await connection.head()).toContain('x-forwarded-proto: https')
    connection.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfrom server')
    await client.until((received) => received.includes('from server'))
    client.write('from client')
    await connection.until((received) => received.includes('from client'))
    if (who === 'server') {
      connection.end('the last of the server')
      await client.until((received) => received.includes('the last of the server'))
      client.write('more of the client')
      await connection.until((received) => received.includes('more of the client'))
      socket.end()
    } else {
      socket.end('the last of the client')
      await connection.until((received) => received.includes('the last of the client'))
      await connection.ended
      connection.write('more of the server')
      await client.until((received) => received.includes('more of the server'))
      connection.end()
    }
    expect((await client.closed).toString()).toContain(
      who === 'server' ? 'the last of the server' : 'more of the server',
    )
  },
)
