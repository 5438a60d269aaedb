/**
 * `${NAME}` and `${NAME:-default}` in the strings of a parsed tree.
 *
 * Replacing happens after parsing, so a variable is always the string it is and never becomes syntax, and what came
 * out of a variable is remembered, so that no message shows it.
 */

import type { ConfigProblem } from '../errors.ts'
import { formatPath, type Path } from './path.ts'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Substituted {
  readonly tree: unknown
  readonly problems: readonly ConfigProblem[]
  /** By path as it is written in problems: the variables a string was made from. */
  readonly variablesAt: ReadonlyMap<string, readonly string[]>
}

const MAX_DEPTH = 64
const MAX_SHOWN_DEPTH = 6
const NO_REFERENCE = `expected \${NAME} or \${NAME:-default}; a literal \${ is written $\${`
/** `$${`, a whole reference, or the opening of one that never ends. */
const REFERENCE = /\$\$\{|\$\{([^}]*)\}|\$\{/g
const NAME_AND_DEFAULT = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s

/**
 * A copy of the tree in which every reference in a value is replaced; keys stay as they are. `$${` gives `${`. A
 * variable that is set but empty counts as unset for `:-`, as in shells. Without an environment strings are copied as
 * they are.
 */
export function substitute(tree: unknown, environment: Environment | undefined): Substituted {
  const problems: ConfigProblem[] = []
  const variablesAt = new Map<string, readonly string[]>()

  function walk(value: unknown, path: Path, ancestors: readonly object[]): unknown {
    if (typeof value === 'string') return environment ? replace(value, formatPath(path), environment) : value
    if (typeof value !== 'object' || value === null) return value
    if (!isPlain(value)) {
      // A Map would be taken for an empty mapping, and what is in it for the defaults.
      problems.push({ path: formatPath(path), message: 'expected a plain object, a list or a scalar' })
      return undefined
    }
    if (ancestors.includes(value) || ancestors.length >= MAX_DEPTH) {
      // The inside of an anchor can be its own alias, and then the tree has no end.
      const message = ancestors.includes(value) ? 'contains itself' : 'nested too deeply'
      problems.push({ path: formatPath(path.slice(0, MAX_SHOWN_DEPTH)), message })
      return undefined
    }
    const here = [...ancestors, value]
    if (Array.isArray(value)) return value.map((element, index) => walk(element, [...path, index], here))
    const entries = Object.entries(value).filter(([key]) => !isRefusedKey(key, path))
    return Object.fromEntries(entries.map(([key, child]) => [key, walk(child, [...path, key], here)]))
  }

  function isRefusedKey(key: string, path: Path): boolean {
    // zod leaves this key out of tables without a word.
    if (key !== '__proto__') return false
    problems.push({ path: formatPath([...path, key]), message: 'unknown key' })
    return true
  }

  function replace(written: string, path: string, environment: Environment): string {
    const variables: string[] = []
    const result = written.replace(REFERENCE, (reference: string, inside: string | undefined) => {
      if (reference === '$${') return '${'
      const [, name, fallback] = NAME_AND_DEFAULT.exec(inside ?? '') ?? []
      if (name === undefined) {
        problems.push({ path, message: NO_REFERENCE })
        return reference
      }
      const value = Object.hasOwn(environment, name) ? environment[name] : undefined
      if (value === undefined ? fallback !== undefined : value === '' && fallback !== undefined) return fallback ?? ''
      if (value === undefined) problems.push({ path, message: `the environment variable ${name} is not set` })
      else variables.push(name)
      return value ?? reference
    })
    if (variables.length > 0) variablesAt.set(path, variables)
    return result
  }

  return { tree: walk(tree, [], []), problems, variablesAt }
}

/** Of whichever realm. A parsed file has nothing else. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return Array.isArray(value) || prototype === null || Object.getPrototypeOf(prototype) === null
}
