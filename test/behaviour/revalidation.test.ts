/** A stale answer costs the origin one conditional request, however many ask, and an unchanged one no bytes. */
import { expect, test } from 'vitest'
import { gate, type S3Handler } from '../support/s3-socket-server.ts'
import { type Answer, pattern, request, type Shield, startShield, takenRequest, times } from '../support/shield.ts'

const KEY = 'vod/1.ts'
const PATH = `/${KEY}`
const OLD = pattern(50_000, 1)
const NEW = pattern(60_000, 2)
const FRESH_MS = 60_000

/** A store whose time is the shield's, in every answer. */
function dated({ clock }: Shield): S3Handler {
  return (exchange) => exchange.answer({ date: new Date(clock.now()).toUTCString() })
}

/** The old bytes are stored, and have just become stale. */
async function staleShield(headers: Readonly<Record<string, string>> = {}): Promise<Shield> {
  const shield = await startShield()
  shield.s3.put(KEY, OLD, { 'cache-control': 'max-age=60', ...headers })
  shield.s3.on(KEY, dated(shield))
  expect((await request(shield.port, { path: PATH })).body.equals(OLD)).toBe(true)
  shield.clock.advance(FRESH_MS)
  return shield
}

function ask({ port }: Shield): Promise<Answer> {
  return request(port, { path: PATH })
}

test('twenty clients of a stale answer cause one conditional request and get the old bytes, fresh again', async () => {
  const shield = await staleShield()
  const { s3, port, clock } = shield
  const headers = gate()
  s3.on(KEY, async (exchange) => {
    await headers.opened
    await dated(shield)(exchange)
  })
  const clients = await Promise.all(times(20, () => takenRequest(port, { path: PATH })))
  headers.open()
  for (const client of clients) {
    const answer = await client.whole()
    expect(answer.status).toBe(200)
    expect(answer.body.equals(OLD)).toBe(true)
    expect(answer.headers['age']).toBe('0')
    expect(answer.headers['cache-status']).toContain('fwd=stale; fwd-status=304')
  }
  const [first, second, ...others] = s3.requests
  const stored = await ask(shield)
  expect(others).toEqual([])
  expect(first?.headers['if-none-match']).toBeUndefined()
  expect(second?.headers['if-none-match']).toBe(stored.headers['etag'])

  clock.advance(FRESH_MS - 1)
  const hit = await ask(shield)
  expect(hit.headers['cache-status']).toMatch(/^segment-shield; hit/)
  expect(hit.headers['age']).toBe('59')
  expect(hit.body.equals(OLD)).toBe(true)
  expect(s3.requests).toHaveLength(2)
  clock.advance(1)
  await ask(shield)
  expect(s3.requests).toHaveLength(3)
})

test('ranges, HEAD and conditions of clients wait for the same conditional request', async () => {
  const shield = await staleShield()
  const { s3, port } = shield
  const headers = gate()
  s3.on(KEY, async (exchange) => {
    await headers.opened
    await dated(shield)(exchange)
  })
  const range = await takenRequest(port, { path: PATH, headers: { Range: 'bytes=10-19' } })
  const head = await takenRequest(port, { path: PATH, method: 'HEAD' })
  const other = await takenRequest(port, { path: PATH, headers: { 'If-None-Match': '"another"' } })
  headers.open()
  expect((await range.whole()).body.equals(OLD.subarray(10, 20))).toBe(true)
  expect((await head.whole()).headers['content-length']).toBe(String(OLD.length))
  const otherAnswer = await other.whole()
  expect(otherAnswer.status).toBe(200)
  expect(otherAnswer.body.equals(OLD)).toBe(true)
  expect(s3.requests).toHaveLength(2)
  expect(s3.requests[1]?.headers.range).toBeUndefined()
  expect(s3.requests[1]?.headers['if-none-match']).toBe(otherAnswer.headers['etag'])
})

test('an object that has changed is fetched by the conditional request itself, and replaces the old one', async () => {
  const shield = await staleShield()
  const { s3 } = shield
  s3.put(KEY, NEW, { 'cache-control': 'max-age=60' })
  const answer = await ask(shield)
  expect(answer.body.equals(NEW)).toBe(true)
  expect(answer.headers['content-length']).toBe(String(NEW.length))
  expect(answer.headers['cache-status']).toContain('fwd=stale; fwd-status=200')
  const hit = await ask(shield)
  expect(hit.headers['cache-status']).toMatch(/^segment-shield; hit/)
  expect(hit.body.equals(NEW)).toBe(true)
  expect(s3.requests).toHaveLength(2)
})

