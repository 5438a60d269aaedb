/** A route's responseHeaders are on its answers, in place of the store's, and never make an answer lie about itself. */
import { expect, test } from 'vitest'
import { type Answer, pattern, request, startShield } from '../support/shield.ts'

/** All values of a field, in order. */
function values({ rawHeaders }: Answer, name: string): string[] {
  return rawHeaders.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value)
}

test('they stand once, in place of the store’s fields of the same name, on misses, hits, ranges and HEAD', async () => {
  const { s3, port } = await startShield({
    routes: [
      { match: '/**', responseHeaders: { 'cache-control': 'public, max-age=5', 'X-Content-Type-Options': 'nosniff' } },
    ],
  })
  s3.put('a.ts', '0123456789', { 'cache-control': 'max-age=60' })

  const answers = [
    await request(port, { path: '/a.ts' }),
    await request(port, { path: '/a.ts' }),
    await request(port, { path: '/a.ts', headers: { Range: 'bytes=1-2' } }),
    await request(port, { path: '/a.ts', headers: { Range: 'bytes=1-2,4-5' } }),
    await request(port, { path: '/a.ts', method: 'HEAD' }),
    await request(port, { path: '/a.ts', headers: { 'If-None-Match': '*' } }),
  ]

  expect(answers.map(({ status }) => status)).toEqual([200, 200, 206, 206, 200, 304])
  for (const answer of answers) {
    expect(values(answer, 'cache-control')).toEqual(['public, max-age=5'])
    expect(values(answer, 'x-content-type-options')).toEqual(['nosniff'])
  }
  // What viewers are told is not what the shield goes by.
  expect(answers[1]?.headers['cache-status']).toBe('segment-shield; hit; ttl=60')
})

test('a browser is told never to take a thing for another, unless the store or the route says otherwise', async () => {
  const { s3, port } = await startShield({
    routes: [{ match: '/own/**', responseHeaders: { 'x-content-type-options': 'own' } }, { match: '/**' }],
  })
  s3.put('a.ts', '0123456789')
  s3.put('own/a.ts', 'x')
  const statuses: number[] = []
  const paths: readonly (readonly [string, Record<string, string>])[] = [
    ['/a.ts', {}],
    ['/a.ts', {}],
    ['/a.ts', { Range: 'bytes=1-2' }],
    ['/a.ts', { Range: 'bytes=1-2,4-5' }],
    ['/missing.ts', {}],
    ['/%00', {}],
  ]
  for (const [path, headers] of paths) {
    const answer = await request(port, { path, headers })
    statuses.push(answer.status)
    expect(values(answer, 'x-content-type-options')).toEqual(['nosniff'])
  }
  expect(statuses).toEqual([200, 200, 206, 206, 404, 400])
  for (const path of ['/own/a.ts', '/own/missing.ts']) {
    expect(values(await request(port, { path }), 'x-content-type-options')).toEqual(['own'])
  }
})

test('no answer says what program made it, nor in which version', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', 'x')
  for (const path of ['/a.ts', '/missing.ts', '/%00', '/']) {
    const answer = await request(port, { path })
    expect(values(answer, 'server')).toEqual([])
    expect(values(answer, 'x-powered-by')).toEqual([])
    expect(answer.rawHeaders.map(([, value]) => value).join('\n')).not.toMatch(/\d+\.\d+\.\d+/)
  }
})

test('they are on errors and refusals of the route as well', async () => {
  const { s3, port } = await startShield({
    routes: [{ match: '/**', responseHeaders: { 'X-Content-Type-Options': 'nosniff' } }],
  })
  s3.put('a.ts', 'x')
  s3.on('broken.ts', (exchange) => exchange.error(500, 'InternalError'))

  const answers = [
    await request(port, { path: '/missing.ts' }),
    await request(port, { path: '/broken.ts' }),
    await request(port, { path: '/' }),
    await request(port, { path: '/a.ts', method: 'POST' }),
    await request(port, { path: '/a.ts', method: 'OPTIONS' }),
    await request(port, { path: '/a.ts', headers: { 'If-Match': '"other"' } }),
    await request(port, { path: '/a.ts', headers: { Range: 'bytes=5-' } }),
  ]

  expect(answers.map(({ status }) => status)).toEqual([404, 502, 404, 405, 204, 412, 416])
  expect(answers.map((answer) => values(answer, 'x-content-type-options'))).toEqual(answers.map(() => ['nosniff']))
})

