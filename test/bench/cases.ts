/** What is measured: each case starts its own processes, checks every byte, and says what it saw in rows. */

import { execFileSync } from 'node:child_process'
import { type Fetched, get, SlowReaders } from './client.ts'
import { contentFor } from './content.ts'
import type { Peer } from './peers.ts'
import type { ServerProcess } from './processes.ts'
import { cpuMicroseconds, residentBytes, startBareServer, startPacedOrigin, startShield } from './processes.ts'

export interface Row {
  readonly what: string
  readonly measured: string
  readonly aim: string
  readonly isMet: boolean
}

const MB = 1_000_000

const pathOf = (seed: number, length: number, delayMs: number, bytesPerSecond: number) =>
  `/${seed}-${length}-${delayMs}-${bytesPerSecond}.ts`
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
const ms = (value: number) => `${value.toFixed(0)} ms`
const count = (answers: readonly Fetched[]) => answers.filter((it) => it.status === 200 && it.isWhole).length

/** The load that a default pool breaks under: 188 segments at once, each its own object. */
export async function concurrentMisses(): Promise<Row[]> {
  const clients = 188
  const origin = await startPacedOrigin()
  const shield = await startShield(origin.port, { memory: '1GiB', access: false })
  const contents = Array.from({ length: clients }, (_, seed) => contentFor(seed, MB))
  const answers = await Promise.all(
    contents.map((content, seed) => get(shield.port, pathOf(seed, MB, 200, 4 * MB), content)),
  )
  const counts = await origin.counts()
  const warnings = shield.output().match(/socket usage at capacity|queue/gi)?.length ?? 0
  await shield.close()
  await origin.close()
  const whole = count(answers)
  return [
    {
      what: '188 distinct cold 1 MB objects at once: whole answers',
      measured: `${whole} of ${clients}`,
      aim: 'all',
      isMet: whole === clients,
    },
    {
      what: '… origin connections at most',
      measured: String(counts.peakSockets),
      aim: '≤ 200',
      isMet: counts.peakSockets <= 200,
    },
    { what: '… warnings in the log', measured: String(warnings), aim: '0', isMet: warnings === 0 },
  ]
}

/** Everyone asks for the newest segment at the same moment; then the same of the peers, which have no aims to meet. */
export async function herd(peers: readonly Peer[]): Promise<Row[]> {
  const shield = await herdOn((originPort) => startShield(originPort, { memory: '256MiB', access: false }))
  const rows: Row[] = [
    {
      what: '500 clients on one cold 2 MB segment: whole answers',
      measured: `${shield.whole} of ${HERD}`,
      aim: 'all',
      isMet: shield.whole === HERD,
    },
    { what: '… origin requests', measured: String(shield.requests), aim: '1', isMet: shield.requests === 1 },
    {
      what: "… median first byte, beyond the origin's own 300 ms",
      measured: ms(shield.firstByteMs),
      aim: '≤ 200 ms',
      isMet: shield.firstByteMs <= 200,
    },
    {
      what: '… slowest answer, whole (origin alone: 800 ms)',
      measured: ms(shield.slowestMs),
      aim: '≤ 1200 ms',
      isMet: shield.slowestMs <= 1200,
    },
  ]
  for (const peer of peers) {
    const { firstByteMs, slowestMs, requests } = await herdOn((originPort) => peer.start(originPort))
    const measured = `${ms(firstByteMs)}, ${ms(slowestMs)}, ${requests}`
    rows.push({ what: `… ${peer.name}: median first byte, slowest, origin requests`, measured, aim: '', isMet: true })
  }
  return rows
}

const HERD = 500

async function herdOn(start: (originPort: number) => Promise<ServerProcess>) {
  const length = 2 * MB
  const originFirstByteMs = 300
  const origin = await startPacedOrigin()
  const server = await start(origin.port)
  await get(server.port, pathOf(9, 1000, 0, 0), contentFor(9, 1000)) // connections and code are warm, the segment is not
  const before = await origin.counts()
  const content = contentFor(7, length)
  const path = pathOf(7, length, originFirstByteMs, 4 * MB)
  const answers = await Promise.all(Array.from({ length: HERD }, () => get(server.port, path, content)))
  const requests = (await origin.counts()).requests - before.requests
  await server.close()
  await origin.close()
  return {
    whole: count(answers),
    requests,
    firstByteMs: median(answers.map((it) => it.firstByteMs)) - originFirstByteMs,
    slowestMs: Math.max(...answers.map((it) => it.totalMs)),
  }
}

/**
 * CPU of a hit beside a bare node:http server that writes the same bytes, and beside the peers, in alternating rounds.
 * Needs wrk.
 */
