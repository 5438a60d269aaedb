/** What of a client's fields an HTTP origin gets to see, and what no client can make it see. */
import { describe, expect, test } from 'vitest'
import type { HttpRequest } from '../support/http-socket-server.ts'
import { type Packager, startPackager } from '../support/packager.ts'
import { hasAnswers, openRaw, parseAnswers, pattern, rawExchange, request } from '../support/shield.ts'

const ANY_METHOD = { routes: [{ match: '/**', methods: ['GET', 'HEAD', 'POST', 'PUT'] }] }
const BYTES = pattern(1000)

/** The fields of the only request, as lines under lower-case names. */
async function seen(lines: readonly string[], packager?: Packager): Promise<readonly string[]> {
  const { origin, port } = packager ?? (await startPackager())
  origin.put('/1.ts', BYTES)
  await rawExchange(port, ['GET /1.ts HTTP/1.1', ...lines, 'Connection: close', '', ''].join('\r\n'))
  expect(origin.requests.length).toBe(1)
  return linesOf(origin.requests[0])
}

function linesOf(asked: HttpRequest | undefined): readonly string[] {
  const { rawFields = [] } = asked ?? {}
  return rawFields.flatMap((name, index) =>
    index % 2 === 0 ? [`${name.toLowerCase()}: ${rawFields[index + 1] ?? ''}`] : [],
  )
}

describe('of a request without anything', () => {
  test('it sees its own Host, for whom it is asked, and through what', async () => {
    const packager = await startPackager()
    const lines = await seen(['Host: example.com:8080'], packager)
    const [forwarded = ''] = lines.filter((line) => line.startsWith('forwarded: '))
    expect(lines.filter((line) => !/^(connection|forwarded): /.test(line)).toSorted()).toEqual([
      `host: 127.0.0.1:${packager.origin.port}`,
      expect.stringMatching(/^via: 1\.1 segment-shield-[0-9a-f]{8}$/),
      'x-forwarded-for: 127.0.0.1',
      'x-forwarded-host: example.com:8080',
      'x-forwarded-proto: http',
    ])
    expect(forwarded).toBe('forwarded: for=127.0.0.1;host="example.com:8080";proto=http')
  })
})

