/** A body whose connection breaks goes on, unseen by its reader, as long as the object is the same. */
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { MAX_FRUITLESS_RESUMES, MAX_RESUMES, ObjectChanged, ResumingBody } from '../../src/cache/resume.ts'
import type { OriginErrorKind } from '../../src/errors.ts'
import { OriginError } from '../../src/errors.ts'
import { ScriptedBody, ScriptedOrigin, settled } from '../support/scripted-origin.ts'
import { filmBytes } from './sliced-world.ts'

const ETAG = '"v1"'
const RESET = new OriginError('broken', 'reset')

interface PartOptions {
  readonly total?: number
  readonly start?: number
  readonly end?: number
}

let reader: 'next' | 'readInto' = 'next'

/** A body under way, and everything its reader got. */
function begin({ total = 10, start = 0, end = total }: PartOptions = {}) {
  const origin = new ScriptedOrigin()
  const source = new ScriptedBody()
  const stopping = new AbortController()
  const asked = {
    origin,
    objectKey: 'k',
    etag: ETAG,
    total,
    start,
    end,
    priority: 'segment',
    signal: stopping.signal,
  } as const
  const body = new ResumingBody(asked, source)
  const chunks: Buffer[] = []
  const reading: { outcome: 'open' | 'end' | 'failed'; error: unknown } = { outcome: 'open', error: undefined }
  const read = async () => {
    if (reader === 'readInto') await body.readInto((chunk) => void chunks.push(Buffer.from(chunk)))
    else for await (const chunk of body) chunks.push(chunk)
  }
  read().then(
    () => {
      reading.outcome = 'end'
    },
    (error: unknown) => {
      reading.outcome = 'failed'
      reading.error = error
    },
  )
  onTestFinished(async () => {
    await settled()
    expect([source.isOpen && reading.outcome !== 'open', origin.openBodies]).toEqual([false, 0])
  })
  return { origin, source, body, stopping, reading, text: () => Buffer.concat(chunks).toString('latin1') }
}

/** A body under way that nobody reads yet. */
function partOnly() {
  const origin = new ScriptedOrigin()
  const source = new ScriptedBody()
  const asked = { origin, objectKey: 'k', etag: ETAG, total: 10, start: 0, end: 10, priority: 'segment' } as const
  return { origin, source, part: new ResumingBody(asked, source) }
}

const bytes = (text: string) => Buffer.from(text, 'latin1')

/** Lets what was pushed through before the connection breaks. */
async function breakAfter(body: ScriptedBody, text: string, error: unknown = RESET): Promise<void> {
  if (text !== '') body.push(bytes(text))
  await settled()
  body.fail(error)
  await settled()
}

function partHeaders(first: number, total = 10, last = total - 1): Record<string, string> {
  return { etag: ETAG, 'content-range': `bytes ${first}-${last}/${total}`, 'content-length': String(last + 1 - first) }
}

