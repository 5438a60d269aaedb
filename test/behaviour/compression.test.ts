/** Texts that streaming lives on go out in the coding a client takes, and everything said about them stays true. */
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decoded, encodedAnswer, playlist } from '../support/encoded.ts'
import { pattern, request, type Shield, type ShieldOptions, startShield } from '../support/shield.ts'

const KEY = 'live/index.m3u8'
const PATH = `/${KEY}`
const HLS = 'application/vnd.apple.mpegurl'
const TEXT = playlist(20_000)
const FIELDS = { 'content-type': HLS, 'cache-control': 'max-age=60', etag: '"v1"' }

/** A shield that has the playlist in every coding. */
async function startEncoded(headers: Readonly<Record<string, string>> = {}): Promise<Shield> {
  const shield = await startShield()
  shield.s3.put(KEY, TEXT, { ...FIELDS, ...headers })
  await allEncoded(shield.port)
  return shield
}

/** gzip comes last. */
const allEncoded = (port: number, path = PATH) => encodedAnswer(port, 'gzip', { path })

const ask = ({ port }: Shield, headers: Readonly<Record<string, string>> = {}, method = 'GET') =>
  request(port, { path: PATH, method, headers })

describe('a stored playlist', () => {
  test.each(['br', 'gzip'])('goes out in %s, byte for byte what was stored', async (coding) => {
    const shield = await startEncoded()
    const answer = await ask(shield, { 'Accept-Encoding': coding })
    expect(decoded(answer)).toEqual(TEXT)
    expect(answer.body.length).toBeLessThan(TEXT.length / 2)
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        'content-type': HLS,
        'content-encoding': coding,
        'content-length': String(answer.body.length),
        etag: `"v1-${coding}"`,
        vary: 'Accept-Encoding',
        'cache-control': 'max-age=60',
        'cache-status': 'segment-shield; hit; ttl=60',
      },
    })
    expect(answer.headers).not.toHaveProperty('accept-ranges')
  })

  test('goes out as it is to a client that says nothing of codings', async () => {
    const shield = await startEncoded()
    const answer = await ask(shield)
    expect(answer.body).toEqual(TEXT)
    expect(answer.headers).toMatchObject({ etag: '"v1"', vary: 'Accept-Encoding', 'accept-ranges': 'bytes' })
    expect(answer.headers).not.toHaveProperty('content-encoding')
  })

  test('costs the origin one request, whatever the codings it goes out in', async () => {
    const shield = await startEncoded()
    for (const coding of ['br', 'gzip', 'identity', 'br']) await ask(shield, { 'Accept-Encoding': coding })
    expect(shield.s3.requests).toHaveLength(1)
  })

  test('goes out as it is while it arrives, and says what it will vary by', async () => {
    const shield = await startShield()
    shield.s3.put(KEY, TEXT, FIELDS)
    const answer = await ask(shield, { 'Accept-Encoding': 'br, gzip' })
    expect(answer.body).toEqual(TEXT)
    expect(answer.headers).toMatchObject({ etag: '"v1"', vary: 'Accept-Encoding' })
    expect(answer.headers).not.toHaveProperty('content-encoding')
  })

  const choices: readonly (readonly [string, string | undefined])[] = [
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, deflate', 'gzip'],
    ['br;q=0.5, gzip', 'gzip'],
    ['br;q=0.5, gzip;q=0.5', 'br'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['*', 'br'],
    ['br;q=0, *', 'gzip'],
    ['*;q=0', undefined],
    ['br;q=0, gzip;q=0', undefined],
    ['identity', undefined],
    ['identity;q=1, *;q=0', undefined],
    ['identity, gzip;q=0.5', undefined],
    ['identity;q=0.5, gzip;q=0.5', 'gzip'],
    ['identity;q=0, gzip', 'gzip'],
    // Nothing that may be sent: the bytes as they are do least harm.
    ['identity;q=0', undefined],
    ['deflate', undefined],
    ['', undefined],
    ['gzip;q=2', undefined],
    ['gzip;;', undefined],
    [`${'x-unknown, '.repeat(40)}gzip`, 'gzip'],
  ]
  test.each(choices)('asked for with “%s” goes out in %s', async (accepted, coding) => {
    const shield = await startEncoded()
    const answer = await ask(shield, { 'Accept-Encoding': accepted })
    expect(answer.headers['content-encoding']).toBe(coding)
    expect(coding === undefined ? answer.body : decoded(answer)).toEqual(TEXT)
  })

  test('goes out as it is to a client that wants nothing transformed', async () => {
    const shield = await startEncoded()
    const answer = await ask(shield, { 'Accept-Encoding': 'br', 'Cache-Control': 'no-transform' })
    expect(answer.body).toEqual(TEXT)
  })

  test.each(['br', 'gzip', 'identity'])('is described by HEAD as GET sends it, in %s', async (coding) => {
    const shield = await startEncoded()
    const headers = { 'Accept-Encoding': coding }
    const [got, described] = [await ask(shield, headers), await ask(shield, headers, 'HEAD')]
    expect(described.body).toHaveLength(0)
    expect(described.headers).toEqual(got.headers)
    expect(described.headers['content-length']).toBe(String(got.body.length))
  })

  test('loses what was true of its bytes as they are', async () => {
    const digests = { 'repr-digest': 'sha-256=:AA==:', 'content-md5': 'AA==', digest: 'md5=AA==' }
    const shield = await startEncoded()
    shield.s3.put('digests.json', TEXT, { ...digests, 'content-type': 'application/json' })
    const answer = await encodedAnswer(shield.port, 'br', { path: '/digests.json' })
    for (const name of Object.keys(digests)) expect(answer.headers).not.toHaveProperty(name)
  })
})

