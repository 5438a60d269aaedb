/** A body that does not end, or ends long after it has become old, is for those who read it and holds nothing without them. */
import { expect, test } from 'vitest'
import { type HttpShield, startHttpShield } from '../support/http-shield.ts'
import type { HttpServer } from '../support/http-socket-server.ts'
import { openRequest, request } from '../support/shield.ts'

const EVENTS = { 'Content-Type': 'text/event-stream', 'Transfer-Encoding': 'chunked' }

/** One event a request, `event 1` for the first, and no end. */
function sendsEvents(origin: HttpServer, cacheControl: string): { next(): Promise<void> } {
  const streams: (() => Promise<void>)[] = []
  origin.on('/events', async (exchange) => {
    await exchange.head(200, { ...EVENTS, 'Cache-Control': cacheControl })
    await exchange.chunk(`event ${exchange.nth}\n`)
    streams.push(() => exchange.chunk('next\n'))
  })
  return { next: async () => void (await Promise.all(streams.map((send) => send()))) }
}

/** What an origin wrote before a whole exchange has arrived after it. */
async function hasArrived({ port, origin }: HttpShield): Promise<void> {
  await request(port, { path: '/other', method: 'HEAD' })
  await origin.socketsAtMost(1)
}

async function openStream(port: number, path: string) {
  const stream = await openRequest(port, { path })
  await stream.receivedBytes('event 1\n'.length)
  return stream
}

for (const cacheControl of ['no-cache', 'max-age=10']) {
  test(`an event stream with ${cacheControl} is not played again to who comes later`, async () => {
    const { origin, port, clock } = await startHttpShield()
    sendsEvents(origin, cacheControl)
    const first = await openStream(port, '/events')
    clock.advance(12_000)
    const second = await openStream(port, '/events')
    expect(first.received().toString()).toBe('event 1\n')
    expect(second.received().toString()).toBe('event 2\n')
    expect(second.headers['age']).toBe('0')
  })
}

test('those who come as an answer that is stale at once arrives share it', async () => {
  const { origin, port, clock } = await startHttpShield()
  sendsEvents(origin, 'no-cache')
  await openStream(port, '/events')
  clock.advance(1999)
  const second = await openStream(port, '/events')
  expect(second.received().toString()).toBe('event 1\n')
  expect(origin.requests.length).toBe(1)
})

test('an older answer that ends after a newer one does not take its place', async () => {
  const { origin, port, clock } = await startHttpShield()
  const ends: (() => Promise<void>)[] = []
  const fields = { 'Transfer-Encoding': 'chunked', 'Cache-Control': 'max-age=10' }
  origin.onAny(async (exchange) => {
    await exchange.head(200, fields)
    await exchange.chunk(`version ${exchange.nth}`)
    ends.push(() => exchange.chunk(''))
  })
  const older = await openRequest(port, { path: '/page' })
  await older.receivedBytes(9)
  clock.advance(12_000)
  const newer = await openRequest(port, { path: '/page' })
  await newer.receivedBytes(9)
  await ends[1]?.()
  expect((await newer.ended).body.toString()).toBe('version 2')
  await ends[0]?.()
  expect((await older.ended).body.toString()).toBe('version 1')
  expect((await request(port, { path: '/page' })).body.toString()).toBe('version 2')
  expect(origin.requests.length).toBe(2)
})

test('a stream that goes on without readers is given up, and its connection is free', async () => {
  const shield = await startHttpShield({ origin: { pool: { maxFreeSockets: 0 } } })
  const { origin, port, clock } = shield
  const events = sendsEvents(origin, 'no-cache')
  const stream = await openStream(port, '/events')
  stream.leave()
  await stream.ended
  for (let seconds = 0; seconds < 60; seconds += 10) {
    expect(origin.sockets.open).toBe(1)
    await events.next()
    await hasArrived(shield)
    clock.advance(10_000)
  }
  await origin.socketsAtMost(0)
})

test('a body of known length that hardly moves is given up, too', async () => {
  const shield = await startHttpShield({ origin: { pool: { maxFreeSockets: 0 } } })
  const { origin, port, clock } = shield
  origin.put('/slow', Buffer.alloc(1000))
  const parts: (() => Promise<void>)[] = []
  origin.on('/slow', async (exchange) => {
    await exchange.answerPart(1)
    parts.push(() => exchange.more(1))
  })
  const slow = await openRequest(port, { path: '/slow' })
  await slow.receivedBytes(1)
  slow.leave()
  await slow.ended
  for (let seconds = 0; seconds < 60; seconds += 10) {
    expect(origin.sockets.open).toBe(1)
    await parts[0]?.()
    await hasArrived(shield)
    clock.advance(10_000)
  }
  await origin.socketsAtMost(0)
})

test('a stream that somebody reads goes on for as long as it is read', async () => {
  const { origin, port, clock } = await startHttpShield()
  const events = sendsEvents(origin, 'no-cache')
  const stream = await openStream(port, '/events')
  for (let round = 1; round <= 20; round += 1) {
    await events.next()
    await stream.receivedBytes('event 1\n'.length + round * 'next\n'.length)
    clock.advance(10_000)
  }
  expect(origin.sockets.open).toBe(1)
})
