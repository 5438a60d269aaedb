import { describe, expect, test } from 'vitest'
import type { Environment } from './good.ts'
import { goodWith, load, problemsOf, storeOf } from './good.ts'

/** What a key prefix comes to that is written like this. */
const prefixOf = (written: string, environment: Environment = {}) =>
  storeOf(load(goodWith('origins.spaces.keyPrefix', written), environment)).keyPrefix

const prefixProblems = (written: string, environment: Environment = {}) =>
  problemsOf(goodWith('origins.spaces.keyPrefix', written), environment)

describe('variables in values', () => {
  test.each<[string, Environment, string]>([
    [`\${A}`, { A: 'x' }, 'x'],
    [`pre-\${A}-mid-\${B}/`, { A: '1', B: '2' }, 'pre-1-mid-2/'],
    [`\${A}`, { A: '' }, ''],
    [`\${A:-fallback}`, {}, 'fallback'],
    [`\${A:-fallback}`, { A: '' }, 'fallback'],
    [`\${A:-fallback}`, { A: undefined }, 'fallback'],
    [`\${A:-fallback}`, { A: 'x' }, 'x'],
    [`\${A:-}`, {}, ''],
    [`\${A:-a:-b c}`, {}, 'a:-b c'],
    [`$\${A}`, { A: 'x' }, `\${A}`],
    [`$\${`, {}, `\${`],
    [`$$\${A}`, { A: 'x' }, `$\${A}`],
    ['$A $$ {A} $', { A: 'x' }, '$A $$ {A} $'],
    [`\${_a1}`, { _a1: 'x' }, 'x'],
    [`\${A}`, { A: `\${B}`, B: 'never' }, `\${B}`],
    [`\${A}`, { A: '$& $1 $$' }, '$& $1 $$'],
    [`\${A:-$&}`, {}, '$&'],
  ])('%s with %j gives %j', (written, environment, expected) => {
    expect(prefixOf(written, environment)).toBe(expected)
  })

  test.each([`\${}`, `\${1A}`, `\${A B}`, `\${A-x}`, `\${A:x}`, `\${A`, `x\${`, `\${A:-unended`])(
    '%s is no reference',
    (written) => {
      expect(prefixProblems(written, { A: 'x' })).toEqual([
        `origins.spaces.keyPrefix: expected \${NAME} or \${NAME:-default}; a literal \${ is written $\${`,
      ])
    },
  )

  test('a variable that is not set is a problem with path and name, and the only one of that value', () => {
    const text = goodWith('origins.spaces.pool', { maxSockets: `\${SOCKETS}`, idleTimeout: `\${IDLE}` })
    expect(problemsOf(text)).toEqual([
      'origins.spaces.pool.maxSockets: the environment variable SOCKETS is not set',
      'origins.spaces.pool.idleTimeout: the environment variable IDLE is not set',
    ])
  })

  test('every variable that is missing from one value is named', () => {
    expect(prefixProblems(`\${A}/\${B}`)).toEqual([
      'origins.spaces.keyPrefix: the environment variable A is not set',
      'origins.spaces.keyPrefix: the environment variable B is not set',
    ])
  })

  test.each(['constructor', 'toString', '__proto__'])('%s is not set merely because objects have it', (name) => {
    expect(prefixProblems(`\${${name}}`)).toEqual([
      `origins.spaces.keyPrefix: the environment variable ${name} is not set`,
    ])
  })

  test('a value cannot become YAML', () => {
    const evil = 'x\n    forcePathStyle: true\n# "}] &a *a'
    expect(prefixOf(`\${A}`, { A: evil })).toBe(evil)
    expect(problemsOf(goodWith('log', `\${A}`), { A: '{ level: debug }' })).toEqual([
      `log: expected a mapping, got the value of \${A}`,
    ])
  })

  test('keys are left as they are', () => {
    expect(problemsOf(goodWith('log', { [`\${A}`]: 1 }), { A: 'level' })).toEqual([`log["\${A}"]: unknown key`])
  })

  test('elements of lists are values too', () => {
    const { routes } = load(goodWith('routes[0].query', { include: [`\${A}`, 'v'] }), { A: 'x' })
    expect(routes[0]).toMatchObject({ query: { include: ['x', 'v'] } })
  })
})

describe('numbers, switches, words, sizes and times may come from variables', () => {
  test('each is read from the string that spells it', () => {
    const environment = { N: '300', ON: 'true', WORD: 'adaptive', SIZE: '64KiB', BYTES: '4096', TIME: '2s', PORT: '0' }
    const text = `
listen: [{ address: "127.0.0.1:\${PORT}", highWaterMark: "\${BYTES}" }]
log: { access: "\${ON}" }
cache: { maxObject: "\${SIZE}" }
origins:
  spaces:
    type: "\${TYPE:-s3}"
    endpoint: https://a.example
    region: r
    bucket: b
    pool: { maxSockets: "\${N}", idleTimeout: "\${TIME}" }
    retry: { mode: "\${WORD}", maxAttempts: "\${N}" }
routes: [{ match: /**, origin: spaces }]
`
    const config = load(text, environment)
    expect(config.listen[0]).toEqual({ address: '127.0.0.1:0', highWaterMark: 4096, reusePort: false })
    expect(config.log.access).toBe(true)
    expect(config.cache.maxObject).toBe(65_536)
    expect(config.origins['spaces']?.pool).toMatchObject({ maxSockets: 300, idleTimeout: 2000 })
    expect(config.origins['spaces']?.retry).toMatchObject({ mode: 'adaptive', maxAttempts: 300 })
  })

  test.each(['', ' 200', '200 ', '2e2', '0xc8', '200.0', '+200', '２００', 'NaN', 'Infinity', '9'.repeat(17)])(
    'the string %j spells no number',
    (value) => {
      const empty = value === '' ? ', which is empty' : ''
      expect(problemsOf(goodWith('origins.spaces.pool.maxSockets', `\${N}`), { N: value })).toEqual([
        `origins.spaces.pool.maxSockets: expected a whole number from 1, got the value of \${N}${empty}`,
      ])
    },
  )

  test.each(['True', 'yes', '1', '0', 'on', ''])('the string %j spells no switch', (value) => {
    expect(problemsOf(goodWith('log.access', `\${ON}`), { ON: value })).toHaveLength(1)
  })
})