describe('conditions', () => {
  const cases: readonly (readonly [string, string, Readonly<Record<string, string>>, number])[] = [
    ['the tag of the same coding', 'br', { 'If-None-Match': '"v1-br"' }, 304],
    ['its weak form', 'br', { 'If-None-Match': 'W/"v1-br"' }, 304],
    ['a list that has it', 'gzip', { 'If-None-Match': '"v0", "v1-gzip"' }, 304],
    ['any', 'gzip', { 'If-None-Match': '*' }, 304],
    ['the tag of another coding', 'br', { 'If-None-Match': '"v1-gzip"' }, 200],
    ['the tag of the bytes as they are', 'br', { 'If-None-Match': '"v1"' }, 200],
    ['the tag of a coding, for the bytes as they are', 'identity', { 'If-None-Match': '"v1-br"' }, 200],
    ['the tag of the bytes as they are, for these', 'identity', { 'If-None-Match': '"v1"' }, 304],
    ['If-Match with the tag of the same coding', 'gzip', { 'If-Match': '"v1-gzip"' }, 200],
    ['If-Match with the tag of another coding', 'gzip', { 'If-Match': '"v1-br"' }, 412],
    ['If-Match with the tag of the bytes as they are', 'gzip', { 'If-Match': '"v1"' }, 412],
  ]
  test.each(cases)('%s, asked for in %s', async (_what, coding, conditions, status) => {
    const shield = await startEncoded()
    const answer = await ask(shield, { 'Accept-Encoding': coding, ...conditions })
    expect(answer.status).toBe(status)
    if (status !== 304) return
    const etag = coding === 'identity' ? '"v1"' : `"v1-${coding}"`
    expect(answer.headers).toMatchObject({ etag, vary: 'Accept-Encoding' })
    expect(answer.headers).not.toHaveProperty('content-encoding')
  })

  test('a weak tag stays weak', async () => {
    const shield = await startEncoded({ etag: 'W/"v1"' })
    const { headers } = await ask(shield, { 'Accept-Encoding': 'br' })
    expect(headers['etag']).toBe('W/"v1-br"')
    expect((await ask(shield, { 'Accept-Encoding': 'br', 'If-None-Match': 'W/"v1-br"' })).status).toBe(304)
    expect((await ask(shield, { 'Accept-Encoding': 'br', 'If-Match': 'W/"v1-br"' })).status).toBe(412)
  })

  test('a date counts for every coding alike', async () => {
    const shield = await startEncoded()
    const { headers } = await ask(shield, { 'Accept-Encoding': 'br' })
    const since = { 'If-Modified-Since': headers['last-modified'] ?? '' }
    expect((await ask(shield, { 'Accept-Encoding': 'br', ...since })).status).toBe(304)
    expect((await ask(shield, since)).status).toBe(304)
  })
})

