/** What was asked before a change and arrives after it goes to those who waited for it, and is not kept. */
import { describe, expect, test } from 'vitest'
import { type HttpShield, startHttpShield } from '../support/http-shield.ts'
import { type Gate, gate, type HttpHandler } from '../support/http-socket-server.ts'
import { openRequest, pattern, request, takenRequest } from '../support/shield.ts'

const PATH = '/things/1'
const OLD = pattern(200_000, 1)
const YOUNG = pattern(200_000, 2)
const KEPT = { 'Cache-Control': 'max-age=600' }
const HIT = 'segment-shield; hit; ttl=600'

async function startChangeable(cache: Readonly<Record<string, unknown>> = {}): Promise<HttpShield> {
  const shield = await startHttpShield({
    cache,
    origin: { pool: { maxFreeSockets: 0 } },
    route: { methods: ['GET', 'HEAD', 'POST'] },
  })
  shield.origin.put(PATH, OLD, { ...KEPT, ETag: '"old"' })
  return shield
}

/** From now on the origin has the young bytes, and has said so. */
async function change({ origin, port }: HttpShield): Promise<void> {
  origin.put(PATH, YOUNG, { ...KEPT, ETag: '"young"' })
  origin.on(PATH)
  origin.once(PATH, ({ send }) => send({ status: 204, framing: 'none' }))
  expect((await request(port, { path: PATH, method: 'POST' })).status).toBe(204)
}

/** The next answer is held back: all of it, or after so many bytes. */
function holdNext({ origin }: HttpShield, byteCount?: number): Gate {
  const held = gate()
  const hold: HttpHandler = async (exchange) => {
    if (byteCount !== undefined) await exchange.answerPart(byteCount)
    await held.opened
    if (byteCount === undefined) await exchange.answer()
    else await exchange.more()
  }
  origin.once(PATH, hold)
  return held
}

async function expectYoungOnly({ origin, port }: HttpShield, requests: number): Promise<void> {
  const next = await request(port, { path: PATH })
  expect([next.headers['etag'], next.body.equals(YOUNG)]).toEqual(['"young"', true])
  const hit = await request(port, { path: PATH })
  expect([hit.headers['cache-status'], hit.body.equals(YOUNG)]).toEqual([HIT, true])
  expect(origin.requests).toHaveLength(requests)
  expect(origin.requests.at(-1)?.fields['if-none-match']).toBeUndefined()
  await origin.socketsAtMost(0)
}

test('a fill that waits for its headers: those who waited have the old bytes whole, and nobody after them', async () => {
  const shield = await startChangeable()
  const held = holdNext(shield)
  const before = [await takenRequest(shield.port, { path: PATH }), await takenRequest(shield.port, { path: PATH })]
  await shield.origin.received(1)
  await change(shield)
  held.open()
  for (const client of before) expect((await client.whole()).body.equals(OLD)).toBe(true)
  await expectYoungOnly(shield, 3)
})

test('a fill in the middle of its body', async () => {
  const shield = await startChangeable()
  const held = holdNext(shield, 1000)
  const reader = await openRequest(shield.port, { path: PATH })
  await reader.receivedBytes(1000)
  await change(shield)
  held.open()
  const answer = await reader.ended
  expect([answer.isWhole, answer.body.equals(OLD)]).toEqual([true, true])
  await expectYoungOnly(shield, 3)
})

test.each([
  ['waits for its headers', undefined],
  ['is in the middle of its body', 1000],
])('one who comes after the change does not join a fill from before it that %s', async (_what, byteCount) => {
  const shield = await startChangeable()
  const held = holdNext(shield, byteCount)
  const before = await takenRequest(shield.port, { path: PATH })
  await shield.origin.received(1)
  if (byteCount !== undefined) await (await before.answer).receivedBytes(byteCount)
  await change(shield)
  const young = await request(shield.port, { path: PATH })
  expect([young.headers['etag'], young.body.equals(YOUNG)]).toEqual(['"young"', true])
  held.open()
  expect((await before.whole()).body.equals(OLD)).toBe(true)
  const hit = await request(shield.port, { path: PATH })
  expect([hit.headers['cache-status'], hit.body.equals(YOUNG)]).toEqual([HIT, true])
  expect(shield.origin.requests).toHaveLength(3)
  await shield.origin.socketsAtMost(0)
})

test('a fill of unknown length', async () => {
  const shield = await startChangeable()
  const { origin, port } = shield
  const held = gate()
  origin.once(PATH, async (exchange) => {
    await exchange.head(200, { 'Transfer-Encoding': 'chunked', ...KEPT })
    await exchange.chunk('old ')
    await held.opened
    await exchange.chunk('bytes')
    await exchange.chunk('')
  })
  const reader = await openRequest(port, { path: PATH })
  await reader.receivedBytes(4)
  await change(shield)
  held.open()
  const answer = await reader.ended
  expect([answer.isWhole, answer.body.toString()]).toEqual([true, 'old bytes'])
  await expectYoungOnly(shield, 3)
})

