/** Every exchange is logged once, by its path, and what a client means to keep secret is not. */
import { expect, test } from 'vitest'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { openRequest, pattern, rawExchange, request, startShield } from '../support/shield.ts'

test('a record holds the decoded path, the route, what was sent and how it ended', async () => {
  const { s3, port, accessRecords } = await startShield({ routes: [{ match: '/vod/**' }] })
  s3.put('vod/a ä.ts', '0123456789', { 'cache-control': 'max-age=60' })
  const path = '/vod/a%20%c3%a4.ts'
  const asked = [
    { path },
    { path },
    { path, method: 'HEAD' },
    { path, headers: { Range: 'bytes=2-4' } },
    { path, headers: { 'If-None-Match': '*' } },
    { path: '/vod/missing' },
    { path: '/elsewhere' },
    { path, method: 'PUT' },
    { path: '/vod/%00' },
  ]
  for (const one of asked) await request(port, one)

  const records = await accessRecords(asked.length)
  const shown = records.map(({ method, path: logged, status, bytes, end, route }) => [
    method,
    logged,
    status,
    bytes,
    end,
    route,
  ])
  expect(shown).toEqual([
    ['GET', '/vod/a ä.ts', 200, 10, 'whole', '/vod/**'],
    ['GET', '/vod/a ä.ts', 200, 10, 'whole', '/vod/**'],
    ['HEAD', '/vod/a ä.ts', 200, 0, 'whole', '/vod/**'],
    ['GET', '/vod/a ä.ts', 206, 3, 'whole', '/vod/**'],
    ['GET', '/vod/a ä.ts', 304, 0, 'whole', '/vod/**'],
    ['GET', '/vod/missing', 404, 10, 'whole', '/vod/**'],
    ['GET', '/elsewhere', 404, 10, 'whole', undefined],
    ['PUT', '/vod/a ä.ts', 405, 19, 'whole', '/vod/**'],
    ['GET', undefined, 400, 16, 'whole', undefined],
  ])
  expect(records.map(({ client }) => client)).toEqual(records.map(() => '127.0.0.1'))
  expect(records[1]?.['cacheStatus']).toBe('segment-shield; hit; ttl=60')
})

test('a line break in a path is no line break in the log', async () => {
  const { port, logLines, accessRecords } = await startShield()
  await request(port, { path: '/a%0a%7B%22level%22:50%7D%0d%1b' })

  const [record] = await accessRecords(1)

  expect(record?.['path']).toBe('/a\n{"level":50}\r\u001b')
  for (const line of logLines()) expect(line.indexOf('\n')).toBe(line.length - 1)
})

test('no secret of a request is in any line, whatever becomes of the request', async () => {
  const { s3, port, logLines, accessRecords } = await startShield({ log: { level: 'trace' } })
  const secret = 'hunter2-very-secret'
  s3.put('a.ts', 'x')
  s3.put('b.ts', 'x')
  s3.on('500.ts', (exchange) => exchange.error(500, 'InternalError'))
  s3.on('403.ts', (exchange) => exchange.error(403, 'SignatureDoesNotMatch', { message: secret }))
  const headers = {
    Authorization: `Bearer ${secret}`,
    Cookie: `session=${secret}`,
    Referer: `https://example.com/?token=${secret}`,
    'User-Agent': secret,
    'X-Forwarded-For': secret,
    'If-None-Match': `"${secret}"`,
  }
  const targets = ['/a.ts', '/a.ts', '/500.ts', '/403.ts', '/missing.ts', '/', '/../a', '/%zz', '/a#b']
  for (const target of targets) {
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    await rawExchange(
      port,
      `GET ${target.includes('#') ? target : `${target}?token=${secret}`} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${fields.join('')}\r\n`,
    )
  }
  await request(port, { method: 'POST', path: `/b.ts?token=${secret}`, headers, body: secret })
  await rawExchange(port, `GET /?token=${secret} HTTP/1.1\r\nX : ${secret}\r\n\r\n`)

  await accessRecords(targets.length + 1)
  for (const line of logLines()) expect(line).not.toContain('hunter2')
})

