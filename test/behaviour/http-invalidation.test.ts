/** What a client has changed is not served out of memory any more (RFC 9111 §4.4). */
import { describe, expect, test } from 'vitest'
import { type HttpShield, startHttpShield } from '../support/http-shield.ts'
import type { Fields } from '../support/http-socket-server.ts'
import { type Answer, pattern, request } from '../support/shield.ts'

const PATH = '/things/1?v=1'
const UNSAFE = ['POST', 'PUT', 'DELETE', 'PATCH']
const METHODS = ['GET', 'HEAD', 'OPTIONS', 'REPORT', 'MKCOL', 'PURGE', ...UNSAFE]
const CLOSING = { origin: { pool: { maxFreeSockets: 0 } }, route: { methods: METHODS } }
const HIT = 'segment-shield; hit; ttl=600'

interface Changed {
  readonly status?: number
  readonly fields?: Fields
}

/** What is at a URL is told by GET with its number; every other method is answered with `changed`. */
async function startNumbered(changed: Changed = {}, paths: readonly string[] = [PATH]): Promise<HttpShield> {
  const shield = await startHttpShield(CLOSING)
  const { origin } = shield
  origin.onAny(({ request: { method }, nth, send }) =>
    method === 'GET' || method === 'HEAD'
      ? send({ body: `answer ${nth}`, fields: { 'Cache-Control': 'max-age=600' } })
      : send({ status: 200, body: 'done', ...changed }),
  )
  for (const path of paths) expect((await ask(shield, path)).body.toString()).toBe('answer 1')
  return shield
}

const ask = ({ port }: HttpShield, path = PATH): Promise<Answer> => request(port, { path })

async function isKept(shield: HttpShield, path = PATH): Promise<boolean> {
  return (await ask(shield, path)).headers['cache-status'] === HIT
}

describe.each([...UNSAFE, 'REPORT', 'MKCOL', 'PURGE'])('%s', (method) => {
  test('drops what is stored for its URL when it succeeds, and the next GET has the new one', async () => {
    const shield = await startNumbered()
    const { origin, port } = shield
    const done = await request(port, { path: PATH, method, body: 'a=1' })
    expect([done.status, done.body.toString(), done.headers['cache-status']]).toEqual([
      200,
      'done',
      'segment-shield; fwd=method; fwd-status=200',
    ])
    const next = await ask(shield)
    expect([next.body.toString(), next.headers['cache-status']]).toEqual([
      'answer 3',
      'segment-shield; fwd=uri-miss; fwd-status=200; stored; ttl=600',
    ])
    expect(await isKept(shield)).toBe(true)
    expect(origin.requests.map((one) => [one.method, one.target])).toEqual([
      ['GET', PATH],
      [method, PATH],
      ['GET', PATH],
    ])
    await origin.socketsAtMost(0)
  })
})

test('OPTIONS and HEAD change nothing', async () => {
  const shield = await startNumbered()
  for (const method of ['OPTIONS', 'HEAD']) await request(shield.port, { path: PATH, method })
  expect(await isKept(shield)).toBe(true)
})

test.each([201, 202, 204, 205, 301, 303, 307])('%s is a success', async (status) => {
  const shield = await startNumbered({ status, ...(status === 204 && { framing: 'none' as const }) })
  expect((await request(shield.port, { path: PATH, method: 'POST' })).status).toBe(status)
  expect(await isKept(shield)).toBe(false)
})

test.each([400, 403, 404, 409, 412, 500, 503])('%s is none: what is stored stays', async (status) => {
  const shield = await startNumbered({ status, fields: { Location: '/things/2', 'Content-Location': '/things/3' } }, [
    PATH,
    '/things/2',
    '/things/3',
  ])
  expect((await request(shield.port, { path: PATH, method: 'DELETE' })).status).toBe(status)
  for (const path of [PATH, '/things/2', '/things/3']) expect(await isKept(shield, path)).toBe(true)
})

test('a request that dies without an answer leaves what is stored, since nobody said that it has changed', async () => {
  const shield = await startNumbered()
  shield.origin.once(PATH, (exchange) => exchange.reset())
  expect((await request(shield.port, { path: PATH, method: 'POST' })).status).toBe(502)
  expect(await isKept(shield)).toBe(true)
})

test('a method that the route does not pass on changes nothing', async () => {
  const { origin, port } = await startHttpShield()
  origin.put(PATH, 'here', { 'Cache-Control': 'max-age=600' })
  await request(port, { path: PATH })
  expect((await request(port, { path: PATH, method: 'DELETE' })).status).toBe(405)
  expect((await request(port, { path: PATH })).headers['cache-status']).toBe(HIT)
  expect(origin.requests).toHaveLength(1)
})

test('only that URL is dropped, its query being part of it', async () => {
  const others = ['/things/1', '/things/1?v=2', '/things/1/', '/things/11?v=1', '/Things/1?v=1']
  const shield = await startNumbered({}, [PATH, ...others])
  await request(shield.port, { path: PATH, method: 'PUT' })
  for (const path of others) expect(await isKept(shield, path)).toBe(true)
  expect(await isKept(shield)).toBe(false)
})

