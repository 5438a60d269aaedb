/** A request over HTTP/2 is to an HTTP origin, cached or passed through, what the same one over HTTP/1.1 would be. */
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { makeCertificate } from '../support/certificates.ts'
import { request } from '../support/http-client.ts'
import type { HttpShieldOptions } from '../support/http-shield.ts'
import { startHttpShield } from '../support/http-shield.ts'
import { openOn, openSession, requestOn } from '../support/http2-client.ts'
import {
  CANCEL,
  END_HEADERS,
  END_STREAM,
  FRAME,
  fieldBlock,
  frame,
  getFrame,
  NO_ERROR,
  openRawHttp2,
  type RawHttp2,
  resetFrame,
  uint32,
} from '../support/raw-http2.ts'
import { gate } from '../support/s3-socket-server.ts'
import { pattern } from '../support/shield.ts'

const BYTES = pattern(300_000)

async function start(options: HttpShieldOptions = {}) {
  const route = options.passesThrough ? {} : { methods: ['GET', 'HEAD', 'POST'] }
  const shield = await startHttpShield({ route, ...options, listen: { tls: makeCertificate() } })
  const session = await openSession(shield.port)
  return { ...shield, session }
}

describe.each([
  ['cached', false],
  ['passed through', true],
])('%s', (_how, passesThrough) => {
  test('the origin gets ordinary fields, and is told that it was HTTPS', async () => {
    const { origin, session } = await start({ passesThrough })
    origin.put('/a?b=1', 'x')
    const headers = { Host: 'films.example', Accept: 'video/*', Cookie: ['a=1', 'b=2'], TE: 'trailers' }
    expect((await requestOn(session, { path: '/a?b=1', headers })).status).toBe(200)
    const { method, target, fields: seen } = origin.requests[0] ?? expect.fail('no request')
    expect([method, target]).toEqual(['GET', '/a?b=1'])
    expect(seen['accept']).toBe('video/*')
    expect(seen['cookie']).toBe('a=1; b=2')
    expect(seen['x-forwarded-proto']).toBe('https')
    expect(seen['x-forwarded-host']).toBe('films.example')
    expect(seen['forwarded']).toBe('for=127.0.0.1;host=films.example;proto=https')
    expect(Object.keys(seen).filter((name) => name.startsWith(':') || name === 'te')).toEqual([])
  })

  test.each([
    ['of a length that is told', { 'Content-Length': String(BYTES.length) }],
    ['of a length that is not told', {}],
  ])('content %s arrives whole', async (_what, headers) => {
    const { origin, session } = await start({ passesThrough })
    origin.on('/up', async ({ request: received, send }) => {
      const content = await received.content
      await send({ body: String(content.equals(BYTES)) })
    })
    const answer = await requestOn(session, { method: 'POST', path: '/up', headers, body: BYTES })
    expect([answer.status, answer.body.toString()]).toEqual([200, 'true'])
  })

  test.each([
    ['reset', (client: RawHttp2) => client.send(resetFrame(1, CANCEL))],
    ['reset without an error', (client: RawHttp2) => client.send(resetFrame(1, NO_ERROR))],
    ['left with its connection', (client: RawHttp2) => client.leave()],
  ])('content that is %s half way never looks whole to the origin', async (_what, leave) => {
    const { origin, port } = await start({ passesThrough })
    const outcome = Promise.withResolvers<string>()
    origin.on('/up', ({ request: received }) => {
      received.content.then(
        () => outcome.resolve('whole'),
        () => outcome.resolve('broken'),
      )
    })
    const client = await openRawHttp2(port)
    const block = fieldBlock({ ':method': 'POST', ':scheme': 'https', ':path': '/up', ':authority': 'x' })
    client.send(frame(FRAME.headers, END_HEADERS, 1, block), frame(FRAME.data, 0, 1, BYTES.subarray(0, 1000)))
    await origin.received(1)
    await origin.requests[0]?.contentAtLeast(1000)
    leave(client)
    expect(await outcome.promise).toBe('broken')
  })

  test('an origin that does not read keeps its client waiting', async () => {
    const { origin, session } = await start({ passesThrough })
    const [taken, rest] = [gate(), gate()]
    const large = pattern(16 * 1024 ** 2)
    origin.on('/up', async ({ request: received, pauseReading, resumeReading, send }) => {
      pauseReading()
      taken.open()
      await rest.opened
      resumeReading()
      await send({ body: String((await received.content).equals(large)) })
    })
    const stream = session.request({ ':method': 'POST', ':path': '/up' })
    const answered = once(stream, 'response')
    stream.end(large)
    await taken.opened
    expect(stream.writableFinished).toBe(false)
    rest.open()
    await answered
    stream.setEncoding('utf8')
    expect((await once(stream, 'data'))[0]).toBe('true')
  })

  test('a client that expects to be invited is, and sends its content then', async () => {
    const { origin, session } = await start({ passesThrough })
    origin.on('/up', async ({ request: received, interim, send }) => {
      if (received.fields['expect'] !== undefined) await interim(100)
      await send({ body: await received.content })
    })
    const fields = { ':method': 'POST', ':path': '/up', expect: '100-continue', 'content-length': '5' }
    const stream = session.request(fields, { endStream: false })
    await once(stream, 'continue')
    stream.end('hello')
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
    expect(headers[':status']).toBe(200)
    stream.setEncoding('utf8')
    expect((await once(stream, 'data'))[0]).toBe('hello')
  })

  test('an expectation that nobody can meet is a 417', async () => {
    const { origin, session } = await start({ passesThrough })
    expect((await requestOn(session, { path: '/a', headers: { Expect: 'the unexpected' } })).status).toBe(417)
    expect(origin.requests).toEqual([])
  })

  test('interim answers come before the final one', async () => {
    const { origin, session } = await start({ passesThrough })
    const rest = gate()
    origin.put('/a', 'x')
    origin.on('/a', async (exchange) => {
      await exchange.interim(103, { Link: ['</1.css>', '</2.css>'] })
      await rest.opened
      await exchange.answer()
    })
    const stream = session.request({ ':path': '/a' })
    const [early] = (await once(stream, 'headers')) as [Record<string, unknown>]
    expect([early[':status'], early['link']]).toEqual([103, '</1.css>, </2.css>'])
    rest.open()
    const [final] = (await once(stream, 'response')) as [Record<string, unknown>]
    expect([final[':status'], final['link']]).toEqual([200, undefined])
  })

  test('an answer of the origin goes out without what belongs to its connection', async () => {
    const { origin, session } = await start({ passesThrough })
    const fields = {
      Connection: 'keep-alive, X-Hop',
      'X-Hop': '1',
      'Keep-Alive': 'timeout=5',
      'Set-Cookie': ['a=1', 'b=2'],
    }
    origin.on('/a', ({ send }) => send({ body: 'x', framing: 'chunked', fields, reason: 'Quite Fine' }))
    const { status, isWhole, rawHeaders } = await requestOn(session, { path: '/a' })
    expect([status, isWhole]).toEqual([200, true])
    const names = rawHeaders.map(([name]) => name)
    for (const name of ['connection', 'keep-alive', 'x-hop', 'transfer-encoding']) expect(names).not.toContain(name)
    expect(rawHeaders.filter(([name]) => name === 'set-cookie').map(([, value]) => value)).toEqual(['a=1', 'b=2'])
  })

  test('an answer that breaks off is reset, whether its length was told or not', async () => {
    const { origin, session } = await start({ passesThrough })
    origin.on('/a', async (exchange) => {
      await exchange.head(200, { 'Transfer-Encoding': 'chunked', 'Cache-Control': 'no-store' })
      await exchange.chunk('half')
      exchange.cut()
    })
    const { isWhole, body } = await requestOn(session, { path: '/a' })
    expect([isWhole, body.toString()]).toEqual([false, 'half'])
  })

  test('an answer before the content is whole, and the rest of the content is not waited for', async () => {
    const { origin, port } = await start({ passesThrough })
    origin.on('/up', ({ send }) => send({ status: 403, body: 'no' }))
    const client = await openRawHttp2(port)
    const block = fieldBlock({ ':method': 'POST', ':scheme': 'https', ':path': '/up', ':authority': 'x' })
    client.send(frame(FRAME.headers, END_HEADERS, 1, block), frame(FRAME.data, 0, 1, Buffer.from('part')))
    const end = await client.frame(
      ({ stream, flags, type }) => stream === 1 && type === FRAME.data && flags === END_STREAM,
    )
    expect(end).toBeDefined()
    const reset = await client.frame(({ stream, type }) => stream === 1 && type === FRAME.reset)
    expect(reset?.payload.readUInt32BE()).toBe(NO_ERROR)
    client.send(getFrame(3, '/other'))
    expect(await client.frame(({ stream, type }) => stream === 3 && type === FRAME.headers)).toBeDefined()
  })

  test.each([599, 600, 999])('a status of %i comes as one that HTTP/2 can say', async (status) => {
    const { origin, session } = await start({ passesThrough })
    origin.on('/a', ({ send }) => send({ status, body: 'odd' }))
    const answer = await requestOn(session, { path: '/a' })
    expect([answer.status, answer.body.toString()]).toEqual([status === 599 ? 599 : 500, 'odd'])
  })

  test.each([
    ['only a Host', { host: 'x' }, 200],
    ['the same name twice', { ':authority': 'x', host: 'X' }, 200],
    ['two names', { ':authority': 'x', host: 'y' }, 400],
  ])('a request with %s, and the next one on its connection', async (_what, names, status) => {
    const { origin, port } = await start({ passesThrough })
    origin.put('/a', 'x')
    const session = await openSession(port)
    const client = await openRawHttp2(port)
    const fields = { ':method': 'GET', ':scheme': 'https', ':path': '/a', ...names }
    client.send(frame(FRAME.headers, END_HEADERS | END_STREAM, 1, fieldBlock(fields)))
    const text = await client.frame(({ stream, type }) => stream === 1 && type === FRAME.data)
    expect(text?.payload.toString() === 'x').toBe(status === 200)
    client.send(getFrame(3, '/a'))
    const next = await client.frame(({ stream, type }) => stream === 3 && type === FRAME.data)
    expect(next?.payload.toString()).toBe('x')
    expect((await requestOn(session, { path: '/a' })).status).toBe(200)
  })
})