describe('a revalidation under way', () => {
  test.each([
    ['that brings a 304', false],
    ['that brings other bytes of before', true],
  ])('%s', async (_what, isWhole) => {
    const shield = await startChangeable()
    const { origin, port, clock } = shield
    await request(port, { path: PATH })
    clock.advance(600_000)
    const held = gate()
    origin.once(PATH, async ({ send }) => {
      await held.opened
      const fields = { ...KEPT, ETag: isWhole ? '"older"' : '"old"' }
      if (isWhole) await send({ body: 'older', fields })
      else await send({ status: 304, framing: 'none', fields })
    })
    const before = await takenRequest(port, { path: PATH })
    await origin.received(2)
    expect(origin.requests[1]?.fields['if-none-match']).toBe('"old"')
    await change(shield)
    held.open()
    const answer = await before.whole()
    expect([answer.status, answer.body.equals(isWhole ? Buffer.from('older') : OLD)]).toEqual([200, true])
    await expectYoungOnly(shield, 4)
  })

  test('in the background, of an answer that was used while stale', async () => {
    const shield = await startChangeable()
    const { origin, port, clock } = shield
    origin.put(PATH, OLD, { 'Cache-Control': 'max-age=10, stale-while-revalidate=600', ETag: '"old"' })
    await request(port, { path: PATH })
    clock.advance(11_000)
    const held = holdNext(shield)
    expect((await request(port, { path: PATH })).headers['cache-status']).toBe('segment-shield; hit; ttl=-1')
    await origin.received(2)
    await change(shield)
    held.open()
    await origin.socketsAtMost(0)
    await expectYoungOnly(shield, 4)
  })

  test('by HEAD', async () => {
    const shield = await startChangeable()
    const { origin, port, clock } = shield
    await request(port, { path: PATH })
    clock.advance(600_000)
    const held = holdNext(shield)
    const head = await takenRequest(port, { path: PATH, method: 'HEAD' })
    await origin.received(2)
    await change(shield)
    held.open()
    expect((await head.whole()).headers['etag']).toBe('"old"')
    await expectYoungOnly(shield, 4)
  })
})

test('a fill of another variant', async () => {
  const shield = await startChangeable()
  const { origin, port } = shield
  const held = gate()
  let text = 'old'
  origin.on(PATH, async ({ request: { method, fields }, nth, send }) => {
    if (method === 'POST') return send({ status: 204, framing: 'none' })
    const body = `${text} ${fields['x-a']}`
    if (nth === 2) await held.opened
    return send({ body, fields: { ...KEPT, Vary: 'X-A' } })
  })
  const ask = (value: string) => ({ path: PATH, headers: { 'X-A': value } })
  expect((await request(port, ask('a'))).body.toString()).toBe('old a')
  const before = await takenRequest(port, ask('b'))
  await origin.received(2)
  text = 'young'
  await request(port, { path: PATH, method: 'POST' })
  held.open()
  expect((await before.whole()).body.toString()).toBe('old b')
  for (const value of ['a', 'b']) expect((await request(port, ask(value))).body.toString()).toBe(`young ${value}`)
})

test('what is named by Location, where a fill of it is under way', async () => {
  const shield = await startChangeable()
  const { origin, port } = shield
  const held = holdNext(shield)
  const before = await takenRequest(port, { path: PATH })
  await origin.received(1)
  origin.put(PATH, YOUNG, { ...KEPT, ETag: '"young"' })
  origin.on('/things', ({ send }) => send({ status: 201, fields: { Location: PATH } }))
  await request(port, { path: '/things', method: 'POST', body: 'new' })
  held.open()
  expect((await before.whole()).body.equals(OLD)).toBe(true)
  await expectYoungOnly(shield, 3)
})

describe('an object in slices', () => {
  const SLICES = { slice: '64KiB', maxObject: '64KiB' }

  test('whose slices are on their way: the reader has old bytes or none, and who comes then has young ones', async () => {
    const shield = await startChangeable(SLICES)
    const { origin, port } = shield
    const held = holdNext(shield, 1000)
    const reader = await openRequest(port, { path: PATH })
    await reader.receivedBytes(1000)
    await change(shield)
    held.open()
    const answer = await reader.ended
    expect(answer.body.equals(OLD.subarray(0, answer.body.length))).toBe(true)
    for (const [first, last] of [
      [0, 99],
      [70_000, 140_000],
      [199_000, 199_999],
    ] as const) {
      const range = await request(port, { path: PATH, headers: { Range: `bytes=${first}-${last}` } })
      expect([range.status, range.headers['etag']]).toEqual([206, '"young"'])
      expect(range.body.equals(YOUNG.subarray(first, last + 1))).toBe(true)
    }
    const whole = await request(port, { path: PATH })
    expect([whole.isWhole, whole.body.equals(YOUNG)]).toEqual([true, true])
    await origin.socketsAtMost(0)
  })

  test('whose first slice is awaited', async () => {
    const shield = await startChangeable(SLICES)
    const { origin, port } = shield
    const held = holdNext(shield)
    const before = await takenRequest(port, { path: PATH, headers: { Range: 'bytes=0-9' } })
    await origin.received(1)
    await change(shield)
    const young = await request(port, { path: PATH, headers: { Range: 'bytes=0-9' } })
    expect(young.body.equals(YOUNG.subarray(0, 10))).toBe(true)
    held.open()
    expect((await before.whole()).body.equals(OLD.subarray(0, 10))).toBe(true)
    expect((await request(port, { path: PATH })).body.equals(YOUNG)).toBe(true)
    await origin.socketsAtMost(0)
  })
})

test('what is asked while the change is under way is dropped as well, when that succeeds', async () => {
  const shield = await startChangeable()
  const { origin, port } = shield
  const held = gate()
  origin.once(PATH, async ({ send }) => {
    await held.opened
    origin.put(PATH, YOUNG, { ...KEPT, ETag: '"young"' })
    await send({ status: 204, framing: 'none' })
  })
  const changing = await takenRequest(port, { path: PATH, method: 'POST' })
  await origin.received(1)
  expect((await request(port, { path: PATH })).body.equals(OLD)).toBe(true)
  expect((await request(port, { path: PATH })).headers['cache-status']).toBe(HIT)
  held.open()
  await changing.whole()
  await expectYoungOnly(shield, 3)
})
