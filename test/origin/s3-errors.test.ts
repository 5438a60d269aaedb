import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { OriginErrorKind } from '../../src/errors.ts'
import { ordinary, type S3Handler } from '../support/s3-socket-server.ts'
import { bytesOf, CREDENTIALS, describeEachTransport, failure, startOrigin } from './fixture.ts'
import { TEST_CERTIFICATE } from './tls-certificate.ts'

interface Case {
  readonly status: number
  readonly code: string
  readonly kind: OriginErrorKind
  /** Of three that are allowed. */
  readonly attempts: number
}

const cases: readonly Case[] = [
  { status: 403, code: 'SignatureDoesNotMatch', kind: 'misconfigured', attempts: 1 },
  { status: 403, code: 'InvalidAccessKeyId', kind: 'misconfigured', attempts: 1 },
  { status: 403, code: 'RequestTimeTooSkewed', kind: 'misconfigured', attempts: 1 },
  { status: 404, code: 'NoSuchBucket', kind: 'misconfigured', attempts: 1 },
  { status: 400, code: 'AuthorizationHeaderMalformed', kind: 'misconfigured', attempts: 1 },
  { status: 400, code: 'ExpiredToken', kind: 'misconfigured', attempts: 1 },
  { status: 400, code: 'InvalidToken', kind: 'misconfigured', attempts: 1 },
  { status: 403, code: 'UserSuspended', kind: 'misconfigured', attempts: 1 },
  { status: 301, code: 'PermanentRedirect', kind: 'misconfigured', attempts: 1 },
  { status: 307, code: 'TemporaryRedirect', kind: 'misconfigured', attempts: 1 },
  { status: 302, code: 'Found', kind: 'misconfigured', attempts: 1 },
  { status: 401, code: 'Unauthorized', kind: 'misconfigured', attempts: 1 },
  { status: 503, code: 'SlowDown', kind: 'overloaded', attempts: 3 },
  { status: 503, code: 'ServiceUnavailable', kind: 'overloaded', attempts: 3 },
  { status: 429, code: 'TooManyRequests', kind: 'overloaded', attempts: 3 },
  { status: 500, code: 'InternalError', kind: 'broken', attempts: 3 },
  { status: 502, code: 'BadGateway', kind: 'broken', attempts: 3 },
  { status: 504, code: 'GatewayTimeout', kind: 'broken', attempts: 3 },
  { status: 400, code: 'InvalidArgument', kind: 'broken', attempts: 1 },
  { status: 405, code: 'MethodNotAllowed', kind: 'broken', attempts: 1 },
]

