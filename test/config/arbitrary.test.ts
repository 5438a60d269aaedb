import fc from 'fast-check'
import { expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { Config } from '../../src/config/schema.ts'
import { ConfigError } from '../../src/errors.ts'
import { goodWith, load } from './good.ts'

/** A frozen configuration, or the error that operators get; anything else is a fault. */
function outcomeOf(text: string): Config | ConfigError {
  try {
    const config = load(text, { SET: 'x', EMPTY: '', NUMBER: '5' })
    expect(Object.isFrozen(config)).toBe(true)
    return config
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    expect(error.problems.length).toBeGreaterThan(0)
    for (const { path, message } of error.problems) {
      expect(message).not.toBe('')
      expect(`${path}: ${message}`).not.toMatch(/\p{Cc}/u)
    }
    return error
  }
}

const KEYS = [
  ['listen', 'cache', 'log', 'origins', 'routes', 'admin', 'address', 'memory', 'level', 'spaces', 'type', 'pool'],
  [
    'credentials',
    'match',
    'origin',
    'negativeTtl',
    '404',
    'query',
    'include',
    'responseHeaders',
    'ttl',
    '__proto__',
    '<<',
  ],
].flat()
const SCALARS = [
  's3',
  'http',
  '/**',
  '1s',
  '64KiB',
  '0.0.0.0:80',
  `\${SET}`,
  `\${EMPTY}`,
  `\${NUMBER}`,
  `\${NOT}`,
  `\${`,
]

const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, withCrossShrink: true },
    fc.constantFrom(...SCALARS),
    fc.string({ unit: 'binary' }),
    fc.double(),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...KEYS), fc.string()), tie('tree'), { maxKeys: 6 }),
  ),
}))

test('whatever text it gets, it gives a configuration or says what is wrong', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({ unit: 'binary-ascii', maxLength: 60 }),
  )
  fc.assert(
    fc.property(text, (written) => void outcomeOf(written)),
    { numRuns: 500 },
  )
})

test('whatever tree it gets as YAML, it gives a configuration or says what is wrong', () => {
  fc.assert(
    fc.property(tree, (value) => void outcomeOf(stringify(value))),
    { numRuns: 500 },
  )
})

test('whatever tree it gets as JSON, it gives a configuration or says what is wrong', () => {
  fc.assert(
    fc.property(tree, (value) => void outcomeOf(JSON.stringify(value))),
    { numRuns: 500 },
  )
})

test('whatever stands in one place of a good file, it gives a configuration or says what is wrong', () => {
  const paths = [
    ['listen', 'listen[0]', 'listen[0].address', 'cache', 'cache.memory', 'log', 'log.level', 'origins'],
    ['origins.spaces', 'origins.spaces.type', 'origins.spaces.endpoint', 'origins.spaces.credentials'],
    ['origins.spaces.pool', 'origins.spaces.pool.maxSockets', 'origins.spaces.retry', 'routes', 'routes[0]'],
    ['routes[0].match', 'routes[0].origin', 'routes[0].negativeTtl', 'routes[0].query', 'routes[0].responseHeaders'],
  ].flat()
  const place = fc.constantFrom(...paths)
  fc.assert(
    fc.property(place, tree, (path, value) => void outcomeOf(goodWith(path, value))),
    { numRuns: 1500 },
  )
})
