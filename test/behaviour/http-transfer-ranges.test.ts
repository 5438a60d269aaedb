/** Ranges of objects at an HTTP origin: no more is asked for than is missing, and bytes of two versions never meet. */
import { describe, expect, test } from 'vitest'
import type { HttpExchange, HttpRequest } from '../support/http-socket-server.ts'
import { type Packager, startPackager } from '../support/packager.ts'
import { type Answer, openRequest, pattern, request, times } from '../support/shield.ts'

const PATH = '/film.mp4'
const SLICE = 65_536
const BYTES = pattern(1_000_000)
const OTHER = pattern(1_000_000, 77)
const KEPT = { ETag: '"v1"', 'Cache-Control': 'max-age=600' }
const IN_SLICES = { cache: { slice: '64KiB', maxObject: '64KiB' } }

async function start(fields: Readonly<Record<string, string | undefined>> = KEPT): Promise<Packager> {
  const packager = await startPackager(IN_SLICES)
  packager.origin.put(PATH, BYTES, fields)
  return packager
}

function part(port: number, range: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return request(port, { path: PATH, headers: { Range: range, ...headers } })
}

function expectPart(answer: Answer, first: number, last: number, bytes = BYTES): void {
  expect([answer.status, answer.isWhole, answer.headers['content-range'], answer.headers['content-length']]).toEqual([
    206,
    true,
    `bytes ${first}-${last}/${bytes.length}`,
    String(last + 1 - first),
  ])
  expect(answer.body.equals(bytes.subarray(first, last + 1))).toBe(true)
}

function ranges(requests: readonly HttpRequest[]): readonly (string | undefined)[] {
  return requests.map(({ fields }) => fields['range'])
}

/** Fails unless every byte was asked for, and none of them twice. */
function expectAskedOnce(requests: readonly HttpRequest[]): void {
  const counts = new Uint8Array(BYTES.length)
  for (const { fields } of requests) {
    const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(fields['range'] ?? 'bytes=0-') ?? []
    for (let at = Number(first); at <= Math.min(BYTES.length - 1, Number(last || BYTES.length)); at += 1) {
      counts[at] = (counts[at] ?? 0) + 1
    }
  }
  expect([ranges(requests), counts.findIndex((count) => count !== 1)]).toEqual([ranges(requests), -1])
}

