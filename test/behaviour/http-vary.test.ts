/** An answer that varies is given to those alone who would have been answered with it (RFC 9111 §4.1). */
import { describe, expect, test } from 'vitest'
import { type HttpShield, startHttpShield } from '../support/http-shield.ts'
import type { Fields } from '../support/http-socket-server.ts'
import { type Answer, pattern, request } from '../support/shield.ts'

const PATH = '/page'
type Sent = Readonly<Record<string, string | readonly string[]>>

/** Its answers are numbered and vary by the fields that are named. */
async function startVarying(vary: string | readonly string[], fields: Fields = {}): Promise<HttpShield> {
  const shield = await startHttpShield({ origin: { pool: { maxFreeSockets: 0 } } })
  shield.origin.on(PATH, ({ nth, send }) =>
    send({ body: `answer ${nth}`, fields: { Vary: vary, 'Cache-Control': 'max-age=60', ...fields } }),
  )
  return shield
}

const ask = ({ port }: HttpShield, headers: Sent = {}, method = 'GET'): Promise<Answer> =>
  request(port, { path: PATH, headers, method })

async function textOf(answer: Promise<Answer>): Promise<string> {
  return (await answer).body.toString()
}

describe('the same to an origin', () => {
  const pairs: readonly (readonly [string, string, Sent, Sent])[] = [
    ['white space around members', 'X-A', { 'X-A': 'a,b' }, { 'X-A': 'a ,  b' }],
    ['one line and two', 'X-A', { 'X-A': 'a, b' }, { 'X-A': ['a', 'b'] }],
    ['the case of a field’s name', 'x-a', { 'X-A': 'a' }, { 'x-A': 'a' }],
    ['the order of codings', 'Accept-Encoding', { 'Accept-Encoding': 'gzip, br' }, { 'Accept-Encoding': 'br, gzip' }],
    ['a field that is not named', 'X-A', { 'X-A': 'a', 'X-B': '1' }, { 'X-A': 'a', 'X-B': '2' }],
    ['neither has the field', 'X-A', {}, {}],
  ]
  test.each(pairs)('%s', async (_what, vary, one, other) => {
    const shield = await startVarying(vary)
    expect(await textOf(ask(shield, one))).toBe('answer 1')
    expect(await textOf(ask(shield, other))).toBe('answer 1')
    expect(shield.origin.requests).toHaveLength(1)
  })
})

describe('not the same to an origin', () => {
  const pairs: readonly (readonly [string, string, Sent, Sent])[] = [
    ['an absent field and an empty one', 'X-A', {}, { 'X-A': '' }],
    ['another value', 'X-A', { 'X-A': 'a' }, { 'X-A': 'b' }],
    ['another case of a value', 'X-A', { 'X-A': 'a' }, { 'X-A': 'A' }],
    ['another order', 'X-A', { 'X-A': 'a, b' }, { 'X-A': 'b, a' }],
    ['a second member', 'X-A', { 'X-A': 'a' }, { 'X-A': 'a, a' }],
    ['the other one of two fields', 'X-A, X-B', { 'X-A': 'a' }, { 'X-B': 'a' }],
    ['a value that looks like two fields', 'X-A, X-B', { 'X-A': 'x-b:1:a' }, { 'X-A': '', 'X-B': 'a' }],
    ['a coding refused', 'Accept-Encoding', { 'Accept-Encoding': 'gzip' }, { 'Accept-Encoding': 'gzip;q=0' }],
    ['a cookie', 'Cookie', { Cookie: 'a=1' }, { Cookie: 'a=2' }],
  ]
  test.each(pairs)('%s', async (_what, vary, one, other) => {
    const shield = await startVarying(vary)
    expect(await textOf(ask(shield, one))).toBe('answer 1')
    expect(await textOf(ask(shield, other))).toBe('answer 2')
    // Side by side: neither has taken the other's place.
    expect([await textOf(ask(shield, one)), await textOf(ask(shield, other))]).toEqual(['answer 1', 'answer 2'])
    expect(shield.origin.requests).toHaveLength(2)
    await shield.origin.socketsAtMost(0)
  })
})

test.each([['*'], ['Accept-Encoding, *'], [['Accept-Encoding', '*']]])('nothing is kept of Vary: %s', async (vary) => {
  const shield = await startVarying(vary)
  const first = await ask(shield)
  expect(first.headers['cache-status']).toContain('detail=vary')
  expect(await textOf(ask(shield))).toBe('answer 2')
  expect(await textOf(ask(shield))).toBe('answer 3')
  expect(shield.origin.requests).toHaveLength(3)
})

