import { expect, test } from 'vitest'
import { bytesOf } from './reading.ts'
import { fieldsOf } from './responses.ts'
import { makeWorld, RULES } from './world.ts'

const rules = {
  ...RULES,
  negativeTtlMs: new Map([
    [404, 1000],
    [403, 2000],
  ]),
}

test.each([
  [404, 1000, 'Not found\n'],
  [403, 2000, 'Forbidden\n'],
])('a %i is kept for its own %i ms and no longer', async (status, ttlMs, text) => {
  const world = makeWorld({ rules })
  const asked = [world.ask(), world.ask()]
  world.origin.exchange(0).answer({ status, headers: { 'cache-control': 'max-age=9999' } })
  for (const { response } of await Promise.all(asked)) {
    expect([response.status, response.body.bytes?.toString()]).toEqual([status, text])
    expect(fieldsOf(response.headerPairs)).toMatchObject({ 'Cache-Control': `max-age=${ttlMs / 1000}` })
  }
  world.clock.advance(ttlMs - 1)
  const hit = await world.ask()
  expect([hit.status.kind, hit.response.status, world.origin.count]).toEqual(['hit', status, 1])

  world.clock.advance(1)
  const again = world.ask()
  expect(world.origin.count).toBe(2)
  world.origin.exchange(1).answerWhole(bytesOf('found'))
  expect((await again).response.status).toBe(200)
  await world.settled()
  expect((await world.ask()).response.body.bytes).toEqual(bytesOf('found'))
})

test('one that is not to be kept answers all who wait for it, and the next asker asks again', async () => {
  const world = makeWorld({ rules: { ...RULES, negativeTtlMs: new Map() } })
  const asked = [world.ask(), world.ask()]
  world.origin.exchange(0).answer({ status: 404 })
  const answers = await Promise.all(asked)
  expect(answers.map(({ response }) => response.status)).toEqual([404, 404])
  expect(answers[0]?.status).toMatchObject({ fwd: 'uri-miss', fwdStatus: 404, stored: false })
  expect(fieldsOf(answers[0]?.response.headerPairs ?? [])).toMatchObject({ 'Cache-Control': 'max-age=0' })
  const again = world.ask()
  expect([world.origin.count, world.cache.fills]).toEqual([2, 1])
  world.origin.exchange(1).answer({ status: 404 })
  await again
})

test('it is not revalidated with conditions: there is nothing to compare', async () => {
  const world = makeWorld({ rules })
  const asked = world.ask()
  world.origin.exchange(0).answer({ status: 404, headers: { etag: '"a"', 'last-modified': 'x' } })
  const { response } = await asked
  expect([response.etag, response.lastModified]).toEqual([undefined, undefined])
  world.clock.advance(1000)
  const again = world.ask()
  expect(world.origin.exchange(1).request).not.toHaveProperty('validators')
  world.origin.exchange(1).answer({ status: 404 })
  expect((await again).status).toMatchObject({ fwd: 'stale', fwdStatus: 404, stored: true, ttlSeconds: 1 })
})

test('it is not reported as a failure, nor does it carry anything of the origin', async () => {
  const world = makeWorld({ rules })
  const asked = world.ask()
  world.origin.exchange(0).answer({ status: 404, headers: { server: 'ceph', 'x-bucket': 'secret' } })
  expect(fieldsOf((await asked).response.headerPairs)).not.toHaveProperty('x-bucket')
  expect(fieldsOf((await asked).response.headerPairs)).not.toHaveProperty('server')
  expect(world.failures).toEqual([])
})

test('it is served, not kept, when there is no room for it', async () => {
  const world = makeWorld({ rules, maxBytes: 2000 })
  const inFlight = world.store.reserve(1900)
  const asked = world.ask()
  world.origin.exchange(0).answer({ status: 404 })
  expect((await asked).response.status).toBe(404)
  expect(world.store.usage().entries).toBe(0)
  inFlight?.release()
})
