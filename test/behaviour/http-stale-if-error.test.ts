/** What is stored stands in for an origin that fails, as long as it may (RFC 5861 §4), and says that it does. */
import { describe, expect, test } from 'vitest'
import { type HttpShield, type HttpShieldOptions, startHttpShield } from '../support/http-shield.ts'
import { type Fields, gate, type HttpExchange } from '../support/http-socket-server.ts'
import { type Answer, pattern, request, takenRequest, times } from '../support/shield.ts'

const PATH = '/live/1.ts'
const BYTES = pattern(20_000)
const WINDOW = 'max-age=10, stale-if-error=60'
/** Of an answer that has been stale for a second. */
const INSTEAD = 'ttl=-1; detail=stale-if-error'

/** The bytes are stored, and have been stale for a second. */
async function staleShield(fields: Fields = {}, options: HttpShieldOptions = {}): Promise<HttpShield> {
  const shield = await startHttpShield({ ...options, origin: { pool: { maxFreeSockets: 0 }, ...options.origin } })
  const { origin, port, clock } = shield
  origin.put(PATH, BYTES, { 'Cache-Control': WINDOW, ETag: '"one"', ...fields })
  expect((await request(port, { path: PATH })).body.equals(BYTES)).toBe(true)
  clock.advance(11_000)
  return shield
}

const ask = ({ port }: HttpShield, method = 'GET'): Promise<Answer> => request(port, { path: PATH, method })

describe.each([500, 502, 503, 504, 507, 599, 429])('an origin that answers %s', (status) => {
  test('is stood in for by the stored bytes, and the status is told beside', async () => {
    const shield = await staleShield()
    shield.origin.on(PATH, (exchange) => exchange.send({ status, body: 'broken', fields: { 'Set-Cookie': 'a=b' } }))
    const answer = await ask(shield)
    expect([answer.status, answer.body.equals(BYTES)]).toEqual([200, true])
    expect(answer.headers['cache-status']).toBe(`segment-shield; fwd=stale; fwd-status=${status}; ${INSTEAD}`)
    expect([answer.headers['age'], answer.headers['etag'], answer.headers['set-cookie']]).toEqual([
      '11',
      '"one"',
      undefined,
    ])
    expect(shield.origin.requests.map(({ fields }) => fields['if-none-match'])).toEqual([undefined, '"one"'])
    await shield.origin.socketsAtMost(0)
  })
})

describe.each([
  ['resets the connection', (exchange: HttpExchange) => exchange.reset()],
  ['ends the connection without a word', (exchange: HttpExchange) => exchange.cut()],
  ['speaks no HTTP', (exchange: HttpExchange) => exchange.write('nonsense\r\n\r\n')],
  ['does not answer in time', (_: HttpExchange, { clock }: HttpShield) => clock.advance(30_000)],
])('an origin that %s', (_what, fail) => {
  test('is stood in for by the stored bytes, for all who waited', async () => {
    const shield = await staleShield()
    const { origin, port } = shield
    const fails = gate()
    origin.on(PATH, async (exchange) => {
      await fails.opened
      await fail(exchange, shield)
    })
    const clients = await Promise.all(times(5, () => takenRequest(port, { path: PATH })))
    await origin.received(2)
    fails.open()
    for (const client of clients) {
      const answer = await client.whole()
      expect([answer.status, answer.body.equals(BYTES)]).toEqual([200, true])
      expect(answer.headers['cache-status']).toMatch(/^segment-shield; fwd=stale; ttl=-\d+; detail=stale-if-error$/)
    }
    expect(origin.requests).toHaveLength(2)
    await origin.socketsAtMost(0)
  })
})

test('an origin that is not there any more is stood in for', async () => {
  const shield = await staleShield()
  await shield.origin.close()
  const answer = await ask(shield)
  expect([answer.status, answer.body.equals(BYTES)]).toEqual([200, true])
  expect(answer.headers['cache-status']).toBe(`segment-shield; fwd=stale; ${INSTEAD}`)
})

test('an origin whose circuit is open is stood in for, and is not asked', async () => {
  const shield = await staleShield({}, { origin: { breaker: { minRequests: 5, openFor: '5s' } } })
  const { origin, port } = shield
  origin.onAny((exchange) => exchange.reset())
  for (const nth of times(8, (index) => index)) await request(port, { path: `/none/${nth}` })
  const asked = origin.requests.length
  expect((await request(port, { path: '/never-seen' })).status).toBe(503)
  const answer = await ask(shield)
  expect([answer.status, answer.body.equals(BYTES)]).toEqual([200, true])
  expect(answer.headers['cache-status']).toBe(`segment-shield; fwd=stale; ${INSTEAD}`)
  expect(origin.requests).toHaveLength(asked)
})

test('ranges, HEAD and conditions are answered out of what stands in', async () => {
  const shield = await staleShield()
  const { origin, port } = shield
  origin.on(PATH, (exchange) => exchange.send({ status: 503, body: 'broken' }))
  const range = await request(port, { path: PATH, headers: { Range: 'bytes=100-199' } })
  expect([range.status, range.headers['content-range']]).toEqual([206, 'bytes 100-199/20000'])
  expect(range.body.equals(BYTES.subarray(100, 200))).toBe(true)
  const head = await ask(shield, 'HEAD')
  expect([head.status, head.headers['content-length'], head.headers['cache-status']]).toEqual([
    200,
    '20000',
    `segment-shield; fwd=stale; fwd-status=503; ${INSTEAD}`,
  ])
  expect((await request(port, { path: PATH, headers: { 'If-None-Match': '"one"' } })).status).toBe(304)
})

