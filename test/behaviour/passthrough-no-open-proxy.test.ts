/** Whatever a request says, only the configured server is asked, and only for what was asked of the route. */
import { expect, test } from 'vitest'
import { type RawOrigin, startAnswering, startRawOrigin } from '../support/raw-origin.ts'
import {
  expectUnharmed,
  hasAnswers,
  openRaw,
  parseAnswers,
  rawExchange,
  request,
  startShield,
} from '../support/shield.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n'
const UPGRADE = `Connection: Upgrade\r\nUpgrade: websocket\r\n${KEY}`

/** A shield in front of one server, and another server that nobody may reach. */
async function start(answer = OK) {
  const origin = await startAnswering(answer)
  const secret = await startAnswering(OK)
  const shield = await startShield({ routes: [{ match: '/api/**', passthrough: origin.url }, { match: '/**' }] })
  return { origin, secret, shield }
}

const requestLines = ({ connections }: RawOrigin) =>
  connections.flatMap((it) => it.received().match(/^[A-Z]+ \S+ HTTP\/1\.[01]$/gm) ?? [])

test.each(['GET', 'POST', 'OPTIONS', 'CONNECT'])(
  '%s with the address of another server goes nowhere',
  async (method) => {
    const { origin, secret, shield } = await start()
    const other = `127.0.0.1:${secret.port}`
    const targets = [
      `http://${other}/api/x`,
      `http://${other}`,
      other,
      `ftp://${other}/api/x`,
      `//${other}/api/x`,
      '*',
      `@${other}/`,
    ]

    for (const target of targets) {
      const received = await rawExchange(
        shield.port,
        `${method} ${target} HTTP/1.1\r\nHost: ${other}\r\nConnection: close\r\n\r\n`,
      )
      const [answer] = parseAnswers(received)
      // OPTIONS is answered here, wherever no request is passed through.
      expect([204, 400, 404, 405]).toContain(answer?.status)
    }

    expect([origin.connections.length, secret.connections.length]).toEqual([0, 0])
    await expectUnharmed(shield, shield.s3.requests.length)
  },
)

test.each([
  ['Host', (other: string) => `/api/x HTTP/1.1\r\nHost: ${other}\r\n`],
  ['an address in the path', (other: string) => `/api/http://${other}/x HTTP/1.1\r\nHost: x\r\n`],
  ['an address behind an at sign', (other: string) => `/api/@${other}/x HTTP/1.1\r\nHost: x\r\n`],
  ['an address behind backslashes', (other: string) => `/api/\\\\${other}\\x HTTP/1.1\r\nHost: x\r\n`],
  ['an address behind slashes', (other: string) => `/api////${other}/x HTTP/1.1\r\nHost: x\r\n`],
])('%s decides nothing about where a request goes', async (_what, rest) => {
  const { origin, secret, shield } = await start()
  const other = `127.0.0.1:${secret.port}`

  for (const upgrade of ['', UPGRADE]) {
    const received = await rawExchange(shield.port, `GET ${rest(other)}${upgrade || 'Connection: close\r\n'}\r\n`)
    expect(parseAnswers(received)[0]?.status).toBe(200)
  }

  expect(secret.connections.length).toBe(0)
  expect(requestLines(origin)).toEqual([`GET ${rest(other).split('\r\n')[0]}`, `GET ${rest(other).split('\r\n')[0]}`])
})

