import { PassThrough, Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { StreamBody } from '../../src/origin/body.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { failure } from './fixture.ts'

function bodyOf(stream: Readable, options: { contentLength?: number; signal?: AbortSignal } = {}) {
  const clock = new FakeClock()
  const body = new StreamBody(stream, {
    name: 'spaces',
    signal: options.signal ?? new AbortController().signal,
    contentLength: options.contentLength,
    stallTimeoutMs: 15_000,
    clock,
  })
  return { body, clock }
}

describe('reading', () => {
  test('chunks arrive as they are: neither copied nor joined', async () => {
    const chunks = [Buffer.from('one'), Buffer.from('two'), Buffer.from('three')]
    const { body } = bodyOf(Readable.from(chunks), { contentLength: 11 })
    const received: Buffer[] = []
    for await (const chunk of body) received.push(chunk)

    expect(received).toHaveLength(3)
    received.forEach((chunk, index) => {
      expect(chunk).toBe(chunks[index])
    })
  })

  test('an empty body is done at once, and stays so', async () => {
    const { body } = bodyOf(Readable.from([]), { contentLength: 0 })

    expect(await body.next()).toEqual({ done: true, value: undefined })
    expect(await body.next()).toEqual({ done: true, value: undefined })
  })

  test('a reader that does not ask stops the stream after what was already under way', async () => {
    const stream = new PassThrough({ highWaterMark: 10 })
    const { body } = bodyOf(stream)
    for (let count = 0; count < 4; count += 1) stream.write(Buffer.alloc(10, count))
    await body.next()
    await setImmediate()
    await setImmediate()

    expect(stream.isPaused()).toBe(true)
    expect(stream.readableLength).toBeGreaterThan(0)
    body.destroy()
  })

  test('two readers are refused', async () => {
    const { body } = bodyOf(new PassThrough())
    const first = body.next()

    await expect(body.next()).rejects.toThrow('one reader')
    body.destroy()
    await failure(first, 'aborted')
  })
})

describe('a body that does not come whole', () => {
  test('fewer bytes than announced is broken, not done', async () => {
    const { body } = bodyOf(Readable.from([Buffer.from('four')]), { contentLength: 5 })
    await body.next()

    await failure(body.next(), 'broken')
    await failure(body.next(), 'broken')
  })

  test('more bytes than announced is broken, not done', async () => {
    const { body } = bodyOf(Readable.from([Buffer.from('four')]), { contentLength: 3 })
    await body.next()

    await failure(body.next(), 'broken')
  })

  test('an error of the stream is broken, with the error as its cause, and stays so', async () => {
    const stream = new PassThrough()
    const { body } = bodyOf(stream)
    const waiting = body.next()
    const reset = Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
    stream.destroy(reset)

    expect((await failure(waiting, 'broken')).cause).toBe(reset)
    await failure(body.next(), 'broken')
  })

  test('a stream that closes without an end is broken', async () => {
    const stream = new PassThrough()
    const { body } = bodyOf(stream)
    const waiting = body.next()
    stream.destroy()

    await failure(waiting, 'broken')
  })

  test('a stream that was gone before is broken at once', async () => {
    const stream = new PassThrough()
    stream.destroy()
    const { body } = bodyOf(stream)

    await failure(body.next(), 'broken')
  })

  test('chunks that came before the failure are still delivered', async () => {
    const stream = new PassThrough()
    const { body } = bodyOf(stream)
    const first = body.next()
    stream.write('one')
    await first
    stream.write('two')
    await setImmediate()
    stream.destroy(new Error('reset'))
    await setImmediate()

    expect(String((await body.next()).value)).toBe('two')
    await failure(body.next(), 'broken')
  })
})

describe('giving up', () => {
  test('destroy rejects the waiting reader, closes the stream, and may be repeated', async () => {
    const stream = new PassThrough()
    const { body } = bodyOf(stream)
    const waiting = body.next()
    body.destroy()
    body.destroy()

    await failure(waiting, 'aborted')
    await failure(body.next(), 'aborted')
    expect(stream.destroyed).toBe(true)
  })

  test('a body that came whole but was given up before it was read whole is not done', async () => {
    const stream = new PassThrough()
    const { body } = bodyOf(stream)
    const first = body.next()
    stream.write('one')
    await first
    stream.end('two')
    await setImmediate()
    body.destroy()

    await failure(body.next(), 'aborted')
  })

  test('leaving a loop closes the stream, and the body is done', async () => {
    const stream = new PassThrough()
    const { body } = bodyOf(stream)
    stream.write('one')
    for await (const _chunk of body) break

    expect(stream.destroyed).toBe(true)
    expect(await body.next()).toEqual({ done: true, value: undefined })
  })

  test('the signal ends a waiting reader with its reason as the cause', async () => {
    const controller = new AbortController()
    const stream = new PassThrough()
    const { body } = bodyOf(stream, { signal: controller.signal })
    const waiting = body.next()
    const reason = new Error('nobody wants it')
    controller.abort(reason)

    expect((await failure(waiting, 'aborted')).cause).toBe(reason)
    expect(stream.destroyed).toBe(true)
  })

  test('a signal that was aborted before closes the stream at once', async () => {
    const stream = new PassThrough()
    const { body } = bodyOf(stream, { signal: AbortSignal.abort() })

    await failure(body.next(), 'aborted')
    expect(stream.destroyed).toBe(true)
  })
})

describe('the stall timer', () => {
  test('ends a reader that waits stallTimeoutMs for the next bytes', async () => {
    const stream = new PassThrough()
    const { body, clock } = bodyOf(stream)
    const waiting = body.next()
    clock.advance(14_999)
    expect(stream.destroyed).toBe(false)
    clock.advance(1)

    await failure(waiting, 'timeout')
    expect(stream.destroyed).toBe(true)
  })

  test('starts anew with every wait', async () => {
    const stream = new PassThrough()
    const { body, clock } = bodyOf(stream)
    for (let round = 0; round < 5; round += 1) {
      const waiting = body.next()
      clock.advance(14_000)
      stream.write('x')
      expect(String((await waiting).value)).toBe('x')
    }
    const last = body.next()
    clock.advance(15_000)

    await failure(last, 'timeout')
  })

  test('does not count while nobody waits', async () => {
    const stream = new PassThrough()
    const { body, clock } = bodyOf(stream)
    const first = body.next()
    stream.write('one')
    await first
    clock.advance(3_600_000)
    const second = body.next()
    clock.advance(14_999)
    stream.end('two')

    expect(String((await second).value)).toBe('two')
    expect(await body.next()).toEqual({ done: true, value: undefined })
    expect(clock.pending).toBe(0)
  })
})