export async function hitCpu(length: number, peers: readonly Peer[], aim: number | undefined): Promise<Row[]> {
  const rounds = 5
  const origin = await startPacedOrigin()
  const shield = await startShield(origin.port, { memory: '256MiB', access: false })
  const bare = await startBareServer(length)
  const others = await Promise.all(
    peers.map(async (peer) => ({ name: peer.name, server: await peer.start(origin.port) })),
  )
  const servers = [{ name: 'bare', server: bare }, { name: 'shield', server: shield }, ...others]
  const path = pathOf(1, length, 0, 0)
  const costs = new Map(servers.map(({ name }) => [name, [] as number[]]))
  for (const { server } of servers) cpuPerRequest(server, path)
  const { requests } = await origin.counts()
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, server } of servers) costs.get(name)?.push(cpuPerRequest(server, path))
  }
  const asked = (await origin.counts()).requests - requests
  for (const { server } of servers) await server.close()
  await origin.close()
  if (asked !== 0) throw new Error(`hits asked the origin ${asked} times`)
  const cost = (name: string) => median(costs.get(name) ?? [])
  const ratio = cost('shield') / cost('bare')
  const size = length >= MB ? `${length / MB} MB` : `${length / 1000} kB`
  const beside = others.map(({ name }) => `${name} ${micros(cost(name))}`).join(', ')
  return [
    {
      what: `CPU of a ${size} hit, beside bare node:http`,
      measured: `${micros(cost('shield'))} / ${micros(cost('bare'))} = ${ratio.toFixed(2)}x${beside === '' ? '' : ` (${beside})`}`,
      aim: aim === undefined ? '' : `≤ ${aim}x`,
      isMet: aim === undefined || ratio <= aim,
    },
  ]
}

const micros = (value: number) => `${value.toFixed(value < 100 ? 1 : 0)} µs`

/** Microseconds of server CPU for one request, over some seconds of load from 32 connections. */
function cpuPerRequest({ pid, port }: ServerProcess, path: string): number {
  const before = cpuMicroseconds(pid)
  const report = execFileSync('wrk', ['-t1', '-c32', '-d3s', `http://127.0.0.1:${port}${path}`], { encoding: 'utf8' })
  const used = cpuMicroseconds(pid) - before
  const requests = Number(/(\d+) requests in/.exec(report)?.[1])
  if (/Non-2xx|Socket errors/.test(report)) throw new Error(`wrk saw errors:\n${report}`)
  return used / requests
}

/** A thousand viewers on bad links hold their answers for ten seconds, and nothing else. */
export async function slowReaders(): Promise<Row[]> {
  const [readers, segments] = [1000, 200]
  const origin = await startPacedOrigin()
  const shield = await startShield(origin.port, { memory: '512MiB', access: false })
  const contents = Array.from({ length: segments }, (_, seed) => contentFor(seed, MB))
  const ordinary = async () => {
    const answers: Fetched[] = []
    for (let index = 0; index < 40; index += 1) {
      const [seed, delayMs] = [5000 + answers.length, index % 2 === 0 ? 0 : 20]
      const length = 200_000 + index
      answers.push(await get(shield.port, pathOf(seed, length, delayMs, 0), contentFor(seed, length)))
    }
    return answers
  }
  const slow = new SlowReaders(100_000)
  const slowAnswers = Promise.all(
    Array.from({ length: readers }, (_, index) => {
      const seed = index % segments
      return slow.get(shield.port, pathOf(seed, MB, 50, 4 * MB), contents[seed] ?? Buffer.alloc(0))
    }),
  )
  let counts = await origin.counts()
  while (counts.requests < segments || counts.activeAnswers > 0) counts = await origin.counts()
  const stillReading = slow.reading
  const during = await ordinary()
  const heldDuring = (await origin.counts()).activeAnswers
  const resident = residentBytes(shield.pid)
  const whole = count(await slowAnswers)
  slow.close()
  await shield.close()
  await origin.close()
  const ordinaryWhole = count(during)
  return [
    {
      what: '1,000 readers at 100 kB/s of 200 cold 1 MB segments: whole answers',
      measured: `${whole} of ${readers}`,
      aim: 'all',
      isMet: whole === readers,
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
      measured: `${ordinaryWhole}, ${ms(median(during.map((it) => it.totalMs)))}`,
      aim: 'all',
      isMet: ordinaryWhole === during.length,
    },
    { what: '… resident memory of the shield', measured: `${(resident / MB).toFixed(0)} MB`, aim: '', isMet: true },
  ]
}
