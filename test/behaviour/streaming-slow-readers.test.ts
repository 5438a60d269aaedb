/**
 * A client that stops reading slows nobody, and holds no connection of the origin.
 *
 * The object is larger than what the kernel buffers between two sockets, so that stopping is felt by the shield.
 */
import { expect, test } from 'vitest'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { openRequest, pattern, request, startShield, times } from '../support/shield.ts'

const KEY = 'vod/large.mp4'
const PATH = `/${KEY}`
const LENGTH = 24 * 1024 ** 2
const BYTES = pattern(LENGTH)
const OPTIONS = { cache: { memory: '64MiB', maxObject: '32MiB' }, pool: { maxFreeSockets: 0 } }

test('clients that stop reading delay neither the fill nor the others, and the origin socket is free when it ends', async () => {
  const { s3, port } = await startShield(OPTIONS)
  s3.put(KEY, BYTES)
  const rest = gate()
  s3.on(KEY, pausedAfter(1000, rest))
  const stopped = await Promise.all(times(3, () => openRequest(port, { path: PATH })))
  for (const client of stopped) {
    await client.receivedBytes(1000)
    client.pause()
  }
  const reading = await openRequest(port, { path: PATH })
  rest.open()
  expect((await reading.ended).body.equals(BYTES)).toBe(true)
  await s3.socketsAtMost(0)

  for (const client of stopped) expect(client.received().length).toBeLessThan(LENGTH)
  const hit = await request(port, { path: PATH, headers: { Range: 'bytes=-10' } })
  expect(hit.headers['cache-status']).toMatch(/^segment-shield; hit/)
  expect(hit.body.equals(BYTES.subarray(-10))).toBe(true)

  for (const client of stopped) client.resume()
  for (const client of stopped) {
    const answer = await client.ended
    expect(answer.isWhole).toBe(true)
    expect(answer.body.equals(BYTES)).toBe(true)
  }
  expect(s3.requests).toHaveLength(1)
})

test('a fill whose only client has stopped reading still ends, and the next client has a hit', async () => {
  const { s3, port } = await startShield(OPTIONS)
  s3.put(KEY, BYTES)
  const stopped = await openRequest(port, { path: PATH })
  stopped.pause()
  await s3.received(1)
  await s3.socketsAtMost(0)
  const next = await request(port, { path: PATH })
  expect(next.headers['cache-status']).toMatch(/^segment-shield; hit/)
  expect(next.body.equals(BYTES)).toBe(true)
  expect(stopped.received().length).toBeLessThan(LENGTH)
  expect(s3.requests).toHaveLength(1)
})

test('a client that reads on after its object was evicted still receives every byte', async () => {
  const { s3, port } = await startShield({ ...OPTIONS, cache: { memory: '32MiB', maxObject: '32MiB' } })
  s3.put(KEY, BYTES)
  s3.put('vod/other.mp4', pattern(LENGTH, 9))
  const stopped = await openRequest(port, { path: PATH })
  stopped.pause()
  await s3.received(1)
  await s3.socketsAtMost(0)
  const other = await request(port, { path: '/vod/other.mp4' })
  expect(other.body.equals(pattern(LENGTH, 9))).toBe(true)
  stopped.resume()
  const answer = await stopped.ended
  expect(answer.isWhole).toBe(true)
  expect(answer.body.equals(BYTES)).toBe(true)
})
