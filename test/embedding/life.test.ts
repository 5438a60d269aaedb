/** A shield inside another program, from its start to its end: reloads, closing, and others beside it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createShield, type ShieldConfig } from '../../src/index.ts'
import { openRequest, request } from '../support/http-client.ts'
import { gate, type S3Server } from '../support/s3-socket-server.ts'
import { pattern } from '../support/shield.ts'
import { bucket, configFor, embedded } from './embedded.ts'

const BYTES = pattern(100_000)

/** Every answer under it says `note`. */
function noted(s3: S3Server, note: string): ShieldConfig {
  return configFor(s3, { routes: [{ match: '/**', origin: 'spaces', responseHeaders: { 'X-Note': note } }] })
}

const noteAt = async (port: number) => (await request(port, { path: '/1.ts' })).headers['x-note']

test('a reload takes another object, and keeps what is stored', async () => {
  const s3 = await bucket({ '1.ts': BYTES })
  const { shield, port } = await embedded(noted(s3, 'a'))
  expect(await noteAt(port)).toBe('a')
  expect(await shield.reload({ ...noted(s3, 'b'), cache: { memory: '64MiB' } })).toMatchObject({
    kind: 'reloaded',
    restartNeeded: ['cache.memory'],
  })
  expect(await noteAt(port)).toBe('b')
  expect(s3.requests).toHaveLength(1)
})

test.each([
  ['with a wrong value', { cache: { memory: 'much' } }, 'cache.memory: expected a size'],
  ['with a slip in a key', { routs: [] }, 'routs: unknown key, did you mean "routes"?'],
  ['that is none', 42, 'expected a mapping, got 42'],
  ['that is a file that is not there', '/nowhere.yaml', '/nowhere.yaml: there is no such file'],
])('a reload with a configuration %s says why, and changes nothing', async (_, wrong, reason) => {
  const s3 = await bucket({ '1.ts': BYTES })
  const { shield, port } = await embedded(noted(s3, 'a'))
  expect(await noteAt(port)).toBe('a')
  const next = typeof wrong === 'object' ? { ...noted(s3, 'b'), ...wrong } : wrong
  expect(await shield.reload(next as ShieldConfig)).toMatchObject({
    kind: 'refused',
    reasons: [expect.stringContaining(reason)],
  })
  expect(await noteAt(port)).toBe('a')
  expect(await shield.reload()).toMatchObject({ kind: 'reloaded' })
  expect(await noteAt(port)).toBe('a')
  expect(s3.requests).toHaveLength(1)
})