test('what is stored is shared by HTTP/2 and HTTP/1.1 over TLS', async () => {
  const { origin, session, port } = await start()
  origin.put('/a', BYTES, { 'Cache-Control': 'max-age=60' })
  const headers = { Host: 'films.example' }
  const first = await requestOn(session, { path: '/a', headers })
  const second = await request(port, { path: '/a', headers, isSecure: true })
  for (const { body } of [first, second]) expect(body.equals(BYTES)).toBe(true)
  expect(second.headers['cache-status']).toContain('hit')
  expect(origin.requests).toHaveLength(1)
})

test('an event stream is passed on as it comes', async () => {
  const { origin, session } = await start({ passesThrough: true })
  const next = gate()
  origin.on('/events', async (exchange) => {
    await exchange.head(200, { 'Content-Type': 'text/event-stream', 'Transfer-Encoding': 'chunked' })
    await next.opened
    await exchange.chunk('data: 1\n\n')
  })
  const events = await openOn(session, { path: '/events' })
  expect(events.status).toBe(200)
  next.open()
  await events.receivedBytes(9)
  expect(events.received().toString()).toBe('data: 1\n\n')
  events.leave()
  await origin.socketsAtMost(0)
})

test('an origin that wants no content is not asked to invite it, nor is its client', async () => {
  const { origin, session } = await start({ passesThrough: true })
  origin.on('/up', ({ send }) => send({ status: 413, body: 'too much' }))
  const fields = { ':method': 'POST', ':path': '/up', expect: '100-continue', 'content-length': '5' }
  const stream = session.request(fields, { endStream: false })
  let isInvited = false
  stream.once('continue', () => {
    isInvited = true
  })
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>]
  expect([headers[':status'], isInvited]).toEqual([413, false])
})

test('content that goes on behind an answer which is still being taken ends no connection', async () => {
  const { origin, port, clock } = await start({ passesThrough: true })
  origin.on('/up', ({ send }) => send({ body: BYTES.subarray(0, 20_000) }))
  origin.put('/a', 'x')
  const client = await openRawHttp2(port)
  // Every answer stands still after so many bytes (RFC 9113 §6.5.2).
  client.send(frame(FRAME.settings, 0, 0, Buffer.concat([Buffer.from([0, 4]), uint32(1000)])))
  const block = fieldBlock({ ':method': 'POST', ':scheme': 'https', ':path': '/up', ':authority': 'x' })
  client.send(frame(FRAME.headers, END_HEADERS, 1, block), frame(FRAME.data, 0, 1, Buffer.from('part')))
  const received = () =>
    client.frames().reduce((sum, { type, payload }) => sum + (type === FRAME.data ? payload.length : 0), 0)
  await client.frame(() => received() === 1000)
  await origin.socketsAtMost(0)
  clock.advance(45_000)
  client.send(getFrame(3, '/a'))
  const next = await client.frame(({ stream, type }) => stream === 3 && type === FRAME.data)
  expect(next?.payload.toString()).toBe('x')
})
