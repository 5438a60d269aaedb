/** The whole program as those see it who ask its admin listener: circuits that open and close, and the drain. */
import { expect, test } from 'vitest'
import { startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { gate } from '../support/s3-socket-server.ts'
import {
  hasAnswers,
  openRaw,
  openRequest,
  parseAnswers,
  pattern,
  request,
  type Shield,
  type ShieldOptions,
  startShield,
} from '../support/shield.ts'

const BYTES = pattern(100_000)
const ADMIN = { address: '127.0.0.1:0' }

async function start(options: ShieldOptions = {}) {
  const shield = await startShield({ admin: ADMIN, ...options })
  const adminPort = shield.app.admin?.port ?? 0
  return { ...shield, adminPort, ready: (query = '') => readyAt(adminPort, query) }
}

async function readyAt(adminPort: number, query = '') {
  const { status, body } = await request(adminPort, { path: `/ready${query}` })
  return { status, ...JSON.parse(String(body)) }
}

async function statusOf({ port }: Shield, path: string): Promise<number> {
  return (await request(port, { path })).status
}

test('a shield that nobody has asked for anything is ready, and says what its origin has in use', async () => {
  const { ready, app, adminPort, port } = await start({ pool: { maxSockets: 7, maxQueued: 5 } })

  expect(await ready()).toEqual({
    status: 'ready',
    reasons: [],
    phase: 'listening',
    origins: { spaces: { circuit: 'closed', pool: { inUse: 0, free: 0, maxSockets: 7, queued: 0, maxQueued: 5 } } },
  })
  expect(app.admin).toEqual({ address: '127.0.0.1', port: adminPort })
  expect(adminPort).not.toBe(port)
})

test('what is under way and what waits for its turn is counted', async () => {
  const shield = await start({ pool: { maxSockets: 1 } })
  const { s3, port, ready } = shield
  const rest = gate()
  s3.put('1.ts', BYTES)
  s3.put('2.ts', BYTES)
  s3.on('1.ts', async (exchange) => {
    await exchange.answerPart(1000)
    await rest.opened
    await exchange.more()
  })
  const first = await openRequest(port, { path: '/1.ts' })
  const second = request(port, { path: '/2.ts' })
  const pool = async () => (await ready()).origins.spaces.pool
  await expect.poll(pool, { interval: 1 }).toMatchObject({ inUse: 1, queued: 1 })
  rest.open()

  expect([(await first.ended).isWhole, (await second).status]).toEqual([true, 200])
  await expect.poll(pool, { interval: 1 }).toMatchObject({ inUse: 0, queued: 0, free: 1 })
})

test('a shield whose origin fails is not ready while its circuit is open, and serves on what it has', async () => {
  const shield = await start({ origin: { breaker: { minRequests: 2, openFor: '5s' } } })
  const { s3, ready, adminPort } = shield
  s3.put('kept.ts', BYTES)
  expect(await statusOf(shield, '/kept.ts')).toBe(200)
  s3.onAny((exchange) => exchange.error(500, 'InternalError'))
  expect(await statusOf(shield, '/lost.ts')).toBe(502)

  expect(await ready()).toMatchObject({
    status: 'not ready',
    reasons: ['route /**: the circuit is open of spaces'],
    phase: 'listening',
    origins: { spaces: { circuit: 'open' } },
  })
  expect((await request(adminPort, { path: '/ready' })).status).toBe(503)
  expect((await request(adminPort, { path: '/ready?exclude=origins' })).status).toBe(200)
  expect((await request(adminPort, { path: '/health' })).status).toBe(200)
  const askedBefore = s3.requests.length
  expect([await statusOf(shield, '/kept.ts'), await statusOf(shield, '/lost.ts')]).toEqual([200, 503])
  expect(s3.requests).toHaveLength(askedBefore)
})

test('a shield that gets no requests while it is not ready is ready again when its circuit may be probed', async () => {
  const shield = await start({ origin: { breaker: { minRequests: 1, openFor: '5s' } } })
  const { s3, clock, ready } = shield
  s3.put('1.ts', BYTES)
  s3.onAny((exchange) => exchange.reset())
  await statusOf(shield, '/1.ts')
  clock.advance(4_999)
  expect(await ready()).toMatchObject({ status: 'not ready', origins: { spaces: { circuit: 'open' } } })
  clock.advance(1)
  expect(await ready()).toMatchObject({ status: 'ready', origins: { spaces: { circuit: 'half-open' } } })
  expect(s3.requests).toHaveLength(1)
  await statusOf(shield, '/1.ts')
  expect(await ready()).toMatchObject({ status: 'not ready', origins: { spaces: { circuit: 'open' } } })
  clock.advance(10_000)
  s3.onAny()
  for (const key of ['1.ts', '2.ts', '3.ts']) {
    expect((await ready()).origins.spaces.circuit).toBe('half-open')
    await statusOf(shield, `/${key}`)
  }

  expect(await ready()).toMatchObject({ status: 'ready', origins: { spaces: { circuit: 'closed' } } })
})

test('told to end it is not ready at once, stays alive while an answer is under way, and goes last', async () => {
  const { s3, app, port, adminPort, ready } = await start({ graceMs: 30_000 })
  const rest = gate()
  s3.put('1.ts', BYTES)
  s3.on('1.ts', async (exchange) => {
    await exchange.answerPart(1000)
    await rest.opened
    await exchange.more()
  })
  const client = await openRequest(port, { path: '/1.ts' })
  await client.receivedBytes(1000)
  const watching = await openRaw(adminPort)
  const asked = 'GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n'
  watching.write(asked)
  await watching.until(hasAnswers(1))
  const closed = app.close()
  watching.write(asked)
  const answers = parseAnswers(await watching.until(hasAnswers(2)))

  expect(answers.map(({ status }) => status)).toEqual([200, 503])
  expect(await ready()).toMatchObject({ status: 'not ready', reasons: ['draining'], phase: 'draining' })
  expect(await ready('?exclude=origins')).toMatchObject({ status: 'not ready' })
  expect((await request(adminPort, { path: '/health' })).status).toBe(200)
  await expect(request(port, { path: '/1.ts' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  rest.open()
  expect((await client.ended).body.equals(BYTES)).toBe(true)
  await closed
  await watching.closed
  await expect(request(adminPort, { path: '/health' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('health and readiness are no paths of the public listener, nor objects any of the admin one', async () => {
  const shield = await start({ routes: [{ match: '/**' }] })
  const { s3, port, adminPort } = shield
  s3.put('health', 'an object of that name')
  s3.put('1.ts', BYTES)
  const answer = await request(port, { path: '/health' })

  expect([String(answer.body), await statusOf(shield, '/ready')]).toEqual(['an object of that name', 404])
  expect((await request(adminPort, { path: '/1.ts' })).status).toBe(404)
})

test('without the section there is no admin listener', async () => {
  const { app, logRecords } = await startShield()

  expect(app.admin).toBeUndefined()
  expect(logRecords().filter(({ msg }) => msg.includes('listening'))).toHaveLength(1)
})

test('who has not the token of the configuration learns whether it is ready and no more, and no line of the log has it', async () => {
  const { adminPort, logLines } = await start({ admin: { ...ADMIN, token: 'hush-4711' } })
  const ask = async (headers: Readonly<Record<string, string>>) => {
    const { status, body } = await request(adminPort, { path: '/ready', headers })
    return { status, said: Object.keys(JSON.parse(String(body))) }
  }
  expect(await ask({})).toEqual({ status: 200, said: ['status'] })
  expect((await ask({ Authorization: 'Bearer hush-4711' })).said).toContain('origins')
  expect((await request(adminPort, { path: '/stats' })).status).toBe(401)
  expect(logLines().join('')).not.toContain('hush')
})

test('a public port that is taken leaves no admin listener behind, nor the other way round', async () => {
  const { port, adminPort } = await start()
  const origin = { type: 's3', endpoint: 'http://127.0.0.1:1', region: 'r', bucket: 'b' }
  const startOn = async (publicPort: number, thisAdminPort: number) => {
    const lines: string[] = []
    const text = JSON.stringify({
      listen: [{ address: `127.0.0.1:${publicPort}` }],
      admin: { address: `127.0.0.1:${thisAdminPort}` },
      origins: { spaces: origin },
      routes: [{ match: '/**', origin: 'spaces' }],
    })
    const options = { clock: new FakeClock(), log: { write: (line: string) => void lines.push(line) } }
    const failed = await startApp(loadConfig({ text, file: 'shield.yaml' }, {}), options).catch(String)
    return { failed, records: lines.map((line) => JSON.parse(line) as { msg: string; port: number }) }
  }
  const publicTaken = await startOn(port, 0)
  const left = publicTaken.records.find(({ msg }) => msg === 'admin listening')?.port ?? 0
  const adminTaken = await startOn(0, adminPort)

  expect(publicTaken.failed).toContain(`cannot listen on 127.0.0.1:${port}`)
  await expect(request(left, { path: '/health' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  expect(adminTaken.failed).toContain(`cannot listen on 127.0.0.1:${adminPort}`)
  expect(adminTaken.records).toEqual([])
})
