import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../src/config/address.ts'
import { goodWith, load, problemsOf, storeOf } from './good.ts'

const POOL = {
  maxSockets: 200,
  maxFreeSockets: 50,
  connectTimeout: 5000,
  responseTimeout: 30_000,
  idleTimeout: 30_000,
  stallTimeout: 15_000,
  acquisitionWarning: 1000,
  maxQueued: 2000,
}

const LIMITS = { queueTimeout: 10_000 }
const BREAKER = { errorRate: 0.5, minRequests: 20, window: 10_000, openFor: 5000 }

const CLIENT_LIMITS = {
  connections: 50_000,
  perClient: {},
  headerSize: 16_384,
  urlLength: 8192,
  ranges: 16,
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  idleTimeout: 75_000,
  stallTimeout: 60_000,
}

const SECOND = 1000
const DAY = 86_400_000

test('what the file leaves out has its default, in bytes and milliseconds', () => {
  expect(load(goodWith())).toEqual({
    listen: [{ address: '127.0.0.1:8080', highWaterMark: 1_048_576, reusePort: false }],
    trustedProxies: [],
    limits: CLIENT_LIMITS,
    cache: { memory: 1_073_741_824, policy: 'adaptive', maxObject: 8_388_608, slice: 1_048_576 },
    log: { level: 'info', access: true, format: 'json' },
    origins: {
      spaces: {
        type: 's3',
        endpoint: 'https://sfo3.example.com',
        region: 'sfo3',
        bucket: 'media',
        forcePathStyle: false,
        keyPrefix: '',
        transport: 'sdk',
        pool: POOL,
        retry: { maxAttempts: 5, mode: 'standard', deadline: 10_000 },
        limits: LIMITS,
        breaker: BREAKER,
      },
    },
    routes: [
      {
        match: '/**',
        origin: ['spaces'],
        failoverOnNotFound: false,
        stripPrefix: '',
        negativeTtl: { 403: SECOND, 404: SECOND },
        staleWhileRevalidate: 0,
        staleIfError: 3_600_000,
        responseHeaders: {},
      },
    ],
  })
})

test.each(['127.0.0.1:9090', '127.8.9.1:1', '[::1]:9090', '[::ffff:127.0.0.1]:9090', 'localhost:0', 'LOCALHOST:9090'])(
  'an admin listener on %s needs no token, and an empty one is none',
  (address) => {
    expect(load(goodWith('admin', { address })).admin).toEqual({ address })
    expect(load(goodWith('admin', { address, token: '' })).admin?.token).toBeUndefined()
    expect(load(goodWith('admin', { address, token: 'x' })).admin).toEqual({ address, token: 'x' })
  },
)

