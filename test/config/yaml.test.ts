import { describe, expect, test } from 'vitest'
import { load, problemsOf } from './good.ts'

const END = `
origins: { spaces: { type: s3, endpoint: https://a.example, region: r, bucket: b } }
routes: [{ match: /**, origin: spaces }]
`

describe('what is no YAML is told by line and column', () => {
  test.each([
    ['listen: "a', 'shield.yaml, line 1, column 11: not YAML: something is missing here, such as a closing quote'],
    ['a: 1\nb: [1, 2\nc: 3', 'shield.yaml, line 3, column 1: '],
    ['a:\n\t- b', 'shield.yaml, line 2, column 1: tabs cannot indent, use spaces'],
    ['a: @b', 'shield.yaml, line 1, column 4: not YAML: a value that begins like this has to be quoted'],
    ['a: *b', 'shield.yaml, line 1, column 4: an alias needs an anchor of that name before it'],
    ['a: !secret b', 'shield.yaml, line 1, column 4: tags (!name) have no meaning here'],
    ['a: !!timestamp 2026-01-01', 'shield.yaml, line 1, column 4: tags (!name) have no meaning here'],
    ['a: 1\n---\nb: 2', 'shield.yaml, line 2, column 1: a second document begins here, expected only one'],
    ['? [a]\n: 1', 'shield.yaml, line 1, column 3: a key has to be a word, not a list or a mapping'],
    ['a: "\\q"', 'shield.yaml, line 1, column 5: no such escape in a double-quoted string'],
  ])('%j', (text, beginning) => {
    expect(problemsOf(text)[0]).toContain(beginning)
  })

  test('a key that is there twice is an error, in mappings of every kind', () => {
    expect(problemsOf('cache: { memory: 1GiB }\nlog: {}\ncache: { memory: 2GiB }')).toEqual([
      'shield.yaml, line 3, column 1: this key is there twice',
    ])
    expect(problemsOf('{ "cache": {}, "cache": {} }')).toEqual([
      'shield.yaml, line 1, column 16: this key is there twice',
    ])
  })

  test('a variable without quotes inside braces gets a hint', () => {
    expect(problemsOf(`log: { level: \${LEVEL} }`)[0]).toMatch(
      /^shield\.yaml, line 1, column \d+: .*; inside \{ \} and \[ \] write "\$\{NAME\}" in quotes$/,
    )
    expect(problemsOf(`log: { level: "\${LEVEL} }`)[0]).not.toContain('inside')
  })

  test('one line is one problem, and ten are enough', () => {
    const problems = problemsOf('a: @b\n'.repeat(50))
    expect(problems).toHaveLength(10)
    expect(new Set(problems).size).toBe(10)
    expect(problems[9]).toContain('line 10,')
  })
})

describe('an empty file says so', () => {
  test.each(['', '\n', '# only a comment\n', '---\n', '~', 'null'])('%j', (text) => {
    expect(problemsOf(text)).toEqual(['shield.yaml: is empty'])
  })
})

describe('anchors and aliases', () => {
  test('an alias stands for what its anchor named', () => {
    const text = `
listen: [{ address: "0.0.0.0:1" }]
origins:
  a: { type: s3, endpoint: https://a.example, region: r, bucket: a, pool: &pool { maxSockets: "\${N}" } }
  b: { type: s3, endpoint: https://b.example, region: r, bucket: b, pool: *pool }
  c: { type: s3, endpoint: https://b.example, region: r, bucket: b, pool: { <<: *pool, maxQueued: 3 } }
routes: [{ match: /**, origin: a }]
`
    const { origins } = load(text, { N: '9' })
    expect([origins['a'], origins['b'], origins['c']].map((it) => it?.pool.maxSockets)).toEqual([9, 9, 9])
    expect(origins['c']?.pool.maxQueued).toBe(3)
  })

  test('a problem in an aliased part is named at every place it is used', () => {
    const text = `listen: [&one { address: "0.0.0.0:1", highWaterMark: x }, *one]${END}`
    expect(problemsOf(text).map((problem) => problem.split(':')[0])).toEqual([
      'listen[0].highWaterMark',
      'listen[1].highWaterMark',
      'listen[1].address',
    ])
  })

  test.each([
    ['a: 1\n<<: s3', 'line 2, column 1'],
    ['<<:', 'line 1, column 1'],
    ['<<: [{ a: 1 }, b]', 'line 1, column 1'],
    ['a: &a [1]\nb: { <<: *a }', 'line 2, column 6'],
    ['<<: { <<: 3 }', 'line 1, column 7'],
  ])('%j: what cannot be merged is told by its place', (text, place) => {
    expect(problemsOf(text)).toEqual([
      `shield.yaml, ${place}: a merge key (<<) takes a mapping, an alias of one, or a list of these`,
    ])
  })

  test('a part that would merge itself is refused', () => {
    expect(problemsOf('a: &a\n  <<: *a')).toEqual(['shield.yaml: more than 100 copies made by aliases'])
  })

  test('aliases cannot make an explosion', () => {
    const levels = Array.from(
      { length: 20 },
      (_, level) => `  - &l${level + 1} [${Array(9).fill(`*l${level}`).join(', ')}]`,
    )
    expect(problemsOf(`listen:\n  - &l0 x\n${levels.join('\n')}`)).toEqual([
      'shield.yaml: more than 100 copies made by aliases',
    ])
  })

  test.each([
    ['listen: &a [*a]', ['listen[0]']],
    ['listen: &a [*a, [*a]]', ['listen[0]', 'listen[1][0]']],
    ['log: &a { level: *a, access: { x: *a } }', ['log.level', 'log.access.x']],
  ])('%s: a part that contains itself is named', (text, paths) => {
    const endless = problemsOf(text).filter((problem) => problem.endsWith(': contains itself'))
    expect(endless).toEqual(paths.map((path) => `${path}: contains itself`))
  })
})

test.each(['[', '{a: ', '- ', '? '])('endless nesting by %j ends in a problem', (opening) => {
  expect(problemsOf(opening.repeat(5000)).length).toBeGreaterThan(0)
})

test.each([65, 200, 400])('%i levels of nesting that are good YAML are too many', (levels) => {
  const problems = problemsOf(`log: ${'['.repeat(levels)}${']'.repeat(levels)}`)
  expect(problems.filter((problem) => problem.endsWith('nested too deeply'))).toHaveLength(1)
})

test('integer keys arrive as the names they are', () => {
  const text = `listen: [{ address: "0.0.0.0:1" }]${END}`.replace(
    'origin: spaces',
    'origin: spaces, negativeTtl: { 404: 2s }',
  )
  expect(load(text).routes[0]).toMatchObject({ negativeTtl: { '404': 2000 } })
})
