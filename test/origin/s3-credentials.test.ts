import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { bytesOf, CREDENTIALS, describeEachTransport, failure, startOrigin } from './fixture.ts'

const authorization =
  /^AWS4-HMAC-SHA256 Credential=(?<id>[^/]+)\/\d{8}\/(?<region>[^/]+)\/s3\/aws4_request, SignedHeaders=/

describeEachTransport(() => {
  /** An environment without a trace of AWS, so that a machine's own setup decides nothing here. */
  beforeEach(() => {
    onTestFinished(() => void vi.unstubAllEnvs())
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent/credentials')
    vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent/config')
  })

  describe('credentials', () => {
    test('from the configuration sign the request for the configured region', async () => {
      const { s3, fetch } = await startOrigin({ region: 'fra1' })
      s3.put('a', 'x')
      await bytesOf(await fetch('a'))

      expect(authorization.exec(s3.requests[0]?.headers.authorization ?? '')?.groups).toEqual({
        id: CREDENTIALS.accessKeyId,
        region: 'fra1',
      })
      expect(s3.requests[0]?.headers).not.toHaveProperty('x-amz-security-token')
    })

    test('from the configuration win over the environment’s, as every other setting does', async () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDENV')
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
      vi.stubEnv('AWS_REGION', 'us-east-1')
      vi.stubEnv('AWS_MAX_ATTEMPTS', '7')
      vi.stubEnv('AWS_USE_DUALSTACK_ENDPOINT', 'true')
      vi.stubEnv('AWS_USE_FIPS_ENDPOINT', 'true')
      vi.stubEnv('AWS_RESPONSE_CHECKSUM_VALIDATION', 'when_supported')
      const { s3, fetch } = await startOrigin({ mode: 'adaptive' })
      s3.put('a', 'x')
      await bytesOf(await fetch('a'))

      expect(authorization.exec(s3.requests[0]?.headers.authorization ?? '')?.groups).toEqual({
        id: CREDENTIALS.accessKeyId,
        region: 'sfo3',
      })
      expect(s3.requests).toHaveLength(1)
      expect(s3.requests[0]?.headers).not.toHaveProperty('x-amz-checksum-mode')
    })

    test('with a session token send it', async () => {
      const { s3, fetch } = await startOrigin({ credentials: { ...CREDENTIALS, sessionToken: 'token-of-a-session' } })
      s3.put('a', 'x')
      await bytesOf(await fetch('a'))

      expect(s3.requests[0]?.headers['x-amz-security-token']).toBe('token-of-a-session')
    })

    test('absent: the SDK’s chain is asked, the environment first', async () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDENV')
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
      vi.stubEnv('AWS_SESSION_TOKEN', 'token-of-the-environment')
      const { s3, fetch } = await startOrigin({ credentials: 'chain' })
      s3.put('a', 'x')
      await bytesOf(await fetch('a'))

      const headers = s3.requests[0]?.headers
      expect(authorization.exec(headers?.authorization ?? '')?.groups?.['id']).toBe('AKIDENV')
      expect(headers?.['x-amz-security-token']).toBe('token-of-the-environment')
    })

    test('that are about to expire are asked for anew, and the next request is signed with the new ones', async () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDFIRST')
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
      vi.stubEnv('AWS_SESSION_TOKEN', 'first-token')
      vi.stubEnv('AWS_CREDENTIAL_EXPIRATION', new Date().toISOString())
      const { s3, fetch } = await startOrigin({ credentials: 'chain' })
      s3.put('a', 'x')
      await bytesOf(await fetch('a'))
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDSECOND')
      vi.stubEnv('AWS_SESSION_TOKEN', 'second-token')
      vi.stubEnv('AWS_CREDENTIAL_EXPIRATION', '2999-01-01T00:00:00Z')
      await bytesOf(await fetch('a'))
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDTHIRD')
      await bytesOf(await fetch('a'))

      const ids = s3.requests.map(({ headers }) => authorization.exec(headers.authorization ?? '')?.groups?.['id'])
      expect(ids).toEqual(['AKIDFIRST', 'AKIDSECOND', 'AKIDSECOND'])
      expect(s3.requests.map(({ headers }) => headers['x-amz-security-token'])).toEqual([
        'first-token',
        'second-token',
        'second-token',
      ])
    })

    test('of a role are fetched from the token service, which has nothing to do with the store', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'segment-shield-role-'))
      const tokens = createServer((_request, response) => {
        const credentials =
          '<AccessKeyId>AKIDROLE</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token-of-the-role</SessionToken>'
        response.end(
          `<R><AssumeRoleWithWebIdentityResult><Credentials>${credentials}<Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></R>`,
        )
      }).listen(0, '127.0.0.1')
      await once(tokens, 'listening')
      onTestFinished(() => {
        rmSync(folder, { recursive: true })
        tokens.closeAllConnections()
        tokens.close()
      })
      writeFileSync(join(folder, 'token'), 'token-of-the-pod')
      vi.stubEnv('AWS_WEB_IDENTITY_TOKEN_FILE', join(folder, 'token'))
      vi.stubEnv('AWS_ROLE_ARN', 'arn:aws:iam::123456789012:role/shield')
      vi.stubEnv('AWS_ENDPOINT_URL_STS', `http://127.0.0.1:${(tokens.address() as AddressInfo).port}`)
      const { s3, fetch } = await startOrigin({ credentials: 'chain' })
      s3.put('a', 'x')
      await bytesOf(await fetch('a'))

      const headers = s3.requests[0]?.headers
      expect(authorization.exec(headers?.authorization ?? '')?.groups?.['id']).toBe('AKIDROLE')
      expect(headers?.['x-amz-security-token']).toBe('token-of-the-role')
    })

    test('that the chain does not find are our configuration’s fault, said in the log, and nothing is sent', async () => {
      const { s3, origin, log, fetch } = await startOrigin({ credentials: 'chain' })
      await failure(fetch('a'), 'misconfigured')

      expect(s3.sockets.opened).toBe(0)
      expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
      expect(log.lines).toMatchObject([
        { level: 'error', fields: { origin: 'spaces', code: 'CredentialsProviderError' } },
      ])
    })

    test('anonymous: the request is not signed, whatever the environment has', async () => {
      vi.stubEnv('AWS_ACCESS_KEY_ID', 'AKIDENV')
      vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
      const { s3, fetch } = await startOrigin({ credentials: 'anonymous', retry: { maxAttempts: 3 } })
      s3.put('a', 'x')
      s3.once('a', (exchange) => exchange.error(500, 'InternalError'))
      await bytesOf(await fetch('a'))

      expect(s3.requests).toHaveLength(2)
      for (const { headers, url } of s3.requests) {
        expect(headers).not.toHaveProperty('authorization')
        expect(url).not.toContain('X-Amz-')
      }
    })

    test('anonymous and refused: an answer, since a public bucket says that of a missing key too', async () => {
      const { s3, fetch } = await startOrigin({ credentials: 'anonymous' })
      s3.on('a', (exchange) => exchange.error(403, 'AccessDenied'))

      expect(await fetch('a')).toMatchObject({ status: 403, body: undefined })
    })
  })
})
