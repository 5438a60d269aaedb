/** What a client asks of caches counts where the route honours it, and nowhere else (RFC 9111 §5.2.1). */
import { describe, expect, test } from 'vitest'
import { type HttpShield, type HttpShieldOptions, startHttpShield } from '../support/http-shield.ts'
import type { Fields } from '../support/http-socket-server.ts'
import { type Answer, pattern, request, takenRequest } from '../support/shield.ts'

const PATH = '/live/1.ts'
const BYTES = pattern(3000)
const HONOUR = { requestCacheControl: 'honour' }
type Sent = Readonly<Record<string, string>>

/** The bytes have been stored for ten seconds, and are fresh for twenty more. */
async function storedShield(route: HttpShieldOptions['route'] = {}, fields: Fields = {}): Promise<HttpShield> {
  const shield = await startHttpShield({ origin: { pool: { maxFreeSockets: 0 } }, route })
  const { origin, clock } = shield
  origin.put(PATH, BYTES, { 'Cache-Control': 'max-age=30', ETag: '"one"', ...fields })
  await ask(shield)
  clock.advance(10_000)
  return shield
}

const ask = ({ port }: HttpShield, headers: Sent = {}, method = 'GET'): Promise<Answer> =>
  request(port, { path: PATH, headers, method })

async function expectHit(shield: HttpShield, headers: Sent, ttl = 20): Promise<void> {
  const answer = await ask(shield, headers)
  expect([answer.headers['cache-status'], answer.body.equals(BYTES)]).toEqual([`segment-shield; hit; ttl=${ttl}`, true])
}

async function expectConfirmed(shield: HttpShield, headers: Sent, reason = 'request'): Promise<void> {
  const asked = shield.origin.requests.length
  const answer = await ask(shield, headers)
  expect(answer.headers['cache-status']).toContain(`fwd=${reason}; fwd-status=304`)
  expect([answer.headers['age'], answer.body.equals(BYTES)]).toEqual(['0', true])
  expect(shield.origin.requests.slice(asked).map(({ fields }) => fields['if-none-match'])).toEqual(['"one"'])
}

const cacheControl = (value: string): Sent => ({ 'Cache-Control': value })

describe('only-if-cached', () => {
  const ONLY = cacheControl('only-if-cached')

  test.each([{}, HONOUR])('has what is fresh, and else a 504 of which the origin hears nothing: %s', async (route) => {
    const shield = await storedShield(route)
    await expectHit(shield, ONLY)
    const head = await ask(shield, ONLY, 'HEAD')
    expect([head.status, head.headers['content-length']]).toEqual([200, '3000'])
    shield.clock.advance(20_000)
    for (const method of ['GET', 'HEAD']) expect((await ask(shield, ONLY, method)).status).toBe(504)
    const never = await request(shield.port, { path: '/never-seen', headers: ONLY })
    expect([never.status, never.headers['cache-control']]).toEqual([504, 'no-store'])
    expect(shield.origin.requests).toHaveLength(1)
  })

  test('has what may be used while it is revalidated, and what is asked for in the background', async () => {
    const shield = await storedShield({}, { 'Cache-Control': 'max-age=5, stale-while-revalidate=60' })
    await expectHit(shield, ONLY, -5)
    await shield.origin.received(2)
  })

  test('does not wait for a fill under way', async () => {
    const { origin, port } = await startHttpShield()
    origin.on(PATH, () => undefined)
    const waiting = await takenRequest(port, { path: PATH })
    await origin.received(1)
    expect((await request(port, { path: PATH, headers: ONLY })).status).toBe(504)
    expect(origin.requests).toHaveLength(1)
    waiting.leave()
  })

  test('has the variant that is its own, and no other', async () => {
    const shield = await storedShield({}, { Vary: 'X-A' })
    await expectHit(shield, ONLY)
    expect((await ask(shield, { ...ONLY, 'X-A': 'a' })).status).toBe(504)
  })

  test('with what it wants to be fresh enough, where that is honoured', async () => {
    const shield = await storedShield(HONOUR)
    await expectHit(shield, cacheControl('only-if-cached, max-age=10'))
    expect((await ask(shield, cacheControl('only-if-cached, max-age=9'))).status).toBe(504)
    expect((await ask(shield, cacheControl('only-if-cached, no-cache'))).status).toBe(504)
    shield.clock.advance(25_000)
    await expectHit(shield, cacheControl('only-if-cached, max-stale=6'), -5)
    expect(shield.origin.requests).toHaveLength(1)
  })
})

