/** Variants take memory as other answers do, no more of them than there may be, and give all of it back. */
import { expect, test } from 'vitest'
import type { CacheRequest } from '../../src/cache/cache-request.ts'
import { pattern, times } from '../support/shield.ts'
import { KEY, makeWorld, type World } from './world.ts'

const MAX_VARIANTS = 32
const VARIANT_BYTES = 2000

function asking(world: World, name: string): CacheRequest {
  return {
    ...world.request(),
    client: {
      sharedOrigin: world.origin,
      fields: { 'x-name': name },
      directives: { noCache: false, noStore: false, onlyIfCached: false },
      sendOwn: () => Promise.reject(new Error('nothing here is passed on')),
      onInformational: () => undefined,
    },
  }
}

/** Fetches and stores the answer to one name. */
async function store(world: World, name: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const index = world.origin.count
  const answered = world.cache.forward(asking(world, name))
  world.origin.exchange(index).answerWhole(pattern(VARIANT_BYTES), { vary: 'X-Name', ...headers })
  expect((await answered)?.response.status).toBe(200)
  await world.settled()
}

function isStored(world: World, name: string): boolean {
  return world.cache.fresh(KEY, world.clock.now(), () => ({ 'x-name': name })) !== undefined
}

const names = (count: number, first = 0) => times(count, (index) => String(first + index).padStart(4, '0'))

test('however many there are, no more than 32 are in memory, and those are the newest', async () => {
  const world = makeWorld()
  for (const name of names(MAX_VARIANTS)) await store(world, name)
  const full = world.store.usage()
  expect(full.entries).toBe(MAX_VARIANTS)
  expect(full.cachedBytes).toBeGreaterThanOrEqual(MAX_VARIANTS * VARIANT_BYTES)
  for (const name of names(100, MAX_VARIANTS)) {
    await store(world, name)
    expect(world.store.usage()).toMatchObject({
      entries: MAX_VARIANTS,
      cachedBytes: full.cachedBytes,
      inFlightBytes: 0,
    })
  }
  expect(names(132).filter((name) => isStored(world, name))).toEqual(names(MAX_VARIANTS, 100))
})

test('the same variant anew takes its forerunner’s place, and costs nobody else theirs', async () => {
  const world = makeWorld()
  for (const name of names(MAX_VARIANTS)) await store(world, name)
  const full = world.store.usage()
  world.clock.advance(60_000)
  for (let nth = 0; nth < 3; nth += 1) await store(world, '0000')
  expect(world.store.usage()).toEqual(full)
})

test('invalidation gives back every byte, however the answers varied', async () => {
  const world = makeWorld()
  for (const name of names(MAX_VARIANTS)) await store(world, name)
  for (const name of names(4)) await store(world, `other ${name}`, { vary: 'X-Name, X-Other' })
  world.cache.invalidate(KEY)
  expect(world.store.usage()).toMatchObject({ entries: 0, cachedBytes: 0, inFlightBytes: 0, heldBytes: 0 })
  expect(names(MAX_VARIANTS).some((name) => isStored(world, name))).toBe(false)
})

test('an answer that does not vary any more leaves nothing of those that did', async () => {
  const world = makeWorld()
  for (const name of names(MAX_VARIANTS)) await store(world, name)
  const index = world.origin.count
  const answered = world.cache.forward(asking(world, 'another'))
  world.origin.exchange(index).answerWhole(pattern(VARIANT_BYTES), {})
  await answered
  await world.settled()
  expect(world.store.usage().entries).toBe(1)
  expect(isStored(world, 'anybody')).toBe(true)
})

test('where memory is short the variants wanted least go first, and what is left is found', async () => {
  const world = makeWorld({ maxBytes: 40_000 })
  for (const name of names(MAX_VARIANTS)) await store(world, name)
  const left = names(MAX_VARIANTS).filter((name) => isStored(world, name))
  expect(left.length).toBe(world.store.usage().entries)
  expect(left).toEqual(names(left.length, MAX_VARIANTS - left.length))
  expect(world.store.usage().cachedBytes).toBeLessThanOrEqual(40_000)
})
