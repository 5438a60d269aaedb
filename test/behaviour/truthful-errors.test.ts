/** What the origin could not do becomes a status that tells the truth, and a text that gives nothing away. */
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { S3Handler } from '../support/s3-socket-server.ts'
import { type Answer, CREDENTIALS, openRequest, request, type Shield, startShield } from '../support/shield.ts'

const BUCKET = 'secret-bucket-name'

function startSecretive(pool: Readonly<Record<string, unknown>> = {}): Promise<Shield> {
  return startShield({ server: { bucket: BUCKET }, origin: { keyPrefix: 'hidden-prefix/' }, pool })
}

/** An error of the shield's own: small plain text, kept by nobody, naming nothing of what is behind it. */
function expectDiscreet({ status, headers, body, isWhole, rawHeaders }: Answer, shield: Shield): void {
  const text = body.toString()
  expect([status, headers['content-type'], headers['cache-control'], headers['content-length'], isWhole]).toEqual([
    status,
    'text/plain; charset=utf-8',
    'no-store',
    String(body.length),
    true,
  ])
  expect(text).toMatch(/^[A-Z][A-Za-z ]{4,60}\n$/)
  const all = `${text} ${rawHeaders.flat().join(' ')}`
  for (const secret of [
    BUCKET,
    CREDENTIALS.accessKeyId,
    'hidden-prefix',
    String(shield.s3.port),
    '<',
    'Error',
    'tx0',
  ]) {
    expect(all).not.toContain(secret)
  }
}

const xml = (status: number, code: string, headers: Record<string, string> = {}): S3Handler => {
  return (exchange) => exchange.error(status, code, { message: `${BUCKET} ${CREDENTIALS.accessKeyId}`, headers })
}

describe('an object that cannot be had', () => {
  test.each([
    [404, 'NoSuchKey', 'Not found\n'],
    [403, 'AccessDenied', 'Forbidden\n'],
  ])('is a %i (%s) that is kept for its negative ttl, then asked for again', async (status, code, text) => {
    const shield = await startShield({
      server: { bucket: BUCKET },
      routes: [{ match: '/**', negativeTtl: { 404: '2s', 403: '2s' } }],
    })
    const { s3, port, clock } = shield
    s3.once('a.ts', xml(status, code), xml(status, code))
    s3.put('a.ts', 'here now')
    const ask = () => request(port, { path: '/a.ts' })

    const first = await ask()
    clock.advance(1999)
    const kept = await ask()
    expect(s3.requests.length).toBe(1)
    clock.advance(1)
    const again = await ask()
    expect(s3.requests.length).toBe(2)
    clock.advance(2000)
    const found = await ask()

    for (const answer of [first, kept, again]) {
      expect([answer.status, answer.body.toString(), answer.headers['content-type']]).toEqual([
        status,
        text,
        'text/plain; charset=utf-8',
      ])
      expect(answer.headers['cache-control']).toBe('max-age=2')
      expect(answer.rawHeaders.flat().join(' ')).not.toMatch(/x-amz|x-rgw|Ceph|secret/i)
    }
    expect([first.headers['age'], kept.headers['age']]).toEqual(['0', '1'])
    expect([found.status, found.body.toString()]).toEqual([200, 'here now'])
    // An object that is missing takes no If-None-Match with it.
    expect(s3.requests.every(({ headers }) => headers['if-none-match'] === undefined)).toBe(true)
  })

  test('is one second long a 404 by default', async () => {
    const { s3, port, clock } = await startShield()
    await request(port, { path: '/a.ts' })
    s3.put('a.ts', 'x')
    clock.advance(999)
    expect((await request(port, { path: '/a.ts' })).status).toBe(404)
    clock.advance(1)
    expect((await request(port, { path: '/a.ts' })).status).toBe(200)
  })

  test('an object that was there and is gone is a 404, and its bytes are gone too', async () => {
    const { s3, port, clock } = await startShield()
    s3.put('a.ts', 'x', { 'cache-control': 'max-age=10' })
    await request(port, { path: '/a.ts' })
    s3.delete('a.ts')
    clock.advance(10_000)

    const gone = await request(port, { path: '/a.ts' })
    const still = await request(port, { path: '/a.ts' })

    expect([gone.status, gone.body.toString()]).toEqual([404, 'Not found\n'])
    expect([still.status, still.headers['cache-status']]).toEqual([404, 'segment-shield; hit; ttl=1'])
  })
})

describe('a fault of our own configuration', () => {
  test.each([
    [403, 'SignatureDoesNotMatch'],
    [403, 'InvalidAccessKeyId'],
    [403, 'RequestTimeTooSkewed'],
    [404, 'NoSuchBucket'],
    [400, 'AuthorizationHeaderMalformed'],
    [301, 'PermanentRedirect'],
  ])('%i %s is a 502 and one error in the log, and is not kept', async (status, code) => {
    const shield = await startSecretive()
    const { s3, port } = shield
    s3.once('hidden-prefix/a.ts', xml(status, code), xml(status, code))
    s3.put('hidden-prefix/a.ts', 'mended')

    const first = await request(port, { path: '/a.ts' })
    const second = await request(port, { path: '/a.ts' })
    const mended = await request(port, { path: '/a.ts' })

    expect([first.status, second.status]).toEqual([502, 502])
    expectDiscreet(first, shield)
    expectDiscreet(second, shield)
    expect([mended.status, mended.body.toString()]).toEqual([200, 'mended'])
    expect(s3.requests.length).toBe(3)
    const errors = shield.logRecords().filter(({ level }) => level >= 50)
    expect(errors.map(({ origin, code: logged }) => [origin, logged])).toEqual([['spaces', code]])
    for (const line of shield.logLines()) {
      expect(line).not.toContain(CREDENTIALS.accessKeyId)
      expect(line).not.toContain(CREDENTIALS.secretAccessKey)
    }
  })
})

