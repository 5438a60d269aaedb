/**
 * Crowds: many clients at once on what is not there yet, at full speed and on bad links, with every byte compared.
 *
 * The same of the shield and of its peers; only the shield has aims to meet.
 */

import { type Fetched, get, SlowReaders } from './client.ts'
import { contentFor } from './content.ts'
import type { Findings, Row } from './findings.ts'
import type { Peer } from './peers.ts'
import { cpuMicroseconds, residentBytes } from './proc.ts'
import { type PacedOrigin, type ServerProcess, startPacedOrigin } from './processes.ts'
import { type ShieldProcess, startWatchedShield } from './shield-process.ts'
import { MEMORY, median, RECORDING, SHIELD } from './side-by-side.ts'
import type { Watched } from './watched.ts'

/** One server under one crowd. Times of the answers, in milliseconds. */
export interface Crowd {
  readonly work: string
  readonly server: string
  readonly clients: number
  readonly whole: number
  readonly originRequests: number
  readonly firstByteP50Ms: number
  readonly firstByteP99Ms: number
  readonly totalP50Ms: number
  readonly totalP99Ms: number
  readonly slowestMs: number
  /** Of the server's process tree, user and system. */
  readonly cpuMicrosecondsPerRequest: number
  readonly residentBytes: number
}

type Start = (originPort: number) => Promise<ServerProcess & Partial<ShieldProcess>>

const MB = 1_000_000
const HERD = 500
const MOST_ROUNDS = 3
const HERD_TITLE = '500 clients, one cold 2 MB segment'
const ORIGIN_FIRST_BYTE_MS = 300
const SLOW_TITLE = '1,000 readers at 100 kB/s, 200 cold 1 MB segments'

const pathOf = (seed: number, length: number, delayMs: number, bytesPerSecond: number) =>
  `/${seed}-${length}-${delayMs}-${bytesPerSecond}.ts`
const ms = (value: number) => `${value.toFixed(0)} ms`
const wholeOf = (answers: readonly Fetched[]) => answers.filter((it) => it.status === 200 && it.isWhole).length

function lineUp(peers: readonly Peer[]): readonly { readonly name: string; readonly start: Start }[] {
  const startShield: Start = (originPort) => startWatchedShield(originPort, { memory: MEMORY, ...RECORDING })
  return [{ name: SHIELD, start: startShield }, ...peers]
}

/** Everyone asks for the newest segment at the same moment, once a round; a segment of its own each time. */
export async function herds(peers: readonly Peer[], rounds: number): Promise<Findings> {
  const origin = await startPacedOrigin()
  const servers = await Promise.all(
    lineUp(peers).map(async ({ name, start }) => ({ name, process: await start(origin.port), seen: [] as Crowd[] })),
  )
  // Connections and code are warm, the segments are not.
  for (const { process } of servers) {
    await get(process.port, pathOf(9, 1000, 0, 0), contentFor(9, 1000))
    await process.watched?.()
  }
  for (let round = 0; round < Math.min(rounds, MOST_ROUNDS); round += 1) {
    for (const { name, process, seen } of round % 2 === 0 ? servers : servers.toReversed()) {
      seen.push(await herdOn(name, process, origin, 100 + round))
    }
  }
  const watched = await servers[0]?.process.watched?.()
  for (const { process } of servers) await process.close()
  await origin.close()
  const crowds = servers.map(({ seen }) => middleOf(seen))
  const [shield] = crowds
  return { crowds, rows: shield === undefined ? [] : [...herdRows(shield), ...loopRows(watched)] }
}

async function herdOn(name: string, server: ServerProcess, origin: PacedOrigin, seed: number): Promise<Crowd> {
  const content = contentFor(seed, 2 * MB)
  const path = pathOf(seed, 2 * MB, ORIGIN_FIRST_BYTE_MS, 4 * MB)
  const before = await origin.counts()
  const cpuBefore = cpuMicroseconds(server.pid)
  const answers = await Promise.all(Array.from({ length: HERD }, () => get(server.port, path, content)))
  const cpu = cpuMicroseconds(server.pid) - cpuBefore
  const { requests } = await origin.counts()
  return crowdOf(HERD_TITLE, name, answers, requests - before.requests, cpu, residentBytes(server.pid))
}

function herdRows(shield: Crowd): Row[] {
  const firstByteMs = shield.firstByteP50Ms - ORIGIN_FIRST_BYTE_MS
  return [
    {
      what: `${HERD_TITLE}: whole answers`,
      measured: `${shield.whole} of ${HERD}`,
      aim: 'all',
      isMet: shield.whole === HERD,
    },
    {
      what: '… origin requests',
      measured: String(shield.originRequests),
      aim: '1',
      isMet: shield.originRequests === 1,
    },
    {
      what: "… median first byte, beyond the origin's own 300 ms",
      measured: ms(firstByteMs),
      aim: '≤ 200 ms',
      isMet: firstByteMs <= 200,
    },
    {
      what: '… slowest answer, whole (origin alone: 800 ms)',
      measured: ms(shield.slowestMs),
      aim: '≤ 1200 ms',
      isMet: shield.slowestMs <= 1200,
    },
  ]
}

