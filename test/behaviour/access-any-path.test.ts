/** However a path is written, a token reaches nothing that it does not cover. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hmacAccess, hmacToken } from '../support/access-tokens.ts'
import { startHttpShield } from '../support/http-shield.ts'
import { request, startShield } from '../support/shield.ts'

const piece = fc.constantFrom(
  ...[
    '/',
    '//',
    '.',
    '..',
    '/../',
    '/./',
    '%2e',
    '%2E%2e',
    '%2f',
    '%2F',
    '%5c',
    '\\',
    '%252f',
    '%252e',
    '%00',
    '%ff',
    '%c3%a4',
    '%09',
    '%0a',
    '%',
  ],
  ...[
    'vod',
    'VOD',
    'Vod',
    '%76od',
    'clip',
    'other',
    'a',
    'b',
    ';',
    '+',
    '%20',
    '.%20',
    '..%20',
    '.%09.',
    'token=x',
    '&',
    '=',
  ],
)
const tail = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))
const opening = fc.constantFrom(
  '/vod/clip/',
  '/vod/clip',
  '/vod/',
  '/',
  '//vod/clip/',
  '/vod//clip/',
  '/%76od/clip/',
  '/vod%2Fclip/',
  '/VOD/clip/',
)
const covered = fc.constantFrom('/vod/clip/', '/vod/clip/a')
const place = fc.constantFrom('path', 'query', 'cookie')

type Place = 'path' | 'query' | 'cookie'

function carried(token: string, path: string, where: Place) {
  if (where === 'path') return { path: `/token=${token}${path}` }
  return where === 'query' ? { path: `${path}?token=${token}` } : { path, headers: { Cookie: `token=${token}` } }
}

const isCovered = (path: string, by: string) => (by.endsWith('/') ? path.startsWith(by) : path === by)

test('in a store', async () => {
  const { s3, port, clock } = await startShield({
    routes: [{ match: '/**', access: hmacAccess({ in: ['path', 'query', 'cookie'] }) }],
  })
  await fc.assert(
    fc.asyncProperty(covered, opening, tail, place, async (prefix, start, end, where) => {
      const before = s3.requests.length
      const { status } = await request(port, carried(hmacToken(prefix, clock.now()), start + end, where as Place))
      for (const { key } of s3.requests.slice(before)) expect(isCovered(`/${key}`, prefix), key).toBe(true)
      expect([200, 400, 403, 404, 414]).toContain(status)
    }),
    { numRuns: 400 },
  )
  expect(s3.requests.length).toBeGreaterThan(10)
})

/** What a server that reads a decoded path as a URL takes for a way up. */
const WHITE_SPACE: [string, string, string, string][] = [
  ['/vod/clip/', '/vod/clip/', '..%20', 'query'],
  ['/vod/clip/', '/vod/clip/', '.%09.', 'query'],
  ['/vod/clip/', '/vod/clip/', '.%0A./other', 'path'],
  ['/vod/clip/', '/vod/clip/', '..%09/other', 'cookie'],
]

test('behind an HTTP server that undoes escapes, backslashes and dots as it likes', async () => {
  const { origin, port, clock } = await startHttpShield({
    route: { access: hmacAccess({ in: ['path', 'query', 'cookie'] }) },
  })
  const readings = (target: string) => {
    const once = decodeURIComponent(target)
    const twice = once.includes('%') ? tryDecode(once) : once
    return [once, twice].flatMap((path) => [path, new URL(path.replace(/;[^/]*/g, ''), 'http://x').pathname])
  }
  const tryDecode = (text: string) => {
    try {
      return decodeURIComponent(text)
    } catch {
      return text
    }
  }
  await fc.assert(
    fc.asyncProperty(covered, opening, tail, place, async (prefix, start, end, where) => {
      const before = origin.requests.length
      await request(port, carried(hmacToken(prefix, clock.now()), start + end, where as Place))
      for (const { target } of origin.requests.slice(before)) {
        expect(isCovered(decodeURIComponent(target), prefix), target).toBe(true)
        if (prefix.endsWith('/')) {
          for (const path of readings(target))
            expect(decodeURI(path).startsWith(prefix.slice(0, -1)), `${target} as ${path}`).toBe(true)
        }
        expect(target).not.toContain('k1.')
      }
    }),
    { numRuns: 400, examples: WHITE_SPACE },
  )
  expect(origin.requests.length).toBeGreaterThan(5)
})
