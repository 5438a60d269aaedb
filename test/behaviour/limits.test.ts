/** What clients may take of the program: connections, requests, and the size of what they ask. */
import { describe, expect, test } from 'vitest'
import { startHttpShield } from '../support/http-shield.ts'
import {
  hasAnswers,
  openRaw,
  parseAnswers,
  pattern,
  rawExchange,
  request,
  type Shield,
  startShield,
} from '../support/shield.ts'

const GET = 'GET /1.ts HTTP/1.1\r\nHost: x\r\n\r\n'

async function startWith(limits: Readonly<Record<string, unknown>>): Promise<Shield> {
  const shield = await startShield({ limits })
  shield.s3.put('1.ts', pattern(1000), { 'cache-control': 'max-age=600' })
  return shield
}

/** A connection on which a request was answered. */
async function openAnswered(port: number) {
  const connection = await openRaw(port)
  connection.write(GET)
  await connection.until(hasAnswers(1))
  return connection
}

describe('connections', () => {
  test.each([
    ['in all', { connections: 2 }],
    ['of one client', { perClient: { connections: 2 } }],
  ])('%s: one more is reset, and there is room again when one has gone', async (_what, limits) => {
    const { port, app, logRecords } = await startWith(limits)
    const first = await openAnswered(port)
    const second = await openAnswered(port)
    await expect(request(port, { path: '/1.ts' })).rejects.toThrow()
    expect(logRecords().filter(({ msg }) => msg === 'connection refused')).toHaveLength(1)

    first.leave()
    for (;;) {
      const again = await request(port, { path: '/1.ts' }).catch(() => undefined)
      if (again !== undefined) break
    }
    // The second one has lost nothing.
    second.write(GET)
    await second.until(hasAnswers(2))
    second.leave()
    await app.close()
  })

  test('of a trusted proxy are those of many clients', async () => {
    const limits = { perClient: { connections: 1 } }
    const { origin, port } = await startHttpShield({ limits, trustedProxies: ['127.0.0.1'] })
    origin.put('/1.ts', pattern(1000), { 'Cache-Control': 'max-age=600' })
    const [one, two] = [await openAnswered(port), await openAnswered(port)]
    one.leave()
    two.leave()
  })
})

describe('requests of one client', () => {
  const limits = { perClient: { requestsPerSecond: 2, burst: 3 } }
  const statusesOf = async (port: number, count: number, headers = {}) => {
    const statuses: number[] = []
    for (let index = 0; index < count; index += 1) {
      statuses.push((await request(port, { path: '/1.ts', headers })).status)
    }
    return statuses
  }

  test('beyond the burst are told when to come again, and answered again then', async () => {
    const { port, clock, s3, accessRecords } = await startWith(limits)
    expect(await statusesOf(port, 4)).toEqual([200, 200, 200, 429])
    const refused = await request(port, { path: '/1.ts' })
    expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '1', 'cache-control': 'no-store' } })
    expect(refused.body.toString()).toBe('Too many requests\n')
    clock.advance(500)
    expect(await statusesOf(port, 2)).toEqual([200, 429])
    clock.advance(60_000)
    expect(await statusesOf(port, 4)).toEqual([200, 200, 200, 429])
    expect(s3.requests).toHaveLength(1)
    expect((await accessRecords(11)).filter(({ status }) => status === 429)).toHaveLength(4)
  })

  test('are counted across its connections, and on one connection alike', async () => {
    const { port } = await startWith(limits)
    const answers = parseAnswers(await rawExchange(port, GET.repeat(5), hasAnswers(5)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429])
    expect(await statusesOf(port, 1)).toEqual([429])
  })

  test('that come through a trusted proxy count for the client that it names', async () => {
    const { origin, port } = await startHttpShield({ limits, trustedProxies: ['127.0.0.1'] })
    origin.put('/1.ts', pattern(1000), { 'Cache-Control': 'max-age=600' })
    const from = (address: string) => ({ 'X-Forwarded-For': address })
    expect(await statusesOf(port, 4, from('192.0.2.1'))).toEqual([200, 200, 200, 429])
    expect(await statusesOf(port, 1, from('192.0.2.2'))).toEqual([200])
    // What a client says of itself, left of what the proxy saw, does not count.
    expect(await statusesOf(port, 1, from('192.0.2.3, 192.0.2.1'))).toEqual([429])
    // One subscriber, two addresses.
    expect(await statusesOf(port, 3, from('2001:db8:1:2::1'))).toEqual([200, 200, 200])
    expect(await statusesOf(port, 1, from('2001:db8:1:2:ffff::9'))).toEqual([429])
    expect(await statusesOf(port, 1, from('2001:db8:1:3::1'))).toEqual([200])
    expect(await statusesOf(port, 5)).toEqual([200, 200, 200, 200, 200])
  })

  test('that come from nobody trusted count for the connection, whatever they say', async () => {
    const { port } = await startWith(limits)
    const statuses: number[] = []
    for (let index = 0; index < 4; index += 1) {
      const headers = { 'X-Forwarded-For': `192.0.2.${index}` }
      statuses.push((await request(port, { path: '/1.ts', headers })).status)
    }
    expect(statuses).toEqual([200, 200, 200, 429])
  })
})

describe('what is asked', () => {
  test('may have a target of the length that is allowed, and no longer', async () => {
    const { port } = await startWith({ urlLength: '100' })
    expect((await request(port, { path: `/1.ts?${'q'.repeat(94)}` })).status).toBe(200)
    expect((await request(port, { path: `/1.ts?${'q'.repeat(95)}` })).status).toBe(414)
  })

  test('may have fields of the size that is allowed, and no more', async () => {
    const { port } = await startWith({ headerSize: '1KiB' })
    expect((await request(port, { path: '/1.ts', headers: { 'X-A': 'a'.repeat(500) } })).status).toBe(200)
    expect((await request(port, { path: '/1.ts', headers: { 'X-A': 'a'.repeat(2000) } })).status).toBe(431)
  })

  test('may have as many ranges as are allowed, and is answered whole where it has more', async () => {
    const { port } = await startWith({ ranges: 2 })
    const ask = (ranges: string) => request(port, { path: '/1.ts', headers: { Range: `bytes=${ranges}` } })
    await ask('0-1')
    expect((await ask('0-1,3-4')).status).toBe(206)
    expect((await ask('0-1,3-4,6-7')).status).toBe(200)
  })

  test('may take as long as is allowed', async () => {
    const { port } = await startWith({ headersTimeout: '50ms', requestTimeout: '40ms' })
    const connection = await openRaw(port)
    connection.write('GET / HTTP/1.1\r\nHost: x\r\n')
    expect((await connection.closed).toString('latin1')).toMatch(/^HTTP\/1\.1 408 /)
  })

  test('leaves a connection that waits for as long as is allowed', async () => {
    const { port } = await startWith({ idleTimeout: '50ms' })
    const connection = await openAnswered(port)
    expect((await connection.closed).toString('latin1')).toMatch(/^HTTP\/1\.1 200 /)
  })
})
