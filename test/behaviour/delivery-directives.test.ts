/** A player of low-latency HLS asks for the playlist that holds a certain part, and gets no other. */
import { expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import { request, startShield } from '../support/shield.ts'

const QUERIES = [
  '?_HLS_msn=7&_HLS_part=1',
  '?_HLS_part=1&session=a&_HLS_msn=7',
  '?_HLS_msn=7&_HLS_part=2',
  '?_HLS_skip=YES',
]

test('each part is asked of the packager once, though the route names no such parameter', async () => {
  const { origin, port } = await startHttpShield({ route: { query: { include: ['v'] } } })
  origin.onAny((exchange) =>
    exchange.send({ body: exchange.request.target, fields: { 'Cache-Control': 'max-age=60' } }),
  )

  const bodies: string[] = []
  for (const query of QUERIES) bodies.push((await request(port, { path: `/live/a.m3u8${query}` })).body.toString())

  expect(bodies).toEqual([
    '/live/a.m3u8?_HLS_msn=7&_HLS_part=1',
    '/live/a.m3u8?_HLS_msn=7&_HLS_part=1',
    '/live/a.m3u8?_HLS_msn=7&_HLS_part=2',
    '/live/a.m3u8?_HLS_skip=YES',
  ])
  expect(origin.requests).toHaveLength(3)
})

test('of a segment they mean nothing', async () => {
  const { origin, port } = await startHttpShield({ route: { query: { include: ['v'] } } })
  origin.put('/live/1.m4s', 'x', { 'Cache-Control': 'max-age=60' })
  for (const query of QUERIES) expect((await request(port, { path: `/live/1.m4s${query}` })).body.toString()).toBe('x')
  expect(origin.requests.map(({ target }) => target)).toEqual(['/live/1.m4s'])
})

test('a bucket has one playlist for all of them, and is asked once', async () => {
  const { s3, port } = await startShield()
  s3.put('live/a.m3u8', 'x')
  for (const query of QUERIES) expect((await request(port, { path: `/live/a.m3u8${query}` })).body.toString()).toBe('x')
  expect(s3.requests).toHaveLength(1)
})