describe('of a large object that is not stored', () => {
  test('only the slices around them are fetched, once, and ranges inside are hits', async () => {
    const { origin, port, atRest } = await start()
    expectPart(await part(port, 'bytes=200000-200999'), 200_000, 200_999)
    expectPart(await part(port, 'bytes=262143-262143'), 262_143, 262_143)
    expectPart(await part(port, 'bytes=196608-196609'), 196_608, 196_609)
    expect(ranges(origin.requests)).toEqual([`bytes=${3 * SLICE}-${4 * SLICE - 1}`])
    await atRest()
  })

  test('what is missing is fetched, and nothing else', async () => {
    const { origin, port, atRest } = await start()
    expectPart(await part(port, 'bytes=200000-200999'), 200_000, 200_999)
    expectPart(await part(port, 'bytes=260000-330000'), 260_000, 330_000)
    expect(ranges(origin.requests)).toEqual([
      `bytes=${3 * SLICE}-${4 * SLICE - 1}`,
      `bytes=${4 * SLICE}-${6 * SLICE - 1}`,
    ])
    expect(origin.requests[1]?.fields['if-match']).toBe('"v1"')
    const whole = await request(port, { path: PATH })
    expect([whole.status, whole.isWhole, whole.body.equals(BYTES)]).toEqual([200, true, true])
    await atRest()
    expectAskedOnce(origin.requests)
    expect((await request(port, { path: PATH })).body.equals(BYTES)).toBe(true)
    expectAskedOnce(origin.requests)
  })

  test('a suffix and an open end learn the length by a first slice', async () => {
    const { origin, port, atRest } = await start()
    expectPart(await part(port, 'bytes=-500'), 999_500, 999_999)
    expectPart(await part(port, 'bytes=999000-'), 999_000, 999_999)
    await atRest()
    expect(ranges(origin.requests)).toEqual([`bytes=0-${SLICE - 1}`, `bytes=${15 * SLICE}-`])
  })

  test('many clients at one place cost one request', async () => {
    const { origin, port } = await start()
    const answers = await Promise.all(times(30, (nth) => part(port, `bytes=${200_000 + nth}-${201_000 + nth}`)))
    for (const [nth, answer] of answers.entries()) expectPart(answer, 200_000 + nth, 201_000 + nth)
    expect(origin.requests.length).toBe(1)
  })

  test('several ranges come as one multipart answer, byte for byte', async () => {
    const { port } = await start()
    const answer = await part(port, 'bytes=0-9,500000-500009,-10')
    expect(answer.status).toBe(206)
    const [, boundary = ''] = /boundary=(\S+)$/.exec(answer.headers['content-type'] ?? '') ?? []
    const parts = answer.body.toString('latin1').split(`--${boundary}`)
    const bodies = parts.slice(1, -1).map((text) => text.slice(text.indexOf('\r\n\r\n') + 4, -2))
    expect(bodies.map((body) => Buffer.from(body, 'latin1'))).toEqual(
      [
        [0, 10],
        [500_000, 500_010],
        [999_990, 1_000_000],
      ].map(([first, end]) => Buffer.from(BYTES.subarray(first, end))),
    )
  })

  test.each(['bytes=1000000-', 'bytes=1000000-2000000', 'bytes=9007199254740991-'])('%s is a 416', async (range) => {
    const { port, atRest } = await start()
    const answer = await part(port, range)
    expect([answer.status, answer.headers['content-range']]).toEqual([416, 'bytes */1000000'])
    await atRest()
  })

  test('If-Range with its tag is a part, with another one the whole', async () => {
    const { port } = await start()
    expectPart(await part(port, 'bytes=500000-500009', { 'If-Range': '"v1"' }), 500_000, 500_009)
    const whole = await part(port, 'bytes=500000-500009', { 'If-Range': '"v0"' })
    expect([whole.status, whole.body.equals(BYTES)]).toEqual([200, true])
  })

  test('a slice that breaks off is gone on with where it broke', async () => {
    const { origin, port, atRest } = await start()
    origin.once(PATH, async (exchange) => {
      await exchange.answerPart(10_000)
      exchange.cut()
    })
    expectPart(await part(port, 'bytes=196608-262143'), 196_608, 262_143)
    expect(ranges(origin.requests)).toEqual(['bytes=196608-262143', 'bytes=206608-262143'])
    expect(origin.requests[1]?.fields['if-match']).toBe('"v1"')
    await atRest()
  })
})

test('an object that is no longer than a slice is had whole by its first range', async () => {
  const { origin, port } = await start()
  origin.put('/small', BYTES.subarray(0, 50_000), KEPT)
  for (const [first, last] of [
    [10, 19],
    [49_000, 49_999],
  ]) {
    const answer = await request(port, { path: '/small', headers: { Range: `bytes=${first}-${last}` } })
    expect(answer.body.equals(BYTES.subarray(first, (last ?? 0) + 1))).toBe(true)
  }
  expect((await request(port, { path: '/small' })).body.equals(BYTES.subarray(0, 50_000))).toBe(true)
  expect(origin.requests.length).toBe(1)
})