describe('an origin in trouble', () => {
  test.each([
    ['SlowDown without a hint', xml(503, 'SlowDown'), '1'],
    ['SlowDown with one', xml(503, 'SlowDown', { 'retry-after': '7' }), '7'],
    ['503 of any other kind', xml(503, 'ServiceUnavailable', { 'retry-after': '2' }), '2'],
    ['429', xml(429, 'TooManyRequests'), '1'],
  ])('%s is a 503 with Retry-After, and is not kept', async (_, handler, retryAfter) => {
    const shield = await startSecretive()
    shield.s3.once('hidden-prefix/a.ts', handler)
    shield.s3.put('hidden-prefix/a.ts', 'x')

    const answer = await request(shield.port, { path: '/a.ts' })

    expect([answer.status, answer.headers['retry-after']]).toEqual([503, retryAfter])
    expectDiscreet(answer, shield)
    expect((await request(shield.port, { path: '/a.ts' })).status).toBe(200)
  })

  test.each([
    ['500', xml(500, 'InternalError')],
    ['an unknown 4xx', xml(418, 'Teapot')],
    [
      'a page of somebody else’s',
      ((exchange) => exchange.response.writeHead(502).end('<html>nginx</html>')) as S3Handler,
    ],
    ['a reset before the headers', ((exchange) => exchange.reset()) as S3Handler],
    ['a close before the headers', ((exchange) => exchange.cut()) as S3Handler],
    ['no HTTP at all', ((exchange) => exchange.response.socket?.end('SSH-2.0-OpenSSH\r\n')) as S3Handler],
  ])('%s is a 502, and is not kept', async (_, handler) => {
    const shield = await startSecretive()
    shield.s3.once('hidden-prefix/a.ts', handler)
    shield.s3.put('hidden-prefix/a.ts', 'x')

    const answer = await request(shield.port, { path: '/a.ts' })

    expect([answer.status, answer.headers['retry-after']]).toEqual([502, undefined])
    expectDiscreet(answer, shield)
    expect((await request(shield.port, { path: '/a.ts' })).status).toBe(200)
  })

  test('no headers within the response timeout is a 504', async () => {
    const shield = await startSecretive({ responseTimeout: '3s' })
    shield.s3.once('hidden-prefix/a.ts', () => undefined)
    shield.s3.put('hidden-prefix/a.ts', 'x')

    const asked = request(shield.port, { path: '/a.ts' })
    await shield.s3.received(1)
    shield.clock.advance(3000)
    const answer = await asked

    expect(answer.status).toBe(504)
    expectDiscreet(answer, shield)
    expect((await request(shield.port, { path: '/a.ts' })).status).toBe(200)
  })

  test('an origin that nobody listens for is a 502', async () => {
    const nobody = createServer().listen(0, '127.0.0.1')
    await once(nobody, 'listening')
    const { port: deadPort } = nobody.address() as AddressInfo
    nobody.close()
    await once(nobody, 'close')
    const shield = await startShield({ origin: { endpoint: `http://127.0.0.1:${deadPort}` } })

    const answer = await request(shield.port, { path: '/a.ts' })

    expect(answer.status).toBe(502)
    expectDiscreet(answer, shield)
    expect(answer.body.toString()).not.toContain(String(deadPort))
  })

  test('a full queue is a 503 with Retry-After at once', async () => {
    const shield = await startSecretive({ maxSockets: 1, maxQueued: 0 })
    shield.s3.on('hidden-prefix/a.ts', () => undefined)
    const leaving = new AbortController()
    const first = openRequest(shield.port, { path: '/a.ts' }, leaving.signal).catch(() => 'left')
    await shield.s3.received(1)

    const answer = await request(shield.port, { path: '/b.ts' })

    expect([answer.status, answer.headers['retry-after']]).toEqual([503, '1'])
    expectDiscreet(answer, shield)
    leaving.abort()
    expect(await first).toBe('left')
  })

  test('a stale object is no excuse: what the origin says now is what the client hears', async () => {
    const shield = await startSecretive()
    shield.s3.put('hidden-prefix/a.ts', 'x', { 'cache-control': 'max-age=1' })
    await request(shield.port, { path: '/a.ts' })
    shield.clock.advance(1000)
    shield.s3.once('hidden-prefix/a.ts', xml(500, 'InternalError'))

    const failed = await request(shield.port, { path: '/a.ts' })
    const again = await request(shield.port, { path: '/a.ts' })

    expect(failed.status).toBe(502)
    expect([again.status, again.body.toString()]).toEqual([200, 'x'])
  })

  test('the log tells which object failed and how, without what the store wrote', async () => {
    const shield = await startSecretive()
    shield.s3.once('hidden-prefix/a.ts', xml(500, 'InternalError'))
    await request(shield.port, { path: '/a.ts' })
    await shield.accessRecords(1)

    const failures = shield.logRecords().filter(({ msg }) => msg === 'fill failed')
    expect(failures.map(({ origin, object, kind }) => [origin, object, kind])).toEqual([['spaces', 'a.ts', 'broken']])
    for (const line of shield.logLines()) expect(line).not.toContain(CREDENTIALS.accessKeyId)
  })
})
