/**
 * `npm run profile`: where the shield's time goes under one kind of load. Writes a `.cpuprofile` for a flame graph, and
 * prints the functions that took most time themselves, start and end of the program left out.
 *
 *     npm run profile -- --work hits/304 --seconds 5 --out /tmp/304.cpuprofile
 */

import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type CpuProfile, selfTimes } from './cpu-profile.ts'
import { type LoadTarget, putLoad } from './load.ts'
import { MEMORY_MEBIBYTES } from './peers.ts'
import { type ServerProcess, startPacedOrigin } from './processes.ts'
import { startShield } from './shield-process.ts'
import { checkAnswer, fetchWhole, HIT_WORKS, MISS_LENGTH, MISS_WORK, objectPath } from './works.ts'

const FUNCTIONS_SHOWN = 30
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
  const folder = mkdtempSync(join(tmpdir(), 'segment-shield-profile-'))
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
  copyFileSync(join(folder, written), file)
  rmSync(folder, { recursive: true })

  const requests = requestsPerSecond * seconds
  print(
    `${work}: ${requests.toFixed(0)} requests, ${cpuMicrosecondsPerRequest.toFixed(1)} µs of CPU each while profiled`,
  )
  print('\n| µs per request | share | function |\n|---|---|---|')
  const times = selfTimes(JSON.parse(readFileSync(file, 'utf8')) as CpuProfile, from, to)
  const busy = times.filter(({ name }) => name !== '(idle)')
  const total = busy.reduce((sum, { microseconds }) => sum + microseconds, 0)
  for (const { name, microseconds } of busy.slice(0, FUNCTIONS_SHOWN)) {
    const share = `${((microseconds / total) * 100).toFixed(1)} %`
    print(`| ${(microseconds / requests).toFixed(2)} | ${share} | ${name} |`)
  }
  print(`\n${file}\nFlame graph: Chromium, DevTools (F12), Performance, "Load profile…"; or drop it into VS Code.`)
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
