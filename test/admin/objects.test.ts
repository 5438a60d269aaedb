/** What the admin API says of single objects, of the whole program and of its log: on real sockets. */
import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import { openApi } from '../../src/admin/openapi.ts'
import { startHttpShield } from '../support/http-shield.ts'
import { gate } from '../support/s3-socket-server.ts'
import { openRequest, pattern, request, type ShieldOptions, startShield } from '../support/shield.ts'
import { askApi } from './api.ts'

async function start(options: ShieldOptions = {}) {
  const shield = await startShield({ admin: {}, ...options })
  const adminPort = shield.app.admin?.port ?? 0
  const read = async (path: string) => (await askApi(adminPort, 'GET', path)).values[0]
  return { ...shield, adminPort, read, get: (path: string, headers = {}) => request(shield.port, { path, headers }) }
}

test('an object that is stored is shown with its freshness, and looking asks nobody', async () => {
  const { s3, clock, get, read } = await start()
  const { headers } = s3.put('vod/a b.m3u8', 'playlist', { 'cache-control': 'max-age=60' })
  await get('/vod/a%20b.m3u8')
  clock.advance(61_000)

  expect(await read('/objects/vod/a%20b.m3u8')).toMatchObject({
    path: '/vod/a b.m3u8',
    route: '/**',
    origin: 'spaces',
    fills: [],
    answers: [
      {
        status: 200,
        freshness: 'stale',
        ageSeconds: 61,
        ttlSeconds: -1,
        etag: headers['etag'],
        contentType: 'application/vnd.apple.mpegurl',
        lengthBytes: 8,
        variesBy: [],
      },
    ],
  })
  expect(s3.requests.length).toBe(1)
})

test('an object that is not stored has no answers; what is under way is a fill', async () => {
  const { s3, port, read } = await start()
  const rest = gate()
  s3.put('a.ts', 'abc')
  s3.once('a.ts', async (exchange) => {
    await rest.opened
    await exchange.answer()
  })
  expect(await read('/objects/a.ts')).toMatchObject({ answers: [], fills: [] })
  const asking = openRequest(port, { path: '/a.ts' })
  await s3.received(1)
  expect(await read('/objects/a.ts')).toMatchObject({ answers: [], fills: [{ state: 'requesting' }] })
  rest.open()
  await (await asking).ended

  expect(await read('/objects/a.ts')).toMatchObject({ answers: [{ status: 200 }], fills: [] })
})

test('of a large object it says which bytes are there', async () => {
  const { s3, get, read } = await start({ cache: { maxObject: '256KiB', slice: '64KiB' } })
  s3.put('film.mp4', pattern(300_000))
  await get('/film.mp4', { Range: 'bytes=0-10' })
  await get('/film.mp4', { Range: 'bytes=140000-140010' })
  const [{ lengthBytes, slices }] = (await read('/objects/film.mp4')).answers

  expect(lengthBytes).toBe(300_000)
  expect(slices).toEqual({
    count: 5,
    present: 2,
    presentBytes: 131_072,
    ranges: [
      [0, 65_535],
      [131_072, 196_607],
    ],
  })
})

test('of an HTTP origin it says what is stored for each site, by names of fields and never their values', async () => {
  const { origin, port, app } = await startHttpShield({ admin: {} })
  const adminPort = app.admin?.port ?? 0
  origin.put('/x?a=1', 'x', { 'Cache-Control': 'max-age=60', Vary: 'X-Secret' })
  for (const Host of ['a.example', 'b.example'])
    await request(port, { path: '/x?a=1', headers: { Host, 'X-Secret': 'hush' } })
  const { values } = await askApi(adminPort, 'GET', '/objects/x?a=1')

  const shown = values[0].answers.map(({ site, variesBy }: { site: string; variesBy: string[] }) => [site, variesBy])
  expect(shown.toSorted()).toEqual([
    ['http://a.example', ['x-secret']],
    ['http://b.example', ['x-secret']],
  ])
  expect(JSON.stringify(values)).not.toContain('hush')
  const one = await askApi(adminPort, 'GET', '/objects/http://b.example/x?a=1')
  expect(one.values[0].answers).toHaveLength(1)
})

