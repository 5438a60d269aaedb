import { describe, expect, test } from 'vitest'
import { summarise } from '../../src/config/summary.ts'
import { goodWith, load, problemsOf } from './good.ts'

const KEY = '0123456789abcdef'
const ACCESS = 'routes[0].access'
const TOKENS = `${ACCESS}.tokens`
const hmac = { scheme: 'hmac', keys: { k1: KEY } }

const accessOf = (access: unknown) => load(goodWith(ACCESS, access)).routes[0]?.access

describe('what a route says of access', () => {
  test.each([
    [hmac, { in: ['path'], name: 'token', clientIp: false }],
    [
      { scheme: 'secure-link', keys: { k1: 's' } },
      { name: 'md5', expiresName: 'expires', expression: '$secure_link_expires$uri $key' },
    ],
    [
      { scheme: 'edgeauth', keys: { k1: 'aB12' } },
      { in: ['query'], name: '__token__', clientIp: false },
    ],
    [
      { scheme: 'bunny', keys: { k1: 's' } },
      { in: ['path', 'query'], clientIp: false },
    ],
  ])('%j has its defaults', (tokens, defaults) => {
    expect(accessOf({ tokens })).toEqual({ tokens: { ...tokens, ...defaults } })
  })

  test('comes out as it stands', () => {
    const access = {
      tokens: { ...hmac, in: ['query', 'cookie'], name: 'pass', clientIp: true },
      networks: { allow: ['10.0.0.0/8'], deny: ['10.9.0.0/16', '::1'] },
      referers: { allow: ['https://*.example.com'], absent: 'deny' },
      secretHeader: { name: 'X-Edge', values: [KEY] },
    }
    expect(accessOf(access)).toEqual(access)
    expect(accessOf({ networks: { deny: ['::1'] } })).toEqual({ networks: { allow: [], deny: ['::1'] } })
    expect(accessOf({ referers: { allow: ['http://a.test'] } })).toEqual({
      referers: { allow: ['http://a.test'], absent: 'allow' },
    })
  })

  test('holds for a route that passes through as well', () => {
    const route = { match: '/**', passthrough: 'http://127.0.0.1:3000', access: { tokens: hmac } }
    expect(load(goodWith('routes[0]', route)).routes[0]?.access?.tokens?.scheme).toBe('hmac')
  })

  test('takes its keys from variables', () => {
    const text = goodWith(`${TOKENS}`, { scheme: 'hmac', keys: { k1: `\${KEY}` } })
    expect(load(text, { KEY }).routes[0]?.access?.tokens?.keys).toEqual({ k1: KEY })
  })
})

