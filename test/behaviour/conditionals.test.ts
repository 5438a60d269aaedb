/** Preconditions in RFC 9110 §13.2.2's order, the same on a hit and on the first request of a cold object. */
import { describe, expect, test } from 'vitest'
import {
  type Answer,
  hasAnswers,
  parseAnswers,
  pattern,
  rawExchange,
  request,
  type Shield,
  startShield,
} from '../support/shield.ts'

const BYTES = pattern(1000)
const DATE = 'Thu, 01 Jan 2026 00:00:00 GMT'
const MODIFIED = 'Wed, 31 Dec 2025 12:00:00 GMT'
const BEFORE = 'Wed, 31 Dec 2025 11:59:59 GMT'
const AFTER = 'Wed, 31 Dec 2025 12:00:01 GMT'

type Fields = Readonly<Record<string, string | readonly string[]>>

const NOT_MODIFIED: readonly Fields[] = [
  { 'If-None-Match': '"v1"' },
  { 'If-None-Match': 'W/"v1"' },
  { 'If-None-Match': '*' },
  { 'If-None-Match': ' * ' },
  { 'If-None-Match': '"a", W/"b,c" ,,"v1"' },
  { 'If-None-Match': ['"a"', '"v1"'] },
  { 'If-None-Match': 'broken, "v1"' },
  { 'If-Modified-Since': MODIFIED },
  { 'If-Modified-Since': AFTER },
  { 'If-Modified-Since': 'Wednesday, 31-Dec-25 12:00:00 GMT' },
  { 'If-Modified-Since': 'Wed Dec 31 12:00:00 2025' },
  // A tag decides; the date beside it is not looked at.
  { 'If-None-Match': '"v1"', 'If-Modified-Since': BEFORE },
  // Conditions come before Range.
  { 'If-None-Match': '"v1"', Range: 'bytes=0-1' },
  { 'If-None-Match': '"v1"', Range: 'bytes=5000-' },
  { 'If-Modified-Since': MODIFIED, Range: 'bytes=0-1', 'If-Range': '"v1"' },
  // What lets the request go on does not keep the next step from ending it.
  { 'If-Match': '"v1"', 'If-None-Match': '"v1"' },
  { 'If-Match': '*', 'If-Unmodified-Since': BEFORE, 'If-None-Match': '"v1"' },
]

const FAILED: readonly Fields[] = [
  { 'If-Match': '"v2"' },
  { 'If-Match': 'W/"v1"' },
  { 'If-Match': '"a", "b"' },
  { 'If-Match': 'v1' },
  { 'If-Unmodified-Since': BEFORE },
  // If-Match comes first, then If-None-Match.
  { 'If-Match': '"v2"', 'If-None-Match': '"v1"' },
  { 'If-Match': '"v2"', 'If-Unmodified-Since': AFTER },
  { 'If-Unmodified-Since': BEFORE, 'If-None-Match': '"v1"' },
  { 'If-Match': '"v2"', Range: 'bytes=0-1' },
  { 'If-Match': '"v2"', Range: 'bytes=5000-' },
]

const PROCEED: readonly Fields[] = [
  { 'If-None-Match': '"v2"' },
  { 'If-None-Match': 'v1' },
  { 'If-None-Match': '"v1' },
  { 'If-None-Match': '' },
  { 'If-None-Match': '"v2"', 'If-Modified-Since': AFTER },
  { 'If-Modified-Since': BEFORE },
  { 'If-Modified-Since': 'yesterday' },
  { 'If-Modified-Since': '1767182400' },
  { 'If-Match': '"v1"' },
  { 'If-Match': '*' },
  { 'If-Match': '"v2", "v1"' },
  { 'If-Match': '"v1"', 'If-Unmodified-Since': BEFORE },
  { 'If-Unmodified-Since': MODIFIED },
  { 'If-Unmodified-Since': 'yesterday' },
]

function put({ s3 }: Shield, key: string): void {
  s3.put(key, BYTES, { etag: '"v1"', 'last-modified': MODIFIED, date: DATE, 'cache-control': 'max-age=60' })
}

