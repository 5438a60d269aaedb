/** The S3 origin's answers from a real gateway: ranges, conditions, header fields, who may read what. */
import { expect, test } from 'vitest'
import { pattern } from '../origin/fixture.ts'
import { describeWithRgw, put, putParts, rgwOrigin } from './fixture.ts'

const PART_BYTES = 5 * 1024 * 1024

describeWithRgw('the S3 origin reading objects from Ceph RGW', (gateway) => {
  test("an object comes whole, with its own fields and none of the gateway's", async () => {
    const bytes = pattern(300_000)
    const etag = await put(gateway(), 'segment.ts', bytes, {
      ContentType: 'video/mp2t',
      CacheControl: 'public, max-age=60',
      ContentEncoding: 'gzip',
      ContentLanguage: 'fr',
      ContentDisposition: 'inline',
      Metadata: { owner: 'somebody' },
    })
    const answer = await rgwOrigin(gateway()).whole('segment.ts')

    expect(answer).toEqual({
      status: 200,
      headers: {
        'accept-ranges': 'bytes',
        'cache-control': 'public, max-age=60',
        'content-disposition': 'inline',
        'content-encoding': 'gzip',
        'content-language': 'fr',
        'content-length': '300000',
        'content-type': 'video/mp2t',
        date: expect.stringMatching(/ GMT$/),
        etag,
        'last-modified': expect.stringMatching(/ GMT$/),
      },
      bytes,
    })
  })

  test('an Expires of "0" arrives as it was put', async () => {
    await put(gateway(), 'expired', Buffer.from('x'), { rawExpires: '0' })

    expect((await rgwOrigin(gateway()).whole('expired')).headers['expires']).toBe('0')
  })

  test("the upload's aws-chunked is not passed on as a coding of the object", async () => {
    await put(gateway(), 'chunked', Buffer.from('plain'), { ContentEncoding: 'aws-chunked' })
    const answer = await rgwOrigin(gateway()).whole('chunked')

    expect(answer.headers).not.toHaveProperty('content-encoding')
    expect(answer.bytes).toEqual(Buffer.from('plain'))
  })

  test('an empty object is a 200 without bytes', async () => {
    await put(gateway(), 'empty', Buffer.alloc(0))
    const answer = await rgwOrigin(gateway()).whole('empty')

    expect(answer.status).toBe(200)
    expect(answer.headers['content-length']).toBe('0')
    expect(answer.bytes).toEqual(Buffer.alloc(0))
  })

  test.each([
    { range: { first: 0, last: 0 }, contentRange: 'bytes 0-0/1000' },
    { range: { first: 999, last: 999 }, contentRange: 'bytes 999-999/1000' },
    { range: { first: 100, last: 299 }, contentRange: 'bytes 100-299/1000' },
    { range: { first: 400 }, contentRange: 'bytes 400-999/1000' },
    { range: { first: 990, last: 2000 }, contentRange: 'bytes 990-999/1000' },
    { range: { first: 0, last: Number.MAX_SAFE_INTEGER }, contentRange: 'bytes 0-999/1000' },
  ])('a range of which $contentRange exists comes as exactly that', async ({ range, contentRange }) => {
    const bytes = pattern(1000)
    await put(gateway(), 'ranged', bytes)
    const answer = await rgwOrigin(gateway()).whole('ranged', { range })
    const expected = bytes.subarray(range.first, (range.last ?? 999) + 1)

    expect(answer.status).toBe(206)
    expect(answer.headers['content-range']).toBe(contentRange)
    expect(answer.headers['content-length']).toBe(String(expected.length))
    expect(answer.bytes).toEqual(expected)
  })

  test('a range behind the end is a 416 without a body, and says nothing of the length', async () => {
    await put(gateway(), 'short', Buffer.from('0123456789'))
    const answer = await rgwOrigin(gateway()).whole('short', { range: { first: 10 } })

    expect(answer).toEqual({ status: 416, headers: expect.any(Object), bytes: undefined })
    expect(Object.keys(answer.headers).sort()).toEqual(['accept-ranges', 'date'])
  })

  test('any range of an empty object is a 416', async () => {
    await put(gateway(), 'empty', Buffer.alloc(0))
    const { whole } = rgwOrigin(gateway())

    expect((await whole('empty', { range: { first: 0 } })).status).toBe(416)
    expect((await whole('empty', { range: { first: 0, last: 0 } })).status).toBe(416)
  })

  test('an object put in parts has one strong ETag, and ranges across its parts', async () => {
    const parts = [pattern(PART_BYTES, 1), pattern(PART_BYTES, 2), pattern(5, 3)]
    await putParts(gateway(), 'parts', parts)
    const { whole } = rgwOrigin(gateway())
    const all = await whole('parts')
    const etag = all.headers['etag'] ?? ''
    const across = await whole('parts', { range: { first: PART_BYTES - 3, last: 2 * PART_BYTES + 1 } })

    expect(etag).toMatch(/^"[0-9a-f]{32}-3"$/)
    expect(Buffer.compare(all.bytes ?? Buffer.alloc(0), Buffer.concat(parts))).toBe(0)
    expect(
      Buffer.compare(
        across.bytes ?? Buffer.alloc(0),
        Buffer.concat(parts).subarray(PART_BYTES - 3, 2 * PART_BYTES + 2),
      ),
    ).toBe(0)
    expect((await whole('parts', { validators: { ifNoneMatch: etag } })).status).toBe(304)
    expect((await whole('parts', { range: { first: 1, last: 2 }, validators: { ifMatch: etag } })).status).toBe(206)
  })

  test('If-None-Match with the one right tag is a 304, which repeats neither ETag nor Cache-Control', async () => {
    const etag = await put(gateway(), 'validated', Buffer.from('v1'), { CacheControl: 'max-age=60' })
    const { whole } = rgwOrigin(gateway())
    const answer = await whole('validated', { validators: { ifNoneMatch: etag } })

    expect(answer).toEqual({ status: 304, headers: { date: expect.stringMatching(/ GMT$/) }, bytes: undefined })
  })

  test('If-None-Match with another tag gets the object, and so do a list, a weak tag and a star', async () => {
    const etag = await put(gateway(), 'validated', Buffer.from('v1'))
    const { whole } = rgwOrigin(gateway())
    for (const ifNoneMatch of ['"other"', `"other", ${etag}`, `W/${etag}`, '*']) {
      const answer = await whole('validated', { validators: { ifNoneMatch } })
      expect([ifNoneMatch, answer.status, answer.bytes]).toEqual([ifNoneMatch, 200, Buffer.from('v1')])
    }
  })

  test("If-Modified-Since with the object's own date is a 304", async () => {
    await put(gateway(), 'validated', Buffer.from('v1'))
    const { whole } = rgwOrigin(gateway())
    const ifModifiedSince = (await whole('validated')).headers['last-modified'] ?? ''

    expect((await whole('validated', { validators: { ifModifiedSince } })).status).toBe(304)
    const longAgo = 'Sat, 01 Jan 2000 00:00:00 GMT'
    expect((await whole('validated', { validators: { ifModifiedSince: longAgo } })).status).toBe(200)
  })

  test('a range pinned to a tag is a 412 once the object has been replaced', async () => {
    const etag = await put(gateway(), 'replaced', Buffer.from('version 1'))
    const { whole } = rgwOrigin(gateway())
    const pinned = { range: { first: 8 }, validators: { ifMatch: etag } }
    const before = await whole('replaced', pinned)
    await put(gateway(), 'replaced', Buffer.from('version 2'))
    const after = await whole('replaced', pinned)

    expect([before.status, before.bytes]).toEqual([206, Buffer.from('1')])
    expect([after.status, after.bytes]).toEqual([412, undefined])
  })

  test('a missing key is a 404 for who may list the bucket, and says nothing about a document', async () => {
    const { whole, log } = rgwOrigin(gateway())
    const answer = await whole('missing')

    expect([answer.status, answer.bytes]).toEqual([404, undefined])
    expect(Object.keys(answer.headers).sort()).toEqual(['accept-ranges', 'date'])
    expect(log.lines).toEqual([])
  })

  test('a user without rights is denied what is there and what is not', async () => {
    await put(gateway(), 'private', Buffer.from('secret'))
    const { whole, log } = rgwOrigin(gateway(), { credentials: await gateway().createUser() })

    for (const key of ['private', 'missing']) {
      const answer = await whole(key)
      expect([key, answer.status, answer.bytes]).toEqual([key, 403, undefined])
    }
    expect(log.lines).toEqual([])
  })

  test('unsigned requests read what is public and are denied the rest', async () => {
    await put(gateway(), 'public', Buffer.from('for all'), { ACL: 'public-read' })
    await put(gateway(), 'private', Buffer.from('secret'))
    const { whole } = rgwOrigin(gateway(), { credentials: 'anonymous' })

    expect(await whole('public')).toMatchObject({ status: 200, bytes: Buffer.from('for all') })
    expect(await whole('private')).toMatchObject({ status: 403, bytes: undefined })
  })

  test('a body that nobody reads gives its socket back when it is destroyed, and the next answer is whole', async () => {
    await put(gateway(), 'large', pattern(20_000_000))
    const { origin, fetch, whole } = rgwOrigin(gateway())
    const { body } = await fetch('large')
    const inUse = origin.usage().inUse
    body?.destroy()
    const next = await whole('large', { range: { first: 19_999_990 } })

    expect(inUse).toBe(1)
    expect(next.bytes).toEqual(pattern(20_000_000).subarray(19_999_990))
  })
})