test('when an answer varies by something else than those before, each goes on being found by its own fields', async () => {
  const shield = await startVarying('X-A')
  expect(await textOf(ask(shield, { 'X-A': '1', 'X-B': '1' }))).toBe('answer 1')
  shield.origin.on(PATH, ({ nth, send }) =>
    send({ body: `answer ${nth}`, fields: { Vary: 'X-B', 'Cache-Control': 'max-age=60' } }),
  )
  expect(await textOf(ask(shield, { 'X-A': '2', 'X-B': '2' }))).toBe('answer 2')
  expect(await textOf(ask(shield, { 'X-A': '1', 'X-B': '9' }))).toBe('answer 1')
  expect(await textOf(ask(shield, { 'X-A': '9', 'X-B': '2' }))).toBe('answer 2')
  expect(await textOf(ask(shield, { 'X-A': '3', 'X-B': '3' }))).toBe('answer 3')
})

test('of two stored answers that both fit, the newer one is given', async () => {
  const shield = await startVarying('X-A')
  await ask(shield, { 'X-A': '1', 'X-B': '1' })
  shield.clock.advance(1000)
  shield.origin.on(PATH, ({ nth, send }) =>
    send({ body: `answer ${nth}`, fields: { Vary: 'X-B', 'Cache-Control': 'max-age=60' } }),
  )
  await ask(shield, { 'X-A': '2', 'X-B': '2' })
  expect(await textOf(ask(shield, { 'X-A': '1', 'X-B': '2' }))).toBe('answer 2')
  expect(shield.origin.requests).toHaveLength(2)
})

test('an answer that does not vary any more is for everybody, in place of all that did', async () => {
  const shield = await startVarying('X-A')
  await ask(shield, { 'X-A': '1' })
  await ask(shield, { 'X-A': '2' })
  shield.clock.advance(60_000)
  shield.origin.on(PATH, ({ nth, send }) => send({ body: `answer ${nth}`, fields: { 'Cache-Control': 'max-age=60' } }))
  expect(await textOf(ask(shield, { 'X-A': '1' }))).toBe('answer 3')
  expect(await textOf(ask(shield, { 'X-A': '2' }))).toBe('answer 3')
  expect(await textOf(ask(shield))).toBe('answer 3')
  expect(shield.origin.requests).toHaveLength(3)
})

test('an answer that begins to vary is not given to those whom the last one was for', async () => {
  const { origin, port, clock } = await startHttpShield()
  origin.on(PATH, ({ nth, request: { fields }, send }) =>
    send({
      body: `${fields['x-a']} ${nth}`,
      fields: { 'Cache-Control': 'max-age=60', Vary: nth === 1 ? undefined : 'X-A' },
    }),
  )
  const shield = { port } as HttpShield
  expect(await textOf(ask(shield, { 'X-A': 'a' }))).toBe('a 1')
  clock.advance(60_000)
  expect(await textOf(ask(shield, { 'X-A': 'b' }))).toBe('b 2')
  expect(await textOf(ask(shield, { 'X-A': 'a' }))).toBe('a 3')
  expect(await textOf(ask(shield, { 'X-A': 'b' }))).toBe('b 2')
  expect(origin.requests).toHaveLength(3)
})

test('HEAD, ranges and conditions are answered out of the variant that is theirs', async () => {
  const { origin, port } = await startHttpShield()
  const bodies: Readonly<Record<string, Buffer>> = { de: pattern(1000, 1), en: pattern(2000, 2) }
  origin.on(PATH, ({ request: { fields }, send }) => {
    const language = fields['accept-language'] ?? ''
    const variant = { Vary: 'Accept-Language', ETag: `"${language}"`, 'Content-Language': language }
    return send({ body: (bodies[language] ?? Buffer.alloc(0)).toString('latin1'), fields: variant })
  })
  const shield = { port } as HttpShield
  for (const language of ['de', 'en']) await ask(shield, { 'Accept-Language': language })
  for (const [language, bytes] of Object.entries(bodies)) {
    const fields = { 'Accept-Language': language }
    const head = await ask(shield, fields, 'HEAD')
    expect([head.headers['content-length'], head.headers['content-language']]).toEqual([String(bytes.length), language])
    const range = await ask(shield, { ...fields, Range: 'bytes=-100' })
    expect([range.status, range.body.equals(bytes.subarray(-100)), range.headers['etag']]).toEqual([
      206,
      true,
      `"${language}"`,
    ])
    expect((await ask(shield, { ...fields, 'If-None-Match': `"${language}"` })).status).toBe(304)
    expect((await ask(shield, { ...fields, 'If-None-Match': '"other"' })).status).toBe(200)
  }
  expect(origin.requests).toHaveLength(2)
})

