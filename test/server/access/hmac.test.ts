import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hmacScheme, signHmac } from '../../../src/server/access/hmac.ts'
import { opensslHmac } from '../../support/openssl.ts'
import { asking, NOW } from './asking.ts'

const KEY = 'a key of more than sixteen bytes'
const OLD_KEY = 'the key that was there before it'
const scheme = hmacScheme({ keys: { k2: KEY, k1: OLD_KEY }, name: 'token', clientIp: false })
const demanding = hmacScheme({ keys: { k2: KEY }, name: 'token', clientIp: true })
const LATER = NOW + 60

const token = (path: string, more: { client?: string; expiresSeconds?: number } = {}) =>
  signHmac('k2', KEY, { path, expiresSeconds: LATER, ...more })
const verify = (text: string, request = asking('/vod/clip/a.ts')) => scheme.verify(text, 'query', request)

/** As the description of the scheme says, made by another program. */
function byOpenssl(claims: string, keyName = 'k2', key = KEY): string {
  const signed = `${keyName}.${Buffer.from(claims).toString('base64url')}`
  return `${signed}.${opensslHmac(key, signed).toString('base64url')}`
}

test('a token that another program made by the description is the one that is made here, and is good', () => {
  expect(token('/vod/clip/')).toBe(byOpenssl(`${LATER} /vod/clip/`))
  expect(token('/vod/ä b.ts', { client: '192.0.2.7' })).toBe(byOpenssl(`${LATER} 192.0.2.7 /vod/ä b.ts`))
  expect(verify(byOpenssl(`${LATER} /vod/clip/`))).toBeUndefined()
  expect(verify(byOpenssl(`${LATER} 192.0.2.7 /vod/`), asking('/vod/a', { client: '192.0.2.7' }))).toBeUndefined()
})

test('a token of any key is good, and only under the name of its own key', () => {
  expect(verify(byOpenssl(`${LATER} /vod/`, 'k1', OLD_KEY))).toBeUndefined()
  expect(verify(byOpenssl(`${LATER} /vod/`, 'k1', KEY))).toBe('bad-signature')
  expect(verify(byOpenssl(`${LATER} /vod/`, 'k3', KEY))).toBe('bad-signature')
  expect(verify(byOpenssl(`${LATER} /vod/`, 'constructor', KEY))).toBe('bad-signature')
})

describe('what a token covers', () => {
  test.each([
    ['/vod/clip/', '/vod/clip/', undefined],
    ['/vod/clip/', '/vod/clip/a/b.ts', undefined],
    ['/vod/clip/', '/vod/clip//a.ts', undefined],
    ['/vod/clip/', '/vod/clip%2Fa.ts', undefined],
    ['/vod/cl ip/', '/vod/cl%20ip/a.ts', undefined],
    ['/vod/clip/', '/vod/clip', 'wrong-path'],
    ['/vod/clip/', '/vod/clip2/a.ts', 'wrong-path'],
    ['/vod/clip/', '/vod/Clip/a.ts', 'wrong-path'],
    ['/vod/clip/', '/vod//clip/a.ts', 'wrong-path'],
    ['/vod/clip/', '//vod/clip/a.ts', 'wrong-path'],
    ['/vod/clip/', '/vod/clip%252Fa.ts', 'wrong-path'],
    ['/vod/clip/a.ts', '/vod/clip/a.ts', undefined],
    ['/vod/clip/a.ts', '/vod/clip/a.ts/', 'wrong-path'],
    ['/vod/clip/a.ts', '/vod/clip/a.tsx', 'wrong-path'],
    ['/vod/clip/a.ts', '/vod/clip/a.t', 'wrong-path'],
    ['/', '/anything', undefined],
  ])('%s for a request of %s: %s', (covered, sentPath, outcome) => {
    expect(verify(token(covered), asking(sentPath))).toBe(outcome)
    expect(scheme.coverage?.(token(covered))(decodeURIComponent(sentPath), true)).toBe(outcome === undefined)
  })
})

test('it is over at the second that it names', () => {
  expect(verify(token('/vod/'), asking('/vod/a', { atSeconds: LATER - 0.001 }))).toBeUndefined()
  expect(verify(token('/vod/'), asking('/vod/a', { atSeconds: LATER }))).toBe('expired')
  expect(verify(byOpenssl('0 /vod/'))).toBe('expired')
})

describe('a token that names a client', () => {
  test.each([
    ['192.0.2.7', '192.0.2.7', undefined],
    ['192.0.2.7', '192.0.2.8', 'wrong-client'],
    ['192.0.2.7', 'unknown', 'wrong-client'],
    ['::ffff:192.0.2.7', '192.0.2.7', undefined],
    ['2001:db8:1:2::7', '2001:db8:1:2:aaaa:bbbb:cccc:dddd', undefined],
    ['2001:db8:1:2::7', '2001:db8:1:3::7', 'wrong-client'],
    ['2001:db8::1', '192.0.2.7', 'wrong-client'],
    ['0.0.0.0', '::', 'wrong-client'],
  ])('%s, used by %s: %s', (named, client, outcome) => {
    expect(verify(token('/vod/', { client: named }), asking('/vod/a', { client }))).toBe(outcome)
  })

  test('has to, where the route demands it', () => {
    expect(demanding.verify(token('/vod/'), 'query', asking('/vod/a'))).toBe('wrong-client')
    const named = token('/vod/', { client: '192.0.2.7' })
    expect(demanding.verify(named, 'query', asking('/vod/a', { client: '192.0.2.7' }))).toBeUndefined()
  })
})

test('claims that are signed and say nothing clear are refused', () => {
  for (const claims of [
    '',
    `${LATER}`,
    `${LATER} `,
    `${LATER} vod/`,
    `${LATER}  /vod/`,
    `+${LATER} /vod/`,
    `-1 /vod/`,
    `1e12 /vod/`,
    `999999999999 /vod/`,
    `${LATER} localhost /vod/`,
    `${LATER} 1.2.3 /vod/`,
    `${LATER} ::1 ::1 /vod/`,
    ` ${LATER} /vod/`,
  ]) {
    expect(verify(byOpenssl(claims)), claims).toBe('malformed')
  }
})

test('whatever is not shaped like a token is refused as such', () => {
  const good = token('/vod/')
  for (const text of [
    '',
    '.',
    '..',
    'k2',
    good.slice(0, -1),
    `${good}A`,
    `${good}=`,
    ` ${good}`,
    `${good}\n`,
    `.${good}`,
  ]) {
    expect(verify(text), text).toBe('malformed')
  }
})

test('with any one character changed it is good for nothing', () => {
  const good = token('/vod/clip/')
  const other = fc.constantFrom(...'ABCabc019-_.~%'.split(''))
  fc.assert(
    fc.property(fc.nat({ max: good.length - 1 }), other, (place, character) => {
      fc.pre(good[place] !== character)
      const changed = good.slice(0, place) + character + good.slice(place + 1)
      expect(verify(changed)).toMatch(/^(?:malformed|bad-signature)$/)
    }),
  )
})
