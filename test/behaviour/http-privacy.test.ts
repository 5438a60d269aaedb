/**
 * What an HTTP origin has made for one client reaches no other, whoever waited with it and whoever left first
 * (RFC 9111 §3, §3.5, §5.2.2).
 */
import { describe, expect, test } from 'vitest'
import { type HttpShield, type HttpShieldOptions, startHttpShield } from '../support/http-shield.ts'
import { type Fields, gate, type HttpHandler } from '../support/http-socket-server.ts'
import { type Answer, request, type TakenRequest, takenRequest } from '../support/shield.ts'

const PATH = '/page'
type Sent = Readonly<Record<string, string>>
type Rules = NonNullable<HttpShieldOptions['route']>

/** Everybody's answer has their name in its body and in a cookie. */
function named(status: number, answered: Fields): HttpHandler {
  return ({ request: { fields }, send }) => {
    const name = fields['authorization'] ?? fields['cookie'] ?? 'nobody'
    return send({ status, body: `for ${name}`, fields: { 'Set-Cookie': `is=${name}`, ...answered } })
  }
}

interface Together extends HttpShield {
  readonly alice: TakenRequest
  readonly bob: TakenRequest
  release(): void
}

/** The origin has Alice's request and holds its answer; Bob waits for the same one. */
async function together(
  status: number,
  answered: Fields,
  { alice, bob }: { readonly alice: Sent; readonly bob: Sent },
  route: Rules = {},
): Promise<Together> {
  const shield = await startHttpShield({ origin: { pool: { maxFreeSockets: 0 } }, route })
  const headers = gate()
  shield.origin.on(PATH, async (exchange) => {
    if (exchange.nth === 1) await headers.opened
    await named(status, answered)(exchange)
  })
  const first = await takenRequest(shield.port, { path: PATH, headers: alice })
  await shield.origin.received(1)
  const second = await takenRequest(shield.port, { path: PATH, headers: bob })
  return { ...shield, alice: first, bob: second, release: () => headers.open() }
}

function expectAnswerFor(name: string, { body, headers }: Answer): void {
  expect([body.toString(), headers['set-cookie']]).toEqual([`for ${name}`, `is=${name}`])
}

const COOKIES = { alice: { Cookie: 'alice' }, bob: { Cookie: 'bob' } }
const CREDENTIALS = { alice: { Authorization: 'alice' }, bob: { Authorization: 'bob' } }

/** What, of an answer, makes it nobody else's: status, fields of the answer, fields of the requests, the route's rules. */
const PERSONAL: readonly (readonly [string, number, Fields, typeof COOKIES | typeof CREDENTIALS, Rules])[] = [
  ['is private', 200, { 'Cache-Control': 'private, max-age=60' }, COOKIES, {}],
  ['has private fields', 200, { 'Cache-Control': 'max-age=60, private="set-cookie"' }, COOKIES, {}],
  ['is no-store', 200, { 'Cache-Control': 'no-store' }, COOKIES, {}],
  ['is private to CDNs', 200, { 'Cache-Control': 'max-age=60', 'CDN-Cache-Control': 'private' }, COOKIES, {}],
  ['is for one with credentials', 200, { 'Cache-Control': 'max-age=60' }, CREDENTIALS, {}],
  ['is for one with credentials, and says nothing of caches', 200, {}, CREDENTIALS, {}],
  ['is a private 404', 404, { 'Cache-Control': 'private' }, COOKIES, {}],
  ['is a 404 for one with credentials', 404, {}, CREDENTIALS, {}],
  ['is a private redirect', 302, { 'Cache-Control': 'private', Location: '/login' }, COOKIES, {}],
  ['is a redirect that may not be kept', 302, { Location: '/login' }, COOKIES, {}],
  ['is a 500 that sets a cookie', 500, {}, COOKIES, {}],
  ['is a 404 that sets a cookie and is not kept', 404, {}, COOKIES, { negativeTtl: { 405: '1s' } }],
  ['is a 451 that sets a cookie', 451, {}, COOKIES, {}],
  ['is a 451 that sets a cookie and says it is public', 451, { 'Cache-Control': 'private, public' }, COOKIES, {}],
  [
    'sets a cookie where cookies are not kept',
    200,
    { 'Cache-Control': 'max-age=60' },
    COOKIES,
    { storeSetCookie: false },
  ],
  ['varies by everything', 200, { 'Cache-Control': 'max-age=60', Vary: '*' }, COOKIES, {}],
  ['is a private part', 206, { 'Cache-Control': 'private', 'Content-Range': 'bytes 0-8/100' }, COOKIES, {}],
]