describe.each(['next', 'readInto'] as const)('read by %s', (how) => {
  beforeEach(() => {
    reader = how
  })
  describe('a body that breaks', () => {
    test.each<OriginErrorKind>(['broken', 'timeout', 'unreachable'])('goes on where it broke: %s', async (kind) => {
      const { origin, source, reading, text } = begin()
      await breakAfter(source, '012', new OriginError(kind, 'half way'))
      expect(origin.requests).toMatchObject([
        { key: 'k', range: { first: 3 }, validators: { ifMatch: ETAG }, priority: 'segment' },
      ])
      const rest = origin.exchange(0).answer({ status: 206, headers: partHeaders(3) })
      rest.push(bytes('3456789'))
      rest.end()
      await settled()
      expect([text(), reading.outcome]).toEqual(['0123456789', 'end'])
    })

    test('so does one that ends too early, or breaks before its first byte', async () => {
      const { origin, source, reading, text } = begin()
      source.end()
      await settled()
      expect(origin.requests[0]?.range).toEqual({ first: 0 })
      const second = origin.exchange(0).answer({ status: 206, headers: partHeaders(0) })
      second.push(bytes('01234'))
      second.end()
      await settled()
      expect(origin.requests[1]?.range).toEqual({ first: 5 })
      origin.exchange(1).answerWhole(bytes('56789'), partHeaders(5), 206)
      await settled()
      expect([text(), reading.outcome]).toEqual(['0123456789', 'end'])
    })

    test('after its last byte it is whole, and asks for nothing', async () => {
      const { origin, source, reading, text } = begin()
      await breakAfter(source, '0123456789')
      expect([text(), reading.outcome, origin.count]).toEqual(['0123456789', 'end', 0])
    })

    test('a part of an object goes on to its own end, not to the end of the object', async () => {
      const { origin, source, reading, text } = begin({ start: 2, end: 6 })
      await breakAfter(source, '23')
      expect(origin.requests[0]?.range).toEqual({ first: 4, last: 5 })
      origin.exchange(0).answerWhole(bytes('45'), partHeaders(4, 10, 5), 206)
      await settled()
      expect([text(), reading.outcome]).toEqual(['2345', 'end'])
    })

    test('an origin that ignores the range is read on after the bytes that are here', async () => {
      const { origin, source, reading, text } = begin()
      await breakAfter(source, '0123')
      const whole = origin.exchange(0).answer({ headers: { etag: ETAG, 'content-length': '10' } })
      whole.push(bytes('012'), bytes('345'), bytes('6789'))
      whole.end()
      await settled()
      expect([text(), reading.outcome, origin.count]).toEqual(['0123456789', 'end', 1])
    })

    test('an origin that ignores the range, and has more than the part, is let go after it', async () => {
      const { origin, source, reading, text } = begin({ end: 5 })
      await breakAfter(source, '01')
      const whole = origin.exchange(0).answer({ headers: { etag: ETAG, 'content-length': '10' } })
      whole.push(bytes('012'), bytes('3456'))
      await settled()
      expect([text(), reading.outcome, whole.isDestroyed]).toEqual(['01234', 'end', true])
    })

    test('a range that is shorter than asked for is asked for again where it ended', async () => {
      const { origin, source, reading, text } = begin()
      await breakAfter(source, '0')
      origin.exchange(0).answerWhole(bytes('12'), partHeaders(1, 10, 2), 206)
      await settled()
      expect(origin.requests[1]?.range).toEqual({ first: 3 })
      origin.exchange(1).answerWhole(bytes('3456789'), partHeaders(3), 206)
      await settled()
      expect([text(), reading.outcome]).toEqual(['0123456789', 'end'])
    })
  })

  describe('an object that changed meanwhile', () => {
    test.each([
      ['412', 412, {}],
      ['gone', 404, {}],
      ['shorter than what is here', 416, {}],
      ['a 206 of another length', 206, partHeaders(3, 11)],
      ['a 206 of another tag', 206, { ...partHeaders(3), etag: '"v2"' }],
      ['a 200 of another tag', 200, { etag: '"v2"', 'content-length': '10' }],
      ['a 200 of another length', 200, { etag: ETAG, 'content-length': '11' }],
    ])('fails the body at once: %s', async (_, status, headers) => {
      const { origin, source, reading, text } = begin()
      await breakAfter(source, '012')
      origin.exchange(0).answer({ status, headers })
      await settled()
      expect([text(), reading.outcome, origin.count]).toEqual(['012', 'failed', 1])
      expect(reading.error).toBeInstanceOf(ObjectChanged)
    })
  })

  describe('an answer that is of no use', () => {
    test.each([
      ['403', 403, {}],
      ['a 206 from elsewhere', 206, partHeaders(2)],
      ['a 206 without Content-Range', 206, { etag: ETAG }],
      ['a 206 without a tag', 206, { 'content-range': 'bytes 3-9/10' }],
      ['a 206 of unknown length', 206, { etag: ETAG, 'content-range': 'bytes 3-9/*' }],
      ['a 200 without a tag', 200, { 'content-length': '10' }],
    ])('is let go and asked for again: %s', async (_, status, headers) => {
      const { origin, source, reading, text } = begin()
      await breakAfter(source, '012')
      origin.exchange(0).answer({ status, headers })
      await settled()
      expect([origin.count, origin.openBodies]).toEqual([2, 0])
      origin.exchange(1).answerWhole(bytes('3456789'), partHeaders(3), 206)
      await settled()
      expect([text(), reading.outcome]).toEqual(['0123456789', 'end'])
    })

    test('a whole answer is of no use to a part that begins later: too much would have to be thrown away', async () => {
      const { origin, source, reading } = begin({ start: 5, end: 10 })
      await breakAfter(source, '5')
      origin.exchange(0).answer({ headers: { etag: ETAG, 'content-length': '10' } })
      await settled()
      expect([origin.count, origin.openBodies, reading.outcome]).toEqual([2, 0, 'open'])
      origin.exchange(1).answerWhole(bytes('6789'), partHeaders(6), 206)
      await settled()
      expect(reading.outcome).toBe('end')
    })
  })

  describe('the bound', () => {
    test(`${MAX_FRUITLESS_RESUMES} resumes that bring nothing are all: then the last failure is the body's`, async () => {
      const { origin, source, reading, text } = begin()
      await breakAfter(source, '012')
      const last = new OriginError('timeout', 'the last')
      for (let index = 0; index < MAX_FRUITLESS_RESUMES; index += 1) {
        expect(origin.count).toBe(index + 1)
        origin
          .exchange(index)
          .fail(index === MAX_FRUITLESS_RESUMES - 1 ? last : new OriginError('unreachable', 'refused'))
        await settled()
      }
      expect([text(), reading.outcome, reading.error, origin.count]).toEqual([
        '012',
        'failed',
        last,
        MAX_FRUITLESS_RESUMES,
      ])
    })

    test('resumes that bring a byte each count as bringing nothing', async () => {
      const { origin, source, reading } = begin({ total: 1000 })
      await breakAfter(source, '0')
      for (let index = 0; index < MAX_FRUITLESS_RESUMES; index += 1) {
        await breakAfter(origin.exchange(index).answer({ status: 206, headers: partHeaders(index + 1, 1000) }), 'x')
      }
      expect([reading.outcome, origin.count]).toEqual(['failed', MAX_FRUITLESS_RESUMES])
    })

    test(`resumes that get somewhere may be more, but never more than ${MAX_RESUMES} of a short body`, async () => {
      const [piece, total] = [64 * 1024, 64 * 1024 * 100]
      const { origin, source, reading } = begin({ total })
      await breakAfter(source, '0')
      for (let index = 0; index < MAX_RESUMES; index += 1) {
        expect([index, origin.count]).toEqual([index, index + 1])
        const body = origin.exchange(index).answer({ status: 206, headers: partHeaders(1 + index * piece, total) })
        await breakAfter(body, filmBytes(piece).toString('latin1'))
      }
      expect([reading.outcome, origin.count]).toEqual(['failed', MAX_RESUMES])
    })

    test.each<OriginErrorKind>(['aborted', 'misconfigured'])(
      'what asking again cannot help is not asked again: %s',
      async (kind) => {
        const { origin, source, reading } = begin()
        await breakAfter(source, '012', new OriginError(kind, 'no'))
        expect([reading.outcome, origin.count]).toEqual(['failed', 0])
      },
    )

    test('nor is one whose bytes its reader refuses', async () => {
      const { origin, source, part } = partOnly()
      const refusal = new OriginError('overloaded', 'no room')
      const refused = part.readInto(() => {
        throw refusal
      })
      source.push(bytes('012'))

      await expect(refused).rejects.toBe(refusal)
      await expect(part.next()).rejects.toBe(refusal)
      expect([source.isDestroyed, origin.requests]).toEqual([true, []])
    })

    test('nor is a body that brings more than was announced', async () => {
      const { origin, source, reading, text } = begin()
      source.push(bytes('0123456789ab'))
      await settled()
      expect([text(), reading.outcome, origin.count, source.isDestroyed]).toEqual(['', 'failed', 0, true])
    })
  })

  describe('a body that is given up', () => {
    test('lets its connection go, whichever one that is', async () => {
      const { origin, source, body } = begin()
      await breakAfter(source, '012')
      const second = origin.exchange(0).answer({ status: 206, headers: partHeaders(3) })
      await settled()
      body.destroy()
      expect(second.isOpen).toBe(false)
    })

    test('while it waits to go on: the request ends, and an answer that comes all the same is let go', async () => {
      const { origin, source, body, reading } = begin()
      await breakAfter(source, '012')
      body.destroy()
      expect(origin.requests[0]?.signal.aborted).toBe(true)
      await settled()
      expect([reading.outcome, origin.count]).toEqual(['failed', 1])
    })

    test('by the signal it was made with, too', async () => {
      const { origin, source, stopping, reading } = begin()
      await breakAfter(source, '012')
      stopping.abort()
      await settled()
      expect([reading.outcome, origin.count]).toEqual(['failed', 1])
    })
  })
})
