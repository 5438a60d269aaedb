/** A request target that could mean something else than it seems is refused before any origin is asked. */
import { describe, expect, test } from 'vitest'
import { expectUnharmed, parseAnswers, rawExchange, request, startShield } from '../support/shield.ts'

function get(target: string): string {
  return `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`
}

const TARGETS: Readonly<Record<string, readonly string[]>> = {
  'a bad escape': [
    '/%',
    '/%4',
    '/%zz',
    '/a%2',
    '/%u0041',
    '/%-1',
    '/%C3',
    '/%ff',
    '/%c0%af',
    '/%ed%a0%80',
    '/%f5%80%80%80',
  ],
  'an escaped NUL': ['/%00', '/a%00.ts', '/a.ts%00', '/%00?x'],
  'a raw control character or a space': ['/a\0b', '/a\x01b', '/a\tb', '/a b', '/a\x7fb', '/a\x0bb', '/\x1b[31m'],
  'a raw byte beyond ASCII': ['/\xe4.ts', '/a?q=\xff', '/\xc3\xa4.ts'],
  'a dot-segment in any spelling': [
    '/..',
    '/../a',
    '/a/../b',
    '/a/..',
    '/.',
    '/./a',
    '/a/./b',
    '/a/.',
    '/%2e%2e/a',
    '/%2E%2e/a',
    '/.%2e/a',
    '/%2e./a',
    '/%2e',
    '/a/%2e%2e%2fb',
    '/a%2f..%2fb',
    '/a%2f%2e%2e',
    '/a/..%2f..%2fetc/passwd',
    '/..?x',
    '/../?x=1',
  ],
  'a fragment': ['/a#b', '/#', '/a.ts#t=10', '/a?b#c'],
  'absolute-form': [
    'http://127.0.0.1/a.ts',
    'http://evil.example/a.ts',
    'HTTP://x/a',
    'https://x/a',
    'ftp://x/a',
    'x/a',
  ],
  'an asterisk or nothing like a path': ['*', 'a.ts', '?a', '\\a', '.', '..'],
}

describe.each(Object.entries(TARGETS))('%s', (_, targets) => {
  test('is answered 400 in a short text that repeats nothing, and asks no origin', async () => {
    const shield = await startShield()
    for (const target of targets) {
      const [answer, ...more] = parseAnswers(await rawExchange(shield.port, get(target)))
      expect([target, answer?.status, answer?.isWhole, more.length]).toEqual([target, 400, true, 0])
      expect([answer?.headers['content-type'], answer?.headers['cache-control']]).toEqual([
        'text/plain; charset=utf-8',
        'no-store',
      ])
      expect(answer?.body.toString()).toMatch(/^[A-Z][A-Za-z -]{4,60}\n$/)
    }
    await expectUnharmed(shield)
  })
})

test('what only looks like one of these is an ordinary name', async () => {
  const { s3, port } = await startShield()
  const names: readonly (readonly [string, string])[] = [
    ['/a..b', 'a..b'],
    ['/.../a', '.../a'],
    ['/..a/b..', '..a/b..'],
    ['/.hidden', '.hidden'],
    ['/a.', 'a.'],
    ['/%252e%252e/a', '%2e%2e/a'],
    ['/%2500', '%00'],
    ['/a%23b', 'a#b'],
    ['/a%3Fb', 'a?b'],
    ['/a%5C..%5Cb', 'a\\..\\b'],
    ['/*', '*'],
    ['/http://x/a', 'http://x/a'],
    ['/a?x=/../b', 'a'],
    ['/a%0D%0AX: y'.replace(' ', '%20'), 'a\r\nX: y'],
  ]
  for (const [, key] of names) s3.put(key, `bytes of ${JSON.stringify(key)}`)

  for (const [path, key] of names) {
    const { status, body } = await request(port, { path })
    expect([path, status, body.toString()]).toEqual([path, 200, `bytes of ${JSON.stringify(key)}`])
  }
})

test('a name of 1024 bytes is served, a longer one is a 414', async () => {
  const shield = await startShield()
  const { s3, port } = shield
  const longest = ['a'.repeat(1024), 'ä'.repeat(512), '%'.repeat(1024)]
  for (const key of longest) {
    s3.put(key, 'x')
    expect((await request(port, { path: `/${encodeURIComponent(key)}` })).status).toBe(200)
  }
  const askedBefore = s3.requests.length

  for (const key of [...longest.map((longestKey) => `${longestKey}a`), 'ä'.repeat(513), 'a'.repeat(8000)]) {
    const { status, headers, body } = await request(port, { path: `/${encodeURIComponent(key)}` })
    expect([status, headers['cache-control'], body.length < 80]).toEqual([414, 'no-store', true])
  }
  await expectUnharmed(shield, askedBefore)
})

test('a query that makes the target longer than 8 KiB is a 414', async () => {
  const shield = await startShield()
  const { s3, port } = shield
  s3.put('a', 'x')
  const longest = `/a?${'q'.repeat(8192 - 3)}`

  expect((await request(port, { path: longest })).status).toBe(200)
  expect((await request(port, { path: `${longest}q` })).status).toBe(414)
  await expectUnharmed(shield, 1)
})
