/** The parts of the benchmark by name, so that each can be run by itself. */

import { findProgram } from '../support/programs.ts'
import { concurrentMisses } from './cases.ts'
import { herds, slowReaders } from './crowds.ts'
import type { Findings, Row } from './findings.ts'
import { growth } from './growth.ts'
import {
  largerThanMemory,
  manyPlacesOfOneSegment,
  resetsHalfWay,
  seekInColdFile,
  severalLargerThanMemory,
} from './large-cases.ts'
import { churn, idleConnections } from './memory-cases.ts'
import { limitedOrigin, unreliableOrigin } from './origin-cases.ts'
import type { Peer } from './peers.ts'
import { hits, misses, type Pace } from './side-by-side.ts'
import { tlsHindrance, tlsHits } from './tls.ts'
import { HIT_WORKS, MISS_WORK, TLS_WORKS } from './works.ts'

export interface Part {
  readonly names: readonly string[]
  /** Why it cannot run here; undefined where it can. */
  readonly hindrance?: () => string | undefined
  /** @param names those of the part's that were chosen */
  run(names: readonly string[]): Promise<Findings>
}

/** In the order they are run. */
export function makeParts(peers: readonly Peer[], pace: Pace): readonly Part[] {
  const byAims = (name: string, run: () => Promise<Row[]>): Part => ({
    names: [name],
    run: async () => ({ rows: await run() }),
  })
  return [
    {
      names: HIT_WORKS.map(({ name }) => name),
      run: (names) =>
        hits(
          HIT_WORKS.filter(({ name }) => names.includes(name)),
          peers,
          pace,
        ),
    },
    { names: [MISS_WORK.name], run: () => misses(peers, pace) },
    {
      names: TLS_WORKS.map(({ name }) => name),
      hindrance: () => (findProgram('openssl') === undefined ? 'openssl is not installed' : tlsHindrance()),
      run: (names) =>
        tlsHits(
          TLS_WORKS.filter(({ name }) => names.includes(name)),
          pace,
        ),
    },
    { names: ['herds'], run: () => herds(peers, pace.rounds) },
    { names: ['slow-readers'], run: () => slowReaders(peers) },
    byAims('origins/188-misses', concurrentMisses),
    byAims('origins/unreliable', unreliableOrigin),
    byAims('origins/limited', limitedOrigin),
    { names: ['growth'], run: () => growth(pace) },
    byAims('memory', churn),
    byAims('idle', idleConnections),
    byAims('large/resets', resetsHalfWay),
    byAims('large/seek', seekInColdFile),
    byAims('large/places', manyPlacesOfOneSegment),
    byAims('large/film', largerThanMemory),
    byAims('large/films', severalLargerThanMemory),
  ]
}

/**
 * The names that were meant: a name itself, or all that begin with it and a slash.
 *
 * @param wanted undefined: all
 * @returns undefined where one of the wanted is none of them
 */
export function chooseNames(parts: readonly Part[], wanted: readonly string[] | undefined): Set<string> | undefined {
  const all = parts.flatMap(({ names }) => names)
  const chosen = new Set<string>()
  for (const want of wanted ?? all) {
    const meant = all.filter((name) => name === want || name.startsWith(`${want}/`))
    if (meant.length === 0) return undefined
    for (const name of meant) chosen.add(name)
  }
  return chosen
}
