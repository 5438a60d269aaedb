/** What counts as a use of what is stored: a request, once, whatever it takes to answer it. */

import { expect, test, vi } from 'vitest'
import { bytesOf } from './reading.ts'
import { KEY, makeWorld } from './world.ts'

const FIELDS = { 'cache-control': 'max-age=60', etag: '"1"' }

test('a request that finds it fresh is one use, at the time that the request knows', async () => {
  const world = makeWorld()
  await world.store200(bytesOf('film'), FIELDS)
  const get = vi.spyOn(world.store, 'get')
  await world.ask()
  expect(get.mock.calls).toEqual([[KEY, world.clock.now()]])
})

test('a request that finds it stale is one use too, and the revalidation is none', async () => {
  const world = makeWorld()
  await world.store200(bytesOf('film'), FIELDS)
  world.clock.advance(61_000)
  const get = vi.spyOn(world.store, 'get')
  const asked = world.ask()
  world.origin.exchange(1).answer({ status: 304, headers: FIELDS })
  await asked
  expect(get).toHaveBeenCalledTimes(1)
})
