/** What an HTTP origin is asked for: path and query exactly as the client sent them, as far as the route lets them count. */
import { expect, test } from 'vitest'
import { startPackager } from '../support/packager.ts'
import { hasAnswers, parseAnswers, rawExchange, request } from '../support/shield.ts'

test.each([
  '/',
  '//',
  '//a//b//',
  '/a?',
  '/?',
  '/a?x=%20&&',
  '//a/%2eb?x=%20&&',
  '/a%2Fb',
  '/%FF%fe/%e9',
  '/a?b?c=/../d',
  '/a?x=%zz&%',
  '/caf%C3%A9?caf%c3%a9',
  '/a+b%2Bc',
  "/!$&'()*+,;=:@-._~",
  '/a\\b|c^{}"<>`',
  '/%0d%0aX-Injected:%201',
  '/%3Fa=1?a=2',
  `/${'x'.repeat(8191)}`,
  `/a?${'y'.repeat(8189)}`,
])('goes on as it was sent: %s', async (target) => {
  const { origin, port } = await startPackager()
  origin.put(target, `bytes of ${target}`)
  for (const status of ['fwd=uri-miss', 'hit']) {
    const bytes = `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
    const [answer] = parseAnswers(await rawExchange(port, bytes))
    expect(answer?.status).toBe(200)
    expect(answer?.body.toString()).toBe(`bytes of ${target}`)
    expect(answer?.headers['cache-status']).toContain(`segment-shield; ${status}`)
  }
  expect(origin.requests.map((it) => it.target)).toEqual([target])
})

test.each([
  ['/a/%2e%2fb', 400],
  ['/a/%2E./b', 400],
  ['/a/../b', 400],
  ['/a/..', 400],
  ['/a%00b', 400],
  ['/a%2', 400],
  ['/a#b', 400],
  ['http://127.0.0.1/a', 400],
  ['*', 400],
  [`/${'x'.repeat(8192)}`, 414],
])('never gets there: %s', async (target, status) => {
  const { origin, port } = await startPackager()
  const bytes = `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
  const [answer] = parseAnswers(await rawExchange(port, bytes, hasAnswers(1)))
  expect(answer?.status).toBe(status)
  expect(origin.sockets.opened).toBe(0)
})

test('targets that only look alike are different objects', async () => {
  const { origin, port } = await startPackager()
  const targets = ['/a', '/a?', '/a/', '//a', '/%61', '/a?x=1&y=2', '/a?y=2&x=1', '/a?x=1&&y=2', '/A', '/a%3Fx=1']
  for (const target of targets) origin.put(target, `bytes of ${target}`)
  for (const target of [...targets, ...targets]) {
    expect((await request(port, { path: target })).body.toString()).toBe(`bytes of ${target}`)
  }
  expect(origin.requests.map((it) => it.target)).toEqual(targets)
})

test('with query.include nothing else of a query reaches the origin, in whatever order it was sent', async () => {
  const { origin, port } = await startPackager({ routes: [{ match: '/**', query: { include: ['v', 'a%62'] } }] })
  origin.put('/1.ts?v=1', 'one')
  for (const query of ['?v=1', '?x&v=1', '?token=secret&v=1&&', '?v=1&V=2&vv=3&%76=4']) {
    expect((await request(port, { path: `/1.ts${query}` })).body.toString()).toBe('one')
  }
  origin.put('/1.ts', 'none')
  for (const query of ['', '?', '?x=1', '?&&', '?ab=1']) {
    expect((await request(port, { path: `/1.ts${query}` })).body.toString()).toBe('none')
  }
  origin.put('/1.ts?a%62=%20&v=2&v=1', 'more')
  expect((await request(port, { path: '/1.ts?v=2&v=1&a%62=%20' })).body.toString()).toBe('more')
  expect(origin.requests.map((it) => it.target)).toEqual(['/1.ts?v=1', '/1.ts', '/1.ts?a%62=%20&v=2&v=1'])
})

test('what query.include leaves out reaches it with no other method either', async () => {
  const route = { match: '/**', query: { include: ['v'] }, methods: ['GET', 'HEAD', 'POST'] }
  const { origin, port } = await startPackager({ routes: [route] })
  origin.put('/1?v=1', 'bytes', { 'Cache-Control': 'no-store' })
  await request(port, { method: 'HEAD', path: '/1?token=secret&v=1' })
  await request(port, { method: 'POST', path: '/1?token=secret&v=1' })
  await request(port, { path: '/1?token=secret&v=1', headers: { Range: 'bytes=0-1' } })
  await request(port, { path: '/1?token=secret&v=1', headers: { Range: 'bytes=0-1', Authorization: 'x' } })
  expect([...new Set(origin.requests.map((it) => it.target))]).toEqual(['/1?v=1'])
  expect(origin.requests.length).toBe(4)
})

test.each([
  ['/vod/a%2Fb?x', '/a%2Fb?x'],
  ['/vod//a', '//a'],
  ['/vod/', '/'],
  ['/vod/%76od/a', '/%76od/a'],
  ['/%76od/a%20b?', '/a%20b?'],
  ['/v%6Fd/%FF', '/%FF'],
])('a prefix is taken off the path as it was sent, however it was escaped: %s', async (target, expected) => {
  const { origin, port } = await startPackager({ routes: [{ match: '/vod/**', stripPrefix: '/vod' }] })
  origin.put(expected, 'it')
  expect((await request(port, { path: target })).body.toString()).toBe('it')
  expect(origin.requests.map((it) => it.target)).toEqual([expected])
})

test('a prefix with characters that are sent escaped is taken off as well', async () => {
  const { origin, port } = await startPackager({ routes: [{ match: '/**', stripPrefix: '/caf\u00e9 1' }] })
  await request(port, { path: '/caf%C3%A9%201/a%20b' })
  await request(port, { path: '/caf%c3%a9%201x/a' })
  await request(port, { path: '/caf%E9%201/a' })
  expect(origin.requests.map((it) => it.target)).toEqual(['/a%20b', '/caf%c3%a9%201x/a', '/caf%E9%201/a'])
})

test('a prefix whose slash was sent escaped is another path', async () => {
  const { origin, port } = await startPackager({ routes: [{ match: '/**', stripPrefix: '/a/b' }] })
  await request(port, { path: '/a%2Fb/c' })
  await request(port, { path: '/a/b%2Fc' })
  expect(origin.requests.map((it) => it.target)).toEqual(['/a%2Fb/c', '/a/b%2Fc'])
})
