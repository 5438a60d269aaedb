import { describe, expect, test } from 'vitest'
import { goodWith, problemsOf } from './good.ts'

const NO_TIME = 'expected a time with its unit, such as 500ms, 30s, 10m, 1h or 14d'
const NO_SIZE = 'expected a size such as 64KiB, 4MiB or 1GiB'
const NO_ADDRESS = 'expected host:port, such as 0.0.0.0:8080 or [::]:8080'
const NO_TOKEN = 'expected a token, since admin.address is not loopback'
const NO_PAIRS = 'expected a certificate and a key, or a list of such pairs'
const NO_PORT = 'expected a port from 0 to 65535 after the colon'
const NO_URL = 'expected an http or https URL, such as https://sfo3.digitaloceanspaces.com'
const HTTP = { type: 'http', url: 'http://x' }
const BARE_URL = 'expected a URL without path, query or fragment'
const TIMER = 'expected a time from 1ms to 24d'
const SHARE = 'expected a number above 0 and up to 1'
const POOL = 'origins.spaces.pool'
const S3 = 'origins.spaces'

/** path, what stands there, and the whole of what is said about it. */
const WRONG: readonly (readonly [path: string, value: unknown, problem: string])[] = [
  ['listen', [], 'listen: expected at least one listener, got an empty list'],
  ['listen', 'x', 'listen: expected a list of listeners, got "x"'],
  ['listen', undefined, 'listen: expected a list of listeners, got nothing'],
  ['listen[0]', '0.0.0.0:80', 'listen[0]: expected a mapping, got "0.0.0.0:80"'],
  ['listen[0]', {}, 'listen[0].address: expected a string, got nothing'],
  ['listen[0].address', 8080, 'listen[0].address: expected a string, got 8080'],
  ['listen[0].address', ':8080', `listen[0].address: ${NO_ADDRESS}, got ":8080"`],
  ['listen[0].address', 'localhost', `listen[0].address: ${NO_ADDRESS}, got "localhost"`],
  ['listen[0].address', '::1:80', `listen[0].address: ${NO_ADDRESS}, got "::1:80"`],
  ['listen[0].address', '[::g]:80', `listen[0].address: ${NO_ADDRESS}, got "[::g]:80"`],
  ['listen[0].address', '300.1.1.1:80', `listen[0].address: ${NO_ADDRESS}, got "300.1.1.1:80"`],
  ['listen[0].address', 'a b:80', `listen[0].address: ${NO_ADDRESS}, got "a b:80"`],
  ['listen[0].address', '0.0.0.0:', `listen[0].address: ${NO_PORT}, got "0.0.0.0:"`],
  ['listen[0].address', '0.0.0.0:65536', `listen[0].address: ${NO_PORT}, got "0.0.0.0:65536"`],
  ['listen[0].address', '0.0.0.0:-1', `listen[0].address: ${NO_PORT}, got "0.0.0.0:-1"`],
  ['listen[0].address', '0.0.0.0:http', `listen[0].address: ${NO_PORT}, got "0.0.0.0:http"`],
  ['listen[0].address', '0.0.0.0:80\n', `listen[0].address: ${NO_PORT}, got "0.0.0.0:80\\n"`],
  ['listen[1]', { address: '127.0.0.1:8080' }, 'listen[1].address: is the address of another listener'],
  ['listen[0].highWaterMark', '1MB', `listen[0].highWaterMark: ${NO_SIZE}, got "1MB"`],
  ['listen[0].highWaterMark', 0, 'listen[0].highWaterMark: expected a size from 1B, got 0'],
  ['listen[0].highWaterMark', true, `listen[0].highWaterMark: ${NO_SIZE}, got true`],
  ['listen[0].tls', null, `listen[0].tls: ${NO_PAIRS}, got nothing`],
  ['listen[0].tls', 'cert.pem', `listen[0].tls: ${NO_PAIRS}, got "cert.pem"`],
  ['listen[0].tls', [], `listen[0].tls: ${NO_PAIRS}, got an empty list`],
  ['listen[0].tls', { cert: 'a' }, 'listen[0].tls.key: expected a string, got nothing'],
  ['listen[0].tls', { cert: '', key: 'b' }, 'listen[0].tls.cert: expected a string that is not empty, got ""'],
  ['listen[0].tls', { cert: 'a', key: 'b', hts: '1d' }, 'listen[0].tls.hts: unknown key, did you mean "hsts"?'],
  ['listen[0].tls', { cert: 'a', key: 'b', hsts: 'ever' }, `listen[0].tls.hsts: ${NO_TIME}, got "ever"`],
  ['listen[0].tls', [{ cert: 'a', key: 'b' }, { key: 'b' }], 'listen[0].tls[1].cert: expected a string, got nothing'],
  ['admin', null, 'admin: expected a mapping, got nothing'],
  ['admin', {}, 'admin.address: expected a string, got nothing'],
  ['admin', { address: '9090' }, `admin.address: ${NO_ADDRESS}, got "9090"`],
  ['admin', { address: '127.0.0.1:8080' }, 'admin.address: is the address of a public listener'],
  ['admin', { address: '127.0.0.1:9090', tokn: 'x' }, 'admin.tokn: unknown key, did you mean "token"?'],
  ...[
    '0.0.0.0:9090',
    '[::]:9090',
    '10.0.0.1:0',
    'shield.example:9090',
    '[::ffff:10.0.0.1]:9090',
    'localhost.x:9090',
  ].map((address) => ['admin', { address }, `admin.token: ${NO_TOKEN}, got nothing`] as const),
  ['admin', { address: '0.0.0.0:9090', token: '' }, `admin.token: ${NO_TOKEN}, got ""`],
  [
    'admin',
    { address: '127.0.0.1:9090', token: 4711 },
    'admin.token: expected a string, got a number that is not shown',
  ],
  ...['two words', 'tab\t', 'line\n', 'schlüssel', '\u0000'].map(
    (token) =>
      [
        'admin',
        { address: '0.0.0.0:9090', token },
        'admin.token: expected letters, digits and signs of ASCII without spaces, got a string that is not shown',
      ] as const,
  ),
  ['cache', 'big', 'cache: expected a mapping, got "big"'],
  ['cache', null, 'cache: expected a mapping, got nothing'],
  ['cache', [], 'cache: expected a mapping, got an empty list'],
  ['cache.memory', '1 GiB', `cache.memory: ${NO_SIZE}, got "1 GiB"`],
  ['cache.memory', -5, `cache.memory: ${NO_SIZE}, got -5`],
  ['cache.memory', 1.5, `cache.memory: ${NO_SIZE}, got 1.5`],
  ['cache.maxObject', {}, `cache.maxObject: ${NO_SIZE}, got an empty mapping`],
  ['cache.maxObject', '0MiB', 'cache.maxObject: expected a size from 1B, got "0MiB"'],
  ['cache.policy', 'lfu', 'cache.policy: expected adaptive or lru, got "lfu"'],
  ['cache.policy', ['lru'], 'cache.policy: expected adaptive or lru, got a list'],
  ['cache.maxObject', '2GiB', 'cache.maxObject: expected no more than cache.memory, got "2GiB"'],
  ['cache.slice', '9MiB', 'cache.slice: expected no more than cache.maxObject, got "9MiB"'],
  ['cache.slice', '0B', 'cache.slice: expected a size from 1B, got "0B"'],
  ['log', 'info', 'log: expected a mapping, got "info"'],
  ['log.level', 'loud', 'log.level: expected trace, debug, info, warn, error, fatal or silent, got "loud"'],
  ['log.access', 'yes', 'log.access: expected true or false, got "yes"'],
  ['log.access', 1, 'log.access: expected true or false, got 1'],
  ['log.sample', 0, `log.sample: ${SHARE}, got 0`],
  ['log.sample', 1.5, `log.sample: ${SHARE}, got 1.5`],
  ['log', { access: false, sample: 0.1 }, 'log.sample: has no meaning where access is false'],
  ['log.format', 'JSON', 'log.format: expected json or pretty, got "JSON"'],
  ['origins', [], 'origins: expected a mapping, got an empty list'],
  ['origins', {}, 'origins: expected at least one origin, got an empty mapping'],
  ['origins.spaces', 'x', 'origins.spaces: expected a mapping, got "x"'],
  ['origins.other', {}, 'origins.other.type: expected s3 or http, got nothing'],
  ['origins.other', { type: 'gcs' }, 'origins.other.type: expected s3 or http, got "gcs"'],
  ['origins.other', { type: 'http' }, 'origins.other.url: expected a string, got nothing'],
  [
    'origins.other',
    { type: 'http', url: 'ftp://x' },
    `origins.other.url: expected an http or https URL, such as http://127.0.0.1:9000, got "ftp://x"`,
  ],
  ['origins.other', { type: 'http', url: 'http://x/base' }, `origins.other.url: ${BARE_URL}, got "http://x/base"`],
  ['origins.other', { ...HTTP, bucket: 'b' }, 'origins.other.bucket: unknown key'],
  ['origins.other', { ...HTTP, retry: { mode: 'standard' } }, 'origins.other.retry.mode: unknown key'],
  [
    'origins.other',
    { ...HTTP, retry: { deadline: '1s' }, hedge: { after: '1s' } },
    'origins.other.hedge.after: expected less than retry.deadline, got "1s"',
  ],
  [`${S3}.endpoint`, undefined, `${S3}.endpoint: expected a string, got nothing`],
  [`${S3}.endpoint`, 'sfo3.example.com', `${S3}.endpoint: ${NO_URL}, got "sfo3.example.com"`],
  [`${S3}.endpoint`, 'ftp://x', `${S3}.endpoint: ${NO_URL}, got "ftp://x"`],
  [`${S3}.endpoint`, 'https://', `${S3}.endpoint: ${NO_URL}, got "https://"`],
  [`${S3}.endpoint`, 'https://x:99999', `${S3}.endpoint: ${NO_URL}, got "https://x:99999"`],
  [`${S3}.endpoint`, ' https://x', `${S3}.endpoint: ${NO_URL}, got " https://x"`],
  [`${S3}.endpoint`, 'https://x/bucket', `${S3}.endpoint: ${BARE_URL}, got "https://x/bucket"`],
  [`${S3}.endpoint`, 'https://x?y', `${S3}.endpoint: ${BARE_URL}, got a string that is not shown`],
  [`${S3}.endpoint`, 'https://x#', `${S3}.endpoint: ${BARE_URL}, got a string that is not shown`],
  [`${S3}.endpoint`, 'https://user:pw@x', `${S3}.endpoint: credentials do not belong in the URL`],
  [`${S3}.region`, '', `${S3}.region: expected a region, such as sfo3, got ""`],
  [`${S3}.region`, 3, `${S3}.region: expected a string, got 3`],
  [`${S3}.bucket`, '', `${S3}.bucket: expected the name of a bucket, got ""`],
  [`${S3}.bucket`, 'a/b', `${S3}.bucket: expected the name of a bucket, got "a/b"`],
  [`${S3}.bucket`, 12, `${S3}.bucket: expected a string, got 12`],
  [`${S3}.credentials`, null, `${S3}.credentials: expected a mapping, got nothing`],
  [
    `${S3}.credentials.anonymous`,
    'maybe',
    `${S3}.credentials.anonymous: expected true or false, got a string that is not shown`,
  ],
  [`${S3}.credentials`, { secretAccessKey: 'SK' }, `${S3}.credentials.accessKeyId: expected a string, got nothing`],
  [`${S3}.credentials`, { accessKeyId: 'AK' }, `${S3}.credentials.secretAccessKey: expected a string, got nothing`],
  [
    `${S3}.credentials`,
    { accessKeyId: '', secretAccessKey: 'SK' },
    `${S3}.credentials.accessKeyId: expected a string that is not empty, got ""`,
  ],
  [
    `${S3}.credentials`,
    { anonymous: true, sessionToken: 'x' },
    `${S3}.credentials.sessionToken: has no meaning beside anonymous: true`,
  ],
  [`${S3}.forcePathStyle`, 'on', `${S3}.forcePathStyle: expected true or false, got "on"`],
  [`${S3}.keyPrefix`, 7, `${S3}.keyPrefix: expected a string, got 7`],
  [`${S3}.keyPrefix`, null, `${S3}.keyPrefix: expected a string, got nothing`],
  [`${S3}.transport`, 'fetch', `${S3}.transport: expected sdk or undici, got "fetch"`],
  ['origins.other', { ...HTTP, transport: 'undici' }, 'origins.other.transport: unknown key'],
  [POOL, 200, `${POOL}: expected a mapping, got 200`],
  [`${POOL}.maxSockets`, 'many', `${POOL}.maxSockets: expected a whole number from 1, got "many"`],
  [`${POOL}.maxSockets`, 0, `${POOL}.maxSockets: expected a whole number from 1, got 0`],
  [`${POOL}.maxSockets`, 2.5, `${POOL}.maxSockets: expected a whole number from 1, got 2.5`],
  [`${POOL}.maxSockets`, '2e3', `${POOL}.maxSockets: expected a whole number from 1, got "2e3"`],
  [`${POOL}.maxSockets`, '', `${POOL}.maxSockets: expected a whole number from 1, got ""`],
  [`${POOL}.maxSockets`, 1e300, `${POOL}.maxSockets: expected a whole number from 1, got 1e+300`],
  [`${POOL}.maxFreeSockets`, -1, `${POOL}.maxFreeSockets: expected a whole number from 0, got -1`],
  [`${POOL}.maxFreeSockets`, 201, `${POOL}.maxFreeSockets: expected no more than maxSockets, got 201`],
  [`${POOL}.connectTimeout`, 5, `${POOL}.connectTimeout: ${NO_TIME}, got 5`],
  [`${POOL}.connectTimeout`, '0s', `${POOL}.connectTimeout: ${TIMER}, got "0s"`],
  [`${POOL}.responseTimeout`, '25d', `${POOL}.responseTimeout: ${TIMER}, got "25d"`],
  [`${POOL}.idleTimeout`, '30', `${POOL}.idleTimeout: ${NO_TIME}, got "30"`],
  [`${POOL}.stallTimeout`, false, `${POOL}.stallTimeout: ${NO_TIME}, got false`],
  [`${POOL}.acquisitionWarning`, '1sec', `${POOL}.acquisitionWarning: ${NO_TIME}, got "1sec"`],
  [`${POOL}.maxQueued`, '-1', `${POOL}.maxQueued: expected a whole number from 0, got "-1"`],
  [`${S3}.retry`, 3, `${S3}.retry: expected a mapping, got 3`],
  [`${S3}.retry.maxAttempts`, 0, `${S3}.retry.maxAttempts: expected a whole number from 1, got 0`],
  [`${S3}.retry.mode`, 'legacy', `${S3}.retry.mode: expected standard or adaptive, got "legacy"`],
  [`${S3}.retry.deadline`, 0, `${S3}.retry.deadline: ${TIMER}, got 0`],
  [`${S3}.limits`, 1200, `${S3}.limits: expected a mapping, got 1200`],
  [`${S3}.limits.requestsPerSecond`, 0, `${S3}.limits.requestsPerSecond: expected a whole number from 1, got 0`],
  [`${S3}.limits.queueTimeout`, 10, `${S3}.limits.queueTimeout: ${NO_TIME}, got 10`],
  [`${S3}.breaker`, false, `${S3}.breaker: expected a mapping, got false`],
  [`${S3}.breaker.errorRate`, 0, `${S3}.breaker.errorRate: ${SHARE}, got 0`],
  [`${S3}.breaker.errorRate`, 1.1, `${S3}.breaker.errorRate: ${SHARE}, got 1.1`],
  [`${S3}.breaker.errorRate`, '50%', `${S3}.breaker.errorRate: ${SHARE}, got "50%"`],
  [`${S3}.breaker.minRequests`, 0, `${S3}.breaker.minRequests: expected a whole number from 1, got 0`],
  [`${S3}.breaker.window`, '0s', `${S3}.breaker.window: ${TIMER}, got "0s"`],
  [`${S3}.breaker.openFor`, 5, `${S3}.breaker.openFor: ${NO_TIME}, got 5`],
  [`${S3}.hedge`, {}, `${S3}.hedge.after: expected a time, or percentile beside it, got nothing`],
  [`${S3}.hedge`, { after: '1s', percentile: 95 }, `${S3}.hedge.percentile: has no meaning beside after`],
  [`${S3}.hedge`, { after: '10s' }, `${S3}.hedge.after: expected less than retry.deadline, got "10s"`],
  [`${S3}.hedge`, { percentile: 101 }, `${S3}.hedge.percentile: expected a number above 0 and up to 100, got 101`],
  [`${S3}.hedge`, { percentile: 95, maxShare: 0 }, `${S3}.hedge.maxShare: ${SHARE}, got 0`],
  ['routes', [], 'routes: expected at least one route, got an empty list'],
  ['routes', { match: '/**' }, 'routes: expected a list of routes, got a mapping'],
  ['routes[0]', 3, 'routes[0]: expected a mapping, got 3'],
  ['routes[0].match', undefined, 'routes[0].match: expected a string, got nothing'],
  ['routes[0].match', '*.ts', 'routes[0].match: expected a path pattern that begins with "/", got "*.ts"'],
  ['routes[0].match', '/{a', 'routes[0].match: expected a path pattern: "{" without "}", got "/{a"'],
  ['routes[0].match', '/a}', 'routes[0].match: expected a path pattern: "}" without "{" at 3, got "/a}"'],
  [
    'routes[0].match',
    '/{a,{b}}',
    'routes[0].match: expected a path pattern: alternatives inside alternatives at 5, got "/{a,{b}}"',
  ],
  ['routes[0].origin', undefined, 'routes[0].origin: expected the name of an origin, got nothing'],
  ['routes[0].origin', '', 'routes[0].origin: expected the name of an origin, got ""'],
  ['routes[0].origin', 'spces', 'routes[0].origin: expected the name of an origin (spaces), got "spces"'],
  ['routes[0].origin', 'constructor', 'routes[0].origin: expected the name of an origin (spaces), got "constructor"'],
  ['routes[0].origin', [], 'routes[0].origin: expected the name of an origin, or of several, got an empty list'],
  ['routes[0].origin', ['spaces', 7], 'routes[0].origin: expected the name of an origin, got a list'],
  ['routes[0].origin', ['spaces', 'spaces'], 'routes[0].origin: names an origin twice'],
  ['routes[0].origin', ['spaces', 'nyc3'], 'routes[0].origin: names "nyc3", which is no origin (spaces)'],
  ['routes[0].failoverOnNotFound', true, 'routes[0].failoverOnNotFound: has no meaning with one origin'],
  ['limits.connections', 0, 'limits.connections: expected a whole number from 1, got 0'],
  ['limits.headersTimeout', '0s', 'limits.headersTimeout: expected a time from 1ms to 24d, got "0s"'],
  ['limits.perClient.burst', 5, 'limits.perClient.burst: has no meaning without requestsPerSecond'],
  [
    'limits.perClient.requestsPerSecond',
    0,
    'limits.perClient.requestsPerSecond: expected a number above 0 and up to 1000000, got 0',
  ],
  ['routes[0].compression', 'gzip', 'routes[0].compression: expected true or false, got "gzip"'],
  ['routes[0].failoverOnNotFound', 'yes', 'routes[0].failoverOnNotFound: expected true or false, got "yes"'],
  ['routes[0].stripPrefix', 'media', 'routes[0].stripPrefix: expected a path that begins with "/", got "media"'],
  ['routes[0].ttl', '1 s', `routes[0].ttl: ${NO_TIME}, got "1 s"`],
  ['routes[0].ttl', null, `routes[0].ttl: ${NO_TIME}, got nothing`],
  ['routes[0].defaultTtl', 60, `routes[0].defaultTtl: ${NO_TIME}, got 60`],
  ['routes[0].negativeTtl', '1s', 'routes[0].negativeTtl: expected a mapping, got "1s"'],
  ['routes[0].negativeTtl', { 404: 1 }, `routes[0].negativeTtl.404: ${NO_TIME}, got 1`],
  ['routes[0].negativeTtl', { 200: '1s' }, 'routes[0].negativeTtl.200: is no status from 400 to 599'],
  ['routes[0].negativeTtl', { '4xx': '1s' }, 'routes[0].negativeTtl.4xx: is no status from 400 to 599'],
  ['routes[0].query', {}, 'routes[0].query.include: expected a list of parameter names, got nothing'],
  ['routes[0].query', { include: 'v' }, 'routes[0].query.include: expected a list of parameter names, got "v"'],
  ['routes[0].query', { include: [''] }, 'routes[0].query.include[0]: expected a string that is not empty, got ""'],
  ['routes[0].responseHeaders', ['a'], 'routes[0].responseHeaders: expected a mapping, got a list'],
  ['routes[0].responseHeaders', { 'a b': 'x' }, 'routes[0].responseHeaders["a b"]: is no name of a header field'],
  ['routes[0].responseHeaders', { '': 'x' }, 'routes[0].responseHeaders[""]: is no name of a header field'],
  [
    'routes[0].responseHeaders',
    { X: 'a\r\nSet-Cookie: b' },
    'routes[0].responseHeaders.X: expected the value of a header field, on one line, got a string that is not shown',
  ],
  [
    'routes[0].responseHeaders',
    { X: 1 },
    'routes[0].responseHeaders.X: expected a string, got a number that is not shown',
  ],
  ['routes[0].responseHeaders', { 'X-A': '1', 'x-a': '2' }, 'routes[0].responseHeaders.x-a: is there twice'],
  ...['Content-Length', 'transfer-encoding', 'Connection', 'Keep-Alive', 'TE', 'Trailer', 'Upgrade'].map(
    (name) =>
      [
        'routes[0].responseHeaders',
        { [name]: 'x' },
        `routes[0].responseHeaders.${name}: frames the message and cannot be set`,
      ] as const,
  ),
  ...['ETag', 'Age', 'Date', 'Content-Range', 'Cache-Status'].map(
    (name) =>
      [
        'routes[0].responseHeaders',
        { [name]: 'x' },
        `routes[0].responseHeaders.${name}: is set by segment-shield itself`,
      ] as const,
  ),
  [
    'routes[0].staleWhileRevalidate',
    'soon',
    'routes[0].staleWhileRevalidate: expected a time with its unit, such as 500ms, 30s, 10m, 1h or 14d, got "soon"',
  ],
  [
    'routes[0].staleIfError',
    -1,
    'routes[0].staleIfError: expected a time with its unit, such as 500ms, 30s, 10m, 1h or 14d, got -1',
  ],
  ['trustedProxies', '10.0.0.0/8', 'trustedProxies: expected a list of addresses and networks, got "10.0.0.0/8"'],
  [
    'trustedProxies',
    ['10.0.0.0/33'],
    'trustedProxies[0]: expected an address or a network, such as 10.0.0.0/8 or ::1, got "10.0.0.0/33"',
  ],
  [
    'routes[0].methods',
    ['GET', 'HEAD', 'POST'],
    'routes[0].methods: has no meaning with an s3 origin, which sees nothing of the request',
  ],
  [
    'routes[0].requestCacheControl',
    'honour',
    'routes[0].requestCacheControl: has no meaning with an s3 origin, which sees nothing of the request',
  ],
  [
    'routes[0].access',
    {},
    'routes[0].access: expected at least one of tokens, networks, referers and secretHeader, got an empty mapping',
  ],
  ['routes[0].serverTiming', 'on', 'routes[0].serverTiming: expected true or false, got "on"'],
  [
    'routes[0].query',
    { include: ['v', 'CMCD'] },
    'routes[0].query.include[1]: is about the player, and never part of the key',
  ],
]

