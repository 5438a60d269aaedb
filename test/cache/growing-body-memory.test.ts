/** What a body of unknown length asks of the Store, what it gives back, and when it counts as held. */
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test, vi } from 'vitest'
import { BufferedBody } from '../../src/cache/buffered-body.ts'
import { GrowingBody } from '../../src/cache/growing-body.ts'
import { Store } from '../../src/cache/store.ts'
import { OriginError } from '../../src/errors.ts'
import { BLOCK, makeGrowing, OVERHEAD } from './growing-world.ts'
import { bytesOf, TestReader } from './reading.ts'
import { storedResponse } from './responses.ts'

const KIB = 1024

/** An answer of this cost in the store, there to be dropped. */
function keepOther(store: Store, costBytes: number): void {
  const room = store.reserve(costBytes)
  if (room === undefined) throw new Error('no room')
  store.put('other', storedResponse({ body: BufferedBody.of(bytesOf('other')) }), room)
}

describe('while it is kept', () => {
  test('it reserves steps that double, up to what the longest body takes', () => {
    const { body, store } = makeGrowing({ maxBytes: 11 * BLOCK })
    const reserved: number[] = []
    for (let count = 0; count < 11 * BLOCK; count += 1) {
      body.append(bytesOf('a'))
      const blocks = (store.usage().inFlightBytes - OVERHEAD) / BLOCK
      if (reserved.at(-1) !== blocks) reserved.push(blocks)
    }
    expect(reserved).toEqual([1, 2, 4, 8, 11])
    body.fail(new OriginError('broken', 'over'))
  })

  test('the first step is 64 KiB, or the longest body where that is less', () => {
    for (const [maxBytes, step] of [
      [KIB * KIB, 64 * KIB],
      [5000, 5000],
    ] as const) {
      const store = new Store(KIB * KIB)
      const body = new GrowingBody({ room: store, overheadBytes: 0, maxBytes })
      body.append(bytesOf('a'))
      expect(store.usage().inFlightBytes).toBe(step)
      body.fail(new OriginError('broken', 'over'))
    }
  })

  test('a chunk larger than the next step is reserved as it is', () => {
    const { body, store } = makeGrowing()
    body.append(Buffer.alloc(9 * BLOCK + 1))
    expect(store.usage().inFlightBytes).toBe(OVERHEAD + 10 * BLOCK)
    body.fail(new OriginError('broken', 'over'))
  })

  test('where the double is too much, it takes what it needs', () => {
    const { body, store } = makeGrowing({ memory: OVERHEAD + 3 * BLOCK })
    body.append(Buffer.alloc(2 * BLOCK))
    body.append(Buffer.alloc(1))
    expect([body.state.kind, store.usage().inFlightBytes]).toEqual(['keeping', OVERHEAD + 3 * BLOCK])
    body.fail(new OriginError('broken', 'over'))
  })

  test('it takes the place of what was used least recently', () => {
    const { body, store } = makeGrowing({ memory: 100 })
    keepOther(store, 80)
    body.append(Buffer.alloc(2 * BLOCK))
    body.append(Buffer.alloc(2 * BLOCK))
    expect(store.usage()).toMatchObject({ cachedBytes: 0, evictions: 1 })
    body.fail(new OriginError('broken', 'over'))
  })

  test('a failure gives everything back that nobody reads', () => {
    const { body, store } = makeGrowing()
    new TestReader(body)
    body.append(Buffer.alloc(30))
    body.fail(new OriginError('broken', 'over'))
    expect(store.usage()).toMatchObject({ inFlightBytes: 0, heldBytes: 0 })
  })
})

