import { describe, expect, test } from 'vitest'
import type { BodyReader, ReadResult } from '../../src/cache/body.ts'
import { StreamedBody } from '../../src/cache/streamed-body.ts'
import { OriginError } from '../../src/errors.ts'
import { ScriptedBody, settled } from '../support/scripted-origin.ts'
import { bytesOf, TestReader } from './reading.ts'

/** A reader that reads only when the test says so. */
function openByHand(source: ScriptedBody, length?: number): { reader: BodyReader; wakes: () => number } {
  let wakes = 0
  const reader = new StreamedBody(source, length).open(0, undefined, () => {
    wakes += 1
  })
  return { reader, wakes: () => wakes }
}

async function readAfterWait(reader: BodyReader): Promise<ReadResult> {
  expect(reader.read()).toBe('wait')
  await settled()
  return reader.read()
}

test('all bytes pass in order and the end follows the last one', async () => {
  const source = new ScriptedBody()
  const reader = new TestReader(new StreamedBody(source, 6))
  source.push(bytesOf('abc'), bytesOf('d'))
  await settled()
  expect([reader.text, reader.outcome]).toEqual(['abcd', 'open'])
  source.push(bytesOf('ef'))
  source.end()
  await settled()
  expect([reader.text, reader.outcome, source.isOpen]).toEqual(['abcdef', 'end', false])
})

test('a body of unknown length ends where its connection says so', async () => {
  const source = new ScriptedBody()
  const reader = new TestReader(new StreamedBody(source, undefined))
  source.push(bytesOf('abc'))
  source.end()
  await settled()
  expect([reader.text, reader.outcome]).toEqual(['abc', 'end'])
})

test('an empty body ends without a byte', async () => {
  const source = new ScriptedBody()
  const reader = new TestReader(new StreamedBody(source, 0))
  source.end()
  await settled()
  expect([reader.chunks, reader.outcome]).toEqual([[], 'end'])
})

describe('the reader sets the pace', () => {
  test('nothing is asked of the origin before the first read', async () => {
    const source = new ScriptedBody()
    source.push(bytesOf('abc'))
    const { reader } = openByHand(source)
    await settled()
    expect(source.taken).toBe(0)
    reader.close()
  })

  test('never more than one chunk is taken ahead of the reader', async () => {
    const source = new ScriptedBody()
    source.push(bytesOf('a'), bytesOf('b'), bytesOf('c'), bytesOf('d'))
    const { reader } = openByHand(source)
    expect(await readAfterWait(reader)).toEqual(bytesOf('a'))
    await settled()
    await settled()
    expect(source.taken).toBe(2)
    expect(reader.read()).toEqual(bytesOf('b'))
    await settled()
    expect(source.taken).toBe(3)
    reader.close()
    await settled()
    expect([source.taken, source.isDestroyed]).toEqual([3, true])
  })

  test('a reader that waits is woken once, and one that does not wait is not woken', async () => {
    const source = new ScriptedBody()
    const { reader, wakes } = openByHand(source)
    expect([reader.read(), reader.read()]).toEqual(['wait', 'wait'])
    source.push(bytesOf('a'), bytesOf('b'))
    await settled()
    expect(wakes()).toBe(1)
    expect(reader.read()).toEqual(bytesOf('a'))
    await settled()
    expect(wakes()).toBe(1)
    expect(reader.read()).toEqual(bytesOf('b'))
    reader.close()
  })
})