describe.each(PERSONAL)('an answer that %s', (_what, status, answered, sent, route) => {
  test('is the asker’s, and the one who waited with them has their own', async () => {
    const { origin, alice, bob, release } = await together(status, answered, sent, route)
    release()
    expectAnswerFor('alice', await alice.whole())
    expectAnswerFor('bob', await bob.whole())
    expect(origin.requests).toHaveLength(2)
    await origin.socketsAtMost(0)
  })

  test('is nobody’s when its asker has left before it came', async () => {
    const { origin, port, alice, bob, release } = await together(status, answered, sent, route)
    alice.leave()
    await request(port, { path: '/elsewhere' })
    release()
    expectAnswerFor('bob', await bob.whole())
    expect(origin.requestsFor(PATH)).toHaveLength(2)
    await origin.socketsAtMost(0)
  })

  test('is the asker’s when the one who waited has left, and nobody’s afterwards', async () => {
    const { origin, port, alice, bob, release } = await together(status, answered, sent, route)
    bob.leave()
    await request(port, { path: '/elsewhere' })
    release()
    expectAnswerFor('alice', await alice.whole())
    expectAnswerFor('bob', await request(port, { path: PATH, headers: sent.bob }))
    expectAnswerFor('nobody', await request(port, { path: PATH }))
    expect(origin.requestsFor(PATH)).toHaveLength(3)
    await origin.socketsAtMost(0)
  })
})

describe('one who has credentials and one who has none', () => {
  const one = { alice: { Authorization: 'alice' }, bob: {} }
  const other = { alice: {}, bob: { Authorization: 'bob' } }

  test('do not wait for one another: the origin has both requests at once', async () => {
    for (const sent of [one, other]) {
      const { origin, alice, bob, release } = await together(200, { 'Cache-Control': 'max-age=60' }, sent)
      await origin.received(2)
      const answer = await bob.whole()
      expectAnswerFor(sent === one ? 'nobody' : 'bob', answer)
      release()
      expectAnswerFor(sent === one ? 'alice' : 'nobody', await alice.whole())
      await origin.socketsAtMost(0)
    }
  })

  test('what the one without was told is kept, and is told to the one with credentials too', async () => {
    const { origin, port } = await startHttpShield()
    origin.on(PATH, named(200, { 'Cache-Control': 'max-age=60' }))
    expectAnswerFor('alice', await request(port, { path: PATH, headers: one.alice }))
    expectAnswerFor('nobody', await request(port, { path: PATH }))
    expectAnswerFor('nobody', await request(port, { path: PATH, headers: one.alice }))
    expect(origin.requests).toHaveLength(2)
  })
})

describe.each(['public, max-age=60', 's-maxage=60', 'must-revalidate, max-age=60'])(
  'an answer to one with credentials that is %s',
  (cacheControl) => {
    test('is for all who waited, and for all who come', async () => {
      const answered = { 'Cache-Control': cacheControl, 'Set-Cookie': undefined }
      const { origin, port, alice, bob, release } = await together(200, answered, CREDENTIALS)
      release()
      for (const answer of [await alice.whole(), await bob.whole(), await request(port, { path: PATH })]) {
        expect([answer.status, answer.body.toString()]).toEqual([200, 'for alice'])
      }
      expect(origin.requests).toHaveLength(1)
      await origin.socketsAtMost(0)
    })
  },
)

