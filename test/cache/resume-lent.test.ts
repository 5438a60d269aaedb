/** A body that goes on where its connection broke, read within the calls that bring its bytes, from a real connection's body. */
import { expect, test } from 'vitest'
import { ObjectChanged, ResumingBody } from '../../src/cache/resume.ts'
import { OriginError } from '../../src/errors.ts'
import { ReceivedBody } from '../../src/origin/received-body.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ScriptedOrigin, settled } from '../support/scripted-origin.ts'

const ETAG = '"v1"'
const WHOLE = { status: 200, headers: { etag: ETAG, 'content-length': '10' } }
const from = (first: number) => ({ status: 206, headers: { etag: ETAG, 'content-range': `bytes ${first}-9/10` } })

/** What one connection brings, each time in the same place. */
function connection() {
  const calls: string[] = []
  const source = {
    maxQueuedBytes: 100,
    startsPaused: false,
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
    destroy: () => calls.push('destroy'),
  }
  const { signal } = new AbortController()
  const body = new ReceivedBody(source, {
    name: 'o',
    clock: new FakeClock(),
    signal,
    contentLength: undefined,
    stallTimeoutMs: 1000,
  })
  const place = Buffer.alloc(20)
  return {
    body,
    calls,
    lend(text: string) {
      place.write(text, 'latin1')
      body.push(place.subarray(0, text.length), true)
      place.fill('#')
    },
  }
}

function begin({
  start = 0,
  end = 10,
  take = () => undefined,
}: {
  start?: number
  end?: number
  take?: () => void
} = {}) {
  const origin = new ScriptedOrigin()
  const first = connection()
  const part = { origin, objectKey: 'k', etag: ETAG, total: 10, start, end, priority: 'segment' } as const
  const body = new ResumingBody(part, first.body)
  const taken: string[] = []
  const read = () =>
    body.readInto((chunk) => {
      taken.push(chunk.toString('latin1'))
      take()
    })
  /** The next answer, over another connection. */
  const goOn = async (nth: number, answer: { status: number; headers: Record<string, string> }) => {
    await settled()
    const next = connection()
    origin.exchange(nth).answerAs({ ...answer, body: next.body })
    await settled()
    return next
  }
  return { origin, first, body, taken, read, goOn }
}

test('over several connections, each byte is taken once, in its order', async () => {
  const { origin, first, taken, read, goOn } = begin()
  const whole = read()
  first.lend('01')
  first.lend('2')
  first.body.break()
  const second = await goOn(0, from(3))
  second.lend('345')
  second.body.break()
  const third = await goOn(1, from(6))
  third.lend('6789')
  third.body.end()
  await whole

  expect(taken).toEqual(['01', '2', '345', '6789'])
  expect(origin.requests.map(({ range }) => range)).toEqual([{ first: 3 }, { first: 6 }])
})

test('what was asked for chunk by chunk before is not taken again, and what waits comes first', async () => {
  const { first, body, taken, read } = begin()
  first.lend('01')
  first.lend('23')
  expect(String((await body.next()).value)).toBe('01')
  const rest = read()
  await settled()
  first.lend('456789')
  first.body.end()
  await rest

  expect(taken).toEqual(['23', '456789'])
})

test('an origin that begins anew: what is here is passed over, and its connection is left whole', async () => {
  const { first, taken, read, goOn } = begin()
  const whole = read()
  first.lend('0123')
  first.body.break()
  const second = await goOn(0, WHOLE)
  second.lend('01')
  second.lend('2345')
  second.lend('6789')
  second.body.end()
  await whole

  expect(taken).toEqual(['0123', '45', '6789'])
  expect(second.calls).toEqual([])
})

test('an origin that begins anew and has more than the part: its connection is given up in the middle of a packet', async () => {
  const { first, taken, read, goOn } = begin({ end: 5 })
  const whole = read()
  first.lend('01')
  first.body.break()
  const second = await goOn(0, WHOLE)
  second.lend('0123456')
  second.lend('789')
  await whole

  expect([taken, second.calls]).toEqual([['01', '234'], ['destroy']])
})

test('an object that is another one by now fails the body after what came of the first', async () => {
  const { origin, first, body, taken, read, goOn } = begin()
  const failed = expect(read()).rejects.toBeInstanceOf(ObjectChanged)
  first.lend('0123')
  first.body.break()
  const second = await goOn(0, { status: 206, headers: { etag: '"v2"', 'content-range': 'bytes 4-9/10' } })
  second.lend('xxxxxx')
  await failed
  await expect(body.readInto(() => undefined)).rejects.toBeInstanceOf(ObjectChanged)

  expect([taken, second.calls, origin.count]).toEqual([['0123'], ['destroy'], 1])
})

test('more bytes than the part has: none of that packet is taken, and nothing is asked for', async () => {
  const { origin, first, taken, read } = begin()
  const failed = expect(read()).rejects.toMatchObject({ kind: 'broken' })
  await settled()
  first.lend('01234')
  first.lend('56789a')
  await failed

  expect([taken, first.calls, origin.count]).toEqual([['01234'], ['destroy'], 0])
})

test.each([
  ['the first', '0'],
  ['the last', '0123456789'],
])('a reader that refuses %s of its bytes is told why, and nothing is asked for', async (_, text) => {
  const refusal = new OriginError('overloaded', 'no room')
  const { origin, first, body, read } = begin({
    take: () => {
      throw refusal
    },
  })
  const refused = expect(read()).rejects.toBe(refusal)
  await settled()
  first.lend(text)
  first.body.end()
  await refused
  await expect(body.next()).rejects.toBe(refusal)

  expect([first.calls, origin.count]).toEqual([['destroy'], 0])
})

test.each([
  ['the first', '0'],
  ['the last', '0123456789'],
])('a reader that gives the body up at %s of its bytes gets no more, and nothing is asked for', async (_, text) => {
  const begun: ReturnType<typeof begin> = begin({ take: () => begun.body.destroy() })
  const aborted = expect(begun.read()).rejects.toMatchObject({ kind: 'aborted' })
  await settled()
  begun.first.lend(text)
  begun.first.lend('1')
  await aborted

  expect([begun.taken, begun.first.calls, begun.origin.count]).toEqual([[text], ['destroy'], 0])
})
