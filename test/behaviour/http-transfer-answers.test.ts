/** Answers of an HTTP origin, however they are framed and wherever they break: whole and right, or visibly cut. */
import { describe, expect, test } from 'vitest'
import { gate, type HttpExchange } from '../support/http-socket-server.ts'
import { startPackager } from '../support/packager.ts'
import {
  hasAnswers,
  openRaw,
  openRequest,
  parseAnswers,
  pattern,
  rawExchange,
  request,
  times,
} from '../support/shield.ts'

const PATH = '/1.ts'
const BYTES = pattern(300_000)
const KEPT = { 'Cache-Control': 'max-age=60' }

describe('a body', () => {
  test.each(['length', 'chunked', 'close'] as const)('framed by %s is whole, and stored', async (framing) => {
    const { origin, port, atRest } = await startPackager()
    origin.on(PATH, (exchange) => exchange.send({ fields: KEPT, body: BYTES, framing }))
    const [miss, hit] = [await request(port, { path: PATH }), await request(port, { path: PATH })]
    for (const answer of [miss, hit]) {
      expect([answer.status, answer.isWhole, answer.body.equals(BYTES)]).toEqual([200, true, true])
    }
    expect(hit.headers['content-length']).toBe(String(BYTES.length))
    expect(hit.headers['transfer-encoding']).toBeUndefined()
    expect(origin.requests.length).toBe(1)
    await atRest()
  })

  test('whose length is not known goes to all who wait while it grows', async () => {
    const { origin, port } = await startPackager()
    const rest = gate()
    origin.on(PATH, async (exchange) => {
      await exchange.head(200, { ...KEPT, 'Transfer-Encoding': 'chunked' })
      await exchange.chunk(BYTES.subarray(0, 100_000))
      await rest.opened
      await exchange.chunk(BYTES.subarray(100_000))
      await exchange.chunk('')
    })
    const clients = [await openRequest(port, { path: PATH })]
    clients.push(...(await Promise.all(times(4, () => openRequest(port, { path: PATH })))))
    for (const client of clients) await client.receivedBytes(100_000)
    rest.open()
    for (const client of clients) expect((await client.ended).body.equals(BYTES)).toBe(true)
    expect(origin.requests.length).toBe(1)
  })

  test('whose length is not known and is more than is kept is passed on whole to all who have it', async () => {
    const { origin, port, atRest } = await startPackager({ cache: { maxObject: '64KiB', slice: '64KiB' } })
    const rest = gate()
    origin.on(PATH, async (exchange) => {
      await exchange.head(200, { ...KEPT, 'Transfer-Encoding': 'chunked' })
      await exchange.chunk(BYTES.subarray(0, 1000))
      await rest.opened
      await exchange.chunk(BYTES.subarray(1000))
      await exchange.chunk('')
    })
    const clients = await Promise.all(times(3, () => openRequest(port, { path: PATH })))
    for (const client of clients) await client.receivedBytes(1000)
    rest.open()
    for (const client of clients) {
      const answer = await client.ended
      expect([answer.isWhole, answer.body.equals(BYTES)]).toEqual([true, true])
    }
    expect(origin.requests.length).toBe(1)
    expect((await request(port, { path: PATH })).body.equals(BYTES)).toBe(true)
    expect(origin.requests.length).toBe(2)
    await atRest()
  })

  test('may have trailers, which do not become fields', async () => {
    const { origin, port } = await startPackager()
    origin.on(PATH, (exchange) =>
      exchange.write(
        'HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\nTrailer: ETag\r\n\r\n3\r\nabc\r\n0\r\nETag: "t"\r\nX-T: 1\r\n\r\n',
      ),
    )
    for (const _ of [1, 2]) {
      const { body, headers } = await request(port, { path: PATH })
      expect(body.toString()).toBe('abc')
      expect([headers['etag'], headers['x-t']]).toEqual([undefined, undefined])
    }
    expect(origin.requests.length).toBe(1)
  })

  test('with bytes behind its end is whole without them, and they are nobody’s answer', async () => {
    const { origin, port, atRest } = await startPackager()
    origin.on(PATH, (exchange) =>
      exchange.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'),
    )
    const answer = await request(port, { path: PATH })
    if (answer.isWhole && answer.status === 200) expect(answer.body.toString()).toBe('abc')
    for (const name of ['/2.ts', '/3.ts']) {
      origin.put(name, BYTES)
      expect((await request(port, { path: name })).body.equals(BYTES)).toBe(true)
    }
    await atRest()
  })
})

