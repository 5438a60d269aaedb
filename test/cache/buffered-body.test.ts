import { describe, expect, test } from 'vitest'
import { BufferedBody } from '../../src/cache/buffered-body.ts'
import { OriginError } from '../../src/errors.ts'
import { bytesOf, TestReader } from './reading.ts'

describe('a body that grows', () => {
  test('a reader sees each chunk when it arrives, and the end when the last byte has', () => {
    const body = new BufferedBody(6)
    const reader = new TestReader(body)
    expect(reader.text).toBe('')
    body.append(bytesOf('ab'))
    expect(reader.chunks).toEqual([bytesOf('ab')])
    body.append(bytesOf('cde'))
    expect(reader.chunks).toEqual([bytesOf('ab'), bytesOf('cde')])
    expect(reader.outcome).toBe('open')
    body.append(bytesOf('f'))
    body.complete()
    expect([reader.text, reader.outcome]).toEqual(['abcdef', 'end'])
    expect(body.readers).toBe(0)
  })

  test('a reader who joins late receives what has arrived at once, as one piece', () => {
    const body = new BufferedBody(6)
    body.append(bytesOf('ab'))
    body.append(bytesOf('cd'))
    const reader = new TestReader(body)
    expect(reader.chunks).toEqual([bytesOf('abcd')])
    body.append(bytesOf('ef'))
    expect([reader.text, reader.outcome, reader.wakes]).toEqual(['abcdef', 'end', 1])
  })

  test('readers at different places do not affect each other', () => {
    const body = new BufferedBody(10)
    body.append(bytesOf('0123'))
    const first = new TestReader(body)
    const middle = new TestReader(body, 2, 7)
    const ahead = new TestReader(body, 8)
    expect([first.text, middle.text, ahead.text]).toEqual(['0123', '23', ''])
    body.append(bytesOf('456'))
    expect([first.text, middle.text, ahead.text]).toEqual(['0123456', '23456', ''])
    expect([first.outcome, middle.outcome, ahead.outcome]).toEqual(['open', 'end', 'open'])
    body.append(bytesOf('789'))
    body.complete()
    expect([first.text, middle.text, ahead.text]).toEqual(['0123456789', '23456', '89'])
    expect([first.outcome, middle.outcome, ahead.outcome]).toEqual(['end', 'end', 'end'])
  })

  test('a range ends with its own last byte, though the body goes on', () => {
    const body = new BufferedBody(10)
    const reader = new TestReader(body, 1, 3)
    body.append(bytesOf('0123'))
    expect([reader.text, reader.outcome]).toEqual(['12', 'end'])
    expect(body.state.kind).toBe('growing')
  })

  test('a range of one byte in the middle is that byte', () => {
    const reader = new TestReader(BufferedBody.of(bytesOf('abc')), 1, 2)
    expect([reader.text, reader.outcome]).toEqual(['b', 'end'])
  })

  test('a reader that does not ask again is not woken', () => {
    const body = new BufferedBody(4)
    let wakes = 0
    const reader = body.open(0, undefined, () => {
      wakes += 1
    })
    expect(reader.read()).toBe('wait')
    body.append(bytesOf('ab'))
    body.append(bytesOf('c'))
    expect(wakes).toBe(1)
    expect(reader.read()).toEqual(bytesOf('abc'))
    body.append(bytesOf('d'))
    expect(wakes).toBe(1)
    expect(reader.read()).toEqual(bytesOf('d'))
    expect(reader.read()).toBe('end')
  })

  test('a chunk changed by its giver afterwards does not change the body', () => {
    const body = new BufferedBody(2)
    const chunk = bytesOf('ab')
    body.append(chunk)
    chunk.fill(0)
    expect(new TestReader(body).text).toBe('ab')
  })

  test('bytes handed out early are the same after the body has grown and is complete', () => {
    const body = new BufferedBody(4)
    body.append(bytesOf('ab'))
    const early = new TestReader(body).chunks[0]
    body.append(bytesOf('cd'))
    body.complete()
    expect(early).toEqual(bytesOf('ab'))
  })
})

describe('a body that is whole', () => {
  test('all bytes in one piece exist only when the body is complete, and are never a copy', () => {
    const body = new BufferedBody(3)
    body.append(bytesOf('abc'))
    expect(body.bytes).toBeUndefined()
    body.complete()
    expect(body.bytes).toEqual(bytesOf('abc'))
    expect(body.bytes).toBe(body.bytes)
    const [chunk] = new TestReader(body).chunks
    expect(chunk?.buffer).toBe(body.bytes?.buffer)
  })

  test('a body of no bytes ends at once and can be completed without a chunk', () => {
    const body = new BufferedBody(0)
    body.complete()
    const reader = new TestReader(body)
    expect([reader.text, reader.outcome, reader.chunks]).toEqual(['', 'end', []])
    expect(body.bytes).toEqual(Buffer.alloc(0))
  })

  test('letting an answer go does not touch bytes that others read', () => {
    const body = BufferedBody.of(bytesOf('abc'))
    body.discard()
    expect([new TestReader(body).text, body.bytes]).toEqual(['abc', bytesOf('abc')])
  })
})

