import { expect, test } from 'vitest'
import { bytesOf, TestReader } from './reading.ts'
import { expectWithinBudget, KEY, makeWorld, OBJECT_KEY } from './world.ts'

const LENGTH_6 = { headers: { 'content-length': '6', etag: '"a"' } }

test('many who ask before the headers are answered by one request, with the same stored answer', async () => {
  const world = makeWorld()
  const asked = Array.from({ length: 50 }, () => world.ask())
  await world.settled()
  expect(world.origin.requests).toMatchObject([{ key: OBJECT_KEY }])
  expect(world.origin.exchange(0).request).not.toHaveProperty('range')
  expect(world.origin.exchange(0).request).not.toHaveProperty('validators')

  const source = world.origin.exchange(0).answer(LENGTH_6)
  const answers = await Promise.all(asked)
  const readers = answers.map(({ response }) => new TestReader(response.body))
  source.push(bytesOf('abc'))
  await world.settled()
  expect(readers.map(({ text }) => text)).toEqual(Array(50).fill('abc'))
  source.push(bytesOf('def'))
  source.end()
  await world.settled()
  expect(readers.map(({ text, outcome }) => text + outcome)).toEqual(Array(50).fill('abcdefend'))
  expect(new Set(answers.map(({ response }) => response)).size).toBe(1)
  expect(world.origin.count).toBe(1)
})

test('the first asker is told of a miss that is stored, the others that they were collapsed into it', async () => {
  const world = makeWorld()
  const asked = [world.ask(), world.ask()]
  world.origin.exchange(0).answerWhole(bytesOf('abcdef'))
  const [first, second] = await Promise.all(asked)
  const miss = { kind: 'forward', fwd: 'uri-miss', fwdStatus: 200, stored: true, ttlSeconds: 60 }
  expect(first?.status).toEqual({ ...miss, collapsed: false })
  expect(second?.status).toEqual({ ...miss, collapsed: true })
})

test('whoever asks while the body arrives joins it at once and reads it from its start', async () => {
  const world = makeWorld()
  const first = world.ask()
  const source = world.origin.exchange(0).answer(LENGTH_6)
  await first
  source.push(bytesOf('abcd'))
  await world.settled()

  const late = await world.ask()
  const reader = new TestReader(late.response.body)
  expect(reader.text).toBe('abcd')
  expect(late.status).toMatchObject({ fwd: 'uri-miss', collapsed: true })
  const inRange = new TestReader((await world.ask({ range: 'bytes=3-4' })).response.body, 3, 5)
  source.push(bytesOf('ef'))
  source.end()
  await world.settled()
  expect([reader.text, reader.outcome, inRange.text, inRange.outcome]).toEqual(['abcdef', 'end', 'de', 'end'])
  expect(world.origin.count).toBe(1)
})

test('a complete answer is a hit, without the origin, as the one Buffer that was filled', async () => {
  const world = makeWorld()
  const { response } = await world.store200(bytesOf('abcdef'))
  const hit = world.cache.fresh(KEY, world.clock.now())
  expect(hit).toBe(response)
  expect(hit?.body.bytes).toEqual(bytesOf('abcdef'))
  expect(hit?.body.bytes).toBe(response.body.bytes)
  expect((await world.ask()).response.body.bytes).toBe(response.body.bytes)
  expect(world.origin.count).toBe(1)
})

test('an answer that is still arriving is no hit', async () => {
  const world = makeWorld()
  const asked = world.ask()
  const source = world.origin.exchange(0).answer(LENGTH_6)
  await asked
  source.push(bytesOf('abcdef'))
  await world.settled()
  expect(world.cache.fresh(KEY, world.clock.now())).toBeUndefined()
  expect((await asked).response.body.bytes).toBeUndefined()
  source.end()
  await world.settled()
  expect(world.cache.fresh(KEY, world.clock.now())?.body.bytes).toEqual(bytesOf('abcdef'))
})

test('an object without bytes is stored and served', async () => {
  const world = makeWorld()
  const { response } = await world.store200(Buffer.alloc(0))
  expect(new TestReader(response.body)).toMatchObject({ text: '', outcome: 'end' })
  expect((await world.ask()).response.body.bytes).toEqual(Buffer.alloc(0))
  expect(world.origin.count).toBe(1)
})

test('different keys are fetched each for itself, at the same time', async () => {
  const world = makeWorld()
  const asked = ['a', 'b', 'c'].map((key) => world.ask({ key, objectKey: `${key}.ts` }))
  expect(world.origin.requests.map(({ key }) => key)).toEqual(['a.ts', 'b.ts', 'c.ts'])
  expect(world.cache.fills).toBe(3)
  for (const index of [2, 0, 1]) world.origin.exchange(index).answerWhole(bytesOf(`body ${index}`))
  const answers = await Promise.all(asked)
  await world.settled()
  expect(answers.map(({ response }) => response.body.bytes?.toString())).toEqual(['body 0', 'body 1', 'body 2'])
})