test('an answer whose client leaves is recorded as left, with the bytes that were handed over', async () => {
  const { s3, port, accessRecords } = await startShield()
  const bytes = pattern(50_000)
  s3.put('a.ts', bytes)
  const rest = gate()
  s3.on('a.ts', pausedAfter(10_000, rest))
  const answer = await openRequest(port, { path: '/a.ts' })
  await answer.receivedBytes(10_000)
  answer.leave()

  const [record] = await accessRecords(1)

  expect([record?.['status'], record?.['bytes'], record?.['end']]).toEqual([200, 10_000, 'left'])
  rest.open()
})

test('a client that leaves before the headers is recorded with 499', async () => {
  const { s3, port, accessRecords } = await startShield()
  s3.on('a.ts', () => undefined)
  const leaving = new AbortController()
  const asked = openRequest(port, { path: '/a.ts' }, leaving.signal).catch(() => 'left')
  await s3.received(1)
  leaving.abort()
  expect(await asked).toBe('left')

  const [record] = await accessRecords(1)

  expect([record?.['status'], record?.['bytes'], record?.['end']]).toEqual([499, 0, 'left'])
})

test('an answer that the origin broke off is recorded as cut, with the reason', async () => {
  const { s3, port, accessRecords } = await startShield()
  s3.put('a.ts', pattern(50_000), { etag: 'W/"1"' })
  const fail = gate()
  s3.on('a.ts', async (exchange) => {
    await exchange.answerPart(10_000)
    await fail.opened
    exchange.cut()
  })
  const answer = await openRequest(port, { path: '/a.ts' })
  await answer.receivedBytes(10_000)
  fail.open()
  expect((await answer.ended).isWhole).toBe(false)

  const [record] = await accessRecords(1)

  expect([record?.['status'], record?.['bytes'], record?.['end']]).toEqual([200, 10_000, 'cut'])
  expect(record?.['error']).toEqual(expect.any(String))
})

test('each of several requests on one connection has a record of its own', async () => {
  const { s3, port, accessRecords } = await startShield()
  s3.put('a', 'x')
  const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`
  await rawExchange(port, get('/a') + get('/b') + get('/../c') + get('/a', 'Connection: close\r\n'))

  const records = await accessRecords(4)

  expect(records.map(({ path, status }) => [path, status])).toEqual([
    ['/a', 200],
    ['/b', 404],
    [undefined, 400],
    ['/a', 200],
  ])
})

test('with access logging off nothing is recorded', async () => {
  const { s3, port, logLines } = await startShield({ log: { access: false } })
  s3.put('a', 'x')
  await request(port, { path: '/a' })
  await request(port, { path: '/a' })

  expect(logLines().filter((line) => line.includes('/a'))).toEqual([])
})

test('the log of a failed fill names the object without the query, even where that is part of the key', async () => {
  const { s3, port, logRecords, logLines } = await startShield({
    routes: [{ match: '/**', query: { include: ['token'] } }],
  })
  s3.put('a.ts', 'x')
  s3.on('a.ts', (exchange) => exchange.error(500, 'InternalError'))
  await request(port, { path: '/a.ts?token=opensesame' })

  const failed = logRecords().find(({ msg }) => msg === 'fill failed')
  expect(failed).toMatchObject({ object: 'a.ts', kind: 'broken' })
  expect(logLines().filter((line) => line.includes('opensesame'))).toEqual([])
})

test('a record tells which origin is behind the route, which range was asked for, and how long it all took', async () => {
  const { s3, port, clock, accessRecords } = await startShield()
  s3.put('a.ts', '0123456789')
  s3.on('a.ts', async (exchange) => {
    clock.advance(40)
    await exchange.answer()
  })
  await request(port, { path: '/a.ts' })
  clock.advance(1000)
  await request(port, { path: '/a.ts', headers: { Range: 'bytes=2-4' } })
  await request(port, { path: '/a.ts', headers: { Range: 'hunter2' } })

  const records = await accessRecords(3)

  expect(records.map(({ origin, range, ttfbMs, durationMs }) => [origin, range, ttfbMs, durationMs])).toEqual([
    ['spaces', undefined, 40, 40],
    ['spaces', 'bytes=2-4', 0, 0],
    ['spaces', undefined, 0, 0],
  ])
})

test('below the level of access records none is written', async () => {
  const { port, logLines } = await startShield({ log: { level: 'warn' } })
  await request(port, { path: '/' })
  await request(port, { path: '/' })
  expect(logLines()).toEqual([])
})