describe('whoever stops gives the connection back', () => {
  test('closing destroys the source while a chunk is awaited', async () => {
    const source = new ScriptedBody()
    const { reader, wakes } = openByHand(source)
    reader.read()
    expect(source.isAwaited).toBe(true)
    reader.close()
    await settled()
    expect([source.isDestroyed, wakes()]).toEqual([true, 0])
    expect(reader.read()).toBe('failed')
  })

  test('closing destroys the source while a chunk lies ready', async () => {
    const source = new ScriptedBody()
    source.push(bytesOf('a'))
    const { reader } = openByHand(source)
    reader.read()
    await settled()
    reader.close()
    expect(source.isDestroyed).toBe(true)
  })

  test('closing before the first read destroys the source', () => {
    const source = new ScriptedBody()
    const { reader } = openByHand(source)
    reader.close()
    reader.close()
    expect(source.isDestroyed).toBe(true)
  })

  test('closing after the end leaves the source alone', async () => {
    const source = new ScriptedBody()
    const { reader } = openByHand(source)
    source.end()
    expect(await readAfterWait(reader)).toBe('end')
    reader.close()
    expect([source.destroyed, reader.read()]).toEqual([0, 'end'])
  })

  test('an answer that needs no bytes lets its source go without a reader', () => {
    const source = new ScriptedBody()
    new StreamedBody(source, 3).discard()
    expect(source.isDestroyed).toBe(true)
  })
})

describe('a failure never looks like the end', () => {
  test('an error of the source comes after the bytes before it', async () => {
    const error = new OriginError('timeout', 'no bytes for 15 s')
    const source = new ScriptedBody()
    const reader = new TestReader(new StreamedBody(source, 6))
    source.push(bytesOf('abc'))
    await settled()
    source.fail(error)
    await settled()
    expect([reader.text, reader.outcome]).toEqual(['abc', 'failed'])
    expect(reader.error).toBe(error)
  })

  test('an error that is no OriginError becomes a broken one with its cause', async () => {
    const cause = new TypeError('not a function')
    const source = new ScriptedBody()
    const reader = new TestReader(new StreamedBody(source, 6))
    source.fail(cause)
    await settled()
    expect(reader.error).toMatchObject({ kind: 'broken', cause })
  })

  test('a source that ends before its announced length is a failure', async () => {
    const source = new ScriptedBody()
    const reader = new TestReader(new StreamedBody(source, 6))
    source.push(bytesOf('abcde'))
    source.end()
    await settled()
    expect([reader.text, reader.outcome, reader.error?.kind]).toEqual(['abcde', 'failed', 'broken'])
  })

  test('bytes beyond the announced length never reach the reader, and the source is let go', async () => {
    const source = new ScriptedBody()
    const reader = new TestReader(new StreamedBody(source, 4))
    source.push(bytesOf('abc'), bytesOf('def'), bytesOf('ghi'))
    await settled()
    expect([reader.text, reader.outcome, reader.error?.kind]).toEqual(['abc', 'failed', 'broken'])
    expect(source.isOpen).toBe(false)
  })

  test('a failed body stays failed, and its error stays, when the reader is closed', async () => {
    const source = new ScriptedBody()
    const reader = new StreamedBody(source, 4).open(0, undefined, () => undefined)
    const error = new OriginError('unreachable', 'reset')
    source.fail(error)
    expect(await readAfterWait(reader)).toBe('failed')
    reader.close()
    expect(reader.read()).toBe('failed')
    expect(reader.error).toBe(error)
  })
})

describe('one reader, and all of it', () => {
  test('a second reader is refused', () => {
    const source = new ScriptedBody()
    const body = new StreamedBody(source, 3)
    const reader = body.open(0, 3, () => undefined)
    expect(() => body.open(0, undefined, () => undefined)).toThrow('one reader')
    reader.close()
  })

  test('a part of it is refused, and does not use up the one opening', () => {
    const body = new StreamedBody(new ScriptedBody(), 3)
    expect(() => body.open(1, undefined, () => undefined)).toThrow('as a whole')
    expect(() => body.open(0, 2, () => undefined)).toThrow('as a whole')
    body.open(0, undefined, () => undefined).close()
  })

  test('it keeps no bytes in one piece', () => {
    expect(new StreamedBody(new ScriptedBody(), 3).bytes).toBeUndefined()
  })
})
