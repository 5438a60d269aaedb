/** A 304 renews what is stored in everything but its bytes and what describes them (RFC 9111 §4.3.4, §4.3.5). */
import { describe, expect, test } from 'vitest'
import { type HttpShield, startHttpShield } from '../support/http-shield.ts'
import type { Fields } from '../support/http-socket-server.ts'
import { type Answer, pattern, request } from '../support/shield.ts'

const PATH = '/live/1.ts'
const BYTES = pattern(3000)
const HIT = /^segment-shield; hit;/

const ask = ({ port }: HttpShield, method = 'GET'): Promise<Answer> => request(port, { path: PATH, method })

/** The bytes are stored, and have been stale for a second. */
async function staleShield(fields: Fields = {}): Promise<HttpShield> {
  const shield = await startHttpShield({ origin: { pool: { maxFreeSockets: 0 } } })
  const { origin, clock } = shield
  origin.put(PATH, BYTES, { 'Cache-Control': 'max-age=10', ETag: '"one"', ...fields })
  expect((await ask(shield)).body.equals(BYTES)).toBe(true)
  clock.advance(11_000)
  return shield
}

function answerOnce({ origin }: HttpShield, status: number, fields: Fields, body = ''): void {
  origin.once(PATH, ({ send }) => send({ status, fields, body, framing: status === 304 ? 'none' : 'length' }))
}

/** What the origin was asked about, request by request. */
function conditionsOf({ origin }: HttpShield) {
  return origin.requests.map(({ fields }) => [fields['if-none-match'], fields['if-modified-since']])
}

test('its fields take the place of the stored ones, new ones are added, and the others stay', async () => {
  const shield = await staleShield({ 'X-Kept': 'kept', 'X-Changed': 'old', 'X-Listed': ['a', 'b'] })
  answerOnce(shield, 304, { 'X-Changed': 'new', 'X-Listed': 'c', 'X-Added': 'added', 'Cache-Control': 'max-age=20' })
  for (const answer of [await ask(shield), await ask(shield)]) {
    const { headers } = answer
    expect([headers['x-kept'], headers['x-changed'], headers['x-listed'], headers['x-added']]).toEqual([
      'kept',
      'new',
      'c',
      'added',
    ])
    expect([headers['cache-control'], headers['etag'], headers['age']]).toEqual(['max-age=20', '"one"', '0'])
    expect(answer.body.equals(BYTES)).toBe(true)
  }
  shield.clock.advance(19_000)
  expect((await ask(shield)).headers['cache-status']).toBe('segment-shield; hit; ttl=1')
  expect(shield.origin.requests).toHaveLength(2)
})

test('what it says of length, type and coding does not touch the stored bytes', async () => {
  const shield = await staleShield({ 'Content-Type': 'video/mp2t' })
  answerOnce(shield, 304, {
    'Content-Length': '17',
    'Content-Type': 'text/html',
    'Content-Encoding': 'gzip',
    'Content-Range': 'bytes 0-1/2',
    ETag: '"one"',
  })
  for (const answer of [await ask(shield), await ask(shield)]) {
    const { headers } = answer
    expect([headers['content-length'], headers['content-type']]).toEqual(['3000', 'video/mp2t'])
    expect([headers['content-encoding'], headers['content-range']]).toEqual([undefined, undefined])
    expect([answer.isWhole, answer.body.equals(BYTES)]).toEqual([true, true])
  }
})

test('hop-by-hop fields and those that Connection names are not taken into what is stored', async () => {
  const shield = await staleShield()
  answerOnce(shield, 304, { Connection: 'x-secret', 'X-Secret': 'mine', 'Keep-Alive': 'timeout=7', ETag: '"one"' })
  for (const { headers } of [await ask(shield), await ask(shield)]) {
    expect([headers['x-secret'], headers['keep-alive']]).toEqual([undefined, undefined])
  }
})

