/** Bringing an origin's bytes into a growing body: how fast, and what is left however it ends. */
import { describe, expect, test } from 'vitest'
import { growFrom } from '../../src/cache/grow.ts'
import type { Grown } from '../../src/cache/growing-body.ts'
import { OriginError } from '../../src/errors.ts'
import { ScriptedBody, settled } from '../support/scripted-origin.ts'
import type { GrowingWorldOptions } from './growing-world.ts'
import { isPending, makeGrowing } from './growing-world.ts'
import { bytesOf, TestReader } from './reading.ts'

function start(options: GrowingWorldOptions = {}) {
  const world = makeGrowing(options)
  const source = new ScriptedBody()
  const abort = new AbortController()
  const grown: Promise<Grown> = growFrom(source, world.body, abort.signal)
  grown.catch(() => undefined)
  return { ...world, source, abort, grown }
}

const TEN = bytesOf('0123456789')

test('a body that fits comes out whole, with what it costs, and the source was read to its end', async () => {
  const { source, body, grown, store } = start()
  const reader = new TestReader(body)
  source.push(TEN, bytesOf('ab'))
  source.end()
  const result = await grown
  if (result.kind !== 'complete') expect.fail('not kept')
  expect([result.body.bytes, result.reservation.bytes]).toEqual([bytesOf('0123456789ab'), 22])
  expect([reader.text, reader.outcome, source.isOpen, source.isDestroyed]).toEqual([
    '0123456789ab',
    'end',
    false,
    false,
  ])
  result.reservation.release()
  expect(store.usage().inFlightBytes).toBe(0)
})

test('it waits for no reader while the body is kept', async () => {
  const { source, body, grown } = start({ windowBytes: 4 })
  const slow = body.open(0, undefined, () => undefined)
  source.push(...Array.from({ length: 10 }, () => TEN))
  await settled()
  expect([source.taken, source.isAwaited]).toEqual([10, true])
  source.end()
  const result = await grown
  slow.close()
  if (result.kind === 'complete') result.reservation.release()
})

test('a body that passes is asked for no faster than its slowest reader goes', async () => {
  const { source, body, grown } = start({ maxBytes: 4, windowBytes: 8 })
  const slow = body.open(0, undefined, () => undefined)
  source.push(TEN, TEN, TEN)
  source.end()
  await settled()
  expect([source.taken, source.isAwaited]).toEqual([1, false])
  slow.read()
  await settled()
  expect(source.taken).toBe(2)
  while (slow.read() !== 'end') await settled()
  expect(await grown).toEqual({ kind: 'passed', reason: 'too-large' })
  expect(source.isDestroyed).toBe(false)
})

describe('when its readers have all left', () => {
  test('a body that is kept is brought to its end', async () => {
    const { source, body, grown } = start()
    new TestReader(body).close()
    source.push(TEN)
    source.end()
    const result = await grown
    expect(result.kind).toBe('complete')
    if (result.kind === 'complete') result.reservation.release()
  })

  test('a body that passes ends at once, though its origin has nothing to say for now', async () => {
    const { source, body, grown } = start({ maxBytes: 4 })
    const reader = new TestReader(body)
    source.push(TEN)
    expect(await isPending(grown)).toBe(true)
    expect(source.isAwaited).toBe(true)
    reader.close()
    expect(source.isDestroyed).toBe(true)
    expect(await grown).toEqual({ kind: 'passed', reason: 'too-large' })
    expect(body.state.kind).toBe('abandoned')
  })

  test('a body that passes ends also while it waits for the last of them', async () => {
    const { source, body, grown } = start({ maxBytes: 4, windowBytes: 8 })
    const slow = body.open(0, undefined, () => undefined)
    source.push(TEN, TEN)
    await settled()
    expect(source.isAwaited).toBe(false)
    slow.close()
    expect(await grown).toEqual({ kind: 'passed', reason: 'too-large' })
    expect([source.isDestroyed, source.taken]).toEqual([true, 1])
  })

  test('a body that nobody has ever read and that turns to passing ends', async () => {
    const { source, grown } = start({ maxBytes: 4 })
    source.push(TEN, TEN)
    expect(await grown).toEqual({ kind: 'passed', reason: 'too-large' })
    expect(source.isDestroyed).toBe(true)
  })
})

describe('a failure', () => {
  test.each([
    ['while the body is kept', 100],
    ['while it passes', 4],
  ])('of the origin %s is the failure of the body and of its readers', async (_when, maxBytes) => {
    const { source, body, grown } = start({ maxBytes })
    const reader = new TestReader(body)
    const error = new OriginError('broken', 'reset')
    source.push(TEN)
    await settled()
    source.fail(error)
    await expect(grown).rejects.toBe(error)
    expect([reader.text, reader.outcome, reader.error]).toEqual(['0123456789', 'failed', error])
    expect(source.destroyed).toBeGreaterThan(0)
  })

  test('before the first byte is a failure too', async () => {
    const { source, body, grown } = start()
    const reader = new TestReader(body)
    source.fail(new Error('a bug'))
    await expect(grown).rejects.toMatchObject({ name: 'OriginError', kind: 'broken', message: 'a bug' })
    expect([reader.text, reader.outcome]).toEqual(['', 'failed'])
  })

  test('of a source that says it ended after it was given up is still that: nothing looks whole', async () => {
    const { source, body, abort, grown } = start()
    const reader = new TestReader(body)
    source.push(TEN)
    await settled()
    source.destroy = () => source.end()
    abort.abort()
    await expect(grown).rejects.toMatchObject({ kind: 'aborted' })
    expect(reader.outcome).toBe('failed')
  })
})

describe('being given up from outside', () => {
  test.each([
    ['while it waits for the origin', 100, []],
    ['while it passes and waits for the origin', 4, [TEN]],
    ['while it waits for a reader', 4, [TEN, TEN]],
  ])('%s ends it at once and frees the connection', async (_when, maxBytes, chunks) => {
    const { source, body, abort, grown } = start({ maxBytes, windowBytes: 12 })
    const slow = body.open(0, undefined, () => undefined)
    source.push(...chunks)
    expect(await isPending(grown)).toBe(true)
    abort.abort()
    expect(await isPending(grown)).toBe(false)
    await expect(grown).rejects.toMatchObject({ kind: 'aborted' })
    expect([source.isDestroyed, body.state.kind]).toEqual([true, 'failed'])
    slow.close()
  })

  test('before it began takes nothing', async () => {
    const { body } = makeGrowing()
    const source = new ScriptedBody()
    source.push(TEN)
    await expect(growFrom(source, body, AbortSignal.abort())).rejects.toMatchObject({ kind: 'aborted' })
    expect([source.isDestroyed, source.taken, body.received]).toEqual([true, 0, 0])
  })
})