describe('ranges', () => {
  const accepted = { 'Accept-Encoding': 'br, gzip' }

  test('are of the bytes as they are', async () => {
    const shield = await startEncoded()
    const answer = await ask(shield, { ...accepted, Range: 'bytes=100-199' })
    expect(answer).toMatchObject({ status: 206, headers: { etag: '"v1"', vary: 'Accept-Encoding' } })
    expect(answer.headers['content-range']).toBe(`bytes 100-199/${TEXT.length}`)
    expect(answer.headers).not.toHaveProperty('content-encoding')
    expect(answer.body).toEqual(TEXT.subarray(100, 200))
  })

  test.each(['"v1-br"', '"v1-gzip"'])('do not count where If-Range has the tag %s', async (tag) => {
    const shield = await startEncoded()
    const answer = await ask(shield, { ...accepted, Range: 'bytes=100-199', 'If-Range': tag })
    expect(answer).toMatchObject({ status: 200, headers: { etag: '"v1"' } })
    expect(answer.body).toEqual(TEXT)
  })

  test('count where If-Range has the tag of the bytes as they are', async () => {
    const shield = await startEncoded()
    const answer = await ask(shield, { ...accepted, Range: 'bytes=-5', 'If-Range': '"v1"' })
    expect(answer).toMatchObject({ status: 206, body: TEXT.subarray(-5) })
  })
})

/** What was stored before is encoded before: once both of these are there, it has had its turn. */
async function afterTwoMore({ s3, port }: Shield): Promise<void> {
  const paths = ['later-1.m3u8', 'later-2.m3u8']
  for (const key of paths) {
    s3.put(key, TEXT, FIELDS)
    await allEncoded(port, `/${key}`)
  }
}

describe('what is compressed', () => {
  const types: readonly (readonly [string, string | undefined])[] = [
    ['a.m3u8', 'application/octet-stream'],
    ['a.m3u8', 'Audio/MPEGURL; charset=utf-8'],
    ['a.mpd', undefined],
    ['a.vtt', 'text/vtt; charset=utf-8'],
    ['a.ttml', 'application/ttml+xml'],
    ['a.json', 'application/json'],
  ]
  test.each(types)('%s, stored as %s', async (key, contentType) => {
    const { s3, port } = await startShield()
    s3.put(key, TEXT, contentType === undefined ? {} : { 'content-type': contentType })
    expect(decoded(await allEncoded(port, `/${key}`))).toEqual(TEXT)
  })

  interface Exempt {
    readonly key?: string
    readonly bytes?: Buffer
    readonly fields?: Readonly<Record<string, string>>
    readonly options?: ShieldOptions
    readonly vary?: string
  }
  const exempt: readonly (readonly [string, Exempt])[] = [
    ['a segment', { key: 'a.ts', fields: { 'content-type': 'video/mp2t' } }],
    ['a segment that the store knows nothing of', { key: 'a.m4s', fields: { 'content-type': 'binary/octet-stream' } }],
    ['what its origin has encoded', { bytes: gzipSync(TEXT), fields: { 'content-encoding': 'gzip' } }],
    ['what nobody may transform', { fields: { 'cache-control': 'max-age=60, No-Transform' } }],
    ['what is short', { bytes: playlist(800), vary: 'Accept-Encoding' }],
    ['what becomes no smaller', { bytes: randomBytes(20_000), vary: 'Accept-Encoding' }],
    ['what is of a route without', { key: 'plain/a.m3u8' }],
  ]
  test.each(exempt)('but not %s', async (_what, { key = 'a.m3u8', bytes = TEXT, fields = {}, vary }) => {
    const routes = [{ match: '/plain/**', compression: false }, { match: '/**' }]
    const shield = await startShield({ routes })
    shield.s3.put(key, bytes, { 'content-type': HLS, ...fields })
    const headers = { 'Accept-Encoding': 'br, gzip' }
    await request(shield.port, { path: `/${key}`, headers })
    await afterTwoMore(shield)
    const answer = await request(shield.port, { path: `/${key}`, headers })
    expect(answer.body).toEqual(bytes)
    expect(answer.headers['content-encoding']).toBe(fields['content-encoding'])
    expect(answer.headers['vary']).toBe(vary)
  })

  test('but not an error in place of a playlist', async () => {
    const shield = await startShield()
    const answer = await ask(shield, { 'Accept-Encoding': 'br' })
    expect(answer.status).toBe(404)
    expect(answer.headers).not.toHaveProperty('vary')
  })

  test('nor a large one, which is kept in slices', async () => {
    const shield = await startShield({ cache: { maxObject: '8KiB', slice: '4KiB' } })
    shield.s3.put(KEY, TEXT, FIELDS)
    const headers = { 'Accept-Encoding': 'br' }
    for (let count = 0; count < 2; count += 1) {
      const answer = await ask(shield, headers)
      expect(answer.body).toEqual(TEXT)
      expect(answer.headers).not.toHaveProperty('content-encoding')
    }
  })
})

