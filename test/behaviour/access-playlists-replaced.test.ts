/** A playlist that is replaced while it is collected for one client, who gets the new one, with the token in it. */
import { expect, test } from 'vitest'
import { hmacAccess, hmacToken } from '../support/access-tokens.ts'
import { startHttpShield } from '../support/http-shield.ts'
import { ordinary, type S3Handler } from '../support/s3-socket-server.ts'
import { request, startShield } from '../support/shield.ts'

const ROUTE = { match: '/**', access: { ...hmacAccess({ in: ['query', 'path'] }), rewritePlaylists: true }, ttl: '1h' }
/** The lists here are a bit more than two slices. */
const CACHE = { slice: '64KiB', maxObject: '64KiB' }

/** A list of segments whose names have that in them. */
function listOf(name: string): string {
  const segments = Array.from({ length: 5000 }, (_, index) => `#EXTINF:6,\n${name}-${index}.ts\n`)
  return `#EXTM3U\n${segments.join('')}`
}

const withToken = (list: string, token: string) => list.replaceAll('.ts\n', `.ts?token=${token}\n`)

const OLD = listOf('old')
const NEW = listOf('newer')

async function started() {
  const shield = await startShield({ routes: [ROUTE], cache: CACHE })
  shield.s3.put('vod/a.m3u8', OLD)
  const token = hmacToken('/vod/', shield.clock.now())
  return { ...shield, token, path: `/vod/a.m3u8?token=${token}`, inPath: `/token=${token}/vod/a.m3u8` }
}

test('of a bucket, some slices of the old one being stored: the new one is asked for, and it alone goes out', async () => {
  const { s3, port, token, path, inPath } = await started()
  await request(port, { path: inPath, headers: { Range: 'bytes=0-99' } })
  s3.put('vod/a.m3u8', NEW)
  const { status, body, headers } = await request(port, { path })

  expect([status, body.toString() === withToken(NEW, token)]).toEqual([200, true])
  expect(headers['cache-control']).toBe('private')
  expect((await request(port, { path: inPath })).body.toString() === NEW).toBe(true)
})

test('of a bucket, half way through the connection that brings it: the same', async () => {
  const { s3, port, token, path } = await started()
  s3.once('vod/a.m3u8', async (exchange) => {
    await exchange.answerPart(100_000)
    s3.put('vod/a.m3u8', NEW)
    exchange.reset()
  })
  const { status, body } = await request(port, { path })
  expect([status, body.toString() === withToken(NEW, token)]).toEqual([200, true])
})

test('of a bucket, and gone by then: that is the answer', async () => {
  const { s3, port, path, inPath } = await started()
  await request(port, { path: inPath, headers: { Range: 'bytes=0-99' } })
  s3.delete('vod/a.m3u8')
  const { status, body } = await request(port, { path })
  expect([status, body.includes('EXTINF')]).toEqual([404, false])
})

test('of a bucket, again and again: an error after four times, and nothing of any', async () => {
  const { s3, port, path } = await started()
  let version = 0
  const broken: S3Handler = async (exchange) => {
    await exchange.answerPart(100_000)
    version += 1
    s3.put('vod/a.m3u8', listOf(`version-${version}`))
    exchange.reset()
  }
  // Each time the rest is asked for as a part of what is there no more.
  s3.once('vod/a.m3u8', ...Array.from({ length: 4 }, () => [broken, ordinary]).flat())
  const { status, body } = await request(port, { path })
  expect([status, body.toString(), version]).toEqual([502, 'The origin could not be used\n', 4])
})

test('of an HTTP origin: the same', async () => {
  const { origin, port, clock } = await startHttpShield({ route: ROUTE, cache: CACHE })
  const token = hmacToken('/vod/', clock.now())
  const put = (list: string) =>
    origin.put('/vod/a.m3u8', list, { 'Content-Type': 'application/vnd.apple.mpegurl', ETag: `"${list.length}"` })
  put(OLD)
  await request(port, { path: `/token=${token}/vod/a.m3u8`, headers: { Range: 'bytes=0-99' } })
  put(NEW)
  const { status, body } = await request(port, { path: `/vod/a.m3u8?token=${token}` })
  expect([status, body.toString() === withToken(NEW, token)]).toEqual([200, true])
})
