/** What /metrics says of reloads, and of requests that went on to the next origin of their route. */
import { expect, test } from 'vitest'
import { ConfigError } from '../../src/errors.ts'
import { figuresOf, parseExposition } from '../observe/exposition-text.ts'
import { request } from '../support/http-client.ts'
import { bucket, configOf, running } from '../support/reloadable.ts'

const ADMIN = { admin: { address: '127.0.0.1:0' } }

async function figuresAt(adminPort: number, name: string) {
  const { body } = await request(adminPort, { path: '/metrics' })
  return figuresOf(parseExposition(String(body)), `segment_shield_${name}`)
}

test('reloads are counted by what came of them, and the last good one has its time', async () => {
  const s3 = await bucket()
  const good = () => configOf({ spaces: { endpoint: s3.endpoint } }, ADMIN)
  let read: () => Promise<ReturnType<typeof good>> = async () => good()
  const { app, adminPort, clock } = await running(good(), () => read())
  const startedSeconds = clock.now() / 1000
  const state = async () => ({
    ...(await figuresAt(adminPort, 'config_reloads_total')),
    isGood: (await figuresAt(adminPort, 'config_last_reload_successful'))[''] === 1,
    afterSeconds:
      ((await figuresAt(adminPort, 'config_last_reload_success_timestamp_seconds'))[''] ?? 0) - startedSeconds,
  })
  expect(await state()).toEqual({ isGood: true, afterSeconds: 0 })

  clock.advance(10_000)
  await app.reload()
  expect(await state()).toEqual({ unchanged: 1, isGood: true, afterSeconds: 10 })
  clock.advance(10_000)
  read = async () => Promise.reject(new ConfigError([{ path: 'listen', message: 'is wrong' }]))
  await app.reload()
  expect(await state()).toEqual({ unchanged: 1, refused: 1, isGood: false, afterSeconds: 10 })
  clock.advance(10_000)
  await app.reload(configOf({ spaces: { endpoint: s3.endpoint } }, { ...ADMIN, limits: { urlLength: '4KiB' } }))
  expect(await state()).toEqual({ unchanged: 1, refused: 1, reloaded: 1, isGood: true, afterSeconds: 30 })
})

test('a program that has nothing to read goes on with what was good', async () => {
  const s3 = await bucket()
  const { app, adminPort } = await running(configOf({ spaces: { endpoint: s3.endpoint } }, ADMIN))
  await app.reload()
  expect(await figuresAt(adminPort, 'config_reloads_total')).toEqual({ refused: 1 })
  expect(await figuresAt(adminPort, 'config_last_reload_successful')).toEqual({ '': 1 })
})

test('requests that go on to the next origin are counted by both names and the reason, across reloads', async () => {
  const [first, second] = [await bucket(), await bucket({ 'fails.ts': 'f', 'missing.ts': 'm', 'again.ts': 'a' })]
  first.on('fails.ts', (exchange) => exchange.error(500, 'InternalError'))
  first.on('again.ts', (exchange) => exchange.error(500, 'InternalError'))
  const config = (more = {}) =>
    configOf(
      { sfo3: { endpoint: first.endpoint }, nyc3: { endpoint: second.endpoint } },
      { ...ADMIN, ...more, routes: [{ match: '/**', origin: ['sfo3', 'nyc3'], failoverOnNotFound: true }] },
    )
  const { app, ask, adminPort } = await running(config())
  const text = async () => String((await request(adminPort, { path: '/metrics' })).body)
  // There before it ever happens, so that its first time is an increase.
  const series = 'segment_shield_origin_failovers_total{origin="sfo3",next="nyc3",reason='
  expect(await text()).toContain(`${series}"failed"} 0\n`)

  expect((await ask('/fails.ts')).status).toBe(200)
  expect((await ask('/missing.ts')).status).toBe(200)
  expect(await figuresAt(adminPort, 'origin_failovers_total')).toEqual({
    'sfo3 nyc3 failed': 1,
    'sfo3 nyc3 missing': 1,
  })
  await app.reload(config({ limits: { urlLength: '4KiB' } }))
  expect((await ask('/again.ts')).status).toBe(200)
  expect(await text()).toContain(`${series}"failed"} 2\n`)
})
