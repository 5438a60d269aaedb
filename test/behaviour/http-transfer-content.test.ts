/** Content of requests on its way to an HTTP origin: whole or visibly not, at the pace of both, and nobody waits for ever. */
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { gate } from '../support/http-socket-server.ts'
import { startPackager } from '../support/packager.ts'
import type { RawConnection } from '../support/raw-client.ts'
import { hasAnswers, openRaw, parseAnswers, pattern, request, times } from '../support/shield.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']
const CONTENT = pattern(1024 ** 2, 3)
/** More than sockets and streams take in. */
const MUCH = pattern(32 * 1024 ** 2, 5)

/** Its origin takes all of a content before it answers. */
async function start(retry = {}) {
  const packager = await startPackager({ routes: [{ match: '/**', methods: METHODS }], retry })
  packager.origin.onAny(async (exchange) => {
    await exchange.request.content
    await exchange.answer()
  })
  return packager
}

function head(method: string, lines: readonly string[]): string {
  return [`${method} /upload HTTP/1.1`, 'Host: x', ...lines, '', ''].join('\r\n')
}

/** In chunks of odd sizes. */
function chunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let start = 0, size = 1; start < bytes.length; start += size, size = (size * 7) % 65_521) {
    const part = bytes.subarray(start, start + size)
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n'))
    size = part.length
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')])
}

/** Hands everything to the connection, at its pace; resolves when the last byte is taken or the connection is gone. */
async function writeAll({ socket, closed }: RawConnection, bytes: Buffer): Promise<void> {
  for (let start = 0; start < bytes.length && !socket.destroyed; start += 65_536) {
    if (socket.write(bytes.subarray(start, start + 65_536))) continue
    // The other side may have ended it, which `closed` tells.
    await Promise.race([once(socket, 'drain').catch(() => closed), closed])
  }
}

describe('byte for byte', () => {
  test.each(['POST', 'PUT', 'PATCH', 'DELETE'])('%s with a length keeps it', async (method) => {
    const { origin, port, atRest } = await start()
    const headers = { 'Content-Length': String(CONTENT.length) }
    const { status } = await request(port, { method, path: '/upload', headers, body: CONTENT })
    expect(status).toBe(404)
    const [asked] = origin.requests
    expect((await asked?.content)?.equals(CONTENT)).toBe(true)
    expect(asked?.method).toBe(method)
    expect(asked?.fields['content-length']).toBe(String(CONTENT.length))
    expect(asked?.fields['transfer-encoding']).toBeUndefined()
    await atRest()
  })

  test.each(['POST', 'PUT', 'DELETE'])('%s in chunks of any size', async (method) => {
    const { origin, port, atRest } = await start()
    const client = await openRaw(port)
    client.write(head(method, ['Transfer-Encoding: chunked', 'Connection: close']))
    await writeAll(client, chunked(CONTENT))
    expect(parseAnswers(await client.closed).map(({ status }) => status)).toEqual([404])
    const [asked] = origin.requests
    expect((await asked?.content)?.equals(CONTENT)).toBe(true)
    expect(asked?.fields['content-length']).toBeUndefined()
    await atRest()
  })

  test.each([
    ['nothing said', []],
    ['a length of 0', ['Content-Length: 0']],
  ])('none at all is none there: %s', async (_what, lines) => {
    const { origin, port } = await start()
    const client = await openRaw(port)
    client.write(head('POST', [...lines, 'Connection: close']))
    await client.closed
    expect((await origin.requests[0]?.content)?.length).toBe(0)
    expect(origin.requests[0]?.fields['content-length']).toBe('0')
    expect(origin.requests[0]?.fields['transfer-encoding']).toBeUndefined()
  })

  test('no chunk but the last is empty, too', async () => {
    const { origin, port } = await start()
    const client = await openRaw(port)
    client.write(`${head('PUT', ['Transfer-Encoding: chunked', 'Connection: close'])}0\r\n\r\n`)
    expect(parseAnswers(await client.closed).map(({ status }) => status)).toEqual([404])
    expect((await origin.requests[0]?.content)?.length).toBe(0)
  })

  test('on one connection one after the other, and what is stored is dropped each time', async () => {
    const { origin, port } = await start()
    origin.put('/upload', 'old')
    const client = await openRaw(port)
    const post = `${head('POST', ['Content-Length: 3'])}abc`
    const get = head('GET', [])
    for (const [nth, bytes] of [get, get, post, get, post, get].entries()) {
      client.write(bytes)
      await client.until(hasAnswers(nth + 1))
    }
    client.leave()
    expect(origin.requests.map(({ method }) => method)).toEqual(['GET', 'POST', 'GET', 'POST', 'GET'])
  })
})

