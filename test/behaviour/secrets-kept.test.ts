/**
 * No secret comes out of the program: over a run of good, refused, malformed and failing requests it is in no line of the
 * log at its most talkative, in no answer, and in nothing that the admin listener tells.
 */
import { expect, onTestFinished, test } from 'vitest'
import { startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { listenTo } from '../admin/api.ts'
import { HMAC_KEY, hmacToken } from '../support/access-tokens.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { startHttpServer } from '../support/http-socket-server.ts'
import { startS3Server } from '../support/s3-socket-server.ts'
import { CREDENTIALS, rawExchange, request } from '../support/shield.ts'

const ADMIN_TOKEN = 'hush-admin-token-0815'
const EDGE_SECRET = 'hush-edge-secret-value'
const BEARER = 'hush-bearer-of-a-client'
const COOKIE = 'hush-session-cookie'
const QUERY = 'hush-query-value'
const ORIGIN_COOKIE = 'hush-cookie-of-the-origin'
const FIXED = [HMAC_KEY, ADMIN_TOKEN, EDGE_SECRET, BEARER, COOKIE, QUERY, ...Object.values(CREDENTIALS)]

/** Whatever the admin listener has, or may have one day. */
const ADMIN_PATHS = ['/health', '/ready', '/ready?exclude=origins', '/metrics', '/stats', '/purge', '/nowhere']
const ROUTES = ['/s3', '/http', '/pass']

type Sent = { readonly path: string; readonly headers: Readonly<Record<string, string>> }

/** Everywhere a token may be, right or wrong place. */
function carried(token: string, path: string): readonly Sent[] {
  const headers = { Authorization: `Bearer ${BEARER}`, 'X-Edge-Secret': EDGE_SECRET, Cookie: `session=${COOKIE}` }
  return [
    {
      path: `/token=${token}${path}?secret=${QUERY}`,
      headers: { ...headers, Referer: `http://a.test/token=${token}/` },
    },
    {
      path: `${path}?token=${token}&secret=${QUERY}`,
      headers: { ...headers, Referer: `http://a.test/?token=${token}` },
    },
    { path, headers: { ...headers, Cookie: `session=${COOKIE}; token=${token}` } },
  ]
}

/** What no parser lets through, each with the token where one would be. */
function malformed(token: string, route: string): readonly string[] {
  const rest = `HTTP/1.1\r\nHost: a.test\r\nCookie: token=${token}\r\nConnection: close\r\n\r\n`
  return [
    `GET /token=${token}${route}/%zz ${rest}`,
    `GET /token=${token}${route}/../a ${rest}`,
    `GET /token=${token}/token=${token}${route}/a ${rest}`,
    `GET http://a.test/token=${token}${route}/a ${rest}`,
    `GET ${route}/a?token=${token}&token=${token} ${rest}`,
    `GET ${route}/a?token=%${token} ${rest}`,
    `GET /token=${token}${route}/${'x'.repeat(9000)} ${rest}`,
    `BREW /token=${token}${route}/a ${rest}`,
    `GET /token=${token}${route}/a HTTP/1.1\r\nHost: a.test\r\nAuthorization: Bearer ${BEARER}\r\nBad Field: ${token}\r\n\r\n`,
    `GET /token=${token}${route}/a HTTP/1.1\r\nHost: a.test\r\nCookie: token=${token}\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    `POST /token=${token}${route}/a HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n${token}`,
    `CONNECT ${token}:443 ${rest}`,
  ]
}

test.each([
  ['trace', 'json'],
  ['debug', 'pretty'],
] as const)('at level %s, in %s', { timeout: 60_000 }, async (level, format) => {
  const clock = new FakeClock()
  const [s3, packager] = await Promise.all([startS3Server(), startHttpServer()])
  const lines: string[] = []
  const text = configText({ level, format }, s3, packager.url)
  const app = await startApp(loadConfig({ text, file: 'secrets.yaml' }, {}), {
    clock,
    graceMs: 1000,
    log: { write: (line) => void lines.push(line) },
    random: () => 0,
  })
  onTestFinished(async () => {
    const closed = app.close()
    clock.advance(1000)
    await closed
    await Promise.all([s3.close(), packager.close()])
  })
  s3.put('s3/a', 'the object')
  s3.on('s3/refused', (exchange) => exchange.error(403, 'SignatureDoesNotMatch'))
  s3.on('s3/fails', (exchange) => exchange.error(500, 'InternalError'))
  s3.on('s3/cut', (exchange) => exchange.reset())
  for (const route of ['/http', '/pass']) {
    packager.put(`${route}/a`, 'the object', { 'Cache-Control': 'max-age=60', 'Set-Cookie': `id=${ORIGIN_COOKIE}` })
    packager.on(`${route}/refused`, (exchange) => exchange.send({ status: 401, body: 'no' }))
    packager.on(`${route}/fails`, (exchange) => exchange.send({ status: 500, body: 'broken' }))
    packager.on(`${route}/cut`, (exchange) => exchange.reset())
  }

  const tokens: string[] = []
  const told: string[] = []
  const port = app.addresses[0]?.port ?? 0
  const statuses = new Set<number>()
  const run = async (names: readonly string[]) => {
    for (const route of ROUTES) {
      const good = hmacToken(`${route}/`, clock.now())
      const bad = [hmacToken(`${route}/`, clock.now() - 7_200_000), hmacToken('/other/', clock.now()), `${good}x`]
      tokens.push(good, ...bad)
      const requests = [
        ...names.flatMap((name) => carried(good, `${route}/${name}`)),
        ...bad.flatMap((token) => carried(token, `${route}/a`)),
      ]
      for (const sent of requests) {
        const { status, reason, headers, body } = await request(port, sent)
        statuses.add(status)
        // What an origin sets is for its client, who has to get it.
        told.push(`${reason} ${JSON.stringify({ ...headers, 'set-cookie': '' })} ${body}`)
      }
      for (const bytes of malformed(good, route)) told.push((await rawExchange(port, bytes)).toString('latin1'))
    }
    for (const bearer of [ADMIN_TOKEN, `${ADMIN_TOKEN}x`]) {
      for (const path of ADMIN_PATHS) {
        const headers = { Authorization: `Bearer ${bearer}`, Cookie: `session=${COOKIE}` }
        const answer = await request(app.admin?.port ?? 0, { path, headers })
        told.push(`${JSON.stringify(answer.headers)} ${answer.body}`)
      }
    }
  }

  const listener = await listenTo(app.admin?.port ?? 0, { Authorization: `Bearer ${ADMIN_TOKEN}` })
  await listener.events('state', 1)
  await run(['a', 'a', 'missing', 'refused', 'fails', 'cut'])
  expect([...statuses].toSorted((a, b) => a - b)).toEqual([200, 401, 403, 404, 500, 502])
  const signatures = s3.requests.flatMap(({ headers }) => headers.authorization?.split('Signature=')[1] ?? [])
  expect(signatures.length).toBeGreaterThan(3)
  await Promise.all([s3.close(), packager.close()])
  await run(['a', 'unknown'])
  clock.advance(1000)
  const { topPaths, troubles } = (await listener.events('state', 2)).at(-1)
  expect([topPaths.length > 5, troubles.length > 5]).toEqual([true, true])
  told.push(String(listener.answer.received()))

  const parts = tokens.flatMap((token) => [token, token.slice(token.lastIndexOf('.') + 1)])
  const log = lines.join('')
  expect(log).toMatch(/fill failed/)
  expect(told.some((text) => text.includes('segment_shield_requests_total{'))).toBe(true)
  for (const secret of [...FIXED, ...parts, ...signatures]) {
    expect(log).not.toContain(secret)
    expect(told.join('\n')).not.toContain(secret)
  }
  expect(log).not.toContain(ORIGIN_COOKIE)
})

function configText(log: object, s3: { readonly endpoint: string; readonly bucket: string }, url: string): string {
  const tokens = { scheme: 'hmac', keys: { k1: HMAC_KEY }, in: ['path', 'query', 'cookie'] }
  const secretHeader = { name: 'X-Edge-Secret', values: [EDGE_SECRET] }
  const guarded = { access: { tokens, secretHeader } }
  const unhurried = {
    retry: { maxAttempts: 1, deadline: '1d' },
    limits: { requestsPerSecond: 1_000_000_000, queueTimeout: '1d' },
    breaker: { minRequests: 1_000_000_000 },
  }
  const { endpoint, bucket } = s3
  const store = { endpoint, bucket, region: 'sfo3', credentials: CREDENTIALS, forcePathStyle: true }
  return JSON.stringify({
    listen: [{ address: '127.0.0.1:0' }],
    admin: { address: '127.0.0.1:0', token: ADMIN_TOKEN },
    log: { access: true, ...log },
    origins: { spaces: { type: 's3', ...store, ...unhurried }, packager: { type: 'http', url, ...unhurried } },
    routes: [
      { match: '/s3/**', origin: 'spaces', staleIfError: '0s', serverTiming: true, ...guarded },
      { match: '/http/**', origin: 'packager', staleIfError: '0s', serverTiming: true, ...guarded },
      { match: '/pass/**', passthrough: url, ...guarded },
    ],
  })
}
