/** What comes in on a pass-through route goes on to its server, whatever it is, and so does what comes back. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { fieldsOf, startAnswering, startRawOrigin } from '../support/raw-origin.ts'
import {
  hasAnswers,
  openRaw,
  openRequest,
  parseAnswers,
  pattern,
  rawExchange,
  request,
  startShield,
  times,
} from '../support/shield.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** A route for everything below /api/, in front of one that caches. */
function passingTo(url: string, more: object = {}) {
  return { routes: [{ match: '/api/**', passthrough: url, ...more }, { match: '/**' }] }
}

async function startHttpOrigin(onRequest: (req: IncomingMessage, res: ServerResponse) => void) {
  const server = createServer(onRequest)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT', 'PURGE'])(
  '%s reaches the server, with and without content',
  async (method) => {
    const seen: string[] = []
    const url = await startHttpOrigin(async (req, res) => {
      const chunks = await req.toArray()
      seen.push(`${req.method} ${req.url} ${Buffer.concat(chunks)}`)
      res.end('done')
    })
    const { port } = await startShield(passingTo(url))

    const bare = await request(port, { method, path: '/api/x?y=1' })
    const withContent = await request(port, {
      method,
      path: '/api/x',
      body: 'content',
      headers: { 'Content-Length': '7' },
    })
    const inChunks = await request(port, {
      method,
      path: '/api/x',
      body: 'chunks',
      headers: { 'Transfer-Encoding': 'chunked' },
    })

    expect(seen).toEqual([`${method} /api/x?y=1 `, `${method} /api/x content`, `${method} /api/x chunks`])
    const body = method === 'HEAD' ? '' : 'done'
    expect([bare, withContent, inChunks].map((answer) => [answer.status, answer.body.toString()])).toEqual(
      times(3, () => [200, body]),
    )
  },
)

test('a megabyte goes up and another comes down, byte for byte', async () => {
  const up = pattern(1024 ** 2, 3)
  const down = pattern(1024 ** 2, 5)
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  const url = await startHttpOrigin(async (req, res) => {
    res.setHeader('x-digest', digest(Buffer.concat(await req.toArray())))
    if (req.url === '/api/chunks') res.end(down)
    else res.writeHead(200, { 'content-length': down.length }).end(down)
  })
  const { port, accessRecords } = await startShield(passingTo(url))

  for (const [path, framing] of [
    ['/api/chunks', { 'Transfer-Encoding': 'chunked' }],
    ['/api/length', { 'Content-Length': String(up.length) }],
  ] as const) {
    const answer = await request(port, { method: 'POST', path, body: up, headers: framing })
    expect(answer.isWhole).toBe(true)
    expect(answer.headers['x-digest']).toBe(digest(up))
    expect(digest(answer.body)).toBe(digest(down))
  }
  const records = await accessRecords(2)
  expect(records).toMatchObject(
    times(2, () => ({
      method: 'POST',
      status: 200,
      bytes: down.length,
      end: 'whole',
      route: '/api/**',
      cacheStatus: 'segment-shield; fwd=bypass',
    })),
  )
})

test.each([
  '/api/a/%2E%41%2f..b',
  '/api//double///slashes/',
  '/api/back\\slash',
  "/api/quotes'(){}|^`",
  '/api/x?',
  '/api/x??a=%zz&b=//../c',
  "/api/x?q='{}|",
  '/api/%E4%BD%A0+plus',
])('the target %s is sent as it was received', async (target) => {
  const origin = await startAnswering(OK)
  const { port } = await startShield(passingTo(origin.url))

  const [answer] = parseAnswers(
    await rawExchange(port, `GET ${target} HTTP/1.1\r\nHost: shield.example\r\nConnection: close\r\n\r\n`),
  )

  expect(answer?.status).toBe(200)
  expect(origin.connections[0]?.received().split('\r\n')[0]).toBe(`GET ${target} HTTP/1.1`)
})

