/** Nobody queues for what cannot be shared: the first time it is found out, and from then on all go at once. */
import { describe, expect, test } from 'vitest'
import { type HttpShield, startHttpShield } from '../support/http-shield.ts'
import { type Gate, gate } from '../support/http-socket-server.ts'
import { type Answer, request, takenRequest, times } from '../support/shield.ts'

const PATH = '/live/1.ts'
const REMEMBERED_MS = 120_000
const CLOSING = { origin: { pool: { maxFreeSockets: 0 } } }

/** Every answer bears its number, and says of itself what `cacheControl` is at that time. */
async function startNumbered(cacheControl: () => string | undefined, status = 200): Promise<HttpShield> {
  const shield = await startHttpShield(CLOSING)
  shield.origin.on(PATH, ({ nth, send }) =>
    send({ status, body: `answer ${nth}`, fields: { 'Cache-Control': cacheControl() } }),
  )
  return shield
}

/** Holds every answer back from now on. */
function holdAnswers({ origin }: HttpShield, fields: Readonly<Record<string, string>>): Gate {
  const headers = gate()
  origin.on(PATH, async ({ nth, send }) => {
    await headers.opened
    await send({ body: `answer ${nth}`, fields })
  })
  return headers
}

const ask = ({ port }: HttpShield): Promise<Answer> => request(port, { path: PATH })
const textOf = ({ body }: Answer) => body.toString()

describe.each(['no-store', 'private', 'private, max-age=600'])('%s', (cacheControl) => {
  test('the first time all but one go to the origin when the first answer is there, all at once', async () => {
    const { origin, port } = await startHttpShield(CLOSING)
    const [first, others] = [gate(), gate()]
    origin.on(PATH, async ({ nth, send }) => {
      await (nth === 1 ? first : others).opened
      await send({ body: `answer ${nth}`, fields: { 'Cache-Control': cacheControl } })
    })
    const clients = await Promise.all(times(10, () => takenRequest(port, { path: PATH })))
    expect(origin.requests).toHaveLength(1)
    first.open()
    // Nine are there, and not one of them has been answered.
    await origin.received(10)
    others.open()
    const answers = await Promise.all(clients.map((client) => client.whole()))
    expect(answers.map(textOf).toSorted()).toEqual(times(10, (index) => `answer ${index + 1}`).toSorted())
    await origin.socketsAtMost(0)
  })

  test('the second time nobody waits: two requests are at the origin at once', async () => {
    const shield = await startNumbered(() => cacheControl)
    await ask(shield)
    const headers = holdAnswers(shield, { 'Cache-Control': cacheControl })
    const clients = [await takenRequest(shield.port, { path: PATH }), await takenRequest(shield.port, { path: PATH })]
    await shield.origin.received(3)
    headers.open()
    const answers = await Promise.all(clients.map((client) => client.whole()))
    expect(answers.map(textOf).toSorted()).toEqual(['answer 2', 'answer 3'])
    expect(answers[0]?.headers['cache-status']).toBe(
      `segment-shield; fwd=uri-miss; fwd-status=200; detail=${cacheControl.split(',')[0]}`,
    )
    await shield.origin.socketsAtMost(0)
  })
})

test('it is remembered for two minutes after it was found out, to the millisecond, and found out anew then', async () => {
  const shield = await startNumbered(() => 'private')
  const { origin, port, clock } = shield
  await ask(shield)
  /** How many of two were at the origin before either was answered. */
  const together = async () => {
    const asked = origin.requestsFor(PATH).length
    const headers = gate()
    origin.on(PATH, async ({ send }) => {
      await headers.opened
      await send({ fields: { 'Cache-Control': 'private' } })
    })
    const clients = [await takenRequest(port, { path: PATH }), await takenRequest(port, { path: PATH })]
    // There and back behind them.
    await request(port, { path: '/elsewhere' })
    const atOnce = origin.requestsFor(PATH).length - asked
    headers.open()
    for (const client of clients) await client.whole()
    return atOnce
  }
  clock.advance(REMEMBERED_MS - 1)
  expect(await together()).toBe(2)
  clock.advance(1)
  expect(await together()).toBe(1)
  expect(await together()).toBe(2)
  await origin.socketsAtMost(0)
})

