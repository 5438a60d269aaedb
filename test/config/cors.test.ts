import { describe, expect, test } from 'vitest'
import { goodWith, load, problemsOf } from './good.ts'

const DAY_MS = 86_400_000

const corsOf = (cors: unknown) => load(goodWith('routes[0].cors', cors)).routes[0]?.cors

test('sites are enough', () => {
  expect(corsOf({ origins: ['*'] })).toEqual({
    origins: ['*'],
    maxAge: DAY_MS,
    credentials: false,
    allowHeaders: [],
  })
})

test('everything it can say comes out under the same names', () => {
  const cors = {
    origins: ['https://a.example'],
    maxAge: '10m',
    credentials: true,
    allowHeaders: ['X-Session'],
  }
  expect(corsOf(cors)).toEqual({ ...cors, maxAge: 600_000 })
})

test('a route that passes through has it too', () => {
  const route = { match: '/api/**', passthrough: 'http://127.0.0.1:3000', cors: { origins: ['*'] } }
  expect(problemsOf(goodWith('routes[0]', route))).toEqual([])
  expect(load(goodWith('routes[0]', route)).routes[0]?.cors?.origins).toEqual(['*'])
})

test.each([
  ['https://EXAMPLE.com', 'https://example.com'],
  ['https://example.com/', 'https://example.com'],
  ['https://example.com:443', 'https://example.com'],
  ['http://example.com:8080', 'http://example.com:8080'],
  ['http://[::1]:3000', 'http://[::1]:3000'],
  ['https://*.Example.com', 'https://*.example.com'],
  ['http://localhost:*', 'http://localhost:*'],
  ['https://bücher.example', 'https://xn--bcher-kva.example'],
  ['capacitor://localhost', 'capacitor://localhost'],
])('%s is understood as browsers spell it', (written, spelled) => {
  expect(corsOf({ origins: [written] })?.origins).toEqual([spelled])
})

describe('what is wrong is said by its path', () => {
  const SITE = 'expected a site such as https://example.com or https://*.example.com, or "*"'
  const SITES = 'expected a list of sites, such as [https://example.com] or ["*"]'

  const WRONG: readonly (readonly [object, readonly string[]])[] = [
    [{}, [`routes[0].cors.origins: ${SITES}, got nothing`]],
    [{ origins: '*' }, [`routes[0].cors.origins: ${SITES}, got "*"`]],
    [{ origins: [] }, [`routes[0].cors.origins: ${SITES}, got an empty list`]],
    ...[
      'example.com',
      'https://example.com/player',
      'https://*',
      'null',
      '',
      'https://a.example https://b.example',
    ].map((site) => [{ origins: [site] }, [`routes[0].cors.origins[0]: ${SITE}, got "${site}"`]] as const),
    ...['https://*.*.example.com', 'https://ex*mple.com', 'https://example.com:*1', 'https://exa mple.com'].map(
      (site) => [{ origins: [site] }, [`routes[0].cors.origins[0]: ${SITE}, got "${site}"`]] as const,
    ),
    [
      { origins: ['*'], credentials: true },
      ['routes[0].cors.credentials: cannot be true for every site: name the sites'],
    ],
    [
      { origins: ['https://a.example', '*'], credentials: true },
      ['routes[0].cors.credentials: cannot be true for every site: name the sites'],
    ],
    [{ origins: ['*'], allowHeaders: ['X Y'] }, ['routes[0].cors.allowHeaders[0]: is no name of a header field']],
    [{ origins: ['*'], exposed: [] }, ['routes[0].cors.exposed: unknown key']],
  ]

  test.each(WRONG)('%j', (cors, problems) => {
    expect(problemsOf(goodWith('routes[0].cors', cors))).toEqual(problems)
  })

  test('fields that it sets cannot be set beside it, and can be without it', () => {
    const responseHeaders = { 'access-control-allow-origin': '*', 'Timing-Allow-Origin': '*', 'X-Other': 'y' }
    const route = { match: '/**', origin: 'spaces', responseHeaders }
    expect(problemsOf(goodWith('routes[0]', { ...route, cors: { origins: ['*'] } }))).toEqual([
      'routes[0].responseHeaders.access-control-allow-origin: is set by cors',
      'routes[0].responseHeaders.Timing-Allow-Origin: is set by cors',
    ])
    expect(problemsOf(goodWith('routes[0]', route))).toEqual([])
  })
})
