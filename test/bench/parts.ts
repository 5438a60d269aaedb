/** The parts of the benchmark by name, so that each can be run by itself. */

import { concurrentMisses, type Row } from './cases.ts'
import { type Crowd, herds, slowReaders } from './crowds.ts'
import {
  largerThanMemory,
  manyPlacesOfOneSegment,
  resetsHalfWay,
  seekInColdFile,
  severalLargerThanMemory,
} from './large-cases.ts'
import { hasWrk } from './load.ts'
import { limitedOrigin, unreliableOrigin } from './origin-cases.ts'
import type { Peer } from './peers.ts'
import { hits, type Measurement, misses, type Pace } from './side-by-side.ts'
import { HIT_WORKS, MISS_WORK } from './works.ts'

export interface Findings {
  readonly measurements?: readonly Measurement[]
  readonly crowds?: readonly Crowd[]
  readonly rows?: readonly Row[]
}

export interface Part {
  readonly names: readonly string[]
  /** Where it is missing the part is left out. */
  readonly needs?: 'wrk'
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
      needs: 'wrk',
      run: (names) =>
        hits(
          HIT_WORKS.filter(({ name }) => names.includes(name)),
          peers,
          pace,
        ),
    },
    { names: [MISS_WORK.name], needs: 'wrk', run: () => misses(peers, pace) },
    { names: ['herds'], run: () => herds(peers, pace.rounds) },
    { names: ['slow-readers'], run: () => slowReaders(peers) },
    byAims('origins/188-misses', concurrentMisses),
    byAims('origins/unreliable', unreliableOrigin),
    byAims('origins/limited', limitedOrigin),
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

/** Why a part cannot run on this machine; undefined where it can. */
export function hindrance({ needs }: Part): string | undefined {
  return needs === 'wrk' && !hasWrk() ? 'wrk is not installed; Debian: apt-get install wrk' : undefined
}
