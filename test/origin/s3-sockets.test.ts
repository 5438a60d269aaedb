import { Readable } from 'node:stream'
import { describe, expect, test, vi } from 'vitest'
import { gate, type S3Handler } from '../support/s3-socket-server.ts'
import { bytesOf, describeEachTransport, failure, HELD, pattern, startOrigin } from './fixture.ts'

const keys = (count: number) => Array.from({ length: count }, (_, index) => `seg-${index}.ts`)

function* endlessSpaces() {
  for (;;) yield Buffer.alloc(16_384, 32)
}

describeEachTransport((transport) => {
  describe('the number of sockets', () => {
    test('250 fetches at once get 200 sockets and no more, and every one its own bytes', async () => {
      const consoleWarn = vi.spyOn(console, 'warn')
      const { s3, origin, log, fetch } = await startOrigin()
      const open = gate()
      const held: S3Handler = async (exchange) => {
        await exchange.answerPart(100)
        await open.opened
        await exchange.more()
      }
      for (const [index, key] of keys(250).entries()) {
        s3.put(key, pattern(1_000, index))
        s3.on(key, held)
      }
      const all = keys(250).map(async (key) => bytesOf(await fetch(key)))
      await s3.received(200)

      expect(origin.usage()).toEqual({ inUse: 200, free: 0, queued: 50 })
      expect(s3.requests).toHaveLength(200)
      open.open()
      const bodies = await Promise.all(all)
      bodies.forEach((body, index) => {
        expect(body.equals(pattern(1_000, index))).toBe(true)
      })
      expect(s3.requests).toHaveLength(250)
      expect(s3.sockets.peak).toBe(200)
      expect(s3.sockets.opened).toBe(200)
      expect(log.lines).toEqual([])
      expect(consoleWarn).not.toHaveBeenCalled()
    })

    test('188 open bodies at once need 188 sockets, no queue and no warning', async () => {
      const { s3, origin, log, fetch } = await startOrigin()
      const open = gate()
      s3.onAny(async (exchange) => {
        await exchange.answerPart(1)
        await open.opened
        await exchange.more()
      })
      for (const key of keys(188)) s3.put(key, pattern(500))
      const responses = await Promise.all(keys(188).map((key) => fetch(key)))

      expect(origin.usage()).toEqual({ inUse: 188, free: 0, queued: 0 })
      open.open()
      for (const response of responses) expect(await bytesOf(response)).toEqual(pattern(500))
      expect(log.lines).toEqual([])
    })

    test('50 of them are kept open afterwards, and used again', async () => {
      const { s3, origin, fetch } = await startOrigin()
      for (const key of keys(200)) s3.put(key, 'x')
      const open = gate()
      s3.onAny(async (exchange) => {
        await open.opened
        await exchange.answer()
      })
      const all = keys(200).map(async (key) => bytesOf(await fetch(key)))
      await s3.received(200)
      open.open()
      await Promise.all(all)
      await s3.socketsAtMost(50)

      expect(s3.sockets).toMatchObject({ open: 50, peak: 200 })
      await vi.waitFor(() => expect(origin.usage()).toEqual({ inUse: 0, free: 50, queued: 0 }))
      await Promise.all(keys(50).map(async (key) => bytesOf(await fetch(key))))
      expect(s3.sockets.opened).toBe(200)
    })

    test('with maxFreeSockets 0 none is kept', async () => {
      const { s3, origin, fetch } = await startOrigin({ pool: { maxFreeSockets: 0 } })
      s3.put('a', 'x')
      await bytesOf(await fetch('a'))
      await s3.socketsAtMost(0)

      expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
    })

    test('one socket serves one fetch after the other', async () => {
      const { s3, fetch } = await startOrigin()
      s3.put('a', 'x')
      for (let count = 0; count < 20; count += 1) await bytesOf(await fetch('a'))

      expect(s3.requests.map(({ connection }) => connection)).toEqual(Array(20).fill(1))
    })

    test('free sockets are closed after idleTimeout, and only those', async () => {
      const { s3, origin, fetch } = await startOrigin({ pool: { idleTimeoutMs: 30 } })
      const open = gate()
      s3.put('busy', pattern(1_000))
      s3.on('busy', async (exchange) => {
        await exchange.answerPart(1)
        await open.opened
        await exchange.more()
      })
      s3.put('a', 'x')
      const busy = await fetch('busy')
      // Three idle times one after the other, while the busy socket has nothing to do but wait.
      for (let round = 0; round < 3; round += 1) {
        await bytesOf(await fetch('a'))
        await s3.socketsAtMost(1)
      }

      expect(origin.usage()).toMatchObject({ inUse: 1 })
      open.open()
      expect(await bytesOf(busy)).toEqual(pattern(1_000))
      await s3.socketsAtMost(0)
      await vi.waitFor(() => expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 }))
    })
  })

  describe('the queue', () => {
    test('a full queue answers overloaded at once, and that request never reaches the store', async () => {
      const { s3, origin, fetch } = await startOrigin({
        pool: { maxSockets: 2, maxQueued: 1 },
        retry: { maxAttempts: 5 },
      })
      const open = gate()
      for (const key of keys(4)) s3.put(key, 'x')
      s3.onAny(async (exchange) => {
        await open.opened
        await exchange.answer()
      })
      const served = keys(3).map(async (key) => bytesOf(await fetch(key)))
      await s3.received(2)
      const error = await failure(fetch('seg-3.ts'), 'overloaded')

      expect(error.retryAfterSeconds).toBe(1)
      expect(origin.usage()).toEqual({ inUse: 2, free: 0, queued: 1 })
      open.open()
      await Promise.all(served)
      expect(s3.requests.map(({ key }) => key)).toEqual(['seg-0.ts', 'seg-1.ts', 'seg-2.ts'])
    })

    test('waiting a second for a socket is a warning with the counts, at most every 15 seconds', async () => {
      const { s3, clock, log, fetch } = await startOrigin({ pool: { maxSockets: 1 } })
      s3.put('a', HELD)
      const first = await fetch('a')
      const waiting = [fetch('a'), fetch('a')]
      await vi.waitFor(() => expect(clock.pending).toBe(1))
      clock.advance(1_000)
      expect(log.lines).toEqual([
        {
          level: 'warn',
          fields: { origin: 'spaces', inUse: 1, queued: 2, maxSockets: 1, waitedMs: 1_000 },
          message: expect.any(String),
        },
      ])
      clock.advance(14_999)
      expect(log.lines).toHaveLength(1)
      clock.advance(1)
      expect(log.lines).toHaveLength(2)

      await bytesOf(first)
      for (const response of waiting) await bytesOf(await response)
    })
  })

  describe('a body and its socket', () => {
    test('an unread body keeps its permit; destroyed, it gives permit and socket back', async () => {
      const { s3, origin, fetch } = await startOrigin({ pool: { maxSockets: 1 } })
      s3.put('held', HELD)
      s3.put('a', 'x')
      const unread = await fetch('held')
      const next = fetch('a')
      expect(origin.usage()).toMatchObject({ inUse: 1 })
      await vi.waitFor(() => expect(origin.usage()).toEqual({ inUse: 1, free: 0, queued: 1 }))
      unread.body?.destroy()

      expect(String(await bytesOf(await next))).toBe('x')
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 }))
    })

    test('a body that was left half way through gives both back', async () => {
      const { s3, origin, fetch } = await startOrigin()
      s3.put('a', pattern(5_000_000))
      const { body } = await fetch('a')
      for await (const _chunk of body ?? []) break
      await s3.socketsAtMost(0)

      await vi.waitFor(() => expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 }))
    })

    test.for([304, 404, 403, 412, 416, 400, 500, 503] as const)(
      'an answer %i leaves the socket free',
      async (status) => {
        const { s3, origin, fetch } = await startOrigin()
        s3.on('a', (exchange) => exchange.error(status, 'AnyCode'))
        await fetch('a').catch(() => undefined)

        // undici closes a connection whose 304 announced a length, though it may (RFC 9110 §8.6).
        const free = transport === 'undici' && status === 304 ? 0 : 1
        await vi.waitFor(() => expect(origin.usage()).toEqual({ inUse: 0, free, queued: 0 }))
        await s3.socketsAtMost(free)
        expect(s3.sockets.open).toBe(free)
      },
    )

    test('an error answer without end is cut off instead of read', async () => {
      const { s3, origin, fetch } = await startOrigin()
      s3.on('a', ({ response }) => {
        response.writeHead(404, { 'content-type': 'text/html' })
        Readable.from(endlessSpaces()).pipe(response)
      })

      expect(await fetch('a')).toMatchObject({ status: 404, body: undefined })
      await s3.socketsAtMost(0)
      expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 })
    })

    test('a 204 is no answer, and its socket is not kept in use', async () => {
      const { s3, origin, fetch } = await startOrigin()
      s3.on('a', ({ response }) => void response.writeHead(204).end())

      await failure(fetch('a'), 'broken')
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 }))
    })
  })

  describe('closing', () => {
    test('ends free sockets now and the others when their answers end', async () => {
      const { s3, origin, fetch } = await startOrigin()
      s3.put('a', 'x')
      s3.put('busy', pattern(3_000_000))
      const busy = await fetch('busy')
      await bytesOf(await fetch('a'))
      let isClosed = false
      const closed = origin.close().then(() => {
        isClosed = true
      })
      await s3.socketsAtMost(1)

      expect(isClosed).toBe(false)
      expect(await bytesOf(busy)).toEqual(pattern(3_000_000))
      await closed
      await s3.socketsAtMost(0)
    })

    test('keeps no socket of a request that was about to be sent', async () => {
      const { s3, origin, fetch } = await startOrigin()
      s3.put('a', 'x')
      const asked = fetch('a')
      const closed = origin.close()

      expect(String(await bytesOf(await asked))).toBe('x')
      await closed
      await s3.socketsAtMost(0)
      expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
    })

    test('lets those who queue be served, and refuses whoever comes later', async () => {
      const { s3, origin, fetch } = await startOrigin({ pool: { maxSockets: 1 } })
      s3.put('a', HELD)
      const first = await fetch('a')
      const queued = fetch('a')
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ queued: 1 }))
      const closed = origin.close()

      await failure(fetch('a'), 'aborted')
      await bytesOf(first)
      expect(await bytesOf(await queued)).toEqual(HELD)
      await closed
      await s3.socketsAtMost(0)
      expect(s3.requests).toHaveLength(2)
    })
  })
})
