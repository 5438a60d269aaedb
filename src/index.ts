/**
 * The door of the package: a shield inside another Node program, and the one that the command line goes through.
 *
 *     const shield = await createShield('shield.yaml', { env: process.env })
 *     console.log(`http://127.0.0.1:${shield.addresses[0].port}`)
 *     await shield.close()
 *
 * A shield keeps to itself. It sets no handlers on the process and never ends it, writes nowhere but to its log, changes
 * nothing global, and shares nothing with others beside it but the process they are measured in. Once it is closed, no
 * timer and no socket of it keeps the process alive.
 */

import { fileURLToPath } from 'node:url'
import { startApp } from './app.ts'
import { checkConfig, readConfig } from './config/load.ts'
import type { Config } from './config/schema.ts'
import { ConfigError, type ConfigProblem } from './errors.ts'
import { checkOptions, type ShieldOptions } from './shield-options.ts'
import { readVersion } from './version.ts'

export { ConfigError, type ConfigProblem, StartError } from './errors.ts'
export type { ShieldOptions } from './shield-options.ts'

/**
 * What the configuration file holds, as an object: the same keys, `'512MiB'` and `'30s'` with their units. What is below
 * the first level is checked when it is given, as a file is.
 */
export interface ShieldConfig {
  readonly listen: readonly object[]
  readonly admin?: object | undefined
  readonly trustedProxies?: readonly string[] | undefined
  readonly limits?: object | undefined
  readonly cache?: object | undefined
  readonly log?: object | undefined
  readonly origins: object
  readonly routes: readonly object[]
}

/** A configuration: an object, or the path or `file:` URL of a YAML or JSON file. */
export type ShieldSource = ShieldConfig | string | URL

export interface ListeningAddress {
  /** An IPv6 address is without brackets. */
  readonly address: string
  /** The real one, where 0 was asked for. */
  readonly port: number
}

/**
 * What came of a reload:
 *
 * - `reloaded`: it is in use. `changed` are the paths in the configuration that are different, `restartNeeded` those that
 *   only the next start will heed
 * - `refused`: nothing has changed; `reasons` are the problems as sentences. None of it holds a secret
 */
export type ReloadOutcome =
  | { readonly kind: 'reloaded'; readonly changed: readonly string[]; readonly restartNeeded: readonly string[] }
  | { readonly kind: 'refused'; readonly problems: readonly ConfigProblem[]; readonly reasons: readonly string[] }

/** A shield that serves. */
export interface Shield {
  /** What it listens on, in the order of the configuration. */
  readonly addresses: readonly ListeningAddress[]
  /** Where its admin listener is; undefined where the configuration has none. */
  readonly admin: ListeningAddress | undefined
  /**
   * Takes another configuration in place of the running one, certificates read again, without ending a connection or
   * losing what is stored; or changes nothing, and says why. One that is asked for meanwhile waits its turn.
   *
   * A configuration that is wrong is an outcome, not an exception.
   *
   * @param next without it, the one in use is read again: its file, or its object as it is by then
   */
  reload(next?: ShieldSource): Promise<ReloadOutcome>
  /**
   * Stops accepting, finishes answers within `graceMs`, then lets go of everything. Resolves when that is done; called
   * again it gives the same promise.
   */
  close(): Promise<void>
  /** `await using shield = await createShield(…)`: closed at the end of the block. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts a shield. Resolves when it listens on every address of its configuration; when it rejects, nothing is left open.
 *
 * Where an S3 origin has no `credentials`, the AWS SDK looks for them, in the process's environment too.
 *
 * @throws {ConfigError} when the configuration or the options are wrong: `problems` has every fault with its path
 * @throws {StartError} when an address cannot be listened on or a certificate not used
 * @throws the reason of `options.signal`
 */
export async function createShield(config: ShieldSource, options: ShieldOptions = {}): Promise<Shield> {
  checkOptions(options)
  const { env, log, graceMs, signal } = options
  signal?.throwIfAborted()
  let inUse = config
  const read = (source: ShieldSource) => readSource(source, env)
  const good = await read(config)
  signal?.throwIfAborted()
  const app = await startApp(good, {
    readConfig: () => read(inUse),
    version: readVersion(),
    ...(log !== undefined && { log: shielded(log) }),
    ...(graceMs !== undefined && { graceMs }),
  })
  let closing: Promise<void> | undefined
  const close = () => {
    closing ??= app.close()
    return closing
  }
  if (signal?.aborted) {
    await close()
    throw signal.reason
  }
  return {
    addresses: app.addresses,
    admin: app.admin,
    reload: async (next) => {
      const outcome = await app.reload(next === undefined ? undefined : () => read(next))
      // In time for a reload that waits for this one: it begins a turn later.
      if (outcome.kind === 'reloaded' && next !== undefined) inUse = next
      return outcome
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function readSource(source: ShieldSource, env: ShieldOptions['env']): Promise<Config> {
  if (source === '') throw new ConfigError([{ path: '', message: 'expected the name of a file, got ""' }])
  if (typeof source === 'string') return readConfig(source, env ?? {})
  if (!(source instanceof URL)) return checkConfig(source, env)
  return readConfig(pathOf(source), env ?? {})
}

function pathOf(url: URL): string {
  try {
    return fileURLToPath(url)
  } catch (cause) {
    // It is not shown: URLs can hold secrets.
    throw new ConfigError([{ path: '', message: 'expected a file: URL of this machine' }], { cause })
  }
}

/** Whoever writes a line is in the middle of a request, which has no part in what becomes of the line. */
function shielded(log: NonNullable<ShieldOptions['log']>): { write(line: string): void } {
  return {
    write: (line) => {
      try {
        log.write(line)
      } catch {
        // There is nowhere to tell it.
      }
    },
  }
}
