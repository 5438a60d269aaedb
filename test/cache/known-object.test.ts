import { expect, test } from 'vitest'
import { cacheKey } from '../../src/cache/key.ts'
import { readKey, readObject } from '../../src/cache/known-object.ts'
import { bytesOf } from './reading.ts'
import { makeWorld } from './world.ts'

test.each([
  ['a/b.ts', ''],
  ['a b?c%3Fd%25.ts', 'v=1&w=%3F'],
  ['/leading//slashes', 'v'],
])('%j with the query %j is read back from its key', (objectKey, query) => {
  const { originName, rest } = readKey(`${cacheKey('spaces', objectKey, query)}\0vary\0x\0y z`)

  expect([originName, readObject(rest)]).toEqual(['spaces', { objectKey, query }])
})

test('an object that an origin is known to have is one that is stored with a 200, and of that origin', async () => {
  const world = makeWorld()
  const store = async (originName: string, objectKey: string, status: number) => {
    const asked = world.ask({ key: cacheKey(originName, objectKey, ''), objectKey })
    await world.settled()
    const exchange = world.origin.exchange(world.origin.count - 1)
    if (status === 200) exchange.answerWhole(bytesOf(objectKey), { 'cache-control': 'max-age=60' })
    else exchange.answer({ status })
    await asked
    await world.settled()
  }
  await store('spaces2', 'other', 200)
  await store('spaces', 'gone', 404)
  expect(world.cache.knownObject('spaces')).toBeUndefined()
  await store('spaces', 'a?b', 200)

  expect(world.cache.knownObject('spaces')).toBe('a?b')
})