test.each(['/api/../secret', '/api/%2e%2e/secret', '/api/%2E./x', '/api/x/./y', '/api/..'])(
  '%s climbs nowhere',
  async (path) => {
    const { origin, shield } = await start()
    const [answer] = parseAnswers(
      await rawExchange(shield.port, `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    )
    expect(answer?.status).toBe(400)
    expect(origin.connections.length).toBe(0)
  },
)

test.each([
  ['h2c', `Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n`],
  ['TLS', 'Connection: Upgrade\r\nUpgrade: TLS/1.0\r\n'],
  ['several protocols', `Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n${KEY}`],
  ['several protocols in two fields', `Connection: Upgrade\r\nUpgrade: h2c\r\nUpgrade: websocket\r\n${KEY}`],
  ['WebSocket with content', `${UPGRADE}Content-Length: 5\r\n`],
  ['WebSocket with content in chunks', `${UPGRADE}Transfer-Encoding: chunked\r\n`],
  ['WebSocket without Connection', `Upgrade: websocket\r\n${KEY}`],
])('a request to change to %s is passed on as one that does not ask', async (what, fields) => {
  const { origin, shield } = await start()
  const content = what.endsWith('chunks') ? '5\r\nhello\r\n0\r\n\r\n' : what.endsWith('content') ? 'hello' : ''

  const client = await openRaw(shield.port)
  client.write(`GET /api/x HTTP/1.1\r\nHost: x\r\n${fields}\r\n${content}`)
  await client.until(hasAnswers(1))
  client.write('GET /api/y HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')

  expect(parseAnswers(await client.closed).map(({ status }) => status)).toEqual([200, 200])
  const all = origin.connections.map((it) => it.received()).join('')
  expect(all).not.toMatch(/^(upgrade|http2-settings|connection: .*upgrade)/im)
  expect(requestLines(origin).toSorted()).toEqual(['GET /api/x HTTP/1.1', 'GET /api/y HTTP/1.1'])
})

test.each(['POST', 'PUT', 'HEAD', 'OPTIONS'])('%s cannot change to WebSocket', async (method) => {
  const { origin, shield } = await start()
  const connection = await openRaw(shield.port)
  connection.write(`${method} /api/x HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`)
  await connection.until(hasAnswers(1, [method]))
  expect(origin.connections[0]?.received()).not.toMatch(/^upgrade/im)
  connection.leave()
})

test('HTTP/1.0 cannot change to WebSocket', async () => {
  const { origin, shield } = await start()
  const received = await rawExchange(shield.port, `GET /api/x HTTP/1.0\r\nHost: x\r\n${UPGRADE}\r\n`)
  expect(parseAnswers(received).map(({ status }) => status)).toEqual([200])
  expect(origin.connections[0]?.received()).not.toMatch(/^upgrade/im)
})

test.each(['/a.ts', '/nothing/here'])(
  'WebSocket on a route that caches (%s) is answered as if it had not been asked for',
  async (path) => {
    const { origin, shield } = await start()
    shield.s3.put('a.ts', 'x')
    const connection = await openRaw(shield.port)
    connection.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`)
    await connection.until(hasAnswers(1))
    connection.write('GET /a.ts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')

    const answers = parseAnswers(await connection.closed)

    expect(answers.map(({ status }) => status)).toEqual([path === '/a.ts' ? 200 : 404, 200])
    expect(origin.connections.length).toBe(0)
  },
)

test('what follows a handshake that the server refused reaches nobody', async () => {
  const { origin, secret, shield } = await start('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno')
  const smuggled = `GET /api/smuggled HTTP/1.1\r\nHost: x\r\n\r\n`
  const connection = await openRaw(shield.port)
  connection.write(`GET /api/x HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n${smuggled}`)
  await connection.until((received) => received.includes('no'))
  connection.write(smuggled)

  const answers = parseAnswers(await connection.closed)

  expect(answers.map(({ status, headers }) => [status, headers['connection']])).toEqual([[426, 'close']])
  expect(requestLines(origin)).toEqual(['GET /api/x HTTP/1.1'])
  expect(secret.connections.length).toBe(0)
})

test('a handshake behind a request that is not answered yet does not get into its answer', async () => {
  const origin = await startRawOrigin()
  const { port } = await startShield({ routes: [{ match: '/api/**', passthrough: origin.url }] })
  const client = await openRaw(port)
  client.write(
    `GET /api/x HTTP/1.1\r\nHost: x\r\n\r\nGET /api/y HTTP/1.1\r\nHost: x\r\n${UPGRADE.replace('Upgrade\r\n', 'Upgrade, close\r\n')}\r\n`,
  )
  const first = await origin.connection(1)
  const second = await origin.connection(2)
  expect(await second.head()).not.toMatch(/^upgrade/im)
  second.write(OK)
  first.write(OK)

  expect(parseAnswers(await client.closed).map(({ status }) => status)).toEqual([200, 200])
})

const SMUGGLED = 'GET /api/smuggled HTTP/1.1\r\nHost: x\r\n\r\n'

test.each(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'TRACE', 'PROPFIND'])(
  'the content of %s is never a request of its own',
  async (method) => {
    const { origin, shield } = await start(method === 'HEAD' ? OK.replace(/ok$/, '') : OK)
    const framings = [
      `Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
      `Transfer-Encoding: chunked\r\n\r\n${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`,
      `Connection: close, Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`,
      `Connection: close, Content-Length\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
    ]

    for (const [index, framing] of framings.entries()) {
      const client = await openRaw(shield.port)
      client.write(`${method} /api/x HTTP/1.1\r\nHost: x\r\n${framing}`)
      await client.until(hasAnswers(1, [method]))
      client.leave()
      const got = await (await origin.connection(index + 1)).until((text) => text.includes(SMUGGLED))
      const [head = '', content = ''] = split(got)
      if (framing.includes('chunked')) {
        expect(head).toMatch(/^transfer-encoding: chunked$/im)
        expect(head).not.toMatch(/^content-length/im)
        expect(content).toBe(`${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`)
      } else {
        expect(head).toMatch(new RegExp(`^content-length: ${SMUGGLED.length}$`, 'im'))
        expect(head).not.toMatch(/^transfer-encoding/im)
        expect(content).toBe(SMUGGLED)
      }
    }
  },
)

/** A head and what follows it. */
function split(text: string): readonly [string, string] {
  const at = text.indexOf('\r\n\r\n')
  return [text.slice(0, at).replaceAll('\r\n', '\n'), text.slice(at + 4)]
}

test.each([
  ['another coding', 'Transfer-Encoding: gzip, chunked\r\n', 501],
  ['a length and chunks', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', 400],
  ['a coding that is none', 'Transfer-Encoding: xchunked\r\n', 501],
  ['two lengths', 'Content-Length: 3\r\nContent-Length: 4\r\n', 400],
])('%s never reaches the server', async (_what, fields, status) => {
  const { origin, shield } = await start()
  const received = await rawExchange(
    shield.port,
    `POST /api/x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${fields}\r\n0\r\n\r\n${SMUGGLED}`,
  )
  expect(parseAnswers(received)[0]?.status).toBe(status)
  expect(origin.connections.length).toBe(0)
})

test('nobody outside can make the server believe another address', async () => {
  const { origin, shield } = await start()
  const fields = ['X-Forwarded-For', 'x-forwarded-for', 'X_Forwarded_For', 'Forwarded', 'X-Real-IP', 'X-Forwarded-User']
  const headers = Object.fromEntries(fields.map((name) => [name, 'for=6.6.6.6']))

  await request(shield.port, { path: '/api/x', headers: { ...headers, Connection: 'close, X-Forwarded-For' } })

  const got = origin.connections[0]?.received() ?? ''
  expect(got).not.toContain('6.6.6.6')
  expect(got).toMatch(/^x-forwarded-for: 127\.0\.0\.1\r$/m)
})

test('a tunnel is opened only by a server that agrees to WebSocket', async () => {
  const { shield } = await start('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
  const connection = await openRaw(shield.port)
  connection.write(`GET /api/x HTTP/1.1\r\nHost: x\r\n${UPGRADE}\r\n`)

  const answers = parseAnswers(await connection.closed)

  expect(answers.map(({ status, headers }) => [status, headers['connection']])).toEqual([[502, 'close']])
})
