import { describe, expect, test } from 'vitest'
import { bunnyScheme } from '../../../src/server/access/bunny.ts'
import { opensslHash, opensslHmac } from '../../support/openssl.ts'
import { asking } from './asking.ts'

/** Of the examples that Bunny publishes with its own signers. */
const PUBLISHED_KEY = 'SecurityKey'
const PUBLISHED_END = 1_598_024_587
const IPV6 = '2001:0db8:85a3:0000:0000:8a2e:0370:7334'
const published = bunnyScheme({ keys: { other: 'another key', k1: PUBLISHED_KEY }, clientIp: false })
const demanding = bunnyScheme({ keys: { k1: PUBLISHED_KEY }, clientIp: true })

const inQuery = (text: string, path: string, client?: string) =>
  published.verify(text, 'query', asking(path, client === undefined ? {} : { client }))

describe('tokens out of the published examples', () => {
  test.each([
    ['/300kb.jpg', 'token=HS256-o10JRWlsAItyAsdKS6jJKjabHN4FrFsplDHPV1idcX4&expires=1598024587'],
    ['/300kb.jpg', 'token=HS256-DAVapqNNED3Z7JkjRTYX0UOIHNtbHEuuhRNEc4A7mMQ&limit=1000&expires=1598024587'],
    ['/abc/300kb.jpg', 'token=HS256-uVZvT3SbEoVKYJyDJgbcsDmSFf73cv-uNUVaJiKWpbQ&token_path=%2Fabc&expires=1598024587'],
    ['/300kb.jpg', 'token=HS256-q6oRQr-5ccQ-piO1HSEQu1DVMy9UMppRxGlIQwoeM5Y&v=123&expires=1598024587'],
    [
      '/300kb.jpg',
      'token=HS256-1lwWBD_c1IAGSj1UKPoxreu8ePDQ-Z9FoWLcRn_RRH0&token_ignore_params=true&expires=1598024587',
    ],
  ])('%s?%s', (path, query) => {
    expect(inQuery(query, path)).toBeUndefined()
    expect(inQuery(query, '/300kb.png')).toMatch(/^(?:bad-signature|wrong-path)$/)
    expect(published.verify(query, 'query', asking(path, { atSeconds: PUBLISHED_END }))).toBe('expired')
  })

  test('of a path', () => {
    const segment = 'bcdn_token=HS256-bTMv4RVOkjx2UXLfVDl-JIygaxfSIQP8UCnCy7CILuY&expires=1598024587'
    expect(published.verify(segment, 'path', asking('/abc/'))).toBeUndefined()
    expect(published.verify(segment, 'path', asking('/abc/x'))).toBe('bad-signature')
    const directory =
      'bcdn_token=HS256-uVZvT3SbEoVKYJyDJgbcsDmSFf73cv-uNUVaJiKWpbQ&token_path=%2Fabc&expires=1598024587'
    expect(published.verify(directory, 'path', asking('/abc/x/y.ts'))).toBeUndefined()
    expect(published.verify(directory, 'path', asking('/abcd/y.ts'))).toBe('wrong-path')
  })

  test.each([
    ['1.2.3.4', '1.2.3.5', 'HS256-1-L2rISTLcujMY9UFf2tbZ41d5i-Bme1g1oTK_Z2QMLJk'],
    [IPV6, '2001:db8:85a4::1', 'HS256-1-Z1BaGdhTZdU4iANcyKpurFR2VgCNdqC6hlBv5x_TyaI'],
  ])('for the client %s and not for %s', (client, another, token) => {
    const query = `token=${token}&expires=1598024587`
    expect(inQuery(query, '/300kb.jpg', client)).toBeUndefined()
    expect(inQuery(query, '/300kb.jpg', another)).toBe('bad-signature')
    expect(inQuery(query, '/300kb.jpg', 'unknown')).toBe('bad-signature')
    expect(demanding.verify(query, 'query', asking('/300kb.jpg', { client }))).toBeUndefined()
  })

  test('for all of an IPv6 client’s /64', () => {
    const query = 'token=HS256-1-Z1BaGdhTZdU4iANcyKpurFR2VgCNdqC6hlBv5x_TyaI&expires=1598024587'
    expect(inQuery(query, '/300kb.jpg', '2001:db8:85a3::1')).toBeUndefined()
  })

  test('with a client’s address as text, from before there was a mark for it', () => {
    const query = 'token=HS256-0A9FRzMI9ACT-5VKMPbJf7g8f7UHavqjBH1Z8HljoEk&expires=1598024587'
    const ask = (client: string) => demanding.verify(query, 'query', asking('/300kb.jpg', { client }))
    expect(ask('1.2.3.4')).toBeUndefined()
    expect(ask('1.2.3.5')).toBe('bad-signature')
  })

  test.each([
    'token=HS256-i5s3Uv7mnrFfN5nznwU2BxhILpnipYeE18TapV0WNFM&token_countries=CA%2CUS&expires=1598024587',
    'token=HS256-JS8dSuBSjSH-W2-xhdkCPC36-2rlxfDCQJjlNMPqKZQ&token_countries_blocked=RU%2CCN&expires=1598024587',
  ])('for some countries are good, and refused: %s', (query) => {
    expect(inQuery(query, '/300kb.jpg')).toBe('restricted')
  })
})

