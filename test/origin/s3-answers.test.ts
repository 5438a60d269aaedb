import { describe, expect, test } from 'vitest'
import { bytesOf, describeEachTransport, failure, pattern, startOrigin } from './fixture.ts'

describeEachTransport(() => {
  describe('requests', () => {
    test.for<[string, string, string]>([
      ['plain', 'live/1.ts', '/media/live/1.ts'],
      ['a space', 'a b.ts', '/media/a%20b.ts'],
      ['a plus', 'a+b.ts', '/media/a%2Bb.ts'],
      ['a percent sign', 'a%20b.ts', '/media/a%2520b.ts'],
      ['unicode, composed', '\u00fc.ts', '/media/%C3%BC.ts'],
      ['unicode, decomposed', 'u\u0308.ts', '/media/u%CC%88.ts'],
      ['beyond the basic plane', '\u{1f3ac}.ts', '/media/%F0%9F%8E%AC.ts'],
      ['an empty segment', 'a//b.ts', '/media/a//b.ts'],
      ['a leading slash', '/a.ts', '/media//a.ts'],
      ['two leading slashes', '//a.ts', '/media///a.ts'],
      ['a dot segment', 'a/./b.ts', '/media/a/./b.ts'],
      ['a trailing slash', 'a/', '/media/a/'],
      ['what delimits elsewhere', 'a?b#c&d=e;f', '/media/a%3Fb%23c%26d%3De%3Bf'],
      ['what the SDK escapes by itself', "!'()*", '/media/%21%27%28%29%2A'],
      ['braces', '{Key+}', '/media/%7BKey%2B%7D'],
      ['1024 bytes', 'k'.repeat(1024), `/media/${'k'.repeat(1024)}`],
    ])('a key with %s arrives as it is', async ([, key, target]) => {
      const { s3, fetch } = await startOrigin()
      s3.put(key, pattern(100))
      const response = await fetch(key)

      expect(response.status).toBe(200)
      expect(await bytesOf(response)).toEqual(pattern(100))
      expect(s3.requests.map(({ method, key: received }) => [method, received])).toEqual([['GET', key]])
      expect(s3.requests[0]?.url.split('?', 1)[0]).toBe(target)
    })

    test('the key prefix comes first, unchanged', async () => {
      const { s3, fetch } = await startOrigin({ keyPrefix: 'tenant/a b/' })
      s3.put('tenant/a b/live/1.ts', 'x')

      expect((await fetch('live/1.ts')).body?.destroy()).toBeUndefined()
      expect(s3.requests[0]?.url).toContain('/media/tenant/a%20b/live/1.ts')
    })

    test('a key longer than S3 has them, prefix included, is missing without a request', async () => {
      const { s3, fetch } = await startOrigin({ keyPrefix: 'vod/' })

      expect(await fetch('k'.repeat(1021))).toEqual({ status: 404, headers: {}, body: undefined })
      expect((await fetch('k'.repeat(1020))).status).toBe(404)
      expect(s3.requests).toHaveLength(1)
    })

    test('an empty key is missing without a request, since it would be one for the bucket', async () => {
      const { s3, fetch } = await startOrigin()

      expect(await fetch('')).toEqual({ status: 404, headers: {}, body: undefined })
      expect(s3.requests).toEqual([])
    })

    test('a closed range, an open range and no range', async () => {
      const { s3, fetch } = await startOrigin()
      const bytes = pattern(1_000)
      s3.put('a', bytes)
      const closed = await fetch('a', { range: { first: 10, last: 19 } })
      const open = await fetch('a', { range: { first: 990 } })
      const whole = await fetch('a')

      expect([closed.status, closed.headers['content-range']]).toEqual([206, 'bytes 10-19/1000'])
      expect(await bytesOf(closed)).toEqual(bytes.subarray(10, 20))
      expect([open.status, open.headers['content-range']]).toEqual([206, 'bytes 990-999/1000'])
      expect(await bytesOf(open)).toEqual(bytes.subarray(990))
      expect([whole.status, whole.headers['content-range']]).toEqual([200, undefined])
      expect(await bytesOf(whole)).toEqual(bytes)
      expect(s3.requests.map(({ headers }) => headers.range)).toEqual(['bytes=10-19', 'bytes=990-', undefined])
    })

    test('validators are sent as they are', async () => {
      const { s3, fetch } = await startOrigin()
      s3.put('a', 'x')
      const ifModifiedSince = 'Sat, 31 Oct 2026 12:00:00 GMT'
      const validators = { ifNoneMatch: '"0123-3"', ifModifiedSince, ifMatch: '"other"' }
      expect(await fetch('a', { validators })).toMatchObject({ status: 412 })

      expect(s3.requests[0]?.headers).toMatchObject({
        'if-none-match': '"0123-3"',
        'if-match': '"other"',
        'if-modified-since': ifModifiedSince,
      })
    })

    test('an If-Modified-Since that is no date is left out', async () => {
      const { s3, fetch } = await startOrigin()
      s3.put('a', 'x')
      const response = await fetch('a', { validators: { ifModifiedSince: 'yesterday' } })

      expect(String(await bytesOf(response))).toBe('x')
      expect(s3.requests[0]?.headers).not.toHaveProperty('if-modified-since')
    })

    test('the store is told the name of this program, and nothing of the machine', async () => {
      const { s3, fetch } = await startOrigin()
      s3.put('a', 'x')
      await bytesOf(await fetch('a'))

      expect(s3.requests[0]?.headers['user-agent']).toBe('segment-shield')
      expect(s3.requests[0]?.headers).not.toHaveProperty('x-amz-user-agent')
    })

    test('no checksum is asked for', async () => {
      const { s3, fetch } = await startOrigin()
      s3.put('a', 'x')
      await bytesOf(await fetch('a'))

      expect(s3.requests[0]?.headers).not.toHaveProperty('x-amz-checksum-mode')
    })

    test('a bucket in the host name is asked for where forcePathStyle is off', async () => {
      const { s3, log, fetch } = await startOrigin({ forcePathStyle: false, endpoint: 'http://store.invalid' })

      await failure(fetch('a'), 'unreachable')
      expect([s3.requests, log.lines]).toEqual([[], []])
      const error = await failure(fetch('a'), 'unreachable')
      expect(error.message).toContain('media.store.invalid')
    })
  })

  describe('answers', () => {
    test('headers are what the store sent, without its own and without the connection’s', async () => {
      const { s3, fetch } = await startOrigin()
      const object = s3.put('a', 'hello', {
        'content-type': 'video/mp2t',
        'cache-control': 'max-age=60, must-revalidate',
        expires: '0',
        'x-amz-meta-owner': 'somebody',
        'x-rgw-quota': '1',
        'set-cookie': 'session=secret',
        vary: 'Origin, Access-Control-Request-Headers',
        'keep-alive': 'timeout=60',
        'x-hop': '1',
        connection: 'keep-alive, x-hop',
        'strict-transport-security': 'max-age=15552000; includeSubDomains',
        'x-custom': 'kept',
      })
      const response = await fetch('a')

      expect(response.headers).toEqual({
        'content-type': 'video/mp2t',
        'cache-control': 'max-age=60, must-revalidate',
        expires: '0',
        etag: object.headers['etag'],
        'last-modified': 'Sun, 01 Nov 2026 12:00:00 GMT',
        'accept-ranges': 'bytes',
        'content-length': '5',
        date: expect.any(String),
        'x-custom': 'kept',
      })
      expect(String(await bytesOf(response))).toBe('hello')
    })

    test.for([
      ['aws-chunked', undefined],
      ['aws-chunked,gzip', 'gzip'],
      ['gzip, AWS-Chunked', 'gzip'],
      ['gzip', 'gzip'],
    ] as const)('Content-Encoding: %s becomes %s', async ([stored, expected]) => {
      const { s3, fetch } = await startOrigin()
      s3.put('a', 'x', { 'content-encoding': stored })
      const response = await fetch('a')
      response.body?.destroy()

      expect(response.headers['content-encoding']).toBe(expected)
    })

    test('a field the SDK cannot parse neither fails the answer nor is lost', async () => {
      const { s3, fetch } = await startOrigin()
      s3.put('a', 'x', { 'last-modified': 'the day before', expires: 'never', 'x-amz-mp-parts-count': 'many' })
      const response = await fetch('a')

      expect(response.headers).toMatchObject({ 'last-modified': 'the day before', expires: 'never' })
      expect(String(await bytesOf(response))).toBe('x')
    })

    test('a body without Content-Length is read to its end', async () => {
      const { s3, fetch } = await startOrigin()
      s3.put('a', pattern(300_000))
      s3.on('a', (exchange) => exchange.answer({ 'content-length': undefined }))
      const response = await fetch('a')

      expect(response.headers).not.toHaveProperty('content-length')
      expect(response.headers).not.toHaveProperty('transfer-encoding')
      expect(await bytesOf(response)).toEqual(pattern(300_000))
    })

    test('a store that ignores the range is passed on as what it answered: 200', async () => {
      const { s3, fetch } = await startOrigin()
      s3.on('a', ({ response }) => void response.writeHead(200, { 'content-length': '3' }).end('all'))
      const response = await fetch('a', { range: { first: 1, last: 1 } })

      expect(response.status).toBe(200)
      expect(String(await bytesOf(response))).toBe('all')
    })

    test('an empty object is a body of no bytes', async () => {
      const { s3, fetch } = await startOrigin()
      s3.put('a', '')

      expect(await bytesOf(await fetch('a'))).toEqual(Buffer.alloc(0))
    })

    test('304, by ETag and by date, has no body and the validators the store sent', async () => {
      const { s3, fetch } = await startOrigin()
      const { headers } = s3.put('a', 'x')
      const byTag = await fetch('a', { validators: { ifNoneMatch: headers['etag'] ?? '' } })
      const byDate = await fetch('a', { validators: { ifModifiedSince: headers['last-modified'] ?? '' } })

      const expected = { etag: headers['etag'], 'last-modified': headers['last-modified'], date: expect.any(String) }
      expect(byTag).toEqual({ status: 304, headers: expected, body: undefined })
      expect(byDate).toEqual({ status: 304, headers: expected, body: undefined })
    })

    test('a 304 that announces the length of what it does not send is whole all the same', async () => {
      const { s3, origin, fetch } = await startOrigin()
      s3.on('a', ({ response }) => void response.writeHead(304, { 'content-length': '5000000', etag: '"v"' }).end())
      const answer = await fetch('a', { validators: { ifNoneMatch: '"v"' } })

      expect(answer).toEqual({ status: 304, headers: { etag: '"v"', date: expect.any(String) }, body: undefined })
      expect(origin.usage()).toMatchObject({ inUse: 0 })
    })

    test.for([
      [404, 'NoSuchKey'],
      [403, 'AccessDenied'],
      [412, 'PreconditionFailed'],
      [416, 'InvalidRange'],
    ] as const)(
      '%i %s is an answer without body, asked for once, and says nothing of the XML',
      async ([status, code]) => {
        const { s3, log, fetch } = await startOrigin({ retry: { maxAttempts: 5 } })
        s3.on('a', (exchange) => exchange.error(status, code, { headers: { 'content-range': 'bytes */5' } }))
        const response = await fetch('a')

        const headers = { 'content-range': 'bytes */5', date: expect.any(String) }
        expect(response).toEqual({ status, headers, body: undefined })
        expect(s3.requests).toHaveLength(1)
        expect(log.lines).toEqual([])
      },
    )

    test.for([404, 403] as const)('%i without any body is an answer too', async (status) => {
      const { s3, fetch } = await startOrigin()
      s3.on('a', ({ response }) => void response.writeHead(status, { 'content-length': '0' }).end())

      expect(await fetch('a')).toMatchObject({ status, body: undefined })
    })

    test('404 in HTML, as a proxy in front of the store would say it, is an answer too', async () => {
      const { s3, fetch } = await startOrigin()
      s3.on('a', ({ response }) => void response.writeHead(404, { 'content-type': 'text/html' }).end('<html><br>no'))

      expect(await fetch('a')).toMatchObject({ status: 404, body: undefined })
    })

    test('out of range and If-Match against another version, as the store itself decides', async () => {
      const { s3, fetch } = await startOrigin()
      s3.put('a', 'short')

      expect(await fetch('a', { range: { first: 5 } })).toMatchObject({ status: 416, body: undefined })
      expect(await fetch('a', { validators: { ifMatch: '"old"' } })).toMatchObject({ status: 412, body: undefined })
    })

    test('a store whose clock is years behind is asked once for a 404 and a 304', async () => {
      const { s3, fetch } = await startOrigin({ retry: { maxAttempts: 5 } })
      const headers = { date: 'Sun, 01 Nov 2020 12:00:00 GMT' }
      s3.once('a', (exchange) => exchange.error(404, 'NoSuchKey', { headers }))
      s3.once('a', ({ response }) => void response.writeHead(304, headers).end())

      expect((await fetch('a')).status).toBe(404)
      expect((await fetch('a')).status).toBe(304)
      expect(s3.requests).toHaveLength(2)
    })
  })

  describe('a body that does not come whole', () => {
    test('ended in good order, but short: broken after the bytes that came', async () => {
      const { s3, origin, fetch } = await startOrigin()
      s3.put('a', pattern(1_000))
      s3.on('a', async (exchange) => {
        await exchange.answerPart(600)
        exchange.cut()
      })
      const { body } = await fetch('a')

      expect((await body?.next())?.value).toEqual(pattern(1_000).subarray(0, 600))
      await failure(body?.next() ?? Promise.resolve(), 'broken')
      expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 })
    })

    test('reset: broken, and never asked for again from here', async () => {
      const { s3, origin, fetch } = await startOrigin({ retry: { maxAttempts: 5 } })
      s3.put('a', pattern(1_000))
      s3.on('a', async (exchange) => {
        await exchange.answerPart(600)
        exchange.reset()
      })
      const response = await fetch('a')

      await failure(bytesOf(response), 'broken')
      expect(s3.requests).toHaveLength(1)
      expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 })
    })

    test('chunked and cut before the last chunk: broken', async () => {
      const { s3, fetch } = await startOrigin()
      s3.put('a', pattern(1_000))
      s3.on('a', async (exchange) => {
        await exchange.answerPart(600, { 'content-length': undefined })
        exchange.cut()
      })

      await failure(bytesOf(await fetch('a')), 'broken')
    })
  })
})