test('a lifetime meant for objects is not put on an error, which would stay in every cache on the way', async () => {
  const { s3, port } = await startShield({
    routes: [
      {
        match: '/**',
        responseHeaders: { 'Cache-Control': 'max-age=31536000, immutable', Expires: 'Thu, 01 Jan 2099 00:00:00 GMT' },
      },
    ],
  })
  s3.put('a.ts', 'x')
  s3.on('broken.ts', (exchange) => exchange.error(500, 'InternalError'))

  const missing = await request(port, { path: '/not-yet.ts' })
  const missingStill = await request(port, { path: '/not-yet.ts' })
  const broken = await request(port, { path: '/broken.ts' })
  const refused = await request(port, { path: '/a.ts', method: 'PUT' })
  const unsatisfiable = await request(port, { path: '/a.ts', headers: { Range: 'bytes=5-' } })

  expect([missing, missingStill].map((answer) => [answer.status, values(answer, 'cache-control')])).toEqual([
    [404, ['max-age=1']],
    [404, ['max-age=1']],
  ])
  expect([broken.status, values(broken, 'cache-control')]).toEqual([502, ['no-store']])
  expect([refused.status, values(refused, 'cache-control')]).toEqual([405, ['no-store']])
  expect([unsatisfiable.status, values(unsatisfiable, 'cache-control')]).toEqual([416, []])
  for (const answer of [missing, missingStill, broken, refused, unsatisfiable]) {
    expect(values(answer, 'expires')).toEqual([])
  }
})

test('a media type meant for objects is not put on texts, parts or a 304', async () => {
  const { s3, port } = await startShield({
    routes: [{ match: '/**', responseHeaders: { 'Content-Type': 'video/x-own' } }],
  })
  s3.put('a.ts', pattern(100))

  const whole = await request(port, { path: '/a.ts' })
  const parts = await request(port, { path: '/a.ts', headers: { Range: 'bytes=0-1,4-5' } })
  const unsatisfiable = await request(port, { path: '/a.ts', headers: { Range: 'bytes=100-' } })
  const missing = await request(port, { path: '/b.ts' })
  const notModified = await request(port, { path: '/a.ts', headers: { 'If-None-Match': '*' } })

  expect([whole.status, values(whole, 'content-type')]).toEqual([200, ['video/x-own']])
  expect([parts.status, values(parts, 'content-type')]).toEqual([
    206,
    [expect.stringMatching(/^multipart\/byteranges; /)],
  ])
  expect([unsatisfiable.status, values(unsatisfiable, 'content-type')]).toEqual([416, ['text/plain; charset=utf-8']])
  expect([missing.status, values(missing, 'content-type')]).toEqual([404, ['text/plain; charset=utf-8']])
  expect([notModified.status, values(notModified, 'content-type')]).toEqual([304, []])
})

test.each([{ Range: 'bytes=10-' }, { 'If-Match': '"other"' }])(
  'a refusal of %j says once that its type is no guess, as every other answer with content does',
  async (headers) => {
    for (const responseHeaders of [{}, { 'X-Content-Type-Options': 'nosniff' }]) {
      const { s3, port } = await startShield({ routes: [{ match: '/**', responseHeaders }] })
      s3.put('a.ts', '0123456789')
      const { status, rawHeaders } = await request(port, {
        path: '/a.ts',
        headers: { ...headers } as Record<string, string>,
      })
      expect([412, 416]).toContain(status)
      const said = rawHeaders.filter(([name]) => name.toLowerCase() === 'x-content-type-options')
      expect(said.map(([, value]) => value)).toEqual(['nosniff'])
    }
  },
)
