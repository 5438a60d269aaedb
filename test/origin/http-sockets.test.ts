import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { gate, startHttpServer } from '../support/http-socket-server.ts'
import { bytesOf, failure, pattern } from './fixture.ts'
import { expectWell, startHttpOrigin } from './http-fixture.ts'
import { TEST_CERTIFICATE } from './tls-certificate.ts'

/** What the kernels on both sides, and we, can hold of a body that nobody reads. */
const MORE_THAN_BUFFERS = 32 * 1024 * 1024

describe('connections', () => {
  test('60 fetches at once get 10 of them and no more, and every one its own bytes', async () => {
    const { server, origin, fetch } = await startHttpOrigin({ pool: { maxSockets: 10, maxFreeSockets: 4 } })
    const bodies = Array.from({ length: 60 }, (_, index) => pattern(100_000, index))
    for (const [index, bytes] of bodies.entries()) server.put(`/${index}`, bytes)

    const received = await Promise.all(bodies.map(async (_, index) => bytesOf(await fetch(String(index)))))
    expect(received.every((bytes, index) => bytes.equals(bodies[index] ?? Buffer.alloc(0)))).toBe(true)
    expect(server.sockets.peak).toBeLessThanOrEqual(10)
    expect(origin.usage()).toEqual({ inUse: 0, free: 4, queued: 0 })
    await server.socketsAtMost(4)
  })

  test.each([
    ['first', 'second', 2],
    ['second', 'first', 1],
  ])('of %s and then %s becoming free, the one that did so last is taken first', async (one, other, taken) => {
    const { server, fetch } = await startHttpOrigin()
    const ends = { first: gate(), second: gate() }
    for (const [name, { opened }] of Object.entries(ends)) {
      server.on(`/${name}`, async (exchange) => {
        await exchange.head(200, { 'Content-Length': '1' })
        await opened
        await exchange.write('x')
      })
    }
    const held = { first: await fetch('first'), second: await fetch('second') }
    for (const name of [one, other] as const) {
      ends[name as 'first' | 'second'].open()
      await bytesOf(held[name as 'first' | 'second'])
    }
    await bytesOf(await fetch('next'))

    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 2, taken])
  })

  test('none is kept where none may be', async () => {
    const fixture = await startHttpOrigin({ pool: { maxFreeSockets: 0 } })
    await expectWell(fixture)
    expect(fixture.origin.usage().free).toBe(0)
    await fixture.server.socketsAtMost(0)
  })

  test('one that was idle for long enough is closed', async () => {
    const fixture = await startHttpOrigin({ pool: { idleTimeoutMs: 20 } })
    await expectWell(fixture)
    await fixture.server.socketsAtMost(0)
    await expectWell(fixture)
    expect(fixture.server.sockets.opened).toBe(2)
  })

  test('one that the origin closed while it was idle is not used again', async () => {
    const fixture = await startHttpOrigin()
    await expectWell(fixture)
    fixture.server.closeIdle()
    await fixture.server.socketsAtMost(0)
    await expectWell(fixture)
    expect(fixture.server.sockets.opened).toBe(2)
  })

  test.each([
    ['Connection: close', { Connection: 'close' }],
    ['a Keep-Alive timeout that is over at once', { 'Keep-Alive': 'timeout=0' }],
  ])('%s ends one after its answer', async (_, fields) => {
    const fixture = await startHttpOrigin()
    fixture.server.on('/a', (exchange) => exchange.send({ body: 'x', fields }))
    await bytesOf(await fixture.fetch('a'))
    await fixture.server.socketsAtMost(0)
    await expectWell(fixture)
  })

  test('bytes that nobody asked for end one, and are nobody else’s answer', async () => {
    const fixture = await startHttpOrigin()
    fixture.server.on('/a', (exchange) =>
      exchange.write('HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil'),
    )
    expect((await bytesOf(await fixture.fetch('a'))).toString()).toBe('a')
    await fixture.server.socketsAtMost(0)
    await expectWell(fixture)
  })

  test('a small body that nobody reads holds none, and is still there', async () => {
    const { server, origin, fetch } = await startHttpOrigin({ pool: { maxSockets: 1 } })
    server.put('/a', 'first')
    server.put('/b', 'second')
    const first = await fetch('a')
    const second = await fetch('b')

    expect(origin.usage()).toMatchObject({ inUse: 0, free: 1 })
    expect((await bytesOf(first)).toString()).toBe('first')
    expect((await bytesOf(second)).toString()).toBe('second')
    expect(server.sockets.opened).toBe(1)
  })

  test('a large body that nobody reads holds back the origin, until it is destroyed', async () => {
    const fixture = await startHttpOrigin({ pool: { maxSockets: 1 } })
    const { server, origin, fetch } = fixture
    let isWritten = false
    server.on('/a', async (exchange) => {
      await exchange.send({ body: Buffer.alloc(MORE_THAN_BUFFERS) })
      isWritten = true
    })
    const { body } = await fetch('a')
    const waiting = fetch('b')
    await body?.next()

    expect(isWritten).toBe(false)
    expect(origin.usage()).toEqual({ inUse: 1, free: 0, queued: 1 })
    body?.destroy()
    body?.destroy()
    expect((await waiting).status).toBe(404)
    await server.socketsAtMost(1)
    await expectWell(fixture)
  })

  test('a HEAD answer’s connection is not trusted with another request', async () => {
    const { server, fetch } = await startHttpOrigin()
    server.on('/a', (exchange) => exchange.head(200, { 'Content-Length': '4' }))
    await fetch('a', { method: 'HEAD' })
    await server.socketsAtMost(0)
    expect(server.requests[0]?.fields['connection']).toBe('close')
  })
})

