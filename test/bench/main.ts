/**
 * `npm run bench`: the shield beside what it cannot be cheaper than and beside its peers, and what it promises of
 * itself, as Markdown on standard output. Exit code 1 when an aim was missed, 2 when the arguments are wrong.
 *
 *     npm run bench -- --only hits,herds --rounds 7 --seconds 3 --json /tmp/bench.json
 */

import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { type Findings, together } from './findings.ts'
import { loadTool } from './load.ts'
import { chooseNames, makeParts, type Part } from './parts.ts'
import { findPeers } from './peers.ts'
import { tell } from './progress.ts'
import { machine, markdown, type Report, versions } from './report.ts'
import { scrapes } from './shield-process.ts'

const { values } = parseArgs({
  options: {
    /** Names of parts, or what comes before the slash of several; separated by commas. */
    only: { type: 'string' },
    /** A file that gets everything as JSON. */
    json: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    /** Of load, for each server in each round. */
    seconds: { type: 'string', default: '1' },
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
  const text = markdown(report)
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
  const isGood = report.failures.length === 0 && report.rows.every(({ isMet }) => isMet)
  // What a part that broke down has left running must not keep this process alive.
  process.stdout.write(`${text}\n`, () => process.exit(isGood ? 0 : 1))
}

async function runParts(wanted: ReadonlySet<string>): Promise<Report> {
  const findings: Findings[] = []
  const leftOut = missing.map((name) => `the comparison with ${name} (not installed)`)
  const [loadBefore, startedMs] = [loadavg()[0] ?? 0, performance.now()]
  for (const part of parts) {
    const names = part.names.filter((name) => wanted.has(name))
    if (names.length === 0) continue
    const reason = part.hindrance?.()
    if (reason !== undefined) {
      leftOut.push(`${names.join(', ')} (${reason})`)
      continue
    }
    tell(`${names.join(', ')} …`)
    findings.push(await runPart(part, names))
  }
  return {
    date: new Date().toISOString(),
    machine: machine(loadBefore),
    versions: versions(peers),
    scrapes,
    pace: { ...pace, load: loadTool(), totalSeconds: (performance.now() - startedMs) / 1000 },
    ...together(findings),
    leftOut,
  }
}

/** A part that breaks down costs the others nothing. */
async function runPart(part: Part, names: readonly string[]): Promise<Findings> {
  try {
    return await part.run(names)
  } catch (error) {
    return {
      failures: [`${names.join(', ')}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`],
    }
  }
}

/** 0 for what is none. */
function wholeNumber(text: string): number {
  return /^\d{1,4}$/.test(text) ? Number(text) : 0
}
