/** What was seen, as Markdown for people and as one JSON value for programs. */

import { spawnSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'
import type { Crowd } from './crowds.ts'
import type { Findings, Row } from './findings.ts'
import type { Curve } from './growth.ts'
import type { Peer } from './peers.ts'
import { type Measurement, type Pace, SHIELD } from './side-by-side.ts'

export interface Report extends Required<Findings> {
  /** ISO 8601 */
  readonly date: string
  readonly machine: {
    readonly cpu: string
    readonly cores: number
    readonly memoryBytes: number
    readonly kernel: string
    /** What else it had to do before the benchmark: runnable processes on average over a minute. */
    readonly loadBefore: number
  }
  readonly versions: Readonly<Record<string, string>>
  /** How often the shield's metrics were read meanwhile, and how often it had none. */
  readonly scrapes: { readonly good: number; readonly failed: number }
  readonly pace: Pace & { readonly load: string; readonly totalSeconds: number }
  /** What was asked for and could not be run, and why. */
  readonly leftOut: readonly string[]
}

export function machine(loadBefore: number): Report['machine'] {
  const [{ model = 'unknown' } = {}] = cpus()
  return { cpu: model, cores: cpus().length, memoryBytes: totalmem(), kernel: release(), loadBefore }
}

export function versions(peers: readonly Peer[]): Report['versions'] {
  const versionOf = (program: string) => {
    const { stdout, stderr } = spawnSync(program, ['-V'], { encoding: 'utf8' })
    return /\d+\.\d+(?:\.\d+)?/.exec(`${stdout}${stderr}`)?.[0] ?? 'unknown'
  }
  return { node: process.version, ...Object.fromEntries(peers.map(({ name, program }) => [name, versionOf(program)])) }
}

/** A paragraph about the circumstances, and a table for each kind of thing that was measured. */
export function markdown(report: Report): string {
  const { measurements, crowds, curves, rows, failures, leftOut } = report
  const sections = [
    circumstances(report),
    measurements.length > 0 ? costTable(measurements) : '',
    measurements.length > 0 ? measurementTable(measurements) : '',
    crowds.length > 0 ? crowdTable(crowds) : '',
    ...curves.map(curveTable),
    rows.length > 0 ? rowTable(rows) : '',
    failures.map((what) => `FAILED: ${what}`).join('\n'),
    leftOut.map((what) => `left out: ${what}`).join('\n'),
  ]
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}

function circumstances({ date, machine: { cpu, cores, loadBefore }, versions: found, pace, scrapes }: Report): string {
  const metrics = scrapes.good > 0 ? ' and has its metrics read once a second' : ', and has no metrics to read'
  const programs = Object.entries(found).map(([name, version]) => `${name} ${version}`)
  return [
    `${date}, ${cores} x ${cpu}, ${loadBefore.toFixed(1)} processes running before; ${programs.join(', ')}`,
    `Medians of ${pace.rounds} rounds of ${pace.seconds} s, in alternating order; load from ${pace.load}; ${pace.totalSeconds.toFixed(0)} s in all.`,
    `${SHIELD} writes an access record a request (to /dev/null)${metrics}; its peers log nothing. CPU is user and system, of all processes of a server.`,
  ].join('\n')
}

/** Works down, servers across: CPU per request, and beside it what it is of the floor's. */
function costTable(measurements: readonly Measurement[]): string {
  const works = unique(measurements.map(({ work }) => work))
  const names = unique(measurements.map(({ server }) => server))
  const others = names.filter((server) => !isFloor(server))
  const lines = works.map((work) => {
    const ofWork = measurements.filter((it) => it.work === work)
    const floor = ofWork.find(({ server }) => isFloor(server))
    const cells = others.map((server) => {
      const cost = ofWork.find((it) => it.server === server)?.cpuMicrosecondsPerRequest
      if (cost === undefined) return ''
      return floor === undefined ? number(cost) : `${number(cost)} (${ratio(cost, floor.cpuMicrosecondsPerRequest)})`
    })
    return [work, floor === undefined ? '' : `${number(floor.cpuMicrosecondsPerRequest)}`, ...cells]
  })
  return table(['CPU per request, µs (beside bare)', 'bare', ...others], lines)
}

/** The floors' names say what they are. */
const isFloor = (server: string) => server.startsWith('bare ')

function measurementTable(measurements: readonly Measurement[]): string {
  const head = ['work', 'server', 'CPU, µs', 'requests/s', 'GB/s', 'p50, ms', 'p99, ms', 'RSS, MB']
  const lines = measurements.map((it, index) => [
    it.work === measurements[index - 1]?.work ? '' : it.work,
    it.server,
    number(it.cpuMicrosecondsPerRequest),
    it.requestsPerSecond.toFixed(0),
    it.gigabytesPerSecond.toFixed(2),
    it.p50Ms.toFixed(2),
    it.p99Ms.toFixed(2),
    megabytes(it.residentBytes),
  ])
  return table(head, lines, 2)
}

function crowdTable(crowds: readonly Crowd[]): string {
  const head = [
    ...['work', 'server', 'whole', 'origin requests', 'first byte p50, ms', 'p99', 'total p50, ms', 'p99', 'slowest'],
    ...['CPU, µs', 'RSS, MB'],
  ]
  const lines = crowds.map((it, index) => [
    it.work === crowds[index - 1]?.work ? '' : it.work,
    ...[it.server, `${it.whole} of ${it.clients}`, String(it.originRequests)],
    ...[it.firstByteP50Ms, it.firstByteP99Ms, it.totalP50Ms, it.totalP99Ms, it.slowestMs].map((ms) => ms.toFixed(0)),
    ...[number(it.cpuMicrosecondsPerRequest), megabytes(it.residentBytes)],
  ])
  return table(head, lines, 2)
}

/** Of the bar that stands for the first; none is longer than three of them. */
const BAR_LENGTH = 20

function curveTable({ of, points }: Curve): string {
  const first = points[0]?.cpuMicrosecondsPerRequest ?? 0
  const lines = points.map(({ count, cpuMicrosecondsPerRequest: cpu, p99Ms }) => [
    '#'.repeat(Math.min(3 * BAR_LENGTH, Math.round((cpu / first) * BAR_LENGTH))),
    ...[count.toLocaleString('en'), number(cpu), ratio(cpu, first), p99Ms.toFixed(2)],
  ])
  return table([`a hit beside ever more ${of}`, 'count', 'CPU, µs', 'beside the first', 'p99, ms'], lines)
}

function rowTable(rows: readonly Row[]): string {
  const verdict = ({ aim, isMet }: Row) => (aim === '' ? '' : isMet ? 'met' : '**missed**')
  return table(
    ['work', 'measured', 'aim', ''],
    rows.map((row) => [row.what, row.measured, row.aim, verdict(row)]),
    4,
  )
}

/** A Markdown table that can be read as it is, too. @param texts how many of the first columns hold no numbers */
function table(head: readonly string[], lines: readonly (readonly string[])[], texts = 1): string {
  const widths = head.map((name, column) =>
    Math.max(3, name.length, ...lines.map((cells) => cells[column]?.length ?? 0)),
  )
  const line = (cells: readonly string[]) => {
    const padded = widths.map((width, column) => {
      const cell = cells[column] ?? ''
      return column < texts ? cell.padEnd(width) : cell.padStart(width)
    })
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, column) => (column < texts ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  return [line(head), line(rule), ...lines.map(line)].join('\n')
}

const number = (value: number) => value.toFixed(value < 100 ? 1 : 0)
const ratio = (value: number, floor: number) => `${(value / floor).toFixed(2)}x`
const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0)
const unique = (values: readonly string[]) => [...new Set(values)]
