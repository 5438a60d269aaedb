/** The whole program in front of a real gateway: what clients get, cold, warm and stale. */
import { DeleteObjectCommand } from '@aws-sdk/client-s3'
import { expect, test } from 'vitest'
import { pattern, transportUnderTest } from '../origin/fixture.ts'
import { describeWithRgw, put, putParts } from './fixture.ts'
import { ODD_KEYS } from './odd-keys.ts'
import { startShield, targetOf } from './shield.ts'

const MISS = /^segment-shield; fwd=uri-miss; fwd-status=200; stored/
const HIT = /^segment-shield; hit; ttl=\d+$/
const PART_BYTES = 5 * 1024 * 1024

describeWithRgw('the shield in front of Ceph RGW', (gateway) => {
  test('a segment is fetched once and then comes from memory, byte for byte, even with the gateway gone', async () => {
    const bytes = pattern(1_500_000)
    const etag = await put(gateway(), 'live/1.ts', bytes, { Metadata: { owner: 'somebody' } })
    const shield = await startShield(gateway())
    const cold = await shield.get('/live/1.ts')
    await gateway().stopGateway()
    const warm = await shield.get('/live/1.ts')
    await gateway().startGateway()

    expect(cold.headers['cache-status']).toMatch(MISS)
    expect(warm.headers['cache-status']).toMatch(HIT)
    for (const { status, headers, bytes: received } of [cold, warm]) {
      expect([status, headers.etag, headers['content-length']]).toEqual([200, etag, '1500000'])
      expect(headers['content-type']).toBe('video/mp2t')
      expect(Buffer.compare(received, bytes)).toBe(0)
      expect(Object.keys(headers).filter((name) => /^x-|^server$/.test(name))).toEqual(['x-content-type-options'])
    }
  })

  test('every odd name is asked for by its escaped path and gets its own object, cold and warm', async () => {
    for (const { key } of ODD_KEYS) await put(gateway(), key, Buffer.from(key))
    const shield = await startShield(gateway())
    for (const expected of [MISS, HIT]) {
      for (const { what, key } of ODD_KEYS) {
        const { status, headers, bytes } = await shield.get(targetOf(key))
        expect([what, status, bytes.toString()]).toEqual([what, 200, key])
        expect(headers['cache-status']).toMatch(expected)
      }
    }
  })

  test('a plus that is not escaped is a plus, and an escape of it is the same object', async () => {
    await put(gateway(), 'odd/a+b', Buffer.from('plus'))
    await put(gateway(), 'odd/a b', Buffer.from('space'))
    const shield = await startShield(gateway())

    expect((await shield.get('/odd/a+b')).bytes.toString()).toBe('plus')
    expect((await shield.get('/odd/a%2Bb')).headers['cache-status']).toMatch(HIT)
    expect((await shield.get('/odd/a%20b')).bytes.toString()).toBe('space')
  })

  test('a name of 1024 bytes is served and one of 1025 is refused before the gateway is asked', async () => {
    await put(gateway(), 'k'.repeat(1024), Buffer.from('longest'))
    const shield = await startShield(gateway())

    expect((await shield.get(`/${'k'.repeat(1024)}`)).bytes.toString()).toBe('longest')
    expect((await shield.get(`/${'k'.repeat(1025)}`)).status).toBe(414)
  })

  test('ranges are answered from the first request on: closed, open, suffix, and 416 with the length', async () => {
    const bytes = pattern(100_000)
    await put(gateway(), 'ranged.ts', bytes)
    const shield = await startShield(gateway())
    const wanted = [
      { range: 'bytes=0-1', from: 0, to: 2 },
      { range: 'bytes=50000-50999', from: 50_000, to: 51_000 },
      { range: 'bytes=99999-', from: 99_999, to: 100_000 },
      { range: 'bytes=-500', from: 99_500, to: 100_000 },
    ]
    for (const { range, from, to } of wanted) {
      const answer = await shield.get('/ranged.ts', { range })
      expect([range, answer.status]).toEqual([range, 206])
      expect(answer.headers['content-range']).toBe(`bytes ${from}-${to - 1}/100000`)
      expect(Buffer.compare(answer.bytes, bytes.subarray(from, to))).toBe(0)
    }
    const beyond = await shield.get('/ranged.ts', { range: 'bytes=100000-' })

    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, 'bytes */100000'])
  })

  test('an empty object is a 200 without bytes, and a range of it is a 416', async () => {
    await put(gateway(), 'empty.ts', Buffer.alloc(0))
    const shield = await startShield(gateway())
    const whole = await shield.get('/empty.ts')
    const ranged = await shield.get('/empty.ts', { range: 'bytes=0-' })

    expect([whole.status, whole.headers['content-length'], whole.bytes.length]).toEqual([200, '0', 0])
    expect([ranged.status, ranged.headers['content-range']]).toEqual([416, 'bytes */0'])
  })

  test('If-None-Match is answered here, lists and weak tags included, though the gateway knows neither', async () => {
    const etag = await put(gateway(), 'tagged.ts', Buffer.from('tagged'))
    const shield = await startShield(gateway())
    for (const ifNoneMatch of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      const answer = await shield.get('/tagged.ts', { 'if-none-match': ifNoneMatch })
      expect([ifNoneMatch, answer.status, answer.headers.etag]).toEqual([ifNoneMatch, 304, etag])
      expect(answer.bytes).toHaveLength(0)
    }
    expect((await shield.get('/tagged.ts', { 'if-none-match': '"other"' })).bytes.toString()).toBe('tagged')
    expect((await shield.get('/tagged.ts', { 'if-match': '"other"' })).status).toBe(412)
  })

  test('an object put in parts keeps its ETag', async () => {
    const parts = [pattern(PART_BYTES, 1), pattern(1000, 2)]
    await putParts(gateway(), 'parts.mp4', parts)
    const shield = await startShield(gateway())
    const { headers, bytes } = await shield.get('/parts.mp4')

    expect(headers.etag).toMatch(/^"[0-9a-f]{32}-2"$/)
    expect(Buffer.compare(bytes, Buffer.concat(parts))).toBe(0)
    expect((await shield.get('/parts.mp4', { 'if-none-match': String(headers.etag) })).status).toBe(304)
  })

  test('an object too large for one piece comes whole, and from memory the second time', async () => {
    const bytes = pattern(20_000_000)
    await put(gateway(), 'film.mp4', bytes)
    const shield = await startShield(gateway())
    for (const cacheStatus of [/^segment-shield; fwd=uri-miss; fwd-status=200; stored; /, /^segment-shield; hit; /]) {
      const answer = await shield.get('/film.mp4')
      expect(Buffer.compare(answer.bytes, bytes)).toBe(0)
      expect(answer.headers['cache-status']).toMatch(cacheStatus)
    }
  })

  test('a stale object is asked for by its tag, and a 304 makes it fresh again with the same bytes', async () => {
    await put(gateway(), 'stale.ts', Buffer.from('unchanged'))
    const shield = await startShield(gateway(), { ttl: '10s' })
    await shield.get('/stale.ts')
    shield.clock.advance(10_000)
    const revalidated = await shield.get('/stale.ts')
    const after = await shield.get('/stale.ts')

    expect(revalidated.headers['cache-status']).toBe('segment-shield; fwd=stale; fwd-status=304; ttl=10')
    expect(revalidated.bytes.toString()).toBe('unchanged')
    expect(after.headers['cache-status']).toBe('segment-shield; hit; ttl=10')
    expect(after.bytes.toString()).toBe('unchanged')
  })

  test('a 304 that repeats no Cache-Control makes it fresh for as long as the stored one says', async () => {
    await put(gateway(), 'stated.ts', Buffer.from('stated'), { CacheControl: 'max-age=60' })
    const shield = await startShield(gateway())
    await shield.get('/stated.ts')
    shield.clock.advance(60_000)
    const revalidated = await shield.get('/stated.ts')
    const after = await shield.get('/stated.ts')

    expect(revalidated.headers['cache-status']).toBe('segment-shield; fwd=stale; fwd-status=304; ttl=60')
    expect(after.headers['cache-status']).toBe('segment-shield; hit; ttl=60')
    expect(after.headers['cache-control']).toBe('max-age=60')
  })

  test('an Expires of "0" is stale at once: every request is revalidated', async () => {
    await put(gateway(), 'expired.ts', Buffer.from('expired'), { rawExpires: '0' })
    const shield = await startShield(gateway())
    await shield.get('/expired.ts')
    const again = await shield.get('/expired.ts')

    expect(again.headers['cache-status']).toContain('fwd=stale; fwd-status=304')
    expect([again.bytes.toString(), again.headers.expires]).toEqual(['expired', '0'])
  })

  test('an object replaced in the bucket is served new once the old one is stale, and not before', async () => {
    const oldTag = await put(gateway(), 'replaced.ts', Buffer.from('old'))
    const shield = await startShield(gateway(), { ttl: '10s' })
    await shield.get('/replaced.ts')
    const newTag = await put(gateway(), 'replaced.ts', Buffer.from('new and longer'))
    const fresh = await shield.get('/replaced.ts')
    shield.clock.advance(10_000)
    const stale = await shield.get('/replaced.ts')
    const after = await shield.get('/replaced.ts')

    expect([fresh.bytes.toString(), fresh.headers.etag]).toEqual(['old', oldTag])
    expect([stale.bytes.toString(), stale.headers.etag]).toEqual(['new and longer', newTag])
    expect(stale.headers['cache-status']).toContain('fwd=stale; fwd-status=200; stored')
    expect([after.bytes.toString(), after.headers['cache-status']]).toEqual([
      'new and longer',
      expect.stringMatching(HIT),
    ])
  })

  test('an object deleted from the bucket is a 404 once it is stale', async () => {
    await put(gateway(), 'deleted.ts', Buffer.from('gone soon'))
    const shield = await startShield(gateway(), { ttl: '10s' })
    await shield.get('/deleted.ts')
    await gateway().client.send(new DeleteObjectCommand({ Bucket: gateway().bucket, Key: 'deleted.ts' }))
    shield.clock.advance(10_000)

    expect((await shield.get('/deleted.ts')).status).toBe(404)
  })

  test('a missing object is a small 404, remembered for a second and no longer', async () => {
    const key = `late-${transportUnderTest()}.ts`
    const shield = await startShield(gateway())
    const missing = await shield.get(`/${key}`)
    await put(gateway(), key, Buffer.from('now there'))
    const remembered = await shield.get(`/${key}`)
    shield.clock.advance(1_000)
    const there = await shield.get(`/${key}`)

    expect(missing.status).toBe(404)
    expect(missing.bytes.length).toBeLessThan(100)
    expect(missing.bytes.toString()).not.toMatch(/<|late/)
    expect([remembered.status, remembered.headers['cache-status']]).toEqual([404, expect.stringMatching(HIT)])
    expect([there.status, there.bytes.toString()]).toEqual([200, 'now there'])
  })
})
