/** Content on its way to an HTTP origin: it arrives as it was announced, may take its time, and is its sender's affair. */
import { describe, expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { openRaw, rawExchange, request } from '../support/shield.ts'

const route = { methods: ['GET', 'HEAD', 'POST', 'PUT'] }

test('an announced length is announced to the origin; chunks go on as chunks', async () => {
  const { origin, port } = await startHttpShield({ route })
  origin.onAny(async (exchange) => {
    await exchange.request.content
    await exchange.send()
  })
  await request(port, { method: 'PUT', path: '/1.ts', headers: { 'Content-Length': '5' }, body: 'bytes' })
  await request(port, { method: 'PUT', path: '/1.ts', headers: { 'Transfer-Encoding': 'chunked' }, body: 'bytes' })
  const framing = origin.requests.map(({ fields }) => [fields['content-length'], fields['transfer-encoding']])
  expect(framing).toEqual([
    ['5', undefined],
    [undefined, 'chunked'],
  ])
  expect(await Promise.all(origin.requests.map(async ({ content }) => (await content).toString()))).toEqual([
    'bytes',
    'bytes',
  ])
})

test('a transfer coding that would have to be undone is refused', async () => {
  const { origin, port } = await startHttpShield({ route })
  const coded = 'Transfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
  const answer = await rawExchange(port, `PUT /1.ts HTTP/1.1\r\nHost: h\r\n${coded}`)
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 501 /)
  expect(origin.requests.length).toBe(0)
})

describe('a client that does not send the rest', () => {
  const unfinished = 'POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf'

  test('is told so, and its connection ends', async () => {
    const { origin, port, clock } = await startHttpShield({ route })
    origin.onAny(() => undefined)
    const raw = await openRaw(port)
    raw.write(unfinished)
    await origin.received(1)
    await origin.requests[0]?.contentAtLeast(4)
    clock.advance(30_000)
    expect((await raw.until((received) => received.includes('\n\r\n'))).toString()).toMatch(
      /^HTTP\/1\.1 408 [\s\S]*\r\nConnection: close\r\n/,
    )
    clock.advance(30_000)
    await raw.closed
    await origin.socketsAtMost(0)
  })

  test('does not open the circuit of the origin for everybody', async () => {
    const { origin, port, clock } = await startHttpShield({ route, origin: { breaker: { minRequests: 3 } } })
    origin.put('/page', 'page')
    origin.on('/form', () => undefined)
    const clients = await Promise.all(Array.from({ length: 5 }, () => openRaw(port)))
    for (const client of clients) client.write(unfinished)
    await origin.received(5)
    await Promise.all(origin.requests.map((it) => it.contentAtLeast(4)))
    clock.advance(30_000)
    await Promise.all(clients.map((client) => client.until((received) => received.length > 0)))
    expect((await request(port, { path: '/page' })).status).toBe(200)
  })

  test('an origin that has all of it and says nothing has still failed', async () => {
    const { origin, port, clock } = await startHttpShield({ route })
    origin.onAny(() => undefined)
    const answer = request(port, { method: 'POST', path: '/form', headers: { 'Content-Length': '4' }, body: 'full' })
    await origin.received(1)
    await origin.requests[0]?.content
    clock.advance(30_000)
    expect((await answer).status).toBe(504)
  })
})

test('content that comes on behind an early answer is not waited for without end', async () => {
  const { origin, port, clock } = await startHttpShield({ route })
  origin.onAny((exchange) => exchange.send({ status: 413, fields: { Connection: 'close' } }))
  const raw = await openRaw(port)
  raw.write('POST /form HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nhalf')
  expect((await raw.until((received) => received.includes('\n\r\n'))).toString()).toMatch(/^HTTP\/1\.1 413 /)
  clock.advance(30_000)
  await raw.closed
})
