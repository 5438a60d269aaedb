/** Clients who leave take nothing from those who stay, whichever of them the origin was asked for. */
import { describe, expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { type Gate, gate, type HttpServer, pausedAfter } from '../support/http-socket-server.ts'
import { openRequest, pattern, request, takenRequest, times } from '../support/shield.ts'

const PATH = '/live/1.ts'
const BYTES = pattern(200_000)
const FIELDS = { 'Cache-Control': 'max-age=60', ETag: '"one"' }
const CLOSING = { origin: { pool: { maxFreeSockets: 0 } } }

function heldHeaders(origin: HttpServer): Gate {
  const headers = gate()
  origin.put(PATH, BYTES, FIELDS)
  origin.on(PATH, async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  return headers
}

/** What was sent before it has arrived, and so has the news of a connection that was ended before it. */
function thereAndBack(port: number) {
  return request(port, { path: '/elsewhere' })
}

describe.each([
  ['the first', 0],
  ['the second', 1],
  ['the last', 4],
])('%s of five clients leaves before there are headers', (_which, leaver) => {
  test('the others get every byte out of the one origin request', async () => {
    const { origin, port } = await startHttpShield(CLOSING)
    const headers = heldHeaders(origin)
    const clients = await Promise.all(times(5, () => takenRequest(port, { path: PATH })))
    await origin.received(1)
    clients[leaver]?.leave()
    await thereAndBack(port)
    headers.open()
    for (const [index, client] of clients.entries()) {
      if (index === leaver) continue
      const answer = await client.whole()
      expect([answer.status, answer.isWhole, answer.body.equals(BYTES)]).toEqual([200, true, true])
    }
    expect(origin.requestsFor(PATH)).toHaveLength(1)
    await origin.socketsAtMost(0)
  })
})

test('when all have left before there are headers, the fill goes on and the next client has a hit', async () => {
  const { origin, port } = await startHttpShield(CLOSING)
  const headers = heldHeaders(origin)
  const clients = await Promise.all(times(3, () => takenRequest(port, { path: PATH })))
  await origin.received(1)
  for (const client of clients) client.leave()
  await thereAndBack(port)
  headers.open()
  await origin.socketsAtMost(0)
  const hit = await request(port, { path: PATH })
  expect([hit.headers['cache-status'], hit.body.equals(BYTES)]).toEqual(['segment-shield; hit; ttl=60', true])
  expect(origin.requestsFor(PATH)).toHaveLength(1)
})

test('a client that leaves in the middle of the body ends it for nobody, the one it was asked for included', async () => {
  const { origin, port } = await startHttpShield(CLOSING)
  const rest = gate()
  origin.put(PATH, BYTES, FIELDS)
  origin.on(PATH, pausedAfter(1000, rest))
  const first = await openRequest(port, { path: PATH })
  await first.receivedBytes(1000)
  const second = await openRequest(port, { path: PATH })
  await second.receivedBytes(1000)
  first.leave()
  await thereAndBack(port)
  rest.open()
  expect((await second.ended).body.equals(BYTES)).toBe(true)
  await origin.socketsAtMost(0)
  expect((await request(port, { path: PATH })).headers['cache-status']).toBe('segment-shield; hit; ttl=60')
  expect(origin.requestsFor(PATH)).toHaveLength(1)
})

test('the first of those who wait for a revalidation leaves, and the others have the bytes confirmed', async () => {
  const { origin, port, clock } = await startHttpShield(CLOSING)
  origin.put(PATH, BYTES, FIELDS)
  await request(port, { path: PATH })
  clock.advance(60_000)
  const headers = heldHeaders(origin)
  const [first, second] = [await takenRequest(port, { path: PATH }), await takenRequest(port, { path: PATH })]
  await origin.received(2)
  first.leave()
  await thereAndBack(port)
  headers.open()
  const answer = await second.whole()
  expect([answer.status, answer.headers['age'], answer.body.equals(BYTES)]).toEqual([200, '0', true])
  expect(origin.requestsFor(PATH).map(({ fields }) => fields['if-none-match'])).toEqual([undefined, '"one"'])
  await origin.socketsAtMost(0)
})