test('cookies and Vary that were stored stay, where it says nothing of them; where it does, its cookies count', async () => {
  const shield = await staleShield({ 'Set-Cookie': ['a=1', 'b=2; Path=/'], Vary: 'X-A' })
  answerOnce(shield, 304, { ETag: '"one"' })
  const cookiesOf = ({ rawHeaders }: Answer) =>
    rawHeaders.filter(([name]) => name.toLowerCase() === 'set-cookie').map(([, value]) => value)
  for (const answer of [await ask(shield), await ask(shield)]) {
    expect([cookiesOf(answer), answer.headers['vary']]).toEqual([['a=1', 'b=2; Path=/'], 'X-A'])
  }
  shield.clock.advance(11_000)
  answerOnce(shield, 304, { ETag: '"one"', 'Set-Cookie': ['c=3', 'd=4'] })
  for (const answer of [await ask(shield), await ask(shield)]) expect(cookiesOf(answer)).toEqual(['c=3', 'd=4'])
  expect(shield.origin.requests).toHaveLength(3)
})

test('age is counted from it, and an age it has itself is not forgotten', async () => {
  const shield = await staleShield({ Age: '3' })
  answerOnce(shield, 304, { ETag: '"one"', Age: '4' })
  expect((await ask(shield)).headers['age']).toBe('4')
  shield.clock.advance(5000)
  const hit = await ask(shield)
  expect([hit.headers['cache-status'], hit.headers['age']]).toEqual(['segment-shield; hit; ttl=1', '9'])
})

describe('which validators are sent', () => {
  const modified = 'Wed, 31 Dec 2025 10:00:00 GMT'
  test.each([
    ['the tag', { ETag: '"one"' }, ['"one"', undefined]],
    ['a weak tag', { ETag: 'W/"one"' }, ['W/"one"', undefined]],
    ['the date', { ETag: undefined, 'Last-Modified': modified }, [undefined, modified]],
    ['both', { ETag: '"one"', 'Last-Modified': modified }, ['"one"', modified]],
    ['none', { ETag: undefined }, [undefined, undefined]],
  ] as const)('%s', async (_what, fields, conditions) => {
    const shield = await staleShield(fields)
    await ask(shield)
    expect(conditionsOf(shield)).toEqual([[undefined, undefined], conditions])
  })
})

test('a client’s own conditions are answered out of what was confirmed, and do not reach the origin', async () => {
  const shield = await staleShield()
  const own = await request(shield.port, { path: PATH, headers: { 'If-None-Match': '"other", "one"' } })
  expect([own.status, own.body.length, own.headers['etag']]).toEqual([304, 0, '"one"'])
  shield.clock.advance(11_000)
  const other = await request(shield.port, { path: PATH, headers: { 'If-None-Match': '"other"' } })
  expect([other.status, other.body.equals(BYTES)]).toEqual([200, true])
  expect(conditionsOf(shield).map(([tag]) => tag)).toEqual([undefined, '"one"', '"one"'])
})

test('one about another version leads to a full request, whose answer takes the stored one’s place', async () => {
  const shield = await staleShield()
  shield.origin.put(PATH, 'two', { 'Cache-Control': 'max-age=10', ETag: '"two"' })
  answerOnce(shield, 304, { ETag: '"two"', 'Cache-Control': 'max-age=600' })
  const answer = await ask(shield)
  expect([answer.status, answer.headers['etag'], answer.body.toString()]).toEqual([200, '"two"', 'two'])
  const hit = await ask(shield)
  expect([hit.headers['cache-status'], hit.body.toString()]).toEqual(['segment-shield; hit; ttl=10', 'two'])
  expect(conditionsOf(shield).map(([tag]) => tag)).toEqual([undefined, '"one"', undefined])
  await shield.origin.socketsAtMost(0)
})

