/** What was seen, as Markdown for people and as one JSON value for programs. */

import { spawnSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import type { Row } from './cases.ts'
import type { Crowd } from './crowds.ts'
import type { Peer } from './peers.ts'
import { type Measurement, type Pace, SHIELD_RECORDING } from './side-by-side.ts'

export interface Report {
  /** ISO 8601 */
  readonly date: string
  readonly machine: {
    readonly cpu: string
    readonly cores: number
    readonly memoryBytes: number
    readonly kernel: string
  }
  readonly versions: Readonly<Record<string, string>>
  readonly pace: Pace
  readonly measurements: readonly Measurement[]
  readonly crowds: readonly Crowd[]
  readonly rows: readonly Row[]
  /** What was asked for and could not be run, and why. */
  readonly leftOut: readonly string[]
}

export function machine(): Report['machine'] {
  const [{ model = 'unknown' } = {}] = cpus()
  return { cpu: model, cores: cpus().length, memoryBytes: totalmem(), kernel: release() }
}

export function versions(peers: readonly Peer[]): Report['versions'] {
  const versionOf = (program: string) => {
    const { stdout, stderr } = spawnSync(program, ['-V'], { encoding: 'utf8' })
    return /\d+\.\d+(?:\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown'
  }
  return { node: process.version, ...Object.fromEntries(peers.map(({ name, program }) => [name, versionOf(program)])) }
}

/** A line about the circumstances, and a table for each kind of thing that was measured. */
export function markdown(report: Report): string {
  const { measurements, crowds, rows, leftOut } = report
  const sections = [
    circumstances(report),
    measurements.length > 0 ? costTable(measurements) : '',
    measurements.length > 0 ? measurementTable(measurements) : '',
    crowds.length > 0 ? crowdTable(crowds) : '',
    rows.length > 0 ? rowTable(rows) : '',
    leftOut.map((what) => `left out: ${what}`).join('\n'),
  ]
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}

function circumstances({ date, machine: { cpu, cores }, versions: found, pace }: Report): string {
  const programs = Object.entries(found).map(([name, version]) => `${name} ${version}`)
  return `${date}; ${cores} x ${cpu}; ${programs.join(', ')}; medians of ${pace.rounds} rounds of ${pace.seconds} s`
}

/** Works down, servers across: CPU per request, and that of the shield as a multiple of the floor. */
function costTable(measurements: readonly Measurement[]): string {
  const works = unique(measurements.map(({ work }) => work))
  const floors = unique(works.map((work) => measurements.find((it) => it.work === work)?.server ?? ''))
  const others = unique(measurements.map(({ server }) => server)).filter((server) => !floors.includes(server))
  const lines = works.map((work) => {
    const ofWork = measurements.filter((it) => it.work === work)
    const costOf = (server: string) => ofWork.find((it) => it.server === server)?.cpuMicrosecondsPerRequest
    const floor = ofWork[0]?.cpuMicrosecondsPerRequest ?? 0
    const recording = costOf(SHIELD_RECORDING) ?? 0
    const cells = others.map((server) => number(costOf(server)))
    return [work, number(floor), ...cells, `${(recording / floor).toFixed(2)}x`]
  })
  return table(['CPU per request, µs', floors.join(' / '), ...others, 'with access records, beside the floor'], lines)
}

function measurementTable(measurements: readonly Measurement[]): string {
  const head = ['work', 'server', 'CPU, µs', 'requests/s', 'GB/s', 'p50, ms', 'p99, ms', 'RSS, MB']
  const lines = measurements.map((it) => [
    it.work,
    it.server,
    number(it.cpuMicrosecondsPerRequest),
    it.requestsPerSecond.toFixed(0),
    it.gigabytesPerSecond.toFixed(2),
    it.p50Ms.toFixed(2),
    it.p99Ms.toFixed(2),
    megabytes(it.residentBytes),
  ])
  return table(head, lines)
}

function crowdTable(crowds: readonly Crowd[]): string {
  const head = [
    ...['work', 'server', 'whole', 'origin requests', 'first byte p50, ms', 'p99, ms', 'total p50, ms', 'p99, ms'],
    ...['slowest, ms', 'CPU, µs', 'RSS, MB'],
  ]
  const lines = crowds.map((it) => [
    ...[it.work, it.server, `${it.whole} of ${it.clients}`, String(it.originRequests)],
    ...[it.firstByteP50Ms, it.firstByteP99Ms, it.totalP50Ms, it.totalP99Ms, it.slowestMs].map((ms) => ms.toFixed(0)),
    ...[number(it.cpuMicrosecondsPerRequest), megabytes(it.residentBytes)],
  ])
  return table(head, lines)
}

function rowTable(rows: readonly Row[]): string {
  const verdict = ({ aim, isMet }: Row) => (aim === '' ? '' : isMet ? 'met' : 'missed')
  return table(
    ['work', 'measured', 'aim', ''],
    rows.map((row) => [row.what, row.measured, row.aim, verdict(row)]),
  )
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head), `|${head.map(() => '---|').join('')}`, ...lines.map(line)].join('\n')
}

const number = (value: number | undefined) => (value === undefined ? '' : value.toFixed(value < 100 ? 1 : 0))
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0)
const unique = (values: readonly string[]) => [...new Set(values)]
