import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { edgeAuthScheme } from '../../../src/server/access/edgeauth.ts'
import { opensslHmac } from '../../support/openssl.ts'
import { asking, NOW } from './asking.ts'

const KEY = '52a152a152a152a152a152a152a1'
const LATER = NOW + 500
const scheme = edgeAuthScheme({ keys: { old: 'aa', k1: KEY }, name: 'hdnts', salt: undefined, clientIp: false })
const salted = edgeAuthScheme({ keys: { k1: KEY }, name: 'hdnts', salt: 'salt water', clientIp: true })

const hmac = (text: string) => opensslHmac(Buffer.from(KEY, 'hex'), text).toString('hex')
/** As Akamai's own signers put a token together, with what they sign behind its text. */
const token = (text: string, ending = '') => `${text}~hmac=${hmac(text + ending)}`
const verify = (text: string, path = '/vod/clip/a.ts', carrier: 'query' | 'cookie' | 'header' = 'query') =>
  scheme.verify(text, carrier, asking(path))

describe('a token with an acl', () => {
  test.each([
    ['/*', '/vod/clip/a.ts', undefined],
    ['/vod/*', '/vod/clip/a.ts', undefined],
    ['/vod/*', '/vodka/a.ts', 'wrong-path'],
    ['/vod/clip/a.ts', '/vod/clip/a.ts', undefined],
    ['/vod/clip/a.ts', '/vod/clip/a.tsx', 'wrong-path'],
    ['/vod/clip/?.ts', '/vod/clip/a.ts', undefined],
    ['/vod/clip/?.ts', '/vod/clip/.ts', 'wrong-path'],
    ['/vod/*/a.*', '/vod/clip/x/a.m4s', undefined],
    ['/live/*!/vod/clip/*', '/vod/clip/a.ts', undefined],
    ['/live/*!/other/*', '/vod/clip/a.ts', 'wrong-path'],
    ['/VOD/*', '/vod/clip/a.ts', 'wrong-path'],
    ['%2fvod%2fclip%2f%2a', '/vod/clip/a.ts', undefined],
    ['%2fvod%2fclip%2f%2a', '/vod/b.ts', 'wrong-path'],
    ['', '/vod/clip/a.ts', 'wrong-path'],
  ])('%s for a request of %s: %s', (acl, path, outcome) => {
    expect(verify(token(`exp=${LATER}~acl=${acl}`), path)).toBe(outcome)
    expect(scheme.coverage?.(token(`exp=${LATER}~acl=${acl}`))(path, false)).toBe(outcome === undefined)
  })

  test('matches as an expression would that stands for the same', () => {
    const character = fc.constantFrom('a', 'b', '/', '*', '?')
    const text = fc.string({ unit: character, maxLength: 12 })
    fc.assert(
      fc.property(text, fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 12 }), (pattern, path) => {
        const expression = new RegExp(`^${pattern.replace(/\*+/g, '.*').replaceAll('?', '.')}$`)
        const matches = scheme.coverage?.(`exp=1~acl=${pattern}~hmac=${'0'.repeat(64)}`)(path, true)
        expect(matches).toBe(expression.test(path))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('a token without an acl', () => {
  test('covers the path it was made for', () => {
    const text = token(`exp=${LATER}`, '~url=/vod/clip/a.ts')
    expect(verify(text)).toBeUndefined()
    expect(verify(text, '/vod/clip/b.ts')).toBe('bad-signature')
    expect(scheme.coverage?.(text)('/vod/clip/a.ts', true)).toBe(false)
  })

  test('may have been made with the path escaped', () => {
    expect(verify(token(`exp=${LATER}`, '~url=%2fvod%2fcl-ip_%c3%a4.ts'), '/vod/cl-ip_%C3%A4.ts')).toBeUndefined()
  })

  test('cannot be given an acl', () => {
    const good = token(`exp=${LATER}~data=x`, '~url=/vod/clip/a.ts')
    expect(verify(good)).toBeUndefined()
    expect(verify(good.replace('~data=x', '~data=x~acl=/*'))).toBe('bad-signature')
    const signed = `exp=${LATER}~data=x~url=/vod/clip/a.ts`
    expect(verify(`${signed}~acl=/*~hmac=${hmac(signed)}`)).toBe('malformed')
  })
})

test('its time begins and ends', () => {
  const text = token(`st=${NOW + 10}~exp=${NOW + 20}~acl=/*`)
  const at = (atSeconds: number) => scheme.verify(text, 'query', asking('/a', { atSeconds }))
  expect([at(NOW + 9), at(NOW + 10), at(NOW + 19), at(NOW + 20)]).toEqual(['not-yet', undefined, undefined, 'expired'])
})

test('a client, a session and data are part of it, and a salt of what is signed', () => {
  const text = `ip=192.0.2.7~st=${NOW}~exp=${LATER}~acl=/*~id=session 1~data=a=b`
  const ask = (one: string, client: string) => salted.verify(one, 'cookie', asking('/a', { client }))
  expect(ask(token(text, '~salt=salt water'), '192.0.2.7')).toBeUndefined()
  expect(ask(token(text, '~salt=salt water'), '192.0.2.8')).toBe('wrong-client')
  expect(ask(token(text), '192.0.2.7')).toBe('bad-signature')
  expect(ask(token(`exp=${LATER}~acl=/*`, '~salt=salt water'), '192.0.2.7')).toBe('wrong-client')
})

test('a token that was escaped for a query or a cookie is read as it was meant', () => {
  const text = token(`exp=${LATER}~acl=/vod/*`)
  expect(verify(encodeURIComponent(text))).toBeUndefined()
  expect(verify(String(new URLSearchParams({ '': text })).slice(1))).toBeUndefined()
  expect(verify(text.replace('acl=/vod/*', 'acl=%2Fvod%2F*'))).toBe('bad-signature')
  expect(verify(text, '/vod/a', 'header')).toBeUndefined()
})

test.each([
  '',
  'x',
  `exp=${LATER}`,
  `exp=${LATER}~acl=/*~hmac=`,
  `acl=/*~hmac=${'0'.repeat(64)}`,
  `exp=~acl=/*~hmac=${'0'.repeat(64)}`,
  `exp=1e9~acl=/*~hmac=${'0'.repeat(64)}`,
  `exp=${LATER}~exp=${LATER}~acl=/*~hmac=${'0'.repeat(64)}`,
  `exp=${LATER}~acl=/*~salt=x~hmac=${'0'.repeat(64)}`,
  `exp=${LATER}~acl=/*~hmac=${'0'.repeat(64)}~`,
  `exp=${LATER}~acl=/*~hmac=${'A'.repeat(64)}`,
  `exp%3D${LATER}%FF~hmac=${'0'.repeat(64)}`,
])('is malformed: %s', (text) => {
  expect(verify(text)).toBe('malformed')
})

test('a signature of another key, or another text, is none', () => {
  expect(verify(`exp=${LATER}~acl=/*~hmac=${'0'.repeat(64)}`)).toBe('bad-signature')
  expect(verify(token(`exp=${LATER}~acl=/*`).replace('exp=1', 'exp=2'))).toBe('bad-signature')
})