describe('tokens by SHA-256', () => {
  const sha256 = (text: string) => opensslHash('sha256', PUBLISHED_KEY + text).toString('base64url')

  test('cover a directory, and the parameters beside them', () => {
    const token = sha256(`/vod/clip/${PUBLISHED_END}token_path=/vod/clip/&v=1`)
    const query = `v=1&expires=${PUBLISHED_END}&token=${token}&token_path=%2Fvod%2Fclip%2F`
    expect(inQuery(query, '/vod/clip/a.ts')).toBeUndefined()
    expect(inQuery(query.replace('v=1', 'v=2'), '/vod/clip/a.ts')).toBe('bad-signature')
    expect(inQuery(`${query}&w=1`, '/vod/clip/a.ts')).toBe('bad-signature')
    expect(inQuery(`${query}&CMCD=bl%3D100`, '/vod/clip/a.ts')).toBeUndefined()
    expect(inQuery(query, '/vod/clip2/a.ts')).toBe('wrong-path')
  })

  test.each([
    ['before', `/a.ts${PUBLISHED_END}192.0.2.7limit=10`],
    ['behind', `/a.ts${PUBLISHED_END}limit=10192.0.2.7`],
  ])('name a client %s their parameters', (_, signed) => {
    const query = `token=${sha256(signed)}&expires=${PUBLISHED_END}&limit=10`
    const ask = (client: string) => demanding.verify(query, 'query', asking('/a.ts', { client }))
    expect(ask('192.0.2.7')).toBeUndefined()
    expect(ask('192.0.2.8')).toBe('bad-signature')
    expect(inQuery(query, '/a.ts')).toBe('bad-signature')
  })

  test('without a client are not enough where one is demanded', () => {
    const query = `token=${sha256(`/a.ts${PUBLISHED_END}`)}&expires=${PUBLISHED_END}`
    expect(inQuery(query, '/a.ts')).toBeUndefined()
    expect(demanding.verify(query, 'query', asking('/a.ts', { client: '192.0.2.7' }))).toBe('bad-signature')
  })
})

test('a digit of the path is not to be taken for one of the time, nor the other way round', () => {
  const token = `HS256-${opensslHmac(PUBLISHED_KEY, '/seg11598024587').toString('base64url')}`
  expect(inQuery(`token=${token}&expires=1598024587`, '/seg1')).toBeUndefined()
  expect(inQuery(`token=${token}&expires=11598024587`, '/seg')).toBe('malformed')
  expect(inQuery(`token=${token}&expires=598024587`, '/seg11')).toBe('malformed')
})

test('an escaped path is signed as it stands in the URL', () => {
  const token = `HS256-${opensslHmac(PUBLISHED_KEY, '/my%20clip.ts1598024587').toString('base64url')}`
  expect(inQuery(`token=${token}&expires=1598024587`, '/my%20clip.ts')).toBeUndefined()
  expect(inQuery(`token=${token}&expires=1598024587`, '/my%2520clip.ts')).toBe('bad-signature')
})

test.each([
  '',
  'token=HS256-o10JRWlsAItyAsdKS6jJKjabHN4FrFsplDHPV1idcX4',
  'expires=1598024587',
  'token=&expires=1598024587',
  'token=HS512-o10JRWlsAItyAsdKS6jJKjabHN4FrFsplDHPV1idcX4&expires=1598024587',
  'token=HS256-2-o10JRWlsAItyAsdKS6jJKjabHN4FrFsplDHPV1idcX4&expires=1598024587',
  'token=HS256-o10JRWlsAItyAsdKS6jJKjabHN4FrFsplDHPV1idcX4&expires=1598024587&expires=1598024587',
  'token=HS256-o10JRWlsAItyAsdKS6jJKjabHN4FrFsplDHPV1idcX4&expires=1598024587&a=%FF',
  'bcdn_token=HS256-o10JRWlsAItyAsdKS6jJKjabHN4FrFsplDHPV1idcX4&expires=1598024587',
])('is malformed: %s', (query) => {
  expect(inQuery(query, '/300kb.jpg')).toBe('malformed')
})

test('covers the children of a directory, and such with parameters only where these are left out of the signature', () => {
  const bare = 'token=HS256-o10JRWlsAItyAsdKS6jJKjabHN4FrFsplDHPV1idcX4&expires=1598024587&token_path=%2Fvod%2F'
  expect(published.coverage?.(bare)('/vod/a.ts', true)).toBe(true)
  expect(published.coverage?.(bare)('/vod/a.ts', false)).toBe(false)
  expect(published.coverage?.(bare)('/other/a.ts', true)).toBe(false)
  expect(published.coverage?.(`${bare}&token_ignore_params=true`)('/vod/a.ts', false)).toBe(true)
  expect(published.coverage?.(`${bare}&v=1`)('/vod/a.ts', true)).toBe(false)
})
