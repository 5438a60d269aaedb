/** Which requests count as the same one, by their queries. */
import { expect, test } from 'vitest'
import { request, startShield } from '../support/shield.ts'

test('a query makes no difference by default, and the origin never sees it', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', 'x')

  for (const path of ['/a.ts', '/a.ts?', '/a.ts?v=1', '/a.ts?CMCD=bl%3D100', '/a.ts?a=/../b&c=%zz']) {
    expect((await request(port, { path })).body.toString()).toBe('x')
  }

  expect(s3.requests.map(({ key }) => key)).toEqual(['a.ts'])
  expect(s3.requests[0]?.url).not.toContain('v=1')
})

test('parameters the route names tell answers apart, in whatever order they come', async () => {
  const { s3, port } = await startShield({ routes: [{ match: '/**', query: { include: ['v', 'part'] } }] })
  s3.put('a.m3u8', 'x')
  const statuses: string[] = []
  const queries = [
    '?v=1',
    '?v=2',
    '?v=1&part=3',
    '?part=3&v=1',
    '?session=a&part=3&session=b&v=1',
    '?v=1&v=2',
    '?v=2&v=1',
    '?vv=1',
    '',
  ]

  for (const query of queries) {
    const { headers } = await request(port, { path: `/a.m3u8${query}` })
    statuses.push(`${query} ${headers['cache-status']?.includes('; hit; ') ? 'hit' : 'miss'}`)
  }

  expect(statuses).toEqual([
    '?v=1 miss',
    '?v=2 miss',
    '?v=1&part=3 miss',
    '?part=3&v=1 hit',
    '?session=a&part=3&session=b&v=1 hit',
    '?v=1&v=2 miss',
    '?v=2&v=1 miss',
    '?vv=1 miss',
    ' hit',
  ])
})

test('a name with a question mark in it is never taken for a name and a query', async () => {
  const { s3, port } = await startShield({ routes: [{ match: '/**', query: { include: ['v'] } }] })
  s3.put('a', 'plain')
  s3.put('a?v=1', 'odd name')

  const plain = await request(port, { path: '/a?v=1' })
  const odd = await request(port, { path: '/a%3Fv=1' })

  expect([plain.body.toString(), odd.body.toString()]).toEqual(['plain', 'odd name'])
})