test('a client that asks first is invited, and its content goes on', async () => {
  const { origin, port } = await start()
  const client = await openRaw(port)
  client.write(head('PUT', ['Expect: 100-continue', `Content-Length: ${CONTENT.length}`, 'Connection: close']))
  await client.until((received) => received.includes('100 Continue\r\n\r\n'))
  await writeAll(client, CONTENT)
  expect(parseAnswers(await client.closed).map(({ status }) => status)).toEqual([100, 404])
  expect((await origin.requests[0]?.content)?.equals(CONTENT)).toBe(true)
  expect(origin.requests[0]?.fields['expect']).toBeUndefined()
})

test('it is with the origin as it comes, and at the origin’s pace', async () => {
  const { origin, port } = await start()
  origin.on('/upload', async (exchange) => {
    await exchange.request.content
    await exchange.send({ status: 201 })
  })
  const client = await openRaw(port)
  client.write(`${head('POST', ['Transfer-Encoding: chunked', 'Connection: close'])}3\r\nabc\r\n`)
  await origin.received(1)
  await origin.requests[0]?.contentAtLeast(3)
  client.write('3\r\ndef\r\n')
  await origin.requests[0]?.contentAtLeast(6)
  client.write('0\r\n\r\n')
  expect(parseAnswers(await client.closed).map(({ status }) => status)).toEqual([201])
})

test('an origin that does not read keeps its client waiting, and no more is taken in than buffers hold', async () => {
  const { origin, port, atRest } = await start()
  const [paused, rest] = [gate(), gate()]
  origin.on('/upload', async (exchange) => {
    exchange.pauseReading()
    paused.open()
    await rest.opened
    exchange.resumeReading()
    const content = await exchange.request.content
    await exchange.send({ body: String(content.equals(MUCH)) })
  })
  const client = await openRaw(port)
  client.write(head('PUT', [`Content-Length: ${MUCH.length}`, 'Connection: close']))
  // The origin hears of a request with its first byte of content.
  client.write(MUCH)
  await paused.opened
  let taken = -1
  const takenNow = () => client.socket.bytesWritten - client.socket.writableLength
  // The rest is in the client's own memory for as long as nothing moves, however often the program is asked meanwhile.
  for (let quiet = 0; quiet < 20; quiet += 1) {
    await request(port, { method: 'HEAD', path: `/later/${quiet}` })
    if (taken !== takenNow()) quiet = 0
    taken = takenNow()
  }
  expect(taken).toBeLessThan(MUCH.length)
  rest.open()
  expect(parseAnswers(await client.closed)[0]?.body.toString()).toBe('true')
  await atRest()
})