describe('closing', () => {
  test('ends free connections now, and the others when their answers end', async () => {
    const { server, origin, fetch } = await startHttpOrigin()
    server.put('/a', pattern(1000))
    const ending = gate()
    server.on('/b', async (exchange) => {
      await exchange.answerPart(0)
      await ending.opened
      await exchange.more()
    })
    server.put('/b', pattern(1000))
    const b = await fetch('b')
    await bytesOf(await fetch('a'))
    expect(origin.usage()).toEqual({ inUse: 1, free: 1, queued: 0 })

    const closed = origin.close()
    await server.socketsAtMost(1)
    await failure(fetch('a'), 'aborted')
    ending.open()
    expect((await bytesOf(b)).length).toBe(1000)
    await closed
    await server.socketsAtMost(0)
  })
})

describe('TLS', () => {
  test('a certificate nobody vouches for is refused and said to the operator, whatever the environment says', async () => {
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
    onTestFinished(() => {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
    })
    const { server, origin, log, fetch } = await startHttpOrigin({ server: { tls: TEST_CERTIFICATE } })

    await failure(fetch('a'), 'misconfigured')
    await failure(fetch('a'), 'misconfigured')
    expect(server.requests).toEqual([])
    expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
    expect(log.lines.map(({ level, fields }) => [level, fields['origin']])).toEqual([['error', 'packager']])
  })

  test('a trusted one is talked to, over one connection', async () => {
    const before = getCACertificates('default')
    onTestFinished(() => setDefaultCACertificates(before))
    setDefaultCACertificates([...before, TEST_CERTIFICATE.cert])
    const fixture = await startHttpOrigin({ server: { tls: TEST_CERTIFICATE } })

    await expectWell(fixture)
    await expectWell(fixture)
    expect(fixture.server.sockets.opened).toBe(1)
  })
})

describe('a connection that the origin hangs up on when the next request comes', () => {
  /** Two connections that have served a request, and an origin that closes each at the sight of another one. */
  async function withStaleSockets(retry: { readonly maxAttempts: number }) {
    const fixture = await startHttpOrigin({ retry })
    const { server, fetch } = fixture
    server.put('/a', 'a')
    const both = gate()
    server.on('/warm', async (exchange) => {
      await both.opened
      await exchange.send()
    })
    const warm = [fetch('warm'), fetch('warm')]
    await server.received(2)
    both.open()
    for (const response of await Promise.all(warm)) await bytesOf(response)
    server.on('/a', (exchange) => (exchange.request.connection <= 2 ? exchange.cut() : exchange.answer()))
    server.on('/post', (exchange) => (exchange.request.connection <= 2 ? exchange.cut() : exchange.send()))
    return fixture
  }

  test('is no failure: the request is sent again at once, on a new one', async () => {
    const { server, origin, clock, fetch } = await withStaleSockets({ maxAttempts: 1 })
    expect(origin.usage().free).toBe(2)

    expect((await bytesOf(await fetch('a'))).toString()).toBe('a')
    expect(server.requestsFor('/a').map(({ connection }) => connection)).toEqual([2, 3])
    expect(origin.usage()).toEqual({ inUse: 0, free: 1, queued: 0 })
    expect(clock.pending).toBe(0)
  })

  test('fails a request that must not be repeated', async () => {
    const { server, fetch } = await withStaleSockets({ maxAttempts: 5 })
    await failure(fetch('post', { method: 'POST' }), 'unreachable')
    expect(server.requestsFor('/post')).toHaveLength(1)
  })

  test('is an outage where new ones are no better', async () => {
    const { server, fetch } = await withStaleSockets({ maxAttempts: 1 })
    server.on('/a', (exchange) => exchange.cut())
    await failure(fetch('a'), 'unreachable')
    expect(server.requestsFor('/a')).toHaveLength(2)
  })
})

test('a new connection that the origin hangs up on is a failure like any other', async () => {
  const { server, fetch } = await startHttpOrigin({ retry: { maxAttempts: 1 } })
  server.on('/a', (exchange) => exchange.cut())
  await failure(fetch('a'), 'unreachable')
  expect(server.requests).toHaveLength(1)
})

test('an origin that was restarted on its port is asked again', async () => {
  const fixture = await startHttpOrigin({ retry: { maxAttempts: 1 } })
  await expectWell(fixture)
  const { port } = fixture.server
  await fixture.server.close()
  await failure(fixture.fetch('a'), 'unreachable')
  const again = await startHttpServer({ port })
  onTestFinished(() => again.close())
  again.put('/a', 'again')

  expect((await bytesOf(await fixture.fetch('a'))).toString()).toBe('again')
  expect(fixture.origin.usage()).toEqual({ inUse: 0, free: 1, queued: 0 })
})
