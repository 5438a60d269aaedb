/** What is served from memory never adds up to more than `cache.memory`; what had to go is fetched again. */
import { expect, test } from 'vitest'
import { pattern, request, type Shield, startShield, times } from '../support/shield.ts'

const MEMORY_BYTES = 1024 ** 2
const OBJECT_BYTES = 100_000

async function fetchAll({ port }: Shield, indices: readonly number[]): Promise<number[]> {
  const hits: number[] = []
  for (const index of indices) {
    const answer = await request(port, { path: `/${index}.ts` })
    expect(answer.body.equals(pattern(OBJECT_BYTES, index))).toBe(true)
    if (answer.headers['cache-status']?.startsWith('segment-shield; hit')) hits.push(index)
  }
  return hits
}

async function filledShield(objects: number): Promise<Shield> {
  const shield = await startShield({ cache: { memory: '1MiB' } })
  for (const index of times(objects, Number)) shield.s3.put(`${index}.ts`, pattern(OBJECT_BYTES, index))
  expect(await fetchAll(shield, times(objects, Number))).toEqual([])
  return shield
}

test('of thirty objects as many as fit are in memory, the last ones, and the others are fetched again', async () => {
  const shield = await filledShield(30)
  // From the newest: each hit leaves the others in place, and the first miss has all hits behind it.
  const hits = await fetchAll(
    shield,
    times(30, (index) => 29 - index),
  )
  expect(hits.length * OBJECT_BYTES).toBeLessThanOrEqual(MEMORY_BYTES)
  expect(hits).toEqual(times(10, (index) => 29 - index))
  expect(shield.s3.requests).toHaveLength(30 + 20)
})

test('an object that is asked for again and again outlives those that came after it', async () => {
  const shield = await filledShield(5)
  for (const index of times(30, (i) => 5 + i)) {
    shield.s3.put(`${index}.ts`, pattern(OBJECT_BYTES, index))
    await fetchAll(shield, [index])
    expect(await fetchAll(shield, [0])).toEqual([0])
  }
  expect(shield.s3.requestsFor('0.ts')).toHaveLength(1)
})

test('the bytes of fills under way count: a hundred at once never keep more than fits', async () => {
  const shield = await startShield({ cache: { memory: '1MiB' }, pool: { maxFreeSockets: 0 } })
  const { s3, port } = shield
  const indices = times(100, Number)
  for (const index of indices) s3.put(`${index}.ts`, pattern(OBJECT_BYTES, index))
  const answers = await Promise.all(indices.map((index) => request(port, { path: `/${index}.ts` })))
  for (const [index, answer] of answers.entries()) {
    expect(answer.isWhole).toBe(true)
    expect(answer.body.equals(pattern(OBJECT_BYTES, index))).toBe(true)
  }
  await s3.socketsAtMost(0)
  // Afterwards there is room for as much as ever.
  const later = times(10, (index) => 1000 + index)
  for (const index of later) s3.put(`${index}.ts`, pattern(OBJECT_BYTES, index))
  await fetchAll(shield, later)
  expect(await fetchAll(shield, later)).toEqual(later)
})

test('an object larger than the whole memory is served all the same', async () => {
  const { s3, port } = await startShield({ cache: { memory: '64KiB' } })
  s3.put('1.ts', pattern(OBJECT_BYTES, 1), { etag: 'W/"1"' })
  for (const _ of [1, 2]) {
    expect((await request(port, { path: '/1.ts' })).body.equals(pattern(OBJECT_BYTES, 1))).toBe(true)
  }
  expect(s3.requests).toHaveLength(2)
})
