/** The admin listener by itself: who may ask, what is answered to what is none of its requests, and how it ends. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AdminServerOptions, type Endpoint, startAdminServer } from '../../src/admin/admin-server.ts'
import { json } from '../../src/admin/answer.ts'
import { StartError } from '../../src/errors.ts'
import { type Answer, type RequestOptions, request } from '../support/http-client.ts'
import { hasAnswers, openRaw, parseAnswers, rawExchange } from '../support/raw-client.ts'

const TOKEN = 'hush-4711/+=~'
/** Longer than any test waits, so that the one limit under test is the one that acts. */
const LONG = { maxConnections: 100, headersMs: 600_000, requestMs: 600_000, checkingMs: 10, keepAliveMs: 600_000 }

const ENDPOINTS = new Map<string, Endpoint>([
  ['/there', { methods: { GET: ({ query }) => json(200, { query: query.toString() }) } }],
  ['/changed', { methods: { POST: ({ content }) => json(200, { content }) } }],
  ['/broken', { methods: { GET: () => Promise.reject(new Error('a fault of its own')) } }],
])

async function start(options: Partial<Omit<AdminServerOptions, 'limits'>> & { limits?: Partial<typeof LONG> } = {}) {
  const faults: unknown[] = []
  const limits = { ...LONG, ...options.limits }
  const onFault = (error: unknown) => void faults.push(error)
  const given = { host: '127.0.0.1', port: 0, token: undefined, endpoints: ENDPOINTS, onFault, ...options, limits }
  const server = await startAdminServer(given)
  onTestFinished(() => server.close())
  const { port } = server.listener
  return { server, port, faults, ask: (asked: RequestOptions) => request(port, asked) }
}

function expectProblem(answer: Answer, status: number, title: string): { detail: string } {
  expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/problem+json'])
  const written = JSON.parse(String(answer.body))
  expect(written).toEqual({ type: 'about:blank', title, status, detail: expect.stringMatching(/^[A-Z]/) })
  expect(answer.headers['cache-control']).toBe('no-store')
  return written
}

describe('an answer', () => {
  test('is JSON of a known length that no cache keeps and no browser guesses at', async () => {
    const { ask } = await start()
    const { status, headers, body } = await ask({ path: '/there?a=1&b' })

    expect([status, String(body)]).toEqual([200, '{"query":"a=1&b="}\n'])
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(body.length),
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    })
  })

  test('to HEAD is the one to GET without its content', async () => {
    const { port, ask } = await start()
    const { headers } = await ask({ path: '/there' })
    const head = 'HEAD /there HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'
    const [answer] = parseAnswers(await rawExchange(port, head), ['HEAD'])

    expect([answer?.status, answer?.body.length]).toEqual([200, 0])
    const { date: _, connection: __, ...same } = headers
    expect(answer?.headers).toMatchObject(same)
  })

  test.each(['/', '/nowhere', '/there/', '/THERE', '/there%20', '//there', '/%2e/there', '/toString'])(
    'to %s is 404 and names what there is, not what was asked',
    async (path) => {
      const { ask } = await start()
      const { detail } = expectProblem(await ask({ path }), 404, 'Not Found')

      expect(detail).toBe('There is: /there, /changed, /broken')
    },
  )

  test.each([
    ['POST', '/there', 'GET, HEAD'],
    ['PUT', '/there', 'GET, HEAD'],
    ['DELETE', '/there', 'GET, HEAD'],
    ['OPTIONS', '/there', 'GET, HEAD'],
    ['GET', '/changed', 'POST'],
  ])('to %s %s is 405 and says what is allowed', async (method, path, allow) => {
    const { ask } = await start()
    const answer = await ask({ method, path, body: '' })
    expectProblem(answer, 405, 'Method Not Allowed')

    expect(answer.headers['allow']).toBe(allow)
  })

  test('of an endpoint that breaks is 500, tells nothing of the fault, and the next one is good', async () => {
    const { ask, faults } = await start()
    const answer = await ask({ path: '/broken' })
    expectProblem(answer, 500, 'Internal Server Error')

    expect(String(answer.body)).not.toContain('of its own')
    expect(faults.map(String)).toEqual(['Error: a fault of its own'])
    expect((await ask({ path: '/there' })).status).toBe(200)
  })

  test('to a request with content comes all the same, and the next one on that connection too', async () => {
    const { port } = await start()
    const asked = 'GET /there HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello'
    const connection = await openRaw(port)
    connection.write(asked + asked)
    const answers = parseAnswers(await connection.until(hasAnswers(2)))
    connection.leave()

    expect(answers.map(({ status }) => status)).toEqual([200, 200])
  })
})