describe.each([
  ['on a hit', true],
  ['on the first request of a cold object', false],
])('%s', (_, isWarm) => {
  /** Each in turn about an object of its own. */
  async function answersTo(shield: Shield, conditions: readonly Fields[], method = 'GET'): Promise<readonly Answer[]> {
    const answers: Answer[] = []
    for (const [index, headers] of conditions.entries()) {
      const path = `/${index}.ts`
      put(shield, path.slice(1))
      if (isWarm) await request(shield.port, { path })
      answers.push(await request(shield.port, { path, headers, method }))
    }
    return answers
  }

  test('304 where the client has it already, without body, length and media type', async () => {
    const shield = await startShield()
    const answers = await answersTo(shield, NOT_MODIFIED)

    expect(answers.map(({ status }, index) => [NOT_MODIFIED[index], status])).toEqual(
      NOT_MODIFIED.map((fields) => [fields, 304]),
    )
    for (const { body, isWhole, rawHeaders, headers } of answers) {
      expect([body.length, isWhole]).toEqual([0, true])
      expect(rawHeaders.map(([name]) => name).toSorted()).toEqual([
        'Age',
        'Cache-Control',
        'Cache-Status',
        'Connection',
        'Date',
        'ETag',
      ])
      expect([headers['etag'], headers['date'], headers['cache-control']]).toEqual(['"v1"', DATE, 'max-age=60'])
    }
  })

  test('412 where the client wanted another version, with a short text and nothing of the object', async () => {
    const shield = await startShield()
    const answers = await answersTo(shield, FAILED)

    expect(answers.map(({ status }, index) => [FAILED[index], status])).toEqual(FAILED.map((fields) => [fields, 412]))
    for (const { body, headers } of answers) {
      expect([body.toString(), headers['content-type'], headers['content-length']]).toEqual([
        'Precondition failed\n',
        'text/plain; charset=utf-8',
        '20',
      ])
    }
  })

  test('200 where no condition ends the request', async () => {
    const shield = await startShield()
    const answers = await answersTo(shield, PROCEED)

    expect(answers.map(({ status }, index) => [PROCEED[index], status])).toEqual(PROCEED.map((fields) => [fields, 200]))
    expect(answers.every(({ body }) => body.equals(BYTES))).toBe(true)
  })

  test('conditions that let the request go on leave the Range to it', async () => {
    const shield = await startShield()
    const answers = await answersTo(
      shield,
      PROCEED.map((fields) => ({ ...fields, Range: 'bytes=10-19' })),
    )

    for (const { status, body, headers } of answers) {
      expect([status, headers['content-range']]).toEqual([206, 'bytes 10-19/1000'])
      expect(body.equals(BYTES.subarray(10, 20))).toBe(true)
    }
  })

  test('HEAD is judged as GET is', async () => {
    const shield = await startShield()
    const statuses = async (conditions: readonly Fields[]) =>
      (await answersTo(shield, conditions, 'HEAD')).map(({ status, body }) => `${status} ${body.length}`)

    expect(new Set(await statuses(NOT_MODIFIED))).toEqual(new Set(['304 0']))
    expect(new Set(await statuses(FAILED))).toEqual(new Set(['412 0']))
    expect(new Set(await statuses(PROCEED))).toEqual(new Set(['200 0']))
  })
})

test('the conditions of a client never reach the origin, and a cold object is filled though its client wants none of it', async () => {
  const shield = await startShield()
  put(shield, 'a.ts')
  const first = await request(shield.port, { path: '/a.ts', headers: { 'If-None-Match': '"v1"', 'If-Match': '*' } })
  const second = await request(shield.port, { path: '/a.ts' })

  expect([first.status, first.headers['cache-status']]).toEqual([
    304,
    'segment-shield; fwd=uri-miss; fwd-status=200; stored; ttl=60',
  ])
  expect([second.status, second.headers['cache-status']]).toEqual([200, 'segment-shield; hit; ttl=60'])
  expect(second.body.equals(BYTES)).toBe(true)
  expect(shield.s3.requests.map(({ headers }) => [headers['if-none-match'], headers['if-match']])).toEqual([
    [undefined, undefined],
  ])
})

test('a 304 leaves the connection in order: the next answer on it is read rightly', async () => {
  const shield = await startShield()
  put(shield, 'a.ts')
  const conditional = 'GET /a.ts HTTP/1.1\r\nHost: x\r\nIf-None-Match: "v1"\r\n\r\n'
  const plain = 'GET /a.ts HTTP/1.1\r\nHost: x\r\n\r\n'

  const received = await rawExchange(shield.port, conditional + plain + conditional + plain, hasAnswers(4))

  const answers = parseAnswers(received)
  expect(answers.map(({ status, body }) => [status, body.length])).toEqual([
    [304, 0],
    [200, 1000],
    [304, 0],
    [200, 1000],
  ])
})

test('an object without validators is never called unchanged', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', BYTES)
  s3.on('a.ts', (exchange) => exchange.answer({ etag: undefined, 'last-modified': undefined }))
  const ask = async (headers: Fields) => (await request(port, { path: '/a.ts', headers })).status

  for (const _ of ['miss', 'hit']) {
    expect(await ask({ 'If-None-Match': '""' })).toBe(200)
    expect(await ask({ 'If-Modified-Since': DATE })).toBe(200)
    expect(await ask({ 'If-Match': '"v1"' })).toBe(412)
  }
})

test('conditions are nothing to an object that is not there', async () => {
  const { port } = await startShield()

  for (const _ of ['miss', 'hit']) {
    for (const headers of [{ 'If-None-Match': '*' }, { 'If-Match': '"v1"' }, { 'If-Modified-Since': DATE }]) {
      expect((await request(port, { path: '/a.ts', headers })).status).toBe(404)
    }
  }
})

test('an object that is passed through is judged too, and the one connection to the origin is given back', async () => {
  const shield = await startShield({ cache: { maxObject: '10B' }, pool: { maxSockets: 1 } })
  put(shield, 'a.ts')

  for (const _ of ['first', 'later']) {
    const notModified = await request(shield.port, { path: '/a.ts', headers: { 'If-None-Match': '"v1"' } })
    const failed = await request(shield.port, { path: '/a.ts', headers: { 'If-Match': '"v2"' } })
    expect([notModified.status, failed.status]).toEqual([304, 412])
  }
  expect((await request(shield.port, { path: '/a.ts' })).body.equals(BYTES)).toBe(true)
  expect(shield.s3.sockets.peak).toBe(1)
})

test('a 304 carries the Content-Location of what it confirms', async () => {
  const { s3, port } = await startShield()
  const { headers } = s3.put('a.ts', 'x', { 'content-location': '/elsewhere.ts' })
  const answer = await request(port, { path: '/a.ts', headers: { 'If-None-Match': headers['etag'] ?? '' } })

  expect([answer.status, answer.headers['content-location']]).toEqual([304, '/elsewhere.ts'])
})