test('what the file says comes out under the same names', () => {
  const text = `
listen:
  - { address: "[::]:443", highWaterMark: 64KiB }
  - { address: localhost:0 }
trustedProxies: [10.0.0.0/8, "::1"]
admin: { address: 0.0.0.0:9090, token: 0x/+~= }
cache: { memory: 2GiB, policy: lru, maxObject: 16MiB, slice: 2MiB }
log: { level: debug, access: false, format: pretty }
origins:
  one:
    type: s3
    endpoint: HTTP://127.0.0.1:9000/
    region: us-east-1
    bucket: my.bucket_1
    credentials: { accessKeyId: AK, secretAccessKey: SK, sessionToken: ST }
    forcePathStyle: true
    keyPrefix: live/
    transport: undici
    pool:
      maxSockets: 7
      maxFreeSockets: 3
      connectTimeout: 1s
      responseTimeout: 2s
      idleTimeout: 3s
      stallTimeout: 4s
      acquisitionWarning: 500ms
      maxQueued: 0
    retry: { maxAttempts: 1, mode: standard, deadline: 4s }
    limits: { requestsPerSecond: 50, queueTimeout: 2s }
    breaker: { errorRate: 0.25, minRequests: 5, window: 1m, openFor: 1s }
    hedge: { after: 500ms, maxShare: 0.1 }
  two: { type: s3, endpoint: https://b.example, region: r, bucket: b, credentials: { anonymous: true } }
routes:
  - match: /live/{a,b}/**/*.m3u8
    origin: [one, two]
    failoverOnNotFound: true
    stripPrefix: /live
    ttl: 0
    defaultTtl: 14d
    negativeTtl: { 404: 500ms, 410: 1h }
    staleWhileRevalidate: 5s
    staleIfError: 2h
    query: { include: [_HLS_msn, v] }
    responseHeaders: { X-Content-Type-Options: nosniff, Empty: "" }
  - { match: /**, origin: two, negativeTtl: {}, query: { include: [] } }
`
  expect(load(text)).toEqual({
    limits: CLIENT_LIMITS,
    listen: [
      { address: '[::]:443', highWaterMark: 65_536, reusePort: false },
      { address: 'localhost:0', highWaterMark: 1_048_576, reusePort: false },
    ],
    trustedProxies: ['10.0.0.0/8', '::1'],
    admin: { address: '0.0.0.0:9090', token: '0x/+~=' },
    cache: { memory: 2_147_483_648, policy: 'lru', maxObject: 16_777_216, slice: 2_097_152 },
    log: { level: 'debug', access: false, format: 'pretty' },
    origins: {
      one: {
        type: 's3',
        endpoint: 'http://127.0.0.1:9000',
        region: 'us-east-1',
        bucket: 'my.bucket_1',
        credentials: { accessKeyId: 'AK', secretAccessKey: 'SK', sessionToken: 'ST' },
        forcePathStyle: true,
        keyPrefix: 'live/',
        transport: 'undici',
        pool: {
          maxSockets: 7,
          maxFreeSockets: 3,
          connectTimeout: 1000,
          responseTimeout: 2000,
          idleTimeout: 3000,
          stallTimeout: 4000,
          acquisitionWarning: 500,
          maxQueued: 0,
        },
        retry: { maxAttempts: 1, mode: 'standard', deadline: 4000 },
        limits: { requestsPerSecond: 50, queueTimeout: 2000 },
        breaker: { errorRate: 0.25, minRequests: 5, window: 60_000, openFor: 1000 },
        hedge: { after: 500, maxShare: 0.1 },
      },
      two: {
        type: 's3',
        endpoint: 'https://b.example',
        region: 'r',
        bucket: 'b',
        credentials: { anonymous: true },
        forcePathStyle: false,
        keyPrefix: '',
        transport: 'sdk',
        pool: POOL,
        retry: { maxAttempts: 5, mode: 'standard', deadline: 10_000 },
        limits: LIMITS,
        breaker: BREAKER,
      },
    },
    routes: [
      {
        match: '/live/{a,b}/**/*.m3u8',
        origin: ['one', 'two'],
        failoverOnNotFound: true,
        stripPrefix: '/live',
        ttl: 0,
        defaultTtl: 14 * DAY,
        negativeTtl: { 404: 500, 410: 3_600_000 },
        staleWhileRevalidate: 5 * SECOND,
        staleIfError: 7_200_000,
        query: { include: ['_HLS_msn', 'v'] },
        responseHeaders: { 'X-Content-Type-Options': 'nosniff', Empty: '' },
      },
      {
        match: '/**',
        origin: ['two'],
        failoverOnNotFound: false,
        stripPrefix: '',
        negativeTtl: {},
        staleWhileRevalidate: 0,
        staleIfError: 3_600_000,
        query: { include: [] },
        responseHeaders: {},
      },
    ],
  })
})

describe('defaults that follow another option', () => {
  test.each([
    [{ maxSockets: 10 }, 10],
    [{ maxSockets: 50 }, 50],
    [{ maxSockets: 1000 }, 50],
    [{ maxSockets: 10, maxFreeSockets: 0 }, 0],
    [{ maxSockets: 300, maxFreeSockets: 300 }, 300],
  ])('of a pool %j at most %i sockets stay free', (pool, maxFreeSockets) => {
    expect(load(goodWith('origins.spaces.pool', pool)).origins['spaces']?.pool.maxFreeSockets).toBe(maxFreeSockets)
  })

  test('the largest object is never larger than the memory unless the file says so', () => {
    expect(load(goodWith('cache', { memory: '2MiB' })).cache).toEqual({
      memory: 2_097_152,
      policy: 'adaptive',
      maxObject: 2_097_152,
      slice: 262_144,
    })
  })
})

describe('requests a second', () => {
  const rateAt = (endpoint: string, limits?: unknown) => {
    const tree = JSON.parse(goodWith('origins.spaces.endpoint', endpoint))
    return load(JSON.stringify({ ...tree, origins: { spaces: { ...tree.origins.spaces, limits } } })).origins['spaces']
      ?.limits.requestsPerSecond
  }

  test('are 1200 at Spaces, whichever the data centre', () => {
    expect(rateAt('https://sfo3.digitaloceanspaces.com')).toBe(1200)
    expect(rateAt('https://NYC3.DigitalOceanSpaces.com/')).toBe(1200)
  })

  test('are not limited at any other store, whatever its name resembles', () => {
    expect(rateAt('https://s3.example.com')).toBeUndefined()
    expect(rateAt('https://digitaloceanspaces.com.example.com')).toBeUndefined()
    expect(rateAt('https://notdigitaloceanspaces.com')).toBeUndefined()
  })

  test('are what the file says wherever it says something', () => {
    expect(rateAt('https://sfo3.digitaloceanspaces.com', { requestsPerSecond: 400 })).toBe(400)
    expect(rateAt('https://sfo3.digitaloceanspaces.com', { queueTimeout: '1s' })).toBe(1200)
    expect(rateAt('https://s3.example.com', { requestsPerSecond: 400 })).toBe(400)
  })
})