describe('what is wrong is said, and never what a secret is', () => {
  const NO_RULE = 'expected at least one of tokens, networks, referers and secretHeader'
  const SHORT = 'expected a key of at least 16 bytes; openssl rand -hex 32 makes one, got a string that is not shown'
  const hush = 'hush-hush'

  test.each<readonly [path: string, value: unknown, problem: string]>([
    [ACCESS, {}, `${ACCESS}: ${NO_RULE}, got an empty mapping`],
    [ACCESS, null, `${ACCESS}: expected a mapping, got nothing`],
    [ACCESS, { token: hmac, networks: { deny: ['::1'] } }, `${ACCESS}.token: unknown key, did you mean "tokens"?`],
    [TOKENS, { scheme: 'jwt' }, `${TOKENS}.scheme: expected hmac, secure-link, edgeauth or bunny, got "jwt"`],
    [TOKENS, 'x', `${TOKENS}: expected a mapping, got "x"`],
    [TOKENS, { scheme: 'hmac' }, `${TOKENS}.keys: expected a mapping, got nothing`],
    [TOKENS, { scheme: 'hmac', keys: {} }, `${TOKENS}.keys: expected at least one key, got an empty mapping`],
    [TOKENS, { scheme: 'hmac', keys: { k1: hush } }, `${TOKENS}.keys.k1: ${SHORT}`],
    [
      TOKENS,
      { scheme: 'hmac', keys: { k1: '' } },
      `${TOKENS}.keys.k1: ${SHORT.replace('a string that is not shown', '""')}`,
    ],
    [
      TOKENS,
      { scheme: 'hmac', keys: { '1k': KEY } },
      `${TOKENS}.keys.1k: is no name for a key: letters and digits make one, and a letter is the first`,
    ],
    [
      `${TOKENS}`,
      { ...hmac, in: 'header' },
      `${TOKENS}.in: expected path, query, cookie, or a list of them, got "header"`,
    ],
    [
      `${TOKENS}`,
      { ...hmac, in: [] },
      `${TOKENS}.in: expected path, query, cookie, or a list of them, got an empty list`,
    ],
    [`${TOKENS}`, { ...hmac, in: ['path', 'path'] }, `${TOKENS}.in: names a place twice`],
    [
      `${TOKENS}`,
      { ...hmac, name: 'a=b' },
      `${TOKENS}.name: expected a name of letters, digits, dashes and underscores, got "a=b"`,
    ],
    [`${TOKENS}`, { ...hmac, salt: 'x' }, `${TOKENS}.salt: unknown key`],
    [
      TOKENS,
      { scheme: 'edgeauth', keys: { k1: hush } },
      `${TOKENS}.keys.k1: expected a key of hex digits, two for each byte, got a string that is not shown`,
    ],
    [
      TOKENS,
      { scheme: 'secure-link', keys: { k1: 's' }, expression: `$secure_link_expires$uri ${hush}` },
      `${TOKENS}.expression: does not hold $key`,
    ],
    ...[
      { tokens: hmac },
      { tokens: { scheme: 'secure-link', keys: { k1: 's' } } },
      { networks: { deny: ['::1'] } },
    ].map(
      (rules) =>
        [
          ACCESS,
          { ...rules, rewritePlaylists: true },
          `${ACCESS}.rewritePlaylists: has no meaning without tokens in the query that cover more than one path`,
        ] as const,
    ),
    [
      'routes[0]',
      {
        match: '/**',
        passthrough: 'http://127.0.0.1:3000',
        access: { tokens: { ...hmac, in: 'query' }, rewritePlaylists: true },
      },
      `${ACCESS}.rewritePlaylists: has no meaning beside passthrough`,
    ],
    [`${ACCESS}.networks`, {}, `${ACCESS}.networks: expected a network to allow or to deny, got an empty mapping`],
    [
      `${ACCESS}.networks.deny`,
      ['10.0.0.0/40'],
      `${ACCESS}.networks.deny[0]: expected an address or a network, such as 10.0.0.0/8 or ::1, got "10.0.0.0/40"`,
    ],
    [`${ACCESS}.referers`, { allow: [] }, `${ACCESS}.referers.allow: expected at least one site, got an empty list`],
    [
      `${ACCESS}.referers`,
      { allow: ['example.com'] },
      `${ACCESS}.referers.allow[0]: expected a site, such as https://example.com or https://*.example.com, got "example.com"`,
    ],
    [
      `${ACCESS}.secretHeader`,
      { name: 'X-Edge', values: [hush] },
      `${ACCESS}.secretHeader.values[0]: expected at least 16 letters, digits and signs of ASCII without spaces, got a string that is not shown`,
    ],
    [
      `${ACCESS}.secretHeader`,
      { name: 'X Edge', values: [KEY] },
      `${ACCESS}.secretHeader.name: expected the name of a header field, got "X Edge"`,
    ],
  ])('%s: %j', (path, value, problem) => {
    expect(problemsOf(goodWith(path, value))).toEqual([problem])
  })
})

test('what check prints of a route with tokens names their scheme and nothing secret', () => {
  const summary = summarise(
    load(goodWith(ACCESS, { tokens: hmac, secretHeader: { name: 'X-E', values: [`${KEY}!`] } })),
  )
  expect(summary).toContain('route   /** → spaces, hmac tokens, a secret header')
  expect(summary).not.toContain(KEY)
})
