import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { hmacScheme } from '../../src/server/access/hmac.ts'
import { endAll, run } from './program.ts'

const KEY = 'hush-a-key-of-many-bytes'
const OLD_KEY = 'hush-the-key-before-it'
const keys = { k2: KEY, k1: OLD_KEY }

let folder = ''
let config = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'segment-shield-sign-'))
  config = join(folder, 'shield.yaml')
  await writeFile(join(folder, 'key'), `${KEY}\n`)
  await writeFile(join(folder, 'short'), 'hush\n')
  await writeFile(
    config,
    `listen: [{ address: 127.0.0.1:0 }]
origins: { o: { type: http, url: http://127.0.0.1:9 } }
routes:
  - { match: /vod/**, origin: o, access: { tokens: { scheme: hmac, in: [query, cookie], name: pass, keys: { k2: "\${NEW}", k1: "\${OLD}" } } } }
  - { match: /mine/**, origin: o, access: { tokens: { scheme: hmac, clientIp: true, keys: { k1: "\${OLD}" } } } }
  - { match: /bunny/**, origin: o, access: { tokens: { scheme: bunny, keys: { k1: x } } } }
  - { match: /open/**, origin: o }
`,
  )
})
afterAll(() => rm(folder, { recursive: true }))
afterEach(endAll)

const env = { NEW: KEY, OLD: OLD_KEY, KEY, SHORT: 'hush' }
const sign = async (...args: string[]) => {
  const { code, stdout, stderr } = await run(['sign', ...args], { env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.trimEnd()
}

/** What a shield with these keys makes of a token, so many seconds from now. */
const verdict = (token: string, path: string, inSeconds = 0, client = 'unknown') =>
  hmacScheme({ keys, name: 'token', clientIp: false }).verify(token, 'query', {
    path,
    sentPath: path,
    nowMs: Date.now() + inSeconds * 1000,
    client: () => client,
  })

describe('sign', () => {
  test('makes what the route of a configuration takes, with its first key', async () => {
    const url = await sign('https://media.test/vod/clip/a.m3u8?v=1', '--config', config)
    const [address, token = ''] = url.split('&pass=')
    expect(address).toBe('https://media.test/vod/clip/a.m3u8?v=1')
    expect(token).toMatch(/^k2\./)
    expect(verdict(token, '/vod/clip/1.ts')).toBeUndefined()
    expect(verdict(token, '/vod/other/1.ts')).toBe('wrong-path')
    expect(verdict(token, '/vod/clip/1.ts', 6 * 3600 - 30)).toBeUndefined()
    expect(verdict(token, '/vod/clip/1.ts', 6 * 3600 + 30)).toBe('expired')
  })

  test('takes another key, place and client where it is told to', async () => {
    const cookie = await sign(
      '/vod/a.ts',
      '--config',
      config,
      '--key-name',
      'k1',
      '--in',
      'cookie',
      '--ip',
      '192.0.2.7',
      '--covers',
      '/vod/',
    )
    const [, token = ''] = /^pass=([^;]+); Path=\/vod\/; HttpOnly; Secure; SameSite=None$/.exec(cookie) ?? []
    expect(token).toMatch(/^k1\./)
    expect(verdict(token, '/vod/b.ts', 0, '192.0.2.7')).toBeUndefined()
    expect(verdict(token, '/vod/b.ts', 0, '192.0.2.8')).toBe('wrong-client')
  })

  test.each([
    ['--key-env', 'KEY'],
    ['--key-file', 'key'],
  ])('needs no configuration: %s %s', async (option, value) => {
    const source = option === '--key-file' ? join(folder, value) : value
    const url = await sign('/my%20clip/a.ts', option, source, '--key-name', 'k2', '--expires', '90s')
    const [, token = '', rest] = /^\/token=([^/]+)(\/.*)$/.exec(url) ?? []
    expect(rest).toBe('/my%20clip/a.ts')
    expect(verdict(token, '/my clip/a.ts')).toBeUndefined()
    expect(verdict(token, '/my clip/b.ts')).toBe('wrong-path')
    expect(verdict(token, '/my clip/a.ts', 91)).toBe('expired')
  })
})

describe('what cannot be signed is said in one sentence, with exit code 2 and no secret', () => {
  const k = ['--key-env', 'KEY']
  test.each<[args: string[], sentence: string]>([
    [[], 'expected the URL to sign'],
    [['/a', '/b', ...k], 'expected only one URL'],
    [['/a'], 'expected one of --config, --key-env and --key-file'],
    [['/a', ...k, '--key-file', 'x'], 'expected one of --config, --key-env and --key-file'],
    [['/a', '--key-env', 'NOT_SET'], '--key-env: there is no such environment variable'],
    [['/a', '--key-env', 'SHORT'], 'expected a key of at least 16 bytes'],
    [['/a', '--key-file', '/nowhere/at/all'], '--key-file: cannot be read (ENOENT)'],
    [['a', ...k], 'expected a path, or a URL with one, that can be asked for'],
    [['/a/../b', ...k], 'expected a path, or a URL with one, that can be asked for'],
    [['https://media.test', ...k], 'expected a path, or a URL with one, that can be asked for'],
    [['/a/b', ...k, '--covers', '/c/'], 'the token would not cover the path that it is for'],
    [['/a/b', ...k, '--covers', 'a/'], 'expected a path that the token is to cover'],
    [['/a', ...k, '--expires', '6'], '--expires: expected a time from 1s, such as 30m, 6h or 2d, got "6"'],
    [['/a', ...k, '--ip', 'localhost'], 'expected the address of a client'],
    [['/a', ...k, '--in', 'header'], '--in: expected path or query or cookie, got "header"'],
    [['/a', ...k, '--key-name', '1'], '--key-name: expected letters and digits, a letter first'],
    [['/a', ...k, '--name', 'a b'], '--name: expected letters, digits, dashes and underscores'],
    [['/nowhere', '--config', 'CONFIG'], 'no route is for this path'],
    [['/open/a', '--config', 'CONFIG'], 'the route /open/** asks for no tokens'],
    [['/bunny/a', '--config', 'CONFIG'], 'the route /bunny/** takes bunny tokens, which their own backend makes'],
    [['/mine/a', '--config', 'CONFIG'], '--ip: the route wants tokens to name their client'],
    [['/vod/a', '--config', 'CONFIG', '--in', 'path'], '--in: expected query or cookie, got "path"'],
    [['/vod/a', '--config', 'CONFIG', '--key-name', 'k3'], '--key-name: expected the name of a key (k2, k1), got "k3"'],
    [['/vod/a', '--config', 'CONFIG', '--name', 'x'], '--name: the configuration says it'],
  ])('%j', async (args, sentence) => {
    const outcome = await run(['sign', ...args.map((arg) => (arg === 'CONFIG' ? config : arg))], { env })
    expect(outcome).toEqual({ code: 2, stdout: '', stderr: `segment-shield: ${sentence}\nTry segment-shield --help\n` })
  })

  test('an option of sign is none of another command', async () => {
    const { code, stderr } = await run(['check', config, '--key-env', 'KEY'], { env })
    expect([code, stderr]).toEqual([2, 'segment-shield: --key-env belongs to sign\nTry segment-shield --help\n'])
  })
})
