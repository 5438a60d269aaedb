/** A player gets a media type it can use, though the store kept none. */
import { expect, test } from 'vitest'
import { request, startShield } from '../support/shield.ts'

const OPAQUE = ['binary/octet-stream', 'application/octet-stream', 'application/x-www-form-urlencoded; charset=utf-8']

test.each(OPAQUE)('where the store says %s, the extension decides', async (storedType) => {
  const { s3, port } = await startShield()
  const expected = {
    'live/index.m3u8': 'application/vnd.apple.mpegurl',
    'dash/manifest.MPD': 'application/dash+xml',
    'v/1.ts': 'video/mp2t',
    'v/1.m4s': 'video/iso.segment',
    'v/init.mp4': 'video/mp4',
    'a/1.m4a': 'audio/mp4',
    'a/1.aac': 'audio/aac',
    's/1.vtt': 'text/vtt',
    'enc.key': 'application/octet-stream',
    'no-extension': storedType,
  }
  for (const key of Object.keys(expected)) s3.put(key, 'x', { 'content-type': storedType })

  for (const [key, contentType] of Object.entries(expected)) {
    const miss = await request(port, { path: `/${key}` })
    const hit = await request(port, { path: `/${key}` })
    expect([key, miss.headers['content-type'], hit.headers['content-type']]).toEqual([key, contentType, contentType])
  }
})

test('where the store says what it is, the extension does not matter', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', 'x', { 'content-type': 'text/x.typescript; charset=utf-8' })

  const miss = await request(port, { path: '/a.ts' })
  const hit = await request(port, { path: '/a.ts' })

  expect([miss.headers['content-type'], hit.headers['content-type']]).toEqual([
    'text/x.typescript; charset=utf-8',
    'text/x.typescript; charset=utf-8',
  ])
})

test('an object that is passed through gets its media type mended too', async () => {
  const { s3, port } = await startShield({ cache: { maxObject: '1B' } })
  s3.put('a.ts', 'xyz')

  const first = await request(port, { path: '/a.ts' })
  const later = await request(port, { path: '/a.ts', headers: { Range: 'bytes=1-' } })

  expect([first.status, first.headers['content-type']]).toEqual([200, 'video/mp2t'])
  expect([later.status, later.headers['content-type']]).toEqual([206, 'video/mp2t'])
})
