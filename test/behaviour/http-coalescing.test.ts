/** However many ask for one URL of an HTTP origin at once, it is asked once for each answer it has for them. */
import { expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { gate, ordinary } from '../support/http-socket-server.ts'
import { openRequest, pattern, request, takenRequest, times } from '../support/shield.ts'

const PATH = '/live/1.ts?v=2'
const BYTES = pattern(200_000, 1)
const NEW = pattern(150_000, 2)
const CLIENTS = 30
const CLOSING = { origin: { pool: { maxFreeSockets: 0 } } }

test('clients of one cold URL cause one origin request and get every byte of it', async () => {
  const { origin, port } = await startHttpShield(CLOSING)
  origin.put(PATH, BYTES, { 'Cache-Control': 'max-age=60', 'X-Made': 'once' })
  const headers = gate()
  origin.on(PATH, async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  const clients = await Promise.all(times(CLIENTS, () => takenRequest(port, { path: PATH })))
  headers.open()
  const answers = await Promise.all(clients.map((client) => client.whole()))
  for (const answer of answers) {
    expect([answer.status, answer.isWhole, answer.headers['x-made']]).toEqual([200, true, 'once'])
    expect(answer.body.equals(BYTES)).toBe(true)
  }
  const words = answers.map((answer) => answer.headers['cache-status']).toSorted()
  expect(words).toEqual([
    ...times(CLIENTS - 1, () => 'segment-shield; fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=60'),
    'segment-shield; fwd=uri-miss; fwd-status=200; stored; ttl=60',
  ])
  expect(origin.requests.map(({ method, target }) => [method, target])).toEqual([['GET', PATH]])
  await origin.socketsAtMost(0)
})

test('clients of a stale answer cause one conditional request, and all get the bytes confirmed', async () => {
  const { origin, port, clock } = await startHttpShield(CLOSING)
  origin.put(PATH, BYTES, { 'Cache-Control': 'max-age=60', ETag: '"one"', 'X-Made': 'first' })
  await request(port, { path: PATH })
  clock.advance(60_000)
  const headers = gate()
  origin.on(PATH, async (exchange) => {
    await headers.opened
    await exchange.answer({ 'X-Made': 'again' })
  })
  const clients = await Promise.all(times(CLIENTS, () => takenRequest(port, { path: PATH })))
  headers.open()
  for (const client of clients) {
    const answer = await client.whole()
    expect([answer.status, answer.headers['x-made'], answer.headers['age']]).toEqual([200, 'again', '0'])
    expect(answer.headers['cache-status']).toMatch(/^segment-shield; fwd=stale; fwd-status=304;.* ttl=60$/)
    expect(answer.body.equals(BYTES)).toBe(true)
  }
  expect(origin.requests.map(({ fields }) => fields['if-none-match'])).toEqual([undefined, '"one"'])
  await origin.socketsAtMost(0)
})

test('clients of a stale answer that has changed all get the new bytes out of that one conditional request', async () => {
  const { origin, port, clock } = await startHttpShield(CLOSING)
  origin.put(PATH, BYTES, { 'Cache-Control': 'max-age=60', ETag: '"one"' })
  await request(port, { path: PATH })
  clock.advance(60_000)
  origin.put(PATH, NEW, { 'Cache-Control': 'max-age=60', ETag: '"two"' })
  const [headers, rest] = [gate(), gate()]
  origin.on(PATH, async (exchange) => {
    await headers.opened
    await exchange.answerPart(1000)
    await rest.opened
    await exchange.more()
  })
  const clients = await Promise.all(times(CLIENTS, () => takenRequest(port, { path: PATH })))
  headers.open()
  const [first] = clients
  await (await first?.answer)?.receivedBytes(1000)
  const late = await openRequest(port, { path: PATH })
  await late.receivedBytes(1000)
  rest.open()
  for (const client of clients) {
    const answer = await client.whole()
    expect([answer.status, answer.headers['etag'], answer.body.equals(NEW)]).toEqual([200, '"two"', true])
    expect(answer.headers['cache-status']).toContain('fwd=stale; fwd-status=200; stored')
  }
  expect((await late.ended).body.equals(NEW)).toBe(true)
  expect(origin.requests.map(({ fields }) => fields['if-none-match'])).toEqual([undefined, '"one"'])
  await origin.socketsAtMost(0)
})

test('clients of each language who waited together get their own, for one origin request a language', async () => {
  const { origin, port } = await startHttpShield(CLOSING)
  const headers = gate()
  origin.on('/page', async (exchange) => {
    await headers.opened
    const language = exchange.request.fields['accept-language'] ?? 'none'
    await exchange.send({ body: `in ${language}`, fields: { Vary: 'Accept-Language', 'Cache-Control': 'max-age=60' } })
  })
  const languages = times(30, (index) => ['de', 'en', 'fr'][index % 3] ?? 'de')
  const clients = await Promise.all(
    languages.map((language) => takenRequest(port, { path: '/page', headers: { 'Accept-Language': language } })),
  )
  headers.open()
  const answers = await Promise.all(clients.map((client) => client.whole()))
  expect(answers.map(({ body }) => body.toString())).toEqual(languages.map((language) => `in ${language}`))
  expect(origin.requests.map(({ fields }) => fields['accept-language']).toSorted()).toEqual(['de', 'en', 'fr'])
  for (const language of ['de', 'en', 'fr']) {
    const hit = await request(port, { path: '/page', headers: { 'Accept-Language': language } })
    expect([hit.body.toString(), hit.headers['cache-status']]).toEqual([
      `in ${language}`,
      'segment-shield; hit; ttl=60',
    ])
  }
  expect(origin.requests).toHaveLength(3)
  await origin.socketsAtMost(0)
})

test('where the languages are known already, those who wait for one do not wait for another', async () => {
  const { origin, port } = await startHttpShield(CLOSING)
  const vary = { Vary: 'Accept-Language', 'Cache-Control': 'max-age=60' }
  const german = gate()
  origin.on('/page', async (exchange) => {
    const language = exchange.request.fields['accept-language'] ?? 'none'
    if (language === 'de') await german.opened
    await exchange.send({ body: `in ${language}`, fields: vary })
  })
  await request(port, { path: '/page', headers: { 'Accept-Language': 'en' } })
  const waiting = await takenRequest(port, { path: '/page', headers: { 'Accept-Language': 'de' } })
  await origin.received(2)
  const french = await request(port, { path: '/page', headers: { 'Accept-Language': 'fr' } })
  expect([french.body.toString(), french.headers['cache-status']]).toEqual([
    'in fr',
    'segment-shield; fwd=vary-miss; fwd-status=200; stored; ttl=60',
  ])
  german.open()
  expect((await waiting.whole()).body.toString()).toBe('in de')
  expect(origin.requests).toHaveLength(3)
  await origin.socketsAtMost(0)
})

test('conditions and ranges of clients who wait do not reach the origin, and each is answered by its own', async () => {
  const { origin, port } = await startHttpShield(CLOSING)
  origin.put(PATH, BYTES, { 'Cache-Control': 'max-age=60', ETag: '"one"' })
  const headers = gate()
  origin.on(PATH, async (exchange) => {
    await headers.opened
    await exchange.answer()
  })
  const known = await takenRequest(port, { path: PATH, headers: { 'If-None-Match': '"one"' } })
  const whole = await takenRequest(port, { path: PATH })
  const range = await takenRequest(port, { path: PATH, headers: { Range: 'bytes=-10' } })
  const other = await takenRequest(port, { path: PATH, headers: { 'If-Match': '"two"' } })
  headers.open()
  const unchanged = await known.whole()
  expect([unchanged.status, unchanged.body.length, unchanged.headers['etag']]).toEqual([304, 0, '"one"'])
  expect((await whole.whole()).body.equals(BYTES)).toBe(true)
  const part = await range.whole()
  expect([part.status, part.headers['content-range']]).toEqual([206, 'bytes 199990-199999/200000'])
  expect(part.body.equals(BYTES.subarray(-10))).toBe(true)
  expect((await other.whole()).status).toBe(412)
  expect(origin.requests).toHaveLength(1)
  const { 'if-none-match': ifNoneMatch, 'if-match': ifMatch, range: asked } = origin.requests[0]?.fields ?? {}
  expect([ifNoneMatch, ifMatch, asked]).toEqual([undefined, undefined, undefined])
  await origin.socketsAtMost(0)
})

test('an origin that dies before its headers is one error for all who waited, and is asked anew by the next', async () => {
  const { origin, port } = await startHttpShield(CLOSING)
  origin.put(PATH, BYTES, { 'Cache-Control': 'max-age=60' })
  const dies = gate()
  origin.once(
    PATH,
    async (exchange) => {
      await dies.opened
      exchange.reset()
    },
    ordinary,
  )
  const clients = await Promise.all(times(CLIENTS, () => takenRequest(port, { path: PATH })))
  dies.open()
  const answers = await Promise.all(clients.map((client) => client.whole()))
  expect(answers.map(({ status }) => status)).toEqual(times(CLIENTS, () => 502))
  expect(origin.requests).toHaveLength(1)
  expect((await request(port, { path: PATH })).body.equals(BYTES)).toBe(true)
  expect(origin.requests).toHaveLength(2)
  await origin.socketsAtMost(0)
})
