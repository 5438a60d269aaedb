/** A body of unknown length that turns out too long to be kept, or finds no room: what its readers still get. */
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { JoinedTooLate } from '../../src/cache/growing-body.ts'
import { OriginError } from '../../src/errors.ts'
import { isPending, makeGrowing } from './growing-world.ts'
import { bytesOf, TestReader } from './reading.ts'

const TEN = bytesOf('0123456789')

describe('the turn to passing', () => {
  test('comes with the first byte too many, and is told once', async () => {
    const { body, reasons } = makeGrowing({ maxBytes: 10 })
    const reader = new TestReader(body)
    body.append(TEN)
    expect([body.state.kind, body.isJoinable, reasons]).toEqual(['keeping', true, []])
    body.append(bytesOf('a'))
    expect([body.state.kind, body.isJoinable, reasons]).toEqual(['passing', false, ['too-large']])
    await body.ready()
    body.append(bytesOf('b'))
    expect(body.complete()).toEqual({ kind: 'passed', reason: 'too-large' })
    expect([reader.text, reader.outcome, reasons]).toEqual(['0123456789ab', 'end', ['too-large']])
    expect(body.bytes).toBeUndefined()
  })

  test('a body exactly as long as what is kept is kept', () => {
    const { body } = makeGrowing({ maxBytes: 10 })
    body.append(TEN)
    const grown = body.complete()
    expect([grown.kind, body.bytes]).toEqual(['complete', TEN])
    if (grown.kind === 'complete') grown.reservation.release()
  })

  test('who opens it within the same turn of the event loop gets the whole, however much has arrived by then', async () => {
    const { body } = makeGrowing({ maxBytes: 4, windowBytes: 4 })
    body.append(TEN)
    body.append(TEN)
    await Promise.resolve()
    const reader = new TestReader(body)
    expect(reader.text).toBe('01234567890123456789')
    await body.ready()
    expect(body.state.kind).toBe('passing')
    body.complete()
    expect(reader.outcome).toBe('end')
  })

  test('even when the body has ended by then', async () => {
    const { body } = makeGrowing({ maxBytes: 4 })
    body.append(TEN)
    body.complete()
    await Promise.resolve()
    const reader = new TestReader(body)
    expect([reader.text, reader.outcome]).toEqual(['0123456789', 'end'])
  })

  test('who comes later is refused before its first byte, though others read on', async () => {
    const { body } = makeGrowing({ maxBytes: 4 })
    const slow = body.open(0, undefined, () => undefined)
    body.append(TEN)
    await body.ready()
    const late = new TestReader(body)
    expect([late.text, late.outcome]).toEqual(['', 'failed'])
    expect(late.error).toBeInstanceOf(JoinedTooLate)
    late.close()
    expect([slow.read(), body.readers]).toEqual([bytesOf('0123'), 1])
    slow.close()
  })

  test('without readers it is abandoned, but not before those who were given it had their turn', async () => {
    const { body } = makeGrowing({ maxBytes: 4 })
    let calls = 0
    body.whenAbandoned(() => {
      calls += 1
    })
    body.append(TEN)
    expect([body.state.kind, calls]).toEqual(['passing', 0])
    await body.ready()
    expect([body.state.kind, calls]).toEqual(['abandoned', 1])
    expect(() => body.append(TEN)).toThrow(/no more/)
    expect(new TestReader(body).error).toBeInstanceOf(JoinedTooLate)
  })
})

