import fc from 'fast-check'
import { expect, test } from 'vitest'
import { goodWith, problemsOf } from './good.ts'

const SECRET = 'hush-4711-Secret'

test.each([
  ['origins.spaces.credentials', SECRET],
  ['origins.spaces.credentials', [SECRET]],
  ['origins.spaces.credentials', { accessKeyId: [SECRET], secretAccessKey: { key: SECRET } }],
  ['origins.spaces.credentials', { accessKey: SECRET, secret: SECRET }],
  ['origins.spaces.credentials', { anonymous: SECRET }],
  ['origins.spaces.credentials', { anonymous: true, secretAccessKey: SECRET }],
  ['origins.spaces.secretAccessKey', SECRET],
  ['origins.spaces.endpoint', `https://user:${SECRET}@a.example`],
  ['origins.spaces.endpoint', `ftp://user:${SECRET}@a.example`],
  ['origins.spaces.endpoint', `https://a.example/?X-Amz-Signature=${SECRET}`],
  ['admin', { address: 'nowhere', token: SECRET }],
  ['admin', { address: '0.0.0.0:9090', token: `${SECRET} ${SECRET}` }],
  ['routes[0].access', { secret: SECRET }],
  ['routes[0].responseHeaders', { 'X-Token': `${SECRET}\n` }],
])('%s: a secret in %j is not shown', (path, value) => {
  const problems = problemsOf(goodWith(path, value)).join('\n')
  expect(problems).not.toBe('')
  expect(problems).not.toContain(SECRET)
})

test('a number where a secret belongs is not shown', () => {
  const credentials = { accessKeyId: 471_147_114_711, secretAccessKey: 471_147_114_711 }
  expect(problemsOf(goodWith('origins.spaces.credentials', credentials))).toEqual([
    'origins.spaces.credentials.accessKeyId: expected a string, got a number that is not shown',
    'origins.spaces.credentials.secretAccessKey: expected a string, got a number that is not shown',
  ])
})

/** Every place that takes a value of its own. */
const PLACES = [
  'listen',
  'listen[0]',
  'listen[0].address',
  'listen[0].highWaterMark',
  'listen[0].tls',
  'admin',
  'admin.address',
  'admin.token',
  'cache',
  'cache.memory',
  'cache.maxObject',
  'cache.slice',
  'log',
  'log.level',
  'log.access',
  'log.format',
  'origins',
  'origins.spaces',
  'origins.spaces.type',
  'origins.spaces.endpoint',
  'origins.spaces.region',
  'origins.spaces.bucket',
  'origins.spaces.credentials',
  'origins.spaces.forcePathStyle',
  'origins.spaces.pool',
  'origins.spaces.pool.maxSockets',
  'origins.spaces.pool.maxFreeSockets',
  'origins.spaces.pool.connectTimeout',
  'origins.spaces.retry',
  'origins.spaces.retry.maxAttempts',
  'origins.spaces.retry.mode',
  'origins.spaces.limits',
  'routes',
  'routes[0]',
  'routes[0].match',
  'routes[0].origin',
  'routes[0].stripPrefix',
  'routes[0].ttl',
  'routes[0].defaultTtl',
  'routes[0].negativeTtl',
  'routes[0].query',
  'routes[0].responseHeaders',
  'routes[0].passthrough',
]

// The asterisks and the line end make it wrong everywhere.
const FROM_ENVIRONMENT = `**${SECRET}/{\n`

test.each(PLACES)('%s: what came out of a variable is named, not shown', (path) => {
  const problems = problemsOf(goodWith(path, `\${SECRET_VALUE}`), { SECRET_VALUE: FROM_ENVIRONMENT }).join('\n')
  expect(problems).not.toBe('')
  expect(problems).not.toContain(SECRET)
  expect(problems).toMatch(/the value of \$\{SECRET_VALUE\}/)
})

test('a value that is only partly out of a variable is not shown either', () => {
  const problems = problemsOf(goodWith('listen[0].address', `x/\${SECRET_VALUE}`), { SECRET_VALUE: SECRET })
  expect(problems).toEqual([
    `listen[0].address: expected host:port, such as 0.0.0.0:8080 or [::]:8080, got the value of \${SECRET_VALUE}`,
  ])
})

test('of two variables in one value both are named', () => {
  expect(problemsOf(goodWith('log.level', `\${A}\${B}`), { A: SECRET, B: SECRET })).toEqual([
    `log.level: expected trace, debug, info, warn, error, fatal or silent, got the value of \${A} and \${B}`,
  ])
})

test('a default out of the file is shown, since it is no secret', () => {
  expect(problemsOf(goodWith('log.level', `\${LEVEL:-loud}`))).toEqual([
    'log.level: expected trace, debug, info, warn, error, fatal or silent, got "loud"',
  ])
})

test('no message about broken YAML quotes the text', () => {
  const broken = [
    `a: "${SECRET}`,
    `a: '${SECRET}`,
    `a: |${SECRET}\n  x`,
    `a: "\\q${SECRET}"`,
    `a: *${SECRET}`,
    `a: !${SECRET} x`,
    `a: [${SECRET}`,
    `a: {${SECRET}: 1`,
    `a: @${SECRET}`,
    `a: x: ${SECRET}`,
    `${SECRET}: 1\n${SECRET}: 2`,
    `- a\n${SECRET}`,
    `%${SECRET}\n---\na: 1`,
    `a: 1\n--- ${SECRET}`,
    `a: !!binary ${SECRET}`,
    `? [${SECRET}]\n: 1`,
    `\t${SECRET}: 1`,
    `a: &${SECRET} &b x`,
  ]
  for (const text of broken) {
    const problems = problemsOf(text).join('\n')
    expect(problems, text).not.toBe('')
    expect(problems.replaceAll(`${SECRET}: unknown key`, ''), text).not.toContain(SECRET)
  }
})

test('wherever a line of a good file is cut off, a secret in it stays hidden', () => {
  const text = goodWith('origins.spaces.credentials', { accessKeyId: SECRET, secretAccessKey: SECRET })
  fc.assert(
    fc.property(fc.nat({ max: text.length }), fc.string({ maxLength: 4, unit: 'binary-ascii' }), (length, end) => {
      expect(problemsOf(text.slice(0, length) + end).join('\n')).not.toContain(SECRET)
    }),
    { numRuns: 300 },
  )
})
