/**
 * Reload: from one configuration to the next, while requests go on.
 *
 * What could fail is tried first: the certificates' files are read, new keys are shown to their bucket. Then everything
 * takes effect in one turn, or, where something was wrong, nothing has.
 *
 * Invariant: one reload at a time, in the order in which they were asked for.
 */

import type { Origins, PreparedOrigins } from './app-origins.ts'
import { proveKeys } from './app-proof.ts'
import type { Cache } from './cache/cache.ts'
import { restartNeededFor } from './config/changes.ts'
import type { Config } from './config/schema.ts'
import { ConfigError } from './errors.ts'
import type { Logger } from './observe/log.ts'

/**
 * - `reloaded`: it is in use; `restartNeeded` are the paths in the file that only the next start will heed
 * - `refused`: nothing has changed, for these reasons
 */
export type ReloadOutcome =
  | { readonly kind: 'reloaded'; readonly restartNeeded: readonly string[] }
  | { readonly kind: 'refused'; readonly reasons: readonly string[] }

export interface ReloadingParts {
  readonly origins: Origins
  readonly cache: Cache
  readonly log: Logger
  readonly running: () => Config
  /** @returns what is wrong, a sentence a file: then the listeners keep what they have */
  readonly reloadCertificates: () => Promise<readonly string[]>
  /** Serves with this configuration from now on; its origins are in place. */
  readonly serve: (config: Config) => void
}

export class Reloading {
  readonly #parts: ReloadingParts
  /** What the listeners, the memory and the log were made with. */
  readonly #started: Config
  readonly #ending = new AbortController()
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: ReloadingParts) {
    this.#parts = parts
    this.#started = parts.running()
  }

  /** @param read called when it is this one's turn */
  reload(read: (() => Promise<Config>) | undefined): Promise<ReloadOutcome> {
    const outcome = this.#last.then(() => this.#read(read))
    this.#last = outcome.catch(() => undefined)
    return outcome
  }

  /** Resolves when none is under way; those that wait are refused. */
  async close(): Promise<void> {
    this.#ending.abort()
    await this.#last
  }

  async #read(read: (() => Promise<Config>) | undefined): Promise<ReloadOutcome> {
    if (read === undefined) return this.#refuse(['there is no file to read the configuration from'])
    try {
      return await this.#reload(await read())
    } catch (error) {
      if (error instanceof ConfigError) return this.#refuse(error.message.split('\n'))
      throw error
    }
  }

  #refuse(reasons: readonly string[]): ReloadOutcome {
    this.#parts.log.error({ reasons }, 'not reloaded, nothing has changed')
    return { kind: 'refused', reasons }
  }

  async #reload(next: Config): Promise<ReloadOutcome> {
    const { origins, cache, log, reloadCertificates, serve } = this.#parts
    const prepared = origins.prepare(next.origins)
    const reasons = await this.#reasonsAgainst(prepared)
    // The last thing that may fail: from here on it is done.
    if (reasons.length === 0) reasons.push(...(await reloadCertificates()))
    if (this.#ending.signal.aborted) reasons.push('the program is ending')
    if (reasons.length > 0) {
      await prepared.discard()
      return this.#refuse(reasons)
    }
    const moved = prepared.apply()
    serve(next)
    for (const name of moved) await cache.purge((key) => key.startsWith(`${name} `), 'hard')
    const restartNeeded = restartNeededFor(this.#started, next)
    if (restartNeeded.length === 0) log.info('reloaded')
    else log.warn({ restartNeeded }, 'reloaded, but for what needs a restart')
    return { kind: 'reloaded', restartNeeded }
  }

  async #reasonsAgainst({ rekeyed }: PreparedOrigins): Promise<string[]> {
    const { signal } = this.#ending
    const faults = await Promise.all(
      rekeyed.map(async (origin) => {
        const known = this.#parts.cache.knownObject(origin.name)
        const fault = signal.aborted ? undefined : await proveKeys(origin, known, signal)
        return fault && `origins.${origin.name}.credentials: ${fault}`
      }),
    )
    return faults.filter((fault) => fault !== undefined)
  }
}
