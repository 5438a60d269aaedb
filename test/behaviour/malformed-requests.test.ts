/** Bytes that are no proper request get a short refusal or nothing, and the server goes on. */
import { expect, test } from 'vitest'
import { expectUnharmed, parseAnswers, rawExchange, startShield } from '../support/shield.ts'

const HEAD = 'GET /secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'

const MALFORMED: Readonly<Record<string, string>> = {
  'a TLS handshake': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03random',
  'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  'binary noise': '\x00\xff\xfe\x80\x00\x00\r\n\r\n',
  'another protocol': 'EHLO example.com\r\n',
  'no version this server speaks': 'GET /secret HTTP/3.0\r\nHost: x\r\n\r\n',
  'a version that does not exist': 'GET /secret HTTP/1.2\r\nHost: x\r\n\r\n',
  'a version in lower case': 'GET /secret http/1.1\r\nHost: x\r\n\r\n',
  'bare line feeds': 'GET /secret HTTP/1.1\nHost: x\nConnection: close\n\n',
  'a bare line feed after a field': 'GET /secret HTTP/1.1\r\nHost: x\nConnection: close\r\n\r\n',
  'a bare carriage return in a value': `${HEAD}X: a\rGET /secret HTTP/1.1\r\n\r\n`,
  'a folded field': `${HEAD}X: a\r\n b\r\n\r\n`,
  'a folded first field': 'GET /secret HTTP/1.1\r\n Host: x\r\n\r\n',
  'a space before the colon': `${HEAD}X : a\r\n\r\n`,
  'a field without a name': `${HEAD}: a\r\n\r\n`,
  'a field without a colon': `${HEAD}X\r\n\r\n`,
  'a NUL in a value': `${HEAD}X: a\0b\r\n\r\n`,
  'a NUL in a name': `${HEAD}X\0: a\r\n\r\n`,
  'no Host': 'GET /secret HTTP/1.1\r\nConnection: close\r\n\r\n',
  'two Hosts': 'GET /secret HTTP/1.1\r\nHost: x\r\nHost: y\r\nConnection: close\r\n\r\n',
  'the same Host twice': 'GET /secret HTTP/1.1\r\nHost: x\r\nhost: x\r\nConnection: close\r\n\r\n',
  'a Host with a path': 'GET /secret HTTP/1.1\r\nHost: x/secret\r\nConnection: close\r\n\r\n',
  'a Host with a user': 'GET /secret HTTP/1.1\r\nHost: u@x\r\nConnection: close\r\n\r\n',
  'a Host with a space': 'GET /secret HTTP/1.1\r\nHost: x y\r\nConnection: close\r\n\r\n',
  'two Hosts in one field': 'GET /secret HTTP/1.1\r\nHost: x, y\r\nConnection: close\r\n\r\n',
  'a Host with a tab': 'GET /secret HTTP/1.1\r\nHost: x\ty\r\nConnection: close\r\n\r\n',
  'a Host beyond ASCII': 'GET /secret HTTP/1.1\r\nHost: \xe4\r\nConnection: close\r\n\r\n',
  'a Host with a port that is none': 'GET /secret HTTP/1.1\r\nHost: x:80a\r\nConnection: close\r\n\r\n',
  'a Host whose bracket is never closed': 'GET /secret HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n',
  'a malformed Host in HTTP/1.0': 'GET /secret HTTP/1.0\r\nHost: x/y\r\n\r\n',
  'two Hosts in HTTP/1.0': 'GET /secret HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n',
}

test.each(Object.entries(MALFORMED))('%s is a 400, and the connection ends', async (_, bytes) => {
  const shield = await startShield()
  shield.s3.put('secret', 'SECRET')

  const received = await rawExchange(shield.port, bytes)

  const answers = parseAnswers(received)
  expect(answers.map(({ status, isWhole }) => [status, isWhole])).toEqual([[400, true]])
  expect([answers[0]?.headers['content-type'], answers[0]?.headers['cache-control']]).toEqual([
    'text/plain; charset=utf-8',
    'no-store',
  ])
  await expectUnharmed(shield)
})

test.each(['x', 'X.example:8080', '127.0.0.1:80', '[::1]:8080', 'a_b', 'x:', '', '%C3%A4', 'xn--4ca.example'])(
  'the Host “%s” is a good one',
  async (host) => {
    const shield = await startShield()
    shield.s3.put('a.ts', 'x')
    const received = await rawExchange(shield.port, `GET /a.ts HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
    expect(parseAnswers(received).map(({ status }) => status)).toEqual([200])
  },
)

test.each([
  ['one long field', `X: ${'a'.repeat(16 * 1024)}\r\n`],
  ['many short fields', 'a: b\r\n'.repeat(4000)],
  ['a long name', `${'a'.repeat(16 * 1024)}: b\r\n`],
  ['a long cookie', `Cookie: ${'a=b; '.repeat(4000)}\r\n`],
])('fields of more than 16 KiB are a 431: %s', async (_, fields) => {
  const shield = await startShield()

  const received = await rawExchange(shield.port, `${HEAD}${fields}\r\n`)

  expect(parseAnswers(received).map(({ status, isWhole }) => [status, isWhole])).toEqual([[431, true]])
  await expectUnharmed(shield)
})

test('fields of a little less than 16 KiB are fine', async () => {
  const shield = await startShield()
  shield.s3.put('secret', 'x')

  const received = await rawExchange(shield.port, `${HEAD}X: ${'a'.repeat(15 * 1024)}\r\n\r\n`)

  expect(parseAnswers(received).map(({ status }) => status)).toEqual([200])
})

test('a client that never stops sending fields is cut off, whatever it has heard', async () => {
  const shield = await startShield()

  const received = await rawExchange(shield.port, `${HEAD}${'a: b\r\n'.repeat(400_000)}`)

  if (received.length > 0) expect(parseAnswers(received).map(({ status }) => status)).toEqual([431])
  await expectUnharmed(shield)
})

test('empty lines before a request are not held against it', async () => {
  const shield = await startShield()
  shield.s3.put('secret', 'x')

  const received = await rawExchange(shield.port, `\r\n\r\n${HEAD}\r\n`)

  expect(parseAnswers(received).map(({ status }) => status)).toEqual([200])
})

test('HTTP/1.0 is answered without chunks, and its connection closed', async () => {
  const shield = await startShield()
  shield.s3.put('a.ts', 'abc')
  shield.s3.on('no-length.ts', ({ response }) => response.writeHead(200).end('of unknown length'))

  for (const _ of ['miss', 'hit']) {
    const [known] = parseAnswers(await rawExchange(shield.port, 'GET /a.ts HTTP/1.0\r\n\r\n'))
    expect([known?.status, known?.headers['content-length'], known?.body.toString()]).toEqual([200, '3', 'abc'])
  }
  const [unknown] = parseAnswers(await rawExchange(shield.port, 'GET /no-length.ts HTTP/1.0\r\n\r\n'))
  expect([unknown?.status, unknown?.headers['transfer-encoding'], unknown?.body.toString()]).toEqual([
    200,
    undefined,
    'of unknown length',
  ])
})
