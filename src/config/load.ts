/**
 * Configuration text to a `Config`: parse, replace `${NAME}`, validate, freeze.
 *
 * Either everything is right and a frozen `Config` comes out, or one `ConfigError` names every problem by its path. No
 * message holds a secret: not what came out of the environment, and not what stands where secrets belong.
 */

import { readFile } from 'node:fs/promises'
import type { core } from 'zod'
import type { ConfigProblem } from '../errors.ts'
import { ConfigError } from '../errors.ts'
import { formatPath, type Path, quoted, valueAt } from './path.ts'
import { type Config, configSchema } from './schema.ts'
import type { Environment, Substituted } from './substitute.ts'
import { substitute } from './substitute.ts'
import { parseYaml } from './yaml.ts'

/** A configuration as text; the file's name is for messages about the text as a whole. */
export interface ConfigSource {
  readonly text: string
  readonly file: string
}

/** Files beyond this are something else, given by mistake. */
const MAX_CONFIG_BYTES = 1024 * 1024
/** Longer values are cut where a message shows them. */
const MAX_SHOWN_LENGTH = 60
/** What is at or below one of these keys is never shown. */
const SECRET_KEYS: ReadonlySet<PropertyKey> = new Set([
  'credentials',
  'accessKeyId',
  'secretAccessKey',
  'sessionToken',
  'token',
  'keys',
  'salt',
  'expression',
  'values',
  'responseHeaders',
])
/** URLs can carry credentials and signatures in these. */
const URL_SECRET = /[@?#]/

/**
 * Reads and checks a configuration file.
 *
 * @throws {ConfigError} also when the file cannot be read
 */
export async function readConfig(file: string, environment: Environment): Promise<Config> {
  return loadConfig({ text: await readText(file), file }, environment)
}

/**
 * Checks a configuration, fills in its defaults and freezes it.
 *
 * @throws {ConfigError} with all problems at once
 */
export function loadConfig({ text, file }: ConfigSource, environment: Environment): Config {
  const parsed = parseYaml(text, file)
  if (parsed.kind === 'faulty') throw new ConfigError(parsed.problems)
  if (parsed.tree === null || parsed.tree === undefined) throw new ConfigError([{ path: file, message: 'is empty' }])
  return checked(parsed.tree, file, environment)
}

/**
 * The same for a configuration that a program has put together: plain objects, arrays and scalars, as the file would
 * have them. They are copied; whoever gave them may go on changing them.
 *
 * @param environment without one `${NAME}` means nothing: every string is what it is
 * @throws {ConfigError} with all problems at once
 */
export function checkConfig(tree: unknown, environment: Environment | undefined): Config {
  return checked(tree, '', environment)
}

function checked(tree: unknown, file: string, environment: Environment | undefined): Config {
  const substituted = substitute(tree, environment)
  const result = configSchema.safeParse(substituted.tree)
  const faults = result.success ? [] : result.error.issues.flatMap((issue) => toProblems(issue, substituted, file))
  // A value whose variable is missing has its problem already; what the schema makes of the rest of it is noise.
  const missingAt = new Set(substituted.problems.map(({ path }) => path))
  const problems = [...substituted.problems, ...faults.filter(({ path }) => !missingAt.has(path))]
  if (!result.success || problems.length > 0) throw new ConfigError(problems)
  return freezeDeeply(result.data)
}

async function readText(file: string): Promise<string> {
  let bytes: Buffer
  try {
    bytes = await readFile(file)
  } catch (error) {
    throw new ConfigError([{ path: file, message: sentenceForReading(error) }], { cause: error })
  }
  if (bytes.length > MAX_CONFIG_BYTES) {
    throw new ConfigError([{ path: file, message: 'is larger than 1MiB, which no configuration is' }])
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (error) {
    throw new ConfigError([{ path: file, message: 'is not UTF-8 text' }], { cause: error })
  }
}

function sentenceForReading(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
  if (code === 'ENOENT' || code === 'ENOTDIR') return 'there is no such file'
  if (code === 'EISDIR') return 'is a directory, expected a file'
  if (code === 'EACCES' || code === 'EPERM') return 'may not be read: permission denied'
  return `cannot be read (${code})`
}

function toProblems(issue: core.$ZodIssue, substituted: Substituted, file: string): readonly ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n')
    return issue.keys.map((key, index) => ({
      path: formatPath([...issue.path, key]),
      message: messages[index] ?? 'unknown key',
    }))
  }
  const path = formatPath(issue.path)
  const message = issue.message.startsWith('expected ')
    ? `${issue.message}, got ${describe(issue.path, path, substituted)}`
    : issue.message
  return [{ path: path === '' ? file : path, message }]
}

/** What stands at a path, as far as it may be shown. */
function describe(path: Path, writtenPath: string, { tree, variablesAt }: Substituted): string {
  const value = valueAt(tree, path)
  const variables = variablesAt.get(writtenPath)
  if (variables !== undefined) {
    const references = variables.map((name) => `\${${name}}`).join(' and ')
    return value === '' ? `the value of ${references}, which is empty` : `the value of ${references}`
  }
  if (value === undefined || value === null) return 'nothing'
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list'
  if (typeof value === 'object') return Object.keys(value).length === 0 ? 'an empty mapping' : 'a mapping'
  if (typeof value === 'function') return 'a function'
  if (path.some((part) => SECRET_KEYS.has(part))) return value === '' ? '""' : `a ${typeof value} that is not shown`
  if (typeof value !== 'string') return String(value)
  if (value.includes(':') && URL_SECRET.test(value)) return 'a string that is not shown'
  return quoted(value.length > MAX_SHOWN_LENGTH ? `${value.slice(0, MAX_SHOWN_LENGTH)}…` : value)
}

function freezeDeeply<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value
  for (const child of Object.values(value)) freezeDeeply(child)
  return Object.freeze(value)
}
