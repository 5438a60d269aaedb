/** What the admin listener takes and sends beyond plain answers: content, paths below a path, streams, and from whom. */
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'
import { type Endpoint, startAdminServer } from '../../src/admin/admin-server.ts'
import { eventStream, json, jsonLines } from '../../src/admin/answer.ts'
import { openRequest, type RequestOptions, request } from '../support/http-client.ts'
import { hasAnswers, openRaw, parseAnswers } from '../support/raw-client.ts'
import { gate } from '../support/s3-socket-server.ts'

const TOKEN = 'hush-4711'
const JSON_CONTENT = { 'Content-Type': 'application/json' }

async function start(endpoints: Readonly<Record<string, Endpoint>>, token?: string) {
  const faults: unknown[] = []
  const server = await startAdminServer({
    host: '127.0.0.1',
    port: 0,
    token,
    endpoints: new Map(Object.entries(endpoints)),
    onFault: (error) => void faults.push(error),
  })
  onTestFinished(() => server.close())
  const { port } = server.listener
  return { server, port, faults, ask: (asked: RequestOptions) => request(port, asked) }
}

/** Says what it was sent, and how often it was called. */
function echo() {
  const calls: unknown[] = []
  const endpoint: Endpoint = {
    methods: {
      GET: ({ rest }) => json(200, { rest }),
      POST: ({ content }) => {
        calls.push(content)
        return json(200, { content })
      },
    },
  }
  return { calls, endpoint }
}

test('content is what its JSON says', async () => {
  const { ask } = await start({ '/x': echo().endpoint })
  for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON']) {
    const { status, body } = await ask({
      method: 'POST',
      path: '/x',
      headers: { 'Content-Type': type },
      body: '{"a":["é"]}',
    })
    expect([status, String(body)], type).toEqual([200, '{"content":{"a":["é"]}}\n'])
  }
})

test.each([
  ['no media type', {}, '{}', 415],
  ['what a form can send', { 'Content-Type': 'text/plain' }, '{}', 415],
  ['another JSON', { 'Content-Type': 'application/jsonl' }, '{}', 415],
  ['no JSON', JSON_CONTENT, '{secret', 400],
  ['nothing', JSON_CONTENT, '', 400],
  ['no UTF-8', JSON_CONTENT, Buffer.from([0x22, 0xff, 0x22]), 400],
  ['too much', JSON_CONTENT, `"${'x'.repeat(256 * 1024)}"`, 413],
])('%s as content goes no further and is named', async (_, headers, body, status) => {
  const { calls, endpoint } = echo()
  const { ask, faults } = await start({ '/x': endpoint })
  const answer = await ask({ method: 'POST', path: '/x', headers, body })

  expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/problem+json'])
  expect(String(answer.body)).not.toContain('secret')
  expect([calls, faults]).toEqual([[], []])
})

test('who leaves before the end of its content has asked for nothing', async () => {
  const { calls, endpoint } = echo()
  const { ask, port, faults } = await start({ '/x': endpoint })
  const connection = await openRaw(port)
  connection.write(
    'POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{}',
  )
  connection.leave()

  expect((await ask({ path: '/x' })).status).toBe(200)
  expect([calls, faults]).toEqual([[], []])
})

test('a path that ends in a slash stands for those below it, which come as they were sent', async () => {
  const { ask } = await start({ '/x/': echo().endpoint })
  const restOf = async (path: string) => {
    const { status, body } = await ask({ path })
    return status === 200 ? JSON.parse(String(body)).rest : status
  }

  expect(await restOf('/x/a/b%20c%2F?d=1')).toBe('a/b%20c%2F?d=1')
  expect(await restOf('/x/')).toBe('')
  expect([await restOf('/x'), await restOf('/xy'), await restOf('/y/x/a'), await restOf('/')]).toEqual([
    404, 404, 404, 404,
  ])
})

test('lines and events go out as they come, at the pace of who takes them', async () => {
  const next = gate()
  async function* values() {
    yield { n: 1 }
    await next.opened
    yield { n: 2 }
  }
  async function* events() {
    yield { event: 'tick', data: { n: 1 } }
    await next.opened
    yield { event: 'end', data: 'a\nb' }
  }
  const { port } = await start({
    '/lines': { methods: { GET: () => jsonLines(values()) } },
    '/events': { methods: { GET: () => eventStream(events()) } },
  })
  const lines = await openRequest(port, { path: '/lines' })
  const stream = await openRequest(port, { path: '/events' })
  await Promise.all([lines.receivedBytes(8), stream.receivedBytes(27)])
  expect(String(lines.received())).toBe('{"n":1}\n')
  expect(String(stream.received())).toBe('event: tick\ndata: {"n":1}\n\n')
  next.open()

  expect([lines.headers['content-type'], stream.headers['content-type']]).toEqual([
    'application/jsonl',
    'text/event-stream',
  ])
  expect(String((await lines.ended).body)).toBe('{"n":1}\n{"n":2}\n')
  expect(String((await stream.ended).body)).toBe('event: tick\ndata: {"n":1}\n\nevent: end\ndata: "a\\nb"\n\n')
})

