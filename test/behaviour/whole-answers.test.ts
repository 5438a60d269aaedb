/** A GET is answered with the object's bytes and a known set of fields, and with nothing of the store's own. */
import { ServerResponse } from 'node:http'
import { expect, test, vi } from 'vitest'
import { type Answer, pattern, request, startShield } from '../support/shield.ts'

const DATE = 'Thu, 01 Jan 2026 00:00:00 GMT'

function fieldsOf({ rawHeaders }: Answer): string[] {
  return rawHeaders.map(([name, value]) => `${name}: ${value}`)
}

test('a hit goes out in one end() with the stored Buffer itself', async () => {
  const { s3, port } = await startShield()
  s3.put('vod/1.ts', pattern(200_000))
  await request(port, { path: '/vod/1.ts' })
  const [write, end] = [vi.spyOn(ServerResponse.prototype, 'write'), vi.spyOn(ServerResponse.prototype, 'end')]
  // The scripted store answers with the same class, but is not asked here.
  await request(port, { path: '/vod/1.ts' })
  await request(port, { path: '/vod/1.ts' })

  expect(s3.requests).toHaveLength(1)
  expect(write).not.toHaveBeenCalled()
  expect(end).toHaveBeenCalledTimes(2)
  const [first, second] = end.mock.calls.map(([bytes]) => bytes)
  expect(Buffer.isBuffer(first)).toBe(true)
  expect(second).toBe(first)
})

test('a miss and a hit carry the same bytes and the same fields, but for Cache-Status', async () => {
  const { s3, port } = await startShield()
  const bytes = pattern(300_000)
  s3.put('vod/1.ts', bytes, { 'cache-control': 'public, max-age=60', etag: '"v1"', date: DATE })

  const miss = await request(port, { path: '/vod/1.ts' })
  const hit = await request(port, { path: '/vod/1.ts' })

  const fields = [
    'Content-Type: video/mp2t',
    'Last-Modified: Sun, 01 Nov 2026 12:00:00 GMT',
    'ETag: "v1"',
    'Cache-Control: public, max-age=60',
    'X-Content-Type-Options: nosniff',
    'Accept-Ranges: bytes',
    `Date: ${DATE}`,
    'Content-Length: 300000',
    'Age: 0',
  ]
  expect(fieldsOf(miss)).toEqual([
    ...fields,
    'Cache-Status: segment-shield; fwd=uri-miss; fwd-status=200; stored; ttl=60',
    'Connection: close',
  ])
  expect(fieldsOf(hit)).toEqual([...fields, 'Cache-Status: segment-shield; hit; ttl=60', 'Connection: close'])
  expect([miss.status, miss.reason, miss.httpVersion]).toEqual([200, 'OK', '1.1'])
  expect([hit.status, hit.reason, hit.httpVersion]).toEqual([200, 'OK', '1.1'])
  expect(miss.body.equals(bytes)).toBe(true)
  expect(hit.body.equals(bytes)).toBe(true)
  expect(s3.requests.length).toBe(1)
})

test('what describes the object is passed on; what describes the store, the upload or the connection is not', async () => {
  const { s3, port } = await startShield()
  s3.put('a.vtt', 'WEBVTT', {
    'content-type': 'text/vtt; charset=utf-8',
    'content-language': 'en',
    'content-encoding': 'aws-chunked',
    'content-disposition': 'inline; filename="a b.vtt"',
    expires: 'Thu, 01 Jan 2026 01:00:00 GMT',
    date: DATE,
    'x-amz-meta-owner': 'someone',
    'x-amz-version-id': 'v',
    'x-amz-storage-class': 'STANDARD',
    'x-rgw-object-type': 'Normal',
    'keep-alive': 'timeout=9',
    'strict-transport-security': 'max-age=1',
    'alt-svc': 'h3=":443"',
    connection: 'keep-alive, x-of-this-hop',
    'x-of-this-hop': '1',
  })

  for (const _ of ['miss', 'hit']) {
    const { rawHeaders } = await request(port, { path: '/a.vtt' })
    expect(rawHeaders.map(([name]) => name).toSorted()).toEqual([
      'Accept-Ranges',
      'Age',
      'Cache-Status',
      'Connection',
      'Content-Disposition',
      'Content-Language',
      'Content-Length',
      'Content-Type',
      'Date',
      'ETag',
      'Expires',
      'Last-Modified',
      'Vary',
      'X-Content-Type-Options',
    ])
  }
})

test('bytes beyond ASCII in a field reach the client as the store sent them', async () => {
  const { s3, port } = await startShield()
  const disposition = Buffer.from('inline; filename="Überfall.ts"').toString('latin1')
  s3.put('a.ts', 'x', { 'content-disposition': disposition })

  const miss = await request(port, { path: '/a.ts' })
  const hit = await request(port, { path: '/a.ts' })

  expect([miss.headers['content-disposition'], hit.headers['content-disposition']]).toEqual([disposition, disposition])
})

test('an empty object is an answer of no bytes, kept like any other', async () => {
  const { s3, port } = await startShield()
  s3.put('empty.ts', '')

  const miss = await request(port, { path: '/empty.ts' })
  const hit = await request(port, { path: '/empty.ts' })

  for (const { status, headers, body, isWhole } of [miss, hit]) {
    expect({ status, length: headers['content-length'], body: body.length, isWhole }).toEqual({
      status: 200,
      length: '0',
      body: 0,
      isWhole: true,
    })
  }
  expect(hit.headers['cache-status']).toContain('; hit; ')
  expect(s3.requests.length).toBe(1)
})

test('an odd name reaches the store as it is and is kept apart from its likes', async () => {
  const { s3, port } = await startShield()
  const names = [
    'a b.ts',
    'a+b.ts',
    'a%2Bb.ts',
    '\u00e4.ts',
    'a\u0308.ts',
    'a//b.ts',
    '/a.ts',
    'a;b=c.ts',
    'a\nb.ts',
    'a?b.ts',
  ]
  for (const name of names) s3.put(name, `bytes of ${JSON.stringify(name)}`)

  for (const pass of ['miss', 'hit']) {
    for (const name of names) {
      const { status, body } = await request(port, { path: `/${name.split('/').map(encodeURIComponent).join('/')}` })
      expect([pass, status, body.toString()]).toEqual([pass, 200, `bytes of ${JSON.stringify(name)}`])
    }
  }
  expect(s3.requests.map(({ key }) => key)).toEqual(names)
})