test('another host’s copy of the same path stays, as its own has to be changed through it', async () => {
  const shield = await startNumbered({}, [])
  const of = (host: string, method = 'GET') =>
    request(shield.port, { path: PATH, method, headers: { Host: host, Connection: 'close' } })
  await of('a.example')
  await of('b.example')
  await of('a.example', 'POST')
  expect((await of('b.example')).headers['cache-status']).toBe(HIT)
  expect((await of('a.example')).headers['cache-status']).toContain('fwd=uri-miss')
})

describe.each(['Location', 'Content-Location'])('%s of a success', (name) => {
  const OTHER = '/things/2?v=1'

  test.each([
    ['a path', () => OTHER],
    ['a path relative to the target', () => '2?v=1'],
    ['a whole URL of the same host', (port: number) => `http://127.0.0.1:${port}${OTHER}`],
    ['a URL without a scheme', (port: number) => `//127.0.0.1:${port}${OTHER}`],
    ['with a fragment', () => `${OTHER}#part`],
  ])('is dropped too: %s', async (_what, reference) => {
    const shield = await startNumbered({}, [PATH, OTHER])
    const { origin, port } = shield
    origin.once(PATH, ({ send }) => send({ status: 201, fields: { [name]: reference(port) } }))
    await request(port, { path: PATH, method: 'POST' })
    expect(await isKept(shield, OTHER)).toBe(false)
    expect(await isKept(shield)).toBe(false)
  })

  test.each([
    ['of another host', () => `http://elsewhere.example${OTHER}`],
    ['of another port', (port: number) => `http://127.0.0.1:${port === 1 ? 2 : port - 1}${OTHER}`],
    ['of another scheme', (port: number) => `https://127.0.0.1:${port}${OTHER}`],
    ['that is no URL', () => 'http://[/things/2'],
    ['that is no target', () => '/things/%zz'],
    ['that is empty', () => ''],
  ])('stays: one %s', async (_what, reference) => {
    const shield = await startNumbered({}, [PATH, OTHER])
    const { origin, port } = shield
    origin.once(PATH, ({ send }) => send({ status: 201, fields: { [name]: reference(port) } }))
    expect((await request(port, { path: PATH, method: 'POST' })).status).toBe(201)
    expect(await isKept(shield, OTHER)).toBe(true)
    expect(await isKept(shield)).toBe(false)
  })
})

test('all variants go', async () => {
  const shield = await startHttpShield(CLOSING)
  const { origin, port } = shield
  origin.on(PATH, ({ request: { fields }, nth, send }) =>
    send({ body: `${fields['x-a']} ${nth}`, fields: { Vary: 'X-A', 'Cache-Control': 'max-age=600' } }),
  )
  const askAs = async (value: string) =>
    (await request(port, { path: PATH, headers: { 'X-A': value } })).body.toString()
  expect([await askAs('a'), await askAs('b'), await askAs('a')]).toEqual(['a 1', 'b 2', 'a 1'])
  await request(port, { path: PATH, method: 'POST', headers: { 'X-A': 'c' } })
  expect([await askAs('b'), await askAs('a'), await askAs('b')]).toEqual(['b 4', 'a 5', 'b 4'])
})

test('all slices go, and none of the old ones is put beside a new one', async () => {
  const { origin, port } = await startHttpShield({ ...CLOSING, cache: { slice: '64KiB', maxObject: '64KiB' } })
  const [old, young] = [pattern(400_000, 1), pattern(400_000, 2)]
  const cached = { 'Cache-Control': 'max-age=600' }
  origin.put(PATH, old, { ...cached, ETag: '"old"' })
  expect((await request(port, { path: PATH })).body.equals(old)).toBe(true)
  const asked = origin.requests.length
  origin.once(PATH, ({ send }) => send({ status: 204, framing: 'none' }))
  await request(port, { path: PATH, method: 'PUT', body: young })
  origin.put(PATH, young, { ...cached, ETag: '"young"' })
  for (const [first, last] of [
    [0, 9],
    [100_000, 200_000],
    [390_000, 399_999],
  ] as const) {
    const range = await request(port, { path: PATH, headers: { Range: `bytes=${first}-${last}` } })
    expect([range.status, range.body.equals(young.subarray(first, last + 1))]).toEqual([206, true])
    expect(range.headers['etag']).toBe('"young"')
  }
  expect((await request(port, { path: PATH })).body.equals(young)).toBe(true)
  expect(origin.requests.slice(asked + 1).every(({ fields }) => fields['if-match'] !== '"old"')).toBe(true)
  await origin.socketsAtMost(0)
})

test('a stale answer that was dropped neither stands in for an error nor is confirmed', async () => {
  const { origin, port, clock } = await startHttpShield({ ...CLOSING, route: { methods: METHODS, staleIfError: '1h' } })
  origin.put(PATH, 'old', { 'Cache-Control': 'max-age=10, stale-while-revalidate=600', ETag: '"old"' })
  await request(port, { path: PATH })
  clock.advance(11_000)
  origin.once(PATH, ({ send }) => send({ status: 200 }))
  await request(port, { path: PATH, method: 'DELETE' })
  origin.once(PATH, ({ send }) => send({ status: 500, body: 'broken' }))
  expect((await request(port, { path: PATH })).status).toBe(500)
  expect(origin.requests.map(({ fields }) => fields['if-none-match'])).toEqual([undefined, undefined, undefined])
})
