/** The package's door: configurations as objects and files, its options, and what a start that fails leaves behind. */
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, expectTypeOf, onTestFinished, test } from 'vitest'
import type { Config } from '../../src/config/schema.ts'
import * as door from '../../src/index.ts'
import { ConfigError, createShield, type ShieldConfig, type ShieldOptions, StartError } from '../../src/index.ts'
import { problemsOf } from '../config/good.ts'
import { claimPort } from '../support/claimed-port.ts'
import { request } from '../support/http-client.ts'
import { pattern } from '../support/shield.ts'
import { bucket, configFor, embedded } from './embedded.ts'

const BYTES = pattern(300_000)
const NOWHERE = { endpoint: 'http://127.0.0.1:9', bucket: 'media' }
const QUIET: ShieldOptions = { log: { write: () => undefined } }

/** What it was refused for. */
async function refusal(config: unknown, options: unknown = QUIET): Promise<readonly string[]> {
  const error = await createShield(config as ShieldConfig, options as ShieldOptions).then(
    async (shield) => {
      await shield.close()
      return new Error('it was taken')
    },
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ConfigError)
  return String((error as ConfigError).message).split('\n')
}

test('gives nothing but the door and the errors that its users tell apart', () => {
  expect(Object.keys(door).toSorted()).toEqual(['ConfigError', 'StartError', 'createShield'])
  expectTypeOf<keyof ShieldConfig>().toEqualTypeOf<keyof Config>()
})

describe('an object', () => {
  test('is served from: the bucket is asked once, whoever asks, and every byte arrives', async () => {
    const s3 = await bucket({ 'vod/1.ts': BYTES })
    const { shield, port, lines } = await embedded(configFor(s3, { cache: { memory: '64MiB' } }))
    expect(shield.addresses).toEqual([{ address: '127.0.0.1', port }])
    expect(shield.admin).toBeUndefined()
    for (const status of ['fwd=uri-miss', 'hit']) {
      const answer = await request(port, { path: '/vod/1.ts' })
      expect(answer.status).toBe(200)
      expect(answer.body.equals(BYTES)).toBe(true)
      expect(answer.headers['cache-status']).toContain(status)
    }
    expect(s3.requests).toHaveLength(1)
    expect(lines.map((line) => JSON.parse(line).msg)).toContain('listening')
    expect(lines.every((line) => line.endsWith('\n'))).toBe(true)
  })

  test.each([
    ['cache.memory', { cache: { memory: '1GB' } }],
    ['cache.memroy', { cache: { memroy: '1GiB' } }],
    ['listen[0].address', { listen: [{ address: 8080 }] }],
    ['routes[0].ttl', { routes: [{ match: '/**', origin: 'spaces', ttl: 5 }] }],
    ['routes', { routes: undefined }],
    ['routs', { routs: [] }],
  ])('that is wrong at %s is told by the words that a file is told', async (path, wrong) => {
    const config = { ...configFor(NOWHERE), ...wrong }
    const problems = await refusal(config)
    expect(problems).toEqual(problemsOf(JSON.stringify(config)))
    expect(problems.some((problem) => problem.startsWith(`${path}: `))).toBe(true)
  })

  test('has all its problems told at once', async () => {
    const error = await createShield({ listen: [{}], origins: {}, routes: [] }, QUIET).catch((reason) => reason)
    expect(error.problems.map(({ path }: { path: string }) => path)).toEqual(['listen[0].address', 'origins', 'routes'])
  })

  test.each([
    [undefined, 'expected a mapping, got nothing'],
    [null, 'expected a mapping, got nothing'],
    [42, 'expected a mapping, got 42'],
    [[], 'expected a mapping, got an empty list'],
    [new Map(), 'expected a plain object, a list or a scalar'],
  ])('has to be one: %j is refused', async (config, problem) => {
    expect(await refusal(config)).toEqual([problem])
  })

  test('holds what a file could hold: what else a program has is not mistaken for it', async () => {
    const loop: Record<string, unknown> = {}
    loop['limits'] = loop
    const secret = () => 'hush-hush'
    const wrong = {
      cache: new Map([['memory', '1MiB']]),
      log: { level: secret },
      trustedProxies: new Set(['::1']),
      limits: loop,
    }
    expect(await refusal({ ...configFor(NOWHERE), ...wrong })).toEqual([
      'cache: expected a plain object, a list or a scalar',
      'trustedProxies: expected a plain object, a list or a scalar',
      'limits.limits: contains itself',
      expect.stringMatching(/^log\.level: expected .*, got a function$/),
    ])
  })

  test('is left as it is, and may be changed while the shield runs', async () => {
    const s3 = await bucket({ '1.ts': BYTES })
    const config = configFor(s3)
    const before = structuredClone(config)
    const { port } = await embedded(config)
    expect(config).toEqual(before)
    Object.assign(config.routes[0] ?? {}, { origin: 'another' })
    expect((await request(port, { path: '/1.ts' })).status).toBe(200)
  })
})

describe('the environment', () => {
  const responseHeaders = { 'X-Note': `\${NOTE} $\${ \${OTHER:-there}` }
  const routes = [{ match: '/**', origin: 'spaces', responseHeaders }]
  const noteOf = async (options: ShieldOptions) => {
    const s3 = await bucket({ '1.ts': 'x' })
    const { port } = await embedded(configFor(s3, { routes }), options)
    return (await request(port, { path: '/1.ts' })).headers['x-note']
  }

  test('that is given is where names in an object are looked up', async () => {
    expect(await noteOf({ env: { NOTE: 'hello' } })).toBe(`hello \${ there`)
  })

  test('is nothing where none is given: strings of an object are what they are', async () => {
    expect(await noteOf({})).toBe(responseHeaders['X-Note'])
  })

  test('of the process is not looked at for a file either', async () => {
    const config = configFor(NOWHERE, { routes: [{ match: '/**', origin: `\${PATH}` }] })
    const file = await written(config)
    expect(await refusal(file)).toEqual(['routes[0].origin: the environment variable PATH is not set'])
  })
})