test('the good configuration has no problems', () => {
  expect(problemsOf(goodWith())).toEqual([])
})

test.each(WRONG)('%s: %j is one problem with a path', (path, value, problem) => {
  expect(problemsOf(goodWith(path, value))).toEqual([problem])
})

describe('a route that passes through', () => {
  const problemsWith = (options: object) => problemsOf(goodWith('routes[1]', { match: '/api/**', ...options }))
  const passthrough = 'http://127.0.0.1:3000'

  test('needs nothing but the address of its server', () => {
    expect(problemsWith({ passthrough })).toEqual([])
    expect(problemsWith({ passthrough: 'https://[::1]', responseHeaders: { X: 'y' } })).toEqual([])
  })

  test.each([
    ['origin', 'spaces'],
    ['ttl', '1s'],
    ['defaultTtl', '1s'],
    ['negativeTtl', { 404: '1s', 403: '1s' }],
    ['query', { include: ['v'] }],
    ['stripPrefix', ''],
    ['serverTiming', false],
  ])('has no use for %s, even where it is what it would be anyway', (name, value) => {
    expect(problemsWith({ passthrough, [name]: value })).toEqual([
      `routes[1].${name}: has no meaning beside passthrough`,
    ])
  })

  test('is told of all of them at once', () => {
    expect(problemsWith({ passthrough, ttl: '1s', origin: 'spaces' })).toEqual([
      'routes[1].origin: has no meaning beside passthrough',
      'routes[1].ttl: has no meaning beside passthrough',
    ])
  })

  test.each([
    [3000, 'expected a string, got 3000'],
    ['', 'expected an http or https URL, such as http://127.0.0.1:3000, got ""'],
    ['127.0.0.1:3000', 'expected an http or https URL, such as http://127.0.0.1:3000, got "127.0.0.1:3000"'],
    ['ws://127.0.0.1', 'expected an http or https URL, such as http://127.0.0.1:3000, got "ws://127.0.0.1"'],
    ['http://127.0.0.1:3000/base', 'expected a URL without path, query or fragment, got "http://127.0.0.1:3000/base"'],
    ['http://127.0.0.1?q', 'expected a URL without path, query or fragment, got a string that is not shown'],
    ['http://me:secret@127.0.0.1', 'credentials do not belong in the URL'],
  ])('goes to a server, not to %j', (target, problem) => {
    expect(problemsWith({ passthrough: target })).toEqual([`routes[1].passthrough: ${problem}`])
  })
})

