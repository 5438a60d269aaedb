import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'

/** Who may import whom: a part, and the parts of ours it may name. `*`: everything. */
const ALLOWED: Readonly<Record<string, readonly string[] | '*'>> = {
  errors: [],
  clock: [],
  http: ['http'],
  observe: ['observe', 'errors', 'clock'],
  media: ['media', 'http'],
  config: ['config', 'errors', 'http'],
  origin: ['origin', 'http', 'errors', 'clock'],
  cache: ['cache', 'http', 'errors', 'clock', 'origin'],
  server: ['server', 'cache', 'http', 'media', 'observe', 'errors', 'clock', 'origin'],
  admin: ['admin', 'cache', 'media', 'observe', 'errors'],
  app: '*',
  'app-admin': ['admin', 'server', 'cache', 'observe', 'clock'],
  'app-origins': ['origin', 'config', 'observe', 'clock', 'admin'],
  'app-log': '*',
  'app-metrics': ['server', 'cache', 'observe'],
  'app-reload': '*',
  'app-serving': '*',
  collector: [],
  'service-manager': [],
  version: [],
  'app-limits': ['server', 'config', 'http', 'observe', 'clock'],
  'app-proof': ['origin', 'errors'],
  'app-routes': ['server', 'cache', 'origin', 'config', 'http', 'media'],
  commands: ['commands', 'admin', 'config', 'server'],
  'shield-options': ['config', 'errors'],
  index: '*',
  cli: '*',
  demo: '*',
}

const SRC = resolve(import.meta.dirname, '../src')

interface Import {
  readonly from: string
  readonly target: string
  readonly isType: boolean
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .toSorted()

function importsOf(file: string): Import[] {
  const source = readFileSync(join(SRC, file), 'utf8')
  const statements = source.matchAll(
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?[^'"`;]*?from\s+'([^']+)'|import\('([^']+)'\)/g,
  )
  return [...statements]
    .map(([, type, named, dynamic]) => ({ specifier: named ?? dynamic ?? '', isType: type !== undefined }))
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ specifier, isType }) => ({
      from: file,
      target: relative(SRC, resolve(SRC, dirname(file), specifier)),
      isType,
    }))
}

/** `http/range.ts` belongs to `http`, `app.ts` to `app`. */
const partOf = (file: string) => file.split('/')[0]?.replace(/\.ts$/, '') ?? ''

const imports = files.flatMap(importsOf)

describe('imports point one way', () => {
  test('the statements are found at all', () => {
    expect(imports.length).toBeGreaterThan(50)
    expect(imports.some(({ from, target }) => from === 'server/handler.ts' && target === 'http/target.ts')).toBe(true)
  })

  test('each part names only the parts it may name', () => {
    const wrong = imports.filter(({ from, target }) => {
      const allowed = ALLOWED[partOf(from)]
      return allowed !== '*' && !allowed?.includes(partOf(target))
    })
    expect(wrong).toEqual([])
  })

  test('cache and server know origins by their types only', () => {
    const wrong = imports.filter(
      ({ from, target, isType }) =>
        ['cache', 'server'].includes(partOf(from)) && partOf(target) === 'origin' && !isType,
    )
    expect(wrong).toEqual([])
  })

  test('only origin/s3.ts and its neighbours in origin import the AWS SDK', () => {
    const importers = files.filter((file) => /from '@(?:aws-sdk|smithy)\//.test(readFileSync(join(SRC, file), 'utf8')))
    expect(importers.filter((file) => partOf(file) !== 'origin')).toEqual([])
    const clients = files.filter((file) => /from '@aws-sdk\//.test(readFileSync(join(SRC, file), 'utf8')))
    expect(clients).toEqual(['origin/s3.ts'])
  })

  test('no file imports itself through others', () => {
    const next = Map.groupBy(imports, ({ from }) => from)
    const reaches = (file: string, goal: string, seen: Set<string>): boolean =>
      (next.get(file) ?? []).some(({ target }) => {
        if (target === goal) return true
        if (seen.has(target)) return false
        seen.add(target)
        return reaches(target, goal, seen)
      })
    expect(files.filter((file) => reaches(file, file, new Set()))).toEqual([])
  })

  test('time and process are touched where they may be', () => {
    const users = (pattern: RegExp) =>
      files.filter((file) => pattern.test(withoutComments(readFileSync(join(SRC, file), 'utf8'))))
    expect(users(/\bDate\.now\b|(?<![.\w])set(?:Timeout|Interval)\(/)).toEqual(['app.ts'])
    expect(users(/\bprocess\./)).toEqual(['cli.ts'])
  })
})

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
}
