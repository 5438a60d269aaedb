/** A route with tokens answers whoever brings a good one, from one cache for all; everybody else gets a 403 and a word. */
import { describe, expect, test } from 'vitest'
import { hmacAccess, hmacToken } from '../support/access-tokens.ts'
import { pattern, request, type ShieldOptions, startShield } from '../support/shield.ts'

const BYTES = pattern(3000)

async function started(access: unknown, options: ShieldOptions = {}) {
  const routes = [{ match: '/vod/**', access, ttl: '1h' }, { match: '/open/**' }]
  const shield = await startShield({ routes, ...options })
  for (const key of ['vod/clip/a.ts', 'vod/other/a.ts', 'open/a.ts']) shield.s3.put(key, BYTES)
  return shield
}

type Carried = (token: string, path: string) => [path: string, headers: Readonly<Record<string, string>>]

const PLACES: readonly [place: string, carried: Carried][] = [
  ['path', (token, path) => [`/token=${token}${path}`, {}]],
  ['query', (token, path) => [`${path}?v=1&token=${token}`, {}]],
  ['cookie', (token, path) => [path, { Cookie: `a=b; token=${token}; c=d` }]],
]

const refused = (word: string) => ({
  status: 403,
  body: `Forbidden: ${word}\n`,
  'cache-control': 'no-store',
  'cache-status': `segment-shield; detail=${word}`,
})

async function ask(port: number, path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') {
  const answer = await request(port, { path, headers, method })
  if (answer.status === 200) return 200
  const { 'cache-control': cacheControl, 'cache-status': cacheStatus } = answer.headers
  return {
    status: answer.status,
    body: answer.body.toString(),
    'cache-control': cacheControl,
    'cache-status': cacheStatus,
  }
}

describe.each(PLACES)('a token in the %s', (place, carried) => {
  test('is good for what it covers, and two of them share one object', async () => {
    const { s3, port, clock, accessRecords } = await started(hmacAccess({ in: place }))
    const tokens = [hmacToken('/vod/clip/', clock.now()), hmacToken('/vod/', clock.now())]
    for (const token of tokens) {
      const [path, headers] = carried(token, '/vod/clip/a.ts')
      const answer = await request(port, { path, headers })
      expect(answer.status).toBe(200)
      expect(answer.body.equals(BYTES)).toBe(true)
    }
    expect(s3.requests.map(({ key }) => key)).toEqual(['vod/clip/a.ts'])
    const records = await accessRecords(2)
    expect(records.map(({ path, route }) => [path, route])).toEqual([
      ['/vod/clip/a.ts', '/vod/**'],
      ['/vod/clip/a.ts', '/vod/**'],
    ])
  })

  test('is refused where it does not cover, is over, was changed or is missing, and the origin hears nothing', async () => {
    const { s3, port, clock, accessRecords } = await started(hmacAccess({ in: place }))
    const token = hmacToken('/vod/clip/', clock.now())
    const asked = (one: string, path: string) => ask(port, ...carried(one, path))
    expect(await asked(token, '/vod/other/a.ts')).toEqual(refused('wrong-path'))
    expect(await asked(hmacToken('/vod/', clock.now(), { key: 'x'.repeat(16) }), '/vod/clip/a.ts')).toEqual(
      refused('bad-signature'),
    )
    expect(await asked('nonsense', '/vod/clip/a.ts')).toEqual(refused('malformed'))
    expect(await ask(port, '/vod/clip/a.ts')).toEqual(refused('no-token'))
    clock.advance(3_600_000)
    expect(await asked(token, '/vod/clip/a.ts')).toEqual(refused('expired'))
    expect(s3.requests).toEqual([])
    const records = await accessRecords(5)
    expect(records.map(({ status, cacheStatus }) => `${status} ${cacheStatus}`)).toEqual(
      ['wrong-path', 'bad-signature', 'malformed', 'no-token', 'expired'].map(
        (word) => `403 segment-shield; detail=${word}`,
      ),
    )
  })

  test('does not open what is in memory already to those without one', async () => {
    const { port, clock } = await started(hmacAccess({ in: place }))
    const [path, headers] = carried(hmacToken('/vod/', clock.now()), '/vod/clip/a.ts')
    expect(await ask(port, path, headers)).toBe(200)
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST']) {
      expect(await ask(port, '/vod/clip/a.ts', {}, method)).toMatchObject({ status: 403 })
    }
    expect(await ask(port, '/vod/clip/a.ts', { Range: 'bytes=0-1' })).toMatchObject({ status: 403 })
    expect(await ask(port, '/vod/clip/a.ts', { 'If-None-Match': '*' })).toMatchObject({ status: 403 })
  })
})

test('a token is looked for in its own place only', async () => {
  const { port, clock } = await started(hmacAccess({ in: 'cookie', name: 'pass' }))
  const token = hmacToken('/vod/', clock.now())
  expect(await ask(port, `/vod/clip/a.ts?pass=${token}`)).toEqual(refused('no-token'))
  expect(await ask(port, '/vod/clip/a.ts', { Cookie: `token=${token}` })).toEqual(refused('no-token'))
  expect(await ask(port, '/vod/clip/a.ts', { Cookie: `xpass=${token}` })).toEqual(refused('no-token'))
  expect(await ask(port, '/vod/clip/a.ts', { Cookie: `pass="${token}"` })).toBe(200)
})