test('a route that passes through has an address and its fields, and nothing about objects', () => {
  const route = { match: '/api/**', passthrough: 'http://EXAMPLE.com:80/' }
  expect(load(goodWith('routes[0]', route)).routes).toEqual([
    { match: '/api/**', passthrough: 'http://example.com', responseHeaders: {} },
  ])
})

describe('hedging', () => {
  test.each([
    [{ after: '1s' }, { after: 1000, maxShare: 0.05 }],
    [{ percentile: 99.5 }, { percentile: 99.5, maxShare: 0.05 }],
    [
      { percentile: '95', maxShare: '0.5' },
      { percentile: 95, maxShare: 0.5 },
    ],
  ])('%j is %j', (written, hedge) => {
    expect(load(goodWith('origins.spaces.hedge', written)).origins['spaces']?.hedge).toEqual(hedge)
  })
})

describe('an http origin', () => {
  const originOf = (written: Record<string, unknown>) =>
    load(goodWith('origins.packager', { type: 'http', url: 'http://127.0.0.1:9000', ...written })).origins['packager']

  test('needs no more than its address', () => {
    expect(originOf({ url: 'http://Packager.example:80/' })).toEqual({
      type: 'http',
      url: 'http://packager.example',
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
      retry: { maxAttempts: 5, deadline: 10_000 },
      limits: { queueTimeout: 10_000 },
      breaker: { errorRate: 0.5, minRequests: 20, window: 10_000, openFor: 5000 },
    })
  })

  test('takes everything else an s3 origin takes', () => {
    const rules = { pool: { maxSockets: 7 }, retry: { maxAttempts: 2 }, breaker: { minRequests: 3 } }
    expect(originOf({ ...rules, hedge: { after: '1s' }, limits: { requestsPerSecond: 9 } })).toMatchObject({
      ...rules,
      hedge: { after: 1000, maxShare: 0.05 },
      limits: { requestsPerSecond: 9 },
    })
  })

  test('in front of Spaces keeps to what Spaces allows a client', () => {
    const origin = originOf({ url: 'https://media.sfo3.digitaloceanspaces.com' })
    expect(origin?.limits.requestsPerSecond).toBe(1200)
  })
})

describe('credentials', () => {
  const credentialsOf = (written: unknown) => storeOf(load(goodWith('origins.spaces.credentials', written))).credentials

  test('keys come out as keys, and an empty session token as none', () => {
    const keys = { accessKeyId: 'AK', secretAccessKey: 'SK' }
    expect(credentialsOf(keys)).toEqual(keys)
    expect(credentialsOf({ ...keys, sessionToken: '' })).toEqual(keys)
    expect(credentialsOf({ ...keys, anonymous: false })).toEqual(keys)
  })

  test('anonymous is said outright', () => {
    expect(credentialsOf({ anonymous: true })).toEqual({ anonymous: true })
  })

  test('without them the SDK looks for its own', () => {
    expect(load(goodWith()).origins['spaces']).not.toHaveProperty('credentials')
  })
})

describe('addresses', () => {
  test.each([
    ['0.0.0.0:8080', { host: '0.0.0.0', port: 8080 }],
    ['[::1]:0', { host: '::1', port: 0 }],
    ['shield.example.com:65535', { host: 'shield.example.com', port: 65_535 }],
  ])('%s is taken apart', (address, parts) => {
    expect(load(goodWith('listen[0].address', address)).listen[0]?.address).toBe(address)
    expect(parseAddress(address)).toEqual(parts)
  })

  test('what is no address is not taken apart', () => {
    expect(parseAddress('nowhere')).toBeUndefined()
  })

  test('port 0 may be there twice, since it is another port each time', () => {
    expect(problemsOf(goodWith('listen[1]', { address: '127.0.0.1:0' }))).toEqual([])
    const twice = [{ address: '127.0.0.1:0' }, { address: '127.0.0.1:0' }]
    expect(problemsOf(goodWith('listen', twice))).toEqual([])
  })
})

test('the result is frozen all the way down', () => {
  const unfrozen: string[] = []
  const visit = (value: unknown, path: string) => {
    if (typeof value !== 'object' || value === null) return
    if (!Object.isFrozen(value)) unfrozen.push(path)
    for (const [key, child] of Object.entries(value)) visit(child, `${path}.${key}`)
  }
  const config = load(goodWith('routes[0].query', { include: ['v'] }))
  visit(config, 'config')
  expect(unfrozen).toEqual([])
  expect(() => Object.assign(config.cache, { memory: 1 })).toThrow(TypeError)
})

test('one certificate is a list of one, and several stay in their order', () => {
  const [first, second] = [
    { cert: 'a.pem', key: 'a.key' },
    { cert: 'b.pem', key: 'b.key', hsts: '365d' },
  ]
  const read = { ...second, hsts: 365 * 86_400_000 }
  expect(load(goodWith('listen[0].tls', second)).listen[0]?.tls).toEqual([read])
  expect(load(goodWith('listen[0].tls', [first, second])).listen[0]?.tls).toEqual([first, read])
})
