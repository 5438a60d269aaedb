/** `npm run bench`: every case, one after the other, as a Markdown table. Exit code 1 when an aim was missed. */

import { spawnSync } from 'node:child_process'
import { concurrentMisses, herd, hitCpu, type Row, slowReaders } from './cases.ts'
import {
  largerThanMemory,
  manyPlacesOfOneSegment,
  resetsHalfWay,
  seekInColdFile,
  severalLargerThanMemory,
} from './large-cases.ts'
import { limitedOrigin, unreliableOrigin } from './origin-cases.ts'
import { findPeers } from './peers.ts'

const MB = 1_000_000
const { peers, missing } = findPeers()
const hasWrk = spawnSync('wrk', ['-v']).error === undefined

const cases: readonly (() => Promise<Row[]>)[] = [
  concurrentMisses,
  () => herd(peers),
  slowReaders,
  unreliableOrigin,
  limitedOrigin,
  resetsHalfWay,
  seekInColdFile,
  manyPlacesOfOneSegment,
  largerThanMemory,
  severalLargerThanMemory,
  ...(hasWrk
    ? [() => hitCpu(2 * MB, peers, 1.15), () => hitCpu(200_000, peers, undefined), () => hitCpu(1000, peers, undefined)]
    : []),
]

const print = (line: string) => process.stdout.write(`${line}\n`)
print('| work | measured | aim | |')
print('|---|---|---|---|')
let missed = 0
for (const run of cases) {
  for (const { what, measured, aim, isMet } of await run()) {
    print(`| ${what} | ${measured} | ${aim} | ${isMet ? (aim === '' ? '' : 'met') : 'missed'} |`)
    if (!isMet) missed += 1
  }
}
if (!hasWrk) print('\nleft out: CPU of hits (wrk is not installed)')
for (const name of missing) print(`left out: the comparison with ${name} (not installed)`)
process.exitCode = missed === 0 ? 0 : 1
