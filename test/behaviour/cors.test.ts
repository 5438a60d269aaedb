/** A route with `cors` lets players on other sites read every kind of answer, and asks its origin nothing about it. */
import { describe, expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { type Answer, request, startShield } from '../support/shield.ts'

const A = 'https://a.example'
const B = 'https://b.example'

function values({ rawHeaders }: Answer, name: string): string[] {
  return rawHeaders.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)
}

const corsFields = ({ rawHeaders }: Answer) =>
  rawHeaders.filter(([name]) => /^(?:access-control-|timing-allow-origin$|vary$)/i.test(name)).map(([name]) => name)

describe('several sites', () => {
  const cors = { origins: [A, 'https://*.b.example'] }

  test('every kind of answer names the site that asked, and varies by it once', async () => {
    const { s3, port } = await startShield({ routes: [{ match: '/**', cors }] })
    s3.put('a.ts', '0123456789', { ETag: '"e"' })
    s3.on('broken.ts', (exchange) => exchange.error(500, 'InternalError'))
    s3.on('denied.ts', (exchange) => exchange.error(403, 'AccessDenied'))
    const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
      request(port, { path, method, headers: { Origin: A, ...headers } })

    const answers = [
      await ask('/a.ts'),
      await ask('/a.ts'),
      await ask('/a.ts', { Range: 'bytes=1-2' }),
      await ask('/a.ts', { Range: 'bytes=1-2,4-5' }),
      await ask('/a.ts', { 'If-None-Match': '*' }),
      await ask('/a.ts', {}, 'HEAD'),
      await ask('/missing.ts'),
      await ask('/denied.ts'),
      await ask('/a.ts', { Range: 'bytes=10-' }),
      await ask('/a.ts', { 'If-Match': '"other"' }),
      await ask('/broken.ts'),
      await ask('/a.ts', {}, 'POST'),
    ]

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 206, 206, 304, 200, 404, 403, 416, 412, 502, 405])
    for (const answer of answers) {
      expect(values(answer, 'access-control-allow-origin')).toEqual([A])
      expect(values(answer, 'timing-allow-origin')).toEqual([A])
      expect(values(answer, 'vary')).toEqual(['Origin'])
      expect(values(answer, 'access-control-expose-headers')).toHaveLength(1)
    }
  })

  test('one stored answer is given to each of them under its own name, and to others without any', async () => {
    const { s3, port } = await startShield({ routes: [{ match: '/**', cors }] })
    s3.put('a.ts', 'x')
    const allowed = async (origin?: string) => {
      const answer = await request(port, { path: '/a.ts', headers: origin === undefined ? {} : { Origin: origin } })
      return [answer.status, values(answer, 'access-control-allow-origin'), values(answer, 'vary')]
    }

    expect(await allowed(A)).toEqual([200, [A], ['Origin']])
    expect(await allowed('https://x.b.example')).toEqual([200, ['https://x.b.example'], ['Origin']])
    expect(await allowed('https://c.example')).toEqual([200, [], ['Origin']])
    expect(await allowed('null')).toEqual([200, [], ['Origin']])
    expect(await allowed()).toEqual([200, [], ['Origin']])
    expect(s3.requests).toHaveLength(1)
  })
})

describe('a preflight', () => {
  const asks = {
    Origin: A,
    'Access-Control-Request-Method': 'GET',
    'Access-Control-Request-Headers': 'cmcd-session,range',
  }

  test('is answered without the origin, for what is not there and may not be asked for as well', async () => {
    const { s3, port } = await startShield({ routes: [{ match: '/**', cors: { origins: ['*'], maxAge: '10m' } }] })

    for (const path of ['/a.ts', '/']) {
      const answer = await request(port, { path, method: 'OPTIONS', headers: asks })
      expect([answer.status, answer.body.length]).toEqual([204, 0])
      expect(values(answer, 'access-control-allow-origin')).toEqual(['*'])
      expect(values(answer, 'access-control-allow-methods')).toEqual(['GET, HEAD'])
      expect(answer.headers['access-control-allow-headers']?.split(', ')).toEqual(
        expect.arrayContaining(['Range', 'CMCD-Session', 'Authorization']),
      )
      expect(values(answer, 'access-control-max-age')).toEqual(['600'])
      expect(values(answer, 'vary')).toEqual([])
    }
    expect(s3.requests).toEqual([])
  })

  test('of a site that is not let in gets an answer that permits nothing', async () => {
    const { port } = await startShield({ routes: [{ match: '/**', cors: { origins: [A, B] } }] })
    const headers = { ...asks, Origin: 'https://c.example' }
    const answer = await request(port, { path: '/a.ts', method: 'OPTIONS', headers })
    expect([answer.status, values(answer, 'access-control-allow-origin')]).toEqual([204, []])
    expect(values(answer, 'vary')).toEqual(['Origin'])
  })

  test('that asks to reach a private network from a public page is not told that it may', async () => {
    const { port } = await startShield({ routes: [{ match: '/**', cors: { origins: ['*'] } }] })
    const headers = { ...asks, 'Access-Control-Request-Private-Network': 'true' }
    const answer = await request(port, { path: '/a.ts', method: 'OPTIONS', headers })
    expect([answer.status, answer.headers['access-control-allow-private-network']]).toEqual([204, undefined])
  })

  test('leaves a plain OPTIONS as it was', async () => {
    const { port } = await startShield({ routes: [{ match: '/**', cors: { origins: ['*'] } }] })
    const answer = await request(port, { path: '/a.ts', method: 'OPTIONS', headers: { Origin: A } })
    expect([answer.status, answer.headers['allow']]).toEqual([204, 'GET, HEAD, OPTIONS'])
  })

  test('gets no permission on a route without cors', async () => {
    const { port } = await startShield()
    const answer = await request(port, { path: '/a.ts', method: 'OPTIONS', headers: asks })
    expect([answer.status, corsFields(answer)]).toEqual([204, []])
  })
})