test('only what belongs to both ends crosses over', async () => {
  const origin = await startAnswering(
    [
      'HTTP/1.1 299 Quite fine',
      'Content-Length: 2',
      'Connection: keep-alive, X-Hop',
      'Keep-Alive: timeout=5',
      'X-Hop: 1',
      'Proxy-Authenticate: Basic',
      'Trailer: X-T',
      'Set-Cookie: a=1',
      'Set-Cookie: b=2',
      'X-Kept: \xe4\t;',
      'Date: Thu, 01 Jan 2026 00:00:00 GMT',
      'Cache-Status: inner; hit',
      'Cache-Status: outer; fwd=miss',
      '',
      'ok',
    ].join('\r\n'),
  )
  const { port } = await startShield(
    passingTo(origin.url, { responseHeaders: { 'X-Route': 'api', 'x-kept': 'replaced' } }),
  )

  const received = await rawExchange(
    port,
    [
      'GET /api/x HTTP/1.1',
      'Host: shield.example:81',
      'Connection: close, X-Hop, Host, Cookie',
      'X-Hop: 1',
      'Cookie: gone=1',
      'Keep-Alive: timeout=1',
      'Proxy-Authorization: Basic x',
      'Proxy-Connection: keep-alive',
      'TE: trailers',
      'Trailer: X-T',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABk',
      'X-Twice: 1',
      'X-Twice: 2',
      'X-Latin: \xe4',
      'Authorization: Bearer t',
      'Via: 1.0 first',
      'X-Forwarded-For: 6.6.6.6',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Port: 1',
      'x_forwarded_for: 7.7.7.7',
      'Forwarded: for=6.6.6.6',
      'X-Real-IP: 6.6.6.6',
      '',
      '',
    ].join('\r\n'),
  )

  const [answer] = parseAnswers(received)
  expect([answer?.status, answer?.reason, answer?.body.toString()]).toEqual([299, 'Quite fine', 'ok'])
  expect(answer?.rawHeaders).toEqual([
    ['Content-Length', '2'],
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
    ['Date', 'Thu, 01 Jan 2026 00:00:00 GMT'],
    ['Cache-Status', 'inner; hit, outer; fwd=miss, segment-shield; fwd=bypass'],
    ['X-Route', 'api'],
    ['x-kept', 'replaced'],
    ['Connection', 'close'],
  ])
  const got = fieldsOf(origin.connections[0]?.received() ?? '')
  expect(got.toSorted(([a], [b]) => a.localeCompare(b))).toEqual([
    ['authorization', 'Bearer t'],
    ['connection', 'keep-alive'],
    ['forwarded', 'for=127.0.0.1;host="shield.example:81";proto=http'],
    ['host', 'shield.example:81'],
    ['via', expect.stringMatching(/^1\.0 first, 1\.1 segment-shield-[0-9a-f]{8}$/)],
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-host', 'shield.example:81'],
    ['x-forwarded-proto', 'http'],
    ['x-latin', '\xe4'],
    ['x-twice', '1'],
    ['x-twice', '2'],
  ])
})

test('an answer is passed on while it arrives, its header first', async () => {
  const origin = await startRawOrigin()
  const { port } = await startShield(passingTo(origin.url))
  const asked = openRequest(port, { path: '/api/events' })
  const connection = await origin.connection(1)
  await connection.head()
  connection.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n')

  const answer = await asked
  expect(answer.received().length).toBe(0)
  connection.write('data: 1\n\n')
  await answer.receivedBytes(9)
  expect(answer.headers['transfer-encoding']).toBe('chunked')
  connection.end('data: 2\n\n')

  const whole = await answer.ended
  expect([whole.isWhole, whole.body.toString()]).toEqual([true, 'data: 1\n\ndata: 2\n\n'])
})

