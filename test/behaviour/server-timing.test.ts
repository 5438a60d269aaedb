/** With `serverTiming` a page sees what the cache did and how long the origin took. */
import { expect, test } from 'vitest'
import { hasAnswers, parseAnswers, rawExchange, request, startShield } from '../support/shield.ts'

test('a miss says how long the origin took, a hit that there was none to wait for', async () => {
  const { s3, port, clock } = await startShield({ routes: [{ match: '/**', serverTiming: true }] })
  s3.put('a.ts', '0123456789')
  s3.on('a.ts', (exchange) => {
    clock.advance(120)
    return exchange.answer()
  })
  const timing = async (headers: Record<string, string> = {}, method = 'GET') =>
    (await request(port, { path: '/a.ts', method, headers })).headers['server-timing']

  expect(await timing()).toBe('cache;desc=miss, origin;dur=120')
  expect(await timing()).toBe('cache;desc=hit')
  expect(await timing({ Range: 'bytes=1-2' })).toBe('cache;desc=hit')
  expect(await timing({ 'If-None-Match': '*' })).toBe('cache;desc=hit')
  expect(await timing({}, 'HEAD')).toBe('cache;desc=hit')
})

test('those who wait for the same answer are told that they did', async () => {
  const { s3, port, clock } = await startShield({ routes: [{ match: '/**', serverTiming: true }] })
  s3.put('a.ts', 'x')
  s3.on('a.ts', (exchange) => {
    clock.advance(50)
    return exchange.answer()
  })
  // In one piece, so that the second one is there before the origin has answered the first.
  const received = await rawExchange(port, 'GET /a.ts HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2), hasAnswers(2))
  expect(parseAnswers(received).map(({ headers }) => headers['server-timing'])).toEqual([
    'cache;desc=miss, origin;dur=50',
    'cache;desc=collapsed, origin;dur=50',
  ])
})

test('nothing is said where nobody has asked for it', async () => {
  const { s3, port } = await startShield()
  s3.put('a.ts', 'x')
  expect((await request(port, { path: '/a.ts' })).headers['server-timing']).toBeUndefined()
  expect((await request(port, { path: '/a.ts' })).headers['server-timing']).toBeUndefined()
})
