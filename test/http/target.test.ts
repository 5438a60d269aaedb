import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_TARGET_BYTES, parseTarget } from '../../src/http/target.ts'

function refusal(target: string): { status: number; text: string } | undefined {
  const result = parseTarget(target)
  return result.kind === 'refused' ? { status: result.status, text: result.text } : undefined
}

describe('a good target is decoded once and otherwise left as it is', () => {
  test.each([
    ['/', '/', ''],
    ['/a/b.ts', '/a/b.ts', ''],
    ['/a?', '/a', ''],
    ['/a?b=c&d', '/a', 'b=c&d'],
    ['/a?b?c', '/a', 'b?c'],
    ['/a?x=%zz%', '/a', 'x=%zz%'],
    ['/a?p=/../b', '/a', 'p=/../b'],
    ['/a%3Fb', '/a?b', ''],
    ['/a%23b', '/a#b', ''],
    ['/a%20b', '/a b', ''],
    ['/a+b', '/a+b', ''],
    ['/a%2Bb', '/a+b', ''],
    ['/a%2fb', '/a/b', ''],
    ['/a%25', '/a%', ''],
    ['/a%252e%252e/b', '/a%2e%2e/b', ''],
    ['//a//b//', '//a//b//', ''],
    ['/a/', '/a/', ''],
    ['/a\\..\\b', '/a\\..\\b', ''],
    ['/.hidden', '/.hidden', ''],
    ['/..a/.../b..', '/..a/.../b..', ''],
    ['/a.', '/a.', ''],
    ['/%C3%A9', '/\u00e9', ''],
    ['/e%CC%81', '/e\u0301', ''],
    ['/%F0%9F%8E%AC.ts', '/\u{1f3ac}.ts', ''],
    ['/%EF%BB%BFa', '/\ufeffa', ''],
    ['/a%0Ab', '/a\nb', ''],
  ])('%s', (target, path, query) => {
    const [sentPath = ''] = target.split('?', 1)
    const sentQuery = target.slice(sentPath.length)
    expect(parseTarget(target)).toEqual({ kind: 'ok', path, sentPath, query, sentQuery, isUtf8: true })
  })
})

test.each([
  ['/%ff', '/\ufffd'],
  ['/%C3', '/\ufffd'],
  ['/%C0%AF', '/\ufffd\ufffd'],
  ['/%C0%AE%C0%AE/', '/\ufffd\ufffd\ufffd\ufffd/'],
  ['/%ED%A0%80', '/\ufffd\ufffd\ufffd'],
  ['/%F4%90%80%80', '/\ufffd\ufffd\ufffd\ufffd'],
  ['/a%FFb%20c', '/a\ufffdb c'],
])('%s is no UTF-8: it names no object of a store, and nothing in it poses as another character', (target, path) => {
  expect(parseTarget(target)).toMatchObject({ kind: 'ok', path, sentPath: target, isUtf8: false })
})

describe('a bad target is refused with 400', () => {
  test.each([
    ['', 'The request target must begin with a slash'],
    ['*', 'The request target must begin with a slash'],
    ['http://example.com/a', 'The request target must begin with a slash'],
    ['example.com:443', 'The request target must begin with a slash'],
    ['a/b', 'The request target must begin with a slash'],
    ['?a', 'The request target must begin with a slash'],
    ['%2Fa', 'The request target must begin with a slash'],
    ['/a#b', 'Forbidden character in the request target'],
    ['/a?b#c', 'Forbidden character in the request target'],
    ['/a b', 'Forbidden character in the request target'],
    ['/a\tb', 'Forbidden character in the request target'],
    ['/a\r\nb', 'Forbidden character in the request target'],
    ['/a\0', 'Forbidden character in the request target'],
    ['/a?\0', 'Forbidden character in the request target'],
    ['/a\x7f', 'Forbidden character in the request target'],
    ['/\u00e9', 'Forbidden character in the request target'],
    ['/%', 'Bad percent-escape in the path'],
    ['/%2', 'Bad percent-escape in the path'],
    ['/a%zz', 'Bad percent-escape in the path'],
    ['/a%2?a', 'Bad percent-escape in the path'],
    ['/a%00', 'NUL in the path'],
    ['/a%00.ts', 'NUL in the path'],
    ['/.', 'Dot-segment in the path'],
    ['/..', 'Dot-segment in the path'],
    ['/./a', 'Dot-segment in the path'],
    ['/a/..', 'Dot-segment in the path'],
    ['/a/../b', 'Dot-segment in the path'],
    ['/a/..?b', 'Dot-segment in the path'],
    ['/a//../b', 'Dot-segment in the path'],
    ['/%2e', 'Dot-segment in the path'],
    ['/a/%2e%2E/b', 'Dot-segment in the path'],
    ['/a/.%2e', 'Dot-segment in the path'],
    ['/a/..%2fb', 'Dot-segment in the path'],
    ['/a%2f..%2fb', 'Dot-segment in the path'],
    ['/%2e%2e%2f%2e%2e%2fetc', 'Dot-segment in the path'],
    ['/a%0A/../b', 'Dot-segment in the path'],
  ])('%j', (target, text) => {
    expect(refusal(target)).toEqual({ status: 400, text })
  })
})

describe('an overlong target is refused with 414', () => {
  test('the target may have 8192 bytes, query included, and not one more', () => {
    const longest = `/a?${'q'.repeat(MAX_TARGET_BYTES - 3)}`
    expect(MAX_TARGET_BYTES).toBe(8192)
    expect(parseTarget(longest).kind).toBe('ok')
    expect(refusal(`${longest}q`)).toEqual({ status: 414, text: 'The request target is too long' })
  })
})

/** Targets made of the pieces that matter, so that dots, slashes and escapes meet often. */
const trickyTarget = fc
  .array(
    fc.oneof(
      fc.constantFrom('/', '.', '..', '%2e', '%2E', '%2f', '%2F', '%5c', '\\', '%00', '%', '%25', '?', '//', '%c3%a9'),
      fc.string({ maxLength: 4 }),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => `/${pieces.join('')}`)

test('whatever is sent is either refused or a path without dot-segment and NUL, and nothing throws', () => {
  fc.assert(
    fc.property(fc.oneof(trickyTarget, fc.string({ unit: 'binary' })), (target) => {
      const result = parseTarget(target)
      if (result.kind === 'refused') {
        expect([400, 414]).toContain(result.status)
        return
      }
      expect(result.path.startsWith('/')).toBe(true)
      expect(result.path).not.toContain('\0')
      for (const segment of result.path.split('/')) expect(['.', '..']).not.toContain(segment)
    }),
    { numRuns: 2000 },
  )
})

test('a path that is escaped again segment by segment means the same path', () => {
  const anyPath = fc.array(fc.string({ unit: 'grapheme', maxLength: 8 }), { maxLength: 8 }).map((segments) => {
    return `/${segments.map((segment) => encodeURIComponent(segment)).join('/')}`
  })
  fc.assert(
    fc.property(fc.oneof(trickyTarget, anyPath), (target) => {
      const first = parseTarget(target)
      if (first.kind === 'refused') return
      if (!first.isUtf8) return
      const escaped = first.path.split('/').map(encodeURIComponent).join('/')
      // Escaping can make it longer than a target may be.
      if (escaped.length > MAX_TARGET_BYTES) return
      expect(parseTarget(escaped)).toMatchObject({ kind: 'ok', path: first.path, sentPath: escaped, query: '' })
    }),
    { numRuns: 1000 },
  )
})
