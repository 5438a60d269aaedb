/** Bodies larger than all buffers on the way, over TLS: they go out in pieces, at their client's pace. */

import { once } from 'node:events'
import { connect } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { makeCertificate } from '../support/certificates.ts'
import { OVER_TLS } from '../support/http2-client.ts'
import { hasAnswers, parseAnswers, rawOn } from '../support/raw-client.ts'
import { gate, pausedAfter } from '../support/s3-socket-server.ts'
import { pattern, type ShieldOptions, startShield } from '../support/shield.ts'

const LENGTH = 24 * 1024 ** 2
const BYTES = pattern(LENGTH)
const OPTIONS = { cache: { memory: '64MiB', maxObject: '32MiB' }, pool: { maxFreeSockets: 0 } }

const secureShield = (options: ShieldOptions = {}) =>
  startShield({ ...OPTIONS, ...options, listen: { tls: makeCertificate() } })

describe.each(OVER_TLS)('$name', ({ open, request }) => {
  test('every byte comes, in its place, while it is fetched and from memory, all of it and a part', async () => {
    const { s3, port } = await secureShield()
    s3.put('a.mp4', BYTES)
    const [miss, hit] = [await request(port, { path: '/a.mp4' }), await request(port, { path: '/a.mp4' })]
    for (const answer of [miss, hit]) expect([answer.isWhole, answer.body.equals(BYTES)]).toEqual([true, true])
    expect(hit.headers['cache-status']).toMatch(/hit/)
    const part = await request(port, { path: '/a.mp4', headers: { Range: 'bytes=1000000-9999999' } })
    expect([part.isWhole, part.body.equals(BYTES.subarray(1_000_000, 10_000_000))]).toEqual([true, true])
    expect(s3.requests).toHaveLength(1)
  })

  test('clients that stop reading delay nobody, hold no connection to the origin, and may go on later', async () => {
    const { s3, port } = await secureShield()
    s3.put('a.mp4', BYTES)
    const rest = gate()
    s3.on('a.mp4', pausedAfter(1000, rest))
    const stopped = await open(port, { path: '/a.mp4' })
    await stopped.receivedBytes(1000)
    stopped.pause()
    const reading = await open(port, { path: '/a.mp4' })
    rest.open()
    expect((await reading.ended).body.equals(BYTES)).toBe(true)
    await s3.socketsAtMost(0)
    const late = await open(port, { path: '/a.mp4' })
    late.pause()
    expect(stopped.received().length).toBeLessThan(LENGTH)
    for (const client of [stopped, late]) {
      client.resume()
      const { isWhole, body } = await client.ended
      expect([isWhole, body.equals(BYTES)]).toEqual([true, true])
    }
  })

  test('one who takes nothing for too long is cut off, whatever it was to get', async () => {
    const { s3, port, clock, accessRecords } = await secureShield({ clientStallMs: 300 })
    s3.put('a.mp4', BYTES)
    const filling = await open(port, { path: '/a.mp4' })
    filling.pause()
    await s3.received(1)
    await s3.socketsAtMost(0)
    const stored = await open(port, { path: '/a.mp4' })
    const part = await open(port, { path: '/a.mp4', headers: { Range: 'bytes=1-' } })
    for (const client of [stored, part]) client.pause()
    // HTTP/2 has this time from the test, HTTP/1.1 from the socket; what had left before counts for the first.
    if (filling.httpVersion === '2.0') clock.advance(600)
    const records = await accessRecords(3)
    expect(records.map(({ end }) => end)).toEqual(['left', 'left', 'left'])
    for (const client of [filling, stored, part]) {
      client.resume()
      expect((await client.ended).isWhole).toBe(false)
    }
  })
})

test('large answers behind each other on one connection come in their order', async () => {
  const { s3, port } = await secureShield()
  const sizes = [300_000, 1000, 700_000]
  for (const [index, size] of sizes.entries()) s3.put(String(index), pattern(size, index))
  for (const round of ['cold', 'stored']) {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
    const connection = rawOn(socket)
    await once(socket, 'secureConnect')
    onTestFinished(() => void socket.destroy())
    connection.write(sizes.map((_, index) => `GET /${index} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''))
    const answers = parseAnswers(await connection.until(hasAnswers(3)))
    const isRight = answers.map(({ body }, index) => body.equals(pattern(sizes[index] ?? 0, index)))
    expect([round, ...isRight]).toEqual([round, true, true, true])
  }
})
