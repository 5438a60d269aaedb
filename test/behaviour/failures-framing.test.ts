/** Bodies without a length, with too many bytes or with too few: what arrives is exactly right or visibly broken. */
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { type Exchange, gate } from '../support/s3-socket-server.ts'
import { openRaw, openRequest, parseAnswers, pattern, request, startShield, times } from '../support/shield.ts'

const KEY = 'live/1.ts'
const PATH = `/${KEY}`
const BYTES = pattern(100_000)

/** A chunked answer without Content-Length: its first part. */
function beginChunked({ response }: Exchange, bytes: Buffer): Promise<void> {
  response.writeHead(200, { 'content-type': 'video/mp2t', etag: '"chunked"' })
  return new Promise((resolve) => {
    response.write(bytes, () => resolve())
  })
}

test('an answer without a length goes out whole, in chunks, and is kept with the length its end has told', async () => {
  const { s3, port } = await startShield()
  s3.on(KEY, async (exchange) => {
    await beginChunked(exchange, BYTES.subarray(0, 40_000))
    exchange.response.end(BYTES.subarray(40_000))
  })
  const first = await request(port, { path: PATH })
  expect([first.status, first.isWhole, first.body.equals(BYTES)]).toEqual([200, true, true])
  expect(first.headers['content-length']).toBeUndefined()
  expect(first.headers['transfer-encoding']).toBe('chunked')
  expect(first.headers['cache-status']).toContain('stored')
  const later = await request(port, { path: PATH, headers: { Range: 'bytes=40000-40009' } })
  expect([later.status, later.body]).toEqual([206, BYTES.subarray(40_000, 40_010)])
  expect(later.headers['content-range']).toBe(`bytes 40000-40009/${BYTES.length}`)
  expect(later.headers['cache-status']).toContain('hit')
  expect(s3.requests).toHaveLength(1)
})

test.each([
  ['resets', (exchange: Exchange) => exchange.reset()],
  ['ends', (exchange: Exchange) => exchange.cut()],
])('an answer without a length whose origin %s its connection half way is cut', async (_what, breakOff) => {
  const { s3, port } = await startShield({ pool: { maxFreeSockets: 0 } })
  const broken = gate()
  s3.on(KEY, async (exchange) => {
    await beginChunked(exchange, BYTES)
    await broken.opened
    breakOff(exchange)
  })
  const client = await openRequest(port, { path: PATH })
  await client.receivedBytes(BYTES.length)
  broken.open()
  const answer = await client.ended
  expect(answer.isWhole).toBe(false)
  expect(answer.body.equals(BYTES)).toBe(true)
  await s3.socketsAtMost(0)
})

test('an HTTP/1.0 client of an answer without a length gets its bytes, and the end of the connection as their end', async () => {
  const { s3, port } = await startShield()
  s3.on(KEY, async (exchange) => {
    await beginChunked(exchange, BYTES)
    exchange.response.end()
  })
  const connection = await openRaw(port)
  const errors: Error[] = []
  connection.socket.on('error', (error) => errors.push(error))
  connection.write(`GET ${PATH} HTTP/1.0\r\n\r\n`)
  const [answer] = parseAnswers(await connection.closed)
  expect(answer?.headers['transfer-encoding']).toBeUndefined()
  expect(answer?.body.equals(BYTES)).toBe(true)
  expect(errors).toEqual([])
})

test('an HTTP/1.0 client of an answer without a length that breaks sees a reset, not an end', async () => {
  const { s3, port } = await startShield()
  const broken = gate()
  s3.on(KEY, async (exchange) => {
    await beginChunked(exchange, BYTES)
    await broken.opened
    exchange.reset()
  })
  const connection = await openRaw(port)
  const failure = once(connection.socket, 'error')
  connection.write(`GET ${PATH} HTTP/1.0\r\n\r\n`)
  await connection.until((received) => received.includes(BYTES))
  broken.open()
  const [error] = await failure
  expect(error).toMatchObject({ code: 'ECONNRESET' })
})