test('content is sent on while it arrives, and the answer may begin before its end', async () => {
  const origin = await startRawOrigin()
  const { port } = await startShield(passingTo(origin.url))
  const client = await openRaw(port)
  client.write('POST /api/x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
  const connection = await origin.connection(1)
  await connection.head()

  client.write('3\r\none\r\n')
  await connection.until((got) => got.endsWith('3\r\none\r\n'))
  connection.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n1\r\n')
  await client.until((got) => got.includes('1\r\n1\r\n'))
  client.write('3\r\ntwo\r\n0\r\n\r\n')
  const sent = await connection.until((got) => got.endsWith('0\r\n\r\n'))
  connection.write('1\r\n2\r\n0\r\n\r\n')

  expect(sent.slice(sent.indexOf('\r\n\r\n') + 4)).toBe('3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n')
  const [answer] = parseAnswers(await client.until(hasAnswers(1)))
  expect(answer?.body.toString()).toBe('12')
  client.leave()
})

test('interim answers are passed on as they come, except 100 and to HTTP/1.0', async () => {
  const origin = await startAnswering(
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: X\r\nX: 1\r\n\r\n${OK}`,
  )
  const { port } = await startShield(passingTo(origin.url))

  const modern = parseAnswers(await rawExchange(port, 'GET /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'))
  const old = parseAnswers(await rawExchange(port, 'GET /api/x HTTP/1.0\r\nHost: x\r\n\r\n'))

  expect(modern.map(({ status }) => status)).toEqual([103, 200])
  expect(modern[0]?.rawHeaders).toEqual([['Link', '</a.css>; rel=preload']])
  expect(old.map(({ status }) => status)).toEqual([200])
})

test('HTTP/1.0 gets an answer of unknown length without chunks', async () => {
  const origin = await startAnswering('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n')
  const { port } = await startShield(passingTo(origin.url))

  const [answer] = parseAnswers(await rawExchange(port, 'GET /api/x HTTP/1.0\r\nHost: x\r\n\r\n'))

  expect([answer?.headers['transfer-encoding'], answer?.body.toString()]).toEqual([undefined, 'abc'])
})

test.each([
  ['204', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n', 'GET'],
  ['304', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: "1"\r\n\r\n', 'GET'],
  ['HEAD', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 'HEAD'],
])('an answer without content (%s) is whole without it', async (_what, text, method) => {
  const origin = await startAnswering(text)
  const { port } = await startShield(passingTo(origin.url))
  const ask = `${method} /api/x HTTP/1.1\r\nHost: x\r\n`

  const answers = parseAnswers(await rawExchange(port, `${ask}\r\n${ask}Connection: close\r\n\r\n`), [method, method])

  expect(answers.map(({ isWhole }) => isWhole)).toEqual([true, true])
  expect(answers[0]?.headers['content-length']).toBe(text.includes(' 204 ') ? undefined : '5')
})

test('nothing is cached, and routes that cache are as they were', async () => {
  const origin = await startAnswering('HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok')
  const { port, s3 } = await startShield(passingTo(origin.url))
  s3.put('a.ts', 'cached')

  for (const path of ['/api/x', '/api/x', '/a.ts', '/a.ts']) await request(port, { path })

  expect(origin.connections[0]?.received().match(/GET \/api\/x /g)).toHaveLength(2)
  expect(s3.requests.length).toBe(1)
})

test('connections to the server are used again, and let go at the end', async () => {
  const origin = await startAnswering(OK)
  const { port, close } = await startShield(passingTo(origin.url))

  for (const _ of times(5, () => 0)) await request(port, { path: '/api/x' })

  expect([origin.connections.length, origin.open]).toEqual([1, 1])
  await close()
  await origin.socketsAtMost(0)
})

test('a request is sent once more when the server closes its idle connection just then', async () => {
  let isFirst = true
  const origin = await startRawOrigin((connection) => {
    connection.socket.on('data', () => {
      if (connection.received().split('\r\n\r\n').length === 2) connection.write(OK)
      else connection.reset()
      isFirst = false
    })
  })
  const { port } = await startShield(passingTo(origin.url))

  const answers = [await request(port, { path: '/api/1' }), await request(port, { path: '/api/2' })]

  expect(isFirst).toBe(false)
  expect(answers.map(({ status }) => status)).toEqual([200, 200])
  expect(origin.connections.length).toBe(2)
})

test('a request that might act twice never goes out on a connection that was idle', async () => {
  const origin = await startAnswering(OK)
  const { port } = await startShield(passingTo(origin.url))
  await request(port, { path: '/api/x' })

  for (const method of ['POST', 'PATCH', 'PROPFIND']) await request(port, { method, path: '/api/x' })
  await request(port, { method: 'PUT', path: '/api/x', body: 'x' })

  expect(origin.connections.map((it) => it.received().split(' ')[0])).toEqual([
    'GET',
    'POST',
    'PATCH',
    'PROPFIND',
    'PUT',
  ])
  await origin.socketsAtMost(1)
})

test('two routes to one server do not share its connections', async () => {
  const origin = await startAnswering(OK)
  const routes = ['/a/**', '/b/**'].map((match) => ({ match, passthrough: origin.url }))
  const { port } = await startShield({ routes })

  await request(port, { path: '/a/x' })
  await request(port, { path: '/b/x' })

  expect(origin.connections.length).toBe(2)
})
