/** An origin that fails before any byte of the body: one proper error for everyone who waits, and it is not kept. */
import { describe, expect, test } from 'vitest'
import { type Exchange, gate } from '../support/s3-socket-server.ts'
import { pattern, request, type Shield, startShield, takenRequest, times } from '../support/shield.ts'

const KEY = 'vod/1.ts'
const PATH = `/${KEY}`
const BYTES = pattern(100_000)
const RESPONSE_MS = 30_000
const STALL_MS = 15_000

interface Failing {
  readonly what: string
  readonly status: number
  /** Sends what comes before the failure. */
  readonly begin?: (exchange: Exchange) => Promise<void>
  readonly fail: (exchange: Exchange, shield: Shield) => unknown
}

const headOnly = (exchange: Exchange) => exchange.answerPart(0)

const FAILURES: readonly Failing[] = [
  { what: 'resets the connection before the headers', status: 502, fail: (exchange) => exchange.reset() },
  { what: 'ends the connection before the headers', status: 502, fail: (exchange) => exchange.cut() },
  { what: 'sends no headers in time', status: 504, fail: (_, { clock }) => clock.advance(RESPONSE_MS) },
  { what: 'answers 500', status: 502, fail: (exchange) => exchange.error(500, 'InternalError') },
  { what: 'answers 503 SlowDown', status: 503, fail: (exchange) => exchange.error(503, 'SlowDown') },
  { what: 'refuses our signature', status: 502, fail: (exchange) => exchange.error(403, 'SignatureDoesNotMatch') },
  { what: 'has no such bucket', status: 502, fail: (exchange) => exchange.error(404, 'NoSuchBucket') },
  {
    what: 'resets the connection after the headers',
    status: 502,
    begin: headOnly,
    fail: (exchange) => exchange.reset(),
  },
  { what: 'ends the connection after the headers', status: 502, begin: headOnly, fail: (exchange) => exchange.cut() },
  {
    what: 'sends no body in time after the headers',
    status: 504,
    begin: headOnly,
    fail: (_, { clock }) => clock.advance(STALL_MS),
  },
]

/** Without a strong tag nothing says that the rest belongs to what has come: such a body cannot go on. */
const UNPINNED = { etag: 'W/"1"' }

describe.each(FAILURES)('an origin that $what', ({ status, begin, fail }) => {
  test(`is the same ${status} for all who wait, and the next client asks again`, async () => {
    const shield = await startShield({ pool: { maxFreeSockets: 0 } })
    const { s3, port } = shield
    s3.put(KEY, BYTES, UNPINNED)
    const failing = gate()
    s3.once(KEY, async (exchange) => {
      await failing.opened
      await begin?.(exchange)
      // A HEAD is answered from the headers: when that answer is there, so are they.
      if (begin !== undefined) await request(port, { path: PATH, method: 'HEAD' })
      await fail(exchange, shield)
    })
    const clients = await Promise.all(times(5, () => takenRequest(port, { path: PATH })))
    await s3.received(1)
    failing.open()
    const answers = await Promise.all(clients.map((client) => client.whole()))

    for (const answer of answers) {
      expect(answer.status).toBe(status)
      expect(answer.isWhole).toBe(true)
      expect(answer.headers['cache-control']).toBe('no-store')
      expect(answer.body.length).toBeLessThan(100)
      expect(answer.body.equals(answers[0]?.body ?? Buffer.alloc(0))).toBe(true)
      expect(answer.headers['retry-after'] === undefined).toBe(status !== 503)
    }
    expect(s3.requests).toHaveLength(1)
    await s3.socketsAtMost(0)

    const next = await request(port, { path: PATH })
    expect(next.status).toBe(200)
    expect(next.body.equals(BYTES)).toBe(true)
    expect(s3.requests).toHaveLength(2)
  })

  test(`is a ${status} for a client whose object only passes through`, async () => {
    const shield = await startShield({ pool: { maxFreeSockets: 0 } })
    const { s3, port } = shield
    s3.put(KEY, BYTES, { ...UNPINNED, 'cache-control': 'no-store' })
    await request(port, { path: PATH })
    const failing = gate()
    s3.once(KEY, async (exchange) => {
      await failing.opened
      await begin?.(exchange)
      if (begin !== undefined) await bodyAwaited(shield)
      await fail(exchange, shield)
    })
    const client = await takenRequest(port, { path: PATH })
    await s3.received(2)
    failing.open()
    const answer = await client.whole()
    expect(answer.status).toBe(status)
    expect(answer.isWhole).toBe(true)
    await s3.socketsAtMost(0)
    const next = await request(port, { path: PATH })
    expect(next.body.equals(BYTES)).toBe(true)
  })
})

/** One turn of another connection to the same origin and back, begun after the headers were sent. */
async function bodyAwaited({ s3, port }: Shield): Promise<void> {
  s3.put('another.ts', BYTES)
  await request(port, { path: '/another.ts' })
}

test('an origin that nobody can connect to is a 502, and is asked again the next time', async () => {
  const { port, s3 } = await startShield({ origin: { endpoint: 'http://127.0.0.1:1' } })
  for (const _ of [1, 2]) {
    const answer = await request(port, { path: PATH })
    expect(answer.status).toBe(502)
    expect(answer.body.toString()).toBe('The origin could not be used\n')
  }
  expect(s3.requests).toHaveLength(0)
})

test('the number of attempts of the configuration is made, and the one that succeeds is everyone’s', async () => {
  const { port, s3 } = await startShield({ retry: { maxAttempts: 2 } })
  s3.put(KEY, BYTES, UNPINNED)
  s3.once(KEY, (exchange) => exchange.error(500, 'InternalError'))
  const clients = await Promise.all(times(3, () => takenRequest(port, { path: PATH })))
  for (const client of clients) expect((await client.whole()).body.equals(BYTES)).toBe(true)
  expect(s3.requests).toHaveLength(2)
})
