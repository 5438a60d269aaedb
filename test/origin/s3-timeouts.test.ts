import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { gate } from '../support/s3-socket-server.ts'
import { bytesOf, describeEachTransport, failure, pattern, startOrigin } from './fixture.ts'
import { startUnacceptingPort } from './unaccepting.ts'

/** Accepts TCP connections and says nothing: no TLS handshake ever ends there. */
async function startSilentPort() {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    socket.resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

describeEachTransport(() => {
  describe('the connect timeout', () => {
    test('ends a connection that nobody accepts, no sooner and no later', async () => {
      const unaccepting = await startUnacceptingPort()
      onTestFinished(() => unaccepting.close())
      const { origin, clock, fetch } = await startOrigin({ endpoint: `http://127.0.0.1:${unaccepting.port}` })
      let outcome: string | undefined
      const ended = failure(fetch('a'), 'timeout').then(({ message }) => {
        outcome = message
      })
      await vi.waitFor(() => expect(clock.pending).toBe(1))
      clock.advance(4_999)
      await Promise.resolve()
      expect(outcome).toBeUndefined()
      clock.advance(1)
      await ended

      expect(outcome).toContain('no connection after 5000 ms')
      expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
    })

    test('covers the TLS handshake', async () => {
      const silent = await startSilentPort()
      const { origin, clock, fetch } = await startOrigin({ endpoint: `https://127.0.0.1:${silent.port}` })
      const ended = failure(fetch('a'), 'timeout')
      await vi.waitFor(() => expect(silent.sockets.size).toBe(1))
      clock.advance(5_000)

      expect((await ended).message).toContain('no connection after 5000 ms')
      await vi.waitFor(() => expect(silent.sockets.size).toBe(0))
      expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
    })

    test('does not run once the connection is there, nor on a socket used again', async () => {
      const { s3, clock, fetch } = await startOrigin({ pool: { connectTimeoutMs: 10, responseTimeoutMs: 60_000 } })
      s3.put('a', 'x')
      s3.on('a', async (exchange) => {
        clock.advance(1_000)
        await exchange.answer()
      })

      expect(String(await bytesOf(await fetch('a')))).toBe('x')
      expect(String(await bytesOf(await fetch('a')))).toBe('x')
    })
  })

  describe('the response timeout', () => {
    test('ends a request whose headers do not come, no sooner and no later, and closes its socket', async () => {
      const { s3, origin, clock, fetch } = await startOrigin()
      s3.on('a', () => undefined)
      const ended = failure(fetch('a'), 'timeout')
      await s3.received(1)
      clock.advance(29_999)
      expect(origin.usage()).toMatchObject({ inUse: 1 })
      expect(s3.sockets.open).toBe(1)
      clock.advance(1)

      expect((await ended).message).toContain('no response headers after 30000 ms')
      await s3.socketsAtMost(0)
      expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
    })

    test('counts on a socket used again as it does on a new one', async () => {
      const { s3, clock, fetch } = await startOrigin()
      s3.put('a', 'x')
      await bytesOf(await fetch('a'))
      s3.on('a', () => undefined)
      const ended = failure(fetch('a'), 'timeout')
      await s3.received(2)
      expect(s3.requests[1]?.connection).toBe(1)
      clock.advance(30_000)

      await ended
      await s3.socketsAtMost(0)
    })

    test('does not count the time in the queue', async () => {
      const { s3, origin, clock, fetch } = await startOrigin({ pool: { maxSockets: 1 } })
      s3.put('a', pattern(200_000))
      s3.put('b', 'x')
      s3.on('b', () => undefined)
      const first = await fetch('a')
      const second = failure(fetch('b'), 'timeout')
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 1, queued: 1 }))
      clock.advance(3_600_000)
      expect(origin.usage()).toMatchObject({ inUse: 1, queued: 1 })
      await bytesOf(first)
      await s3.received(2)
      clock.advance(29_999)
      expect(origin.usage()).toMatchObject({ inUse: 1, queued: 0 })
      clock.advance(1)

      await second
    })

    test('does not count the time of the body', async () => {
      const { s3, clock, fetch } = await startOrigin()
      const open = gate()
      s3.put('a', pattern(1_000))
      s3.on('a', async (exchange) => {
        await exchange.answerPart(0)
        await open.opened
        await exchange.more()
      })
      const response = await fetch('a')
      clock.advance(40_000)
      open.open()

      expect(await bytesOf(response)).toEqual(pattern(1_000))
    })
  })

  describe('the stall timeout', () => {
    test('ends a reader whose next bytes do not come, and closes the socket', async () => {
      const { s3, origin, clock, fetch } = await startOrigin()
      s3.put('a', pattern(1_000))
      s3.on('a', (exchange) => exchange.answerPart(400))
      const { body } = await fetch('a')
      expect((await body?.next())?.value).toEqual(pattern(1_000).subarray(0, 400))
      const next = body?.next() ?? Promise.resolve()
      clock.advance(14_999)
      expect(s3.sockets.open).toBe(1)
      clock.advance(1)

      expect((await failure(next, 'timeout')).message).toContain('after 400 of the body')
      await s3.socketsAtMost(0)
      await vi.waitFor(() => expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 }))
    })

    test('a reader that pauses for an hour and then reads on is no stall', async () => {
      const { s3, clock, fetch } = await startOrigin()
      const bytes = pattern(8_000_000)
      s3.put('a', bytes)
      const { body } = await fetch('a')
      const chunks: Buffer[] = []
      for await (const chunk of body ?? []) {
        chunks.push(chunk)
        clock.advance(3_600_000)
      }

      expect(Buffer.concat(chunks).equals(bytes)).toBe(true)
    })

    test('an error answer that drips for longer than that is a timeout too', async () => {
      const { s3, origin, clock, fetch } = await startOrigin()
      const dripped = gate()
      s3.on('a', async ({ response }) => {
        response.writeHead(403, { 'content-length': '1000' })
        response.write('<')
        await dripped.opened
        response.write('E')
      })
      const ended = failure(fetch('a'), 'timeout')
      await s3.received(1)
      await vi.waitFor(() => expect(clock.pending).toBe(2)) // for the next byte, and for all of them
      clock.advance(14_000)
      dripped.open()
      await vi.waitFor(() => {
        clock.advance(500)
        expect(origin.usage()).toMatchObject({ inUse: 0 })
      })

      expect((await ended).message).toContain('took longer than 15000 ms')
      await s3.socketsAtMost(0)
    })

    test('an error answer that stalls is a timeout as well', async () => {
      const { s3, origin, clock, fetch } = await startOrigin()
      s3.on('a', ({ response }) => {
        response.writeHead(403, { 'content-length': '1000' })
        response.write('<Error>')
      })
      const ended = failure(fetch('a'), 'timeout')
      await s3.received(1)
      // The response timer goes when the headers come, the stall timer comes right after.
      await vi.waitFor(() => {
        clock.advance(15_000)
        expect(origin.usage()).toMatchObject({ inUse: 0 })
      })

      await ended
      await s3.socketsAtMost(0)
    })
  })
})
