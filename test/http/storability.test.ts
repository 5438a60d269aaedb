import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { effectiveCacheControl } from '../../src/http/cdn-cache-control.ts'
import { freshnessLifetimeSeconds } from '../../src/http/freshness.ts'
import { storability } from '../../src/http/storability.ts'

interface Exchange {
  readonly method?: string
  readonly authorization?: boolean
  readonly status?: number
  readonly cacheControl?: string
  readonly cdnCacheControl?: string
  readonly expires?: string
}

const FUTURE = 'Fri, 31 Dec 2100 23:59:59 GMT'

/** As a cache would ask: from the fields of a request and its response. */
function ask({ method = 'GET', authorization = false, status = 200, ...fields }: Exchange): string {
  return storability({
    method,
    status,
    hasAuthorization: authorization,
    cacheControl: effectiveCacheControl(fields).cacheControl,
    hasExplicitFreshness: freshnessLifetimeSeconds(fields, 0) !== undefined,
  })
}

describe('RFC 9111 §3: a cache must not store a response unless', () => {
  const cases: readonly (readonly [string, Exchange, string])[] = [
    ['the request method is understood', {}, 'storable'],
    ['the request method is understood', { method: 'HEAD' }, 'storable'],
    ['the request method is understood', { method: 'POST', cacheControl: 'max-age=60' }, 'method'],
    ['the request method is understood', { method: 'get', cacheControl: 'max-age=60' }, 'method'],
    ['the request method is understood', { method: 'FROB', cacheControl: 'public, max-age=60' }, 'method'],

    ['the status code is final', { status: 103, cacheControl: 'public, max-age=60' }, 'status'],
    ['a 304 is understood: it updates and is not stored', { status: 304, cacheControl: 'max-age=60' }, 'status'],
    ['a 206 is understood', { status: 206 }, 'storable'],
    ['a code is understood where must-understand is present', { cacheControl: 'must-understand' }, 'storable'],
    ['a code is understood …', { status: 299, cacheControl: 'must-understand, max-age=60' }, 'status'],
    ['a code is understood …', { status: 299, cacheControl: 'must-understand, no-store, max-age=60' }, 'status'],
    ['a code need not be understood otherwise', { status: 299, cacheControl: 'max-age=60' }, 'storable'],
    ['a code need not be understood otherwise', { status: 799, cacheControl: 'max-age=60' }, 'storable'],

    ['no-store is not present', { cacheControl: 'no-store' }, 'no-store'],
    ['no-store is not present', { cacheControl: 'max-age=60, No-Store, public', expires: FUTURE }, 'no-store'],
    ['no-store is not present', { status: 500, cacheControl: 'no-store' }, 'no-store'],
    ['no-store yields to must-understand', { cacheControl: 'must-understand, no-store' }, 'storable'],
    ['no-store yields to must-understand', { status: 302, cacheControl: 'must-understand, no-store' }, 'status'],
    ['private does not', { cacheControl: 'must-understand, no-store, private' }, 'private'],

    ['private is not present', { cacheControl: 'private' }, 'private'],
    ['private is not present', { cacheControl: 'private, max-age=60, s-maxage=60, public' }, 'private'],
    ['private is not present in its qualified form', { cacheControl: 'private="set-cookie", max-age=60' }, 'private'],

    ['Authorization is not present', { authorization: true }, 'authorization'],
    ['Authorization is not present', { authorization: true, cacheControl: 'max-age=60' }, 'authorization'],
    ['Authorization is not present', { authorization: true, expires: FUTURE }, 'authorization'],
    ['Authorization …', { authorization: true, cacheControl: 'proxy-revalidate, max-age=60' }, 'authorization'],
    ['Authorization …', { authorization: true, cacheControl: 'immutable, max-age=60' }, 'authorization'],
    ['… or must-revalidate', { authorization: true, cacheControl: 'must-revalidate, max-age=60' }, 'storable'],
    ['… or public', { authorization: true, cacheControl: 'public' }, 'storable'],
    ['… or s-maxage', { authorization: true, cacheControl: 's-maxage=60' }, 'storable'],
    ['… allows shared caching', { authorization: true, cacheControl: 'public, private' }, 'private'],
    ['… allows shared caching', { authorization: true, cacheControl: 'public, no-store' }, 'no-store'],

    ['it has public', { status: 599, cacheControl: 'public' }, 'storable'],
    ['it has an Expires', { status: 302, expires: FUTURE }, 'storable'],
    ['it has an Expires, if only a broken one', { status: 302, expires: '0' }, 'storable'],
    ['it has max-age', { status: 503, cacheControl: 'max-age=60' }, 'storable'],
    ['it has s-maxage', { status: 307, cacheControl: 's-maxage=0' }, 'storable'],
    ['it is heuristically cacheable', { status: 404 }, 'storable'],
    ['it is heuristically cacheable', { status: 501 }, 'storable'],
    ['it has one of these', { status: 201 }, 'status'],
    ['it has one of these', { status: 302 }, 'status'],
    ['it has one of these', { status: 403, cacheControl: 'must-revalidate, immutable' }, 'status'],
    ['it has one of these', { status: 500 }, 'status'],
    ['it has one of these', { status: 500, cacheControl: 'no-cache' }, 'status'],
    ['it has max-age', { status: 500, cacheControl: 'no-cache, max-age=60' }, 'storable'],
  ]
  test.each(cases)('%s: %j', (_sentence, exchange, expected) => {
    expect(ask(exchange)).toBe(expected)
  })
})