test('cookies neither split what is kept nor keep it from others, where the origin says nothing against it', async () => {
  const answered = { 'Cache-Control': 'max-age=60' }
  const { origin, port, alice, bob, release } = await together(200, answered, COOKIES)
  release()
  for (const answer of [await alice.whole(), await bob.whole(), await request(port, { path: PATH })]) {
    expectAnswerFor('alice', answer)
  }
  expect(origin.requests).toHaveLength(1)
})

test('one who waits with the background request of another is not given an answer that is private to that one', async () => {
  const { origin, port, clock } = await startHttpShield()
  origin.on(PATH, ({ send }) =>
    send({ body: 'for all', fields: { 'Cache-Control': 'max-age=10, stale-while-revalidate=5', ETag: '"all"' } }),
  )
  await request(port, { path: PATH })
  clock.advance(11_000)
  const headers = gate()
  origin.on(PATH, async (exchange) => {
    if (exchange.nth === 2) await headers.opened
    await named(200, { 'Cache-Control': 'private' })(exchange)
  })
  expect((await request(port, { path: PATH, headers: COOKIES.alice })).body.toString()).toBe('for all')
  await origin.received(2)
  clock.advance(4000)
  const bob = await takenRequest(port, { path: PATH, headers: COOKIES.bob })
  headers.open()
  expectAnswerFor('bob', await bob.whole())
  expect(origin.requests).toHaveLength(3)
})

describe('a 304 that makes what is stored somebody’s own', () => {
  /** Alice and Bob wait for the revalidation that hers began; the origin answers the second request whole. */
  async function revalidated(answered: Fields, sent: typeof COOKIES | typeof CREDENTIALS, route: Rules = {}) {
    const shield = await startHttpShield({ origin: { pool: { maxFreeSockets: 0 } }, route })
    const { origin, port, clock } = shield
    origin.on(PATH, ({ send }) =>
      send({ body: 'for all', fields: { 'Cache-Control': 'public, max-age=10', ETag: '"all"' } }),
    )
    await request(port, { path: PATH })
    clock.advance(11_000)
    const headers = gate()
    origin.on(PATH, async (exchange) => {
      if (exchange.nth > 2) return named(200, { 'Cache-Control': 'private' })(exchange)
      await headers.opened
      return exchange.send({ status: 304, framing: 'none', fields: { ETag: '"all"', ...answered } })
    })
    const alice = await takenRequest(port, { path: PATH, headers: sent.alice })
    await origin.received(2)
    const bob = await takenRequest(port, { path: PATH, headers: sent.bob })
    return { ...shield, alice, bob, release: () => headers.open() }
  }

  const cases = [
    ['private', { 'Cache-Control': 'private', 'Set-Cookie': 'is=alice' }, COOKIES, {}],
    ['no-store', { 'Cache-Control': 'no-store', 'Set-Cookie': 'is=alice' }, COOKIES, {}],
    ['for one with credentials', { 'Cache-Control': 'max-age=10', 'Set-Cookie': 'is=alice' }, CREDENTIALS, {}],
    ['with a cookie where none is kept', { 'Set-Cookie': 'is=alice' }, COOKIES, { storeSetCookie: false }],
  ] as const

  test.each(cases)('%s: its fields go to the asker alone', async (_what, answered, sent, route) => {
    const { origin, port, alice, bob, release } = await revalidated(answered, sent, route)
    release()
    const first = await alice.whole()
    expect([first.status, first.body.toString(), first.headers['set-cookie']]).toEqual([200, 'for all', 'is=alice'])
    expectAnswerFor('bob', await bob.whole())
    expectAnswerFor('nobody', await request(port, { path: PATH }))
    expect(origin.requests.map(({ fields }) => fields['if-none-match'])).toEqual([
      undefined,
      '"all"',
      undefined,
      undefined,
    ])
    await origin.socketsAtMost(0)
  })

  test.each(cases)('%s: and to nobody where the asker has left', async (_what, answered, sent, route) => {
    const { origin, port, alice, bob, release } = await revalidated(answered, sent, route)
    alice.leave()
    await request(port, { path: '/elsewhere' })
    release()
    expectAnswerFor('bob', await bob.whole())
    await origin.socketsAtMost(0)
  })
})
