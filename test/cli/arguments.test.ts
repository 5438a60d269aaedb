import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { endAll, run, start } from './program.ts'

const CONFIG = resolve(import.meta.dirname, '../../config')

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'segment-shield-cli-'))
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(endAll)

async function written(name: string, content: string): Promise<string> {
  const file = join(folder, name)
  await writeFile(file, content)
  return file
}

describe('help and version', () => {
  test.each([['--help'], ['-h'], ['serve', '--help'], ['--help', 'nonsense']])('%s %s explains', async (...args) => {
    const { code, stdout, stderr } = await run(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    for (const word of ['serve FILE', 'check FILE', 'demo', '--version', 'Exit codes']) expect(stdout).toContain(word)
  })

  test('--version is the version of the package', async () => {
    const manifest = JSON.parse(await readFile(resolve(import.meta.dirname, '../../package.json'), 'utf8'))
    expect(await run(['--version'])).toEqual({ code: 0, stdout: `${manifest.version}\n`, stderr: '' })
  })
})

describe('arguments that cannot be understood end with exit code 2 and one sentence', () => {
  test.each([
    [[], 'expected a command: serve, check, demo, sign, purge, warm, reload or stats'],
    [['sevre', 'x.yaml'], 'expected serve, check, demo, sign, purge, warm, reload or stats, got "sevre"'],
    [['serve'], 'expected the configuration FILE'],
    [['check', ''], 'expected the configuration FILE'],
    [['check', 'a.yaml', 'b.yaml'], 'expected only one FILE'],
    [['check', 'a.yaml', '--port', '1'], '--port, --s3-port and --admin-port belong to demo'],
    [['demo', 'a.yaml'], 'demo takes no file'],
    [['demo', '--port', '65536'], '--port: expected a port from 0 to 65535, got "65536"'],
    [['demo', '--port', 'http'], '--port: expected a port from 0 to 65535, got "http"'],
    [['demo', '--port', ''], '--port: expected a port from 0 to 65535, got ""'],
    [['demo', '--s3-port=-1'], '--s3-port: expected a port from 0 to 65535, got "-1"'],
    [['serve', 'a.yaml', '--admin-port', '1'], '--port, --s3-port and --admin-port belong to demo'],
    [['demo', '--admin-port', '1e3'], '--admin-port: expected a port from 0 to 65535, got "1e3"'],
  ])('%j', async (args, sentence) => {
    expect(await run(args)).toEqual({
      code: 2,
      stdout: '',
      stderr: `segment-shield: ${sentence}\nTry segment-shield --help\n`,
    })
  })

  test('an unknown option is named', async () => {
    const { code, stdout, stderr } = await run(['serve', 'x.yaml', '--prot', '1'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(/^segment-shield: Unknown option '--prot'/)
    expect(stderr).not.toContain('    at ')
  })
})

describe('check', () => {
  test('says that a good file is good, and what is in it', async () => {
    const file = join(CONFIG, 'spaces.yaml')
    const env = { DO_SPACEACCESSKEY: 'hush-id', DO_SPACESECRETKEY: 'hush-key', DO_SPACESBUCKET: 'media' }
    const { code, stdout, stderr } = await run(['check', file], { env })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n').slice(0, 4)).toEqual([
      `${file}: ok`,
      '  listen  0.0.0.0:8080',
      '  cache   1GiB, objects up to 8MiB',
      '  origin  spaces: s3 at https://sfo3.digitaloceanspaces.com, 200 sockets, 1200 requests a second',
    ])
    expect(stdout).not.toContain('hush')
  })

  test('names every problem of a bad one on a line of its own, with exit code 2', async () => {
    const file = await written(
      'bad.yaml',
      `listen: [{ address: nowhere }]
origins:
  spaces: { type: s3, endpoint: https://a.example, region: r, bucket: "\${NOT_SET}", pool: { maxSockets: many } }
routes: [{ match: /**, origin: spaces, cors: {} }]
`,
    )
    expect(await run(['check', file])).toEqual({
      code: 2,
      stdout: '',
      stderr: `${file}: 4 problems
  origins.spaces.bucket: the environment variable NOT_SET is not set
  listen[0].address: expected host:port, such as 0.0.0.0:8080 or [::]:8080, got "nowhere"
  origins.spaces.pool.maxSockets: expected a whole number from 1, got "many"
  routes[0].cors.origins: expected a list of sites, such as [https://example.com] or ["*"], got nothing
`,
    })
  })

  test('tells where a file stops being YAML', async () => {
    const file = await written('broken.yaml', 'listen:\n  - address: "0.0.0.0:80\n')
    const { code, stderr } = await run(['check', file])
    expect(code).toBe(2)
    expect(stderr).toMatch(/^.*broken\.yaml: 1 problem\n {2}.*broken\.yaml, line \d+, column \d+: not YAML: .*\n$/)
  })

  test.each(['check', 'serve'])('%s: a file that cannot be read is exit code 2 and one sentence', async (command) => {
    const missing = join(folder, 'missing.yaml')
    expect(await run([command, missing])).toEqual({
      code: 2,
      stdout: '',
      stderr: `${missing}: 1 problem\n  ${missing}: there is no such file\n`,
    })
    expect(await run([command, folder])).toEqual({
      code: 2,
      stdout: '',
      stderr: `${folder}: 1 problem\n  ${folder}: is a directory, expected a file\n`,
    })
  })

  test('a reader who stops reading is no failure', async () => {
    const program = start(['check', join(CONFIG, 'demo.yaml')])
    program.child.stdout?.destroy()
    expect(await program.ended).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})
