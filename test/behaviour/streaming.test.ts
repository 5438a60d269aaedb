/** Bytes go on to the clients as they come from the origin, from the first one, to everyone who has joined. */
import { expect, test } from 'vitest'
import { type Exchange, gate, pausedAfter, type S3Server } from '../support/s3-socket-server.ts'
import { openRequest, pattern, startShield } from '../support/shield.ts'

const KEY = 'vod/1.ts'
const PATH = `/${KEY}`

/** The origin sends the head and `firstBytes` by itself; what follows, the test asks of the exchange. */
function answerByHand(s3: S3Server, firstBytes: number): Promise<Exchange> {
  const { promise, resolve } = Promise.withResolvers<Exchange>()
  s3.on(KEY, async (exchange) => {
    await exchange.answerPart(firstBytes)
    resolve(exchange)
  })
  return promise
}

test('a client receives the headers and the first bytes while the origin has sent no more than those', async () => {
  const { s3, port } = await startShield()
  const bytes = pattern(200_000)
  s3.put(KEY, bytes)
  const byHand = answerByHand(s3, 1)
  const client = await openRequest(port, { path: PATH })
  expect(client.headers['content-length']).toBe('200000')
  await client.receivedBytes(1)
  expect(client.received().equals(bytes.subarray(0, 1))).toBe(true)

  const exchange = await byHand
  await exchange.more(999)
  await client.receivedBytes(1000)
  expect(client.received().equals(bytes.subarray(0, 1000))).toBe(true)
  await exchange.more()
  const answer = await client.ended
  expect(answer.isWhole).toBe(true)
  expect(answer.body.equals(bytes)).toBe(true)
})

test('a client who joins late receives everything from the first byte, then each piece as it arrives', async () => {
  const { s3, port } = await startShield()
  const bytes = pattern(200_000)
  s3.put(KEY, bytes)
  const byHand = answerByHand(s3, 150_000)
  const first = await openRequest(port, { path: PATH })
  await first.receivedBytes(150_000)
  const late = await openRequest(port, { path: PATH })
  await late.receivedBytes(150_000)
  expect(late.received().equals(bytes.subarray(0, 150_000))).toBe(true)

  const exchange = await byHand
  for (const upTo of [150_001, 160_000, 199_999]) {
    await exchange.more(upTo - late.received().length)
    await late.receivedBytes(upTo)
    expect(late.received().equals(bytes.subarray(0, upTo))).toBe(true)
  }
  const last = await openRequest(port, { path: PATH })
  await last.receivedBytes(199_999)
  await exchange.more()
  for (const client of [first, late, last]) {
    const answer = await client.ended
    expect(answer.isWhole).toBe(true)
    expect(answer.body.equals(bytes)).toBe(true)
  }
  expect(s3.requests).toHaveLength(1)
})

test('a body that nobody can keep is passed on as it comes, too', async () => {
  const { s3, port } = await startShield()
  const bytes = pattern(50_000)
  s3.put(KEY, bytes, { 'cache-control': 'no-store' })
  const rest = gate()
  s3.on(KEY, pausedAfter(1000, rest))
  const client = await openRequest(port, { path: PATH })
  await client.receivedBytes(1000)
  expect(client.received().equals(bytes.subarray(0, 1000))).toBe(true)
  rest.open()
  expect((await client.ended).body.equals(bytes)).toBe(true)
})

test('an empty object is a whole answer of no bytes, cold and warm', async () => {
  const { s3, port } = await startShield()
  s3.put(KEY, '')
  for (const _ of [1, 2]) {
    const answer = await (await openRequest(port, { path: PATH })).ended
    expect([answer.status, answer.headers['content-length'], answer.body.length]).toEqual([200, '0', 0])
    expect(answer.isWhole).toBe(true)
  }
  expect(s3.requests).toHaveLength(1)
})
