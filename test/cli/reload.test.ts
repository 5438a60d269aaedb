/** The program as an operator runs it, told to read its file again, and followed by a newer one, while players ask. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent, request as ask } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { claimPort } from '../support/claimed-port.ts'
import { type S3Server, startS3Server } from '../support/s3-socket-server.ts'
import { endAll, run, start } from './program.ts'

let folder = ''
let s3: S3Server
const BYTES = Buffer.alloc(50_000, 'segment')

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'segment-shield-reload-'))
})
afterAll(() => rm(folder, { recursive: true }))
beforeEach(async () => {
  s3 = await startS3Server()
  for (let index = 0; index < 20; index += 1) s3.put(`${index}.ts`, BYTES)
})
afterEach(async () => {
  await endAll()
  await s3.close()
})

async function written(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const file = join(folder, 'shield.yaml')
  const config = {
    listen: [{ address: '127.0.0.1:0' }],
    log: { access: false },
    origins: {
      spaces: {
        type: 's3',
        endpoint: s3.endpoint,
        region: 'us-east-1',
        bucket: 'media',
        forcePathStyle: true,
        credentials: { anonymous: true },
      },
    },
    routes: [{ match: '/**', origin: 'spaces' }],
    ...more,
  }
  await writeFile(file, JSON.stringify(config))
  return file
}

interface Load {
  /** Answers that were whole so far. */
  readonly good: () => number
  readonly failures: readonly string[]
  /** Resolves when so many more answers have come. */
  more(count: number): Promise<void>
  stop(): Promise<void>
}

/** Players that ask one thing after the other, half of them on connections that they keep. */
function load(port: number, players: number): Load {
  const failures: string[] = []
  const agents = [new Agent({ keepAlive: true, maxSockets: players }), new Agent({ keepAlive: false })]
  let good = 0
  let isOver = false
  const one = (agent: Agent | undefined, path: string) =>
    new Promise<void>((resolve) => {
      const end = (failure?: string) => {
        if (failure === undefined) good += 1
        else failures.push(failure)
        resolve()
      }
      const req = ask({ host: '127.0.0.1', port, path, agent }, (res) => {
        const chunks: Buffer[] = []
        res.on('data', (chunk: Buffer) => chunks.push(chunk))
        res.on('error', (error) => end(`${path}: ${error.message}`))
        res.on('end', () => {
          const isWhole = res.statusCode === 200 && Buffer.concat(chunks).equals(BYTES)
          end(isWhole ? undefined : `${path}: ${res.statusCode}`)
        })
      })
      req.on('error', (error) => end(`${path}: ${error.message}`))
      req.end()
    })
  const playing = Array.from({ length: players }, async (_, player) => {
    for (let index = 0; !isOver; index += 1) await one(agents[player % 2], `/${(player + index) % 20}.ts`)
  })
  return {
    good: () => good,
    failures,
    more: async (count) => {
      const until = good + count
      await expect.poll(() => good >= until || failures.length > 0, { interval: 5, timeout: 15_000 }).toBe(true)
    },
    stop: async () => {
      isOver = true
      await Promise.all(playing)
      for (const agent of agents) agent.destroy()
    },
  }
}

test('SIGHUP takes a new file while players ask, and refuses a bad one, without a failed request', async () => {
  const file = await written()
  const program = start(['serve', file])
  const { port } = JSON.parse(await program.line('"listening"'))
  const players = load(port, 8)
  await players.more(100)

  await written({ routes: [{ match: '/**', origin: 'spaces', responseHeaders: { 'X-File': 'second' } }] })
  program.child.kill('SIGHUP')
  await program.line('"reloaded"')
  await players.more(100)
  const { headers } = await fetch(`http://127.0.0.1:${port}/1.ts`)
  expect(headers.get('x-file')).toBe('second')

  await writeFile(file, 'listen: nowhere')
  program.child.kill('SIGHUP')
  const refusal = await program.line('not reloaded')
  expect(JSON.parse(refusal)).toMatchObject({ level: 50, reasons: expect.arrayContaining([expect.any(String)]) })
  await players.more(100)
  await players.stop()

  expect(players.failures).toEqual([])
  program.child.kill('SIGTERM')
  expect(await program.ended).toMatchObject({ code: 0, stderr: '' })
})

