import { array, assert as check, constantFrom, property } from 'fast-check'
import { expect, test } from 'vitest'
import type { PathPattern } from '../../src/http/pattern.ts'
import { compilePattern } from '../../src/http/pattern.ts'
import { compileRoutes } from '../../src/server/route-table.ts'

const routesOf = (...patterns: readonly string[]) =>
  patterns.map((match) => ({ match, pattern: compilePattern(match) }))

test('the first route in the order of the configuration serves a path, wherever it stands', () => {
  const table = compileRoutes(
    routesOf('/live/**/*.m3u8', '/live/a/b.ts', '/**/b.ts', '/live/**', '/live/a/c.ts', '/{vod,live}/x', '/**'),
  )
  const served = (path: string) => table.find(path)?.match
  expect(served('/live/a/b.m3u8')).toBe('/live/**/*.m3u8')
  expect(served('/live/a/b.ts')).toBe('/live/a/b.ts')
  expect(served('/live/b/b.ts')).toBe('/**/b.ts')
  expect(served('/live/a/c.ts')).toBe('/live/**')
  expect(served('/live/x')).toBe('/live/**')
  expect(served('/vod/x')).toBe('/{vod,live}/x')
  expect(served('/live')).toBe('/**')
  expect(served('/')).toBe('/**')
})

test('no route serves what none covers', () => {
  const table = compileRoutes(routesOf('/live/**', '/vod/a.ts', '/x/*/y'))
  for (const path of ['/', '/live', '/livex/a', '/vod/a.tsx', '/vod', '/x/a/b', '//live/a']) {
    expect([path, table.find(path)]).toEqual([path, undefined])
  }
  expect(compileRoutes([]).find('/')).toBeUndefined()
})

test('of two routes with the same pattern the first one serves', () => {
  const [first, second] = routesOf('/a', '/a')
  expect(compileRoutes([first, second].filter((route) => route !== undefined)).find('/a')).toBe(first)
})

test('whatever the patterns, it is the same route as asking one after the other finds', () => {
  const sign = constantFrom(
    '/',
    '/a',
    '/a/',
    '/b/',
    '//',
    '.ts',
    'a',
    '*',
    '**',
    '/**',
    '/**/',
    '{a,b}',
    '{/a/b,/a}',
    '{a/*,}',
  )
  const pattern = array(sign, { maxLength: 5 }).map((signs) => `/${signs.join('')}`)
  const path = array(constantFrom('/', '/a', '/b', '.ts', 'a', '/a/b'), { maxLength: 6 }).map(
    (texts) => `/${texts.join('')}`,
  )
  void check(
    property(array(pattern, { maxLength: 12 }), array(path, { minLength: 20, maxLength: 20 }), (patterns, paths) => {
      const routes = routesOf(...patterns)
      const table = compileRoutes(routes)
      for (const one of paths) {
        const linear = routes.find((route) => route.pattern.test(one))
        expect([one, table.find(one)]).toEqual([one, linear])
      }
    }),
    { seed: 5, numRuns: 1000 },
  )
})

/** Which of so many routes serves a path, and how many patterns were held against it. */
function asked(count: number, matchOf: (index: number) => string, path: string) {
  let tests = 0
  const counting = (pattern: PathPattern): PathPattern => ({
    ...pattern,
    test: (one) => {
      tests += 1
      return pattern.test(one)
    },
  })
  const routes = Array.from({ length: count }, (_, index) => ({
    index,
    pattern: counting(compilePattern(matchOf(index))),
  }))
  const index = compileRoutes(routes).find(path)?.index
  return { index, tests }
}

test('a thousand routes cost a request as many looks as one', () => {
  const shapes: readonly [(index: number) => string, (index: number) => string][] = [
    [(index) => `/tenant-${index}/**`, (index) => `/tenant-${index}/vod/a.ts`],
    [(index) => `/live/channel-${index}/**/*.{m3u8,mpd}`, (index) => `/live/channel-${index}/a.mpd`],
    [(index) => `/vod/film-${index}/*`, (index) => `/vod/film-${index}/a.ts`],
    [(index) => `/file-${index}.txt`, (index) => `/file-${index}.txt`],
    [(index) => `/{eu,us}/channel-${index}/**`, (index) => `/us/channel-${index}/a.ts`],
  ]
  for (const [matchOf, pathOf] of shapes) {
    const { tests } = asked(1, matchOf, pathOf(0))
    expect(tests).toBeLessThanOrEqual(1)
    expect(asked(1000, matchOf, pathOf(0))).toEqual({ index: 0, tests })
    expect(asked(1000, matchOf, pathOf(999))).toEqual({ index: 999, tests })
    expect(asked(1000, matchOf, '/nowhere/to/be/found')).toEqual({ index: undefined, tests: 0 })
  }
})
