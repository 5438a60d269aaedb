/** A body that is read into a place of its own: its bytes are lent, at once, in order, and never twice. */
import { describe, expect, test } from 'vitest'
import { OriginError } from '../../src/errors.ts'
import { ReceivedBody } from '../../src/origin/received-body.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { failure } from './fixture.ts'

function receiving({ contentLength, maxQueuedBytes = 0 }: { contentLength?: number; maxQueuedBytes?: number } = {}) {
  const clock = new FakeClock()
  const stopping = new AbortController()
  const calls: string[] = []
  const source = {
    maxQueuedBytes,
    startsPaused: true,
    pause: () => void calls.push('pause'),
    resume: () => void calls.push('resume'),
    destroy: () => void calls.push('destroy'),
  }
  const stallTimeoutMs = 15_000
  const body = new ReceivedBody(source, { name: 'o', clock, signal: stopping.signal, contentLength, stallTimeoutMs })
  const taken: string[] = []
  const take = (chunk: Buffer) => void taken.push(chunk.toString())
  return { body, clock, stopping, calls, taken, take }
}

/** As a connection lends it: other bytes follow in the same place. */
function lend(body: ReceivedBody, text: string): void {
  const place = Buffer.from(text)
  body.push(place, true)
  place.fill('#')
}

describe('reading', () => {
  test('what came before is taken first, then each chunk within the call that brings it', async () => {
    const { body, calls, taken, take } = receiving({ contentLength: 8, maxQueuedBytes: 1 })
    lend(body, 'one')
    const read = body.readInto(take)
    expect(taken).toEqual(['one'])
    lend(body, 'two')
    expect(taken).toEqual(['one', 'two'])
    lend(body, '!!')
    body.end()
    await read

    expect(taken).toEqual(['one', 'two', '!!'])
    expect(calls).toEqual(['resume'])
  })

  test('what was lent and nobody took is kept as it was', async () => {
    const { body } = receiving({ contentLength: 6, maxQueuedBytes: 100 })
    lend(body, 'one')
    const first = body.next()
    const second = body.next()
    lend(body, 'two')
    body.end()

    expect(String((await first).value)).toBe('one')
    expect(String((await second).value)).toBe('two')
    expect((await body.next()).done).toBe(true)
  })

  test('what is not lent is handed on as it is', async () => {
    const { body } = receiving()
    const chunk = Buffer.from('mine')
    const next = body.next()
    body.push(chunk)

    expect((await next).value).toBe(chunk)
    body.destroy()
  })

  test('a body that has ended is read to its end, once', async () => {
    const { body, taken, take } = receiving({ contentLength: 3, maxQueuedBytes: 9 })
    lend(body, 'all')
    body.end()
    await body.readInto(take)
    await body.readInto(take)

    expect(taken).toEqual(['all'])
  })
})

describe('a body that does not come whole', () => {
  test.for([
    ['fewer bytes than announced', 4],
    ['more bytes than announced', 2],
  ] as const)('%s: broken, after what came', async ([, contentLength]) => {
    const { body, taken, take } = receiving({ contentLength })
    const read = failure(body.readInto(take), 'broken')
    lend(body, 'one')
    body.end()
    await read

    expect(taken).toEqual(['one'])
    await failure(body.readInto(take), 'broken')
  })

  test('broken, given up, or ended by its signal: nothing is taken after that', async () => {
    const ends: Record<'broken' | 'aborted', ((it: ReturnType<typeof receiving>) => void)[]> = {
      broken: [({ body }) => body.break()],
      aborted: [({ body }) => body.destroy(), ({ stopping }) => stopping.abort()],
    }
    for (const kind of ['broken', 'aborted'] as const) {
      for (const end of ends[kind]) {
        const it = receiving()
        const read = failure(it.body.readInto(it.take), kind)
        lend(it.body, 'one')
        end(it)
        lend(it.body, 'two')
        await read
        expect(it.taken).toEqual(['one'])
        expect(it.calls).toEqual(['resume', 'destroy'])
      }
    }
  })

  test('a reader that refuses a chunk gives the body up, whether it was queued or came just now', async () => {
    const refusal = new OriginError('overloaded', 'no room')
    const refuse = () => {
      throw refusal
    }
    const queued = receiving({ maxQueuedBytes: 9 })
    lend(queued.body, 'one')
    await expect(queued.body.readInto(refuse)).rejects.toBe(refusal)
    const coming = receiving()
    const read = coming.body.readInto(refuse)
    lend(coming.body, 'one')
    await expect(read).rejects.toBe(refusal)

    expect([queued.calls, coming.calls]).toEqual([['destroy'], ['resume', 'destroy']])
  })

  test('the stall timer starts anew with each chunk', async () => {
    const { body, calls, clock, take } = receiving()
    const read = failure(body.readInto(take), 'timeout')
    for (const text of ['one', 'two', 'three']) {
      clock.advance(14_999)
      lend(body, text)
    }
    clock.advance(14_999)
    expect(calls).toEqual(['resume'])
    clock.advance(1)

    await read
  })
})