test('end-to-end fields go on in their order, spelling and number, unknown ones among them', async () => {
  const own = [
    'X-B: 1',
    'x-a: 2',
    'X-B: 3',
    'Cookie: a=b',
    'Accept: */*',
    'User-Agent: p/1',
    'X-Latin: caf\xe9',
    'X-None:',
  ]
  const packager = await startPackager()
  await seen(['Host: x', ...own], packager)
  const { rawFields } = packager.origin.requests[0] ?? { rawFields: [] }
  const pairs = rawFields.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${rawFields[index + 1]}`.trim()] : []))
  expect(pairs.filter((pair) => own.includes(pair))).toEqual(own)
})

test('fields of the connection stay here, and so do those that Connection lists, on however many lines', async () => {
  const lines = await seen([
    'Host: x',
    'Connection: keep-alive, X-One',
    'connection: x-TWO,, ,"x-three"',
    'X-One: 1',
    'X-Two: 2',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authorization: Basic abc',
    'TE: trailers',
    'Trailer: X-T',
    'Upgrade: h2c',
    'HTTP2-Settings: abc',
    'Expect: 100-continue',
    'X-Stays: 1',
  ])
  const names = lines.map((line) => line.slice(0, line.indexOf(':')))
  expect(names.filter((name) => !/^(host|via|forwarded|x-forwarded-.*|connection)$/.test(name))).toEqual(
    expect.arrayContaining(['x-stays']),
  )
  for (const name of [
    'x-one',
    'x-two',
    'keep-alive',
    'proxy-connection',
    'proxy-authorization',
    'te',
    'trailer',
    'upgrade',
    'expect',
  ]) {
    expect(names).not.toContain(name)
  }
  expect(lines.filter((line) => line.startsWith('connection: ') && line !== 'connection: keep-alive')).toEqual([])
})

test.each(['Host', 'Via', 'X-Forwarded-For', 'Forwarded', 'Authorization', 'Cookie', 'Content-Length', 'close'])(
  'a client cannot take away what is not its own to take: Connection: %s',
  async (name) => {
    const lines = await seen(['Host: x', `Connection: ${name}`, 'Authorization: Basic abc', 'Cookie: a=b'])
    const names = lines.map((line) => line.slice(0, line.indexOf(':')))
    expect(names).toEqual(
      expect.arrayContaining(['host', 'via', 'x-forwarded-for', 'forwarded', 'authorization', 'cookie']),
    )
  },
)

test('Via is continued, whoever wrote it', async () => {
  const lines = await seen(['Host: x', 'Via: 1.0 a', 'Via: 1.1 b (c, d)'])
  expect(lines.filter((line) => line.startsWith('via: '))).toEqual([
    expect.stringMatching(/^via: 1\.0 a, 1\.1 b \(c, d\), 1\.1 segment-shield-[0-9a-f]{8}$/),
  ])
})

const CLAIMS = [
  'X-Forwarded-For: 192.0.2.1',
  'X-Forwarded-For: 192.0.2.2',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: real.example',
  'X-Forwarded-Port: 443',
  'X_Forwarded_For: 192.0.2.3',
  'Forwarded: for=192.0.2.1, for=192.0.2.2;proto=https;host=real.example',
]

test('what an untrusted client says of itself is replaced', async () => {
  const lines = await seen(['Host: x', ...CLAIMS])
  expect(lines.filter((line) => /forwarded/.test(line)).toSorted()).toEqual([
    'forwarded: for=127.0.0.1;host=x;proto=http',
    'x-forwarded-for: 127.0.0.1',
    'x-forwarded-host: x',
    'x-forwarded-proto: http',
  ])
})

test('what a trusted proxy says is continued', async () => {
  const lines = await seen(['Host: x', ...CLAIMS], await startPackager({ trustedProxies: ['127.0.0.0/8'] }))
  expect(lines.filter((line) => /forwarded/.test(line)).toSorted()).toEqual([
    'forwarded: for=192.0.2.1, for=192.0.2.2;proto=https;host=real.example, for=127.0.0.1;host=x;proto=http',
    'x-forwarded-for: 192.0.2.1, 192.0.2.2, 127.0.0.1',
    'x-forwarded-host: real.example',
    'x-forwarded-proto: https',
  ])
})

test('ranges and conditions of the client stay here: what is fetched is for everybody', async () => {
  const conditions = ['If-Match: *', 'If-Unmodified-Since: Thu, 01 Jan 2026 00:00:00 GMT', 'If-None-Match: "other"']
  const lines = await seen(['Host: x', ...conditions, 'If-Range: "v1"', 'If-Schedule-Tag-Match: "x"'])
  expect(lines.filter((line) => /^(if-|range)/.test(line))).toEqual([])
})

describe('a field that is there twice', () => {
  test('Range: the whole is given, rather than one of them', async () => {
    const { origin, port } = await startPackager()
    origin.put('/1.ts', BYTES)
    const bytes = 'GET /1.ts HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nRange: bytes=4-5\r\nConnection: close\r\n\r\n'
    const [answer] = parseAnswers(await rawExchange(port, bytes))
    expect(answer?.status).toBe(200)
    expect(answer?.body.equals(BYTES)).toBe(true)
  })

  test('If-Range: matches nothing, so that the whole is given', async () => {
    const { origin, port } = await startPackager()
    origin.put('/1.ts', BYTES, { ETag: '"v1"' })
    const lines = ['GET /1.ts HTTP/1.1', 'Host: x', 'Range: bytes=0-1', 'If-Range: "v1"', 'If-Range: "v0"']
    const [answer] = parseAnswers(await rawExchange(port, [...lines, 'Connection: close', '', ''].join('\r\n')))
    expect(answer?.status).toBe(200)
    expect(answer?.body.equals(BYTES)).toBe(true)
  })

  test('If-None-Match: is one list', async () => {
    const { origin, port } = await startPackager()
    origin.put('/1.ts', BYTES, { ETag: '"v1"' })
    const lines = ['GET /1.ts HTTP/1.1', 'Host: x', 'If-None-Match: "v0"', 'If-None-Match: "v1"']
    const [answer] = parseAnswers(await rawExchange(port, [...lines, 'Connection: close', '', ''].join('\r\n')))
    expect(answer?.status).toBe(304)
  })
})

/** A request behind it that must never be seen by the origin as one of its own. */
const BEHIND = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'

describe('framing that can be read in two ways', () => {
  test.each([
    ['both', 'Content-Length: 4\r\nTransfer-Encoding: chunked'],
    ['both, the other way round', 'Transfer-Encoding: chunked\r\nContent-Length: 4'],
    ['two lengths', 'Content-Length: 4\r\nContent-Length: 5'],
    ['two lengths on one line', 'Content-Length: 4, 5'],
    ['a signed length', 'Content-Length: +4'],
    ['a hexadecimal length', 'Content-Length: 0x4'],
    ['a length with a space', 'Content-Length: 4 0'],
    ['an empty length', 'Content-Length:'],
    ['a length that is too large', 'Content-Length: 99999999999999999999999'],
    ['another coding', 'Transfer-Encoding: xchunked'],
    ['chunked not last', 'Transfer-Encoding: chunked, identity'],
    ['chunked twice', 'Transfer-Encoding: chunked, chunked'],
    ['chunked on two lines', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity'],
    ['a quoted coding', 'Transfer-Encoding: "chunked"'],
    ['a coding that would stay in the bytes', 'Transfer-Encoding: gzip, chunked'],
    ['a space before the colon', 'Transfer-Encoding : chunked'],
    ['a folded line', 'Transfer-Encoding:\r\n chunked'],
    ['a vertical tab', 'Transfer-Encoding: \x0bchunked'],
    ['a NUL', 'X: a\0b'],
    ['a bare CR', 'X: a\rTransfer-Encoding: chunked'],
    ['a bare LF', 'X: a\nTransfer-Encoding: chunked'],
    ['a name with a space', 'X Y: a'],
  ])('never reaches the origin: %s', async (_what, lines) => {
    const { origin, port, atRest } = await startPackager(ANY_METHOD)
    const head = `POST /form HTTP/1.1\r\nHost: x\r\n${lines}\r\n\r\n`
    const client = await openRaw(port)
    client.write(`${head}0\r\n\r\n${BEHIND}`)
    const answers = parseAnswers(await client.closed)
    expect(answers.length).toBe(1)
    expect([400, 501]).toContain(answers[0]?.status)
    await atRest()
    expect(origin.requests.map(({ method, target }) => `${method} ${target}`)).toEqual([])
  })

  test('a chunked content that is none ends the request, and the origin never takes it for whole', async () => {
    const { origin, port, atRest } = await startPackager(ANY_METHOD)
    origin.on('/form', async (exchange) => {
      await exchange.request.content
      await exchange.send({ body: 'taken' })
    })
    const client = await openRaw(port)
    client.write('POST /form HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n')
    await origin.received(1)
    await origin.requests[0]?.contentAtLeast(3)
    client.write(`zz\r\n${BEHIND}`)
    const received = await client.closed
    expect(received.includes('taken')).toBe(false)
    await expect(origin.requests[0]?.content).rejects.toThrow('ended after 3 bytes')
    await atRest()
    expect(origin.requests.length).toBe(1)
  })

  test('chunk extensions, trailers and the client’s own chunks do not go on', async () => {
    const { origin, port } = await startPackager(ANY_METHOD)
    const head =
      'POST /form HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n'
    await rawExchange(port, `${head}1;a="b"\r\na\r\n2\r\nbc\r\n0\r\nX-T: 1\r\n\r\n`)
    const [asked] = origin.requests
    expect((await asked?.content)?.toString()).toBe('abc')
    expect(asked?.fields['x-t']).toBeUndefined()
    expect(asked?.fields['content-length']).toBeUndefined()
    expect(asked?.fields['transfer-encoding']).toBe('chunked')
  })
})

test('content of a GET is read and dropped, and what follows it is the next request', async () => {
  const { origin, port } = await startPackager()
  origin.put('/1.ts', BYTES)
  origin.put('/2.ts', 'two')
  const content = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
  const first = `GET /1.ts HTTP/1.1\r\nHost: x\r\nContent-Length: ${content.length}\r\n\r\n${content}`
  const answers = parseAnswers(
    await rawExchange(port, `${first}GET /2.ts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, hasAnswers(2)),
  )
  expect(answers.map(({ status }) => status)).toEqual([200, 200])
  expect(answers[1]?.body.toString()).toBe('two')
  expect(origin.requests.map((it) => [it.target, it.fields['content-length'], it.fields['transfer-encoding']])).toEqual(
    [
      ['/1.ts', undefined, undefined],
      ['/2.ts', undefined, undefined],
    ],
  )
})

test('a field of a client never becomes two at the origin', async () => {
  const { origin, port } = await startPackager()
  const escaped = '/1.ts?x=%0d%0aX-Injected:%201'
  origin.put(escaped, BYTES)
  await request(port, { path: escaped, headers: { 'X-Forwarded-Host': 'a%0d%0aX-Injected: 1', Host: 'h%0d%0a' } })
  expect(linesOf(origin.requests[0]).filter((line) => line.startsWith('x-injected'))).toEqual([])
})