describe('a code that forbids it is never stored (RFC 6585)', () => {
  test.each([428, 429, 431, 511])('%i', (status) => {
    expect(ask({ status, cacheControl: 'public, max-age=60' })).toBe('status')
    expect(ask({ status, cacheControl: 'must-understand, max-age=60' })).toBe('status')
  })
})

test('no-cache allows storing: the response is only never used without asking', () => {
  expect(ask({ cacheControl: 'no-cache' })).toBe('storable')
  expect(ask({ cacheControl: 'no-cache="set-cookie"' })).toBe('storable')
})

describe('a valid targeted field decides alone', () => {
  const cases: readonly (readonly [Exchange, string])[] = [
    [{ cdnCacheControl: 'max-age=60', cacheControl: 'no-store, private' }, 'storable'],
    [{ cdnCacheControl: 'none', cacheControl: 'no-store' }, 'storable'],
    [{ cdnCacheControl: 'no-store', cacheControl: 'max-age=60', expires: FUTURE }, 'no-store'],
    [{ cdnCacheControl: 'private', cacheControl: 'public, max-age=60' }, 'private'],
    [{ cdnCacheControl: 'max-age=60, &', cacheControl: 'no-store' }, 'no-store'],
    [{ cdnCacheControl: 'x', status: 302, cacheControl: 'max-age=60', expires: FUTURE }, 'status'],
    [{ cdnCacheControl: 'max-age=60', authorization: true, cacheControl: 'public' }, 'authorization'],
  ]
  test.each(cases)('%j: %s', (exchange, expected) => {
    expect(ask(exchange)).toBe(expected)
  })
})

test('another directive that forbids never makes a response storable', () => {
  const directive = fc.constantFrom('public', 'max-age=60', 's-maxage=60', 'must-revalidate', 'no-cache', 'private')
  const exchange = fc.record({
    status: fc.integer({ min: 100, max: 999 }),
    authorization: fc.boolean(),
    cacheControl: fc.array(directive, { maxLength: 4 }).map((list) => list.join(', ')),
  })
  fc.assert(
    fc.property(exchange, fc.constantFrom('no-store', 'private'), (asked, forbidding) => {
      expect(ask({ ...asked, cacheControl: `${asked.cacheControl}, ${forbidding}` })).not.toBe('storable')
    }),
  )
})