describe('while it passes', () => {
  test('it waits when the slowest reader is a window behind, and goes on when that one reads', async () => {
    const { body } = makeGrowing({ maxBytes: 4, windowBytes: 12 })
    const fast = new TestReader(body)
    const slow = body.open(0, undefined, () => undefined)
    body.append(TEN)
    await body.ready()
    body.append(bytesOf('ab'))
    const ready = body.ready()
    expect(await isPending(ready)).toBe(true)
    expect(fast.text).toBe('0123456789ab')
    expect(slow.read()).toEqual(bytesOf('0123'))
    expect(await isPending(ready)).toBe(false)
    body.append(bytesOf('cdef'))
    expect(await isPending(body.ready())).toBe(true)
    slow.close()
    fast.close()
  })

  test('it goes on when the slowest reader leaves', async () => {
    const { body } = makeGrowing({ maxBytes: 4, windowBytes: 8 })
    const fast = new TestReader(body)
    const slow = body.open(0, undefined, () => undefined)
    body.append(TEN)
    const ready = body.ready()
    expect(await isPending(ready)).toBe(true)
    slow.close()
    expect(await isPending(ready)).toBe(false)
    fast.close()
  })

  test('a reader alone is followed at its own pace', async () => {
    const { body } = makeGrowing({ maxBytes: 4, windowBytes: 8 })
    const only = body.open(0, undefined, () => undefined)
    body.append(TEN)
    const text: string[] = []
    for (let count = 0; count < 20; count += 1) {
      for (let result = only.read(); Buffer.isBuffer(result); result = only.read()) text.push(result.toString())
      await body.ready()
      body.append(TEN)
    }
    body.complete()
    for (let result = only.read(); Buffer.isBuffer(result); result = only.read()) text.push(result.toString())
    expect([text.join(''), only.read()]).toEqual(['0123456789'.repeat(21), 'end'])
  })

  test('what all have read is dropped, and nothing before that', async () => {
    const { body, store } = makeGrowing({ maxBytes: 4 })
    const [one, other] = [body.open(0, undefined, () => undefined), body.open(0, undefined, () => undefined)]
    body.append(TEN)
    await body.ready()
    const memory = () => store.usage().inFlightBytes + store.usage().heldBytes
    expect(memory()).toBe(12)
    for (const _ of [1, 2, 3]) one.read()
    expect(memory()).toBe(12)
    other.read()
    expect(memory()).toBe(8)
    other.read()
    expect(memory()).toBe(4)
    expect([other.read(), one.read(), other.read()]).toEqual([bytesOf('89'), 'wait', 'wait'])
    one.close()
    other.close()
    expect(memory()).toBe(0)
  })

  test('it is abandoned at once when the last reader leaves, also while it waits for that one', async () => {
    const { body } = makeGrowing({ maxBytes: 4, windowBytes: 8 })
    let calls = 0
    body.whenAbandoned(() => {
      calls += 1
    })
    const slow = body.open(0, undefined, () => undefined)
    body.append(TEN)
    const ready = body.ready()
    expect(await isPending(ready)).toBe(true)
    slow.close()
    slow.close()
    expect([body.state.kind, calls, body.isJoinable]).toEqual(['abandoned', 1, false])
    await ready
  })

  test('a failure reaches each reader after the bytes that were there for it, and ends the waiting', async () => {
    const { body, store } = makeGrowing({ maxBytes: 4, windowBytes: 8 })
    const error = new OriginError('timeout', 'stalled')
    const fast = new TestReader(body)
    const slow = body.open(0, undefined, () => undefined)
    body.append(TEN)
    const ready = body.ready()
    expect(await isPending(ready)).toBe(true)
    body.fail(error)
    await ready
    expect([fast.text, fast.outcome, fast.error]).toEqual(['0123456789', 'failed', error])
    expect(store.usage()).toMatchObject({ inFlightBytes: 0, heldBytes: 12 })
    expect([slow.read(), slow.read(), slow.read(), slow.read()]).toEqual([
      bytesOf('0123'),
      bytesOf('4567'),
      bytesOf('89'),
      'failed',
    ])
    expect(slow.error).toBe(error)
  })

  test('after the end each reader gets its rest at its own pace, then the end', async () => {
    const { body, store } = makeGrowing({ maxBytes: 4 })
    const slow = body.open(0, undefined, () => undefined)
    const gone = body.open(0, undefined, () => undefined)
    body.append(TEN)
    await body.ready()
    body.complete()
    gone.close()
    await setImmediate()
    expect(slow.read()).toEqual(bytesOf('0123'))
    expect(store.usage()).toMatchObject({ inFlightBytes: 0, heldBytes: 8 })
    expect([slow.read(), slow.read(), slow.read()]).toEqual([bytesOf('4567'), bytesOf('89'), 'end'])
    expect(store.usage().heldBytes).toBe(0)
  })
})
