/** The package as it is built and installed, used by its name: by programs, and by the compiler for its types. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFile, cp, mkdir, mkdtemp, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { pattern } from '../support/shield.ts'
import { bucket } from './embedded.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const MODULES = join(ROOT, 'node_modules')

/** A project that has the package installed. */
let project = ''
let installed = ''

const running = new Set<{ kill(signal: 'SIGKILL'): boolean }>()

async function run(command: string, args: readonly string[], cwd: string) {
  const path = [join(MODULES, '.bin'), process.env['PATH']].join(delimiter)
  const child = spawn(command, args, { cwd, env: { PATH: path, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  }
  const [code] = await once(child, 'close')
  running.delete(child)
  return { code, ...output }
}

beforeAll(async () => {
  project = await realpath(await mkdtemp(join(tmpdir(), 'segment-shield-project-')))
  installed = join(project, 'node_modules/segment-shield')
  await mkdir(installed, { recursive: true })
  await copyFile(join(ROOT, 'package.json'), join(installed, 'package.json'))
  await symlink(MODULES, join(installed, 'node_modules'))
  await mkdir(join(project, 'node_modules/@types'))
  for (const name of ['@types/node', 'undici-types']) {
    await symlink(await realpath(join(MODULES, name)), join(project, 'node_modules', name))
  }
  const { scripts } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))
  const checkout = join(project, 'checkout')
  await cp(join(ROOT, 'src'), join(checkout, 'src'), { recursive: true })
  for (const name of ['tsconfig.json', 'package.json']) await copyFile(join(ROOT, name), join(checkout, name))
  await symlink(MODULES, join(checkout, 'node_modules'))
  const built = await run('sh', ['-c', String(scripts.build)], checkout)
  expect(built).toEqual({ code: 0, stdout: '', stderr: '' })
  await rename(join(checkout, 'dist'), join(installed, 'dist'))
  for (const program of ['serving.mjs', 'failing.mjs']) {
    await copyFile(join(import.meta.dirname, 'programs', program), join(project, program))
  }
})
afterEach(() => {
  for (const child of running) child.kill('SIGKILL')
})
afterAll(() => rm(project, { recursive: true }))