test('an answer that may be kept again lets the next one be kept, and the one after that is a hit', async () => {
  let cacheControl = 'no-store'
  const shield = await startNumbered(() => cacheControl)
  expect(textOf(await ask(shield))).toBe('answer 1')
  cacheControl = 'max-age=60'
  expect(textOf(await ask(shield))).toBe('answer 2')
  const kept = await ask(shield)
  expect([textOf(kept), kept.headers['cache-status']]).toEqual([
    'answer 3',
    'segment-shield; fwd=uri-miss; fwd-status=200; stored; ttl=60',
  ])
  const hit = await ask(shield)
  expect([textOf(hit), hit.headers['cache-status']]).toEqual(['answer 3', 'segment-shield; hit; ttl=60'])
})

test('an answer that may be kept no more takes its forerunner’s place, and is not kept', async () => {
  let cacheControl = 'max-age=10'
  const shield = await startNumbered(() => cacheControl)
  await ask(shield)
  shield.clock.advance(11_000)
  cacheControl = 'no-store'
  expect([textOf(await ask(shield)), textOf(await ask(shield))]).toEqual(['answer 2', 'answer 3'])
})

test('no-cache and max-age=0 are kept and confirmed by one request for all who ask together', async () => {
  for (const cacheControl of ['no-cache', 'max-age=0']) {
    const { origin, port } = await startHttpShield(CLOSING)
    origin.put(PATH, 'the same', { 'Cache-Control': cacheControl, ETag: '"one"' })
    await request(port, { path: PATH })
    const headers = gate()
    origin.on(PATH, async (exchange) => {
      await headers.opened
      await exchange.answer()
    })
    const clients = await Promise.all(times(5, () => takenRequest(port, { path: PATH })))
    headers.open()
    for (const client of clients) expect(textOf(await client.whole())).toBe('the same')
    expect(origin.requests.map(({ fields }) => fields['if-none-match'])).toEqual([undefined, '"one"'])
    await origin.socketsAtMost(0)
  }
})

test('a failure is not remembered: those who come after it wait for one another again', async () => {
  const shield = await startNumbered(() => undefined, 500)
  expect((await ask(shield)).status).toBe(500)
  const headers = holdAnswers(shield, { 'Cache-Control': 'max-age=60' })
  const clients = await Promise.all(times(5, () => takenRequest(shield.port, { path: PATH })))
  headers.open()
  for (const client of clients) expect(textOf(await client.whole())).toBe('answer 2')
  expect(shield.origin.requests).toHaveLength(2)
})

test('what is remembered of one URL says nothing of another, nor of those with credentials for those without', async () => {
  const shield = await startNumbered(() => undefined)
  const { origin, port } = shield
  await request(port, { path: PATH, headers: { Authorization: 'alice' } })
  const headers = holdAnswers(shield, { 'Cache-Control': 'max-age=60' })
  const clients = await Promise.all(times(5, () => takenRequest(port, { path: PATH })))
  const own = [
    await takenRequest(port, { path: PATH, headers: { Authorization: 'alice' } }),
    await takenRequest(port, { path: PATH, headers: { Authorization: 'bob' } }),
  ]
  await origin.received(4)
  headers.open()
  const shared = await Promise.all(clients.map(async (client) => textOf(await client.whole())))
  expect(new Set(shared).size).toBe(1)
  const personal = await Promise.all(own.map(async (client) => textOf(await client.whole())))
  expect(new Set([...personal, ...shared]).size).toBe(3)
  expect(origin.requests).toHaveLength(4)
})

test('each gets their own range and conditions, asked of the origin as they are', async () => {
  const shield = await startHttpShield(CLOSING)
  const { origin, port } = shield
  origin.put(PATH, '0123456789', { 'Cache-Control': 'private', ETag: '"one"' })
  await ask(shield)
  const range = await request(port, { path: PATH, headers: { Range: 'bytes=2-4' } })
  expect([range.status, range.headers['content-range'], textOf(range)]).toEqual([206, 'bytes 2-4/10', '234'])
  const known = await request(port, { path: PATH, headers: { 'If-None-Match': '"one"' } })
  expect([known.status, known.body.length]).toEqual([304, 0])
  expect(origin.requests.map(({ fields }) => [fields['range'], fields['if-none-match']])).toEqual([
    [undefined, undefined],
    ['bytes=2-4', undefined],
    [undefined, '"one"'],
  ])
  await origin.socketsAtMost(0)
})
