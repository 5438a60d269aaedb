/**
 * Reload: from one configuration to the next, while requests go on.
 *
 * What could fail is tried first: the certificates' files are read, new keys are shown to their bucket. Then everything
 * takes effect in one turn, or, where something was wrong, nothing has.
 *
 * Invariant: one reload at a time, in the order in which they were asked for; one that is refused has changed nothing.
 */

import type { Origins, PreparedOrigins } from './app-origins.ts'
import { proveKeys } from './app-proof.ts'
import type { Cache } from './cache/cache.ts'
import { changesIn, restartNeededFor } from './config/changes.ts'
import { formatPath } from './config/path.ts'
import type { Config } from './config/schema.ts'
import { ConfigError, type ConfigProblem, sentenceOf } from './errors.ts'
import type { Logger } from './observe/log.ts'
import type { RefusalCause, ReloadOutcome } from './observe/reloads.ts'
import type { PreparedCertificates } from './server/certificates.ts'

export interface ReloadingParts {
  readonly origins: Origins
  readonly cache: Cache
  readonly log: Logger
  readonly running: () => Config
  /** What the listeners' files hold now. */
  readonly readCertificates: () => Promise<PreparedCertificates>
  /** Serves with this configuration from now on; its origins are in place. */
  readonly serve: (config: Config) => void
  /** Told of each in the end. */
  readonly onOutcome: (outcome: ReloadOutcome) => void
}

type UsableCertificates = Extract<PreparedCertificates, { kind: 'usable' }>

interface Refusal {
  readonly kind: 'refusal'
  readonly cause: RefusalCause
  readonly problems: readonly ConfigProblem[]
}

const ENDING: Refusal = { kind: 'refusal', cause: 'ending', problems: [{ path: '', message: 'the program is ending' }] }
const NO_SOURCE: Refusal = {
  kind: 'refusal',
  cause: 'noSource',
  problems: [{ path: '', message: 'there is no file to read the configuration from' }],
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
    const outcome = this.#last.then(async () => {
      const said = await this.#read(read)
      this.#parts.onOutcome(said)
      return said
    })
    this.#last = outcome.catch(() => undefined)
    return outcome
  }

  /** Resolves when none is under way; those that wait are refused. */
  async close(): Promise<void> {
    this.#ending.abort()
    await this.#last
  }

  async #read(read: (() => Promise<Config>) | undefined): Promise<ReloadOutcome> {
    if (this.#ending.signal.aborted) return this.#refuse(ENDING)
    if (read === undefined) return this.#refuse(NO_SOURCE)
    try {
      return await this.#reload(await read())
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error
      return this.#refuse({ kind: 'refusal', cause: 'configuration', problems: error.problems })
    }
  }

  #refuse({ cause, problems }: Refusal): ReloadOutcome {
    const reasons = problems.map(sentenceOf)
    this.#parts.log.error({ reasons }, 'not reloaded, nothing has changed')
    return { kind: 'refused', cause, problems, reasons }
  }

  async #reload(next: Config): Promise<ReloadOutcome> {
    const { origins, cache, log, readCertificates, running, serve } = this.#parts
    const prepared = origins.prepare(next.origins)
    const [keys, certificates] = await Promise.all([this.#refusalOfKeys(prepared), readCertificates()])
    const tried = this.#ending.signal.aborted ? ENDING : together(certificates, keys)
    if (tried.kind === 'refusal') {
      await prepared.discard()
      return this.#refuse(tried)
    }
    // Nothing fails from here on, and nothing comes between.
    const changes = changesIn(running(), next)
    // An operator may have set another one meanwhile.
    const changed = log.level === next.log.level ? changes : [...new Set([...changes, 'log.level'])]
    const moved = prepared.apply()
    tried.apply()
    serve(next)
    for (const name of moved) await cache.purge((key) => key.startsWith(`${name} `), 'hard')
    const restartNeeded = restartNeededFor(this.#started, next)
    const said = { changed, certificates: tried.changed, restartNeeded }
    if (restartNeeded.length === 0) log.info(said, 'reloaded')
    else log.warn(said, 'reloaded, but for what needs a restart')
    return { kind: 'reloaded', ...said }
  }

  async #refusalOfKeys({ rekeyed }: PreparedOrigins): Promise<Refusal | undefined> {
    const { signal } = this.#ending
    const faults = await Promise.all(
      rekeyed.map(async (origin) => {
        const fault = await proveKeys(origin, this.#parts.cache.knownObject(origin.name), signal)
        return fault && { ...fault, path: formatPath(['origins', origin.name, 'credentials']) }
      }),
    )
    const found = faults.filter((fault) => fault !== undefined)
    if (found.length === 0) return undefined
    const problems = found.map(({ path, message }) => ({ path, message }))
    return { kind: 'refusal', cause: found.some(({ kind }) => kind === 'refused') ? 'keys' : 'untried', problems }
  }
}

/** What an operator has to mend in files comes before what may be well the next time. */
function together(certificates: PreparedCertificates, keys: Refusal | undefined): Refusal | UsableCertificates {
  if (certificates.kind === 'usable') return keys ?? certificates
  const problems = [...certificates.faults, ...(keys?.problems ?? [])]
  return { kind: 'refusal', cause: 'certificates', problems }
}
