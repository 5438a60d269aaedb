/** What is measured by aims alone: each case starts its own processes, checks every byte, and says what it saw in rows. */

import { type Fetched, get } from './client.ts'
import { contentFor } from './content.ts'
import type { Row } from './findings.ts'
import { startPacedOrigin } from './processes.ts'
import { startShield } from './shield-process.ts'

const MB = 1_000_000

const pathOf = (seed: number, length: number, delayMs: number, bytesPerSecond: number) =>
  `/${seed}-${length}-${delayMs}-${bytesPerSecond}.ts`
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