test('a waiter who leaves is told so at once, and nobody else notices', async () => {
  const world = makeWorld()
  const leaving = new AbortController()
  const left = world.ask({ signal: leaving.signal })
  const staying = world.ask()
  leaving.abort()
  await expect(left).rejects.toMatchObject({ kind: 'aborted' })
  expect(world.origin.exchange(0).request.signal.aborted).toBe(false)
  world.origin.exchange(0).answerWhole(bytesOf('abcdef'))
  await staying
  await world.settled()
  expect((await staying).response.body.bytes).toEqual(bytesOf('abcdef'))
  expect([world.origin.count, world.failures]).toEqual([1, []])
})

test('when every waiter has left before the headers, the fill goes on and the next asker hits', async () => {
  const world = makeWorld()
  const leaving = new AbortController()
  const left = [world.ask({ signal: leaving.signal }), world.ask({ signal: leaving.signal })]
  leaving.abort()
  for (const asked of left) await expect(asked).rejects.toMatchObject({ kind: 'aborted' })
  expect(world.cache.fills).toBe(1)
  world.origin.exchange(0).answerWhole(bytesOf('abcdef'))
  await world.settled()
  const hit = await world.ask()
  expect([hit.status.kind, hit.response.body.bytes]).toEqual(['hit', bytesOf('abcdef')])
  expect(world.origin.count).toBe(1)
})

test('when every reader has left half way, the fill goes on and the next asker hits', async () => {
  const world = makeWorld()
  const asked = [world.ask(), world.ask()]
  const source = world.origin.exchange(0).answer(LENGTH_6)
  const readers = (await Promise.all(asked)).map(({ response }) => new TestReader(response.body))
  source.push(bytesOf('abc'))
  await world.settled()
  for (const reader of readers) reader.close()
  source.push(bytesOf('def'))
  source.end()
  await world.settled()
  expect(readers.map(({ text }) => text)).toEqual(['abc', 'abc'])
  expect((await world.ask()).response.body.bytes).toEqual(bytesOf('abcdef'))
  expect(world.origin.count).toBe(1)
})

test('a reader who never reads holds nothing up', async () => {
  const world = makeWorld()
  const asked = world.ask()
  const source = world.origin.exchange(0).answer(LENGTH_6)
  const stalled = (await asked).response.body.open(0, undefined, () => undefined)
  source.push(bytesOf('abc'), bytesOf('def'))
  source.end()
  await world.settled()
  expect([source.isOpen, world.cache.fills]).toEqual([false, 0])
  expect(stalled.read()).toEqual(bytesOf('abcdef'))
  expect(stalled.read()).toBe('end')
})

test('a request whose client had already left is refused, and what it started is kept', async () => {
  const world = makeWorld()
  await expect(world.ask({ signal: AbortSignal.abort() })).rejects.toMatchObject({ kind: 'aborted' })
  world.origin.exchange(0).answerWhole(bytesOf('abcdef'))
  await world.settled()
  expect((await world.ask()).status.kind).toBe('hit')
})

test('a client who has had its answer may leave without the fill noticing', async () => {
  const world = makeWorld()
  const leaving = new AbortController()
  const asked = world.ask({ signal: leaving.signal })
  const source = world.origin.exchange(0).answer(LENGTH_6)
  await asked
  leaving.abort()
  source.push(bytesOf('abcdef'))
  source.end()
  await world.settled()
  expect((await world.ask()).status.kind).toBe('hit')
  expect(world.failures).toEqual([])
})

test('the media type is mended once, for the stored answer', async () => {
  const asked: (string | undefined)[][] = []
  const world = makeWorld({
    contentTypeFor: (key, storedType) => {
      asked.push([key, storedType])
      return 'video/mp2t'
    },
  })
  const { response } = await world.store200(bytesOf('abcdef'), { 'content-type': 'binary/octet-stream' })
  await world.ask()
  expect(response.contentType).toBe('video/mp2t')
  expect(asked).toEqual([[OBJECT_KEY, 'binary/octet-stream']])
})

test('bytes in flight are counted while they arrive, and cached ones after', async () => {
  const world = makeWorld()
  const asked = world.ask()
  expect(world.store.usage()).toMatchObject({ cachedBytes: 0, inFlightBytes: 0 })
  const source = world.origin.exchange(0).answer(LENGTH_6)
  await asked
  const { inFlightBytes } = world.store.usage()
  expect(inFlightBytes).toBeGreaterThan(6)
  expectWithinBudget(world)
  source.push(bytesOf('abcdef'))
  source.end()
  await world.settled()
  expect(world.store.usage()).toMatchObject({ cachedBytes: inFlightBytes, inFlightBytes: 0, entries: 1 })
})