test('of several places the first that has one counts, good or not', async () => {
  const { port, clock } = await started(hmacAccess({ in: ['query', 'cookie'] }))
  const token = hmacToken('/vod/', clock.now())
  expect(await ask(port, '/vod/clip/a.ts', { Cookie: `token=${token}` })).toBe(200)
  expect(await ask(port, '/vod/clip/a.ts?token=x', { Cookie: `token=${token}` })).toEqual(refused('malformed'))
})

test('two tokens in one place are none', async () => {
  const { port, clock } = await started(hmacAccess({ in: ['query', 'cookie'] }))
  const token = hmacToken('/vod/', clock.now())
  expect(await ask(port, `/vod/clip/a.ts?token=${token}&token=${token}`)).toEqual(refused('malformed'))
  expect(await ask(port, '/vod/clip/a.ts', { Cookie: `token=${token}; token=${token}` })).toEqual(refused('malformed'))
})

test('keys are replaced one after the other', async () => {
  const keys = { new: 'the new key, 16 bytes', old: 'the old key, 16 bytes' }
  const { port, clock } = await started(hmacAccess({ in: 'query', keys }))
  for (const [keyName, key] of Object.entries(keys)) {
    const token = hmacToken('/vod/', clock.now(), { keyName, key })
    expect(await ask(port, `/vod/clip/a.ts?token=${token}`)).toBe(200)
  }
  const token = hmacToken('/vod/', clock.now(), { keyName: 'old', key: keys.new })
  expect(await ask(port, `/vod/clip/a.ts?token=${token}`)).toEqual(refused('bad-signature'))
})

test('a token for a client is good for the peer, or for whom a trusted proxy names', async () => {
  const access = hmacAccess({ in: 'query', clientIp: true })
  const { port, clock } = await started(access)
  const tokenFor = (client?: string) => hmacToken('/vod/', clock.now(), client === undefined ? {} : { client })
  expect(await ask(port, `/vod/clip/a.ts?token=${tokenFor('127.0.0.1')}`)).toBe(200)
  expect(await ask(port, `/vod/clip/a.ts?token=${tokenFor()}`)).toEqual(refused('wrong-client'))
  const forwarded = { 'X-Forwarded-For': '192.0.2.7' }
  expect(await ask(port, `/vod/clip/a.ts?token=${tokenFor('192.0.2.7')}`, forwarded)).toEqual(refused('wrong-client'))
})

describe('a path that carries a token', () => {
  test('is routed by what is behind the token', async () => {
    const { s3, port, clock } = await started(hmacAccess())
    const token = hmacToken('/vod/', clock.now())
    expect(await ask(port, `/token=${token}/open/a.ts`)).toBe(200)
    expect(await ask(port, `/token=${token}/nowhere`)).toMatchObject({ status: 404 })
    expect(await ask(port, `/token=${token}`)).toMatchObject({ status: 404 })
    expect(s3.requests.map(({ key }) => key)).toEqual(['open/a.ts'])
  })

  test('is refused where the token is in another place, doubled or disguised, and is not logged', async () => {
    const { s3, port, clock, accessRecords } = await started(hmacAccess())
    const token = hmacToken('/vod/', clock.now())
    const paths = [
      `//token=${token}/vod/clip/a.ts`,
      `/vod/token=${token}/clip/a.ts`,
      `/token=${token}/token=${token}/vod/clip/a.ts`,
      `/token=${token}%2Fvod/clip/a.ts`,
      `/%74oken=${token}/vod/clip/a.ts`,
      `/%2Ftoken=${token}/vod/clip/a.ts`,
    ]
    for (const path of paths) {
      const answer = await request(port, { path })
      expect([400, 404], path).toContain(answer.status)
      expect(answer.body.toString()).not.toContain(token)
    }
    expect(s3.requests).toEqual([])
    expect(JSON.stringify(await accessRecords(paths.length))).not.toContain(token.slice(0, 20))
  })

  test('is held to what any path is held to', async () => {
    const { s3, port, clock } = await started(hmacAccess())
    const token = hmacToken('/', clock.now())
    for (const path of ['/../x', '/vod/../x', '/vod/%2e%2e/x', '/vod/%00', '/vod/%zz']) {
      expect(await ask(port, `/token=${token}${path}`)).toMatchObject({ status: 400 })
    }
    expect(s3.requests).toEqual([])
  })
})

test('a refusal is not kept, and what is asked for next is answered as it should be', async () => {
  const { s3, port, clock } = await started(hmacAccess({ in: 'query' }))
  expect(await ask(port, '/vod/clip/a.ts')).toEqual(refused('no-token'))
  expect(await ask(port, `/vod/clip/a.ts?token=${hmacToken('/vod/', clock.now())}`)).toBe(200)
  expect(await ask(port, '/vod/clip/a.ts')).toEqual(refused('no-token'))
  expect(s3.requests).toHaveLength(1)
})