describe('unknown keys', () => {
  test.each([
    ['lisen', 'lisen: unknown key, did you mean "listen"?'],
    ['Cache', 'Cache: unknown key, did you mean "cache"?'],
    ['backend', 'backend: unknown key'],
    ['cache.maxobject', 'cache.maxobject: unknown key, did you mean "maxObject"?'],
    ['log.lvel', 'log.lvel: unknown key, did you mean "level"?'],
    [`${POOL}.freeSocketTimeout`, `${POOL}.freeSocketTimeout: unknown key`],
    [`${POOL}.maxSocket`, `${POOL}.maxSocket: unknown key, did you mean "maxSockets"?`],
    [`${S3}.http`, `${S3}.http: unknown key`],
    ['routes[0].tll', 'routes[0].tll: unknown key, did you mean "ttl"?'],
    ['routes[0].x', 'routes[0].x: unknown key'],
  ])('%s is named, with the key that was probably meant', (path, problem) => {
    expect(problemsOf(goodWith(path, 1))).toEqual([problem])
  })

  test.each(['__proto__', 'constructor', 'toString'])('%s is a key like any other', (key) => {
    const text = goodWith().replace('{"listen"', `{"${key}":{},"listen"`)
    expect(problemsOf(text)).toEqual([`${key}: unknown key`])
    const inOrigins = goodWith().replace('"origins":{', `"origins":{"${key}":{"type":"s4"},`)
    expect(problemsOf(inOrigins)).toHaveLength(1)
  })

  test('a key that is no word is quoted, so that a problem stays on one line', () => {
    expect(problemsOf(goodWith('log', { 'a.b\u001b[31m\nc': 1 }))).toEqual(['log["a.b\\u001b[31m\\nc"]: unknown key'])
  })
})