describe('an HTTP origin with CORS of its own', () => {
  const own = {
    'Cache-Control': 'max-age=60',
    'Access-Control-Allow-Origin': 'https://elsewhere.example',
    'Access-Control-Allow-Credentials': 'true',
    'Timing-Allow-Origin': 'https://elsewhere.example',
    Vary: 'Origin, Accept-Language, Access-Control-Request-Headers',
  }

  test('is not told the site, and has its fields replaced; what else it varies by stays, and counts', async () => {
    const { origin, port } = await startHttpShield({ route: { cors: { origins: [A, B] } } })
    origin.put('/a.ts', 'x', own)
    const ask = (site: string, language: string) =>
      request(port, { path: '/a.ts', headers: { Origin: site, 'Accept-Language': language } })

    const answers = [await ask(A, 'de'), await ask(B, 'de'), await ask(A, 'fr')]

    expect(answers.map((answer) => values(answer, 'access-control-allow-origin'))).toEqual([[A], [B], [A]])
    expect(answers.map((answer) => values(answer, 'timing-allow-origin'))).toEqual([[A], [B], [A]])
    expect(answers.map((answer) => values(answer, 'vary'))).toEqual(answers.map(() => ['Accept-Language, Origin']))
    expect(answers.map((answer) => values(answer, 'access-control-allow-credentials'))).toEqual([[], [], []])
    expect(origin.requests).toHaveLength(2)
    expect(origin.requests.every(({ fields }) => fields['origin'] === undefined)).toBe(true)
  })

  test('gives nobody a permission that the route does not', async () => {
    const { origin, port } = await startHttpShield({ route: { cors: { origins: [A, B] } } })
    origin.put('/a.ts', 'x', own)
    const answer = await request(port, { path: '/a.ts', headers: { Origin: 'https://elsewhere.example' } })
    expect(corsFields(answer).map((name) => name.toLowerCase())).toEqual(['access-control-expose-headers', 'vary'])
  })

  test('is told the site of a request that may change something', async () => {
    const { origin, port } = await startHttpShield({
      route: { cors: { origins: [A, B] }, methods: ['GET', 'HEAD', 'PUT'] },
    })
    origin.on('/a', (exchange) => exchange.send({ fields: own, body: 'done' }))
    const answer = await request(port, { path: '/a', method: 'PUT', headers: { Origin: A, 'Content-Length': '0' } })
    expect(origin.requests.map(({ fields }) => fields['origin'])).toEqual([A])
    expect(values(answer, 'access-control-allow-origin')).toEqual([A])
    const preflight = await request(port, {
      path: '/a',
      method: 'OPTIONS',
      headers: { Origin: A, 'Access-Control-Request-Method': 'PUT' },
    })
    expect(preflight.headers['access-control-allow-methods']).toBe('GET, HEAD, PUT')
  })

  test('keeps its own word on a route without cors', async () => {
    const { origin, port } = await startHttpShield()
    origin.put('/a.ts', 'x', own)
    const answer = await request(port, { path: '/a.ts', headers: { Origin: A } })
    expect(answer.headers['access-control-allow-origin']).toBe('https://elsewhere.example')
    expect(answer.headers['vary']).toBe(own.Vary)
    expect(origin.requests[0]?.fields['origin']).toBe(A)
  })
})

describe('a route that passes through', () => {
  test('answers preflights itself, and stands in place of what its server says', async () => {
    const { origin, port } = await startHttpShield({ passesThrough: true, route: { cors: { origins: [A, B] } } })
    origin.put('/api', '{}', {
      'Access-Control-Allow-Origin': '*',
      'Access-Control-Allow-Private-Network': 'true',
      Vary: 'Cookie',
    })

    const preflight = await request(port, {
      path: '/api',
      method: 'OPTIONS',
      headers: { Origin: A, 'Access-Control-Request-Method': 'PATCH' },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers['access-control-allow-methods']).toBe('GET, HEAD, POST, PUT, PATCH, DELETE')
    expect(preflight.headers['access-control-allow-headers']).toContain('Content-Type')
    expect(origin.requests).toHaveLength(0)

    const answer = await request(port, { path: '/api', headers: { Origin: B } })
    expect(values(answer, 'access-control-allow-origin')).toEqual([B])
    expect(values(answer, 'access-control-allow-private-network')).toEqual([])
    expect(values(answer, 'vary')).toEqual(['Cookie, Origin'])
    expect(origin.requests.map(({ fields }) => fields['origin'])).toEqual([B])
  })
})
