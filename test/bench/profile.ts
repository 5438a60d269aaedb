/**
 * `npm run profile`: where the shield's time goes under one kind of load. Writes a `.cpuprofile` of the load alone, for
 * flame graphs (`npx speedscope FILE`, or Chromium's DevTools), and prints a page of what it says: the heaviest stacks,
 * functions and lines.
 *
 *     npm run profile -- --work hits/304 --seconds 5 --out /tmp/304.cpuprofile
 */

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { between, type CpuProfile } from './cpu-profile.ts'
import { type LoadTarget, putLoad } from './load.ts'
import { MEMORY_MEBIBYTES } from './peers.ts'
import { makeFolder, type ServerProcess, startPacedOrigin } from './processes.ts'
import { startShield } from './shield-process.ts'
import { checkAnswer, fetchWhole, HIT_WORKS, MISS_LENGTH, MISS_WORK, objectPath } from './works.ts'

const FUNCTIONS_SHOWN = '30'
const NAMES = [...HIT_WORKS, MISS_WORK].map(({ name }) => name)

const print = (text: string) => process.stdout.write(`${text}\n`)
const { values } = parseArgs({
  options: {
    work: { type: 'string', default: 'hits/1kB' },
    seconds: { type: 'string', default: '5' },
    /** Where the profile goes. @default a file in the system's folder for temporary ones */
    out: { type: 'string' },
    /** Without access records. */
    silent: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)

if (!NAMES.includes(values.work) || !Number.isInteger(seconds) || seconds < 1) {
  print(`expected --seconds from 1, and --work with one of: ${NAMES.join(', ')}`)
  process.exitCode = 2
} else {
  await profile(values.work, values.out ?? join(tmpdir(), `segment-shield-${values.work.replace('/', '-')}.cpuprofile`))
}

async function profile(work: string, file: string): Promise<void> {
  const folder = makeFolder('profile')
  const origin = await startPacedOrigin()
  const shield = await startShield(origin.port, {
    memory: `${MEMORY_MEBIBYTES}MiB`,
    access: !values.silent,
    output: 'discarded',
    nodeArguments: ['--cpu-prof', '--cpu-prof-interval=200', `--cpu-prof-dir=${folder}`],
  })
  const target = await targetOf(work, shield)
  await putLoad(shield, target(), 2)
  const from = monotonicMicroseconds()
  const { requestsPerSecond, cpuMicrosecondsPerRequest } = await putLoad(shield, target(), seconds)
  const to = monotonicMicroseconds()
  // A process writes its profile when it has ended in good order.
  await shield.close()
  await origin.close()
  const [written] = readdirSync(folder)
  if (written === undefined) throw new Error('no profile was written')
  const whole = JSON.parse(readFileSync(join(folder, written), 'utf8')) as CpuProfile
  writeFileSync(file, JSON.stringify(between(whole, from, to)))

  const requests = requestsPerSecond * seconds
  print(
    `${work}: ${requests.toFixed(0)} requests, ${cpuMicrosecondsPerRequest.toFixed(1)} µs of CPU each while profiled`,
  )
  spawnSync('flamebearer', [file, '--top', FUNCTIONS_SHOWN], { stdio: 'inherit' })
  print(`\nFlame graph: npx speedscope ${file}`)
}

async function targetOf(work: string, shield: ServerProcess): Promise<() => LoadTarget> {
  const hit = HIT_WORKS.find(({ name }) => name === work)
  if (hit !== undefined) {
    await fetchWhole(shield, objectPath(1, hit.length))
    await checkAnswer(shield, hit)
    return () => hit.target
  }
  let firstSeed = 0
  return () => {
    firstSeed += 100_000
    return { kind: 'distinct', length: MISS_LENGTH, firstSeed }
  }
}

function monotonicMicroseconds(): number {
  return Number(process.hrtime.bigint() / 1000n)
}
