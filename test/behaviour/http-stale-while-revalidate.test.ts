/**
 * A stale answer within its window goes out at once, and one request in the background sees to its successor
 * (RFC 5861 §3).
 */
import { describe, expect, test } from 'vitest'
import { type HttpShield, type HttpShieldOptions, startHttpShield } from '../support/http-shield.ts'
import { type Fields, gate, type HttpExchange, pausedAfter } from '../support/http-socket-server.ts'
import { type Answer, openRequest, pattern, request, times } from '../support/shield.ts'

const PATH = '/live/index.m3u8'
const OLD = pattern(5000, 1)
const NEW = pattern(7000, 2)
const STALE = 'segment-shield; hit; ttl=-1'
const WINDOW = 'max-age=10, stale-while-revalidate=5'

/** The old bytes are stored, and have been stale for a second. */
async function staleShield(fields: Fields = {}, route: HttpShieldOptions['route'] = {}): Promise<HttpShield> {
  const shield = await startHttpShield({ origin: { pool: { maxFreeSockets: 0 } }, route })
  const { origin, port, clock } = shield
  origin.put(PATH, OLD, { 'Cache-Control': WINDOW, ETag: '"old"', ...fields })
  expect((await request(port, { path: PATH })).body.equals(OLD)).toBe(true)
  await origin.socketsAtMost(0)
  clock.advance(11_000)
  return shield
}

const ask = ({ port }: HttpShield): Promise<Answer> => request(port, { path: PATH })

/** Nothing is under way any more, as seen by a request that went there and back after the origin's last word. */
async function atRest({ origin, port }: HttpShield): Promise<void> {
  await origin.socketsAtMost(0)
  await request(port, { path: '/elsewhere' })
}

function conditionsOf({ origin }: HttpShield) {
  return origin.requestsFor(PATH).map(({ fields }) => fields['if-none-match'])
}