type Break = readonly [string, (exchange: HttpExchange) => unknown]

const BREAKS: readonly Break[] = [
  [
    'a length, reset',
    async (exchange) => {
      await exchange.head(200, { ...KEPT, 'Content-Length': '300000' })
      await exchange.write(BYTES.subarray(0, 100_000))
      exchange.reset()
    },
  ],
  [
    'a length, ended',
    async (exchange) => {
      await exchange.head(200, { ...KEPT, 'Content-Length': '300000' })
      await exchange.write(BYTES.subarray(0, 100_000))
      exchange.cut()
    },
  ],
  [
    'chunks, reset',
    async (exchange) => {
      await exchange.head(200, { ...KEPT, 'Transfer-Encoding': 'chunked' })
      await exchange.chunk(BYTES.subarray(0, 100_000))
      exchange.reset()
    },
  ],
  [
    'chunks, ended without the last',
    async (exchange) => {
      await exchange.head(200, { ...KEPT, 'Transfer-Encoding': 'chunked' })
      await exchange.chunk(BYTES.subarray(0, 100_000))
      exchange.cut()
    },
  ],
  [
    'chunks, and one that is none',
    async (exchange) => {
      await exchange.head(200, { ...KEPT, 'Transfer-Encoding': 'chunked' })
      await exchange.chunk(BYTES.subarray(0, 100_000))
      await exchange.write('zz\r\n')
    },
  ],
  [
    'nothing but its end, reset',
    async (exchange) => {
      await exchange.head(200, { ...KEPT, Connection: 'close' })
      await exchange.write(BYTES.subarray(0, 100_000))
      exchange.reset()
    },
  ],
]

describe('a body that breaks off and cannot be resumed', () => {
  test.each(BREAKS)('is cut for everybody, and not stored: %s', async (_what, misbehave) => {
    const { origin, port, atRest } = await startPackager()
    const go = gate()
    origin.once(PATH, async (exchange) => {
      await go.opened
      await misbehave(exchange)
    })
    const taken = async (version: string) => {
      const client = await openRaw(port)
      client.write(`GET ${PATH} HTTP/${version}\r\nHost: x\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n`)
      if (version === '1.1') await client.until((received) => received.includes('100 Continue\r\n\r\n'))
      return client
    }
    const clients = [await taken('1.1'), await taken('1.1'), await taken('1.0')]
    await origin.received(1)
    let resetCount = 0
    clients[2]?.socket.on('error', () => {
      resetCount += 1
    })
    // The third one is in hand, too.
    origin.put('/later', 'x')
    await request(port, { path: '/later' })
    go.open()
    for (const [nth, client] of clients.entries()) {
      const final = parseAnswers(await client.closed).at(-1)
      expect([200, 502]).toContain(final?.status)
      if (final?.status !== 200) continue
      expect(final.body.equals(BYTES.subarray(0, final.body.length))).toBe(true)
      // HTTP/1.0 has only a reset to tell it by, where there is no length.
      if (nth < 2 || final.headers['content-length'] !== undefined) expect(final.isWhole).toBe(false)
      else expect(resetCount).toBe(1)
    }
    expect(origin.requestsFor(PATH).length).toBe(1)
    origin.put(PATH, BYTES)
    expect((await request(port, { path: PATH })).body.equals(BYTES)).toBe(true)
    await atRest()
  })
})