describe('with a token', () => {
  test('whoever brings it is answered, however the scheme is written and whatever host is named', async () => {
    const { ask } = await start({ token: TOKEN })
    for (const authorization of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `BEARER   ${TOKEN} `]) {
      const headers = { Authorization: authorization, Host: 'shield.example' }
      expect((await ask({ path: '/there', headers })).status, authorization).toBe(200)
    }
  })

  test.each([
    ['nothing', undefined],
    ['another scheme', `Basic ${Buffer.from(`admin:${TOKEN}`).toString('base64')}`],
    ['the bare token', TOKEN],
    ['an empty one', 'Bearer '],
    ['two words', `Bearer ${TOKEN} ${TOKEN}`],
  ])('whoever brings %s is asked for it', async (_, authorization) => {
    const { ask } = await start({ token: TOKEN })
    const answer = await ask({ path: '/there', headers: authorization === undefined ? {} : { authorization } })
    expectProblem(answer, 401, 'Unauthorized')

    expect(answer.headers).toMatchObject({
      'www-authenticate': 'Bearer realm="segment-shield admin"',
      connection: 'close',
    })
  })

  test.each([['x'], [`${TOKEN}x`], [TOKEN.slice(0, -1)], [TOKEN.toUpperCase()], ['x'.repeat(4000)]])(
    'Bearer %s is told that it is wrong, and nothing else',
    async (given) => {
      const { ask, faults } = await start({ token: TOKEN })
      const answer = await ask({ path: '/there', headers: { Authorization: `Bearer ${given}` } })
      expectProblem(answer, 401, 'Unauthorized')

      expect(answer.headers['www-authenticate']).toBe('Bearer realm="segment-shield admin", error="invalid_token"')
      expect(JSON.stringify([answer.headers, String(answer.body)])).not.toContain(TOKEN)
      expect(faults).toEqual([])
    },
  )

  test('a stranger does not learn which paths and methods there are', async () => {
    const { ask } = await start({ token: TOKEN })
    const answers = [
      await ask({ path: '/there' }),
      await ask({ path: '/nowhere' }),
      await ask({ path: '/there', method: 'DELETE' }),
      await ask({ path: '/there?token=hush' }),
    ]

    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`)).size).toBe(1)
  })

  test('a stranger is disconnected, and what it had sent behind is not answered', async () => {
    const { port } = await start({ token: TOKEN })
    const connection = await openRaw(port)
    const good = `GET /there HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`
    connection.write(`GET /there HTTP/1.1\r\nHost: x\r\n\r\n${good}`)

    expect(parseAnswers(await connection.closed).map(({ status }) => status)).toEqual([401])
  })
})

describe('without a token', () => {
  test.each(['localhost', 'LOCALHOST:9090', '127.0.0.1', '127.0.0.1:80', '127.8.9.1:9090', '[::1]', '[::1]:9090'])(
    '%s as the host is this machine',
    async (Host) => {
      const { ask } = await start()

      expect((await ask({ path: '/there', headers: { Host } })).status).toBe(200)
    },
  )

  test.each([
    'evil.example',
    'evil.example:9090',
    'localhost.evil.example',
    'evil-localhost',
    '127.0.0.1.evil.example',
    '127.0.0.1@evil.example',
    '0.0.0.0:9090',
    '10.0.0.1',
    '[::]:9090',
    '',
  ])('%j as the host is a page that rebound its name, and gets 421', async (host) => {
    const { port } = await start()
    const [answer] = parseAnswers(await rawExchange(port, `GET /there HTTP/1.1\r\nHost: ${host}\r\n\r\n`))
    if (answer === undefined) throw new Error('no answer')
    expectProblem(answer, 421, 'Misdirected Request')

    expect(answer.headers['connection']).toBe('close')
    if (host !== '') expect(String(answer.body)).not.toContain('evil')
  })

  test('HTTP/1.0 without a host, as plain health checks send it, is answered', async () => {
    const { port } = await start()
    const [answer] = parseAnswers(await rawExchange(port, 'GET /there HTTP/1.0\r\n\r\n'))

    expect(answer?.status).toBe(200)
  })

  test('HTTP/1.1 without a host is malformed', async () => {
    const { port } = await start()
    const [answer] = parseAnswers(await rawExchange(port, 'GET /there HTTP/1.1\r\nConnection: close\r\n\r\n'))

    expect(answer?.status).toBe(400)
  })
})

describe('the listener', () => {
  test('on a port that is taken is a sentence that names it', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    onTestFinished(() => void holder.close())
    const address = holder.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const error = await start({ port }).catch((reason: unknown) => reason)

    expect(error).toBeInstanceOf(StartError)
    expect(String(error)).toContain(`cannot listen on 127.0.0.1:${port}: the port is taken by another program`)
  })

  test('closes connections that say nothing, or never end their request', async () => {
    const { port } = await start({ limits: { headersMs: 50, requestMs: 100 } })
    const [silent, half] = [await openRaw(port), await openRaw(port)]
    half.write('GET /there HTTP/1.1\r\nHost: loc')

    expect(parseAnswers(await silent.closed).filter(({ status }) => status !== 408)).toEqual([])
    expect(parseAnswers(await half.closed).map(({ status }) => status)).toEqual([408])
  })

  test('closes idle connections after their time', async () => {
    const { port } = await start({ limits: { keepAliveMs: 50 } })
    const connection = await openRaw(port)
    connection.write('GET /there HTTP/1.1\r\nHost: localhost\r\n\r\n')

    expect(parseAnswers(await connection.closed).map(({ isWhole }) => isWhole)).toEqual([true])
  })

  test('refuses header fields that are too large', async () => {
    const { port } = await start()
    const large = `GET /there HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(9000)}\r\n\r\n`

    expect(parseAnswers(await rawExchange(port, large)).map(({ status }) => status)).toEqual([431])
  })

  test('takes so many connections and no more, and another one when one has gone', async () => {
    const { port, ask } = await start({ limits: { maxConnections: 2 } })
    const kept = [await openRaw(port), await openRaw(port)] as const
    const asked = 'GET /there HTTP/1.1\r\nHost: localhost\r\n\r\n'
    for (const connection of kept) {
      connection.write(asked)
      await connection.until(hasAnswers(1))
    }
    await expect(ask({ path: '/there' })).rejects.toThrow()
    kept[0].write(asked)
    expect(parseAnswers(await kept[0].until(hasAnswers(2)))).toHaveLength(2)
    kept[1].socket.end()
    await kept[1].closed

    expect((await ask({ path: '/there' })).status).toBe(200)
  })

  test('leaves no connection behind when it is closed, whatever they are at', async () => {
    const { server, port } = await start()
    const [silent, half, idle] = [await openRaw(port), await openRaw(port), await openRaw(port)]
    half.write('GET /there HTTP/1.1\r\n')
    idle.write('GET /there HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await idle.until(hasAnswers(1))
    await server.close()
    await Promise.all([silent.closed, half.closed, idle.closed])

    await expect(request(port, { path: '/there' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})