describe('an origin', () => {
  test('that ignores Range answers a part out of the whole', async () => {
    const { origin, port, atRest } = await start()
    origin.on(PATH, (exchange) => exchange.send({ body: BYTES, fields: KEPT }))
    expectPart(await part(port, 'bytes=200000-200999'), 200_000, 200_999)
    expectPart(await part(port, 'bytes=-5'), 999_995, 999_999)
    expect((await request(port, { path: PATH })).body.equals(BYTES)).toBe(true)
    await atRest()
  })

  test('that ignores Range and says no length gives the whole, which is stored', async () => {
    const { origin, port } = await startPackager()
    origin.on(PATH, (exchange) => exchange.send({ body: BYTES, fields: KEPT, framing: 'chunked' }))
    const answer = await part(port, 'bytes=2000000-2000999')
    expect([200, 416]).toContain(answer.status)
    if (answer.status === 200) expect(answer.body.equals(BYTES)).toBe(true)
    expectPart(await part(port, 'bytes=200000-200999'), 200_000, 200_999)
    expect(origin.requests.length).toBe(1)
  })

  const send206 =
    (first: number, last: number, total: number | '*' = BYTES.length) =>
    (exchange: HttpExchange) =>
      exchange.send({
        status: 206,
        body: BYTES.subarray(first, last + 1),
        fields: { ...KEPT, 'Content-Range': `bytes ${first}-${last}/${total}` },
      })

  test.each([
    ['another place', send206(0, SLICE - 1)],
    ['an unknown total', send206(3 * SLICE, 4 * SLICE - 1, '*')],
    ['a total that is less', send206(3 * SLICE, 4 * SLICE - 1, 100)],
    [
      'no Content-Range',
      (exchange: HttpExchange) => exchange.send({ status: 206, body: BYTES.subarray(0, SLICE), fields: KEPT }),
    ],
    [
      'several parts',
      (exchange: HttpExchange) =>
        exchange.send({ status: 206, body: 'x', fields: { 'Content-Type': 'multipart/byteranges; boundary=b' } }),
    ],
  ])('that answers another range is never believed: %s', async (_what, misbehave) => {
    const { origin, port, atRest } = await start()
    origin.on(PATH, misbehave)
    const answer = await part(port, 'bytes=200000-200999')
    if (answer.status === 206) expectPart(answer, 200_000, 200_999)
    else expect(answer.status).toBe(502)
    origin.on(PATH)
    expectPart(await part(port, 'bytes=200000-200999'), 200_000, 200_999)
    await atRest()
  })

  test('that gives less than was asked for is asked for the rest', async () => {
    const { origin, port, atRest } = await start()
    origin.once(PATH, send206(3 * SLICE, 3 * SLICE + 9999))
    expectPart(await part(port, 'bytes=196608-262143'), 196_608, 262_143)
    expect(ranges(origin.requests)).toEqual(['bytes=196608-262143', `bytes=${3 * SLICE + 10_000}-262143`])
    await atRest()
  })

  test('that answers 206 to what was no range is never taken for the whole', async () => {
    const { origin, port, atRest } = await start()
    origin.once(PATH, send206(0, 999))
    const answer = await request(port, { path: PATH })
    expect([206, 502]).toContain(answer.status)
    if (answer.status === 206) expect(answer.headers['content-range']).toBe('bytes 0-999/1000000')
    expect((await request(port, { path: PATH })).body.equals(BYTES)).toBe(true)
    await atRest()
  })

  test.each([
    ['a weak tag', { ETag: 'W/"v1"' }],
    ['no tag', { ETag: undefined }],
  ])('with %s gets each range by itself, and nothing is put together', async (_what, fields) => {
    const { origin, port, atRest } = await start({ ...fields, 'Cache-Control': 'max-age=600' })
    for (const start of [200_000, 260_000, 200_000]) {
      expectPart(await part(port, `bytes=${start}-${start + 9_999}`), start, start + 9_999)
    }
    origin.put(PATH, OTHER, { ...fields, 'Cache-Control': 'max-age=600' })
    expectPart(await part(port, 'bytes=200000-270000'), 200_000, 270_000, OTHER)
    expect((await request(port, { path: PATH })).body.equals(OTHER)).toBe(true)
    await atRest()
  })

  test('that has nothing there says so, whatever range was asked for', async () => {
    const { origin, port, atRest } = await start()
    const answer = await request(port, { path: '/none', headers: { Range: 'bytes=5000000-5000009' } })
    expect(answer.status).toBe(404)
    expect(origin.requests.length).toBe(1)
    await atRest()
  })

  test('with an empty object has no range of it', async () => {
    const { origin, port, atRest } = await start()
    origin.put('/empty', '', KEPT)
    for (const range of ['bytes=0-', 'bytes=0-0', 'bytes=-1']) {
      const answer = await request(port, { path: '/empty', headers: { Range: range } })
      expect([200, 416]).toContain(answer.status)
      if (answer.status === 416) expect(answer.headers['content-range']).toBe('bytes */0')
      else expect(answer.body.length).toBe(0)
    }
    await atRest()
  })
})

