/** How long an answer is served without asking: what the route says, else the origin, else the kind of object. */
import { describe, expect, test } from 'vitest'
import { pattern, request, type Shield, type ShieldOptions, startShield } from '../support/shield.ts'

const SECOND = 1000
const DAY = 24 * 3600 * SECOND
const BYTES = pattern(10_000)

interface Fresh {
  readonly path: string
  /** Of the origin's answer. A function is told the time at which it is sent. */
  readonly headers?: Readonly<Record<string, string>> | ((nowMs: number) => Readonly<Record<string, string>>)
  readonly routes?: NonNullable<ShieldOptions['routes']>
  readonly freshMs: number
}

async function isHit({ port }: Shield, path: string): Promise<boolean> {
  const answer = await request(port, { path })
  expect(answer.status).toBe(200)
  expect(answer.body.equals(BYTES)).toBe(true)
  return answer.headers['cache-status']?.startsWith('segment-shield; hit') ?? false
}

/** A hit to the last millisecond, and then one request to the origin. */
async function expectFreshFor({ path, headers = {}, routes = [{ match: '/**' }], freshMs }: Fresh): Promise<void> {
  const shield = await startShield({ routes })
  const { s3, clock } = shield
  const key = path.slice(1)
  s3.put(key, BYTES)
  s3.on(key, (exchange) => {
    const date = new Date(clock.now()).toUTCString()
    return exchange.answer({ date, ...(typeof headers === 'function' ? headers(clock.now()) : headers) })
  })
  expect(await isHit(shield, path)).toBe(false)
  if (freshMs > 0) {
    clock.advance(freshMs - 1)
    expect(await isHit(shield, path)).toBe(true)
    clock.advance(1)
    expect(s3.requests).toHaveLength(1)
  }
  expect(await isHit(shield, path)).toBe(false)
  expect(s3.requests).toHaveLength(2)
  expect(s3.requests[1]?.headers['if-none-match']).toBeDefined()
}

describe('where the origin says nothing', () => {
  test.each([
    ['/live/index.m3u8', 2 * SECOND],
    ['/live/manifest.mpd', 2 * SECOND],
    ['/vod/1.ts', 14 * DAY],
    ['/vod/1.m4s', 14 * DAY],
    ['/vod/init.mp4', 14 * DAY],
    ['/vod/subtitles.vtt', 3600 * SECOND],
    ['/vod/poster.jpg', 60 * SECOND],
    ['/vod/README', 60 * SECOND],
  ])('%s is fresh for %i ms', (path, freshMs) => expectFreshFor({ path, freshMs }))

  test('the route’s defaultTtl stands in for that of the kind of object', () =>
    expectFreshFor({ path: '/vod/1.ts', routes: [{ match: '/**', defaultTtl: '90s' }], freshMs: 90 * SECOND }))
})

describe('what the origin says', () => {
  test.each([
    ['max-age', { 'cache-control': 'max-age=30' }, 30],
    ['s-maxage before max-age', { 'cache-control': 'max-age=30, s-maxage=45' }, 45],
    ['max-age less the age it has already', { 'cache-control': 'max-age=30', age: '10' }, 20],
    ['no-cache', { 'cache-control': 'no-cache, max-age=30' }, 0],
    ['max-age=0', { 'cache-control': 'max-age=0' }, 0],
    ['max-age that is used up on arrival', { 'cache-control': 'max-age=30', age: '30' }, 0],
    ['Expires: 0', { expires: '0' }, 0],
  ])('counts: %s', (_what, headers, freshSeconds) =>
    expectFreshFor({ path: '/live/index.m3u8', headers, freshMs: freshSeconds * SECOND }),
  )

  test('counts: Expires', () =>
    expectFreshFor({
      path: '/live/index.m3u8',
      headers: (nowMs) => ({ expires: new Date(nowMs + 25 * SECOND).toUTCString() }),
      freshMs: 25 * SECOND,
    }))

  test('counts: max-age before Expires', () =>
    expectFreshFor({
      path: '/live/index.m3u8',
      headers: (nowMs) => ({
        expires: new Date(nowMs + 25 * SECOND).toUTCString(),
        'cache-control': 'public, max-age=5',
      }),
      freshMs: 5 * SECOND,
    }))

  test('counts before the route’s defaultTtl', () =>
    expectFreshFor({
      path: '/vod/1.ts',
      headers: { 'cache-control': 'max-age=30' },
      routes: [{ match: '/**', defaultTtl: '90s' }],
      freshMs: 30 * SECOND,
    }))
})

describe('the route’s ttl', () => {
  const routes = [{ match: '/live/**', ttl: '5s' }, { match: '/**' }]
  test.each([
    ['no-store', { 'cache-control': 'no-store' }],
    ['private', { 'cache-control': 'private' }],
    ['a longer max-age', { 'cache-control': 'max-age=600' }],
    ['an age', { 'cache-control': 'max-age=600', age: '500' }],
    ['Expires: 0', { expires: '0' }],
  ])('overrides %s', (_what, headers) => expectFreshFor({ path: '/live/1.ts', headers, routes, freshMs: 5 * SECOND }))

  test('is that of the first route that matches, and of no other', () =>
    expectFreshFor({ path: '/vod/1.ts', headers: { 'cache-control': 'max-age=30' }, routes, freshMs: 30 * SECOND }))

  test('of nothing means that each request is checked with the origin', () =>
    expectFreshFor({ path: '/live/1.ts', routes: [{ match: '/**', ttl: '0s' }], freshMs: 0 }))
})

test('Age counts the seconds since the origin made the answer', async () => {
  const { s3, port, clock } = await startShield()
  s3.put('vod/1.ts', BYTES)
  s3.on('vod/1.ts', (exchange) =>
    exchange.answer({ date: new Date(clock.now() - 7 * SECOND).toUTCString(), 'cache-control': 'max-age=60' }),
  )
  const first = await request(port, { path: '/vod/1.ts' })
  expect(first.headers['age']).toBe('7')
  clock.advance(10_500)
  const hit = await request(port, { path: '/vod/1.ts' })
  expect(hit.headers['age']).toBe('17')
  expect(hit.headers['date']).toBe(first.headers['date'])
  clock.advance(42_500)
  expect((await request(port, { path: '/vod/1.ts' })).headers['cache-status']).toContain('fwd=stale')
})
