/** A playlist that was asked for with a token in the query hands it on, to one client; the cache keeps the original. */
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { hmacAccess, hmacToken } from '../support/access-tokens.ts'
import { encodedAnswer, playlist } from '../support/encoded.ts'
import { startHttpShield } from '../support/http-shield.ts'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { request, type ShieldOptions, startShield } from '../support/shield.ts'

const PLAYLIST = '#EXTM3U\r\n#EXT-X-MAP:URI="init.mp4"\r\n#EXTINF:6,\r\n1.ts\r\nhttps://cdn.test/2.ts\r\n'
const rewritten = (token: string) =>
  `#EXTM3U\r\n#EXT-X-MAP:URI="init.mp4?token=${token}"\r\n#EXTINF:6,\r\n1.ts?token=${token}\r\nhttps://cdn.test/2.ts\r\n`
const ACCESS = { ...hmacAccess({ in: ['query', 'path'] }), rewritePlaylists: true }

async function started(options: ShieldOptions = {}) {
  const shield = await startShield({ routes: [{ match: '/**', access: ACCESS, ttl: '1h' }], ...options })
  shield.s3.put('vod/a.m3u8', PLAYLIST)
  return { ...shield, token: hmacToken('/vod/', shield.clock.now()) }
}

test('each client gets its own token in it, and the origin is asked once', async () => {
  const { s3, port, clock, token } = await started()
  const another = hmacToken('/', clock.now())
  for (const one of [token, another, token]) {
    const { body, headers, isWhole } = await request(port, { path: `/vod/a.m3u8?token=${one}` })
    expect(isWhole).toBe(true)
    expect(body.toString()).toBe(rewritten(one))
    expect(headers).toMatchObject({
      'cache-control': 'private',
      'content-length': String(rewritten(one).length),
      'content-type': 'application/vnd.apple.mpegurl',
    })
    expect(headers).not.toHaveProperty('etag')
    expect(headers).not.toHaveProperty('last-modified')
  }
  expect(s3.requests).toHaveLength(1)
})

test('a child leads to what its token is good for', async () => {
  const { s3, port, token } = await started()
  s3.put('vod/1.ts', 'bytes')
  const { body } = await request(port, { path: `/vod/a.m3u8?token=${token}` })
  const child = body.toString().split('\r\n')[3] ?? ''
  expect((await request(port, { path: `/vod/${child}` })).body.toString()).toBe('bytes')
})

test('is kept as it came: with a token in the path it goes out untouched, with its validator', async () => {
  const { port, token } = await started()
  await request(port, { path: `/vod/a.m3u8?token=${token}` })
  const { body, headers } = await request(port, { path: `/token=${token}/vod/a.m3u8` })
  expect(body.toString()).toBe(PLAYLIST)
  expect(headers).toHaveProperty('etag')
  expect(headers['cache-status']).toMatch(/; hit/)
})

test('a range, a condition and HEAD are about the rewritten one', async () => {
  const { port, token } = await started()
  const path = `/vod/a.m3u8?token=${token}`
  const whole = rewritten(token)
  const { headers } = await request(port, { path: `/token=${token}/vod/a.m3u8` })
  const ask = (more: Readonly<Record<string, string>>, method = 'GET') => request(port, { path, headers: more, method })

  const part = await ask({ Range: 'bytes=10-30' })
  expect([part.status, part.body.toString()]).toEqual([206, whole.slice(10, 31)])
  expect(part.headers['content-range']).toBe(`bytes 10-30/${whole.length}`)
  expect((await ask({ 'If-None-Match': headers['etag'] ?? '' })).status).toBe(200)
  const head = await ask({}, 'HEAD')
  expect([head.status, head.headers['content-length']]).toEqual([200, String(whole.length)])
  expect(head.headers).not.toHaveProperty('etag')
})

test('no field of the route makes it public', async () => {
  const responseHeaders = { 'Cache-Control': 'public, max-age=60', 'CDN-Cache-Control': 'max-age=60', 'X-Kept': 'yes' }
  const { port, token } = await started({ routes: [{ match: '/**', access: ACCESS, responseHeaders }] })
  const { headers } = await request(port, { path: `/vod/a.m3u8?token=${token}` })
  expect(headers['cache-control']).toBe('private')
  expect(headers).not.toHaveProperty('cdn-cache-control')
  expect(headers['x-kept']).toBe('yes')
})

