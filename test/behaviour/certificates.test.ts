/** Who gets which certificate, what is agreed with whom, and how new certificates come into use. */
import { execFile, execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { type MadeCertificate, makeCertificate, makeFolder } from '../support/certificates.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { OVER_TLS, openSession, requestOn } from '../support/http2-client.ts'
import { rawOn } from '../support/raw-client.ts'
import { configOf } from '../support/reloadable.ts'
import { startShield } from '../support/shield.ts'

/** After the handshake, and nothing said. */
async function shakeHands(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

const nameOf = (socket: TLSSocket) => String(socket.getPeerCertificate().subject.CN)
const given = async (port: number, servername?: string) =>
  nameOf(await shakeHands(port, servername === undefined ? {} : { servername }))

test.each([
  ['a.example', 'a.example'],
  ['B.EXAMPLE', 'b.example'],
  ['www.b.example', '*.b.example'],
  ['exact.b.example', 'exact.b.example'],
  ['x.y.b.example', 'a.example'],
  ['c.example', 'a.example'],
  [undefined, 'a.example'],
])('a client that asks for %s gets the certificate of %s', async (asked, expected) => {
  const tls = [['a.example'], ['*.b.example'], ['b.example'], ['exact.b.example']].map((names) =>
    makeCertificate(names.map((name) => `DNS:${name}`)),
  )
  const { port } = await startShield({ listen: { tls } })
  expect(await given(port, asked)).toBe(expected)
})

test.each([
  ['h2 where a client has the choice', ['h2', 'http/1.1'], 'h2'],
  ['HTTP/1.1 where it wants only that', ['http/1.1'], 'http/1.1'],
  ['HTTP/1.1 where it does not say', undefined, false],
])('%s', async (_what, ALPNProtocols, agreed) => {
  const { port } = await startShield({ listen: { tls: makeCertificate() } })
  const socket = await shakeHands(port, ALPNProtocols && { ALPNProtocols })
  expect(socket.alpnProtocol).toBe(agreed)
})

test.each([
  ['TLS 1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }],
  ['a cipher without forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
  ['a cipher without authentication of its own', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }],
  ['a protocol that is none of ours', { ALPNProtocols: ['gopher'] }],
] as [string, ConnectionOptions][])('there is no handshake with %s', async (_what, options) => {
  const { port, s3 } = await startShield({ listen: { tls: makeCertificate() } })
  await expect(shakeHands(port, options)).rejects.toThrow()
  s3.put('a', 'a')
  expect((await requestOn(await openSession(port), { path: '/a' })).status).toBe(200)
})

test.each([
  ['TLSv1.2', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
  ['TLSv1.3', 'TLS_AES_128_GCM_SHA256'],
] as const)('with %s it is %s', async (version, cipher) => {
  const { port } = await startShield({ listen: { tls: makeCertificate() } })
  const socket = await shakeHands(port, { minVersion: version, maxVersion: version })
  expect([socket.getProtocol(), socket.getCipher().name]).toEqual([version, cipher])
})

test('a client that cannot do AES cheaply gets ChaCha20', async () => {
  const { port } = await startShield({ listen: { tls: makeCertificate() } })
  const ciphers = 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256'
  expect((await shakeHands(port, { ciphers })).getCipher().name).toBe('TLS_CHACHA20_POLY1305_SHA256')
})

test.each([
  ['TLSv1.2', undefined],
  ['TLSv1.3', undefined],
  ['TLSv1.2', 'b.example'],
  ['TLSv1.3', 'b.example'],
] as const)('a client that comes back goes on where it was, %s, asking for %s', async (version, servername) => {
  const tls = ['a.example', 'b.example'].map((name) => makeCertificate([`DNS:${name}`]))
  const { port } = await startShield({ listen: { tls } })
  const options = { minVersion: version, maxVersion: version, ...(servername && { servername }) }
  const first = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
  onTestFinished(() => void first.destroy())
  const [session] = (await once(first, 'session')) as [Buffer]
  expect(first.isSessionReused()).toBe(false)
  expect((await shakeHands(port, { ...options, session })).isSessionReused()).toBe(true)
})

test('renegotiation is refused', async () => {
  const { port } = await startShield({ listen: { tls: makeCertificate() } })
  const socket = await shakeHands(port, { maxVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] })
  const outcome = await new Promise<unknown>((resolve) => {
    socket.once('error', resolve)
    socket.once('close', () => resolve('closed'))
    socket.renegotiate({}, resolve)
  })
  expect(outcome).not.toBeNull()
})

test.each([
  ['is not there', ({ cert }: MadeCertificate) => ({ cert: `${cert}.gone`, key: cert }), /gone: there is no such file/],
  ['is a folder', ({ key }: MadeCertificate) => ({ cert: join(key, '..'), key }), /: is a directory, expected a file/],
  [
    'is no PEM',
    ({ key }: MadeCertificate) => ({ cert: written('nonsense'), key }),
    /: holds no certificate in PEM form/,
  ],
  ['holds a key', ({ key }: MadeCertificate) => ({ cert: key, key }), /key\.pem: holds no certificate in PEM form/],
  [
    'is damaged',
    ({ key }: MadeCertificate) => ({ cert: written('-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----'), key }),
    /: holds a certificate that cannot be read/,
  ],
  ['has no key in its key file', ({ cert }: MadeCertificate) => ({ cert, key: cert }), /: holds no private key in PEM/],
  [
    'has a damaged key',
    ({ cert }: MadeCertificate) => ({
      cert,
      key: written('-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----'),
    }),
    /: holds a private key that cannot be read/,
  ],
  [
    'has a key with a passphrase',
    ({ cert, key }: MadeCertificate) => ({ cert, key: encrypted(key) }),
    /: is encrypted, expected a key without a passphrase/,
  ],
  [
    'has the key of another',
    ({ cert }: MadeCertificate) => ({ cert, key: makeCertificate().key }),
    /key\.pem: is not the key of the certificate in .*cert\.pem/,
  ],
  [
    'is too weak',
    () => makeCertificate(undefined, { keyOptions: ['-newkey', 'rsa:1024'] }),
    /cert\.pem: TLS does not take it \(ERR_SSL_EE_KEY_TOO_SMALL\)/,
  ],
])('a certificate that %s keeps the program from starting, which says why', async (_what, files, reason) => {
  const made = makeCertificate()
  const starting = startShield({ listen: { tls: [made, files(made)] } })
  await expect(starting).rejects.toMatchObject({ name: 'StartError', message: expect.stringMatching(reason) })
})

test('every faulty file is named at once', async () => {
  const tls = [
    { cert: '/none/a.pem', key: '/none/a.key' },
    { cert: '/none/b.pem', key: '/none/b.key' },
  ]
  await expect(startShield({ listen: { tls } })).rejects.toThrow(/a\.pem: .*\n.*b\.pem: /)
})

test.each([
  [Date.UTC(2200, 0), 40, 'certificate has expired'],
  [Date.UTC(2000, 0), 40, 'certificate is not valid yet'],
  [Date.now() + 86_400_000, 30, 'certificate'],
])('what a certificate is for, and until when, is logged', async (nowMs, level, msg) => {
  const tls = makeCertificate(['DNS:a.example', 'DNS:*.a.example'])
  const { logRecords } = await startShield({ listen: { tls }, clock: new FakeClock(nowMs) })
  const about = { level, msg, file: tls.cert, names: 'DNS:a.example, DNS:*.a.example' }
  expect(logRecords()).toContainEqual(expect.objectContaining(about))
})

test('certificates that are read again are for the connections to come; the others go on', async () => {
  const [first, other] = [makeCertificate(['DNS:a.example']), makeCertificate(['DNS:b.example'])]
  const { app, port, s3 } = await startShield({ listen: { tls: [first, other] } })
  s3.put('a', 'a')
  const session = await openSession(port)
  const [newFirst, newOther] = [makeCertificate(['DNS:c.example']), makeCertificate(['DNS:d.example'])]
  replace(first, newFirst)
  replace(other, newOther)
  expect([await given(port), await given(port, 'b.example')]).toEqual(['a.example', 'b.example'])

  expect(await app.reload()).toMatchObject({ kind: 'reloaded', restartNeeded: [] })
  expect([await given(port), await given(port, 'b.example')]).toEqual(['c.example', 'c.example'])
  expect([await given(port, 'c.example'), await given(port, 'd.example')]).toEqual(['c.example', 'd.example'])
  expect((await requestOn(session, { path: '/a' })).status).toBe(200)
})

test('where one of them is faulty all stay as they are, and it is said why', async () => {
  const [first, other] = [makeCertificate(['DNS:a.example']), makeCertificate(['DNS:b.example'])]
  const { app, port, logRecords } = await startShield({ listen: { tls: [first, other] } })
  replace(first, makeCertificate(['DNS:c.example']))
  writeFileSync(other.key, 'half a key')
  const reasons = [`${other.key}: holds no private key in PEM form`]
  expect(await app.reload()).toMatchObject({ kind: 'refused', cause: 'certificates', reasons })
  expect([await given(port), await given(port, 'b.example')]).toEqual(['a.example', 'b.example'])
  expect(logRecords()).toContainEqual(expect.objectContaining({ level: 50, reasons }))

  replace(other, makeCertificate(['DNS:b.example']))
  expect(await app.reload()).toMatchObject({ kind: 'reloaded', restartNeeded: [] })
  expect(await given(port)).toBe('c.example')
})

test('what is refused for another reason leaves the certificates as they were', async () => {
  const files = makeCertificate(['DNS:a.example'])
  const { app, port, s3 } = await startShield({ listen: { tls: files } })
  replace(files, makeCertificate(['DNS:b.example']))
  s3.onAny((exchange) => exchange.error(403, 'InvalidAccessKeyId'))
  const keys = { accessKeyId: 'OTHER', secretAccessKey: 'other' }
  const config = (tls: MadeCertificate) =>
    configOf({ spaces: { endpoint: s3.endpoint, credentials: keys } }, { listen: [{ address: '127.0.0.1:0', tls }] })
  expect(await app.reload(config(files))).toMatchObject({ kind: 'refused', cause: 'keys' })
  expect(await given(port)).toBe('a.example')
})

test('a program that is told to end while they are read keeps those it has', async () => {
  const files = makeCertificate(['DNS:a.example'])
  const { app, logRecords } = await startShield({ listen: { tls: files } })
  const next = makeCertificate(['DNS:b.example'])
  const cert = readFileSync(next.cert)
  replace(files, next)
  // Who reads it and who writes it wait for each other.
  rmSync(files.cert)
  execFileSync('mkfifo', [files.cert])
  const reloaded = app.reload()
  const pipe = await open(files.cert, 'w')
  const closed = app.close()
  await pipe.writeFile(cert)
  await pipe.close()
  expect(await reloaded).toMatchObject({ kind: 'refused', cause: 'ending', reasons: ['the program is ending'] })
  expect(logRecords().flatMap(({ names }) => names ?? [])).toEqual(['DNS:a.example'])
  await closed
})

test('what was read again is told by its file, where it is another one', async () => {
  const [first, other] = [makeCertificate(['DNS:a.example']), makeCertificate(['DNS:b.example'])]
  const { app } = await startShield({ listen: { tls: [first, other] } })
  expect(await app.reload()).toMatchObject({ certificates: [] })
  replace(other, makeCertificate(['DNS:b.example']))
  expect(await app.reload()).toMatchObject({ certificates: [other.cert] })
  expect(await app.reload()).toMatchObject({ certificates: [] })
})

test('plain HTTP has no certificates to read again', async () => {
  const { app } = await startShield()
  expect(await app.reload()).toMatchObject({ kind: 'reloaded', restartNeeded: [] })
})

test.each(OVER_TLS)('$name: every answer says how long HTTPS is the only way, errors too', async ({ request }) => {
  const routes = [{ match: '/**', responseHeaders: { 'Strict-Transport-Security': 'max-age=1' } }]
  const { port, s3 } = await startShield({ routes, listen: { tls: { ...makeCertificate(), hsts: '365d' } } })
  s3.put('a', 'a')
  for (const path of ['/a', '/a', '/none', '/%zz']) {
    const { headers } = await request(port, { path })
    expect(headers['strict-transport-security']).toBe('max-age=31536000')
  }
})

test.each(OVER_TLS)('$name: nothing is said about it by default', async ({ request }) => {
  const { port } = await startShield({ listen: { tls: makeCertificate() } })
  expect((await request(port, { path: '/none' })).headers['strict-transport-security']).toBeUndefined()
})

test('it is said to those who were given that certificate, and to no others', async () => {
  const tls = [makeCertificate(['DNS:a.example']), { ...makeCertificate(['DNS:b.example']), hsts: '1h' }]
  const { port } = await startShield({ listen: { tls } })
  const said = async (serverName: string) => {
    const { headers } = await requestOn(await openSession(port, { serverName }), { path: '/none' })
    return headers['strict-transport-security']
  }
  expect([await said('a.example'), await said('b.example')]).toEqual([undefined, 'max-age=3600'])
  const socket = await shakeHands(port, { servername: 'b.example' })
  const connection = rawOn(socket)
  connection.write('GET /none HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  expect((await connection.closed).toString()).toContain('\r\nStrict-Transport-Security: max-age=3600\r\n')
})

test('openssl and curl get along with it', async () => {
  const { port, s3 } = await startShield({ listen: { tls: makeCertificate() } })
  s3.put('a', 'hello')
  const curl = (version: string) =>
    run('curl', ['-sk', version, '-w', ' %{http_version}', `https://127.0.0.1:${port}/a`])
  expect([await curl('--http2'), await curl('--http1.1'), await curl('--http1.0')]).toEqual([
    'hello 2',
    'hello 1.1',
    'hello 1.1',
  ])
})

function written(text: string): string {
  const file = join(makeFolder(), 'written.pem')
  writeFileSync(file, text)
  return file
}

function encrypted(key: string): string {
  const file = join(makeFolder(), 'encrypted.key')
  execFileSync('openssl', ['pkcs8', '-topk8', '-in', key, '-out', file, '-passout', 'pass:secret'], { stdio: 'pipe' })
  expect(readFileSync(file, 'utf8')).toContain('ENCRYPTED')
  return file
}

function replace(files: MadeCertificate, by: MadeCertificate): void {
  copyFileSync(by.cert, files.cert)
  copyFileSync(by.key, files.key)
}

async function run(program: string, args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(program, args)).stdout
}