test.each(['reset', 'cut'] as const)(
  'with a strong tag and a length it goes on where it broke off: %s',
  async (how) => {
    const { origin, port, atRest } = await startPackager()
    origin.put(PATH, BYTES, { ETag: '"v1"', ...KEPT })
    const breaking = (byteCount: number) => async (exchange: HttpExchange) => {
      await exchange.answerPart(byteCount)
      exchange[how]()
    }
    // A reset may take bytes with it that were on their way, so only orderly ends are exact.
    origin.once(PATH, breaking(100_000), breaking(150_000))
    const answers = await Promise.all(times(3, () => request(port, { path: PATH })))
    for (const answer of answers) {
      expect([answer.status, answer.isWhole, answer.body.equals(BYTES)]).toEqual([200, true, true])
    }
    expect(origin.requests.length).toBe(3)
    const [, ...resumed] = origin.requests.map(({ fields }) => [fields['range'], fields['if-match']])
    expect(resumed.map(([, tag]) => tag)).toEqual(['"v1"', '"v1"'])
    if (how === 'cut') expect(resumed.map(([range]) => range)).toEqual(['bytes=100000-', 'bytes=250000-'])
    await atRest()
  },
)

test.each([
  ['a weak tag', { ETag: 'W/"v1"' }],
  ['no tag', { ETag: undefined }],
  ['only a date', { ETag: undefined, 'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT' }],
])('with %s it does not', async (_what, fields) => {
  const { origin, port } = await startPackager()
  origin.put(PATH, BYTES, fields)
  origin.once(PATH, async (exchange) => {
    await exchange.answerPart(100_000)
    exchange.cut()
  })
  const answer = await request(port, { path: PATH })
  expect(answer.isWhole).toBe(false)
  expect(answer.body.equals(BYTES.subarray(0, answer.body.length))).toBe(true)
  expect(origin.requests.length).toBe(1)
})

test('one that has been replaced meanwhile is cut, never put together', async () => {
  const { origin, port } = await startPackager()
  origin.put(PATH, BYTES, { ETag: '"v1"' })
  origin.once(PATH, async (exchange) => {
    await exchange.answerPart(100_000)
    origin.put(PATH, pattern(300_000, 9), { ETag: '"v2"' })
    exchange.cut()
  })
  const answer = await request(port, { path: PATH })
  expect(answer.isWhole).toBe(false)
  expect(answer.body.equals(BYTES.subarray(0, answer.body.length))).toBe(true)
  expect((await request(port, { path: PATH })).body.equals(pattern(300_000, 9))).toBe(true)
})

describe('answers without a body', () => {
  test.each([
    [204, {}],
    [204, { 'Content-Length': '5' }],
    [205, { 'Content-Length': '0' }],
  ])('%i with %o leaves its connection to the next answer', async (status, fields) => {
    const { origin, port, atRest } = await startPackager()
    origin.on(PATH, (exchange) => exchange.head(status, fields))
    origin.put('/2.ts', BYTES)
    const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`
    const bytes = get(PATH) + get('/2.ts', 'Connection: close\r\n')
    const answers = parseAnswers(await rawExchange(port, bytes))
    expect(answers.map((answer) => answer.status)).toEqual([status, 200])
    expect(answers[1]?.body.equals(BYTES)).toBe(true)
    await atRest()
  })

  test('a 304 that nobody asked for is no answer', async () => {
    const { origin, port } = await startPackager()
    origin.on(PATH, (exchange) => exchange.head(304, { ETag: '"v1"' }))
    expect((await request(port, { path: PATH })).status).toBe(502)
  })

  test('HEAD of what is not stored is asked with HEAD, and its length is that of what GET would bring', async () => {
    const { origin, port, atRest } = await startPackager()
    origin.put(PATH, BYTES, { ETag: '"v1"' })
    const answer = await request(port, { method: 'HEAD', path: PATH })
    expect([answer.status, answer.body.length, answer.headers['content-length']]).toEqual([200, 0, '300000'])
    expect(origin.requests.map(({ method }) => method)).toEqual(['HEAD'])
    await atRest()
  })

  test('HEAD of what an origin answers with a body all the same does not spoil what follows', async () => {
    const { origin, port, atRest } = await startPackager()
    origin.on(PATH, (exchange) => exchange.write('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc'))
    origin.put('/2.ts', BYTES)
    expect((await request(port, { method: 'HEAD', path: PATH })).status).toBe(200)
    for (const _ of [1, 2]) expect((await request(port, { path: '/2.ts' })).body.equals(BYTES)).toBe(true)
    await atRest()
  })
})

test.each([299, 420, 451, 599, 600, 799, 999])('%i goes on with its body, and so does what follows', async (status) => {
  const { origin, port } = await startPackager()
  origin.on(PATH, (exchange) => exchange.send({ status, body: 'odd', fields: { 'X-Odd': '1' } }))
  const answer = await request(port, { path: PATH })
  expect([answer.status, answer.body.toString(), answer.headers['x-odd']]).toEqual([status, 'odd', '1'])
  expect(answer.isWhole).toBe(true)
})

test.each(['000', '099', '1000', '-20', '2x0'])('a status line with %s is a 502', async (status) => {
  const { origin, port, atRest } = await startPackager()
  origin.on(PATH, async (exchange) => {
    await exchange.write(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`)
    exchange.cut()
  })
  expect((await request(port, { path: PATH })).status).toBe(502)
  await atRest()
})