test('however many ask, each has the stale bytes while the origin has not said a word, and it is asked once', async () => {
  const shield = await staleShield()
  const headers = gate()
  shield.origin.on(PATH, async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  for (const answer of await Promise.all(times(20, () => ask(shield)))) {
    expect([answer.status, answer.headers['cache-status'], answer.headers['age']]).toEqual([200, STALE, '11'])
    expect(answer.body.equals(OLD)).toBe(true)
  }
  const head = await request(shield.port, { path: PATH, method: 'HEAD' })
  expect([head.headers['cache-status'], head.headers['content-length']]).toEqual([STALE, '5000'])
  const range = await request(shield.port, { path: PATH, headers: { Range: 'bytes=1-3' } })
  expect([range.status, range.body.equals(OLD.subarray(1, 4))]).toEqual([206, true])
  expect(range.headers['cache-status']).toBe(STALE)
  await shield.origin.received(2)
  headers.open()
  await atRest(shield)
  expect(conditionsOf(shield)).toEqual([undefined, '"old"'])
})

test('a 304 makes the stored answer fresh again, with its new fields', async () => {
  const shield = await staleShield()
  shield.origin.on(PATH, (exchange) => exchange.answer({ 'X-Nth': '2', 'Cache-Control': 'max-age=20' }))
  expect((await ask(shield)).headers['x-nth']).toBeUndefined()
  await atRest(shield)
  const hit = await ask(shield)
  expect([hit.headers['cache-status'], hit.headers['age'], hit.headers['x-nth']]).toEqual([
    'segment-shield; hit; ttl=20',
    '0',
    '2',
  ])
  expect(hit.body.equals(OLD)).toBe(true)
  expect(shield.origin.requestsFor(PATH)).toHaveLength(2)
})

test('a 200 takes the place of the stored answer once it is all there, and until then the old one goes out', async () => {
  const shield = await staleShield()
  const rest = gate()
  shield.origin.put(PATH, NEW, { 'Cache-Control': WINDOW, ETag: '"new"' })
  shield.origin.on(PATH, pausedAfter(1000, rest))
  const first = await ask(shield)
  await shield.origin.received(2)
  const second = await ask(shield)
  for (const answer of [first, second]) {
    expect([answer.headers['etag'], answer.headers['cache-status']]).toEqual(['"old"', STALE])
    expect(answer.body.equals(OLD)).toBe(true)
  }
  rest.open()
  await atRest(shield)
  const hit = await ask(shield)
  expect([hit.headers['etag'], hit.headers['cache-status']]).toEqual(['"new"', 'segment-shield; hit; ttl=10'])
  expect(hit.body.equals(NEW)).toBe(true)
  expect(conditionsOf(shield)).toEqual([undefined, '"old"'])
})

test('one who has begun to read the old bytes gets them to the end, though the new ones have taken their place', async () => {
  const large = pattern(6_000_000, 3)
  const shield = await startHttpShield({ origin: { pool: { maxFreeSockets: 0 } } })
  const { origin, port, clock } = shield
  origin.put(PATH, large, { 'Cache-Control': WINDOW, ETag: '"old"' })
  await ask(shield)
  clock.advance(11_000)
  origin.put(PATH, NEW, { 'Cache-Control': WINDOW, ETag: '"new"' })
  const slow = await openRequest(port, { path: PATH })
  slow.pause()
  await atRest(shield)
  expect((await ask(shield)).body.equals(NEW)).toBe(true)
  slow.resume()
  const answer = await slow.ended
  expect([answer.isWhole, answer.body.equals(large)]).toEqual([true, true])
})

describe.each([
  ['is a 503', (exchange: HttpExchange) => exchange.send({ status: 503, body: 'not now' })],
  ['is a reset', (exchange: HttpExchange) => exchange.reset()],
  [
    'breaks off half way',
    async (exchange: HttpExchange) => {
      await exchange.send({ body: 'half', framing: 'none', fields: { 'Content-Length': '1000' } })
      exchange.cut()
    },
  ],
  ['is no HTTP', (exchange: HttpExchange) => exchange.write('nonsense\r\n\r\n')],
])('an answer in the background that %s', (_what, fail) => {
  test('is seen by nobody, and the next who asks has the stale bytes and the origin asked again', async () => {
    const shield = await staleShield()
    shield.origin.on(PATH, fail)
    expect((await ask(shield)).headers['cache-status']).toBe(STALE)
    await shield.origin.received(2)
    await atRest(shield)
    const again = await ask(shield)
    expect([again.status, again.headers['cache-status'], again.body.equals(OLD)]).toEqual([200, STALE, true])
    await shield.origin.received(4)
    await atRest(shield)
    shield.origin.on(PATH)
    await ask(shield)
    await atRest(shield)
    expect((await ask(shield)).headers['cache-status']).toBe('segment-shield; hit; ttl=10')
    expect(conditionsOf(shield)).toEqual([undefined, '"old"', '"old"', '"old"'])
  })
})

test('when the window is over the answer is waited for, and it is the one under way in the background', async () => {
  const shield = await staleShield()
  const { origin, port, clock } = shield
  const headers = gate()
  origin.put(PATH, NEW, { 'Cache-Control': WINDOW, ETag: '"new"' })
  origin.on(PATH, async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  clock.advance(3999)
  expect((await ask(shield)).headers['cache-status']).toBe('segment-shield; hit; ttl=-5')
  await origin.received(2)
  clock.advance(1)
  const waiting = openRequest(port, { path: PATH })
  // There and back behind it.
  await request(port, { path: '/elsewhere' })
  headers.open()
  const answer = await (await waiting).ended
  expect([answer.status, answer.headers['etag'], answer.body.equals(NEW)]).toEqual([200, '"new"', true])
  expect(answer.headers['cache-status']).toContain('fwd=stale; fwd-status=200; stored; collapsed')
  expect(origin.requestsFor(PATH)).toHaveLength(2)
  await origin.socketsAtMost(0)
})

test('a failure that comes to those who waited, since the window is over, is told to them', async () => {
  const shield = await staleShield()
  shield.clock.advance(5000)
  shield.origin.on(PATH, (exchange) => exchange.send({ status: 503, body: 'not now' }))
  const answer = await ask(shield)
  expect([answer.status, answer.body.toString()]).toEqual([503, 'not now'])
  expect(answer.headers['cache-status']).toContain('fwd=stale; fwd-status=503')
})

test.each(['must-revalidate', 'proxy-revalidate', 'no-cache'])(
  '%s forbids what stale-while-revalidate beside it, and the route, would allow',
  async (directive) => {
    const shield = await staleShield(
      { 'Cache-Control': `${WINDOW}, ${directive}` },
      { staleWhileRevalidate: '1h', staleIfError: '1h' },
    )
    const confirmed = await ask(shield)
    expect(confirmed.headers['cache-status']).toContain('fwd=stale; fwd-status=304')
    shield.clock.advance(11_000)
    shield.origin.on(PATH, (exchange) => exchange.send({ status: 500, body: 'broken' }))
    const failed = await ask(shield)
    expect([failed.status, failed.body.toString()]).toEqual([500, 'broken'])
    expect(shield.origin.requestsFor(PATH)).toHaveLength(3)
  },
)

test('the window of a route holds where the answer does not say, and the answer’s own where it does', async () => {
  const route = { staleWhileRevalidate: '5s' }
  const silent = await staleShield({ 'Cache-Control': 'max-age=10' }, route)
  expect((await ask(silent)).headers['cache-status']).toBe(STALE)
  const none = await staleShield({ 'Cache-Control': 'max-age=10, stale-while-revalidate=0' }, route)
  expect((await ask(none)).headers['cache-status']).toContain('fwd=stale; fwd-status=304')
  const shared = await staleShield({ 'Cache-Control': 's-maxage=10' }, route)
  expect((await ask(shared)).headers['cache-status']).toContain('fwd=stale; fwd-status=304')
})

test('an answer in the background that must not be kept takes the stale one’s place: the next waits for its own', async () => {
  const shield = await staleShield()
  shield.origin.on(PATH, (exchange) =>
    exchange.send({
      body: `for nobody ${exchange.nth}`,
      fields: { 'Cache-Control': 'private', 'Set-Cookie': `s=${exchange.nth}` },
    }),
  )
  expect((await ask(shield)).body.equals(OLD)).toBe(true)
  await shield.origin.received(2)
  await atRest(shield)
  const own = await ask(shield)
  expect([own.body.toString(), own.headers['set-cookie']]).toEqual(['for nobody 3', 's=3'])
  expect(own.headers['cache-status']).toContain('detail=private')
})

test('variants are refreshed each by itself, with the fields of their own requests', async () => {
  const shield = await startHttpShield({ origin: { pool: { maxFreeSockets: 0 } } })
  const { origin, port, clock } = shield
  origin.on(PATH, ({ request: { fields }, nth, send }) =>
    send({
      body: `${fields['accept-language']} ${nth}`,
      fields: { Vary: 'Accept-Language', 'Cache-Control': WINDOW, ETag: `"${fields['accept-language']}"` },
    }),
  )
  const asIn = (language: string) => request(port, { path: PATH, headers: { 'Accept-Language': language } })
  for (const language of ['de', 'en']) await asIn(language)
  clock.advance(11_000)
  expect([(await asIn('de')).body.toString(), (await asIn('en')).body.toString()]).toEqual(['de 1', 'en 2'])
  await origin.received(4)
  await atRest(shield)
  expect((await asIn('de')).body.toString()).toMatch(/^de [34]$/)
  expect((await asIn('en')).body.toString()).toMatch(/^en [34]$/)
  const asked = origin.requestsFor(PATH).map(({ fields }) => [fields['accept-language'], fields['if-none-match']])
  expect(asked.slice(2).toSorted()).toEqual([
    ['de', '"de"'],
    ['en', '"en"'],
  ])
})
