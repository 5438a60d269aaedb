/**
 * The same cases against other programs in real time, and against this one: `node test/conformance/peers.ts [--all] [ID …]` prints their
 * scores side by side, and what each of them fails with `--all` or where ids (or beginnings of ids) are given.
 *
 * A case that every other program fails deserves another look at its RFC before a program is blamed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Case } from './case.ts'
import { allCases } from './cases/all.ts'
import { startOrigin } from './origin.ts'
import { installedPeers, type Peer } from './peer-configs.ts'
import { type Outcome, runCase, type Target } from './runner.ts'
import { failureLines, scoreLine } from './score.ts'
import { startShieldTarget } from './shield-target.ts'

/** They mostly wait. */
const AT_ONCE = 24
/** Real time: other programs put away what they have stored after the client has it. */
const SETTLE_MS = 150

const args = process.argv.slice(2)
const ids = args.filter((arg) => !arg.startsWith('--'))
const isVerbose = args.includes('--all') || ids.length > 0
const cases = ids.length === 0 ? allCases : allCases.filter((it) => ids.some((id) => it.id.startsWith(id)))
const print = (line: string) => void process.stdout.write(`${line}\n`)

const failed = new Map<string, number>()
const peers = installedPeers()
for (const peer of peers) {
  const outcomes = await outcomesOf(peer)
  print(`${peer.name}: ${scoreLine(outcomes)}`)
  if (isVerbose) for (const line of failureLines(outcomes)) print(`  ${line}`)
  for (const outcome of outcomes) {
    if (outcome.verdict === 'failed') failed.set(outcome.case.id, (failed.get(outcome.case.id) ?? 0) + 1)
  }
}
await scoreOfShield()
const byAll = cases.filter(({ id }) => failed.get(id) === peers.length)
print(`failed by every other program: ${byAll.map(({ id }) => id).join(' ') || 'none'}`)

/** In no time, since its clock is in our hand; one case after the other, since it is one clock. */
async function scoreOfShield(): Promise<void> {
  const { target, close } = await startShieldTarget(cases)
  const outcomes: Outcome[] = []
  for (const it of cases) outcomes.push(await runCase(it, target))
  await close()
  print(`segment-shield: ${scoreLine(outcomes)}`)
  if (isVerbose) for (const line of failureLines(outcomes)) print(`  ${line}`)
}

async function outcomesOf(peer: Peer): Promise<readonly Outcome[]> {
  const origin = await startOrigin()
  const server = await peer.start(origin.port)
  const target: Target = {
    port: server.port,
    origin,
    // Their routes have no options: methods are all let through, whatever is stored.
    routePath: (route) => (route === undefined || Object.keys(route).join() === 'methods' ? '/r0' : undefined),
    now: Date.now,
    advance: (seconds) => sleep(seconds * 1000),
    settle: () => sleep(SETTLE_MS),
    hasFakeClock: false,
  }
  try {
    return await sideBySide(cases, (it) => runCase(it, target))
  } finally {
    await server.close()
    await origin.close()
  }
}

/** In the order of the cases. */
async function sideBySide(all: readonly Case[], run: (it: Case) => Promise<Outcome>): Promise<readonly Outcome[]> {
  const outcomes = new Map<Case, Outcome>()
  const waiting = all.values()
  const worker = async () => {
    for (const it of waiting) outcomes.set(it, await run(it))
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return all.flatMap((it) => outcomes.get(it) ?? [])
}
