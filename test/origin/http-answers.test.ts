import { describe, expect, test } from 'vitest'
import { bytesOf, failure, pattern } from './fixture.ts'
import { expectWell, startHttpOrigin } from './http-fixture.ts'

describe('the request', () => {
  test.each([
    '//a/%2e%2e%2fb?x=%20',
    '/../../a',
    '/./a//',
    '/',
    '/?',
    '/a%00b%zz?a=1&&b==%',
    '/http://other.example/x',
    '/ä'.normalize('NFC'),
    `/${'long/'.repeat(1000)}`,
  ])('%s goes to the origin as it is', async (target) => {
    const { server, fetch } = await startHttpOrigin()
    server.put(target, 'here')

    expect((await bytesOf(await fetch(target.slice(1)))).toString()).toBe('here')
    expect(server.requests.map((request) => request.target)).toEqual([target])
  })

  test('fields go in their order, every value by itself, with Host and Via of our own', async () => {
    const { server, fetch } = await startHttpOrigin()
    const fields = ['X-B', '2', 'Accept', 'a', 'x-b', '\u00e9\t1', 'X-A', '1', 'Accept', 'b']
    await fetch('a', { fields })

    const { rawFields } = server.requests[0] ?? { rawFields: [] }
    expect(rawFields.slice(4)).toEqual([...fields, 'via', '1.1 segment-shield'])
    expect(rawFields.slice(0, 4)).toEqual(['host', `127.0.0.1:${server.port}`, 'connection', 'keep-alive'])
  })

  test('nothing is asked for that was not asked of us: no Accept-Encoding, no User-Agent', async () => {
    const { server, fetch } = await startHttpOrigin()
    await fetch('a')
    expect(Object.keys(server.requests[0]?.fields ?? {}).toSorted()).toEqual(['connection', 'host', 'via'])
  })

  test('what belongs to the connection it came on stays behind, and so does what Connection lists', async () => {
    const { server, fetch } = await startHttpOrigin()
    const ofTheHop = ['Keep-Alive', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade', 'Proxy-Authorization', 'Expect']
    const fields = ofTheHop.flatMap((name) => [name, 'x'])
    const listed = ['Connection', 'close, X-Mine', 'x-mine', '1', 'Host', 'evil.example', 'Content-Length', '7']
    await fetch('a', { fields: [...fields, ...listed, 'X-Theirs', '2'] })

    expect(server.requests[0]?.fields).toEqual({
      host: `127.0.0.1:${server.port}`,
      connection: 'keep-alive',
      'x-theirs': '2',
      via: '1.1 segment-shield',
    })
  })

  test('a field that cannot be written is left out', async () => {
    const { server, fetch } = await startHttpOrigin()
    await fetch('a', { fields: ['a b', '1', '', '2', 'X-Split', 'a\r\nX-Evil: 1', 'X-Wide', '\u0151', 'X-Good', ''] })
    expect(Object.keys(server.requests[0]?.fields ?? {})).toEqual(['host', 'connection', 'x-good', 'via'])
  })

  test('Via is continued', async () => {
    const { server, fetch } = await startHttpOrigin()
    await fetch('a', { fields: ['Via', '1.0 fred', 'X', '1', 'via', '1.1 lucy (x)'] })
    expect(server.requests[0]?.fields['via']).toBe('1.0 fred, 1.1 lucy (x), 1.1 segment-shield')
  })

  test('range and validators take the place of fields of their names', async () => {
    const { server, fetch } = await startHttpOrigin()
    const fields = ['Range', 'bytes=5-', 'IF-NONE-MATCH', '"x"', 'If-Match', '"y"', 'If-Range', '"z"']
    const validators = { ifNoneMatch: '"a"', ifModifiedSince: 'Sun, 01 Nov 2026 12:00:00 GMT' }
    await fetch('a', { fields, range: { first: 1, last: 3 }, validators })
    await fetch('a', { fields, range: { first: 9 }, validators: { ifMatch: '"b"' } })

    expect(server.requests[0]?.fields).toMatchObject({
      range: 'bytes=1-3',
      'if-none-match': '"a"',
      'if-modified-since': 'Sun, 01 Nov 2026 12:00:00 GMT',
      'if-match': '"y"',
      'if-range': '"z"',
    })
    expect(server.requests[1]?.fields).toMatchObject({ range: 'bytes=9-', 'if-none-match': '"x"', 'if-match': '"b"' })
  })

  test.each(['OPTIONS', 'DELETE', 'TRACE', 'PURGE', 'get'])('%s goes as it is', async (method) => {
    const { server, fetch } = await startHttpOrigin()
    server.onAny((exchange) => exchange.send())
    await bytesOf(await fetch('a', { method }))
    expect(server.requests[0]?.method).toBe(method)
  })

  test('a tunnel is refused, and nothing is sent', async () => {
    const fixture = await startHttpOrigin()
    await failure(fixture.fetch('a', { method: 'CONNECT' }), 'broken')
    expect(fixture.server.requests).toEqual([])
  })
})

describe('the answer', () => {
  test.each([200, 201, 226, 299, 300, 399, 404, 418, 451, 499, 500, 503, 599, 600, 799, 999])(
    'status %i is passed on with its body',
    async (status) => {
      const fixture = await startHttpOrigin()
      fixture.server.on('/a', (exchange) => exchange.send({ status, body: 'odd', fields: { 'X-A': '1' } }))
      const response = await fixture.fetch('a')

      expect([response.status, response.headers['x-a'], (await bytesOf(response)).toString()]).toEqual([
        status,
        '1',
        'odd',
      ])
      await expectWell(fixture)
      expect(fixture.server.sockets.opened).toBe(1)
    },
  )

  test.each([
    ['HEAD', 200, { 'Content-Length': '5', ETag: '"a"' }],
    ['HEAD', 404, { 'Transfer-Encoding': 'chunked' }],
    ['GET', 204, {}],
    ['GET', 304, { 'Content-Length': '5', ETag: '"a"' }],
  ] as const)('%s with %i has no body and holds nothing', async (method, status, fields) => {
    const fixture = await startHttpOrigin()
    fixture.server.on('/a', (exchange) => exchange.head(status, fields))
    const response = await fixture.fetch('a', { method })

    expect([response.status, response.body]).toEqual([status, undefined])
    expect(response.headers['etag']).toBe(fields['ETag' as never])
    expect(fixture.origin.usage()).toMatchObject({ inUse: 0 })
    await expectWell(fixture)
  })

  test('an empty body is a body, and done at once', async () => {
    const fixture = await startHttpOrigin()
    fixture.server.on('/a', (exchange) => exchange.send())
    const { body } = await fixture.fetch('a')

    expect(fixture.origin.usage()).toEqual({ inUse: 0, free: 1, queued: 0 })
    expect(await body?.next()).toEqual({ done: true, value: undefined })
  })

  test.each(['length', 'chunked', 'close'] as const)('%s: every byte of a large body', async (framing) => {
    const fixture = await startHttpOrigin()
    const bytes = pattern(3_000_000)
    fixture.server.on('/a', (exchange) => exchange.send({ body: bytes, framing }))

    expect((await bytesOf(await fixture.fetch('a'))).equals(bytes)).toBe(true)
    expect(fixture.origin.usage()).toMatchObject({ inUse: 0 })
    await expectWell(fixture)
    expect(fixture.server.sockets.opened).toBe(framing === 'close' ? 2 : 1)
  })

  test('a part of what is there, for a range', async () => {
    const { server, fetch } = await startHttpOrigin()
    server.put('/a', 'abcdefgh', { ETag: '"v"' })
    const response = await fetch('a', { range: { first: 2, last: 4 }, validators: { ifMatch: '"v"' } })

    expect([response.status, response.headers['content-range']]).toEqual([206, 'bytes 2-4/8'])
    expect((await bytesOf(response)).toString()).toBe('cde')
  })

  test('end-to-end fields are joined, in latin1; those of the connection and those it lists are gone', async () => {
    const { server, fetch } = await startHttpOrigin()
    const fields = {
      'X-List': ['a', 'b'],
      'X-Latin': '\u00e9\u00ff',
      Connection: 'X-Mine, keep-alive',
      'x-mine': '1',
      'Keep-Alive': 'timeout=60',
      'Proxy-Authenticate': 'Basic',
      Trailer: 'X',
      Server: 'theirs',
      Via: '1.0 them',
    }
    server.on('/a', (exchange) => exchange.send({ fields }))

    expect((await fetch('a')).headers).toEqual({
      'content-length': '0',
      'x-list': 'a, b',
      'x-latin': '\u00e9\u00ff',
      server: 'theirs',
      via: '1.0 them',
    })
  })

  test('cookies stay apart from each other and from everything else', async () => {
    const { server, fetch } = await startHttpOrigin()
    const cookies = ['a=1; Expires=Sun, 01 Nov 2026 12:00:00 GMT', 'b=2', 'c=\u00e9']
    server.on('/a', (exchange) => exchange.send({ fields: { 'Set-Cookie': cookies } }))
    server.on('/b', (exchange) => exchange.send({ fields: { 'Set-Cookie': 'b=2', Connection: 'set-cookie' } }))

    const { headers, setCookies } = await fetch('a')
    expect([headers, setCookies]).toEqual([{ 'content-length': '0' }, cookies])
    expect((await fetch('b')).setCookies).toEqual([])
  })

  test('a field of the name __proto__ is a field', async () => {
    const { server, fetch } = await startHttpOrigin()
    server.on('/a', (exchange) => exchange.send({ fields: Object.fromEntries([['__proto__', 'x']]) }))
    expect(Object.entries((await fetch('a')).headers)).toContainEqual(['__proto__', 'x'])
  })

  test('trailers are read and dropped', async () => {
    const fixture = await startHttpOrigin()
    const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n'
    fixture.server.on('/a', (exchange) => exchange.write(`${head}3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n`))
    const response = await fixture.fetch('a')

    expect((await bytesOf(response)).toString()).toBe('abc')
    expect(response.headers).toEqual({})
    await expectWell(fixture)
    expect(fixture.server.sockets.opened).toBe(1)
  })
})

describe('interim answers', () => {
  const interims = () => {
    const seen: (readonly [number, readonly string[]])[] = []
    return { seen, onInformational: (status: number, fields: readonly string[]) => void seen.push([status, fields]) }
  }

  test('are told as they come, before the answer is there, and are no part of it', async () => {
    const fixture = await startHttpOrigin()
    const arrived = Promise.withResolvers<void>()
    fixture.server.on('/a', async (exchange) => {
      await exchange.interim(103, { Link: ['</a>', '</b>'], 'X-Early': '1' })
      await arrived.promise
      await exchange.interim(102)
      await exchange.interim(199, { Connection: 'x-mine', 'X-Mine': '1', ETag: '"early"' })
      await exchange.send({ body: 'final', fields: { Link: '</c>' } })
    })
    const { seen, onInformational } = interims()
    const response = await fixture.fetch('a', {
      onInformational: (...interim) => {
        onInformational(...interim)
        arrived.resolve()
      },
    })

    expect(seen).toEqual([
      [103, ['Link', '</a>', 'Link', '</b>', 'X-Early', '1']],
      [102, []],
      [199, ['ETag', '"early"']],
    ])
    expect(response.headers).toEqual({ 'content-length': '5', link: '</c>' })
    expect((await bytesOf(response)).toString()).toBe('final')
    await expectWell(fixture)
    expect(fixture.server.sockets.opened).toBe(1)
  })

  test('without anybody to tell they are passed over', async () => {
    const { server, fetch } = await startHttpOrigin()
    server.on('/a', async (exchange) => {
      await exchange.interim(103, { 'Content-Length': '3' })
      await exchange.send({ body: 'final' })
    })
    expect((await bytesOf(await fetch('a'))).toString()).toBe('final')
  })

  test('a protocol nobody asked for is no answer', async () => {
    const fixture = await startHttpOrigin()
    const { seen, onInformational } = interims()
    fixture.server.on('/a', (exchange) => exchange.head(101, { Upgrade: 'websocket', Connection: 'upgrade' }))

    await failure(fixture.fetch('a', { onInformational }), 'broken')
    expect(seen).toEqual([])
    await expectWell(fixture)
  })
})