test('the command reload says what came of it, while players ask, without a failed request', async () => {
  const admin = { address: '127.0.0.1:0', token: 'hush-hush-4711' }
  const env = { SEGMENT_SHIELD_TOKEN: admin.token }
  const file = await written({ admin })
  const program = start(['serve', file])
  const { port: adminPort } = JSON.parse(await program.line('"admin listening"'))
  const { port } = JSON.parse(await program.line('"listening"'))
  const reload = (...more: readonly string[]) =>
    run(['reload', '--admin', `http://127.0.0.1:${adminPort}`, ...more], { env })
  const players = load(port, 8)
  await players.more(100)

  expect(await reload()).toEqual({ code: 0, stdout: 'nothing has changed\n', stderr: '' })
  await written({ admin, cache: { memory: '2GiB' }, limits: { urlLength: '4KiB' } })
  expect(await reload()).toEqual({
    code: 0,
    stdout: 'reloaded\n  limits.urlLength\nfor the next start\n  cache.memory\n',
    stderr: '',
  })
  const asJson = await reload('--json')
  expect([asJson.code, JSON.parse(asJson.stdout)]).toMatchObject([0, { result: 'unchanged', certificates: [] }])

  await written({ admin, listen: [], routes: [{ match: '/**', origin: 'nowhere' }] })
  const refused = await reload()
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(refused.stderr.split('\n')).toEqual([
    'segment-shield: the shield answered 422: Nothing has changed: the configuration has 2 problems',
    '  listen: expected at least one listener, got an empty list',
    expect.stringMatching(/^ {2}routes\[0\]\.origin: /),
    '',
  ])
  await players.more(100)
  await players.stop()
  expect(players.failures).toEqual([])
  program.child.kill('SIGTERM')
  expect(await program.ended).toMatchObject({ code: 0, stderr: '' })
})

test('a second program takes over the port while the first one drains, without a failed request', async () => {
  const claimed = await claimPort()
  const { port } = claimed
  onTestFinished(() => claimed.release())
  const file = await written({ listen: [{ address: `127.0.0.1:${port}`, reusePort: true }] })
  const first = start(['serve', file])
  await first.line('"listening"')
  const players = load(port, 8)
  await players.more(100)

  const second = start(['serve', file])
  await second.line('"listening"')
  await players.more(50)
  first.child.kill('SIGTERM')
  expect(await first.ended).toMatchObject({ code: 0, stderr: '' })
  await players.more(200)
  await players.stop()

  expect(players.failures).toEqual([])
  second.child.kill('SIGTERM')
  expect(await second.ended).toMatchObject({ code: 0 })
})

test('systemd is told when it serves, reads its file again, and ends', async () => {
  const told = join(folder, 'told')
  const notify = join(folder, 'systemd-notify')
  await writeFile(notify, `#!/bin/sh\necho "$1" >> ${told}\n`)
  await chmod(notify, 0o755)
  const env = { NOTIFY_SOCKET: '/run/nobody', PATH: [folder, process.env['PATH']].join(delimiter) }
  const program = start(['serve', await written()], { env })
  const lines = () =>
    readFile(told, 'utf8').then(
      (text) => text.split('\n').slice(0, -1),
      () => [],
    )
  await expect.poll(lines, { timeout: 15_000 }).toEqual(['READY=1'])
  program.child.kill('SIGHUP')
  await expect.poll(lines, { timeout: 15_000 }).toHaveLength(3)
  expect(new Set(await lines())).toEqual(new Set(['READY=1', 'STATUS=Reloading']))
  program.child.kill('SIGTERM')
  await program.ended
  await expect.poll(lines, { timeout: 15_000 }).toContain('STOPPING=1')
})