test('a client that takes encodings gets its own all the same, not the one that was encoded for all', async () => {
  const { s3, port, token } = await started()
  s3.put('vod/long.m3u8', playlist(4096))
  await encodedAnswer(port, 'br', { path: `/token=${token}/vod/long.m3u8` })
  const path = `/vod/long.m3u8?token=${token}`
  const { body, headers } = await request(port, { path, headers: { 'Accept-Encoding': 'br, gzip' } })
  expect(headers).not.toHaveProperty('content-encoding')
  const children = body.toString().match(/^segment.*$/gm) ?? []
  expect(children.length).toBeGreaterThan(50)
  expect(children.filter((child) => !child.endsWith(`.m4s?token=${token}`))).toEqual([])
})

test('what is no playlist goes out as it is', async () => {
  const { s3, port, token } = await started()
  s3.put('vod/1.ts', PLAYLIST)
  const { body, headers } = await request(port, { path: `/vod/1.ts?token=${token}` })
  expect(body.toString()).toBe(PLAYLIST)
  expect(headers).toHaveProperty('etag')
})

test('one that breaks off is an error, and no part of it goes out', async () => {
  const { s3, port, token } = await started()
  s3.put('vod/b.m3u8', PLAYLIST)
  const attempts = { count: 0 }
  s3.on('vod/b.m3u8', async (exchange) => {
    attempts.count += 1
    if (attempts.count === 1) await exchange.answerPart(20)
    exchange.reset()
  })
  const { status, body } = await request(port, { path: `/vod/b.m3u8?token=${token}` })
  expect(status).toBe(502)
  expect(body.toString()).toBe('The origin could not be used\n')
})

test('one that still arrives is waited for', async () => {
  const { s3, port, token } = await started()
  s3.put('vod/b.m3u8', PLAYLIST)
  const rest = gate()
  s3.on('vod/b.m3u8', pausedAfter(20, rest))
  const asked = request(port, { path: `/vod/b.m3u8?token=${token}` })
  await s3.received(1)
  rest.open()
  expect((await asked).body.toString()).toBe(rewritten(token))
})

test('of an HTTP origin it keeps what it says about the client’s own cache, and is unpacked where it came packed', async () => {
  const { origin, port, clock } = await startHttpShield({ route: { access: ACCESS } })
  const fields = {
    'Content-Type': 'application/x-mpegURL',
    'Cache-Control': 'public, max-age=4, s-maxage=9',
    ETag: '"1"',
    'Content-Encoding': 'gzip',
  }
  origin.put('/vod/a.m3u8', gzipSync(PLAYLIST), fields)
  origin.put('/vod/b.m3u8', Buffer.from('not packed'), fields)
  const token = hmacToken('/vod/', clock.now())
  for (const _ of ['miss', 'hit']) {
    const { body, headers } = await request(port, { path: `/vod/a.m3u8?token=${token}` })
    expect(body.toString()).toBe(rewritten(token))
    expect(headers['cache-control']).toBe('private, max-age=4')
    expect(headers).not.toHaveProperty('content-encoding')
  }
  expect((await request(port, { path: `/vod/b.m3u8?token=${token}` })).status).toBe(502)
  const head = await request(port, { path: `/vod/c.m3u8?token=${token}`, method: 'HEAD' })
  expect(head.status).toBe(404)
  expect(origin.requests.map(({ target }) => target)).toEqual(['/vod/a.m3u8', '/vod/b.m3u8', '/vod/c.m3u8'])
})

test('the children of a manifest carry it as well', async () => {
  const { s3, port, token } = await started()
  s3.put('vod/a.mpd', '<MPD><Period><SegmentTemplate media="$Number$.m4s"/></Period></MPD>')
  const { body, headers } = await request(port, { path: `/vod/a.mpd?token=${token}` })
  expect(body.toString()).toBe(`<MPD><Period><SegmentTemplate media="$Number$.m4s?token=${token}"/></Period></MPD>`)
  expect(headers['content-type']).toBe('application/dash+xml')
})

test('children of this server by its name carry it, those of another do not', async () => {
  const { s3, port, token } = await started()
  s3.put('vod/a.m3u8', 'http://media.test/vod/1.ts\nhttp://other.test/vod/1.ts\n')
  const { body } = await request(port, { path: `/vod/a.m3u8?token=${token}`, headers: { Host: 'media.test' } })
  expect(body.toString()).toBe(`http://media.test/vod/1.ts?token=${token}\nhttp://other.test/vod/1.ts\n`)
})