test('while the changed object arrives everyone gets the new one, and nobody a mixture', async () => {
  const shield = await staleShield()
  const { s3, port } = shield
  s3.put(KEY, NEW, { 'cache-control': 'max-age=60' })
  const rest = gate()
  s3.on(KEY, async (exchange) => {
    await exchange.answerPart(1000, { date: new Date(shield.clock.now()).toUTCString() })
    await rest.opened
    await exchange.more()
  })
  const first = await takenRequest(port, { path: PATH })
  await (await first.answer).receivedBytes(1000)
  const late = await takenRequest(port, { path: PATH })
  const range = await takenRequest(port, { path: PATH, headers: { Range: 'bytes=500-59999' } })
  rest.open()
  expect((await first.whole()).body.equals(NEW)).toBe(true)
  expect((await late.whole()).body.equals(NEW)).toBe(true)
  expect((await range.whole()).body.equals(NEW.subarray(500))).toBe(true)
  expect(s3.requests).toHaveLength(2)
})

test('an object without an ETag is asked for by its Last-Modified', async () => {
  const shield = await startShield()
  const { s3, clock } = shield
  s3.put(KEY, OLD, { 'cache-control': 'max-age=60' })
  s3.on(KEY, (exchange) => exchange.answer({ etag: undefined, date: new Date(clock.now()).toUTCString() }))
  const first = await ask(shield)
  expect(first.headers['etag']).toBeUndefined()
  clock.advance(FRESH_MS)
  const second = await ask(shield)
  expect(second.body.equals(OLD)).toBe(true)
  expect(second.headers['cache-status']).toContain('fwd-status=304')
  expect(s3.requests[1]?.headers['if-modified-since']).toBe(first.headers['last-modified'])
  expect(s3.requests[1]?.headers['if-none-match']).toBeUndefined()
})

test('an object without any validator is fetched anew', async () => {
  const shield = await startShield()
  const { s3, clock } = shield
  s3.put(KEY, OLD, { 'cache-control': 'max-age=60' })
  const bare: S3Handler = (exchange) =>
    exchange.answer({ etag: undefined, 'last-modified': undefined, date: new Date(clock.now()).toUTCString() })
  s3.on(KEY, bare)
  await ask(shield)
  clock.advance(FRESH_MS)
  s3.put(KEY, NEW, { 'cache-control': 'max-age=60' })
  expect((await ask(shield)).body.equals(NEW)).toBe(true)
  expect(s3.requests.map(({ headers }) => headers['if-none-match'] ?? headers['if-modified-since'])).toEqual([
    undefined,
    undefined,
  ])
})

test('a 304 without a single field makes the old answer as fresh as it was at first', async () => {
  const shield = await staleShield()
  const { s3, clock } = shield
  s3.on(KEY, ({ response }) => void response.socket?.write('HTTP/1.1 304 Not Modified\r\n\r\n'))
  const answer = await ask(shield)
  expect(answer.body.equals(OLD)).toBe(true)
  expect(answer.headers['age']).toBe('0')
  clock.advance(FRESH_MS - 1)
  const hit = await ask(shield)
  expect(hit.headers['cache-status']).toMatch(/^segment-shield; hit/)
  expect(hit.headers['age']).toBe('59')
  expect(hit.headers['etag']).toBe(answer.headers['etag'])
  expect(hit.headers['content-type']).toBe('video/mp2t')
  expect(s3.requests).toHaveLength(2)
})

test('a 304 with new fields brings them, with another lifetime among them', async () => {
  const shield = await staleShield()
  const { s3, clock } = shield
  s3.on(KEY, (exchange) =>
    exchange.answer({ 'cache-control': 'max-age=600', date: new Date(clock.now()).toUTCString() }),
  )
  const answer = await ask(shield)
  expect(answer.headers['cache-control']).toBe('max-age=600')
  clock.advance(599_999)
  expect((await ask(shield)).headers['cache-status']).toMatch(/^segment-shield; hit/)
  expect(s3.requests).toHaveLength(2)
})

test('an object that is gone is a 404 from then on, and its old bytes are not served again', async () => {
  const shield = await staleShield()
  const { s3, clock } = shield
  s3.delete(KEY)
  expect((await ask(shield)).status).toBe(404)
  expect((await ask(shield)).status).toBe(404)
  expect(s3.requests).toHaveLength(2)
  s3.put(KEY, NEW, { 'cache-control': 'max-age=60' })
  clock.advance(1000)
  expect((await ask(shield)).body.equals(NEW)).toBe(true)
  expect(s3.requests[2]?.headers['if-none-match']).toBeUndefined()
})

test('an origin that answers 412 to a conditional request gives no bytes to anyone, and is asked again', async () => {
  const shield = await staleShield()
  const { s3 } = shield
  s3.once(KEY, (exchange) => exchange.error(412, 'PreconditionFailed'))
  const failed = await ask(shield)
  expect(failed.status).toBeGreaterThanOrEqual(400)
  expect(failed.body.length).toBeLessThan(100)
  expect((await ask(shield)).body.equals(OLD)).toBe(true)
  expect(s3.requests).toHaveLength(3)
})