test('fields of 12 KiB go on as they are; more than is read of them is a 502', async () => {
  const { origin, port, atRest } = await startPackager()
  const large = 'x'.repeat(12_000)
  origin.on(PATH, (exchange) => exchange.send({ fields: { 'X-Large': large, 'X-Small': ['1', '2'] }, body: 'it' }))
  for (const _ of ['miss', 'hit']) {
    const client = await openRaw(port)
    client.write(`GET ${PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
    const [answer] = parseAnswers(await client.closed)
    expect(answer?.headers['x-large']).toBe(large)
    expect(answer?.headers['x-small']).toBe('1, 2')
  }
  origin.on('/huge', (exchange) => exchange.send({ fields: { 'X-Huge': 'x'.repeat(1024 ** 2) }, body: 'it' }))
  expect((await request(port, { path: '/huge' })).status).toBe(502)
  await atRest()
})

test('fields of the connection, and such as could frame our answer in another way, do not come through', async () => {
  const { origin, port } = await startPackager()
  origin.on(PATH, (exchange) =>
    exchange.send({
      fields: {
        Connection: 'X-Hop, keep-alive',
        'X-Hop': '1',
        'Keep-Alive': 'timeout=1',
        'Proxy-Authenticate': 'Basic',
        Upgrade: 'h2c',
        Trailer: 'X-T',
        'X-Stays': '1',
      },
      body: BYTES,
      framing: 'chunked',
    }),
  )
  const bytes = await rawExchange(port, `GET ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`, hasAnswers(1))
  const [answer] = parseAnswers(bytes)
  expect(answer?.headers['x-stays']).toBe('1')
  for (const name of ['x-hop', 'proxy-authenticate', 'upgrade', 'trailer']) {
    expect([name, answer?.headers[name]]).toEqual([name, undefined])
  }
  expect(answer?.headers['keep-alive'] ?? '').not.toBe('timeout=1')
  expect(answer?.body.equals(BYTES)).toBe(true)
})

test.each([
  ['two lengths', 'Content-Length: 3\r\nContent-Length: 5'],
  ['a length and chunks', 'Content-Length: 3\r\nTransfer-Encoding: chunked'],
  ['a coding that would stay in the bytes', 'Transfer-Encoding: gzip, chunked'],
  ['a negative length', 'Content-Length: -3'],
  ['a NUL in a field', 'X: a\0b\r\nContent-Length: 3'],
])('an answer that can be read in two ways is a 502: %s', async (_what, lines) => {
  const { origin, port, atRest } = await startPackager()
  origin.on(PATH, async (exchange) => {
    await exchange.write(`HTTP/1.1 200 OK\r\n${lines}\r\n\r\n3\r\nabc\r\n0\r\n\r\n`)
    exchange.cut()
  })
  expect((await request(port, { path: PATH })).status).toBe(502)
  await atRest()
})
