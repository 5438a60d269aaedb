/** What an operator is told who has the configuration read again: what is different, or why nothing is. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import type { Config } from '../../src/config/schema.ts'
import { makeCertificate } from '../support/certificates.ts'
import { openRequest } from '../support/http-client.ts'
import { bucket, configOf, running } from '../support/reloadable.ts'
import { gate, type S3Server } from '../support/s3-socket-server.ts'
import { askApi } from './api.ts'

type Options = Readonly<Record<string, unknown>>

const ADMIN = { admin: { address: '127.0.0.1:0' } }
const OLD_KEYS = { accessKeyId: 'OLDKEYID', secretAccessKey: 'old-secret' }
const NEW_KEYS = { accessKeyId: 'NEWKEYID', secretAccessKey: 'new-secret' }

/** A shield in front of one bucket; `file.config` is what it reads when it is told to. */
async function start(more: Options = {}, origin: Options = {}) {
  const s3 = await bucket({ 'a.ts': 'a' })
  const written = (moreThen: Options = more, originThen: Options = origin) =>
    configOf({ spaces: { endpoint: s3.endpoint, ...originThen } }, { ...ADMIN, ...moreThen })
  const file: { config: () => Config } = { config: written }
  const shield = await running(written(), async () => file.config())
  const reload = async () => {
    const { status, values } = await askApi(shield.adminPort, 'POST', '/reload', {})
    expect(JSON.stringify(values) + shield.lines.join('')).not.toMatch(/-secret|KEYID|hush/)
    return { status, ...values[0] }
  }
  return { ...shield, s3, written, file, reload }
}

const read = (config: object) => () => loadConfig({ text: JSON.stringify(config), file: 'shield.yaml' }, {})

test('what is different is named by its place, and is in use', async () => {
  const { file, written, reload, ask } = await start()
  const routes = [{ match: '/**', origin: 'spaces', responseHeaders: { 'X-New': 'yes' } }]
  file.config = () => written({ routes, limits: { urlLength: '4KiB' }, log: { access: false, level: 'warn' } })

  expect(await reload()).toEqual({
    status: 200,
    result: 'reloaded',
    changed: expect.arrayContaining(['routes[0].responseHeaders.X-New', 'limits.urlLength', 'log.level']),
    certificates: [],
    restartNeeded: [],
  })
  expect((await ask('/a.ts')).headers['x-new']).toBe('yes')
})

test('where nothing is different it says so, and names what still waits for the next start', async () => {
  const { file, written, reload } = await start()
  expect(await reload()).toEqual({
    status: 200,
    result: 'unchanged',
    changed: [],
    certificates: [],
    restartNeeded: [],
  })
  file.config = () => written({ cache: { memory: '2GiB' }, limits: { idleTimeout: '9s' } })
  const waits = { result: 'unchanged', changed: [], restartNeeded: ['cache.memory', 'limits.idleTimeout'] }
  expect([await reload(), await reload()]).toMatchObject([waits, waits])
})

test('a level of the log that was set meanwhile goes back to that of the file, and this is said', async () => {
  const { adminPort, app, reload } = await start()
  await askApi(adminPort, 'PUT', '/log-level', { level: 'error' })
  expect(await reload()).toMatchObject({ result: 'reloaded', changed: ['log.level'] })
  expect((await askApi(adminPort, 'GET', '/log-level')).values).toEqual([{ level: 'info' }])
  expect(await app.reload()).toMatchObject({ changed: [] })
})

test('a file with problems changes nothing, and every one of them is named and located', async () => {
  const { file, reload, ask } = await start()
  file.config = read({ listen: [], origins: { spaces: { credentials: 'hush' } }, routes: [{ match: 'vod' }] })
  const { problems, ...said } = await reload()

  expect(said).toEqual({
    type: 'about:blank',
    title: 'Unprocessable Entity',
    status: 422,
    detail: `Nothing has changed: the configuration has ${problems.length} problems`,
  })
  expect(problems).toEqual(
    expect.arrayContaining([
      { path: 'listen', message: 'expected at least one listener, got an empty list' },
      { path: 'routes[0].match', message: expect.any(String) },
      { path: expect.stringMatching(/^origins\.spaces/), message: expect.any(String) },
    ]),
  )
  expect((await ask('/a.ts')).status).toBe(200)
})

function answering(s3: S3Server, code: string): void {
  s3.onAny((exchange) => {
    const isNew = exchange.request.headers.authorization?.includes(NEW_KEYS.accessKeyId) === true
    return isNew ? exchange.error(code === 'SlowDown' ? 503 : 403, code) : exchange.answer()
  })
}

