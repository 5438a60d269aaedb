/**
 * `npm run bench`: the shield beside what it cannot be cheaper than and beside its peers, and what it promises of
 * itself, as Markdown on standard output. Exit code 1 when an aim was missed, 2 when the arguments are wrong.
 *
 *     npm run bench -- --only hits,herds --rounds 5 --seconds 3 --json /tmp/bench.json
 */

import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { chooseNames, type Findings, hindrance, makeParts } from './parts.ts'
import { findPeers } from './peers.ts'
import { machine, markdown, type Report, versions } from './report.ts'

const print = (text: string) => process.stdout.write(`${text}\n`)
/** Where the benchmark is, for whoever waits; not part of the report. */
const tell = (text: string) => process.stderr.write(`${text}\n`)

const { values } = parseArgs({
  options: {
    /** Names of parts, or what comes before the slash of several; separated by commas. */
    only: { type: 'string' },
    /** A file that gets everything as JSON. */
    json: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    /** Of load, for each server in each round. */
    seconds: { type: 'string', default: '2' },
  },
})
const pace = { rounds: wholeNumber(values.rounds), seconds: wholeNumber(values.seconds) }
const { peers, missing } = findPeers()
const parts = makeParts(peers, pace)
const chosen = chooseNames(parts, values.only?.split(','))

if (chosen === undefined || pace.rounds === 0 || pace.seconds === 0) {
  const names = parts.flatMap((part) => part.names).join(', ')
  tell(`expected --rounds and --seconds from 1, and --only with some of: ${names}`)
  process.exitCode = 2
} else {
  const report = await runParts(chosen)
  print(markdown(report))
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
  process.exitCode = report.rows.every(({ isMet }) => isMet) ? 0 : 1
}

async function runParts(wanted: ReadonlySet<string>): Promise<Report> {
  const findings: Findings[] = []
  const leftOut = missing.map((name) => `the comparison with ${name} (not installed)`)
  for (const part of parts) {
    const names = part.names.filter((name) => wanted.has(name))
    if (names.length === 0) continue
    const reason = hindrance(part)
    if (reason !== undefined) {
      leftOut.push(`${names.join(', ')} (${reason})`)
      continue
    }
    tell(`${names.join(', ')} …`)
    findings.push(await part.run(names))
  }
  if (values.only === undefined) leftOut.push('TLS (the shield has none yet)')
  return {
    date: new Date().toISOString(),
    machine: machine(),
    versions: versions(peers),
    pace,
    measurements: findings.flatMap(({ measurements = [] }) => measurements),
    crowds: findings.flatMap(({ crowds = [] }) => crowds),
    rows: findings.flatMap(({ rows = [] }) => rows),
    leftOut,
  }
}

/** 0 for what is none. */
function wholeNumber(text: string): number {
  return /^\d{1,4}$/.test(text) ? Number(text) : 0
}
