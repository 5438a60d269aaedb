/** The commands that steer a running shield, as an operator runs them: processes of their own, over its admin listener. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { stats as statsSchema } from '../../src/admin/schemas.ts'
import { table } from '../../src/commands/stats.ts'
import { gate } from '../support/s3-socket-server.ts'
import { request, type ShieldOptions, startShield } from '../support/shield.ts'
import { endAll, run, start as startProgram } from './program.ts'

afterEach(endAll)

const TOKEN = 'hush-4711'
const LONG = { 'cache-control': 'max-age=86400' }

async function start(options: ShieldOptions = {}) {
  const shield = await startShield({ admin: { token: TOKEN }, ...options })
  const admin = `http://127.0.0.1:${shield.app.admin?.port}`
  const env = { SEGMENT_SHIELD_TOKEN: TOKEN }
  const steer = (...args: readonly string[]) => run([...args, '--admin', admin], { env })
  const store = async (...names: readonly string[]) => {
    for (const name of names) {
      shield.s3.put(name, name, LONG)
      await request(shield.port, { path: `/${name}` })
    }
  }
  return { ...shield, admin, env, steer, store }
}

test('purge says how much has gone', async () => {
  const { steer, store } = await start()
  await store('a/1.ts', 'a/2.ts', 'b/1.ts', 'c.m3u8')

  expect(await steer('purge', '/b/1.ts')).toEqual({ code: 0, stdout: 'purged 1 answer\n', stderr: '' })
  expect(await steer('purge', '--prefix', '/a/', '--pattern', '/*.m3u8', '--soft')).toEqual({
    code: 0,
    stdout: 'made stale 3 answers\n',
    stderr: '',
  })
  const { code, stdout } = await steer('purge', '--everything', '--json')
  expect([code, JSON.parse(stdout)]).toEqual([0, { mode: 'hard', answers: 3, fills: 0 }])
})

test('warm writes a line an object, failures to standard error, and ends with 1 where there were any', async () => {
  const { s3, steer } = await start()
  s3.put('a.m3u8', '#EXTM3U\n#EXTINF:6,\n1.ts\n#EXTINF:6,\nnone.ts\n', LONG)
  s3.put('1.ts', 'abc', LONG)
  const { code, stdout, stderr } = await steer('warm', '--playlist', '/a.m3u8', '--concurrency', '1')

  expect(code).toBe(1)
  expect(stdout.split('\n')).toEqual([
    '1/3 /a.m3u8 stored 43',
    '2/3 /1.ts stored 3',
    'warmed 2, 46 bytes; 1 failed',
    '',
  ])
  expect(stderr).toBe('3/3 /none.ts failed: the origin answered 404\nsegment-shield: 1 could not be warmed\n')
  const again = await steer('warm', '/1.ts', '--json')
  expect([again.code, again.stderr]).toEqual([0, ''])
  expect(
    again.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toMatchObject([
    { event: 'warmed', url: '/1.ts', result: 'hit' },
    { event: 'end', warmed: 1, failed: 0 },
  ])
})

test('warm that is interrupted has the shield stop too', async () => {
  const { s3, admin, env } = await start()
  const rest = gate()
  onTestFinished(() => rest.open())
  for (const name of ['1.ts', '2.ts', '3.ts']) s3.put(name, name, LONG)
  s3.on('2.ts', () => rest.opened)
  const { child, line, ended } = startProgram(
    ['warm', '/1.ts', '/2.ts', '/3.ts', '--concurrency', '1', '--admin', admin],
    { env },
  )
  await line('/1.ts')
  await s3.received(2)
  child.kill('SIGINT')
  const { code, stderr } = await ended

  expect([code, stderr]).toEqual([1, 'segment-shield: stopped\n'])
  expect(s3.requests.map(({ url }) => url.includes('3.ts'))).toEqual([false, false])
})

test('stats is one snapshot where nobody looks at a screen', async () => {
  const { steer, store } = await start()
  await store('a.ts')
  const { code, stdout, stderr } = await steer('stats')
  expect([code, stderr]).toEqual([0, ''])
  for (const name of ['requests', 'hits', 'memory', 'origin spaces']) expect(stdout).toContain(name)
  expect(stdout).not.toContain('\x1b')

  const asJson = await steer('stats', '--json')
  expect(statsSchema.safeParse(JSON.parse(asJson.stdout)).success).toBe(true)
})

test('the table shows rates between two looks', async () => {
  const { steer } = await start()
  const now = statsSchema.parse(JSON.parse((await steer('stats', '--json')).stdout))
  const later = { ...now, uptimeSeconds: now.uptimeSeconds + 2, traffic: { ...now.traffic, requests: 5, hits: 4 } }

  expect(table(later, now)).toMatch(/^requests +5 {2}2\.5\/s$/m)
  expect(table(later, now)).toMatch(/^hits +80\.0 % {2}2\.0\/s$/m)
  expect(table(later, undefined)).toMatch(/^requests +5$/m)
})

test('address and token may come from the configuration', async () => {
  const { app, store } = await start()
  await store('a.ts')
  const folder = await mkdtemp(join(tmpdir(), 'segment-shield-steering-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'shield.yaml')
  await writeFile(
    file,
    `
listen: [{ address: "127.0.0.1:0" }]
admin: { address: "0.0.0.0:${app.admin?.port}", token: "\${ADMIN_TOKEN}" }
origins: { o: { type: http, url: "http://127.0.0.1:9" } }
routes: [{ match: /**, origin: o }]
`,
  )

  expect(await run(['purge', '/a.ts', '--config', file], { env: { ADMIN_TOKEN: TOKEN } })).toEqual({
    code: 0,
    stdout: 'purged 1 answer\n',
    stderr: '',
  })
})

test('a token that is wrong or missing is a sentence and exit code 1, and is not shown', async () => {
  const { admin, store, port } = await start()
  await store('a.ts')
  for (const SEGMENT_SHIELD_TOKEN of ['wrong-token', '']) {
    const { code, stdout, stderr } = await run(['purge', '--everything', '--admin', admin], {
      env: { SEGMENT_SHIELD_TOKEN },
    })
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^segment-shield: the shield answered 401: .*SEGMENT_SHIELD_TOKEN or the configuration\n$/)
    expect(stderr).not.toContain('wrong-token')
  }
  expect((await request(port, { path: '/a.ts' })).headers['cache-status']).toContain('; hit;')
})

test.each([
  [['purge', '/a.ts'], 'expected one of --admin and --config'],
  [['stats', 'x', '--admin', 'http://127.0.0.1:1'], 'stats takes no operands'],
  [['stats', '--admin', '127.0.0.1:9090'], '--admin: expected an address such as http://127.0.0.1:9090'],
  [['stats', '--admin', 'http://u:p@127.0.0.1:9090'], '--admin: expected an address such as http://127.0.0.1:9090'],
  [
    ['warm', '/a', '--max-height', '720p', '--admin', 'http://127.0.0.1:1'],
    '--max-height: expected a whole number from 1',
  ],
])('%j cannot be understood: exit code 2', async (args, sentence) => {
  expect(await run(args)).toEqual({
    code: 2,
    stdout: '',
    stderr: `segment-shield: ${sentence}\nTry segment-shield --help\n`,
  })
})

test('what the shield cannot understand is exit code 2 too, and a shield that is not there 1', async () => {
  const { steer, close, admin } = await start()
  const { code, stderr } = await steer('purge', 'no-path')
  expect([code, stderr.split('\n')[0]]).toEqual([
    2,
    'segment-shield: urls[0]: expected a path that begins with a slash, or a whole URL',
  ])
  await close()

  expect(await steer('stats')).toEqual({
    code: 1,
    stdout: '',
    stderr: `segment-shield: ${admin} cannot be reached (ECONNREFUSED)\n`,
  })
})
