/** What a command sees of the world it is run in. */

import type { Config } from '../config/schema.ts'

export interface Terminal {
  /** Whether a person looks at the output, on a screen that can be written over. */
  readonly isScreen: boolean
  readonly output: NodeJS.WritableStream
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Fires when whoever started the command wants it to end. */
  readonly signal: AbortSignal
  /** To standard output and standard error; nothing is added. */
  print(text: string): void
  complain(text: string): void
  /** Does not come back from a configuration that is wrong. */
  readConfig(file: string): Promise<Config>
  /** @throws when the signal fires */
  pause(ms: number): Promise<void>
}

/** What was asked for cannot be understood. The message goes to whoever typed it. */
export class UsageError extends Error {}

/** It was understood and could not be done. The message goes to whoever typed it. */
export class CommandError extends Error {}
