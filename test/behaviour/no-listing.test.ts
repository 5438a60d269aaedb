/** What a bucket holds is never told: objects are had by their names, and by nothing else. */
import { expect, test } from 'vitest'
import { request, startShield } from '../support/shield.ts'

const TARGETS = [
  '/',
  '//',
  '/?',
  '/?list-type=2',
  '/?list-type=2&prefix=vod/',
  '/?prefix=vod/&delimiter=/',
  '/?uploads',
  '/?acl',
  '/?versions',
  '/vod/',
  '/vod/?list-type=2',
  '/vod/?prefix=',
  '/vod//',
  '/%2f',
  '/%2f?list-type=2',
  '/media',
  '/media/',
  '/media?list-type=2',
]

test.each([
  ['in path style', { forcePathStyle: true }],
  ['with a prefix before every key', { keyPrefix: 'vod/' }],
])('whatever is asked, %s', async (_what, origin) => {
  const { s3, port } = await startShield({
    origin,
    routes: [{ match: '/vod/**', stripPrefix: '/vod' }, { match: '/**' }],
    retry: { maxAttempts: 1 },
  })
  s3.put('vod/hidden-name.ts', 'x')
  // As a store would, if it were ever asked.
  s3.onAny((exchange) => {
    const { key } = exchange.request
    if (key !== undefined && key !== '') return exchange.answer()
    return exchange.response.writeHead(200).end('<ListBucketResult><Key>vod/hidden-name.ts</Key></ListBucketResult>')
  })
  for (const path of TARGETS) {
    const { status, body } = await request(port, { path })
    expect([path, status]).toEqual([path, 404])
    expect(body.toString()).not.toContain('hidden-name')
  }
  for (const { url, key } of s3.requests) {
    expect(key ?? '').not.toBe('')
    expect(url).not.toMatch(/[?&](?:list-type|prefix|delimiter|uploads|acl|versions)\b/)
  }
})