test('each variant is confirmed with its own tag and the fields of who asks, and stays what it is', async () => {
  const { origin, port, clock } = await startHttpShield()
  origin.on(PATH, ({ request: { fields }, send }) => {
    const language = fields['accept-language'] ?? ''
    const variant = { Vary: 'Accept-Language', ETag: `"${language}"`, 'Cache-Control': 'max-age=10' }
    const isKnown = fields['if-none-match'] === `"${language}"`
    return isKnown
      ? send({ status: 304, framing: 'none', fields: variant })
      : send({ body: `in ${language}`, fields: variant })
  })
  const shield = { port } as HttpShield
  for (const language of ['de', 'en']) await ask(shield, { 'Accept-Language': language })
  clock.advance(11_000)
  for (const language of ['en', 'de', 'de']) {
    expect(await textOf(ask(shield, { 'Accept-Language': language }))).toBe(`in ${language}`)
  }
  expect(origin.requests.map(({ fields }) => [fields['accept-language'], fields['if-none-match']])).toEqual([
    ['de', undefined],
    ['en', undefined],
    ['en', '"en"'],
    ['de', '"de"'],
  ])
})

test('large objects are kept in slices variant by variant, and never put together out of two', async () => {
  const { origin, port } = await startHttpShield({
    cache: { slice: '64KiB', maxObject: '64KiB' },
    origin: { pool: { maxFreeSockets: 0 } },
  })
  const bodies: Readonly<Record<string, Buffer>> = { a: pattern(300_000, 1), b: pattern(300_000, 2) }
  origin.on(PATH, async ({ request: { fields }, send }) => {
    const name = fields['x-a'] ?? ''
    const bytes = bodies[name] ?? Buffer.alloc(0)
    const variant = { Vary: 'X-A', ETag: `"${name}"`, 'Cache-Control': 'max-age=60' }
    const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)$/.exec(fields['range'] ?? '') ?? []
    if (fields['range'] === undefined) return send({ body: bytes.toString('latin1'), fields: variant })
    const end = last === '' ? bytes.length : Math.min(Number(last) + 1, bytes.length)
    return send({
      status: 206,
      body: bytes.subarray(Number(first), end).toString('latin1'),
      fields: { ...variant, 'Content-Range': `bytes ${first}-${end - 1}/${bytes.length}` },
    })
  })
  const shield = { port } as HttpShield
  for (const [name, bytes] of Object.entries(bodies)) {
    const range = await ask(shield, { 'X-A': name, Range: 'bytes=100000-199999' })
    expect([range.status, range.body.equals(bytes.subarray(100_000, 200_000))]).toEqual([206, true])
  }
  for (const [name, bytes] of Object.entries(bodies)) {
    const whole = await ask(shield, { 'X-A': name })
    expect([whole.status, whole.isWhole, whole.body.equals(bytes)]).toEqual([200, true, true])
    const again = await ask(shield, { 'X-A': name, Range: 'bytes=0-299999' })
    expect(again.body.equals(bytes)).toBe(true)
  }
  expect(origin.requests.every(({ fields }) => ['a', 'b'].includes(fields['x-a'] ?? ''))).toBe(true)
  await origin.socketsAtMost(0)
})

test('no more than 32 variants of one URL are kept: the one stored first goes', async () => {
  const shield = await startVarying('X-A')
  for (let nth = 1; nth <= 32; nth += 1) await ask(shield, { 'X-A': String(nth) })
  expect(await textOf(ask(shield, { 'X-A': '1' }))).toBe('answer 1')
  expect(await textOf(ask(shield, { 'X-A': '33' }))).toBe('answer 33')
  expect(await textOf(ask(shield, { 'X-A': '2' }))).toBe('answer 2')
  expect(await textOf(ask(shield, { 'X-A': '33' }))).toBe('answer 33')
  expect(shield.origin.requests).toHaveLength(33)
  expect(await textOf(ask(shield, { 'X-A': '1' }))).toBe('answer 34')
})