describe('a body that fails', () => {
  const error = new OriginError('unreachable', 'reset')

  test('a reader gets what had arrived, then the failure, never the end', () => {
    const body = new BufferedBody(10)
    const early = new TestReader(body)
    body.append(bytesOf('0123'))
    body.fail(error)
    const late = new TestReader(body)
    for (const reader of [early, late]) {
      expect([reader.text, reader.outcome]).toEqual(['0123', 'failed'])
      expect(reader.error).toBe(error)
    }
    expect([body.bytes, body.readers]).toEqual([undefined, 0])
  })

  test('a slow reader still gets every byte that had arrived before it learns of the failure', () => {
    const body = new BufferedBody(10)
    const reader = body.open(0, undefined, () => undefined)
    body.append(bytesOf('0123'))
    body.fail(error)
    expect(reader.read()).toEqual(bytesOf('0123'))
    expect(reader.read()).toBe('failed')
    expect(reader.read()).toBe('failed')
  })

  test('a range that had arrived before the failure is whole; one that reaches past it fails', () => {
    const body = new BufferedBody(10)
    body.append(bytesOf('0123'))
    body.fail(error)
    const within = new TestReader(body, 1, 4)
    const across = new TestReader(body, 2, 5)
    const beyond = new TestReader(body, 6, 8)
    expect([within.text, within.outcome]).toEqual(['123', 'end'])
    expect([across.text, across.outcome]).toEqual(['23', 'failed'])
    expect([beyond.text, beyond.outcome]).toEqual(['', 'failed'])
  })

  test('too many bytes are refused as a whole, and what had arrived stays as it was', () => {
    const body = new BufferedBody(4)
    body.append(bytesOf('abc'))
    const reader = new TestReader(body)
    expect(() => body.append(bytesOf('de'))).toThrow(expect.objectContaining({ kind: 'broken' }))
    expect([body.received, reader.text, reader.outcome]).toEqual([3, 'abc', 'open'])
  })

  test('one byte more than announced is refused, though all announced ones are there', () => {
    const body = new BufferedBody(4)
    body.append(bytesOf('abcd'))
    expect(() => body.append(bytesOf('e'))).toThrow(OriginError)
    expect(body.bytes).toBeUndefined()
  })

  test('a body with a byte missing cannot be completed, and its readers are told of no end', () => {
    const body = new BufferedBody(4)
    const reader = new TestReader(body)
    body.append(bytesOf('abc'))
    expect(() => body.complete()).toThrow(expect.objectContaining({ kind: 'broken' }))
    expect([body.bytes, body.state.kind, reader.outcome]).toEqual([undefined, 'growing', 'open'])
  })
})

describe('readers that come and go while others are woken', () => {
  test('a reader that closes itself when woken leaves the others undisturbed', () => {
    const body = new BufferedBody(4)
    const leaving = body.open(0, undefined, () => leaving.close())
    expect(leaving.read()).toBe('wait')
    const staying = new TestReader(body)
    body.append(bytesOf('ab'))
    expect([staying.text, body.readers]).toEqual(['ab', 1])
    body.append(bytesOf('cd'))
    expect([staying.text, staying.outcome, body.readers]).toEqual(['abcd', 'end', 0])
  })

  test('a reader closed by another one in the same wake is not woken', () => {
    const body = new BufferedBody(4)
    let victimWakes = 0
    const killer = body.open(0, undefined, () => victim.close())
    const victim = body.open(0, undefined, () => {
      victimWakes += 1
    })
    expect([killer.read(), victim.read()]).toEqual(['wait', 'wait'])
    body.append(bytesOf('ab'))
    expect(victimWakes).toBe(0)
    killer.close()
    expect(body.readers).toBe(0)
  })

  test('a reader opened in a wake gets the bytes that caused it, once', () => {
    const body = new BufferedBody(4)
    const opened: TestReader[] = []
    const first = body.open(0, undefined, () => opened.push(new TestReader(body)))
    expect(first.read()).toBe('wait')
    body.append(bytesOf('ab'))
    expect(opened.map(({ text }) => text)).toEqual(['ab'])
    body.append(bytesOf('cd'))
    expect(opened.map(({ text, outcome }) => [text, outcome])).toEqual([['abcd', 'end']])
    first.close()
  })

  test('closing twice, or after the end, is harmless', () => {
    const body = BufferedBody.of(bytesOf('ab'))
    const reader = new TestReader(body)
    reader.close()
    reader.close()
    expect(body.readers).toBe(0)
  })

  test('a closed reader is forgotten by a body that goes on growing', () => {
    const body = new BufferedBody(4)
    const reader = new TestReader(body)
    expect(body.readers).toBe(1)
    reader.close()
    body.append(bytesOf('abcd'))
    expect([body.readers, reader.wakes, reader.text]).toEqual([0, 0, ''])
  })
})