describe('when it is complete', () => {
  test('the blocks and the one piece had room beside each other, and what stays is what the answer costs', () => {
    const needed = OVERHEAD + 4 * BLOCK + 13
    const { body, store } = makeGrowing({ memory: needed })
    keepOther(store, 5)
    body.append(Buffer.alloc(13))
    expect(store.usage()).toMatchObject({ cachedBytes: 5, inFlightBytes: OVERHEAD + 4 * BLOCK })
    const grown = body.complete()
    if (grown.kind !== 'complete') expect.fail('not kept')
    expect(store.usage()).toMatchObject({ cachedBytes: 0, inFlightBytes: OVERHEAD + 13 })
    expect(grown.reservation.bytes).toBe(OVERHEAD + 13)
    store.put('key', storedResponse({ body: grown.body }), grown.reservation)
    expect(store.usage()).toMatchObject({ cachedBytes: OVERHEAD + 13, inFlightBytes: 0 })
  })

  test('where there is no room for both, its readers get all of it and it is not kept', async () => {
    const { body, store, reasons } = makeGrowing({ memory: OVERHEAD + 4 * BLOCK + 12 })
    const slow = body.open(0, undefined, () => undefined)
    const fast = new TestReader(body)
    body.append(bytesOf('0123456789abc'))
    expect(body.complete()).toEqual({ kind: 'passed', reason: 'no-room' })
    expect([reasons, body.bytes]).toEqual([['no-room'], undefined])
    expect([fast.text, fast.outcome]).toEqual(['0123456789abc', 'end'])
    const opened = new TestReader(body)
    expect([opened.text, opened.outcome]).toEqual(['0123456789abc', 'end'])
    await body.ready()
    expect(store.usage()).toMatchObject({ inFlightBytes: 0, heldBytes: 4 * BLOCK })
    expect(slow.read()).toEqual(bytesOf('0123'))
    expect(store.usage().heldBytes).toBe(3 * BLOCK)
    slow.close()
  })

  test('where the machine itself has no memory for the one piece, likewise', () => {
    const { body } = makeGrowing()
    const reader = new TestReader(body)
    body.append(bytesOf('0123456789'))
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed')
    })
    const grown = body.complete()
    allocate.mockRestore()
    expect(grown).toEqual({ kind: 'passed', reason: 'no-room' })
    expect([reader.text, reader.outcome]).toEqual(['0123456789', 'end'])
  })

  test('an empty body costs what surrounds it, and is not kept where not even that fits', () => {
    expect(makeGrowing({ memory: OVERHEAD - 1 }).body.complete()).toEqual({ kind: 'passed', reason: 'no-room' })
  })
})

describe('when it passes', () => {
  test('for want of room, its readers share it all the same', async () => {
    const { body, store, reasons } = makeGrowing({ memory: 100 })
    const others = store.reserve(95)
    const readers = [new TestReader(body), new TestReader(body)]
    body.append(bytesOf('0123456789'))
    expect([body.state.kind, reasons]).toEqual(['passing', ['no-room']])
    await body.ready()
    body.append(bytesOf('ab'))
    body.complete()
    for (const reader of readers) expect([reader.text, reader.outcome]).toEqual(['0123456789ab', 'end'])
    expect(store.usage().inFlightBytes).toBe(95)
    others?.release()
  })

  test('what was reserved for it stays so until it is dropped; what comes on top counts as held', async () => {
    const { body, store } = makeGrowing({ maxBytes: 4 * BLOCK })
    const slow = body.open(0, undefined, () => undefined)
    body.append(Buffer.alloc(4 * BLOCK))
    expect(store.usage()).toMatchObject({ inFlightBytes: OVERHEAD + 4 * BLOCK, heldBytes: 0 })
    body.append(Buffer.alloc(3 * BLOCK))
    // What surrounds a stored answer is not needed any more, and serves for the first of those bytes.
    expect(store.usage()).toMatchObject({ inFlightBytes: OVERHEAD + 4 * BLOCK, heldBytes: 3 * BLOCK - OVERHEAD })
    await setImmediate()
    expect([slow.read(), slow.read()]).toEqual([Buffer.alloc(BLOCK), Buffer.alloc(BLOCK)])
    expect(store.usage()).toMatchObject({ inFlightBytes: 5 * BLOCK, heldBytes: 0 })
    slow.read()
    expect(store.usage()).toMatchObject({ inFlightBytes: 4 * BLOCK, heldBytes: 0 })
    body.append(Buffer.alloc(BLOCK))
    expect(store.usage()).toMatchObject({ inFlightBytes: 4 * BLOCK, heldBytes: BLOCK })
    slow.close()
    expect(store.usage()).toMatchObject({ inFlightBytes: 0, heldBytes: 0 })
  })

  test('the machine having no memory for a block is a failure like any other', () => {
    const { body } = makeGrowing()
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation(() => {
      throw new RangeError('Array buffer allocation failed')
    })
    expect(() => body.append(bytesOf('a'))).toThrow(expect.objectContaining({ kind: 'overloaded' }))
    allocate.mockRestore()
    body.fail(new OriginError('overloaded', 'no memory'))
  })
})