describe('a playlist that changes', () => {
  test('keeps its encodings while its origin says that it is still the same', async () => {
    const shield = await startEncoded()
    const before = await ask(shield, { 'Accept-Encoding': 'br' })
    shield.clock.advance(61_000)
    const revalidating = await ask(shield, { 'Accept-Encoding': 'br' })
    expect(shield.s3.requests).toHaveLength(2)
    expect(revalidating.headers['cache-status']).toContain('fwd-status=304')
    expect(revalidating.headers).toMatchObject({ 'content-encoding': 'br', etag: '"v1-br"' })
    expect(revalidating.body).toEqual(before.body)
  })

  test('is never sent in the encodings of its older self', async () => {
    const shield = await startEncoded()
    for (let version = 2; version < 12; version += 1) {
      const text = playlist(20_000 + version, version)
      shield.s3.put(KEY, text, { ...FIELDS, etag: `"v${version}"` })
      shield.clock.advance(61_000)
      const first = await ask(shield, { 'Accept-Encoding': 'br' })
      expect(first.body).toEqual(text)
      const later = await encodedAnswer(shield.port, 'br', { path: PATH })
      expect(decoded(later)).toEqual(text)
      expect(later.headers['etag']).toBe(`"v${version}-br"`)
    }
  })
})

test('a route’s own Vary does not hide what the answer varies by', async () => {
  const shield = await startShield({ routes: [{ match: '/**', responseHeaders: { Vary: 'Origin' } }] })
  shield.s3.put(KEY, TEXT, FIELDS)
  const answer = await allEncoded(shield.port)
  expect(answer.headers['vary']).toBe('Accept-Encoding, Origin')
})

test('a shield that is closed while it compresses leaves nothing behind', async () => {
  const shield = await startShield()
  for (let index = 0; index < 20; index += 1) {
    shield.s3.put(`${index}.m3u8`, playlist(200_000, index + 1), FIELDS)
    await request(shield.port, { path: `/${index}.m3u8` })
  }
  await shield.close()
  expect(shield.logRecords().filter(({ level }) => level >= 50)).toEqual([])
})

test('segments go out byte for byte to clients that take every coding', async () => {
  const shield = await startShield()
  const bytes = pattern(100_000)
  shield.s3.put('1.ts', bytes, { 'content-type': 'video/mp2t' })
  for (let count = 0; count < 2; count += 1) {
    const answer = await request(shield.port, { path: '/1.ts', headers: { 'Accept-Encoding': '*' } })
    expect(answer.body).toEqual(bytes)
  }
})
