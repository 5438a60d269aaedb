/** The first route that matches serves a request, and a path that names no object never reaches the bucket. */
import { expect, test } from 'vitest'
import { request, startShield } from '../support/shield.ts'

test('the first route that matches wins, with its rules', async () => {
  const { s3, port } = await startShield({
    routes: [
      { match: '/live/**/*.m3u8', ttl: '1s' },
      { match: '/{live,vod}/**', ttl: '1h' },
      { match: '/live/**', ttl: '2h' },
    ],
  })
  for (const key of ['live/x.m3u8', 'live/a/b/x.m3u8', 'live/1.ts', 'vod/x.m3u8']) s3.put(key, 'x')

  const ttls: string[] = []
  for (const path of ['/live/x.m3u8', '/live/a/b/x.m3u8', '/live/1.ts', '/vod/x.m3u8']) {
    const { headers } = await request(port, { path })
    ttls.push(`${path} ${/ttl=(\d+)/.exec(headers['cache-status'] ?? '')?.[1]}`)
  }

  expect(ttls).toEqual(['/live/x.m3u8 1', '/live/a/b/x.m3u8 1', '/live/1.ts 3600', '/vod/x.m3u8 3600'])
})

test('a path no route matches is a 404 that asks no origin and may not be kept', async () => {
  const { s3, port } = await startShield({ routes: [{ match: '/vod/*.ts' }] })
  s3.put('secret', 'x')
  s3.put('vod/a/1.ts', 'x')

  for (const path of ['/secret', '/vod/a/1.ts', '/vod/1.ts/', '/vod', '/VOD/1.ts', '/vod/1.m3u8?x=/vod/1.ts']) {
    const { status, headers, body } = await request(port, { path })
    expect([path, status, headers['cache-control'], body.toString()]).toEqual([path, 404, 'no-store', 'Not found\n'])
  }
  expect(s3.requests).toEqual([])
})

test('an escaped path is matched by what it says, so escapes get around no route', async () => {
  const { s3, port } = await startShield({
    routes: [{ match: '/vod/**', stripPrefix: '/vod' }],
  })
  s3.put('1.ts', 'x')

  expect((await request(port, { path: '/%76od/%31.ts' })).status).toBe(200)
  expect((await request(port, { path: '/priv%61te/1.ts' })).status).toBe(404)
  expect(s3.requests.map(({ key }) => key)).toEqual(['1.ts'])
})

test('stripPrefix is taken off where a segment ends, and nowhere else', async () => {
  const { s3, port } = await startShield({
    routes: [{ match: '/**', stripPrefix: '/media' }],
    origin: { keyPrefix: 'p/' },
  })

  for (const path of ['/media/a.ts', '/media/media/a.ts', '/mediathek/a.ts', '/x/media/a.ts', '/media']) {
    await request(port, { path })
  }

  expect(s3.requests.map(({ key }) => key)).toEqual([
    'p/a.ts',
    'p/media/a.ts',
    'p/mediathek/a.ts',
    'p/x/media/a.ts',
    'p/media',
  ])
})

test('an empty name is a 404 without an origin request: a bucket is never listed', async () => {
  const { s3, port } = await startShield({
    routes: [{ match: '/media/**', stripPrefix: '/media' }, { match: '/**' }],
    origin: { keyPrefix: 'prefix/' },
  })

  for (const path of ['/', '/?list-type=2', '/?prefix=a&delimiter=/', '/media/', '/media/?acl', '/?']) {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers } = await request(port, { path, method })
      expect([method, path, status, headers['cache-control']]).toEqual([method, path, 404, 'no-store'])
    }
  }
  expect(s3.requests).toEqual([])
})

test('a query of S3’s own never turns a request into another one', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', 'x')

  for (const query of ['?acl', '?versionId=1', '?partNumber=1', '?response-content-type=text/html', '?uploads']) {
    const { body, headers } = await request(port, { path: `/a.ts${query}` })
    expect([query, body.toString(), headers['content-type']]).toEqual([query, 'x', 'video/mp2t'])
  }
  expect(s3.requests.length).toBe(1)
  expect(s3.requests[0]?.url).not.toMatch(/acl|versionId|partNumber|response-content-type|uploads/)
})