describe('an object that is replaced', () => {
  test('while it is read is cut, and the next one has the new bytes', async () => {
    const { origin, port, atRest } = await start()
    expectPart(await part(port, 'bytes=400000-400009'), 400_000, 400_009)
    const client = await openRequest(port, { path: PATH })
    client.pause()
    origin.put(PATH, OTHER, { ...KEPT, ETag: '"v2"' })
    client.resume()
    const answer = await client.ended
    // All of the old one had come before, or it is cut where that ends.
    expect(answer.body.equals(BYTES.subarray(0, answer.body.length))).toBe(true)
    expect(answer.isWhole).toBe(answer.body.length === BYTES.length)
    await atRest()
    const next = await part(port, 'bytes=700000-700009')
    expect([BYTES, OTHER].some((bytes) => bytes.subarray(700_000, 700_010).equals(next.body))).toBe(true)
  })

  test('before a range is fetched costs one more request, and is answered with the new one', async () => {
    const { origin, port, atRest } = await start()
    expectPart(await part(port, 'bytes=200000-200999'), 200_000, 200_999)
    origin.put(PATH, OTHER, { ...KEPT, ETag: '"v2"' })
    expectPart(await part(port, 'bytes=500000-500999'), 500_000, 500_999, OTHER)
    expectPart(await part(port, 'bytes=200000-200999'), 200_000, 200_999, OTHER)
    expect((await request(port, { path: PATH })).body.equals(OTHER)).toBe(true)
    await atRest()
  })

  test('by one of another length, too', async () => {
    const { origin, port, atRest } = await start()
    expectPart(await part(port, 'bytes=200000-200999'), 200_000, 200_999)
    origin.put(PATH, OTHER.subarray(0, 600_000), { ...KEPT, ETag: '"v2"' })
    const answer = await part(port, 'bytes=500000-500999')
    expect([answer.status, answer.headers['content-range']]).toEqual([206, 'bytes 500000-500999/600000'])
    expect(answer.body.equals(OTHER.subarray(500_000, 501_000))).toBe(true)
    expect((await part(port, 'bytes=700000-')).status).toBe(416)
    await atRest()
  })

  test('with every request never gives a mixture', async () => {
    const { origin, port, atRest } = await start()
    const versions = times(40, (nth) => pattern(1_000_000, nth * 5 + 1))
    let version = 0
    origin.onAny(async (exchange) => {
      await exchange.answerPart(30_000)
      version = (version + 1) % versions.length
      origin.put(PATH, versions[version] ?? BYTES, { ...KEPT, ETag: `"n${version}"` })
      await exchange.more()
    })
    for (const nth of times(20, (index) => index)) {
      const start = (nth * 48_611) % 900_000
      const answer = await part(port, `bytes=${start}-${start + 80_000}`).catch(() => undefined)
      if (answer === undefined || answer.status !== 206) continue
      const { body } = answer
      const tag = answer.headers['etag']
      const bytes = tag === '"v1"' ? BYTES : versions[Number(/\d+/.exec(tag ?? '')?.[0])]
      expect(bytes?.subarray(start, start + body.length).equals(body)).toBe(true)
      if (answer.isWhole) expect(body.length).toBe(80_001)
    }
    await atRest()
  })
})

describe('with Authorization', () => {
  test('a range goes on as it is, and what comes is for nobody else', async () => {
    const { origin, port, atRest } = await start()
    const headers = { Authorization: 'Basic abc' }
    expectPart(await part(port, 'bytes=200000-200999', headers), 200_000, 200_999)
    expectPart(await part(port, 'bytes=200000-200999', headers), 200_000, 200_999)
    expect(ranges(origin.requests)).toEqual(['bytes=200000-200999', 'bytes=200000-200999'])
    expect(origin.requests.map(({ fields }) => fields['authorization'])).toEqual(['Basic abc', 'Basic abc'])
    expectPart(await part(port, 'bytes=200000-200999'), 200_000, 200_999)
    expect(origin.requests.length).toBe(3)
    expect(origin.requests[2]?.fields['authorization']).toBeUndefined()
    await atRest()
  })

  test('a 416 and an If-Range are the origin’s own, too', async () => {
    const { origin, port, atRest } = await start()
    const headers = { Authorization: 'Basic abc' }
    expect((await part(port, 'bytes=2000000-', headers)).status).toBe(416)
    origin.on(PATH, (exchange) => exchange.send({ body: BYTES, fields: KEPT }))
    const whole = await part(port, 'bytes=0-9', { ...headers, 'If-Range': '"v0"' })
    expect([whole.status, whole.body.equals(BYTES)]).toEqual([200, true])
    await atRest()
  })

  test('slices that are there for everybody serve it as well', async () => {
    const { origin, port } = await start({ ...KEPT, 'Cache-Control': 'public, max-age=600' })
    expectPart(await part(port, 'bytes=200000-200999'), 200_000, 200_999)
    expectPart(await part(port, 'bytes=200000-200999', { Authorization: 'Basic abc' }), 200_000, 200_999)
    expect(origin.requests.length).toBe(1)
  })
})
