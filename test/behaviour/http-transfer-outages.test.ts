/** An HTTP origin in trouble, through the whole program: other attempts, another origin, none at all, and a queue. */
import { expect, test } from 'vitest'
import { gate } from '../support/http-socket-server.ts'
import { startPackager } from '../support/packager.ts'
import { openRequest, pattern, request, takenRequest, times } from '../support/shield.ts'

const PATH = '/1.ts'
const BYTES = pattern(100_000)

test('a 503 is tried again, its body goes to nobody, and the last one is the answer', async () => {
  const { origin, port, clock, atRest } = await startPackager({ retry: { maxAttempts: 3 } })
  origin.put(PATH, BYTES)
  // Between two attempts there is a pause.
  const attempts = (path: string) => {
    clock.advance(500)
    return origin.requestsFor(path).length
  }
  const failing = { status: 503, fields: { 'Retry-After': '1' }, body: 'not now' }
  origin.once(PATH, (exchange) => exchange.send(failing))
  const answer = request(port, { path: PATH })
  await origin.received(1)
  await expect.poll(() => attempts(PATH)).toBe(2)
  expect((await answer).body.equals(BYTES)).toBe(true)

  origin.on('/2.ts', (exchange) => exchange.send(failing))
  const refused = request(port, { path: '/2.ts' })
  await expect.poll(() => attempts('/2.ts')).toBe(3)
  const { status, body, headers } = await refused
  expect([status, body.toString(), headers['retry-after']]).toEqual([503, 'not now', '1'])
  await atRest()
})

test('what the first origin cannot give comes from the second, byte for byte', async () => {
  const { origin, second, port, atRest } = await startPackager({
    routes: [{ match: '/**', origin: ['packager', 'second'] }],
    // A kept connection that breaks says nothing of its origin.
    pool: { maxFreeSockets: 0 },
  })
  second.put(PATH, BYTES)
  origin.once(PATH, (exchange) => exchange.send({ status: 500, body: 'broken' }))
  const answer = await request(port, { path: PATH })
  expect([answer.status, answer.body.equals(BYTES)]).toEqual([200, true])
  second.put('/2.ts', BYTES)
  origin.on('/2.ts', (exchange) => exchange.reset())
  expect((await request(port, { path: '/2.ts' })).body.equals(BYTES)).toBe(true)
  expect([origin.requests.length, second.requests.length]).toEqual([2, 2])
  await atRest()
})

test('an origin that keeps failing is left alone for a while, and what is stored stands in for it', async () => {
  const { origin, port, clock, state } = await startPackager({
    routes: [{ match: '/**', ttl: '1s', staleIfError: '1h' }],
    origin: { breaker: { minRequests: 5, openFor: '5s' } },
  })
  origin.put(PATH, BYTES)
  await request(port, { path: PATH })
  clock.advance(2000)
  origin.onAny((exchange) => exchange.reset())
  for (const nth of times(8, (index) => index)) await request(port, { path: `/none/${nth}` })
  expect((await state()).circuit).toBe('open')
  const asked = origin.requests.length
  const stale = await request(port, { path: PATH })
  expect([stale.status, stale.body.equals(BYTES)]).toEqual([200, true])
  const refused = await request(port, { path: '/other' })
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, expect.stringMatching(/^\d+$/)])
  expect(origin.requests.length).toBe(asked)

  origin.onAny()
  clock.advance(10_000)
  expect((await request(port, { path: PATH })).headers['cache-status']).toContain('fwd-status=304')
})

test('no more requests are out than the pool has, the next ones wait, and one too many is told at once', async () => {
  const { origin, port, atRest } = await startPackager({ pool: { maxSockets: 2, maxQueued: 2 } })
  const rest = gate()
  origin.onAny(async (exchange) => {
    await rest.opened
    await exchange.answer()
  })
  const paths = times(4, (nth) => `/${nth}.ts`)
  for (const path of paths) origin.put(path, BYTES)
  const clients = [await takenRequest(port, { path: '/0.ts' }), await takenRequest(port, { path: '/1.ts' })]
  await origin.received(2)
  clients.push(await takenRequest(port, { path: '/2.ts' }), await takenRequest(port, { path: '/3.ts' }))
  const refused = await (await openRequest(port, { path: '/4.ts' })).ended
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, expect.stringMatching(/^\d+$/)])
  expect(origin.requests.length).toBe(2)
  rest.open()
  for (const client of clients) expect((await client.whole()).body.equals(BYTES)).toBe(true)
  expect(origin.sockets.peak).toBe(2)
  await atRest()
})