describe('a program with shields in it', () => {
  test('gets every byte, reloads, and comes to its end by itself once they are closed', async () => {
    const bytes = pattern(3_000_000)
    const key = 'vod/1.ts'
    const s3 = await bucket({ [key]: bytes })
    const given = { endpoint: s3.endpoint, bucket: s3.bucket, peer: s3.endpoint, key }
    const { code, stdout, stderr } = await run(process.execPath, ['serving.mjs', JSON.stringify(given)], project)
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^\{.*\}$/) })

    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const whole = { status: 200, note: null, length: bytes.length, sha256 }
    const { before, during, lines, ...seen } = JSON.parse(stderr)
    expect(seen).toEqual({
      first: { ...whole, note: 'first' },
      undici: whole,
      http: sha256,
      passed: 404,
      beside: { ...whole, note: `\${NOTE}` },
      metrics: 200,
      page: [200, 200, 200, 200],
      reasons: ['cache.memroy: unknown key, did you mean "memory"?'],
      unchanged: { ...whole, note: 'first' },
      kind: 'reloaded',
      reloaded: whole,
    })
    expect(lines).toBeGreaterThan(3)
    // The shields have added no handler to the process.
    expect(during).toEqual(before)
    // Only the first shield's log, and no line of it torn.
    const messages = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).msg)
    expect(messages.filter((message) => message !== 'request')).toEqual([
      'admin listening',
      'listening',
      'listening',
      'not reloaded, nothing has changed',
      'reloaded',
      'draining',
      'closed',
    ])
    await s3.socketsAtMost(0)
  })

  test('tells errors apart and comes to its end by itself where none of them starts', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`
    const { code, stdout, stderr } = await run(process.execPath, ['failing.mjs', taken], project)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(JSON.parse(stderr)).toEqual([
      'ConfigError cache.memory',
      'ConfigError options.gracMs',
      'StartError',
      'not now',
    ])
  })

  test('has one door: nothing else of the package can be imported', async () => {
    await writeFile(join(project, 'other.mjs'), "await import('segment-shield/dist/app.js')")
    const { code, stderr } = await run(process.execPath, ['other.mjs'], project)
    expect(code).toBe(1)
    expect(stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })
})

describe('the types', () => {
  const compile = async (source: string) => {
    await writeFile(join(project, 'consumer.ts'), source)
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      noEmit: true,
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable'],
      module: 'nodenext',
      types: ['node'],
    }
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
    await writeFile(join(project, 'package.json'), '{ "type": "module" }')
    return run(process.execPath, [join(MODULES, 'typescript/bin/tsc'), '--listFiles'], project)
  }

  test('are good for a strict program, and refuse what cannot be right', async () => {
    const { code, stdout } = await compile(`
import { ConfigError, type ConfigProblem, createShield, type ListeningAddress, type ReloadOutcome } from 'segment-shield'
import { type Shield, type ShieldConfig, type ShieldOptions, type ShieldSource, StartError } from 'segment-shield'

interface Mine { address: string }
const mine: Mine = { address: '127.0.0.1:0' }
const config: ShieldConfig = {
  listen: [mine],
  admin: Math.random() > 1 ? { address: '127.0.0.1:9090' } : undefined,
  cache: { memory: '1GiB' },
  origins: { packager: { type: 'http', url: 'http://127.0.0.1:9' } },
  routes: [{ match: '/**', origin: 'packager' }],
}
const options: ShieldOptions = { env: process.env, log: process.stdout, graceMs: 5000, signal: AbortSignal.timeout(1000) }

export async function run(): Promise<number> {
  await using shield: Shield = await createShield(config, options)
  const sources: ShieldSource[] = ['shield.yaml', new URL('shield.yaml', import.meta.url), config]
  const first: ListeningAddress | undefined = shield.addresses[0]
  const admin: number | undefined = shield.admin?.port
  const outcome: ReloadOutcome = await shield.reload(sources[0])
  switch (outcome.kind) {
    case 'reloaded': return outcome.restartNeeded.length
    case 'refused': throw new Error(outcome.reasons.join())
  }
  return (first?.port ?? 0) + (admin ?? 0)
}

export function tell(error: unknown): readonly ConfigProblem[] | string {
  if (error instanceof ConfigError) return error.problems
  return error instanceof StartError ? error.message : 'another'
}

export async function wrong(shield: Shield): Promise<void> {
  // @ts-expect-error: no configuration
  await createShield()
  // @ts-expect-error: no routes
  await createShield({ listen: [], origins: {} })
  // @ts-expect-error: a slip
  await createShield({ ...config, cahce: {} })
  // @ts-expect-error: a slip
  await createShield(config, { gracMs: 1 })
  // @ts-expect-error: a time is a number here
  await createShield(config, { graceMs: '5s' })
  // @ts-expect-error: no write
  await createShield(config, { log: console.log })
  // @ts-expect-error: neither a configuration nor a file
  await shield.reload(42)
  // @ts-expect-error: without looking which it is
  ;(await shield.reload()).reasons
  // @ts-expect-error: it is what it is
  shield.addresses = []
}
// @ts-expect-error: not for others
export { OriginError } from 'segment-shield'
`)
    const lines = stdout.trimEnd().split('\n')
    expect({ code, complaints: lines.filter((line) => !line.startsWith('/')) }).toEqual({ code: 0, complaints: [] })
    // What the compiler reads of the package, so that nobody's types depend on what is inside.
    const dist = `${installed}/dist/`
    const read = lines.filter((line) => line.startsWith(installed)).map((line) => line.replace(dist, ''))
    expect(read.toSorted()).toEqual(['errors.d.ts', 'index.d.ts', 'shield-options.d.ts'])
  })

  test('do not hold what only the inside is for', async () => {
    const { exports } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
    const door = await readFile(join(installed, exports['.'].types), 'utf8')
    const names = [...door.matchAll(/^export (?:declare )?(?:interface|type|function) (\w+)/gm)].map(([, name]) => name)
    expect(names).toEqual([
      'ShieldConfig',
      'ShieldSource',
      'ListeningAddress',
      'ReloadOutcome',
      'Shield',
      'createShield',
    ])
  })
})
