/** A body of unknown length that fits into the memory. */
import { describe, expect, test } from 'vitest'
import { OriginError } from '../../src/errors.ts'
import { makeGrowing, OVERHEAD } from './growing-world.ts'
import { bytesOf, TestReader } from './reading.ts'
import { storedResponse } from './responses.ts'

describe('while it grows', () => {
  test('a reader sees each chunk when it arrives, and the end when it is told', () => {
    const { body } = makeGrowing()
    const reader = new TestReader(body)
    expect(reader.text).toBe('')
    body.append(bytesOf('ab'))
    expect(reader.chunks).toEqual([bytesOf('ab')])
    body.append(bytesOf('cdefgh'))
    expect([reader.text, reader.outcome]).toEqual(['abcdefgh', 'open'])
    expect([body.length, body.bytes]).toEqual([undefined, undefined])
    const grown = body.complete()
    expect([reader.text, reader.outcome]).toEqual(['abcdefgh', 'end'])
    if (grown.kind === 'complete') grown.reservation.release()
  })

  test('a reader who joins late receives the whole body', () => {
    const { body } = makeGrowing()
    body.append(bytesOf('0123456789'))
    const reader = new TestReader(body)
    expect([reader.text, reader.outcome, reader.wakes]).toEqual(['0123456789', 'open', 0])
    body.append(bytesOf('ab'))
    expect(reader.text).toBe('0123456789ab')
    body.fail(new OriginError('broken', 'over'))
  })

  test('it goes on without readers, and however slow they are', async () => {
    const { body } = makeGrowing({ windowBytes: 4 })
    const slow = body.open(0, undefined, () => undefined)
    for (let count = 0; count < 25; count += 1) {
      body.append(bytesOf('abcd'))
      await body.ready()
    }
    expect(body.state.kind).toBe('keeping')
    expect(slow.read()).toEqual(bytesOf('abcd'))
    slow.close()
    body.fail(new OriginError('broken', 'over'))
  })

  test('chunks of one byte are gathered: who joins late gets them in pieces as large as a block', () => {
    const { body } = makeGrowing()
    for (const letter of 'abcdefghij') body.append(bytesOf(letter))
    expect(new TestReader(body).chunks).toEqual([bytesOf('abcd'), bytesOf('efgh'), bytesOf('ij')])
    body.fail(new OriginError('broken', 'over'))
  })

  test('an empty chunk is no chunk', () => {
    const { body, store } = makeGrowing()
    const reader = new TestReader(body)
    body.append(Buffer.alloc(0))
    expect([reader.chunks, store.usage().inFlightBytes]).toEqual([[], 0])
    body.fail(new OriginError('broken', 'over'))
  })

  test('a chunk changed by its giver afterwards does not change the body', () => {
    const { body } = makeGrowing()
    const chunk = bytesOf('abcdef')
    body.append(chunk)
    chunk.fill(0)
    expect(new TestReader(body).text).toBe('abcdef')
    body.fail(new OriginError('broken', 'over'))
  })

  test('it is read as a whole only: nothing tells yet what a range of it would be', () => {
    const { body } = makeGrowing()
    body.append(bytesOf('abcdef'))
    expect(() => body.open(2, undefined, () => undefined)).toThrow(/as a whole/)
    expect(() => body.open(0, 4, () => undefined)).toThrow(/as a whole/)
    body.fail(new OriginError('broken', 'over'))
  })

  test('a reader that closes itself when woken leaves the others undisturbed', () => {
    const { body } = makeGrowing()
    const leaving = body.open(0, undefined, () => leaving.close())
    expect(leaving.read()).toBe('wait')
    const staying = new TestReader(body)
    body.append(bytesOf('ab'))
    expect([staying.text, body.readers]).toEqual(['ab', 1])
    expect(leaving.read()).toBe('failed')
    body.fail(new OriginError('broken', 'over'))
  })
})

