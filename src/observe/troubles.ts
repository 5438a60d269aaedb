/**
 * Troubles: the last lines of the log from `warn` on, for those who do not read the log.
 *
 * They are taken from the lines as they are written, so that they hold what the log holds and nothing else.
 *
 * Invariant: as many are kept, of bounded length each, however many lines there are.
 */

import type { Clock } from '../clock.ts'
import { shortened } from './shortened.ts'

export interface Trouble {
  readonly atMs: number
  readonly level: 'warn' | 'error' | 'fatal'
  readonly message: string
  readonly origin?: string
  /** What else the line says. */
  readonly detail?: string
}

const KEPT = 50
const MAX_LENGTH = 300

/** By what pino begins its lines with. */
const LEVELS: ReadonlyMap<string, Trouble['level']> = new Map([
  ['{"level":40', 'warn'],
  ['{"level":50', 'error'],
  ['{"level":60', 'fatal'],
])
const BEGIN = '{"level":40'.length

export class Troubles {
  readonly #clock: Clock
  /** The oldest first. */
  readonly #kept: Trouble[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param line as the logger wrote it; those below `warn` are passed over */
  take(line: string): void {
    const level = LEVELS.get(line.slice(0, BEGIN))
    if (level === undefined) return
    const { level: _, time: __, msg, origin, ...more } = JSON.parse(line) as Record<string, unknown>
    const detail = Object.entries(more).map(([name, value]) => `${name}: ${told(value)}`)
    this.#kept.push({
      atMs: this.#clock.now(),
      level,
      message: shortened(typeof msg === 'string' ? msg : '', MAX_LENGTH),
      ...(typeof origin === 'string' && { origin: shortened(origin, MAX_LENGTH) }),
      ...(detail.length > 0 && { detail: shortened(detail.join(', '), MAX_LENGTH) }),
    })
    if (this.#kept.length > KEPT) this.#kept.shift()
  }

  /** The newest first. */
  newest(): readonly Trouble[] {
    return this.#kept.toReversed()
  }
}

/** Of an error its message: the log has the rest. */
function told(value: unknown): string {
  if (typeof value === 'string') return value
  const isError = typeof value === 'object' && value !== null && 'message' in value && 'stack' in value
  return isError ? String(value.message) : JSON.stringify(value)
}