test('a stream that its asker leaves is told so, and ended', async () => {
  const ended = gate()
  const seen: unknown[] = []
  const endpoint: Endpoint = {
    methods: {
      GET: ({ signal }) =>
        jsonLines(
          (async function* () {
            try {
              yield 'begun'
              await once(signal, 'abort')
              yield 'nobody reads this'
            } finally {
              seen.push(signal.aborted)
              ended.open()
            }
          })(),
        ),
    },
  }
  const { port, faults } = await start({ '/x': endpoint })
  const answer = await openRequest(port, { path: '/x' })
  await answer.receivedBytes(8)
  answer.leave()
  await ended.opened

  expect([seen, faults]).toEqual([[true], []])
})

test('a stream that nobody takes makes no more than waits, and ends with the server', async () => {
  let made = 0
  async function* endless() {
    try {
      for (;;) {
        made += 1
        yield 'x'.repeat(100_000)
      }
    } finally {
      made = -made
    }
  }
  const { server, port } = await start({ '/x': { methods: { GET: () => jsonLines(endless()) } } })
  const answer = await openRequest(port, { path: '/x' })
  answer.pause()
  let before = -1
  await expect
    .poll(() => {
      const isStill = made === before
      before = made
      return isStill
    })
    .toBe(true)
  await server.close()

  await expect.poll(() => made).toBeLessThan(0)
})

test('a stream that breaks is cut off, so that it does not look whole', async () => {
  async function* broken() {
    yield 1
    throw new Error('a fault of its own')
  }
  const { ask, faults } = await start({ '/x': { methods: { GET: () => jsonLines(broken()) } } })
  const { isWhole } = await ask({ path: '/x' })

  expect(isWhole).toBe(false)
  expect(faults.map(String)).toEqual(['Error: a fault of its own'])
})

test('HEAD begins no stream', async () => {
  let made = 0
  async function* values() {
    made += 1
    yield 1
  }
  const { port } = await start({ '/x': { methods: { GET: () => jsonLines(values()) } } })
  const connection = await openRaw(port)
  connection.write('HEAD /x HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await connection.until(hasAnswers(1, ['HEAD']))
  connection.leave()

  expect(made).toBe(0)
})

test.each([
  [{ 'Sec-Fetch-Site': 'cross-site' }],
  [{ 'Sec-Fetch-Site': 'same-site' }],
  [{ Origin: 'https://evil.example' }],
  [{ Origin: 'null' }],
  [{ Origin: 'http://localhost:1' }],
])('without a token a page of another site changes nothing: %j', async (fields) => {
  const { calls, endpoint } = echo()
  const { ask } = await start({ '/x': endpoint })
  const answer = await ask({ method: 'POST', path: '/x', headers: { ...JSON_CONTENT, ...fields }, body: '{}' })

  expect([answer.status, answer.headers['content-type'], calls]).toEqual([403, 'application/problem+json', []])
})

test('without a token a page of its own may', async () => {
  const { ask, port } = await start({ '/x': echo().endpoint })
  for (const fields of [
    { 'Sec-Fetch-Site': 'same-origin', Origin: `http://127.0.0.1:${port}` },
    { 'Sec-Fetch-Site': 'none' },
  ]) {
    const headers = { ...JSON_CONTENT, ...fields }
    expect((await ask({ method: 'POST', path: '/x', headers, body: '{}' })).status).toBe(200)
  }
})

test('what is for everybody is answered without a token, and told so; a wrong token is wrong everywhere', async () => {
  const open: Endpoint = { isForEverybody: true, methods: { GET: ({ isOperator }) => json(200, { isOperator }) } }
  const { ask } = await start({ '/open': open, '/x': echo().endpoint }, TOKEN)
  const withToken = { Authorization: `Bearer ${TOKEN}` }
  const stranger = await ask({ path: '/open' })

  expect([String(stranger.body), stranger.headers['connection']]).toEqual(['{"isOperator":false}\n', 'close'])
  expect(String((await ask({ path: '/open', headers: withToken })).body)).toBe('{"isOperator":true}\n')
  expect((await ask({ path: '/open', headers: { Authorization: 'Bearer wrong' } })).status).toBe(401)
  expect((await ask({ path: '/x' })).status).toBe(401)
})

test('a stranger is answered, and what it had sent behind is not', async () => {
  const open: Endpoint = { isForEverybody: true, methods: { GET: () => json(200, {}) } }
  const { port } = await start({ '/open': open }, TOKEN)
  const connection = await openRaw(port)
  connection.write('GET /open HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2))

  expect(parseAnswers(await connection.closed)).toHaveLength(1)
})

test('a stranger that asks for what nobody may, or for what breaks, is disconnected too', async () => {
  const broken: Endpoint = { isForEverybody: true, methods: { GET: () => Promise.reject(new Error('a fault')) } }
  const { port } = await start({ '/open': broken }, TOKEN)
  for (const [method, status] of [
    ['DELETE', 405],
    ['GET', 500],
  ] as const) {
    const connection = await openRaw(port)
    connection.write(`${method} /open HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(2))

    expect(parseAnswers(await connection.closed).map((answer) => answer.status)).toEqual([status])
  }
})
