/**
 * Hits and misses of the shield, of what it cannot be cheaper than, and of its peers, over one origin and in one run.
 *
 * Each round measures everyone, every other round in reverse order, so that whatever the machine does besides falls on
 * all alike; what is told is the median of the rounds.
 */

import type { Row } from './cases.ts'
import { type LoadResult, type LoadTarget, putLoad } from './load.ts'
import { MEMORY_MEBIBYTES, type Peer } from './peers.ts'
import {
  residentBytes,
  type ServerProcess,
  startBareServer,
  startPacedOrigin,
  startSdkPipe,
  startShield,
} from './processes.ts'
import { checkAnswer, fetchWhole, type HitWork, MISS_LENGTH, MISS_WORK, objectPath, type Work } from './works.ts'

/** One server at one work. */
export interface Measurement extends LoadResult {
  readonly work: string
  readonly server: string
  /** At the end of the rounds. */
  readonly residentBytes: number
  /** Rounds one by one: CPU microseconds per request. */
  readonly cpuRounds: readonly number[]
}

export interface Pace {
  readonly rounds: number
  /** Of load, for each server in each round. */
  readonly seconds: number
}

export interface Measured {
  readonly measurements: readonly Measurement[]
  readonly rows: readonly Row[]
}

export const SHIELD = 'segment-shield'
export const SHIELD_RECORDING = 'segment-shield, access records'
const MEMORY = `${MEMORY_MEBIBYTES}MiB`

interface Server {
  readonly name: string
  readonly process: ServerProcess
}

/** CPU of hits; everyone has the object, and the origin hears of none of them. */
export async function hits(works: readonly HitWork[], peers: readonly Peer[], pace: Pace): Promise<Measured> {
  const origin = await startPacedOrigin()
  const caches = await startCaches(origin.port, peers)
  const measured: Measured[] = []
  for (const work of works) {
    const floor = { name: 'bare node:http', process: await startBareServer(work.answer) }
    for (const { process } of caches) {
      await fetchWhole(process.port, objectPath(1, work.length))
      await checkAnswer(process.port, work)
    }
    await checkAnswer(floor.process.port, work)
    const { requests } = await origin.counts()
    measured.push(await measure(work, floor, caches, pace, () => work.target))
    const asked = (await origin.counts()).requests - requests
    if (asked !== 0) throw new Error(`${work.title}: the origin was asked ${asked} times`)
    await floor.process.close()
  }
  for (const { process } of caches) await process.close()
  await origin.close()
  return {
    measurements: measured.flatMap(({ measurements }) => measurements),
    rows: measured.flatMap(({ rows }) => rows),
  }
}

/** CPU of misses: every request is for an object of its own, and costs the origin one. */
export async function misses(peers: readonly Peer[], pace: Pace): Promise<Measured> {
  const origin = await startPacedOrigin()
  const floor = { name: 'bare SDK pipe', process: await startSdkPipe(origin.port) }
  const caches = await startCaches(origin.port, peers)
  let firstSeed = 1000
  const nextTarget = (): LoadTarget => {
    // More than anyone gets through in one round.
    firstSeed += 100_000
    return { kind: 'distinct', length: MISS_LENGTH, firstSeed }
  }
  const measured = await measure(MISS_WORK, floor, caches, pace, nextTarget)
  for (const { process } of [floor, ...caches]) await process.close()
  await origin.close()
  return measured
}

async function startCaches(originPort: number, peers: readonly Peer[]): Promise<readonly Server[]> {
  const output = 'discarded'
  return [
    { name: SHIELD, process: await startShield(originPort, { memory: MEMORY, access: false, output }) },
    { name: SHIELD_RECORDING, process: await startShield(originPort, { memory: MEMORY, access: true, output }) },
    ...(await Promise.all(peers.map(async (peer) => ({ name: peer.name, process: await peer.start(originPort) })))),
  ]
}

async function measure(
  work: Work,
  floor: Server,
  caches: readonly Server[],
  { rounds, seconds }: Pace,
  target: () => LoadTarget,
): Promise<Measured> {
  const servers = [floor, ...caches]
  const results = new Map<Server, LoadResult[]>(servers.map((server) => [server, []]))
  for (const { process } of servers) await putLoad(process, target(), work.warmUpSeconds)
  for (let round = 0; round < rounds; round += 1) {
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      results.get(server)?.push(await putLoad(server.process, target(), seconds))
    }
  }
  const measurements = servers.map(({ name, process }, index): Measurement => {
    const loads = results.get(servers[index] ?? floor) ?? []
    const middle = (of: (load: LoadResult) => number) => median(loads.map(of))
    return {
      work: work.title,
      server: name,
      cpuMicrosecondsPerRequest: middle((load) => load.cpuMicrosecondsPerRequest),
      requestsPerSecond: middle((load) => load.requestsPerSecond),
      gigabytesPerSecond: middle((load) => load.gigabytesPerSecond),
      p50Ms: middle((load) => load.p50Ms),
      p99Ms: middle((load) => load.p99Ms),
      residentBytes: residentBytes(process.pid),
      cpuRounds: loads.map((load) => load.cpuMicrosecondsPerRequest),
    }
  })
  return { measurements, rows: judge(work, floor.name, measurements) }
}

/** What the aims of the work make of it. */
function judge({ title, aim }: Work, floor: string, measurements: readonly Measurement[]): Row[] {
  const costs = new Map(measurements.map((it) => [it.server, it.cpuMicrosecondsPerRequest]))
  const cost = costs.get(SHIELD_RECORDING) ?? 0
  const compare = (other: string, most: number, isMet: (ratio: number) => boolean, sign: string): Row[] => {
    const others = costs.get(other)
    if (others === undefined) return []
    const ratio = cost / others
    return [
      {
        what: `${title}: CPU with access records, beside ${other}`,
        measured: `${micros(cost)} / ${micros(others)} = ${ratio.toFixed(2)}x`,
        aim: `${sign} ${most}x`,
        isMet: isMet(ratio),
      },
    ]
  }
  const { ofFloor, below = [], notAbove = [] } = aim
  return [
    ...(ofFloor === undefined ? [] : compare(floor, ofFloor, (ratio) => ratio <= ofFloor, '≤')),
    ...below.flatMap((peer) => compare(peer, 1, (ratio) => ratio < 1, '<')),
    ...notAbove.flatMap((peer) => compare(peer, 1, (ratio) => ratio <= 1, '≤')),
  ]
}

export const micros = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} µs`

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
