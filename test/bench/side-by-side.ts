/**
 * Hits and misses of the shield, of what it cannot be cheaper than, and of its peers, over one origin and in one run.
 *
 * Each round measures everyone, every other round in reverse order, so that whatever the machine does besides falls on
 * all alike; what is told is the median of the rounds. Who makes an error is left out of that work from then on, and the
 * run goes on without it.
 */

import { type Findings, type Row, together } from './findings.ts'
import { type LoadResult, type LoadTarget, putLoad } from './load.ts'
import { MEMORY_MEBIBYTES, type Peer } from './peers.ts'
import { residentBytes } from './proc.ts'
import { type ServerProcess, startBareServer, startPacedOrigin, startSdkPipe } from './processes.ts'
import { tell } from './progress.ts'
import { startShield } from './shield-process.ts'
import {
  checkAnswer,
  fetchWhole,
  type HitWork,
  MISS_LENGTH,
  MISS_WORK,
  objectPath,
  UNDICI_MISS_WORK,
  type Work,
} from './works.ts'

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

export interface Server {
  readonly name: string
  readonly process: ServerProcess
}

export const SHIELD = 'segment-shield'
/** What the shield does besides, each time it stands beside others. */
export const RECORDING = { access: true, output: 'discarded', metrics: true } as const
export const MEMORY = `${MEMORY_MEBIBYTES}MiB`

/** CPU of hits; everyone has the object, and the origin hears of none of them. */
export async function hits(works: readonly HitWork[], peers: readonly Peer[], pace: Pace): Promise<Findings> {
  const origin = await startPacedOrigin()
  const { caches, failures } = await startCaches(origin.port, peers)
  const found: Findings[] = [{ failures }]
  for (const work of works) {
    const floor = { name: 'bare node:http', process: await startBareServer({ answer: work.answer }) }
    const prepare = async ({ name, process }: Server) => {
      if (name !== floor.name) await fetchWhole(process, objectPath(1, work.length))
      await checkAnswer(process, work)
    }
    const target = () => work.target
    found.push(await measure({ work, servers: [floor, ...caches], pace, prepare, target, origin }))
    await floor.process.close()
  }
  for (const { process } of caches) await process.close()
  await origin.close()
  return together(found)
}

/** CPU of misses, by both transports: every request is for an object of its own, and costs the origin one. */
export async function misses(peers: readonly Peer[], pace: Pace): Promise<Findings> {
  const origin = await startPacedOrigin()
  const floor = { name: 'bare SDK pipe', process: await startSdkPipe(origin.port) }
  const { caches, failures } = await startCaches(origin.port, peers)
  const servers = [floor, ...caches]
  let firstSeed = 1000
  const target = (): LoadTarget => {
    // More than anyone gets through in one round.
    firstSeed += 100_000
    return { kind: 'distinct', length: MISS_LENGTH, firstSeed }
  }
  const prepare = async () => undefined
  const found = await measure({ work: MISS_WORK, servers, pace, prepare, target })
  for (const { process } of caches) await process.close()
  const undici = { memory: MEMORY, ...RECORDING, origin: { transport: 'undici' } }
  const lighter = { name: SHIELD, process: await startShield(origin.port, undici) }
  const foundLighter = await measure({ work: UNDICI_MISS_WORK, servers: [floor, lighter], pace, prepare, target })
  for (const { process } of [floor, lighter]) await process.close()
  await origin.close()
  return together([{ failures }, found, foundLighter])
}

/** The shield, and those of its peers that start. */
async function startCaches(originPort: number, peers: readonly Peer[]) {
  const caches: Server[] = [{ name: SHIELD, process: await startShield(originPort, { memory: MEMORY, ...RECORDING }) }]
  const failures: string[] = []
  for (const { name, start } of peers) {
    try {
      caches.push({ name, process: await start(originPort) })
    } catch (error) {
      failures.push(`${name} did not start: ${textOf(error)}`)
    }
  }
  return { caches, failures }
}

export interface Measuring {
  readonly work: Work
  /** The floor first. */
  readonly servers: readonly Server[]
  readonly pace: Pace
  /** What has to be so before the load. @throws Error where it is not */
  readonly prepare: (server: Server) => Promise<void>
  readonly target: () => LoadTarget
  /** Asked nothing under load. */
  readonly origin?: { counts(): Promise<{ readonly requests: number }> }
}

export async function measure({ work, servers, pace, prepare, target, origin }: Measuring): Promise<Findings> {
  tell(`  ${work.title}`)
  const results = new Map<Server, LoadResult[]>(servers.map((server) => [server, []]))
  const failures: string[] = []
  const attempt = async (server: Server, run: () => Promise<void>) => {
    try {
      await run()
    } catch (error) {
      results.delete(server)
      failures.push(`${work.title}, ${server.name}: ${textOf(error)}`)
    }
  }
  for (const server of servers) {
    await attempt(server, async () => {
      await prepare(server)
      await putLoad(server.process, target(), work.warmUpSeconds)
    })
  }
  const before = await origin?.counts()
  for (let round = 0; round < pace.rounds; round += 1) {
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      const seen = results.get(server)
      if (seen === undefined) continue
      await attempt(server, async () => {
        seen.push(await putLoad(server.process, target(), pace.seconds))
      })
    }
  }
  const asked = ((await origin?.counts())?.requests ?? 0) - (before?.requests ?? 0)
  if (asked !== 0) failures.push(`${work.title}: the origin was asked ${asked} times`)
  const measurements = [...results].map(([server, loads]) => middleOf(work, server, loads))
  return { measurements, rows: judge(work, servers[0]?.name ?? '', measurements), failures }
}

function middleOf({ title }: Work, { name, process }: Server, loads: readonly LoadResult[]): Measurement {
  const middle = (of: (load: LoadResult) => number) => median(loads.map(of))
  return {
    work: title,
    server: name,
    cpuMicrosecondsPerRequest: middle((load) => load.cpuMicrosecondsPerRequest),
    requestsPerSecond: middle((load) => load.requestsPerSecond),
    gigabytesPerSecond: middle((load) => load.gigabytesPerSecond),
    p50Ms: middle((load) => load.p50Ms),
    p99Ms: middle((load) => load.p99Ms),
    residentBytes: residentBytes(process.pid),
    cpuRounds: loads.map((load) => load.cpuMicrosecondsPerRequest),
  }
}

/** What the aims of the work make of it. */
function judge({ title, aim }: Work, floor: string, measurements: readonly Measurement[]): Row[] {
  const costs = new Map(measurements.map((it) => [it.server, it.cpuMicrosecondsPerRequest]))
  const cost = costs.get(SHIELD)
  const compare = (other: string, most: number, isMet: (ratio: number) => boolean, sign: string): Row[] => {
    const others = costs.get(other)
    if (cost === undefined || others === undefined) return []
    const ratio = cost / others
    return [
      {
        what: `${title}: CPU beside ${other}`,
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

const textOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
export const micros = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} µs`

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
