/** Tokens where other things meet them: HTTP/2, CORS, encodings, delivery directives, keys that are whole queries. */
import { describe, expect, test } from 'vitest'
import { hmacAccess, hmacToken } from '../support/access-tokens.ts'
import { makeCertificate } from '../support/certificates.ts'
import { encodedAnswer, playlist } from '../support/encoded.ts'
import { startHttpShield } from '../support/http-shield.ts'
import { openSession, requestOn } from '../support/http2-client.ts'
import { request, startShield } from '../support/shield.ts'

const A = 'https://a.example'
const CORS = { origins: [A, 'https://b.example'] }
const PREFLIGHT = { Origin: A, 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'range' }

test('a preflight finds its route behind a token in the path, and needs none', async () => {
  const routes = [{ match: '/vod/**', cors: CORS, access: hmacAccess({ in: ['path', 'query', 'cookie'] }) }]
  const { s3, port, clock } = await startShield({ routes })
  const token = hmacToken('/vod/', clock.now())
  for (const path of [
    `/token=${token}/vod/a.m3u8`,
    `/vod/a.m3u8?token=${token}`,
    '/vod/a.m3u8',
    '/token=bad/vod/a.m3u8',
  ]) {
    const { status, headers } = await request(port, { path, method: 'OPTIONS', headers: PREFLIGHT })
    expect([path, status, headers['access-control-allow-origin'], headers['vary']]).toEqual([path, 204, A, 'Origin'])
  }
  const refused = await request(port, { path: '/vod/a.m3u8', headers: { Origin: A } })
  expect([refused.status, refused.headers['access-control-allow-origin'], refused.headers['vary']]).toEqual([
    403,
    A,
    'Origin',
  ])
  expect(s3.requests).toHaveLength(0)
})

test('an encoded answer to another site varies by both, whichever kind of answer it is', async () => {
  const { s3, port } = await startShield({ routes: [{ match: '/**', cors: CORS, ttl: '1h', serverTiming: true }] })
  s3.put('a.m3u8', playlist(4096))
  const path = '/a.m3u8'
  const encoded = await encodedAnswer(port, 'br', { path, headers: { Origin: A } })
  const etag = encoded.headers['etag'] ?? ''
  const headers = { Origin: A, 'Accept-Encoding': 'br' }
  const answers = [
    encoded,
    await request(port, { path, headers }),
    await request(port, { path, headers, method: 'HEAD' }),
    await request(port, { path, headers: { ...headers, 'If-None-Match': etag } }),
    await request(port, { path, headers: { Origin: A } }),
    await request(port, { path, headers: { ...headers, Range: 'bytes=0-9' } }),
    await request(port, { path, headers: { ...headers, Range: 'bytes=0-9', 'If-Range': etag } }),
    await request(port, { path, headers: { ...headers, Range: 'bytes=0-1,4-5' } }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 304, 200, 206, 200, 206])
  for (const answer of answers) {
    expect((answer.headers['vary'] ?? '').split(', ').toSorted()).toEqual(['Accept-Encoding', 'Origin'])
    expect(answer.headers['access-control-allow-origin']).toBe(A)
    expect(answer.headers['server-timing']).toBeDefined()
    expect(answer.rawHeaders.filter(([name]) => name.toLowerCase() === 'x-content-type-options').length).toBeLessThan(2)
  }
  expect(answers.map(({ headers: { etag: tag } }) => tag === etag)).toEqual([
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false,
  ])
})

describe('a server whose key is the whole query', () => {
  const route = {
    cors: CORS,
    access: { ...hmacAccess({ in: ['query', 'cookie', 'path'] }), rewritePlaylists: true },
    ttl: '1h',
  }
  const QUERY = '_HLS_msn=4&b=2&a=1&a=0&_HLS_part=1'

  async function start(isSecure: boolean) {
    const shield = await startHttpShield({ route, ...(isSecure && { listen: { tls: makeCertificate() } }) })
    const { origin, clock } = shield
    origin.put(`/live/a.m3u8?${QUERY}`, '#EXTM3U\n#EXTINF:6,\n1.ts?x=1\n', {
      'Cache-Control': 'max-age=60',
      'Content-Type': 'application/vnd.apple.mpegurl',
      Vary: 'Cookie, Accept-Encoding',
    })
    return { ...shield, token: hmacToken('/live/', clock.now()) }
  }

  test.each([false, true])(
    'sees nothing of tokens, wherever they are carried, and is asked once (HTTP/2: %s)',
    async (isSecure) => {
      const { origin, port, token } = await start(isSecure)
      const session = isSecure ? await openSession(port) : undefined
      const ask = (path: string, headers: Record<string, string> = {}) => {
        const options = { path, headers: { Origin: A, ...headers, Cookie: `a=1${headers['Cookie'] ?? ''}` } }
        return session ? requestOn(session, options) : request(port, options)
      }
      const cmcd = 'CMCD=bl%3D100'
      const answers = [
        await ask(`/live/a.m3u8?token=${token}&${QUERY}`),
        await ask(`/live/a.m3u8?${QUERY}&${cmcd}&token=${token}`),
        await ask(`/live/a.m3u8?_HLS_msn=4&b=2&token=${token}&a=1&a=0&_HLS_part=1`),
        await ask(`/live/a.m3u8?${QUERY}`, { Cookie: `; token=${token}`, 'CMCD-Request': 'bl=100' }),
        await ask(`/token=${token}/live/a.m3u8?${QUERY}&${cmcd}`),
      ]
      expect(answers.map(({ status, body }) => [status, body.toString().split('\n')[2]])).toEqual([
        ...[1, 2, 3].map(() => [200, `1.ts?x=1&token=${token}`]),
        ...[1, 2].map(() => [200, '1.ts?x=1']),
      ])
      expect(origin.requests.map(({ target }) => target)).toEqual([`/live/a.m3u8?${QUERY}`])
      expect(JSON.stringify(origin.requests.map(({ rawFields }) => rawFields))).not.toMatch(/token|cmcd/i)
      session?.destroy()
    },
  )
})
