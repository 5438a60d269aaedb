/** What is purged is gone or stale, what is not named stays, and the counts are exact: on real sockets. */
import { expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { gate } from '../support/s3-socket-server.ts'
import { openRequest, pattern, request, type ShieldOptions, startShield } from '../support/shield.ts'
import { askApi } from './api.ts'

const LONG = { 'cache-control': 'max-age=86400' }
const ROUTES = [
  { match: '/vod/**', stripPrefix: '/vod' },
  { match: '/api/**', passthrough: 'http://127.0.0.1:9' },
  { match: '/**', query: { include: ['v'] } },
]

async function start(options: ShieldOptions = {}) {
  const shield = await startShield({ admin: {}, routes: ROUTES, ...options })
  const adminPort = shield.app.admin?.port ?? 0
  const get = (path: string, headers = {}) => request(shield.port, { path, headers })
  const purge = async (content: unknown) => {
    const { status, values } = await askApi(adminPort, 'POST', '/purge', content)
    return { status, ...values[0] }
  }
  const isHit = async (path: string) => (await get(path)).headers['cache-status']?.includes('; hit;') === true
  return { ...shield, adminPort, get, purge, isHit }
}

test('a URL, with the query that counts, is taken out, and nothing beside it', async () => {
  const { s3, get, purge, isHit } = await start()
  s3.put('a.ts', 'a', LONG)
  for (const path of ['/a.ts', '/a.ts?v=1', '/a.ts?v=2&other=1']) await get(path)

  expect(await purge({ urls: ['/a.ts?other=7&v=2'] })).toEqual({ status: 200, mode: 'hard', answers: 1, fills: 0 })
  expect([await isHit('/a.ts'), await isHit('/a.ts?v=1'), await isHit('/a.ts?v=2')]).toEqual([true, true, false])
})

test('a URL is found by the route that requests take, its prefix and its escapes', async () => {
  const { s3, get, purge, isHit } = await start()
  s3.put('a b%?.ts', 'a', LONG)
  s3.put('vod/a.ts', 'b', LONG)
  await get('/vod/a%20b%25%3F.ts')

  expect(await purge({ urls: ['/vod/a.ts', '/a.ts'] })).toMatchObject({ answers: 0 })
  expect(await purge({ urls: ['https://any.example/vod/a%20b%25%3f.ts'] })).toMatchObject({ answers: 1 })
  expect(await isHit('/vod/a%20b%25%3F.ts')).toBe(false)
})

test.each([
  [{ prefixes: ['/vod/film/'] }, ['/vod/film/1.ts', '/vod/film/2 ü.ts']],
  [{ prefixes: ['/film/'] }, ['/vod/film/1.ts', '/vod/film/2 ü.ts']],
  [{ prefixes: ['/vod/film/2 ü'] }, ['/vod/film/2 ü.ts']],
  [{ patterns: ['/vod/**/*.m3u8'] }, ['/vod/film.m3u8', '/vod/news/live.m3u8']],
  [{ patterns: ['/**/{1,live}.*'] }, ['/vod/film/1.ts', '/vod/news/live.m3u8']],
  [{ patterns: ['/api/**'], prefixes: ['/api'] }, []],
  [{ everything: true }, ['/vod/film.m3u8', '/vod/film/1.ts', '/vod/film/2 ü.ts', '/vod/news/live.m3u8']],
])('%j selects by public, decoded paths', async (content, expected) => {
  const { s3, get, purge, isHit } = await start()
  const paths = ['/vod/film.m3u8', '/vod/film/1.ts', '/vod/film/2 ü.ts', '/vod/news/live.m3u8']
  for (const path of paths) {
    s3.put(path.slice('/vod/'.length), path, LONG)
    await get(encodeURI(path))
  }

  expect(await purge(content)).toMatchObject({ answers: expected.length, fills: 0 })
  const gone = []
  for (const path of paths) if (!(await isHit(encodeURI(path)))) gone.push(path)
  expect(gone).toEqual(expected)
})

test('a path that no client can ask an object by does not select it', async () => {
  const { s3, get, purge } = await start()
  s3.put('vod/a.ts', 'a', LONG)
  s3.put('api/a.ts', 'b', LONG)
  await get('/vod/vod/a.ts')
  await get('/vod/api/a.ts')

  expect(await purge({ prefixes: ['/vod/a', '/api/'] })).toMatchObject({ answers: 0 })
  expect(await purge({ prefixes: ['/vod/vod/a', '/vod/api/'] })).toMatchObject({ answers: 2 })
})

test('a key of an object of the bucket selects it, and is told to no client', async () => {
  const { s3, get, purge, isHit } = await start()
  s3.put('1.ts', 'a', { ...LONG, 'x-amz-meta-surrogate-key': 'film-7 all' })
  s3.put('2.ts', 'b', { ...LONG, 'x-amz-meta-cache-tag': 'film-8,all' })
  s3.put('3.ts', 'c', LONG)
  const answers = [await get('/1.ts'), await get('/2.ts'), await get('/3.ts')]
  expect(JSON.stringify(answers.map(({ rawHeaders }) => rawHeaders))).not.toMatch(/film-|surrogate|cache-tag/i)

  expect(await purge({ surrogateKeys: ['film'] })).toMatchObject({ answers: 0 })
  expect(await purge({ surrogateKeys: ['film-7'] })).toMatchObject({ answers: 1 })
  expect([await isHit('/1.ts'), await isHit('/2.ts')]).toEqual([false, true])
  expect(await purge({ surrogateKeys: ['other', 'all'] })).toMatchObject({ answers: 2 })
  expect([await isHit('/2.ts'), await isHit('/3.ts')]).toEqual([false, true])
})

test('soft: what is purged is confirmed with the origin, not fetched again', async () => {
  const { s3, get, purge } = await start()
  s3.put('a.ts', 'a', LONG)
  await get('/a.ts')
  expect(await purge({ urls: ['/a.ts'], mode: 'soft' })).toEqual({ status: 200, mode: 'soft', answers: 1, fills: 0 })

  expect((await get('/a.ts')).headers['cache-status']).toContain('fwd=stale; fwd-status=304')
  expect(s3.requests.length).toBe(2)
})

test('a fetch under way is counted, goes on for who reads it, and is not stored', async () => {
  const { s3, port, get, purge, isHit } = await start()
  const rest = gate()
  const bytes = pattern(200_000)
  s3.put('a.ts', bytes, LONG)
  s3.once('a.ts', async (exchange) => {
    await exchange.answerPart(1000)
    await rest.opened
    await exchange.more()
  })
  const reader = await openRequest(port, { path: '/a.ts' })
  await reader.receivedBytes(1000)
  expect(await purge({ prefixes: ['/a'] })).toMatchObject({ answers: 0, fills: 1 })
  expect((await get('/a.ts')).body.equals(bytes)).toBe(true)
  rest.open()

  expect((await reader.ended).body.equals(bytes)).toBe(true)
  expect([s3.requests.length, await isHit('/a.ts')]).toEqual([2, true])
})

test('the slices of a large object go with it, and count as one answer', async () => {
  const { s3, get, purge, adminPort } = await start({ cache: { maxObject: '256KiB', slice: '64KiB' } })
  s3.put('film.mp4', pattern(1_000_000), LONG)
  await get('/film.mp4', { Range: 'bytes=0-99999' })
  const entries = async () => (await askApi(adminPort, 'GET', '/stats')).values[0].store.entries
  expect(await entries()).toBeGreaterThan(2)

  expect(await purge({ urls: ['/film.mp4'] })).toMatchObject({ answers: 1 })
  expect(await entries()).toBe(0)
})

test('variants of a URL are counted each, on the site that was named or on all', async () => {
  const { origin, port, app } = await startHttpShield({ admin: {} })
  const adminPort = app.admin?.port ?? 0
  origin.put('/x/1.ts', 'x', { 'Cache-Control': 'max-age=60', Vary: 'X-Kind', 'Surrogate-Key': 'k' })
  const fill = async () => {
    for (const Host of ['a.example', 'b.example'])
      for (const kind of ['1', '2']) await request(port, { path: '/x/1.ts', headers: { Host, 'X-Kind': kind } })
  }
  const answers = async (content: unknown) => (await askApi(adminPort, 'POST', '/purge', content)).values[0].answers

  await fill()
  expect(await answers({ urls: ['http://a.example/x/1.ts'] })).toBe(2)
  expect(await answers({ urls: ['http://a.example/x/1.ts', 'https://b.example/x/1.ts'] })).toBe(0)
  await fill()
  expect(await answers({ urls: ['/x/1.ts'] })).toBe(4)
  await fill()
  expect(await answers({ prefixes: ['http://B.example/x/'] })).toBe(2)
  expect(await answers({ patterns: ['/x/*.ts'] })).toBe(2)
  await fill()
  expect(await answers({ surrogateKeys: ['k'] })).toBe(4)
})

test.each([
  [{}, 'expected one or more of'],
  [{ urls: [] }, 'expected one or more of'],
  [[], 'expected object'],
  [{ urls: ['/a', 'b?secret=1'] }, 'urls[1]: expected a path'],
  [{ urls: ['/../b'] }, 'urls[0]: Dot-segment'],
  [{ urls: ['/api/x'] }, 'urls[0]: its route passes through'],
  [{ prefixes: ['film'] }, 'prefixes[0]: expected a path'],
  [{ patterns: ['/{a'] }, 'patterns[0]: "{" without "}"'],
  [{ urls: ['/a.ts'], mode: 'medium' }, 'mode: '],
  [{ urls: ['/a.ts'], keys: ['x'] }, 'keys'],
])('%j purges nothing and is told what is wrong', async (content, detail) => {
  const { s3, get, purge, isHit } = await start()
  s3.put('a.ts', 'a', LONG)
  await get('/a.ts')
  const answer = await purge(content)

  expect(answer.status).toBe(400)
  expect(answer.detail).toContain(detail)
  expect(JSON.stringify(answer)).not.toContain('secret')
  expect(await isHit('/a.ts')).toBe(true)
})

test('only who has the token may purge', async () => {
  const { s3, get, isHit, adminPort } = await start({ admin: { token: 'hush-4711' } })
  s3.put('a.ts', 'a', LONG)
  await get('/a.ts')
  const everything = { everything: true }

  expect((await askApi(adminPort, 'POST', '/purge', everything)).status).toBe(401)
  expect(await isHit('/a.ts')).toBe(true)
  const headers = { Authorization: 'Bearer hush-4711' }
  expect((await askApi(adminPort, 'POST', '/purge', everything, headers)).status).toBe(200)
  expect(await isHit('/a.ts')).toBe(false)
})
