import { describe, expect, test } from 'vitest'
import { secureLinkFault } from '../../../src/http/secure-link-expression.ts'
import { secureLinkScheme } from '../../../src/server/access/secure-link.ts'
import { opensslHash } from '../../support/openssl.ts'
import { asking, NOW } from './asking.ts'

const NGINX = '$secure_link_expires$uri$remote_addr $key'
const names = { name: 'md5', expiresName: 'expires' }
const LATER = NOW + 60

test('the example in nginx’s documentation is good, for its client and path', () => {
  const scheme = secureLinkScheme({ keys: { k1: 'secret' }, expression: NGINX, ...names })
  const ask = (path: string, client: string) =>
    scheme.verify('md5=_e4Nc3iduzkWRm01TBBNYw&expires=2147483647', 'query', asking(path, { client }))
  expect(ask('/s/link', '127.0.0.1')).toBeUndefined()
  expect(ask('/s/link', '127.0.0.2')).toBe('bad-signature')
  expect(ask('/s/link2', '127.0.0.1')).toBe('bad-signature')
})

describe('a link made by OpenSSL', () => {
  const scheme = secureLinkScheme({
    keys: { new: 'new secret', old: 'old secret' },
    expression: `\${uri}|$secure_link_expires|$key`,
    ...names,
  })
  const link = (path: string, key: string, expires: number | string = LATER) =>
    `expires=${expires}&md5=${opensslHash('md5', `${path}|${expires}|${key}`).toString('base64url')}`
  const ask = (query: string, path: string, atSeconds = NOW) =>
    scheme.verify(query, 'query', asking(path, { atSeconds }))

  test('is good with any of the keys, until it is over', () => {
    for (const key of ['new secret', 'old secret']) {
      expect(ask(link('/vod/a b.ts', key), '/vod/a%20b.ts')).toBeUndefined()
      expect(ask(link('/vod/a.ts', key), '/vod/a.ts', LATER)).toBe('expired')
      expect(ask(link('/vod/a.ts', key), '/vod/A.ts')).toBe('bad-signature')
    }
    expect(ask(link('/vod/a.ts', 'older secret'), '/vod/a.ts')).toBe('bad-signature')
  })

  test('has to have an end, in as many digits as any', () => {
    for (const expires of ['', '0', '-1', '99999999', '01598000060', '15980000600']) {
      expect(ask(link('/vod/a.ts', 'new secret', expires), '/vod/a.ts'), expires).toBe('malformed')
    }
    expect(ask(link('/a', 'new secret').replace(/^expires=\d+&/, ''), '/a')).toBe('malformed')
    expect(ask(`${link('/a', 'new secret')}&expires=${LATER}`, '/a')).toBe('malformed')
  })
})

test.each([
  ['$secure_link_expires$uri$key', undefined],
  [NGINX, undefined],
  ['$secure_link_expires$uri', 'does not hold $key'],
  ['$uri$key', 'does not hold $secure_link_expires'],
  ['$secure_link_expires$key', 'does not hold $uri'],
  ['$secure_link_expires$uri secret', 'does not hold $key'],
  [
    '$secure_link_expires$uri$http_user_agent$key',
    'holds $http_user_agent, which is not known here ($secure_link_expires, $uri, $remote_addr, $key)',
  ],
  [`$secure_link_expires$uri$\{constructor}$key`, expect.stringContaining('holds $constructor,')],
])('what is wrong with %s: %s', (expression, fault) => {
  expect(secureLinkFault(expression)).toEqual(fault)
})
