/** The program itself, watched through its admin listener while the system tells it to end. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { endAll, run, start } from '../cli/program.ts'
import { request } from '../support/http-client.ts'
import { type Gate, gate, type S3Server, startS3Server } from '../support/s3-socket-server.ts'
import { openRequest, pattern } from '../support/shield.ts'
import { listenTo } from './api.ts'

const BYTES = pattern(200_000)
const TOKEN = 'hush-4711'

let folder: string
let s3: S3Server
let rest: Gate

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'segment-shield-admin-'))
})
beforeEach(async () => {
  s3 = await startS3Server()
  rest = gate()
  s3.put('1.ts', BYTES)
  s3.on('1.ts', async (exchange) => {
    await exchange.answerPart(1000)
    await rest.opened
    await exchange.more()
  })
})
afterEach(async () => {
  await endAll()
  await s3.close()
})
afterAll(() => rm(folder, { recursive: true }))

async function configFile(admin: string): Promise<string> {
  const file = join(folder, 'shield.yaml')
  await writeFile(
    file,
    `
listen: [{ address: "127.0.0.1:0" }]
admin: ${admin}
origins:
  spaces:
    { type: s3, endpoint: "${s3.endpoint}", region: sfo3, bucket: ${s3.bucket}, forcePathStyle: true, credentials: { anonymous: true } }
routes: [{ match: /**, origin: spaces }]
`,
  )
  return file
}

const LOOPBACK = '{ address: "127.0.0.1:0" }'
const WITH_TOKEN = `{ address: "127.0.0.1:0", token: "\${ADMIN_TOKEN}" }`

async function served(admin: string) {
  const program = start(['serve', await configFile(admin)], { env: { ADMIN_TOKEN: TOKEN } })
  const { port: adminPort } = JSON.parse(await program.line('"admin listening"'))
  const { port } = JSON.parse(await program.line('"listening"'))
  return { ...program, port, adminPort }
}

test.each([
  ['without a token', LOOPBACK, {}],
  ['with a token out of the environment', WITH_TOKEN, { Authorization: `Bearer ${TOKEN}` }],
] as const)('SIGTERM: %s it says that it drains until its last answer is out', async (_, admin, headers) => {
  const { child, line, ended, port, adminPort } = await served(admin)
  const statusOf = async (path: string) => (await request(adminPort, { path, headers })).status
  const client = await openRequest(port, { path: '/1.ts' })
  await client.receivedBytes(1000)
  expect([await statusOf('/health'), await statusOf('/ready')]).toEqual([200, 200])
  child.kill('SIGTERM')
  await line('draining')
  expect([await statusOf('/health'), await statusOf('/ready')]).toEqual([200, 503])
  rest.open()
  expect((await client.ended).body.equals(BYTES)).toBe(true)
  const { code, stdout, stderr } = await ended

  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).not.toContain(TOKEN)
  await expect(request(adminPort, { path: '/health' })).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('an admin port that is taken ends the program with 1 and one sentence that names it', async () => {
  const { adminPort } = await served(LOOPBACK)
  const { code, stderr } = await run(['serve', await configFile(`{ address: "127.0.0.1:${adminPort}" }`)])

  expect(code).toBe(1)
  expect(stderr).toBe(`segment-shield: cannot listen on 127.0.0.1:${adminPort}: the port is taken by another program\n`)
})

describe('check', () => {
  test.each([
    [LOOPBACK, 'admin   127.0.0.1:0, without a token'],
    [WITH_TOKEN, 'admin   127.0.0.1:0, with a token'],
  ])('of %s says where the admin listener is, and nothing of its token', async (admin, line) => {
    const { code, stdout } = await run(['check', await configFile(admin)], { env: { ADMIN_TOKEN: TOKEN } })

    expect([code, stdout.split('\n')[2]?.trim()]).toEqual([0, line])
    expect(stdout).not.toContain(TOKEN)
  })

  test('of an address that others can reach asks for a token', async () => {
    const file = await configFile('{ address: "0.0.0.0:9090" }')

    expect(await run(['check', file])).toEqual({
      code: 2,
      stdout: '',
      stderr: `${file}: 1 problem\n  admin.token: expected a token, since admin.address is not loopback, got nothing\n`,
    })
  })
})

test('its listeners are told its version, and do not hold it up when it is told to end', async () => {
  const { child, ended, adminPort } = await served(LOOPBACK)
  const { events } = await listenTo(adminPort)
  const manifest = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))
  expect((await events('state', 1))[0].version).toBe(manifest.version)
  expect((await events('sample', 1))[0].requests).toBe(0)
  child.kill('SIGTERM')

  expect((await ended).code).toBe(0)
})