describe('an origin that answers before it has all of it', () => {
  test.each(['keep-alive', 'close'])('is heard, and the client can come to an end: %s', async (connection) => {
    const { origin, port, atRest } = await start()
    origin.on('/upload', async (exchange) => {
      await exchange.request.contentAtLeast(1000)
      await exchange.send({ status: 413, body: 'too much' })
    })
    origin.put('/next', 'next')
    const client = await openRaw(port)
    client.write(head('PUT', [`Content-Length: ${MUCH.length}`, `Connection: ${connection}`]))
    client.write(MUCH.subarray(0, 65_536))
    const [early] = parseAnswers(await client.until(hasAnswers(1)))
    expect(early?.status).toBe(413)
    expect(early?.body.toString()).toBe('too much')
    // Whoever sends all of it before reading gets to the end of that.
    await writeAll(client, MUCH.subarray(65_536))
    if (connection === 'keep-alive') {
      client.write('GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
      const answers = parseAnswers(await client.closed)
      expect(answers.map(({ status, body }) => [status, body.toString()])).toEqual([
        [413, 'too much'],
        [200, 'next'],
      ])
    } else await client.closed
    await atRest()
    await origin.socketsAtMost(1)
  })

  test('may go on to take it while its answer is under way', async () => {
    const { origin, port } = await start()
    origin.on('/upload', async (exchange) => {
      await exchange.head(200, { 'Transfer-Encoding': 'chunked' })
      await exchange.chunk('begun;')
      const content = await exchange.request.content
      await exchange.chunk(`got ${content.length}`)
      await exchange.chunk('')
    })
    const client = await openRaw(port)
    client.write(`${head('POST', ['Transfer-Encoding: chunked', 'Connection: close'])}3\r\nabc\r\n`)
    await client.until((received) => received.includes('begun;'))
    client.write('3\r\ndef\r\n0\r\n\r\n')
    const [answer] = parseAnswers(await client.closed)
    expect(answer?.isWhole).toBe(true)
    expect(answer?.body.toString()).toBe('begun;got 6')
  })

  test('and a client that goes on sending for ever is cut off', async () => {
    const { origin, port, clock } = await start()
    origin.on('/upload', (exchange) => exchange.send({ status: 413 }))
    const client = await openRaw(port)
    client.write(`${head('PUT', ['Transfer-Encoding: chunked'])}3\r\nabc\r\n`)
    await client.until(hasAnswers(1))
    await expect.poll(() => clock.pending).toBeGreaterThan(0)
    clock.advance(60_000)
    await client.closed
  })
})

describe('a client that leaves', () => {
  test('in the middle of its content takes the origin’s request with it', async () => {
    const { origin, port, atRest } = await start()
    const client = await openRaw(port)
    client.write(`${head('PUT', ['Content-Length: 1000'])}${'x'.repeat(500)}`)
    await origin.received(1)
    await origin.requests[0]?.contentAtLeast(500)
    client.leave()
    await expect(origin.requests[0]?.content).rejects.toThrow('ended after 500 bytes')
    await origin.socketsAtMost(0)
    await atRest()
  })

  test('in the middle of a chunked content is never taken for one who has sent all', async () => {
    const { origin, port, atRest } = await start()
    const client = await openRaw(port, { allowHalfOpen: true })
    client.write(`${head('PUT', ['Transfer-Encoding: chunked'])}3\r\nabc\r\n`)
    await origin.received(1)
    await origin.requests[0]?.contentAtLeast(3)
    client.socket.end()
    await expect(origin.requests[0]?.content).rejects.toThrow('ended after 3 bytes')
    client.leave()
    await atRest()
  })

  test('while the origin works ends that', async () => {
    const { origin, port, atRest } = await start()
    const gone = gate()
    origin.on('/upload', async (exchange) => {
      await exchange.request.content
      await exchange.closed
      gone.open()
    })
    const client = await openRaw(port)
    client.write(`${head('PUT', ['Content-Length: 3'])}abc`)
    await origin.received(1)
    await origin.requests[0]?.content
    client.leave()
    await gone.opened
    await atRest()
  })

  test('in the middle of the answer ends that', async () => {
    const { origin, port, atRest } = await start()
    const gone = gate()
    origin.on('/upload', async (exchange) => {
      await exchange.head(200, { 'Content-Length': '1000' })
      await exchange.write('x'.repeat(500))
      await exchange.closed
      gone.open()
    })
    const client = await openRaw(port)
    client.write(`${head('POST', ['Content-Length: 3'])}abc`)
    await client.until((received) => received.includes('x'.repeat(500)))
    client.leave()
    await gone.opened
    await atRest()
  })
})

describe('an origin that goes away', () => {
  test.each(['reset', 'cut'] as const)('before its answer is a 502, and is asked once: %s', async (how) => {
    const { origin, port, atRest } = await start({ maxAttempts: 5 })
    origin.on('/upload', async (exchange) => {
      await exchange.request.content
      exchange[how]()
    })
    const answer = await request(port, { method: 'POST', path: '/upload', body: CONTENT })
    expect(answer.status).toBe(502)
    expect(origin.requests.length).toBe(1)
    await atRest()
  })

  test('while the content comes is a 502, also to a client that sends all of it before it reads', async () => {
    const { origin, port, atRest } = await start()
    origin.on('/upload', async (exchange) => {
      await exchange.request.contentAtLeast(1000)
      exchange.reset()
    })
    origin.put('/next', 'next')
    const client = await openRaw(port)
    client.write(head('PUT', [`Content-Length: ${MUCH.length}`]))
    await writeAll(client, MUCH)
    client.write('GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    const answers = parseAnswers(await client.closed)
    expect(answers.map(({ status }) => status)).toEqual([502, 200])
    await atRest()
  })

  test('in the middle of its answer cuts the client’s', async () => {
    const { origin, port, atRest } = await start()
    origin.on('/upload', async (exchange) => {
      await exchange.head(200, { 'Content-Length': '1000' })
      await exchange.write('x'.repeat(500))
      exchange.reset()
    })
    const answer = await request(port, { method: 'POST', path: '/upload', body: 'abc' }).catch(() => undefined)
    expect(answer?.isWhole ?? false).toBe(false)
    await atRest()
  })

  test('that refuses connections is a 502 at once', async () => {
    const { origin, port } = await start()
    await origin.close()
    const answer = await request(port, { method: 'POST', path: '/upload', body: CONTENT })
    expect(answer.status).toBe(502)
  })
})

describe('time', () => {
  test('an origin that has all of it and says nothing is a 504', async () => {
    const { origin, port, clock, atRest } = await start()
    origin.on('/upload', () => undefined)
    const answer = request(port, { method: 'POST', path: '/upload', body: 'abc' })
    await origin.received(1)
    await origin.requests[0]?.content
    clock.advance(30_000)
    expect((await answer).status).toBe(504)
    await atRest()
  })

  test('content that keeps coming is not an origin that says nothing', async () => {
    const { origin, port, clock } = await start()
    origin.on('/upload', async (exchange) => {
      await exchange.request.content
      await exchange.send({ status: 201 })
    })
    const client = await openRaw(port)
    client.write(head('PUT', ['Content-Length: 10', 'Connection: close']))
    for (const nth of times(10, (index) => index + 1)) {
      client.write('x')
      await origin.received(1)
      await origin.requests[0]?.contentAtLeast(nth)
      // The program has counted it when it has answered one who asked later.
      await request(port, { path: `/later/${nth}` })
      clock.advance(25_000)
    }
    expect(parseAnswers(await client.closed).map(({ status }) => status)).toEqual([201])
  })

  test('a client that stops in the middle is not waited for', async () => {
    const { origin, port, clock, atRest } = await start()
    const client = await openRaw(port)
    client.write(`${head('PUT', ['Content-Length: 10'])}abc`)
    await origin.received(1)
    await origin.requests[0]?.contentAtLeast(3)
    await request(port, { path: '/later' })
    clock.advance(30_000)
    const [answer] = parseAnswers(await client.until(hasAnswers(1)))
    expect([408, 504]).toContain(answer?.status)
    clock.advance(60_000)
    await client.closed
    await atRest()
  })
})
