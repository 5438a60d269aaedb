import { createServer, get } from 'node:http'
import { describe, expect, test } from 'vitest'
import { BufferedBody } from '../../src/cache/buffered-body.ts'
import {
  currentAgeSeconds,
  isFresh,
  makeNegativeResponse,
  makeStoredResponse,
  memoryCost,
  mergeNotModified,
  refreshStoredResponse,
  ttlSeconds,
} from '../../src/cache/stored-response.ts'
import { StreamedBody } from '../../src/cache/streamed-body.ts'
import { ScriptedBody } from '../support/scripted-origin.ts'
import { fieldsOf, storedResponse } from './responses.ts'

/** On every answer whose origin says nothing else. */
const NOSNIFF = ['X-Content-Type-Options', 'nosniff']

describe('what every answer made from it carries', () => {
  test('the fields of the origin, in usual spelling, and those of one transfer left out', () => {
    const { headerPairs } = storedResponse({
      contentType: 'video/mp4',
      headers: {
        'cache-control': 'max-age=60',
        etag: '"a"',
        'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
        expires: '0',
        'content-language': 'de',
        'content-disposition': 'inline',
        'content-encoding': 'gzip',
        'x-own': 'kept',
        'content-length': '5',
        'content-type': 'binary/octet-stream',
        'accept-ranges': 'none',
        age: '7',
        date: 'Thu, 01 Jan 2026 00:00:01 GMT',
        'cache-status': 'other; hit',
      },
    })
    expect(fieldsOf(headerPairs)).toEqual({
      'Content-Type': 'video/mp4',
      'Cache-Control': 'max-age=60',
      ETag: '"a"',
      'X-Content-Type-Options': 'nosniff',
      'Last-Modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
      Expires: '0',
      'Content-Language': 'de',
      'Content-Disposition': 'inline',
      'Content-Encoding': 'gzip',
      'x-own': 'kept',
      'Accept-Ranges': 'bytes',
      Date: 'Thu, 01 Jan 2026 00:00:01 GMT',
    })
  })

  test('no Content-Type where none is known', () => {
    expect(storedResponse().headerPairs).toEqual([...NOSNIFF, 'Accept-Ranges', 'bytes'])
  })

  test('no offer of ranges for bytes that only pass through', () => {
    const body = new StreamedBody(new ScriptedBody(), 3)
    expect(storedResponse({ body }).headerPairs).toEqual(NOSNIFF)
  })

  test('validators and the date are at hand as they came', () => {
    const headers = { etag: 'W/"a"', 'last-modified': 'x', date: 'y' }
    expect(storedResponse({ headers })).toMatchObject({ etag: 'W/"a"', lastModified: 'x', date: 'y' })
    expect(storedResponse()).toMatchObject({ etag: undefined, lastModified: undefined, date: undefined })
  })
})

