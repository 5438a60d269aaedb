/** Another configuration takes the place of the running one while requests go on; or nothing changes. */
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { openRequest, request } from '../support/http-client.ts'
import { bucket, configOf, running } from '../support/reloadable.ts'
import { gate, pausedAfter, type S3Server } from '../support/s3-socket-server.ts'
import { pattern } from '../support/shield.ts'

test('a route that is new answers, one that is gone is 404, and what is stored stays', async () => {
  const s3 = await bucket({ 'vod/a.ts': 'a' })
  const spaces = { endpoint: s3.endpoint }
  const { app, ask } = await running(configOf({ spaces }, { routes: [{ match: '/vod/**', origin: 'spaces' }] }))
  expect((await ask('/vod/a.ts')).status).toBe(200)
  const routes = [{ match: '/films/**', origin: 'spaces', stripPrefix: '/films' }]

  expect(await app.reload(configOf({ spaces }, { routes }))).toMatchObject({ kind: 'reloaded', restartNeeded: [] })
  expect((await ask('/vod/a.ts')).status).toBe(404)
  const { body, headers } = await ask('/films/vod/a.ts')
  expect([String(body), headers['cache-status']]).toEqual(['a', expect.stringContaining('; hit')])
  expect(s3.requests).toHaveLength(1)
})

test('an answer that is under way goes on to its last byte, with the origin it began with', async () => {
  const bytes = pattern(300_000)
  const [old, next] = [await bucket({ 'a.ts': bytes }), await bucket({ 'a.ts': 'new' })]
  const rest = gate()
  old.on('a.ts', pausedAfter(1000, rest))
  const { app, ask, port } = await running(configOf({ spaces: { endpoint: old.endpoint } }))
  const begun = await openRequest(port, { path: '/a.ts' })
  await app.reload(configOf({ spaces: { endpoint: next.endpoint } }))
  expect(String((await ask('/a.ts')).body)).toBe('new')
  rest.open()

  const { isWhole, body } = await begun.ended
  expect([isWhole, body.equals(bytes)]).toEqual([true, true])
  // What came from elsewhere under the same name is not kept.
  expect(String((await ask('/a.ts')).body)).toBe('new')
})

test('what is stored of an origin is dropped when its name leads elsewhere, and nothing else is', async () => {
  const [a, b, other] = [await bucket({ 'a.ts': 'a' }), await bucket({ 'b.ts': 'b' }), await bucket({ 'a.ts': 'A' })]
  const routes = [
    { match: '/a.ts', origin: 'first' },
    { match: '/b.ts', origin: 'second' },
  ]
  const second = { endpoint: b.endpoint }
  const { app, ask } = await running(configOf({ first: { endpoint: a.endpoint }, second }, { routes }))
  await ask('/a.ts')
  await ask('/b.ts')
  await app.reload(configOf({ first: { endpoint: other.endpoint }, second }, { routes }))

  expect([String((await ask('/a.ts')).body), String((await ask('/b.ts')).body)]).toEqual(['A', 'b'])
  expect([a, b, other].map((s3) => s3.requests.length)).toEqual([1, 1, 1])
})

test('an origin with other limits keeps what is stored, and an unchanged one its connections', async () => {
  const s3 = await bucket({ 'a.ts': 'a', 'b.ts': 'b', 'c.ts': 'c' })
  const spaces = { endpoint: s3.endpoint }
  const { app, ask } = await running(configOf({ spaces }))
  await ask('/a.ts')
  await app.reload(configOf({ spaces }))
  await ask('/b.ts')
  expect(s3.sockets.opened).toBe(1)
  await app.reload(configOf({ spaces: { ...spaces, pool: { maxSockets: 3 } } }))
  await ask('/c.ts')
  expect((await ask('/a.ts')).headers['cache-status']).toContain('; hit')
  expect(s3.requests).toHaveLength(3)
})

test('what needs a restart is named, and the rest takes effect', async () => {
  const s3 = await bucket({ 'a.ts': 'a' })
  const spaces = { endpoint: s3.endpoint }
  const { app, ask, lines } = await running(configOf({ spaces }))
  const next = configOf(
    { spaces },
    { cache: { memory: '2GiB' }, routes: [{ match: '/**', origin: 'spaces', responseHeaders: { 'X-New': 'yes' } }] },
  )
  expect(await app.reload(next)).toMatchObject({ kind: 'reloaded', restartNeeded: ['cache.memory'] })
  expect((await ask('/a.ts')).headers['x-new']).toBe('yes')
  expect(lines.filter((line) => line.includes('reloaded, but'))).toHaveLength(1)
  // Named again until it is true: it is compared with what the program was started with.
  expect(await app.reload(next)).toMatchObject({ kind: 'reloaded', restartNeeded: ['cache.memory'] })
})