test('the window ends to the second, and from then on the origin’s own error is the answer, body and all', async () => {
  const shield = await staleShield()
  const { origin, clock } = shield
  origin.on(PATH, (exchange) => exchange.send({ status: 503, body: 'not now', fields: { 'Retry-After': '7' } }))
  clock.advance(58_999)
  expect((await ask(shield)).status).toBe(200)
  clock.advance(1)
  const failed = await ask(shield)
  expect([failed.status, failed.body.toString(), failed.headers['retry-after']]).toEqual([503, 'not now', '7'])
  expect(failed.headers['cache-status']).toContain('fwd=stale; fwd-status=503')
  expect(failed.headers['cache-status']).not.toContain('stale-if-error')
  origin.on(PATH, (exchange) => exchange.reset())
  expect((await ask(shield)).status).toBe(502)
  // Too old to stand in, and still what the origin is asked about.
  origin.on(PATH)
  const confirmed = await ask(shield)
  expect([confirmed.status, confirmed.body.equals(BYTES)]).toEqual([200, true])
  expect(confirmed.headers['cache-status']).toContain('fwd-status=304')
})

test('a failure is not remembered: the next request asks again, and has the new bytes', async () => {
  const shield = await staleShield()
  const { origin } = shield
  origin.once(PATH, (exchange) => exchange.send({ status: 500 }))
  expect((await ask(shield)).headers['cache-status']).toContain('stale-if-error')
  origin.put(PATH, 'new', { 'Cache-Control': WINDOW, ETag: '"two"' })
  const answer = await ask(shield)
  expect([answer.body.toString(), answer.headers['etag']]).toEqual(['new', '"two"'])
  expect(origin.requests.map(({ fields }) => fields['if-none-match'])).toEqual([undefined, '"one"', '"one"'])
})

describe.each([404, 410, 403, 401])('%s', (status) => {
  test('is no failure: it is the answer, and the old bytes are gone', async () => {
    const shield = await staleShield()
    const { origin, clock } = shield
    origin.on(PATH, (exchange) => exchange.send({ status, body: `it is ${exchange.nth}` }))
    const answer = await ask(shield)
    expect([answer.status, answer.body.toString()]).toEqual([status, 'it is 2'])
    clock.advance(2000)
    origin.on(PATH, (exchange) => exchange.send({ status: 500, body: 'broken' }))
    const after = await ask(shield)
    expect([after.status, after.body.toString()]).toEqual([500, 'broken'])
  })
})

test('where nothing is stored the origin’s own error goes out as it is', async () => {
  const { origin, port } = await startHttpShield({ route: { staleIfError: '1h' } })
  origin.on(PATH, (exchange) =>
    exchange.send({ status: 500, body: '<h1>broken</h1>', fields: { 'Content-Type': 'text/html', 'X-Trace': '17' } }),
  )
  const answer = await request(port, { path: PATH })
  expect([answer.status, answer.body.toString()]).toEqual([500, '<h1>broken</h1>'])
  expect([answer.headers['content-type'], answer.headers['x-trace']]).toEqual(['text/html', '17'])
  expect(answer.headers['cache-status']).toContain('fwd=uri-miss; fwd-status=500')
  await request(port, { path: PATH })
  expect(origin.requests).toHaveLength(2)
})

describe('whose window it is', () => {
  const failing = async (cacheControl: string, staleIfError?: string) => {
    const shield = await staleShield({ 'Cache-Control': cacheControl }, staleIfError ? { route: { staleIfError } } : {})
    shield.origin.on(PATH, (exchange) => exchange.send({ status: 500 }))
    return (await ask(shield)).status
  }

  test('the route’s where the answer does not say', async () => {
    expect(await failing('max-age=10', '5s')).toBe(200)
    expect(await failing('max-age=10')).toBe(500)
  })

  test('the answer’s own where it does, longer or shorter', async () => {
    expect(await failing('max-age=10, stale-if-error=60', '0s')).toBe(200)
    expect(await failing('max-age=10, stale-if-error=0', '1h')).toBe(500)
  })

  test.each(['must-revalidate', 'proxy-revalidate', 'no-cache'])('nobody’s beside %s', async (directive) => {
    expect(await failing(`max-age=10, stale-if-error=60, ${directive}`, '1h')).toBe(500)
  })

  test('not the route’s beside s-maxage', async () => {
    expect(await failing('s-maxage=10', '1h')).toBe(500)
    expect(await failing('s-maxage=10, stale-if-error=60', '1h')).toBe(200)
  })
})

test('an origin that cannot be reached for what must be revalidated is a 504', async () => {
  const shield = await staleShield({ 'Cache-Control': 'max-age=10, must-revalidate' })
  shield.origin.on(PATH, (exchange) => exchange.reset())
  expect((await ask(shield)).status).toBe(504)
})

test('a variant stands in for itself alone', async () => {
  const shield = await startHttpShield({ route: { staleIfError: '1h' } })
  const { origin, port, clock } = shield
  origin.on(PATH, ({ request: { fields }, send }) =>
    send({
      body: `in ${fields['accept-language']}`,
      fields: { Vary: 'Accept-Language', 'Cache-Control': 'max-age=10' },
    }),
  )
  const asIn = (language: string) => request(port, { path: PATH, headers: { 'Accept-Language': language } })
  await asIn('de')
  clock.advance(11_000)
  origin.on(PATH, (exchange) => exchange.send({ status: 500, body: 'broken' }))
  expect((await asIn('de')).body.toString()).toBe('in de')
  const french = await asIn('fr')
  expect([french.status, french.body.toString()]).toEqual([500, 'broken'])
})
