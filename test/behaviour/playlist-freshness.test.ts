/** A route with nothing but its pattern and its origin keeps a playlist for as long as its own text lets it. */
import { describe, expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { openRequest, request, type Shield, type ShieldOptions, startShield } from '../support/shield.ts'

const LIVE = '#EXTM3U\n#EXT-X-TARGETDURATION:8\n#EXT-X-MEDIA-SEQUENCE:7\n#EXTINF:8,\n7.ts\n'
const FINISHED = `${LIVE}#EXT-X-ENDLIST\n`
const MPD = '<?xml version="1.0"?><MPD type="dynamic" minimumUpdatePeriod="PT6S"><Period/></MPD>'
const SECOND = 1000

async function isHit({ port }: Pick<Shield, 'port'>, path: string): Promise<boolean> {
  const answer = await request(port, { path })
  expect(answer.status).toBe(200)
  return answer.headers['cache-status']?.startsWith('segment-shield; hit') ?? false
}

/** A hit to the last millisecond, and then no more. */
async function expectFreshFor(shield: Pick<Shield, 'port' | 'clock'>, path: string, freshMs: number): Promise<void> {
  expect(await isHit(shield, path)).toBe(false)
  shield.clock.advance(freshMs - 1)
  expect(await isHit(shield, path)).toBe(true)
  shield.clock.advance(1)
  expect(await isHit(shield, path)).toBe(false)
}

async function withBucket(
  path: string,
  text: string | Buffer,
  headers: Record<string, string> = {},
  options: ShieldOptions = {},
) {
  const shield = await startShield(options)
  shield.s3.put(path.slice(1), text, headers)
  return shield
}

describe('out of a bucket that says nothing', () => {
  test.each([
    ['a live playlist', '/live/a.m3u8', LIVE, 4 * SECOND],
    ['a finished one', '/vod/a.m3u8', FINISHED, 300 * SECOND],
    ['a live manifest', '/live/a.mpd', MPD, 3 * SECOND],
    ['an odd one', '/live/odd.m3u8', 'what is this', 2 * SECOND],
    ['an empty one', '/live/none.m3u8', '', 2 * SECOND],
  ])('%s (%s)', async (_title, path, text, freshMs) => {
    await expectFreshFor(await withBucket(path, text), path, freshMs)
  })

  test('a playlist that has ended is looked at anew when it is confirmed, and when it is replaced', async () => {
    const shield = await withBucket('/live/a.m3u8', LIVE)
    await expectFreshFor(shield, '/live/a.m3u8', 4 * SECOND)
    // That was a 304: the same text gives the same freshness.
    shield.clock.advance(4 * SECOND - 1)
    expect(await isHit(shield, '/live/a.m3u8')).toBe(true)
    shield.s3.put('live/a.m3u8', FINISHED)
    shield.clock.advance(1)
    await expectFreshFor(shield, '/live/a.m3u8', 300 * SECOND)
    expect(shield.s3.requests).toHaveLength(4)
  })

  test('a compressed one has the freshness of its kind, since nobody reads its text', async () => {
    const headers = { 'content-encoding': 'gzip' }
    await expectFreshFor(await withBucket('/live/a.m3u8', FINISHED, headers), '/live/a.m3u8', 2 * SECOND)
  })
})

describe('what somebody has said counts before the text', () => {
  test('the origin', async () => {
    const headers = { 'cache-control': 'max-age=60' }
    await expectFreshFor(await withBucket('/live/a.m3u8', LIVE, headers), '/live/a.m3u8', 60 * SECOND)
  })

  test('the route’s ttl', async () => {
    const shield = await withBucket('/live/a.m3u8', LIVE, {}, { routes: [{ match: '/**', ttl: '1s' }] })
    await expectFreshFor(shield, '/live/a.m3u8', SECOND)
  })

  test('the route’s defaultTtl', async () => {
    const shield = await withBucket('/live/a.m3u8', LIVE, {}, { routes: [{ match: '/**', defaultTtl: '9s' }] })
    await expectFreshFor(shield, '/live/a.m3u8', 9 * SECOND)
  })
})

describe('from an HTTP origin', () => {
  test('whose answer has no length', async () => {
    const shield = await startHttpShield()
    shield.origin.on('/live/a.m3u8', (exchange) => exchange.send({ body: LIVE, framing: 'chunked' }))
    await expectFreshFor(shield, '/live/a.m3u8', 4 * SECOND)
  })

  test('where only the media type says that it is a playlist', async () => {
    const shield = await startHttpShield()
    shield.origin.put('/channel/5', LIVE, { 'Content-Type': 'application/x-mpegURL' })
    await expectFreshFor(shield, '/channel/5', 4 * SECOND)
  })

  test('that forbids to keep it', async () => {
    const shield = await startHttpShield()
    shield.origin.put('/live/a.m3u8', LIVE, { 'Cache-Control': 'no-store' })
    expect([await isHit(shield, '/live/a.m3u8'), await isHit(shield, '/live/a.m3u8')]).toEqual([false, false])
  })

  test('is answered for those who wait for it while it arrives, and asked for anew if its time is over by then', async () => {
    const shield = await startHttpShield()
    const rest = Promise.withResolvers<void>()
    shield.origin.once('/live/a.m3u8', async (exchange) => {
      await exchange.head(200, { 'Content-Length': String(LIVE.length) })
      await exchange.write(LIVE.slice(0, 20))
      await rest.promise
      await exchange.write(LIVE.slice(20))
    })
    shield.origin.put('/live/a.m3u8', LIVE)
    const first = await openRequest(shield.port, { path: '/live/a.m3u8' })
    await first.receivedBytes(20)
    shield.clock.advance(5 * SECOND)
    rest.resolve()
    const { body, isWhole } = await first.ended
    expect([body.toString(), isWhole]).toEqual([LIVE, true])
    expect(await isHit(shield, '/live/a.m3u8')).toBe(false)
  })
})
