import { expect, test } from 'vitest'
import { OriginError } from '../../src/errors.ts'
import type { Origin } from '../../src/origin/origin.ts'
import { bytesOf, TestReader } from './reading.ts'
import { makeWorld } from './world.ts'

test('closing ends fills that wait for headers: their waiters get an error, and the origin is told', async () => {
  const world = makeWorld()
  const outcomes = Promise.allSettled([world.ask(), world.ask(), world.ask({ key: 'other' })])
  await world.cache.close()
  expect(world.origin.exchanges.map(({ request }) => request.signal.aborted)).toEqual([true, true])
  for (const outcome of await outcomes) {
    expect(outcome).toMatchObject({ status: 'rejected', reason: { kind: 'aborted' } })
  }
})

test('closing ends fills half way: readers fail after what they had, and nothing is stored', async () => {
  const world = makeWorld()
  const asked = world.ask()
  const source = world.origin.exchange(0).answer({ headers: { 'content-length': '6' } })
  const reader = new TestReader((await asked).response.body)
  source.push(bytesOf('abc'))
  await world.settled()
  await world.cache.close()
  expect([reader.text, reader.outcome, reader.error?.kind]).toEqual(['abc', 'failed', 'aborted'])
  expect([source.isOpen, world.store.usage()]).toMatchObject([false, { entries: 0, inFlightBytes: 0 }])
})

test('closing waits until the origin has let go', async () => {
  const world = makeWorld()
  const gate = Promise.withResolvers<never>()
  const slow: Origin = {
    name: 'slow',
    fetch: () => gate.promise,
    usage: () => ({ inUse: 1, free: 0, queued: 0 }),
    close: async () => undefined,
  }
  const asked = world.cache.forward({ ...world.request(), origin: slow })
  const outcome = Promise.allSettled([asked])
  let isClosed = false
  const closing = world.cache.close().then(() => {
    isClosed = true
  })
  await world.settled()
  expect(isClosed).toBe(false)
  gate.reject(new OriginError('aborted', 'gone at last'))
  await closing
  expect([isClosed, world.cache.fills]).toEqual([true, 0])
  expect(await outcome).toMatchObject([{ status: 'rejected', reason: { message: 'gone at last' } }])
})

test('closing when nothing is under way is done at once, and what is stored stays', async () => {
  const world = makeWorld()
  await world.store200(bytesOf('abc'))
  await world.cache.close()
  await world.cache.close()
  expect((await world.ask()).response.body.bytes).toEqual(bytesOf('abc'))
})