test.each([
  ['a weak form of the stored tag', 'W/"one"'],
  ['no tag', undefined],
])('one with %s is about the stored version', async (_what, etag) => {
  const shield = await staleShield()
  answerOnce(shield, 304, { ETag: etag })
  const answer = await ask(shield)
  expect([answer.headers['etag'], answer.body.equals(BYTES)]).toEqual(['"one"', true])
  expect(answer.headers['cache-status']).toContain('fwd-status=304')
  expect((await ask(shield)).headers['cache-status']).toMatch(HIT)
  expect(shield.origin.requests).toHaveLength(2)
})

test('one to a request without conditions is an error of the origin, and nothing is kept of it', async () => {
  const shield = await startHttpShield({ origin: { pool: { maxFreeSockets: 0 } } })
  answerOnce(shield, 304, { ETag: '"one"', 'Cache-Control': 'max-age=600', 'Set-Cookie': 'a=b' })
  const failed = await ask(shield)
  expect([failed.status, failed.headers['etag'], failed.headers['set-cookie']]).toEqual([502, undefined, undefined])
  shield.origin.put(PATH, BYTES)
  expect((await ask(shield)).body.equals(BYTES)).toBe(true)
  expect(shield.origin.requests).toHaveLength(2)
})

test('an answer that was refreshed is confirmed by the tag it has, again and again', async () => {
  const shield = await staleShield({ 'Last-Modified': 'Wed, 31 Dec 2025 10:00:00 GMT' })
  const later = 'Wed, 31 Dec 2025 11:00:00 GMT'
  shield.origin.put(PATH, BYTES, { 'Cache-Control': 'max-age=10', ETag: '"one"', 'Last-Modified': later })
  for (const _ of [1, 2, 3]) {
    expect((await ask(shield)).body.equals(BYTES)).toBe(true)
    shield.clock.advance(11_000)
  }
  expect(conditionsOf(shield).slice(2)).toEqual([
    ['"one"', later],
    ['"one"', later],
  ])
})

describe('HEAD of what is stale', () => {
  test('renews it where it is about the same bytes, and the next GET is a hit', async () => {
    const shield = await staleShield({ 'X-Changed': 'old' })
    answerOnce(shield, 200, {
      ETag: '"one"',
      'Content-Length': '3000',
      'Cache-Control': 'max-age=20',
      'X-Changed': 'new',
    })
    const head = await ask(shield, 'HEAD')
    expect([head.status, head.headers['x-changed'], head.body.length]).toEqual([200, 'new', 0])
    const hit = await ask(shield)
    expect([hit.headers['cache-status'], hit.headers['x-changed']]).toEqual(['segment-shield; hit; ttl=20', 'new'])
    expect(hit.body.equals(BYTES)).toBe(true)
    expect(shield.origin.requests.map(({ method }) => method)).toEqual(['GET', 'HEAD'])
  })

  test.each([
    ['another tag', { ETag: '"two"', 'Content-Length': '3000' }],
    ['another length', { ETag: '"one"', 'Content-Length': '3001' }],
    ['another date', { ETag: '"one"', 'Last-Modified': 'Wed, 31 Dec 2025 11:00:00 GMT' }],
  ])('drops it where it tells of %s, and the next GET has the whole anew', async (_what, fields) => {
    const shield = await staleShield()
    answerOnce(shield, 200, { 'Cache-Control': 'max-age=600', ...fields })
    await ask(shield, 'HEAD')
    shield.origin.put(PATH, 'new', { ETag: '"new"' })
    expect((await ask(shield)).body.toString()).toBe('new')
    expect(conditionsOf(shield).map(([tag]) => tag)).toEqual([undefined, undefined, undefined])
  })

  test.each([404, 500])('says nothing of it with a %s', async (status) => {
    const shield = await staleShield()
    answerOnce(shield, status, { 'Content-Length': '7' })
    expect((await ask(shield, 'HEAD')).status).toBe(status)
    const answer = await ask(shield)
    expect([answer.headers['cache-status'], answer.body.equals(BYTES)]).toEqual([
      'segment-shield; fwd=stale; fwd-status=304; ttl=10',
      true,
    ])
  })
})
