import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'
import { configJsonSchema, PUBLISHED_SCHEMA } from '../../src/config/json-schema.ts'
import { readConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/errors.ts'
import { goodWith } from './good.ts'

const CONFIG = resolve(import.meta.dirname, '../../config')
const SPACES_ENVIRONMENT = { DO_SPACEACCESSKEY: 'AK', DO_SPACESECRETKEY: 'SK', DO_SPACESBUCKET: 'media' }
const configFiles = readdirSync(CONFIG).filter((file) => file.endsWith('.yaml'))

interface JsonSchema {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
  readonly additionalProperties?: JsonSchema | boolean
  readonly oneOf?: readonly JsonSchema[]
}

const published: JsonSchema = JSON.parse(readFileSync(PUBLISHED_SCHEMA, 'utf8'))

/**
 * The schema as a validator. zod's reader knows no `oneOf` that only requires, and lets unknown keys pass beside one, so
 * that choice is tested by itself.
 */
function editorSchema(): z.ZodType {
  const schema = JSON.parse(configJsonSchema())
  delete schema.properties.routes.items.oneOf
  return z.fromJSONSchema(schema)
}

/** Every option with its path; `*` stands for any key and any element. */
function optionsOf(schema: JsonSchema, path = ''): { path: string; option: JsonSchema }[] {
  const children = [
    ...Object.entries(schema.properties ?? {}).map(([key, option]) => ({ path: `${path}.${key}`, option })),
    ...(schema.items === undefined ? [] : [{ path: `${path}[*]`, option: schema.items }]),
    ...(typeof schema.additionalProperties === 'object' && Object.keys(schema.additionalProperties).length > 0
      ? [{ path: `${path}.*`, option: schema.additionalProperties }]
      : []),
    ...(schema.oneOf ?? []).map((option) => ({ path: `${path}|`, option })),
  ]
  return children.flatMap((child) => [child, ...optionsOf(child.option, child.path)])
}

describe('the published JSON Schema', () => {
  test('is what the code generates', () => {
    expect(readFileSync(PUBLISHED_SCHEMA, 'utf8')).toBe(configJsonSchema())
  })

  test('has a description for every option', () => {
    const options = optionsOf(published)
    expect(options.length).toBeGreaterThan(60)
    expect(options.filter(({ option }) => !option.description).map(({ path }) => path)).toEqual([])
  })

  test('says every default, and how times and sizes are written', () => {
    const options = optionsOf(published)
    const withDefault = options.filter(({ option }) => option.default !== undefined)
    expect(withDefault.length).toBeGreaterThan(20)
    expect(withDefault.filter(({ option }) => !option.description?.includes('Default: '))).toEqual([])
    const described = JSON.stringify(published)
    expect(described).toContain('A time: 500ms, 30s')
    expect(described).toContain('A size: 64KiB')
  })

  test('accepts a variable wherever a value may be one', () => {
    const schema = editorSchema()
    const variable = `\${X}`
    const paths = [
      'listen[0].address',
      'listen[0].highWaterMark',
      'admin.address',
      'cache.memory',
      'cache.maxObject',
      'log.level',
      'log.access',
      'log.format',
      'origins.spaces.endpoint',
      'origins.spaces.region',
      'origins.spaces.bucket',
      'origins.spaces.forcePathStyle',
      'origins.spaces.keyPrefix',
      'origins.spaces.pool.maxSockets',
      'origins.spaces.pool.idleTimeout',
      'origins.spaces.retry.mode',
      'origins.spaces.retry.deadline',
      'origins.spaces.limits.requestsPerSecond',
      'origins.spaces.breaker.errorRate',
      'origins.spaces.hedge.maxShare',
      'routes[0].match',
      'routes[0].origin',
      'routes[0].failoverOnNotFound',
      'routes[0].stripPrefix',
      'routes[0].ttl',
    ]
    for (const path of paths) {
      expect(schema.safeParse(JSON.parse(goodWith(path, variable))).error, path).toBeUndefined()
    }
  })

  test('accepts a route that passes through', () => {
    const schema = editorSchema()
    const route = { match: '/api/**', passthrough: 'http://127.0.0.1:3000' }
    expect(schema.safeParse(JSON.parse(goodWith('routes[0]', route))).error).toBeUndefined()
  })

  test.each([
    ['listen', []],
    ['cache.memory', '1GB'],
    ['log.access', 'yes'],
    ['log.format', 'xml'],
    ['origins.spaces.pool.maxSockets', 0],
    ['origins.spaces.pool.stallTimeout', 15],
    ['origins.spaces.credentials', { accesKeyId: 'AK' }],
    ['origins.spaces.bucket', undefined],
    ['routes[0].match', 'live'],
    ['routes[0].origin', []],
    ['routes[0].origin', ['spaces', 'spaces']],
    ['routes[0]', { match: '/**', passthrough: 3000 }],
    ['origins.spaces.breaker.errorRate', 0],
    ['origins.spaces.breaker.errorRate', '50%'],
    ['routes[0].tll', '1s'],
    ['routes[0].negativeTtl', { 200: '1s' }],
  ])('marks %s: %j in an editor', (path, value) => {
    const schema = editorSchema()
    expect(schema.safeParse(JSON.parse(goodWith(path, value))).success).toBe(false)
  })
})

test('an editor wants one of origin and passthrough, and not both', () => {
  const { routes } = JSON.parse(configJsonSchema()).properties
  expect(routes.items.oneOf).toEqual([
    { required: ['origin'], description: expect.any(String) },
    { required: ['passthrough'], description: expect.any(String) },
  ])
})

describe('the configurations that come with it', () => {
  test('are all here', () => {
    expect(configFiles).toEqual(expect.arrayContaining(['demo.yaml', 'spaces.yaml']))
  })

  test.each(configFiles)('%s is good, and its editor agrees', async (file) => {
    const text = readFileSync(join(CONFIG, file), 'utf8')
    expect(text).toMatch(/^# yaml-language-server: \$schema=segment-shield\.schema\.json\n/)
    await expect(readConfig(join(CONFIG, file), SPACES_ENVIRONMENT)).resolves.toBeDefined()
    const schema = editorSchema()
    expect(schema.safeParse(parse(text, { stringKeys: true })).error).toBeUndefined()
  })

  test('spaces.yaml is the deployment in San Francisco with 200 sockets', async () => {
    const { origins, routes } = await readConfig(join(CONFIG, 'spaces.yaml'), SPACES_ENVIRONMENT)
    expect(origins).toEqual({
      spaces: {
        type: 's3',
        endpoint: 'https://sfo3.digitaloceanspaces.com',
        region: 'sfo3',
        bucket: 'media',
        credentials: { accessKeyId: 'AK', secretAccessKey: 'SK' },
        forcePathStyle: false,
        keyPrefix: '',
        transport: 'sdk',
        pool: {
          maxSockets: 200,
          maxFreeSockets: 50,
          connectTimeout: 5000,
          responseTimeout: 30_000,
          idleTimeout: 30_000,
          stallTimeout: 15_000,
          acquisitionWarning: 1000,
          maxQueued: 2000,
        },
        retry: { maxAttempts: 3, mode: 'standard', deadline: 10_000 },
        limits: { requestsPerSecond: 1200, queueTimeout: 10_000 },
        breaker: { errorRate: 0.5, minRequests: 20, window: 10_000, openFor: 5000 },
      },
    })
    expect(routes[0]).toMatchObject({ ttl: 1000, negativeTtl: { 404: 1000, 403: 1000 } })
    expect(routes.at(-1)).toMatchObject({ match: '/**', origin: ['spaces'] })
    expect(routes.at(-1)).not.toHaveProperty('ttl')
  })

  test('spaces.yaml names each of its variables that is not set', async () => {
    const error = await readConfig(join(CONFIG, 'spaces.yaml'), {}).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ConfigError)
    expect(String(error).match(/DO_\w+ is not set/g)).toEqual([
      'DO_SPACESBUCKET is not set',
      'DO_SPACEACCESSKEY is not set',
      'DO_SPACESECRETKEY is not set',
    ])
  })

  test('demo.yaml takes its ports from variables', async () => {
    const config = await readConfig(join(CONFIG, 'demo.yaml'), { DEMO_PORT: '0', DEMO_S3_PORT: '4711' })
    expect(config.listen[0]?.address).toBe('127.0.0.1:0')
    expect(Object.values(config.origins)[0]).toMatchObject({ endpoint: 'http://127.0.0.1:4711' })
    const byDefault = await readConfig(join(CONFIG, 'demo.yaml'), {})
    expect(byDefault.listen[0]?.address).toBe('127.0.0.1:8080')
    expect(Object.values(byDefault.origins)[0]).toMatchObject({
      endpoint: 'http://127.0.0.1:9100',
      forcePathStyle: true,
    })
  })
})