describe('metadata of an object cannot become part of the answer around it', () => {
  const split = 'a\r\nSet-Cookie: own=1\r\n\r\n<html>'
  const evil = [split, 'a\nb', 'a\rb', 'a\0b', 'a\u007fb', 'ſ', '\u010d\u010a']

  test.each(evil.map((value) => [JSON.stringify(value), value]))('%s stands in no field', (_shown, value) => {
    const { headerPairs } = storedResponse({
      contentType: value,
      headers: {
        'content-disposition': value,
        'content-language': value,
        'cache-control': value,
        etag: value,
        'last-modified': value,
        expires: value,
        date: value,
        'x-own': value,
      },
    })
    expect(headerPairs).toEqual([...NOSNIFF, 'Accept-Ranges', 'bytes'])
  })

  test('a media type with a line break is none, between the parts of an answer too', () => {
    const { contentType, headerPairs } = storedResponse({ contentType: 'video/mp4\r\nX: y' })
    expect([contentType, headerPairs.includes('Content-Type')]).toEqual([undefined, false])
  })

  test.each(['x\r\nset-cookie', 'x y', 'x:y', '', 'ü'])('a field named %j is left out', (name) => {
    expect(storedResponse({ headers: { [name]: 'value' } }).headerPairs).toEqual([...NOSNIFF, 'Accept-Ranges', 'bytes'])
  })

  test.each(['constructor', '__proto__'])('a field named %j is a field like any other', (name) => {
    const headers = Object.fromEntries([[name, 'value']])
    expect(storedResponse({ headers }).headerPairs).toEqual([name, 'value', ...NOSNIFF, 'Accept-Ranges', 'bytes'])
  })

  test('whatever it holds, a server can write its header pairs', async () => {
    const headers = { 'x-a': 'b\r\nc', etag: '"ÿ"', date: '\u{1f600}', 'x y': 'z', constructor: 'v' }
    const { headerPairs } = storedResponse({ headers, contentType: 'a/b; c="\u2028"' })
    const server = createServer((_req, res) => {
      try {
        res.writeHead(200, [...headerPairs]).end('ok')
      } catch {
        res.destroy() // the client below sees it, and fails the test
      }
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    try {
      const rawHeaders = await new Promise<readonly string[]>((resolve, reject) => {
        get({ host: '127.0.0.1', port: address.port, agent: false }, (res) => {
          res.resume()
          resolve(res.rawHeaders)
        }).on('error', reject)
      })
      expect(rawHeaders).toEqual(expect.arrayContaining(['ETag', '"ÿ"', 'constructor', 'v', 'Accept-Ranges', 'bytes']))
      expect(rawHeaders.join('\n')).not.toMatch(/x-a|x y|^Content-Type/m)
    } finally {
      await new Promise((resolve) => server.close(resolve))
    }
  })
})

describe('a stored answer after a 304', () => {
  const stored = storedResponse({
    contentType: 'video/mp4',
    headers: {
      'content-type': 'video/mp4',
      'content-length': '5',
      'content-encoding': 'gzip',
      etag: '"a"',
      'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
      'cache-control': 'max-age=60',
      'x-kept': 'old',
      date: 'Thu, 01 Jan 2026 00:00:01 GMT',
      age: '30',
    },
  })

  test('keeps every field that describes its bytes, whatever the 304 says', () => {
    const newer = {
      'content-type': 'text/plain',
      'content-length': '0',
      'content-encoding': 'br',
      'content-range': 'bytes 0-1/2',
      etag: '"b"',
    }
    const merged = mergeNotModified(stored, newer)
    expect(merged).toMatchObject({
      'content-type': 'video/mp4',
      'content-length': '5',
      'content-encoding': 'gzip',
      etag: '"a"',
    })
    expect(merged).not.toHaveProperty('content-range')
  })

  test('takes over the other fields of the 304, and keeps those it does not mention', () => {
    const merged = mergeNotModified(stored, { 'cache-control': 'max-age=5', date: 'later', 'x-new': 'new' })
    expect(merged).toMatchObject({
      'cache-control': 'max-age=5',
      date: 'later',
      'x-new': 'new',
      'x-kept': 'old',
      'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT',
    })
  })

  test('is as old as the 304, not as the answer before it: neither Age nor Date outlive it', () => {
    const merged = mergeNotModified(stored, {})
    expect(merged).not.toHaveProperty('age')
    expect(merged).not.toHaveProperty('date')
  })

  test('leaves what was stored before as it was', () => {
    const before = structuredClone(stored.originHeaders)
    mergeNotModified(stored, { 'cache-control': 'max-age=5' })
    expect(stored.originHeaders).toEqual(before)
  })

  test('is a new answer around the same bytes', () => {
    const freshness = { initialAgeSeconds: 1, staleAtMs: 9000 }
    const refreshed = refreshStoredResponse(stored, { etag: '"a"', 'x-new': 'new' }, 4000, freshness)
    expect(refreshed.body).toBe(stored.body)
    expect(refreshed).toMatchObject({
      status: 200,
      contentType: 'video/mp4',
      responseTimeMs: 4000,
      initialAgeSeconds: 1,
      staleAtMs: 9000,
    })
    expect(fieldsOf(refreshed.headerPairs)).toEqual({
      'Content-Type': 'video/mp4',
      ETag: '"a"',
      'x-new': 'new',
      'X-Content-Type-Options': 'nosniff',
      'Accept-Ranges': 'bytes',
    })
  })
})

describe('times', () => {
  const stored = storedResponse({ responseTimeMs: 10_000, freshness: { initialAgeSeconds: 5, staleAtMs: 12_500 } })

  test('it is fresh up to, and not at, the moment it turns stale', () => {
    expect([12_499, 12_500, 12_501].map((nowMs) => isFresh(stored, nowMs))).toEqual([true, false, false])
  })

  test('its age is what it had on arrival and the whole seconds since', () => {
    expect([10_000, 10_999, 11_000, 73_500].map((nowMs) => currentAgeSeconds(stored, nowMs))).toEqual([5, 5, 6, 68])
  })

  test('its age never shrinks below what it had on arrival, though the clock was put back', () => {
    expect(currentAgeSeconds(stored, 0)).toBe(5)
  })

  test('its remaining freshness is whole seconds, rounded down, and negative once stale', () => {
    expect([10_000, 11_500, 12_000, 12_500, 12_501, 20_000].map((nowMs) => ttlSeconds(stored, nowMs))).toEqual([
      2, 1, 0, 0, -1, -8,
    ])
  })
})

describe('an answer without the object', () => {
  const negative = (status: number, ttlMs: number) =>
    makeNegativeResponse(status, Date.UTC(2026, 0, 1), {
      initialAgeSeconds: 0,
      staleAtMs: Date.UTC(2026, 0, 1) + ttlMs,
    })

  test.each([
    [404, 'Not found\n'],
    [403, 'Forbidden\n'],
    [412, 'The origin answered 412\n'],
  ])('%i says so in a short text', (status, text) => {
    const { body, contentType, status: stated } = negative(status, 1000)
    expect([stated, body.bytes, contentType]).toEqual([status, Buffer.from(text), 'text/plain; charset=utf-8'])
  })

  test('tells clients how long it is kept here, in whole seconds rounded down', () => {
    expect(fieldsOf(negative(404, 1500).headerPairs)).toMatchObject({
      'Cache-Control': 'max-age=1',
      Date: 'Thu, 01 Jan 2026 00:00:00 GMT',
    })
    expect(fieldsOf(negative(404, 0).headerPairs)).toMatchObject({ 'Cache-Control': 'max-age=0' })
  })
})

describe('what it costs in memory', () => {
  test('at least its body and two bytes for each character of its texts', () => {
    const bare = memoryCost('', [], 0)
    expect(bare).toBeGreaterThan(0)
    expect(memoryCost('key', ['ab', 'cde'], 1000)).toBe(bare + 1000 + 2 * 8)
  })

  test('is a whole number even for an empty body, as a store needs it', () => {
    expect(Number.isSafeInteger(memoryCost('k', [], 0))).toBe(true)
    expect(makeStoredResponse(storedParts()).body.length).toBe(0)
  })
})

function storedParts() {
  const freshness = { initialAgeSeconds: 0, staleAtMs: 0 }
  return {
    status: 200,
    headers: {},
    contentType: undefined,
    body: BufferedBody.of(Buffer.alloc(0)),
    responseTimeMs: 0,
    freshness,
  }
}
