/** What the shield promises holds over TLS as it does without, for HTTP/1.1 and for HTTP/2. */
import { describe, expect, test } from 'vitest'
import { makeCertificate } from '../support/certificates.ts'
import { OVER_TLS } from '../support/http2-client.ts'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { pattern, type ShieldOptions, startShield, times } from '../support/shield.ts'

const KEY = 'vod/1.ts'
const PATH = `/${KEY}`
const BYTES = pattern(300_000)

const secureShield = (options: ShieldOptions = {}) => startShield({ ...options, listen: { tls: makeCertificate() } })

describe.each(OVER_TLS)('$name', ({ request, open }) => {
  test('an object is fetched once, and answered from memory from then on', async () => {
    const { s3, port, accessRecords } = await secureShield()
    s3.put(KEY, BYTES)
    const [miss, hit] = [await request(port, { path: PATH }), await request(port, { path: PATH })]
    for (const answer of [miss, hit]) {
      expect([answer.status, answer.isWhole, answer.body.equals(BYTES)]).toEqual([200, true, true])
      expect(answer.headers['content-length']).toBe(String(BYTES.length))
    }
    expect(miss.headers['cache-status']).toMatch(/^segment-shield; fwd=uri-miss;.* stored/)
    expect(hit.headers['cache-status']).toMatch(/^segment-shield; hit/)
    expect(s3.requests).toHaveLength(1)
    const records = await accessRecords(2)
    expect(records.map(({ end, status, bytes }) => [end, status, bytes])).toEqual([
      ['whole', 200, BYTES.length],
      ['whole', 200, BYTES.length],
    ])
  })

  test('an answer has one date and no field of a connection that its version does not know', async () => {
    const { s3, port } = await secureShield()
    s3.put(KEY, BYTES, { Connection: 'x-hop', 'X-Hop': '1', 'Keep-Alive': 'timeout=9' })
    const { rawHeaders, httpVersion } = await request(port, { path: PATH })
    const names = rawHeaders.map(([name]) => name.toLowerCase())
    expect(names.filter((name) => name === 'date')).toHaveLength(1)
    expect(names).not.toContain('x-hop')
    if (httpVersion !== '2.0') return
    for (const name of ['connection', 'keep-alive', 'transfer-encoding']) expect(names).not.toContain(name)
    expect(names).toEqual(names.map((name) => name.toLowerCase()))
  })

  test('HEAD has the fields and nothing else, from memory and for what is not there', async () => {
    const { s3, port, accessRecords } = await secureShield()
    s3.put(KEY, BYTES)
    await request(port, { path: PATH })
    const [hit, missing] = [
      await request(port, { method: 'HEAD', path: PATH }),
      await request(port, { method: 'HEAD', path: '/none.ts' }),
    ]
    expect([hit.status, hit.isWhole, hit.body.length]).toEqual([200, true, 0])
    expect(hit.headers['content-length']).toBe(String(BYTES.length))
    expect([missing.status, missing.isWhole, missing.body.length]).toEqual([404, true, 0])
    expect((await accessRecords(3)).map(({ end }) => end)).toEqual(['whole', 'whole', 'whole'])
  })

  test('a validator that still holds is a 304 without content', async () => {
    const { s3, port } = await secureShield()
    s3.put(KEY, BYTES)
    const { headers } = await request(port, { path: PATH })
    const answer = await request(port, { path: PATH, headers: { 'If-None-Match': headers['etag'] ?? '' } })
    expect([answer.status, answer.isWhole, answer.body.length]).toEqual([304, true, 0])
    expect(answer.headers['content-length']).toBeUndefined()
  })

  test.each([
    ['bytes=5-9', 206, BYTES.subarray(5, 10)],
    ['bytes=-7', 206, BYTES.subarray(-7)],
    ['bytes=100-', 206, BYTES.subarray(100)],
  ])('%s is answered with these bytes, from memory and cold', async (range, status, bytes) => {
    const { s3, port } = await secureShield()
    s3.put(KEY, BYTES)
    for (const _ of ['cold', 'hit']) {
      const answer = await request(port, { path: PATH, headers: { Range: range } })
      expect([answer.status, answer.isWhole, answer.body.equals(bytes)]).toEqual([status, true, true])
    }
  })

  test('several ranges come as one multipart answer, and none that fits is a 416', async () => {
    const { s3, port } = await secureShield()
    s3.put(KEY, BYTES)
    const several = await request(port, { path: PATH, headers: { Range: 'bytes=0-3,10-12' } })
    expect([several.status, several.isWhole]).toEqual([206, true])
    expect(several.body.length).toBe(Number(several.headers['content-length']))
    const none = await request(port, { path: PATH, headers: { Range: 'bytes=300000-' } })
    expect([none.status, none.headers['content-range']]).toEqual([416, 'bytes */300000'])
  })

  test('what has arrived goes on at once, and everybody who asks meanwhile gets it out of the one fetch', async () => {
    const { s3, port } = await secureShield()
    s3.put(KEY, BYTES)
    const rest = gate()
    s3.on(KEY, pausedAfter(1000, rest))
    const clients = await Promise.all(times(5, () => open(port, { path: PATH })))
    for (const client of clients) {
      await client.receivedBytes(1000)
      expect(client.received().equals(BYTES.subarray(0, 1000))).toBe(true)
    }
    rest.open()
    for (const client of clients) {
      const { isWhole, body } = await client.ended
      expect([isWhole, body.equals(BYTES)]).toEqual([true, true])
    }
    expect(s3.requests).toHaveLength(1)
  })

  test('one who leaves takes nothing from the others, and the fetch goes on', async () => {
    const { s3, port, accessRecords } = await secureShield()
    s3.put(KEY, BYTES)
    const rest = gate()
    s3.on(KEY, pausedAfter(1000, rest))
    const [staying, leaving] = [await open(port, { path: PATH }), await open(port, { path: PATH })]
    await leaving.receivedBytes(1000)
    leaving.leave()
    const [record] = await accessRecords(1)
    expect(record?.['end']).toBe('left')
    rest.open()
    const { isWhole, body } = await staying.ended
    expect([isWhole, body.equals(BYTES)]).toEqual([true, true])
    expect(s3.requests).toHaveLength(1)
  })

  test('the last one to leave what only passes through ends the request to the origin', async () => {
    const { s3, port } = await secureShield({ pool: { maxFreeSockets: 0 } })
    s3.put(KEY, BYTES, { 'Cache-Control': 'no-store' })
    s3.on(KEY, (exchange) => exchange.answerPart(1000))
    const leaving = await open(port, { path: PATH })
    await leaving.receivedBytes(1000)
    leaving.leave()
    await s3.socketsAtMost(0)
  })

  test('an answer whose origin fails half way is visibly cut', async () => {
    const { s3, port, accessRecords } = await secureShield()
    s3.put(KEY, BYTES, { 'Cache-Control': 'no-store' })
    s3.on(KEY, async (exchange) => {
      await exchange.answerPart(1000)
      exchange.cut()
    })
    const client = await open(port, { path: PATH })
    const { isWhole, body } = await client.ended
    expect([isWhole, body.length < BYTES.length]).toEqual([false, true])
    expect(body.equals(BYTES.subarray(0, body.length))).toBe(true)
    expect((await accessRecords(1)).map(({ end }) => end)).toEqual(['cut'])
  })

  test('a failure before the first byte is an answer of its own', async () => {
    const { s3, port } = await secureShield()
    s3.on(KEY, (exchange) => exchange.cut())
    const answer = await request(port, { path: PATH })
    expect([answer.status, answer.isWhole, answer.headers['cache-control']]).toEqual([502, true, 'no-store'])
  })

  test.each([
    ['/%zz', 400],
    ['/a/../b', 400],
    [`/${'a'.repeat(9000)}`, 414],
  ])('a path that cannot be served is refused: %#', async (path, status) => {
    const { s3, port } = await secureShield()
    expect((await request(port, { path })).status).toBe(status)
    expect(s3.requests).toEqual([])
  })
})