describeEachTransport(() => {
  describe('what a status and code become', () => {
    test.for(cases)(
      '$status $code is $kind after $attempts of 3 attempts',
      async ({ status, code, kind, attempts }) => {
        const { s3, origin, log, fetch } = await startOrigin({ retry: { maxAttempts: 3 } })
        s3.on('a', (exchange) => exchange.error(status, code))
        const error = await failure(fetch('a'), kind)

        expect(error.message).toBe(`spaces: ${status} ${code}`)
        expect(s3.requests).toHaveLength(attempts)
        await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 }))
        expect(log.lines.map(({ level, fields }) => [level, fields['code'], fields['status']])).toEqual(
          kind === 'misconfigured'
            ? [['error', code, status]]
            : kind === 'overloaded'
              ? [['warn', undefined, status]]
              : [],
        )
      },
    )

    test.for([
      [500, 'broken'],
      [502, 'broken'],
      [503, 'overloaded'],
      [301, 'misconfigured'],
    ] as const)('%i in HTML or without a body is %s as well', async ([status, kind]) => {
      const { s3, fetch } = await startOrigin()
      s3.once('a', ({ response }) => void response.writeHead(status).end('<html><hr>sorry</html>'))
      s3.once('a', ({ response }) => void response.writeHead(status, { 'content-length': '0' }).end())

      await failure(fetch('a'), kind)
      await failure(fetch('a'), kind)
    })

    test.for([
      ['7', 7],
      ['3600', 3600],
      ['3601', undefined],
      ['0', undefined],
      ['-1', undefined],
      ['soon', undefined],
      ['Thu, 01 Jan 2026 00:00:09 GMT', 9],
      ['Wed, 31 Dec 2025 23:00:00 GMT', undefined],
    ] as const)('Retry-After: %s is passed on as %s', async ([value, expected]) => {
      const { s3, fetch } = await startOrigin()
      s3.on('a', (exchange) => exchange.error(503, 'SlowDown', { headers: { 'retry-after': value } }))

      expect((await failure(fetch('a'), 'overloaded')).retryAfterSeconds).toBe(expected)
    })

    test('a misconfiguration is one line in 10 seconds, without anything secret', async () => {
      const { s3, clock, log, fetch } = await startOrigin()
      s3.onAny((exchange) =>
        exchange.error(403, 'SignatureDoesNotMatch', {
          message: `${CREDENTIALS.accessKeyId} signed with the wrong key`,
        }),
      )
      for (let count = 0; count < 5; count += 1) await failure(fetch('a'), 'misconfigured')
      clock.advance(9_999)
      await failure(fetch('a'), 'misconfigured')
      expect(log.lines).toHaveLength(1)
      clock.advance(1)
      await failure(fetch('a'), 'misconfigured')

      expect(log.lines).toHaveLength(2)
      expect(log.lines[0]).toEqual({
        level: 'error',
        fields: { origin: 'spaces', code: 'SignatureDoesNotMatch', status: 403 },
        message: expect.stringContaining('spaces'),
      })
      const text = JSON.stringify(log.lines)
      expect(text).not.toContain(CREDENTIALS.accessKeyId)
      expect(text).not.toContain(CREDENTIALS.secretAccessKey)
    })
  })

  describe('no answer at all', () => {
    test('a refused connection is unreachable', async () => {
      const { s3, origin, fetch } = await startOrigin()
      await s3.close()

      await failure(fetch('a'), 'unreachable')
      expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
    })

    test('a host that does not exist is unreachable', async () => {
      const { fetch } = await startOrigin({ endpoint: 'http://store.invalid' })

      await failure(fetch('a'), 'unreachable')
    })

    test('a connection that ends or resets before the headers is unreachable', async () => {
      const { s3, origin, fetch } = await startOrigin()
      s3.once(
        'a',
        (exchange) => exchange.cut(),
        (exchange) => exchange.reset(),
      )

      await failure(fetch('a'), 'unreachable')
      await failure(fetch('a'), 'unreachable')
      await s3.socketsAtMost(0)
      expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
    })

    test('an answer that is not HTTP is broken', async () => {
      const { s3, fetch } = await startOrigin()
      s3.on('a', ({ response }) => void response.socket?.end('SSH-2.0-OpenSSH_9.2\r\n'))

      await failure(fetch('a'), 'broken')
    })

    test('a certificate nobody vouches for is our configuration’s fault, and no request is sent', async () => {
      const { s3, log, fetch } = await startOrigin({ server: { tls: TEST_CERTIFICATE } })
      onTestFinished(() => void vi.unstubAllEnvs())
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0')
      s3.put('a', 'x')
      await failure(fetch('a'), 'misconfigured')

      expect(s3.requests).toEqual([])
      expect(log.lines).toMatchObject([{ level: 'error', fields: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } }])
    })

    test('a certificate the machine trusts is accepted', async () => {
      const before = getCACertificates('default')
      onTestFinished(() => setDefaultCACertificates(before))
      setDefaultCACertificates([...before, TEST_CERTIFICATE.cert])
      const { s3, fetch } = await startOrigin({ server: { tls: TEST_CERTIFICATE } })
      s3.put('a', 'over TLS')

      expect(String(await bytesOf(await fetch('a')))).toBe('over TLS')
      expect(String(await bytesOf(await fetch('a')))).toBe('over TLS')
      expect(s3.sockets.opened).toBe(1)
    })

    test('TLS to a port that speaks plain HTTP is our configuration’s fault', async () => {
      const { s3 } = await startOrigin()
      const { fetch } = await startOrigin({ endpoint: s3.endpoint.replace('http:', 'https:') })

      await failure(fetch('a'), 'misconfigured')
    })

    test('a bucket name that cannot be one is our configuration’s fault', async () => {
      const { s3, fetch } = await startOrigin({ bucket: 'a/b' })

      await failure(fetch('a'), 'misconfigured')
      expect(s3.requests).toEqual([])
    })
  })

  describe.for(['standard', 'adaptive'] as const)('retries in mode %s', (mode) => {
    const reset: S3Handler = (exchange) => exchange.reset()
    const error500: S3Handler = (exchange) => exchange.error(500, 'InternalError')

    test.for([1, 2, 5] as const)('%i attempts and no more', async (maxAttempts) => {
      const { s3, fetch } = await startOrigin({ retry: { maxAttempts }, mode })
      s3.on('a', error500)
      await failure(fetch('a'), 'broken')

      expect(s3.requests).toHaveLength(maxAttempts)
      // Attempts are not the SDK's to count.
      expect(s3.requests[0]?.headers).not.toHaveProperty('amz-sdk-request')
    })

    test('resets before the headers and a 500, then the object', async () => {
      const { s3, origin, fetch } = await startOrigin({ retry: { maxAttempts: 4 }, mode })
      s3.put('a', 'at last')
      s3.once('a', reset, error500, reset, ordinary)

      expect(String(await bytesOf(await fetch('a')))).toBe('at last')
      expect(s3.requests).toHaveLength(4)
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 }))
    })

    test('a SlowDown, then the object', async () => {
      const { s3, fetch } = await startOrigin({ retry: { maxAttempts: 2 }, mode })
      s3.put('a', 'at last')
      s3.once('a', (exchange) => exchange.error(503, 'SlowDown'))

      expect(String(await bytesOf(await fetch('a')))).toBe('at last')
      expect(s3.requests).toHaveLength(2)
    })

    test('headers that do not come, then the object', async () => {
      const { s3, clock, fetch } = await startOrigin({ retry: { maxAttempts: 2 }, mode })
      s3.put('a', 'at last')
      s3.once('a', () => undefined)
      const response = fetch('a')
      await s3.received(1)
      clock.advance(30_000)

      expect(String(await bytesOf(await response))).toBe('at last')
      expect(s3.requests).toHaveLength(2)
    })

    test('a pause before a retry holds no permit', async () => {
      const { s3, origin, fetch } = await startOrigin({ pool: { maxSockets: 1 }, retry: { maxAttempts: 2 }, mode })
      s3.put('b', 'meanwhile')
      s3.on('a', (exchange) => exchange.error(503, 'SlowDown', { headers: { 'retry-after': '5' } }))
      const leaving = new AbortController()
      const pausing = failure(fetch('a', { signal: leaving.signal }), 'aborted')
      await s3.received(1)
      await vi.waitFor(() => expect(origin.usage()).toMatchObject({ inUse: 0 }))

      expect(String(await bytesOf(await fetch('b')))).toBe('meanwhile')
      leaving.abort()
      await pausing
      expect(s3.requestsFor('a')).toHaveLength(1)
    })
  })
})