test('a token that a variable was to bring, and did not, is one problem that names the variable', () => {
  const text = (token: string) => goodWith('admin', { address: '0.0.0.0:9090', token })
  expect(problemsOf(text(`\${ADMIN_TOKEN:-}`))).toEqual([`admin.token: ${NO_TOKEN}, got ""`])
  expect(problemsOf(text(`\${ADMIN_TOKEN}`), { ADMIN_TOKEN: '' })).toEqual([
    `admin.token: ${NO_TOKEN}, got the value of \${ADMIN_TOKEN}, which is empty`,
  ])
  expect(problemsOf(text(`\${ADMIN_TOKEN}`))).toEqual(['admin.token: the environment variable ADMIN_TOKEN is not set'])
})

test('all problems come at once, whatever else is wrong', () => {
  const text = `
lisen: []
listen: [{ address: "0.0.0.0:80" }, { address: "0.0.0.0:80", highWaterMark: x }]
cache: { memory: 1MiB, maxObject: 2MiB, slice: 3MiB }
origins:
  spaces:
    { type: s3, endpoint: nowhere, region: r, bucket: b, pool: { maxSockets: 5, maxFreeSockets: 6, maxQueued: x } }
routes:
  - { match: x, origin: spces, unknown: 1 }
  - { match: "/\${PATTERN}", origin: spaces, ttl: x }
`
  expect(problemsOf(text)).toEqual([
    'routes[1].match: the environment variable PATTERN is not set',
    `listen[1].highWaterMark: ${NO_SIZE}, got "x"`,
    'listen[1].address: is the address of another listener',
    'cache.maxObject: expected no more than cache.memory, got "2MiB"',
    'cache.slice: expected no more than cache.maxObject, got "3MiB"',
    `origins.spaces.endpoint: ${NO_URL}, got "nowhere"`,
    'origins.spaces.pool.maxQueued: expected a whole number from 0, got "x"',
    'origins.spaces.pool.maxFreeSockets: expected no more than maxSockets, got 6',
    'routes[0].match: expected a path pattern that begins with "/", got "x"',
    'routes[0].unknown: unknown key',
    `routes[1].ttl: ${NO_TIME}, got "x"`,
    'lisen: unknown key, did you mean "listen"?',
    'routes[0].origin: expected the name of an origin (spaces), got "spces"',
  ])
})

test('a value cannot move the cursor, hide itself or begin a line where it is shown', () => {
  expect(problemsOf(goodWith('log.format', 'a\u001b\u009b\u007f\u202e\u2028\n'))).toEqual([
    'log.format: expected json or pretty, got "a\\u001b\\u009b\\u007f\\u202e\\u2028\\n"',
  ])
})

test('a long value is cut where it is shown', () => {
  expect(problemsOf(goodWith('log.level', 'x'.repeat(1000)))).toEqual([
    `log.level: expected trace, debug, info, warn, error, fatal or silent, got "${'x'.repeat(60)}…"`,
  ])
})

test.each(['0', '"text"', '[]', 'true'])('a file that is only %s is no configuration', (text) => {
  expect(problemsOf(text)).toHaveLength(1)
  expect(problemsOf(text)[0]).toMatch(/^shield\.yaml: expected a mapping, got /)
})
