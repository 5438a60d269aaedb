/** What a store checks before it gives anything away, worked out from the request alone as AWS describes it (SigV4). */
import { createHash, createHmac } from 'node:crypto'
import dns, { type LookupOptions } from 'node:dns'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { OriginRequest } from '../../src/origin/origin.ts'
import type { S3Request } from '../support/s3-socket-server.ts'
import { bytesOf, CREDENTIALS, describeEachTransport, failure, startOrigin } from './fixture.ts'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()

/** The signature that the request has, and the one that it ought to have. */
function signatures({ method, url, headers }: S3Request, secret: string): readonly [string, string] {
  const { scope, names, signature } =
    /Credential=[^/]+\/(?<scope>[^,]+), SignedHeaders=(?<names>[^,]+), Signature=(?<signature>\w+)$/.exec(
      headers.authorization ?? '',
    )?.groups ?? {}
  const [path = '', query = ''] = url.split('?')
  const fields = (names ?? '')
    .split(';')
    .map((name) => `${name}:${String(headers[name]).trim().replaceAll(/ +/g, ' ')}\n`)
  const canonical = [method, path, query, fields.join(''), names, headers['x-amz-content-sha256']].join('\n')
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(canonical)].join('\n')
  const key = (scope ?? '').split('/').reduce<string | Buffer>(hmac, `AWS4${secret}`)
  return [signature ?? '', hmac(key, text).toString('hex')]
}

/** RFC 6761 §6.3 has every name below localhost mean this machine; not every resolver does. */
function resolveLocalhostNames(): void {
  const lookup = (_name: string, options: LookupOptions, callback: (...result: readonly unknown[]) => void) => {
    if (options.all === true) callback(null, [{ address: '127.0.0.1', family: 4 }])
    else callback(null, '127.0.0.1', 4)
  }
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(lookup as unknown as typeof dns.lookup)
  onTestFinished(() => spy.mockRestore())
}

/** A container's credentials, from a server that never gives any. */
async function startSilentCredentials(): Promise<{ readonly asked: Promise<unknown> }> {
  const server = createServer()
  const asked = once(server, 'request')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    vi.unstubAllEnvs()
    server.closeAllConnections()
    server.close()
  })
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) vi.stubEnv(name, undefined)
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true')
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent/credentials')
  vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent/config')
  const { port } = server.address() as AddressInfo
  vi.stubEnv('AWS_CONTAINER_CREDENTIALS_FULL_URI', `http://127.0.0.1:${port}/credentials`)
  return { asked }
}

const REQUESTS: readonly (readonly [what: string, key: string, request: Partial<OriginRequest>])[] = [
  ['a plain key', 'live/1.ts', {}],
  ['spaces, percent and plus', 'a b%2F+c.ts', {}],
  ['what delimits elsewhere', "a?b#c&d=e;f!'()*", {}],
  ['unicode', 'ü\u{1f3ac}u\u0308', {}],
  ['empty and dot segments', '//a/../b/./c/', {}],
  ['a range', 'a', { range: { first: 5, last: 9 } }],
  ['a condition on the version', 'a', { validators: { ifMatch: '"v-3"' }, range: { first: 1 } }],
  [
    'conditions on what is known',
    'a',
    { validators: { ifNoneMatch: '"v  1"', ifModifiedSince: 'Sat, 31 Oct 2026 12:00:00 GMT' } },
  ],
]

describeEachTransport((transport) => {
  test.for(REQUESTS)('the signature covers the request as it arrives: %s', async ([, key, request]) => {
    const sessionToken = 'token/of+a=session'
    const { s3, fetch } = await startOrigin({ credentials: { ...CREDENTIALS, sessionToken } })
    s3.onAny(({ response }) => void response.writeHead(200, { 'content-length': '0' }).end())
    await bytesOf(await fetch(key, request))

    const [received] = s3.requests
    if (received === undefined) throw new Error('nothing was asked for')
    const [signature, expected] = signatures(received, CREDENTIALS.secretAccessKey)
    expect(signature).toMatch(/^[0-9a-f]{64}$/)
    expect(signature).toBe(expected)
    expect(received.headers.authorization).toMatch(/SignedHeaders=(?=[^,]*host)(?=[^,]*x-amz-security-token)/)
  })

  test('the key of a day signs that day and no other', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 0, 1, 23, 59, 59) })
    onTestFinished(() => void vi.useRealTimers())
    const { s3, fetch } = await startOrigin()
    s3.put('a', 'x')
    await bytesOf(await fetch('a'))
    vi.setSystemTime(Date.UTC(2026, 0, 2))
    await bytesOf(await fetch('a'))

    expect(s3.requests.map(({ headers }) => headers['x-amz-date'])).toEqual(['20260101T235959Z', '20260102T000000Z'])
    for (const received of s3.requests) {
      const [signature, expected] = signatures(received, CREDENTIALS.secretAccessKey)
      expect(signature).toBe(expected)
    }
  })

  test('a bucket in the host name is no part of the path, and both are signed', async () => {
    resolveLocalhostNames()
    const { s3 } = await startOrigin()
    const endpoint = s3.endpoint.replace('127.0.0.1', 'store.localhost')
    const { fetch } = await startOrigin({ endpoint, forcePathStyle: false, bucket: 'films' })
    s3.onAny(({ response }) => void response.writeHead(200, { 'content-length': '0' }).end())
    for (const key of ['a b', '/a', '//']) await bytesOf(await fetch(key))

    expect(s3.requests.map(({ url }) => url.split('?', 1)[0])).toEqual(['/a%20b', '//a', '///'])
    for (const received of s3.requests) {
      expect(received.headers.host).toBe(`films.store.localhost:${s3.port}`)
      const [signature, expected] = signatures(received, CREDENTIALS.secretAccessKey)
      expect(signature).toBe(expected)
    }
  })

  test.for(['at once', 'later'])('credentials that do not come hold nobody who leaves %s', async (when) => {
    const { asked } = await startSilentCredentials()
    const { s3, origin, fetch } = await startOrigin({ credentials: 'chain' })
    const leaving = new AbortController()
    const ended = failure(fetch('a', { signal: leaving.signal }), 'aborted')
    expect(origin.usage()).toMatchObject({ inUse: 1 })
    if (when === 'later') await asked
    leaving.abort()

    await ended
    expect(origin.usage()).toEqual({ inUse: 0, free: 0, queued: 0 })
    expect(s3.sockets.opened).toBe(0)
  })

  test.runIf(transport === 'undici')('nothing is sent that the store has no use for', async () => {
    const { s3, fetch } = await startOrigin({ credentials: 'anonymous' })
    s3.put('a', 'x')
    await bytesOf(await fetch('a'))

    expect(s3.requests[0]?.url).toBe('/media/a')
    expect(s3.requests[0]?.headers).toEqual({
      host: `127.0.0.1:${s3.port}`,
      connection: 'keep-alive',
      'user-agent': 'segment-shield',
    })
  })
})