describe('a route that ignores the rest', () => {
  test.each([
    cacheControl('no-cache'),
    cacheControl('no-store'),
    cacheControl('max-age=0'),
    cacheControl('min-fresh=600'),
    { Pragma: 'no-cache' },
  ])('answers out of memory: %s', async (headers) => {
    const shield = await storedShield()
    await expectHit(shield, headers)
    expect(shield.origin.requests).toHaveLength(1)
  })

  test('gives nothing stale to one who would take it, and keeps what was asked for with no-store', async () => {
    const shield = await storedShield()
    shield.clock.advance(21_000)
    await expectConfirmed(shield, cacheControl('max-stale=600'), 'stale')
    const { origin, port } = shield
    origin.put('/2', 'two', { 'Cache-Control': 'max-age=30' })
    await request(port, { path: '/2', headers: cacheControl('no-store') })
    expect((await request(port, { path: '/2' })).headers['cache-status']).toBe('segment-shield; hit; ttl=30')
  })
})

describe('a route that honours it', () => {
  test.each([
    cacheControl('no-cache'),
    cacheControl('max-age=9'),
    cacheControl('min-fresh=21'),
    cacheControl('NO-CACHE , x="no-store"'),
    { Pragma: 'no-cache' },
  ])('confirms what is stored: %s', async (headers) => {
    const shield = await storedShield(HONOUR)
    await expectConfirmed(shield, headers)
    await expectHit(shield, {}, 30)
    await shield.origin.socketsAtMost(0)
  })

  test.each([
    cacheControl('max-age=10'),
    cacheControl('min-fresh=20'),
    cacheControl('max-age=soon'),
    cacheControl('x="no-cache"'),
    { Pragma: 'no-cache', 'Cache-Control': 'max-age=10' },
  ])('answers out of memory where that is good enough: %s', async (headers) => {
    const shield = await storedShield(HONOUR)
    await expectHit(shield, headers)
    expect(shield.origin.requests).toHaveLength(1)
  })

  test('gives what is stale to one who takes it, to the second, but not what must be revalidated', async () => {
    const shield = await storedShield(HONOUR)
    shield.clock.advance(25_000)
    await expectHit(shield, cacheControl('max-stale'), -5)
    await expectHit(shield, cacheControl('max-stale=6'), -5)
    await expectConfirmed(shield, cacheControl('max-stale=5'), 'stale')

    const strict = await storedShield(HONOUR, { 'Cache-Control': 'max-age=5, must-revalidate' })
    await expectConfirmed(strict, cacheControl('max-stale=600'), 'stale')
  })

  test('does not give one who wants a newer answer what may be used while it is revalidated', async () => {
    const shield = await storedShield(HONOUR, { 'Cache-Control': 'max-age=5, stale-while-revalidate=60' })
    await expectConfirmed(shield, cacheControl('no-cache'), 'stale')
  })

  test('passes one on that says no-store, and keeps nothing of it', async () => {
    const { origin, port } = await startHttpShield({ route: HONOUR })
    origin.put(PATH, BYTES, { 'Cache-Control': 'max-age=30' })
    const own = await request(port, { path: PATH, headers: cacheControl('no-store') })
    expect([own.body.equals(BYTES), own.headers['cache-status']]).toEqual([
      true,
      'segment-shield; fwd=uri-miss; fwd-status=200; detail=no-store',
    ])
    const next = await request(port, { path: PATH })
    expect(next.headers['cache-status']).toContain('fwd=uri-miss; fwd-status=200; stored')
    expect(origin.requests).toHaveLength(2)
  })

  test('joins those who want a newer answer to one request, as long as it is not here', async () => {
    const shield = await storedShield(HONOUR)
    const { origin, port } = shield
    const release = Promise.withResolvers<void>()
    origin.once(PATH, async (exchange) => {
      await release.promise
      await exchange.answer()
    })
    const headers = cacheControl('no-cache')
    const clients = [
      await takenRequest(port, { path: PATH, headers }),
      await takenRequest(port, { path: PATH, headers }),
    ]
    await expectHit(shield, {})
    release.resolve()
    for (const client of clients) expect((await client.whole()).body.equals(BYTES)).toBe(true)
    expect(origin.requests).toHaveLength(2)
  })
})