/** How late the shield's event loop came round while others looked on, between the rounds too. */
function loopRows(watched: Watched | undefined): Row[] {
  if (watched === undefined) return []
  const { loopP99Ms, loopMaxMs } = watched
  return [
    {
      what: "… the event loop's delay, p99 and most",
      measured: `${loopP99Ms.toFixed(1)} ms, ${loopMaxMs.toFixed(1)} ms`,
      aim: 'p99 < 20 ms',
      isMet: loopP99Ms < 20,
    },
  ]
}

/** A thousand viewers on bad links hold their answers for ten seconds, and nothing else. */
export async function slowReaders(peers: readonly Peer[]): Promise<Findings> {
  const seen: Findings[] = []
  for (const { name, start } of lineUp(peers)) seen.push(await slowReadersOf(name, start))
  return {
    crowds: seen.flatMap(({ crowds = [] }) => crowds),
    rows: seen[0]?.rows ?? [],
  }
}

async function slowReadersOf(name: string, start: Start): Promise<Findings> {
  const [readers, segments] = [1000, 200]
  const origin = await startPacedOrigin()
  const server = await start(origin.port)
  const contents = Array.from({ length: segments }, (_, seed) => contentFor(seed, MB))
  await server.watched?.()
  const cpuBefore = cpuMicroseconds(server.pid)
  const slow = new SlowReaders(100_000)
  const slowAnswers = Promise.all(
    Array.from({ length: readers }, (_, index) => {
      const seed = index % segments
      return slow.get(server.port, pathOf(seed, MB, 50, 4 * MB), contents[seed] ?? Buffer.alloc(0))
    }),
  )
  let counts = await origin.counts()
  while ((counts.requests < segments || counts.activeAnswers > 0) && slow.reading > 0) counts = await origin.counts()
  const stillReading = slow.reading
  const others = await fetchOthers(server.port)
  const heldDuring = (await origin.counts()).activeAnswers
  const resident = residentBytes(server.pid)
  const answers = await slowAnswers
  const cpu = cpuMicroseconds(server.pid) - cpuBefore
  const watched = await server.watched?.()
  slow.close()
  await server.close()
  await origin.close()
  const crowd = crowdOf(SLOW_TITLE, name, answers, counts.requests, cpu, resident)
  const othersWhole = wholeOf(others)
  const rows: Row[] = [
    {
      what: `${SLOW_TITLE}: whole answers`,
      measured: `${crowd.whole} of ${readers}`,
      aim: 'all',
      isMet: crowd.whole === readers,
    },
    { what: '… origin requests', measured: String(counts.requests), aim: '200', isMet: counts.requests === segments },
    {
      what: '… readers still reading when the last fill had ended, and origin answers held by them',
      measured: `${stillReading}, ${heldDuring}`,
      aim: 'many, 0',
      isMet: stillReading > readers / 2 && heldDuring === 0,
    },
    {
      what: '… 40 other clients meanwhile: whole answers, median',
      measured: `${othersWhole}, ${ms(median(others.map((it) => it.totalMs)))}`,
      aim: 'all',
      isMet: othersWhole === others.length,
    },
    ...loopRows(watched),
  ]
  return { crowds: [crowd], rows }
}

/** Clients on good links, one after the other, each with a segment of its own. */
async function fetchOthers(port: number): Promise<readonly Fetched[]> {
  const answers: Fetched[] = []
  for (let index = 0; index < 40; index += 1) {
    const [seed, delayMs, length] = [5000 + index, index % 2 === 0 ? 0 : 20, 200_000 + index]
    answers.push(await get(port, pathOf(seed, length, delayMs, 0), contentFor(seed, length)))
  }
  return answers
}

function crowdOf(
  work: string,
  server: string,
  answers: readonly Fetched[],
  originRequests: number,
  cpu: number,
  resident: number,
): Crowd {
  const firstBytes = answers.map((it) => it.firstByteMs).toSorted((a, b) => a - b)
  const totals = answers.map((it) => it.totalMs).toSorted((a, b) => a - b)
  const at = (sorted: readonly number[], share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? 0
  return {
    work,
    server,
    clients: answers.length,
    whole: wholeOf(answers),
    originRequests,
    firstByteP50Ms: at(firstBytes, 0.5),
    firstByteP99Ms: at(firstBytes, 0.99),
    totalP50Ms: at(totals, 0.5),
    totalP99Ms: at(totals, 0.99),
    slowestMs: at(totals, 1),
    cpuMicrosecondsPerRequest: cpu / answers.length,
    residentBytes: resident,
  }
}

/** The round in the middle, number by number; of what must not happen, the worst. */
function middleOf(rounds: readonly Crowd[]): Crowd {
  const [first] = rounds
  if (first === undefined) throw new Error('no round was run')
  const middle = (of: (crowd: Crowd) => number) => median(rounds.map(of))
  return {
    ...first,
    whole: Math.min(...rounds.map(({ whole }) => whole)),
    originRequests: Math.max(...rounds.map(({ originRequests }) => originRequests)),
    firstByteP50Ms: middle((it) => it.firstByteP50Ms),
    firstByteP99Ms: middle((it) => it.firstByteP99Ms),
    totalP50Ms: middle((it) => it.totalP50Ms),
    totalP99Ms: middle((it) => it.totalP99Ms),
    slowestMs: middle((it) => it.slowestMs),
    cpuMicrosecondsPerRequest: middle((it) => it.cpuMicrosecondsPerRequest),
    residentBytes: Math.max(...rounds.map((it) => it.residentBytes)),
  }
}
