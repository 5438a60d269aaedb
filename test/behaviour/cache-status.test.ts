/** Cache-Status says in RFC 9211's words what happened to each request. */
import { expect, test } from 'vitest'
import { gate, ordinary } from '../support/s3-socket-server.ts'
import { hasAnswers, openRaw, parseAnswers, request, type Shield, startShield } from '../support/shield.ts'

async function statusOf({ port }: Shield, path: string): Promise<string | undefined> {
  return (await request(port, { path })).headers['cache-status']
}

test('a miss is stored, then it is a hit whose ttl runs down', async () => {
  const shield = await startShield()
  shield.s3.put('a.ts', 'x', { 'cache-control': 'max-age=60' })

  expect(await statusOf(shield, '/a.ts')).toBe('segment-shield; fwd=uri-miss; fwd-status=200; stored; ttl=60')
  expect(await statusOf(shield, '/a.ts')).toBe('segment-shield; hit; ttl=60')
  shield.clock.advance(59_001)
  expect(await statusOf(shield, '/a.ts')).toBe('segment-shield; hit; ttl=0')
})

test('whoever waits for the request of another is collapsed', async () => {
  const shield = await startShield()
  const open = gate()
  shield.s3.put('a.ts', 'x', { 'cache-control': 'max-age=60' })
  shield.s3.on('a.ts', async (exchange) => {
    await open.opened
    await exchange.answer()
  })

  const first = statusOf(shield, '/a.ts')
  await shield.s3.received(1)
  const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
  const connection = await openRaw(shield.port)
  connection.write(get('/other.ts') + get('/a.ts'))
  // The answer to the one shows that the other, in the same packet, has joined by now.
  await connection.until(hasAnswers(1))
  open.open()
  const [, second] = parseAnswers(await connection.until(hasAnswers(2)))
  connection.leave()

  expect(await first).toBe('segment-shield; fwd=uri-miss; fwd-status=200; stored; ttl=60')
  expect(second?.headers['cache-status']).toBe(
    'segment-shield; fwd=uri-miss; fwd-status=200; stored; collapsed; ttl=60',
  )
  expect(shield.s3.requestsFor('a.ts').length).toBe(1)
})

test('a stale answer that is still good says so with the 304', async () => {
  const shield = await startShield()
  shield.s3.put('a.ts', 'x', { 'cache-control': 'max-age=60' })
  await statusOf(shield, '/a.ts')
  shield.clock.advance(60_000)

  expect(await statusOf(shield, '/a.ts')).toMatch(/^segment-shield; fwd=stale; fwd-status=304; .*ttl=60$/)
  expect(await statusOf(shield, '/a.ts')).toBe('segment-shield; hit; ttl=60')
})

test('a stale answer that has changed says so with the 200', async () => {
  const shield = await startShield()
  shield.s3.put('a.ts', 'x', { 'cache-control': 'max-age=60' })
  await statusOf(shield, '/a.ts')
  shield.clock.advance(60_000)
  shield.s3.put('a.ts', 'y', { 'cache-control': 'max-age=60' })

  expect(await statusOf(shield, '/a.ts')).toBe('segment-shield; fwd=stale; fwd-status=200; stored; ttl=60')
})

test('an object that may not or cannot be kept says why', async () => {
  const shield = await startShield({ cache: { maxObject: '10B' } })
  shield.s3.put('big.ts', 'more than ten bytes', { etag: 'W/"1"' })
  shield.s3.put('private.ts', 'x', { 'cache-control': 'private' })
  shield.s3.put('no-store.ts', 'x', { 'cache-control': 'no-store' })

  for (const pass of ['first', 'later']) {
    for (const reason of ['private', 'no-store']) {
      const status = await statusOf(shield, `/${reason}.ts`)
      expect([pass, status]).toEqual([pass, `segment-shield; fwd=uri-miss; fwd-status=200; detail=${reason}`])
    }
    const status = await statusOf(shield, '/big.ts')
    expect([pass, status]).toEqual([pass, 'segment-shield; fwd=uri-miss; fwd-status=200; detail=too-large'])
  }
})

test('a missing object is stored for its negative ttl, and says so', async () => {
  const shield = await startShield({ routes: [{ match: '/**', negativeTtl: { 404: '5s' } }] })

  expect(await statusOf(shield, '/a.ts')).toBe('segment-shield; fwd=uri-miss; fwd-status=404; stored; ttl=5')
  expect(await statusOf(shield, '/a.ts')).toBe('segment-shield; hit; ttl=5')
})

test('a missing object that is not to be kept is not stored, and does not say so', async () => {
  const shield = await startShield({ routes: [{ match: '/**', negativeTtl: {} }] })

  for (const _ of ['first', 'later']) {
    const status = await statusOf(shield, '/a.ts')
    expect(status).toContain('fwd=uri-miss; fwd-status=404')
    expect(status).not.toMatch(/stored|hit/)
  }
  expect(shield.s3.requests.length).toBe(2)
})

test('a failure of the origin leaves no Cache-Status that promises anything', async () => {
  const shield = await startShield()
  shield.s3.once('a.ts', (exchange) => exchange.error(500, 'InternalError'), ordinary)

  const status = await statusOf(shield, '/a.ts')

  expect(status ?? '').not.toMatch(/stored|hit/)
})
