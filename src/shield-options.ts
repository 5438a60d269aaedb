/**
 * The options of a shield inside another program, checked as its configuration is: all problems at once, each by its
 * path, `options.graceMs`.
 */

import { nearest } from './config/suggest.ts'
import { ConfigError, type ConfigProblem } from './errors.ts'

export interface ShieldOptions {
  /**
   * What `${NAME}` in the configuration stands for, often `process.env`; nothing else is looked up there.
   *
   * @default no variable is set: in a file `${NAME}` is a problem then, and in an object it is text like any other
   */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined
  /**
   * Takes the lines of the log, each with its end; a writable stream will do. A line for which `write` throws is lost.
   *
   * @default standard output, as the configuration's `log` has it
   */
  readonly log?: { write(line: string): unknown } | undefined
  /**
   * How long answers under way may take to finish once `close` was called, in whole milliseconds, at most 2147483647.
   *
   * @default 30000
   */
  readonly graceMs?: number | undefined
  /**
   * Ends a start that is under way: `createShield` rejects with the signal's reason and leaves nothing open. Once the
   * shield is there only `close` ends it.
   */
  readonly signal?: AbortSignal | undefined
}

type Check = (value: unknown) => string | undefined

const MAX_TIMER_MS = 2 ** 31 - 1

const CHECKS: Readonly<Record<keyof ShieldOptions, Check>> = {
  env: (value) =>
    typeof value === 'object' && value !== null ? undefined : 'expected an object of variables with their values',
  log: (value) => (isWithWrite(value) ? undefined : 'expected an object with a function write'),
  graceMs: (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_TIMER_MS
      ? undefined
      : `expected whole milliseconds from 0 to ${MAX_TIMER_MS}`,
  signal: (value) => (value instanceof AbortSignal ? undefined : 'expected an AbortSignal'),
}

/** @throws {ConfigError} */
export function checkOptions(options: unknown): asserts options is ShieldOptions {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new ConfigError([{ path: 'options', message: 'expected an object' }])
  }
  const problems = Object.entries(options).flatMap(([name, value]) => problemOf(name, value) ?? [])
  if (problems.length > 0) throw new ConfigError(problems)
}

/** What was given may hold secrets: it is not shown. */
function problemOf(name: string, value: unknown): ConfigProblem | undefined {
  const path = `options.${name}`
  const check: Check | undefined = Object.hasOwn(CHECKS, name) ? CHECKS[name as keyof ShieldOptions] : undefined
  if (check === undefined) {
    const meant = nearest(name, Object.keys(CHECKS))
    return { path, message: meant === undefined ? 'unknown key' : `unknown key, did you mean "${meant}"?` }
  }
  const message = value === undefined ? undefined : check(value)
  return message === undefined ? undefined : { path, message }
}

function isWithWrite(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'write' in value && typeof value.write === 'function'
}