test.each([
  ['InvalidAccessKeyId', 422, 'Nothing has changed: new keys are not taken', 'the new keys are refused'],
  ['SlowDown', 502, 'Nothing has changed: new keys could not be tried', 'the new keys could not be tried'],
])('new keys that a bucket answers with %s are %d', async (code, status, detail, message) => {
  const { s3, file, written, reload, ask } = await start({}, { credentials: OLD_KEYS })
  answering(s3, code)
  file.config = () => written({}, { credentials: NEW_KEYS })

  expect(await reload()).toMatchObject({
    status,
    detail,
    problems: [{ path: 'origins.spaces.credentials', message: expect.stringContaining(message) }],
  })
  expect((await ask('/a.ts')).status).toBe(200)
})

test('files of certificates that are no use are named, and those that hold another one', async () => {
  const tls = makeCertificate()
  const { reload } = await start({ listen: [{ address: '127.0.0.1:0', tls }] })
  const other = makeCertificate()
  writeFileSync(tls.key, 'hush')
  expect(await reload()).toMatchObject({
    status: 422,
    detail: 'Nothing has changed: certificates cannot be used',
    problems: [{ path: tls.key, message: 'holds no private key in PEM form' }],
  })
  for (const one of ['cert', 'key'] as const) writeFileSync(tls[one], readFileSync(other[one]))
  expect(await reload()).toMatchObject({ result: 'reloaded', changed: [], certificates: [tls.cert] })
})

test('one that is asked for while another is under way waits for it, and reads what there is then', async () => {
  const { s3, file, written, reload, adminPort } = await start({}, { credentials: OLD_KEYS })
  const rest = gate()
  s3.onAny(async (exchange) => {
    await rest.opened
    await exchange.answer()
  })
  file.config = () => written({}, { credentials: NEW_KEYS })
  const first = reload()
  await s3.received(1)
  const second = reload()
  expect((await askApi(adminPort, 'GET', '/log-level')).status).toBe(200)
  file.config = () => written({ limits: { urlLength: '4KiB' } }, { credentials: NEW_KEYS })
  rest.open()

  expect(await first).toMatchObject({ changed: expect.arrayContaining(['origins.spaces.credentials.accessKeyId']) })
  expect(await second).toMatchObject({ changed: ['limits.urlLength'] })
  expect(s3.requests).toHaveLength(1)
})

test('a program that is told to end takes none, neither one under way nor a new one', async () => {
  const { s3, app, port, file, written, reload, ask } = await start({}, { credentials: OLD_KEYS })
  await ask('/a.ts')
  s3.put('slow.ts', 'slow')
  const rest = gate()
  s3.on('slow.ts', async (exchange) => {
    await exchange.answerPart(1)
    await rest.opened
    await exchange.more()
  })
  const client = await openRequest(port, { path: '/slow.ts' })
  await client.receivedBytes(1)
  s3.on('a.ts', () => rest.opened)
  file.config = () => written({}, { credentials: NEW_KEYS })
  const underWay = reload()
  await s3.received(3)
  const waiting = reload()
  const closed = app.close()

  const ending = { status: 503, detail: 'Nothing has changed: the program is ending' }
  expect([await underWay, await waiting, await reload()]).toMatchObject([ending, ending, ending])
  rest.open()
  expect(String((await client.ended).body)).toBe('slow')
  await closed
})

test('a program that has nothing to read says that', async () => {
  const s3 = await bucket()
  const { adminPort } = await running(configOf({ spaces: { endpoint: s3.endpoint } }, ADMIN))
  expect(await askApi(adminPort, 'POST', '/reload', {})).toMatchObject({
    status: 501,
    values: [{ detail: 'This program was started without a file that could be read again' }],
  })
})

test('who has no token, or says more than that it should be done, changes nothing', async () => {
  const token = 'hush-hush-4711'
  const { adminPort, lines } = await start({ admin: { address: '127.0.0.1:0', token } })
  expect((await askApi(adminPort, 'POST', '/reload', {})).status).toBe(401)
  const headers = { Authorization: `Bearer ${token}` }
  const answer = await askApi(adminPort, 'POST', '/reload', { file: '/etc/passwd' }, headers)
  expect(answer).toMatchObject({ status: 400 })
  expect(lines.filter((line) => line.includes('reloaded'))).toEqual([])
  expect((await askApi(adminPort, 'POST', '/reload', {}, headers)).status).toBe(200)
})