describe('when it is complete', () => {
  test('it has a length and all bytes in one piece, and answers ranges', () => {
    const { body } = makeGrowing()
    body.append(bytesOf('01234'))
    body.append(bytesOf('56789'))
    const grown = body.complete()
    if (grown.kind !== 'complete') expect.fail('not kept')
    expect([body.length, body.bytes, body.isJoinable]).toEqual([10, bytesOf('0123456789'), true])
    expect(grown.body.bytes).toBe(body.bytes)
    const [range, whole, end] = [new TestReader(body, 3, 7), new TestReader(body), new TestReader(body, 8)]
    expect([range.chunks, whole.chunks, end.chunks]).toEqual([
      [bytesOf('3456')],
      [bytesOf('0123456789')],
      [bytesOf('89')],
    ])
    expect([range.outcome, whole.outcome, end.outcome]).toEqual(['end', 'end', 'end'])
    grown.reservation.release()
  })

  test('a slow reader goes on where it was, in the one piece', () => {
    const { body } = makeGrowing()
    const slow = body.open(0, undefined, () => undefined)
    const late = body.open(0, undefined, () => undefined)
    body.append(bytesOf('0123456789'))
    expect(slow.read()).toEqual(bytesOf('0123'))
    const grown = body.complete()
    expect([slow.read(), slow.read(), slow.read()]).toEqual([bytesOf('456789'), 'end', 'end'])
    expect([late.read(), late.read()]).toEqual([bytesOf('0123456789'), 'end'])
    if (grown.kind === 'complete') grown.reservation.release()
  })

  test('bytes handed out before are the same after', () => {
    const { body } = makeGrowing()
    body.append(bytesOf('abcdef'))
    const early = new TestReader(body)
    const grown = body.complete()
    expect(early.chunks).toEqual([bytesOf('abcd'), bytesOf('ef')])
    if (grown.kind === 'complete') grown.reservation.release()
  })

  test('a body of no bytes is whole too', () => {
    const { body, store } = makeGrowing()
    const reader = new TestReader(body)
    const grown = body.complete()
    if (grown.kind !== 'complete') expect.fail('not kept')
    expect([reader.outcome, reader.text, body.length, body.bytes]).toEqual(['end', '', 0, Buffer.alloc(0)])
    expect(store.usage().inFlightBytes).toBe(OVERHEAD)
    grown.reservation.release()
  })

  test('letting an answer go, or giving the stored one up, takes nothing from those who read it', () => {
    const { body } = makeGrowing()
    const slow = body.open(0, undefined, () => undefined)
    body.append(bytesOf('abcdef'))
    body.discard()
    const grown = body.complete()
    body.retire()
    expect([slow.read(), slow.read()]).toEqual([bytesOf('abcdef'), 'end'])
    if (grown.kind === 'complete') grown.reservation.release()
  })

  test('no byte, end or failure can follow', () => {
    const { body } = makeGrowing()
    const grown = body.complete()
    expect(() => body.append(bytesOf('a'))).toThrow(/no more/)
    expect(() => body.complete()).toThrow(/ended before/)
    body.fail(new OriginError('broken', 'late'))
    expect([body.state.kind, new TestReader(body).outcome]).toEqual(['complete', 'end'])
    if (grown.kind === 'complete') grown.reservation.release()
  })

  test('who reads or sends it holds what the store gives up, until the last of them is done', () => {
    const { body, store } = makeGrowing({ memory: 100 })
    const reader = body.open(0, undefined, () => undefined)
    body.hold()
    body.append(bytesOf('0123456789'))
    const grown = body.complete()
    if (grown.kind !== 'complete') expect.fail('not kept')
    store.put('key', storedResponse({ body: grown.body }), grown.reservation)
    expect(store.usage()).toMatchObject({ cachedBytes: OVERHEAD + 10, inFlightBytes: 0, heldBytes: 0 })
    store.delete('key')
    expect(store.usage()).toMatchObject({ cachedBytes: 0, heldBytes: OVERHEAD + 10 })
    expect([reader.read(), reader.read()]).toEqual([bytesOf('0123456789'), 'end'])
    expect(store.usage().heldBytes).toBe(OVERHEAD + 10)
    body.release()
    expect(store.usage().heldBytes).toBe(0)
  })

  test('an answer that begins then holds it too', () => {
    const { body, store } = makeGrowing({ memory: 100 })
    body.append(bytesOf('0123456789'))
    const grown = body.complete()
    if (grown.kind !== 'complete') expect.fail('not kept')
    store.put('key', storedResponse({ body: grown.body }), grown.reservation)
    body.hold()
    store.delete('key')
    expect(store.usage().heldBytes).toBe(OVERHEAD + 10)
    body.release()
    expect(store.usage().heldBytes).toBe(0)
  })
})

describe('when it fails', () => {
  const error = new OriginError('unreachable', 'reset')

  test('a reader gets what had arrived, then the failure, never the end', () => {
    const { body } = makeGrowing()
    const reader = new TestReader(body)
    body.append(bytesOf('012345'))
    body.fail(error)
    expect([reader.text, reader.outcome, reader.error]).toEqual(['012345', 'failed', error])
    expect([body.length, body.bytes, body.isJoinable]).toEqual([undefined, undefined, false])
  })

  test('a slow reader still gets every byte that had arrived, and only then learns of it', () => {
    const { body, store } = makeGrowing()
    const [slow, slower] = [body.open(0, undefined, () => undefined), body.open(0, undefined, () => undefined)]
    body.append(bytesOf('0123456789'))
    body.fail(error)
    expect([slow.read(), slow.read(), slow.read(), slow.read(), slow.read()]).toEqual([
      bytesOf('0123'),
      bytesOf('4567'),
      bytesOf('89'),
      'failed',
      'failed',
    ])
    expect(store.usage()).toMatchObject({ inFlightBytes: 0, heldBytes: 12 })
    expect(slower.read()).toEqual(bytesOf('0123'))
    expect(store.usage()).toMatchObject({ inFlightBytes: 0, heldBytes: 8 })
    slower.close()
    expect(slower.read()).toBe('failed')
  })

  test('who comes afterwards gets the failure at once, and nothing that would be cut', () => {
    const { body } = makeGrowing()
    const slow = body.open(0, undefined, () => undefined)
    body.append(bytesOf('0123'))
    body.fail(error)
    const late = new TestReader(body)
    expect([late.text, late.outcome, late.error]).toEqual(['', 'failed', error])
    slow.close()
  })

  test('only the first failure counts', () => {
    const { body } = makeGrowing()
    body.fail(error)
    body.fail(new OriginError('broken', 'later'))
    expect(new TestReader(body).error).toBe(error)
    expect(() => body.append(bytesOf('a'))).toThrow(/no more/)
    expect(() => body.complete()).toThrow(/ended before/)
  })
})
