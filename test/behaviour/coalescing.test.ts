/** However many ask for an object at once, the origin is asked once, and everyone gets what they asked for. */
import { expect, test } from 'vitest'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { openRequest, pattern, request, startShield, takenRequest, times } from '../support/shield.ts'

const KEY = 'vod/1.ts'
const PATH = `/${KEY}`

test('a hundred clients who ask for one cold object cause one origin request and receive every byte', async () => {
  const { s3, port } = await startShield()
  const bytes = pattern(300_000)
  s3.put(KEY, bytes)
  const headers = gate()
  s3.on(KEY, async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  const clients = await Promise.all(times(100, () => takenRequest(port, { path: PATH })))
  headers.open()
  const answers = await Promise.all(clients.map((client) => client.whole()))

  expect(s3.requests).toHaveLength(1)
  for (const answer of answers) {
    expect(answer.status).toBe(200)
    expect(answer.isWhole).toBe(true)
    expect(answer.body.equals(bytes)).toBe(true)
  }
  const collapsed = answers.filter(({ headers }) => headers['cache-status']?.includes('; collapsed'))
  expect(collapsed).toHaveLength(99)
})

test('ranges and HEAD that wait for the headers share the one origin request of the whole object', async () => {
  const { s3, port } = await startShield()
  const bytes = pattern(300_000)
  s3.put(KEY, bytes)
  const headers = gate()
  s3.on(KEY, async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  const range = await takenRequest(port, { path: PATH, headers: { Range: 'bytes=1000-1999' } })
  const suffix = await takenRequest(port, { path: PATH, headers: { Range: 'bytes=-7' } })
  const head = await takenRequest(port, { path: PATH, method: 'HEAD' })
  const beyond = await takenRequest(port, { path: PATH, headers: { Range: 'bytes=300000-' } })
  const several = await takenRequest(port, { path: PATH, headers: { Range: 'bytes=0-1,299998-' } })
  const whole = await takenRequest(port, { path: PATH })
  headers.open()

  const rangeAnswer = await range.whole()
  expect(rangeAnswer.status).toBe(206)
  expect(rangeAnswer.headers['content-range']).toBe('bytes 1000-1999/300000')
  expect(rangeAnswer.body.equals(bytes.subarray(1000, 2000))).toBe(true)
  const suffixAnswer = await suffix.whole()
  expect(suffixAnswer.headers['content-range']).toBe('bytes 299993-299999/300000')
  expect(suffixAnswer.body.equals(bytes.subarray(-7))).toBe(true)
  const headAnswer = await head.whole()
  expect(headAnswer.status).toBe(200)
  expect(headAnswer.headers['content-length']).toBe('300000')
  const beyondAnswer = await beyond.whole()
  expect(beyondAnswer.status).toBe(416)
  expect(beyondAnswer.headers['content-range']).toBe('bytes */300000')
  const severalAnswer = await several.whole()
  expect(severalAnswer.isWhole).toBe(true)
  expect(severalAnswer.body.includes(bytes.subarray(0, 2))).toBe(true)
  expect(severalAnswer.body.includes(bytes.subarray(-2))).toBe(true)
  expect((await whole.whole()).body.equals(bytes)).toBe(true)
  expect(s3.requests.map(({ method, headers }) => [method, headers.range])).toEqual([['GET', 'bytes=0-1048575']])
})

test('clients who come while the body is half there share the fill, and a range that is there needs no more of it', async () => {
  const { s3, port } = await startShield()
  const bytes = pattern(300_000)
  s3.put(KEY, bytes)
  const rest = gate()
  s3.on(KEY, pausedAfter(100_000, rest))
  const first = await openRequest(port, { path: PATH })
  await first.receivedBytes(100_000)

  const there = await request(port, { path: PATH, headers: { Range: 'bytes=50000-99999' } })
  expect(there.status).toBe(206)
  expect(there.body.equals(bytes.subarray(50_000, 100_000))).toBe(true)
  const head = await request(port, { path: PATH, method: 'HEAD' })
  expect(head.headers['content-length']).toBe('300000')

  const halfThere = await openRequest(port, { path: PATH, headers: { Range: 'bytes=99990-200009' } })
  await halfThere.receivedBytes(10)
  expect(halfThere.received().equals(bytes.subarray(99_990, 100_000))).toBe(true)
  const notThere = await openAhead(port, 'bytes=-5')
  const late = await openRequest(port, { path: PATH })
  await late.receivedBytes(100_000)
  expect(late.received().equals(bytes.subarray(0, 100_000))).toBe(true)

  rest.open()
  expect((await halfThere.ended).body.equals(bytes.subarray(99_990, 200_010))).toBe(true)
  expect((await notThere.whole()).body.equals(bytes.subarray(-5))).toBe(true)
  expect((await late.ended).body.equals(bytes)).toBe(true)
  expect((await first.ended).body.equals(bytes)).toBe(true)
  expect(s3.requests).toHaveLength(1)
})

test('a HEAD for a cold object fetches it once with GET, and the next GET is a hit', async () => {
  const { s3, port } = await startShield({ pool: { maxFreeSockets: 0 } })
  const bytes = pattern(50_000)
  s3.put(KEY, bytes)
  const head = await request(port, { path: PATH, method: 'HEAD' })
  expect(head.headers['content-length']).toBe('50000')
  expect(head.body).toHaveLength(0)
  await s3.socketsAtMost(0)
  const get = await request(port, { path: PATH })
  expect(get.headers['cache-status']).toMatch(/^segment-shield; hit/)
  expect(get.body.equals(bytes)).toBe(true)
  expect(s3.requests.map(({ method }) => method)).toEqual(['GET'])
})

test('query parameters that no route names do not split one object into many', async () => {
  const { s3, port } = await startShield()
  const bytes = pattern(10_000)
  s3.put(KEY, bytes)
  const headers = gate()
  s3.on(KEY, async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  const clients = await Promise.all(times(10, (index) => takenRequest(port, { path: `${PATH}?CMCD=sid%3D${index}` })))
  headers.open()
  const answers = await Promise.all(clients.map((client) => client.whole()))
  expect(answers.every(({ body }) => body.equals(bytes))).toBe(true)
  expect(s3.requests.map(({ url }) => url.includes('CMCD'))).toEqual([false])
})

/** Nothing of that range is there yet, so its headers are not either. */
function openAhead(port: number, range: string) {
  return takenRequest(port, { path: PATH, headers: { Range: range } })
}
