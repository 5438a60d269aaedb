/** What a hit costs beside ever more of something: stored answers, connections, routes. It should stay the same. */

import type { Findings, Row } from './findings.ts'
import { type LoadTarget, putLoad } from './load.ts'
import { closeAll, openMany } from './memory-cases.ts'
import { type ServerProcess, startPacedOrigin } from './processes.ts'
import { tell } from './progress.ts'
import { type ShieldOptions, startShield } from './shield-process.ts'
import { median, type Pace, RECORDING } from './side-by-side.ts'
import { fetchWhole, objectPath } from './works.ts'

/** What there is ever more of, and what a hit costs beside it. */
export interface Curve {
  readonly of: string
  readonly points: readonly {
    readonly count: number
    readonly cpuMicrosecondsPerRequest: number
    readonly p99Ms: number
  }[]
}

interface Point {
  readonly count: number
  readonly process: ServerProcess
  readonly target: LoadTarget
  /** Comes before the end of the process. */
  readonly end?: () => Promise<void>
}

const BYTES = 100
const SAME: LoadTarget = { kind: 'same', path: objectPath(1, BYTES) }
const GROWN = new URL('./grown.ts', import.meta.url).href
/** The last beside the first. What a machine's caches hold less and less of is in it. */
const AT_MOST = 1.25
const WARM_UP_SECONDS = 1
/** There are many points. */
const MOST_ROUNDS = 3

export async function growth(pace: Pace): Promise<Findings> {
  const origin = await startPacedOrigin()
  const start = async (options: Partial<ShieldOptions>) => {
    const process = await startShield(origin.port, { memory: '4GiB', ...RECORDING, ...options })
    // The second answer has to wait until there are as many as there should be.
    for (let times = 0; times < 2; times += 1) await fetchWhole(process, objectPath(1, BYTES))
    return process
  }
  const curves = [
    await curve('stored answers, asked for at random', pace, [1000, 10_000, 100_000, 1_000_000], async (count) => ({
      process: await start({ nodeArguments: ['--import', `${GROWN}?entries=${count}`] }),
      target: { kind: 'among', length: BYTES, count },
    })),
    await curve('connections that wait, 32 are busy', pace, [10, 100, 1000, 10_000], async (count) => {
      const process = await start({})
      const waiting = await openMany(process.port, objectPath(1, BYTES), count)
      return { process, target: SAME, end: () => closeAll(waiting) }
    }),
    await curve('routes, of which the last one is taken', pace, [1, 10, 100, 1000], async (count) => ({
      process: await start({ moreRoutes: Array.from({ length: count - 1 }, (_, index) => `/live/${index}/**`) }),
      target: SAME,
    })),
  ]
  await origin.close()
  return { curves, rows: curves.map(judge) }
}

async function curve(
  of: string,
  { rounds, seconds }: Pace,
  counts: readonly number[],
  make: (count: number) => Promise<Omit<Point, 'count'>>,
): Promise<Curve> {
  tell(`  ${of}: ${counts.join(', ')}`)
  const points: Point[] = []
  for (const count of counts) points.push({ count, ...(await make(count)) })
  const put = ({ process, target }: Point, forSeconds: number) => putLoad(process, target, forSeconds)
  for (const point of points) await put(point, WARM_UP_SECONDS)
  const seen = new Map(points.map((point) => [point, [] as Awaited<ReturnType<typeof put>>[]]))
  for (let round = 0; round < Math.min(rounds, MOST_ROUNDS); round += 1) {
    for (const point of round % 2 === 0 ? points : points.toReversed()) seen.get(point)?.push(await put(point, seconds))
  }
  for (const { process, end } of points) {
    await end?.()
    await process.close()
  }
  return {
    of,
    points: [...seen].map(([{ count }, loads]) => ({
      count,
      cpuMicrosecondsPerRequest: median(loads.map((load) => load.cpuMicrosecondsPerRequest)),
      p99Ms: median(loads.map((load) => load.p99Ms)),
    })),
  }
}

function judge({ of, points }: Curve): Row {
  const [first, last] = [points[0], points.at(-1)]
  const ratio = (last?.cpuMicrosecondsPerRequest ?? Number.NaN) / (first?.cpuMicrosecondsPerRequest ?? 0)
  return {
    what: `CPU of a hit beside ${last?.count.toLocaleString('en')} and ${first?.count.toLocaleString('en')} ${of}`,
    measured: `${ratio.toFixed(2)}x`,
    aim: `≤ ${AT_MOST}x`,
    isMet: ratio <= AT_MOST,
  }
}
