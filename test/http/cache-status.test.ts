import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CacheStatus } from '../../src/http/cache-status.ts'
import { formatCacheStatus } from '../../src/http/cache-status.ts'

describe('Cache-Status', () => {
  const miss = { kind: 'forward', fwd: 'uri-miss', stored: false, collapsed: false } as const
  const cases: readonly (readonly [CacheStatus, string])[] = [
    [{ kind: 'hit', ttlSeconds: 30 }, 'segment-shield; hit; ttl=30'],
    [{ kind: 'hit', ttlSeconds: -5 }, 'segment-shield; hit; ttl=-5'],
    [miss, 'segment-shield; fwd=uri-miss'],
    [
      { ...miss, fwdStatus: 200, stored: true, ttlSeconds: 30 },
      'segment-shield; fwd=uri-miss; fwd-status=200; stored; ttl=30',
    ],
    [{ ...miss, collapsed: true }, 'segment-shield; fwd=uri-miss; collapsed'],
    [
      { ...miss, fwd: 'stale', fwdStatus: 304, stored: true, collapsed: true, ttlSeconds: 0, detail: 'refreshed' },
      'segment-shield; fwd=stale; fwd-status=304; stored; collapsed; ttl=0; detail=refreshed',
    ],
    [{ ...miss, fwd: 'bypass', detail: 'no-room' }, 'segment-shield; fwd=bypass; detail=no-room'],
    [{ ...miss, fwd: 'miss', detail: 'two words' }, 'segment-shield; fwd=miss; detail="two words"'],
    [{ ...miss, detail: 'say "a\\b"' }, 'segment-shield; fwd=uri-miss; detail="say \\"a\\\\b\\""'],
    [{ ...miss, detail: 'a\r\nb\u00e9' }, 'segment-shield; fwd=uri-miss; detail="a??b?"'],
    [{ ...miss, detail: '' }, 'segment-shield; fwd=uri-miss; detail=""'],
    [{ ...miss, detail: '9lives' }, 'segment-shield; fwd=uri-miss; detail="9lives"'],
  ]
  test.each(cases)('%j', (status, expected) => {
    expect(formatCacheStatus('segment-shield', status)).toBe(expected)
  })
})

test('no detail can break out of its parameter', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (detail) => {
      const value = formatCacheStatus('a', { kind: 'forward', fwd: 'miss', stored: false, collapsed: false, detail })
      expect(value).toMatch(/^a; fwd=miss; detail=(?:[A-Za-z*][!-~]*|"(?:[ !#-[\]-~]|\\["\\])*")$/)
    }),
  )
})
