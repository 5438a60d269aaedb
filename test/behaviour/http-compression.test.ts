/** Content codings of an HTTP origin and our own, side by side. */
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { decoded, encodedAnswer, playlist } from '../support/encoded.ts'
import { type HttpShield, startHttpShield } from '../support/http-shield.ts'
import { request } from '../support/shield.ts'

const PATH = '/live/index.m3u8'
const TEXT = playlist(20_000)
const FIELDS = { 'Content-Type': 'application/vnd.apple.mpegurl', 'Cache-Control': 'max-age=60', ETag: '"v1"' }

const ask = ({ port }: HttpShield, accepted: string, method = 'GET') =>
  request(port, { path: PATH, method, headers: { 'Accept-Encoding': accepted } })

describe('an origin that sends gzip to those who take it', () => {
  async function startNegotiating(): Promise<HttpShield> {
    const shield = await startHttpShield()
    shield.origin.on(PATH, ({ request: { fields }, send }) => {
      const isGzip = /gzip/.test(fields['accept-encoding'] ?? '')
      const etag = isGzip ? '"v1-gz"' : '"v1"'
      return send({
        body: isGzip ? gzipSync(TEXT) : TEXT,
        fields: { ...FIELDS, ETag: etag, Vary: 'Accept-Encoding', ...(isGzip && { 'Content-Encoding': 'gzip' }) },
      })
    })
    return shield
  }

  test('has its own coding left alone, and its variants kept apart', async () => {
    const shield = await startNegotiating()
    for (let count = 0; count < 2; count += 1) {
      const zipped = await ask(shield, 'gzip')
      expect(gunzipSync(zipped.body)).toEqual(TEXT)
      expect(zipped.headers).toMatchObject({ etag: '"v1-gz"', vary: 'Accept-Encoding', 'content-encoding': 'gzip' })
      const plain = await ask(shield, 'identity')
      expect(plain.body).toEqual(TEXT)
      expect(plain.headers).toMatchObject({ etag: '"v1"', vary: 'Accept-Encoding' })
    }
    expect(shield.origin.requests).toHaveLength(2)
  })

  test('has a variant that came as it is compressed for those who get that', async () => {
    const shield = await startNegotiating()
    const answer = await encodedAnswer(shield.port, 'br', { path: PATH })
    expect(decoded(answer)).toEqual(TEXT)
    expect(answer.headers).toMatchObject({ etag: '"v1-br"', vary: 'Accept-Encoding' })
    expect((await ask(shield, 'gzip')).headers['etag']).toBe('"v1-gz"')
    expect((await ask(shield, 'br')).headers['etag']).toBe('"v1-br"')
    expect(shield.origin.requests).toHaveLength(2)
  })
})

describe('an origin that knows nothing of codings', () => {
  test('is asked once for all of them', async () => {
    const shield = await startHttpShield()
    shield.origin.put(PATH, TEXT, FIELDS)
    await encodedAnswer(shield.port, 'gzip', { path: PATH })
    for (const coding of ['br', 'gzip', 'identity']) await ask(shield, coding)
    expect(shield.origin.requests).toHaveLength(1)
  })

  test('is compressed too where its answer has no length', async () => {
    const shield = await startHttpShield()
    shield.origin.on(PATH, ({ send }) => send({ body: TEXT, fields: FIELDS, framing: 'chunked' }))
    const answer = await encodedAnswer(shield.port, 'br', { path: PATH })
    expect(decoded(answer)).toEqual(TEXT)
    expect(answer.headers['content-length']).toBe(String(answer.body.length))
    expect(shield.origin.requests).toHaveLength(1)
  })

  test('has the other fields that its answer varies by kept in Vary', async () => {
    const shield = await startHttpShield()
    shield.origin.put(PATH, TEXT, { ...FIELDS, Vary: 'Accept-Language' })
    const answer = await encodedAnswer(shield.port, 'br', { path: PATH })
    expect(answer.headers['vary']).toBe('Accept-Language, Accept-Encoding')
    expect((await ask(shield, 'identity')).headers['vary']).toBe('Accept-Language, Accept-Encoding')
  })

  test('has answers without a tag compressed without one', async () => {
    const shield = await startHttpShield()
    shield.origin.on(PATH, ({ send }) => send({ body: TEXT, fields: { ...FIELDS, ETag: undefined } }))
    const answer = await encodedAnswer(shield.port, 'br', { path: PATH })
    expect(answer.headers).not.toHaveProperty('etag')
  })

  test('has its encodings dropped when a 304 forbids them', async () => {
    const { origin, port, clock } = await startHttpShield()
    origin.put(PATH, TEXT, FIELDS)
    await encodedAnswer(port, 'br', { path: PATH })
    clock.advance(61_000)
    origin.once(PATH, ({ send }) =>
      send({ status: 304, fields: { 'Cache-Control': 'max-age=60, no-transform', ETag: '"v1"' }, framing: 'none' }),
    )
    for (let count = 0; count < 2; count += 1) {
      const answer = await request(port, { path: PATH, headers: { 'Accept-Encoding': 'br' } })
      expect(answer.body).toEqual(TEXT)
      expect(answer.headers['cache-control']).toBe('max-age=60, no-transform')
    }
    expect(origin.requests).toHaveLength(2)
  })

  test('has what is not kept sent as it is, with its Vary', async () => {
    const shield = await startHttpShield()
    shield.origin.put(PATH, TEXT, { ...FIELDS, 'Cache-Control': 'no-store' })
    for (let count = 0; count < 2; count += 1) {
      const answer = await ask(shield, 'br')
      expect(answer.body).toEqual(TEXT)
      expect(answer.headers).toMatchObject({ etag: '"v1"', vary: 'Accept-Encoding' })
    }
  })

  test('has HEAD answered with what GET varies by', async () => {
    const shield = await startHttpShield()
    shield.origin.put(PATH, TEXT, FIELDS)
    expect((await ask(shield, 'br', 'HEAD')).headers['vary']).toBe('Accept-Encoding')
  })
})