test.each(['/objects/api/x', '/objects/%00', '/objects/'])('%s names no object: 404, and why', async (path) => {
  const { adminPort } = await start({
    routes: [{ match: '/api/**', passthrough: 'http://127.0.0.1:9' }, { match: '/**' }],
  })
  const { status, values } = await askApi(adminPort, 'GET', path)

  expect([status, values[0].detail]).toEqual([404, expect.stringContaining('The path behind /objects/: ')])
})

test('the figures add up', async () => {
  const { s3, clock, get, read } = await start()
  s3.put('a.ts', 'abc', { 'cache-control': 'max-age=60' })
  await get('/a.ts')
  await get('/a.ts')
  await get('/none.ts')
  clock.advance(5_000)
  await expect.poll(async () => (await read('/stats')).traffic.requests, { interval: 1 }).toBe(3)
  const { uptimeSeconds, phase, store, fills, runs, origins, traffic } = await read('/stats')

  expect([uptimeSeconds, phase, fills, runs, store.entries]).toEqual([5, 'listening', 0, 0, 2])
  expect(origins.spaces).toMatchObject({ circuit: 'closed', pool: { inUse: 0 } })
  expect(traffic).toMatchObject({
    hits: 1,
    hitBytes: 3,
    bytes: 6 + 'Not found\n'.length,
    statuses: { 200: 2, 404: 1 },
    results: { hit: 1, 'uri-miss': 2 },
    routes: [{ route: '/**', requests: 3 }],
  })
})

test('the level of the log is changed while it runs', async () => {
  const { adminPort, logRecords, get, s3 } = await start()
  s3.put('a.ts', 'abc')
  expect((await askApi(adminPort, 'GET', '/log-level')).values).toEqual([{ level: 'info' }])
  expect((await askApi(adminPort, 'PUT', '/log-level', { level: 'error' })).values).toEqual([{ level: 'error' }])
  const before = logRecords().length
  await get('/a.ts')
  expect((await askApi(adminPort, 'POST', '/purge', { everything: true })).values[0].answers).toBe(1)
  expect(logRecords().length).toBe(before)

  expect((await askApi(adminPort, 'PUT', '/log-level', { level: 'loud' })).status).toBe(400)
  expect((await askApi(adminPort, 'GET', '/log-level')).values).toEqual([{ level: 'error' }])
})

test('the description is valid, served, and names every endpoint but the page', async () => {
  const { adminPort, read } = await start()
  const served = await read('/openapi.json')
  const { valid, errors } = await new Validator().validate(structuredClone(served))

  expect([valid, errors]).toEqual([true, undefined])
  expect(served).toEqual(JSON.parse(JSON.stringify(openApi())))
  const { detail } = (await askApi(adminPort, 'GET', '/nowhere')).values[0]
  const named = Object.keys(served.paths).map((path) => path.replace('{path}', ''))
  const page = ['/', '/dashboard/']
  expect([...page, ...named].toSorted()).toEqual(detail.replace('There is: ', '').split(', ').toSorted())
})

test('probes without a token are told the status alone', async () => {
  const { adminPort } = await start({ admin: { token: 'hush-4711' } })
  const headers = { Authorization: 'Bearer hush-4711' }

  expect((await askApi(adminPort, 'GET', '/health')).values).toEqual([{ status: 'ok' }])
  expect((await askApi(adminPort, 'GET', '/ready')).values).toEqual([{ status: 'ready' }])
  expect((await askApi(adminPort, 'GET', '/ready', undefined, headers)).values[0]).toHaveProperty('origins')
  for (const path of ['/stats', '/openapi.json', '/objects/a', '/log-level'])
    expect((await askApi(adminPort, 'GET', path)).status).toBe(401)
})
