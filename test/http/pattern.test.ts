import { createContext, runInContext } from 'node:vm'
import { array, assert as check, constantFrom, oneof, property, string } from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compilePattern } from '../../src/http/pattern.ts'

describe('what a pattern covers', () => {
  test.each([
    ['/a/b.ts', '/a/b.ts', true],
    ['/a/b.ts', '/a/b.tsx', false],
    ['/a/b.ts', '/x/a/b.ts', false],
    ['/a/b.ts', '/A/b.ts', false],
    ['/a/b.ts', '/a/bxts', false],
    ['/a/*.ts', '/a/1.ts', true],
    ['/a/*.ts', '/a/.ts', true],
    ['/a/*.ts', '/a/b/1.ts', false],
    ['/a/*.ts', '/a/1.ts/', false],
    ['/a/*/c', '/a/b/c', true],
    ['/a/*/c', '/a//c', true],
    ['/a/*/c', '/a/b/b/c', false],
    ['/a-*-*.ts', '/a-1-2.ts', true],
    ['/a-*-*.ts', '/a-1.ts', false],
    ['*', 'a', true],
    ['*', '/a', false],
    ['/**', '/', true],
    ['/**', '/a', true],
    ['/**', '/a/b/c', true],
    ['/**', '//', true],
    ['/a/**', '/a/', true],
    ['/a/**', '/a/b/c.ts', true],
    ['/a/**', '/a', false],
    ['/a/**', '/ab/c', false],
    ['/live/**/*.m3u8', '/live/x.m3u8', true],
    ['/live/**/*.m3u8', '/live/a/x.m3u8', true],
    ['/live/**/*.m3u8', '/live/a/b/x.m3u8', true],
    ['/live/**/*.m3u8', '/live/a/b/x.ts', false],
    ['/live/**/*.m3u8', '/livex.m3u8', false],
    ['/a/**/b/**/c', '/a/b/c', true],
    ['/a/**/b/**/c', '/a/1/b/2/3/c', true],
    ['/a/**/b/**/c', '/a/1/2/c', false],
    ['/a//**//b', '/a//b', false],
    ['/a//**//b', '/a///b', true],
    ['/a//**/*/b', '/a//b', false],
    ['/a/**/*/b', '/a/x/b', true],
    ['/a/**/*/b', '/a//b', true],
    ['/**/**/x', '/x', true],
    ['/**/**/x', '/a/b/x', true],
    ['/**.ts', '/a/b.ts', true],
    ['/a**z', '/a/y/z', true],
    ['/v.{m3u8,mpd}', '/v.m3u8', true],
    ['/v.{m3u8,mpd}', '/v.mpd', true],
    ['/v.{m3u8,mpd}', '/v.ts', false],
    ['/v.{m3u8,mpd}', '/v.m3u8mpd', false],
    ['/{a,b}/{c,d}', '/b/c', true],
    ['/{a,b}/{c,d}', '/c/b', false],
    ['/x{,.gz}', '/x', true],
    ['/x{,.gz}', '/x.gz', true],
    ['/x{}', '/x', true],
    ['/{a/b,c}/d', '/a/b/d', true],
    ['/{a*,b}/d', '/abc/d', true],
    ['/a,b', '/a,b', true],
    ['/a,b', '/a', false],
    ['/a\nb', '/a\nb', true],
    ['/**', '/a\nb', true],
    ['/*', '/a\r\u2028b', true],
    ['/a.ts', '/a.ts\n', false],
    ['', '', true],
    ['', '/', false],
    ['/\u{1f600}*', '/\u{1f600}x', true],
  ])('%j and %j: %s', (pattern, path, isCovered) => {
    expect(compilePattern(pattern).test(path)).toBe(isCovered)
  })

  test('the same pattern may be asked any number of times', () => {
    const pattern = compilePattern('/a/*')
    expect([pattern.test('/a/b'), pattern.test('/a/b'), pattern.test('/c'), pattern.test('/a/b')]).toEqual([
      true,
      true,
      false,
      true,
    ])
  })

  test('a path without special characters covers itself and nothing else', () => {
    const literal = string({ unit: 'binary', maxLength: 30 }).filter((text) => !/[*{}]/.test(text))
    void check(
      property(literal, literal, (pattern, other) => {
        const compiled = compilePattern(pattern)
        expect(compiled.test(pattern)).toBe(true)
        expect(compiled.test(other)).toBe(other === pattern)
        expect(compiled.test(`${pattern}x`)).toBe(false)
        expect(compiled.test(`x${pattern}`)).toBe(false)
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  test('whatever the signs between, characters that mean something elsewhere mean themselves', () => {
    const special = '\\^$.|?+()[]-/&~#=!<>:@%'
    for (const character of special) {
      expect(compilePattern(`/a${character}*`).test(`/a${character}b`)).toBe(true)
      expect(compilePattern(`/a${character}`).test('/ax')).toBe(false)
    }
  })
})

/** The same as an expression that may backtrack. */
function asRegExp(pattern: string): RegExp {
  const signs = pattern.match(/\/\*\*\/(?:\*\*\/)*|\*\*|./gsu) ?? []
  let isInside = false
  const source = signs.map((sign) => {
    if (sign.startsWith('/**/')) return '/(?:[^]*/)?'
    if (sign === '**') return '[^]*'
    if (sign === '*') return '[^/]*'
    if (sign === '{' || sign === '}') isInside = sign === '{'
    if (sign === '{') return '(?:'
    if (sign === '}') return ')'
    if (sign === ',' && isInside) return '|'
    return RegExp.escape(sign)
  })
  return new RegExp(`^(?:${source.join('')})$`)
}

describe('whatever the signs and their order', () => {
  const text = constantFrom('/', '/', 'a', 'b', '.ts')
  const sign = constantFrom('/', 'a', 'b', '.ts', '*', '**', '/**/')
  const alternatives = array(array(sign, { maxLength: 3 }), { minLength: 1, maxLength: 3 }).map(
    (ways) => `{${ways.map((way) => way.join('')).join(',')}}`,
  )
  const pattern = array(oneof({ weight: 5, arbitrary: sign }, { weight: 1, arbitrary: alternatives }), {
    maxLength: 8,
  }).map((signs) => signs.join(''))
  const path = array(text, { maxLength: 10 }).map((texts) => texts.join(''))

  test('a pattern covers what the expression that means the same matches', () => {
    void check(
      property(pattern, array(path, { minLength: 20, maxLength: 20 }), (written, paths) => {
        const [compiled, expression] = [compilePattern(written), asRegExp(written)]
        for (const one of paths) expect([one, compiled.test(one)]).toEqual([one, expression.test(one)])
      }),
      { seed: 3, numRuns: 2000 },
    )
  })

  test('what is covered begins as the pattern says, and is all of it where it says so', () => {
    void check(
      property(pattern, array(path, { minLength: 20, maxLength: 20 }), (written, paths) => {
        const { test: covers, beginnings } = compilePattern(written)
        for (const one of paths) {
          const fits = beginnings.some(({ text: begins, isWhole }) =>
            isWhole ? one === begins : one.startsWith(begins),
          )
          expect([one, covers(one) && !fits]).toEqual([one, false])
        }
        for (const { text: begins, isWhole } of beginnings) if (isWhole) expect(covers(begins)).toBe(true)
      }),
      { seed: 4, numRuns: 1000 },
    )
  })

  test('more choices than are worth trying one by one are covered all the same', () => {
    const compiled = compilePattern(`/${'{a,b}'.repeat(10)}/*.ts`)
    expect([compiled.test('/abababbbaa/1.ts'), compiled.test('/abababbba/1.ts')]).toEqual([true, false])
  })
})

describe('what is no pattern', () => {
  test.each([
    ['/{a', '"{" without "}"'],
    ['/a}', '"}" without "{" at 3'],
    ['/{a,{b,c}}', 'alternatives inside alternatives at 5'],
    ['{', '"{" without "}"'],
    ['}', '"}" without "{" at 1'],
    ['/{a}}', '"}" without "{" at 5'],
  ])('%s is refused: %s', (pattern, message) => {
    expect(() => compilePattern(pattern)).toThrow(new SyntaxError(message))
  })

  test('any text is a pattern or a SyntaxError, and never another error', () => {
    const signs = array(constantFrom('*', '**', '{', '}', ',', '/', 'a', '\\', '(', '[', '?', '.', '\n', '\ud800'), {
      maxLength: 20,
    }).map((parts) => parts.join(''))
    void check(
      property(signs, (pattern) => {
        try {
          expect(typeof compilePattern(pattern).test(pattern)).toBe('boolean')
        } catch (error) {
          expect(error).toBeInstanceOf(SyntaxError)
        }
      }),
      { seed: 2, numRuns: 1000 },
    )
  })
})

describe('a path made to confuse a pattern', () => {
  /** Ends a match that would take minutes; a match without traps is done long before. */
  const GIVE_UP_MS = 2000

  test.each([
    ['/live/*_*_*_*.m4s', `/live/${'_'.repeat(1000)}`],
    ['/**/*-*-*-*.ts', `/${'-'.repeat(1000)}`],
    ['/**a**a**a**a**b', `/${'a'.repeat(1000)}`],
    ['/***********b', `/${'a'.repeat(1000)}`],
    ['/{a,aa,aaa}*{a,aa}*{a,aa}*b', `/${'a'.repeat(1000)}`],
    ['/**/a/**/a/**/a/**/a/*.ts', `/${'a/'.repeat(500)}`],
  ])('%s is turned down before anybody notices', (pattern, path) => {
    const compiled = compilePattern(pattern)
    const context = createContext({ match: () => compiled.test(path) })
    expect(runInContext('match()', context, { timeout: GIVE_UP_MS })).toBe(false)
  })
})