async function written(config: unknown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'segment-shield-embedded-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const file = join(folder, 'shield.yaml')
  await writeFile(file, typeof config === 'string' ? config : JSON.stringify(config))
  return file
}

describe('a file', () => {
  test('is named by its path or its URL', async () => {
    const s3 = await bucket({ '1.ts': BYTES })
    const file = await written(configFor({ ...s3, bucket: `\${BUCKET}` }))
    for (const source of [file, pathToFileURL(file)]) {
      const { port } = await embedded(source, { env: { BUCKET: s3.bucket } })
      expect((await request(port, { path: '/1.ts' })).body.equals(BYTES)).toBe(true)
    }
  })

  test('that is not there, not YAML or not right is named in the problem', async () => {
    expect(await refusal('/nowhere/shield.yaml')).toEqual(['/nowhere/shield.yaml: there is no such file'])
    expect(await refusal('')).toEqual(['expected the name of a file, got ""'])
    const torn = await written('listen: [')
    expect(await refusal(torn)).toEqual([expect.stringContaining(`${torn}, line 1, column `)])
    const list = await written('[]')
    expect(await refusal(list)).toEqual([`${list}: expected a mapping, got an empty list`])
  })

  test('that a URL names elsewhere is refused, and the URL not shown', async () => {
    for (const url of ['https://u:hush@a.example/shield.yaml', 'file://another.example/shield.yaml']) {
      expect(await refusal(new URL(url))).toEqual(['expected a file: URL of this machine'])
    }
  })
})

describe('options', () => {
  test.each([
    [{ gracMs: 1 }, 'options.gracMs: unknown key, did you mean "graceMs"?'],
    [{ logger: console }, 'options.logger: unknown key'],
    [{ toString: 1 }, 'options.toString: unknown key'],
    [{ graceMs: '30s' }, 'options.graceMs: expected whole milliseconds from 0 to 2147483647'],
    [{ graceMs: -1 }, 'options.graceMs: expected whole milliseconds from 0 to 2147483647'],
    [{ graceMs: 2 ** 31 }, 'options.graceMs: expected whole milliseconds from 0 to 2147483647'],
    [{ log: () => undefined }, 'options.log: expected an object with a function write'],
    [{ log: null }, 'options.log: expected an object with a function write'],
    [{ env: 'hush' }, 'options.env: expected an object of variables with their values'],
    [{ signal: {} }, 'options.signal: expected an AbortSignal'],
    [null, 'options: expected an object'],
    ['x', 'options: expected an object'],
  ])('%j are refused', async (options, problem) => {
    expect(await refusal(configFor(NOWHERE), options)).toEqual([problem])
  })

  test('may be there without a value', async () => {
    const { port } = await embedded(configFor(NOWHERE), { env: undefined, graceMs: undefined, signal: undefined })
    expect(port).toBeGreaterThan(0)
  })

  test('a log that throws costs its lines and no request', async () => {
    const s3 = await bucket({ '1.ts': BYTES })
    const write = () => {
      throw new Error('no room')
    }
    const { port } = await embedded(configFor(s3), { log: { write } })
    for (const _ of [1, 2]) expect((await request(port, { path: '/1.ts' })).body.equals(BYTES)).toBe(true)
  })
})

describe('a start that fails leaves nothing open', () => {
  const isFree = async (port: number) => {
    const server = createServer().listen({ port, host: '127.0.0.1' })
    await once(server, 'listening')
    await new Promise((closed) => server.close(closed))
  }

  test('an address that is taken is a StartError that names it', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    onTestFinished(() => void other.close())
    const taken = `127.0.0.1:${(other.address() as AddressInfo).port}`
    const [first, admin] = [await claimPort(), await claimPort()]
    const listen = [{ address: `127.0.0.1:${first.port}` }, { address: taken }]
    const config = configFor(NOWHERE, { listen, admin: { address: `127.0.0.1:${admin.port}` } })
    const error = await createShield(config, QUIET).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(StartError)
    expect(error).toMatchObject({ message: `cannot listen on ${taken}: the port is taken by another program` })
    await isFree(first.port)
    await isFree(admin.port)
  })

  test('a signal that has fired keeps it from starting', async () => {
    const { port } = await claimPort()
    const lines: string[] = []
    const reason = new Error('not any more')
    const starting = createShield(configFor(NOWHERE, { listen: [{ address: `127.0.0.1:${port}` }] }), {
      signal: AbortSignal.abort(reason),
      log: { write: (line) => lines.push(line) },
    })
    await expect(starting).rejects.toBe(reason)
    expect(lines).toEqual([])
    await isFree(port)
  })

  test('a signal that fires while it starts ends it again, listeners and all', async () => {
    const [first, admin] = [await claimPort(), await claimPort()]
    const listen = [{ address: `127.0.0.1:${first.port}` }]
    const config = configFor(NOWHERE, { listen, admin: { address: `127.0.0.1:${admin.port}` } })
    const giveUp = new AbortController()
    const reason = new Error('not any more')
    const messages: string[] = []
    const write = (line: string) => {
      const { msg } = JSON.parse(line)
      messages.push(msg)
      if (msg === 'listening') giveUp.abort(reason)
    }
    await expect(createShield(config, { signal: giveUp.signal, log: { write } })).rejects.toBe(reason)
    expect(messages).toEqual(['admin listening', 'listening', 'draining', 'closed'])
    await isFree(first.port)
    await isFree(admin.port)
  })
})