test('a reload without a configuration reads the one in use again, as it is by then', async () => {
  const s3 = await bucket({ '1.ts': BYTES })
  const folder = await mkdtemp(join(tmpdir(), 'segment-shield-life-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'shield.json')
  await writeFile(file, JSON.stringify(noted(s3, 'a')))
  const { shield, port } = await embedded(file)
  await writeFile(file, JSON.stringify(noted(s3, 'b')))
  await shield.reload()
  expect(await noteAt(port)).toBe('b')
  const next = { ...noted(s3, 'c') }
  await shield.reload(next)
  await shield.reload()
  expect(await noteAt(port)).toBe('c')
  Object.assign(next, noted(s3, 'd'))
  await shield.reload()
  expect(await noteAt(port)).toBe('d')
  expect(await shield.reload(file)).toMatchObject({ kind: 'reloaded' })
  expect(await noteAt(port)).toBe('b')
})

test('reloads that are asked for together take their turns', async () => {
  const s3 = await bucket({ '1.ts': BYTES })
  const { shield, port } = await embedded(noted(s3, 'a'))
  const outcomes = await Promise.all([shield.reload(noted(s3, 'b')), shield.reload(), shield.reload()])
  expect(outcomes.map(({ kind }) => kind)).toEqual(['reloaded', 'reloaded', 'reloaded'])
  expect(await noteAt(port)).toBe('b')
})

test('closing again is the same closing: the answer under way is finished', async () => {
  const s3 = await bucket({ '1.ts': BYTES })
  const rest = gate()
  s3.on('1.ts', async (exchange) => {
    await exchange.answerPart(1000)
    await rest.opened
    await exchange.more()
  })
  const { shield, port, lines } = await embedded(configFor(s3), { graceMs: 20_000 })
  const client = await openRequest(port, { path: '/1.ts' })
  await client.receivedBytes(1000)
  const closing = shield.close()
  const again = shield.close()
  expect(again).toBe(closing)
  rest.open()
  const { body, isWhole } = await client.ended
  expect(isWhole && body.equals(BYTES)).toBe(true)
  await Promise.all([closing, again])
  await shield.close()
  expect(lines.filter((line) => line.includes('"draining"'))).toHaveLength(1)
  await expect(request(port, { path: '/1.ts' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await s3.socketsAtMost(0)
})

test('a shield that is closed refuses to reload', async () => {
  const s3 = await bucket({ '1.ts': BYTES })
  const { shield } = await embedded(configFor(s3))
  await shield.close()
  expect(await shield.reload(noted(s3, 'b'))).toMatchObject({ kind: 'refused' })
  expect(await shield.reload()).toMatchObject({ kind: 'refused' })
})

test('the grace time is the one that is given', async () => {
  const s3 = await bucket({ '1.ts': BYTES })
  s3.on('1.ts', (exchange) => exchange.answerPart(1000))
  const { shield, port } = await embedded(configFor(s3), { graceMs: 1 })
  const client = await openRequest(port, { path: '/1.ts' })
  await client.receivedBytes(1000)
  await shield.close()
  expect((await client.ended).isWhole).toBe(false)
})

test('a shield is closed at the end of the block that uses it', async () => {
  const s3 = await bucket({ '1.ts': BYTES })
  const port = await (async () => {
    await using shield = await createShield(configFor(s3), { log: { write: () => undefined } })
    const [{ port } = { port: 0 }] = shield.addresses
    expect((await request(port, { path: '/1.ts' })).status).toBe(200)
    return port
  })()
  await expect(request(port, { path: '/1.ts' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('two shields in one process have nothing of each other: neither objects nor figures nor log nor end', async () => {
  const [a, b] = [await bucket({ '1.ts': BYTES }), await bucket({ '1.ts': 'other' })]
  const admin = { address: '127.0.0.1:0' }
  const one = await embedded(configFor(a, { admin }))
  const two = await embedded(configFor(b, { admin, routes: [{ match: '/*.ts', origin: 'spaces' }] }))
  const requestsAt = async (port: number | undefined) => {
    const { body } = await request(port ?? 0, { path: '/metrics' })
    return [...String(body).matchAll(/^segment_shield_requests_total\{(.*)\} (\d+)$/gm)].map(
      ([, ...counted]) => counted,
    )
  }
  for (const _ of [1, 2]) expect((await request(one.port, { path: '/1.ts' })).body.equals(BYTES)).toBe(true)
  await one.logged('"request"', 2)
  expect(await requestsAt(two.shield.admin?.port)).toEqual([])
  expect(String((await request(two.port, { path: '/1.ts' })).body)).toBe('other')
  await two.logged('"request"', 1)
  expect([a.requests.length, b.requests.length]).toEqual([1, 1])
  expect(await requestsAt(one.shield.admin?.port)).toEqual([
    ['route="/**",status="200",result="uri-miss"', '1'],
    ['route="/**",status="200",result="hit"', '1'],
  ])
  expect(await requestsAt(two.shield.admin?.port)).toEqual([['route="/*.ts",status="200",result="uri-miss"', '1']])
  expect(one.lines.filter((line) => line.includes('"request"'))).toHaveLength(2)
  expect(two.lines.filter((line) => line.includes('"request"'))).toHaveLength(1)

  await one.shield.close()
  expect(String((await request(two.port, { path: '/1.ts' })).body)).toBe('other')
  expect((await request(two.shield.admin?.port ?? 0, { path: '/metrics' })).status).toBe(200)
  expect(two.lines.filter((line) => line.includes('draining'))).toEqual([])
})