test('a file with problems changes nothing and says what they are', async () => {
  const s3 = await bucket({ 'a.ts': 'a' })
  const good = configOf({ spaces: { endpoint: s3.endpoint } })
  const { app, ask, lines } = await running(good, async () =>
    loadConfig({ text: '{ "listen": [], "routes": [{ "match": "vod" }] }', file: 'bad.yaml' }, {}),
  )
  const outcome = await app.reload()
  expect(outcome.kind).toBe('refused')
  expect(outcome.kind === 'refused' && outcome.reasons).toEqual(
    expect.arrayContaining([
      'listen: expected at least one listener, got an empty list',
      expect.stringContaining('routes[0].match'),
    ]),
  )
  expect((await ask('/a.ts')).status).toBe(200)
  expect(lines.filter((line) => line.includes('not reloaded'))).toHaveLength(1)
})

test('without a file there is nothing to read', async () => {
  const s3 = await bucket()
  const { app } = await running(configOf({ spaces: { endpoint: s3.endpoint } }))
  expect(await app.reload()).toMatchObject({ kind: 'refused' })
})

const OLD_KEYS = { accessKeyId: 'OLD', secretAccessKey: 'old-secret' }
const NEW_KEYS = { accessKeyId: 'NEW', secretAccessKey: 'new-secret' }

/** A bucket that knows these keys only. */
function admitting(s3: S3Server, keys: () => readonly string[]): void {
  s3.onAny((exchange) => {
    const authorization = exchange.request.headers.authorization ?? ''
    if (keys().some((key) => authorization.includes(`Credential=${key}/`))) return exchange.answer()
    return exchange.error(403, 'InvalidAccessKeyId')
  })
}

test('new keys take the place of the old ones when the bucket takes them', async () => {
  const s3 = await bucket({ 'a.ts': 'a', 'b.ts': 'b' })
  let known = ['OLD', 'NEW']
  admitting(s3, () => known)
  const endpoint = s3.endpoint
  const { app, ask, lines } = await running(configOf({ spaces: { endpoint, credentials: OLD_KEYS } }))
  await ask('/a.ts')
  expect(await app.reload(configOf({ spaces: { endpoint, credentials: NEW_KEYS } }))).toMatchObject({
    kind: 'reloaded',
  })
  // Shown with one byte of what the old ones could read.
  expect(s3.requests.at(-1)).toMatchObject({ key: 'a.ts', headers: { range: 'bytes=0-0' } })
  known = ['NEW']
  expect((await ask('/b.ts')).status).toBe(200)
  expect((await ask('/a.ts')).headers['cache-status']).toContain('; hit')
  expect(lines.join()).not.toMatch(/new-secret|old-secret/)
})

test('new keys that the bucket does not know leave the old ones in place', async () => {
  const s3 = await bucket({ 'a.ts': 'a' })
  admitting(s3, () => ['OLD'])
  const endpoint = s3.endpoint
  const { app, ask, lines } = await running(configOf({ spaces: { endpoint, credentials: OLD_KEYS } }))
  expect(await app.reload(configOf({ spaces: { endpoint, credentials: NEW_KEYS } }))).toMatchObject({
    kind: 'refused',
    reasons: [expect.stringMatching(/^origins\.spaces\.credentials: the new keys are refused \(.*InvalidAccessKeyId/)],
  })
  expect((await ask('/a.ts')).status).toBe(200)
  expect(lines.join()).not.toMatch(/new-secret|old-secret/)
})

test('new keys of a store that cannot be reached leave the old ones in place', async () => {
  const s3 = await bucket()
  const endpoint = s3.endpoint
  const { app } = await running(configOf({ spaces: { endpoint, credentials: OLD_KEYS } }))
  await s3.close()
  expect(await app.reload(configOf({ spaces: { endpoint, credentials: NEW_KEYS } }))).toMatchObject({
    kind: 'refused',
    reasons: [expect.stringContaining('could not be tried')],
  })
})

test('one reload at a time, in the order in which they were asked for', async () => {
  const s3 = await bucket({ 'a.ts': 'a' })
  const spaces = { endpoint: s3.endpoint }
  const named = (value: string) =>
    configOf({ spaces }, { routes: [{ match: '/**', origin: 'spaces', responseHeaders: { 'X-File': value } }] })
  const { app, ask } = await running(named('0'))
  await Promise.all(['1', '2', '3'].map((value) => app.reload(named(value))))
  expect((await ask('/a.ts')).headers['x-file']).toBe('3')
})

test('what an origin has come to is counted on when it is changed', async () => {
  const s3 = await bucket({ 'a.ts': 'a', 'b.ts': 'b' })
  const admin = { admin: { address: '127.0.0.1:0' } }
  const spaces = { endpoint: s3.endpoint }
  const { app, ask } = await running(configOf({ spaces }, admin))
  await ask('/a.ts')
  await app.reload(configOf({ spaces: { ...spaces, pool: { maxSockets: 3 } } }, admin))
  await ask('/b.ts')

  const text = String((await request(app.admin?.port ?? 0, { path: '/metrics' })).body)
  expect(text).toContain('segment_shield_origin_requests_total{origin="spaces"} 2\n')
  expect(text).toContain('segment_shield_origin_max_connections{origin="spaces"} 3\n')
})