test('an HTTP/1.0 client of a kept object that breaks gets fewer bytes than the length it was told', async () => {
  const { s3, port } = await startShield()
  s3.put(KEY, BYTES)
  const broken = gate()
  s3.on(KEY, async (exchange) => {
    await exchange.answerPart(1000)
    await broken.opened
    exchange.reset()
  })
  const connection = await openRaw(port)
  connection.write(`GET ${PATH} HTTP/1.0\r\n\r\n`)
  await connection.until((received) => received.includes(BYTES.subarray(0, 1000)))
  broken.open()
  const [answer] = parseAnswers(await connection.closed)
  expect(answer?.headers['content-length']).toBe('100000')
  expect(answer?.isWhole).toBe(false)
})

test('bytes beyond the announced length reach nobody, neither in this answer nor in the next one', async () => {
  const { s3, port } = await startShield({ pool: { maxSockets: 1 } })
  s3.put('next.ts', BYTES)
  const foreign = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nWRONG!'
  s3.on(KEY, ({ response }) => {
    response.socket?.write(`HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: "5"\r\n\r\nRIGHT${foreign}`)
  })
  const answer = await request(port, { path: PATH })
  expect(answer.isWhole).toBe(true)
  expect(answer.body.toString()).toBe('RIGHT')
  const next = await request(port, { path: '/next.ts' })
  expect(next.body.equals(BYTES)).toBe(true)
  expect((await request(port, { path: PATH })).body.toString()).toBe('RIGHT')
})

test.each(['12, 13', '-5', '0x10', '1e3', ''])(
  'an announced length of %j is no length: the answer is an error or whole, never something else',
  async (length) => {
    const { s3, port } = await startShield()
    s3.on(KEY, ({ response }) => {
      response.socket?.end(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\nETag: "5"\r\n\r\n0123456789ab`)
    })
    const answer = await request(port, { path: PATH })
    expect(answer.isWhole).toBe(true)
    if (answer.status === 200) expect(answer.body.toString()).toBe('0123456789ab')
    else expect(answer.status).toBe(502)
  },
)

test('after a hundred broken bodies the pool still has all its connections', async () => {
  const { s3, port } = await startShield({ pool: { maxSockets: 2, maxFreeSockets: 0 } })
  s3.put(KEY, BYTES, { etag: 'W/"1"' })
  const misbehaviours = [
    async (exchange: Exchange) => {
      await exchange.answerPart(1000)
      exchange.reset()
    },
    async (exchange: Exchange) => {
      await exchange.answerPart(1000)
      exchange.cut()
    },
    (exchange: Exchange) => exchange.reset(),
    (exchange: Exchange) => exchange.error(500, 'InternalError'),
  ]
  for (const index of times(100, Number)) {
    const misbehave = misbehaviours[index % misbehaviours.length]
    if (misbehave !== undefined) s3.once(KEY, misbehave)
    // Where the first bytes are lost with the connection, the client is told so in the status.
    const answer = await request(port, { path: PATH }).catch(() => undefined)
    expect(answer?.status === 200 && answer.isWhole).toBe(false)
  }
  await s3.socketsAtMost(0)
  const both = [gate(), gate()]
  s3.put('a.ts', BYTES)
  s3.put('b.ts', BYTES)
  for (const [index, key] of ['a.ts', 'b.ts'].entries()) {
    s3.on(key, async (exchange) => {
      await exchange.answerPart(1000)
      await both[index]?.opened
      await exchange.more()
    })
  }
  const a = await openRequest(port, { path: '/a.ts' })
  const b = await openRequest(port, { path: '/b.ts' })
  await a.receivedBytes(1000)
  await b.receivedBytes(1000)
  for (const one of both) one.open()
  expect((await a.ended).body.equals(BYTES)).toBe(true)
  expect((await b.ended).body.equals(BYTES)).toBe(true)
})
