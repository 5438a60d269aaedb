/** Origins that refuse: how many answers are good all the same, and how often the origin was asked in vain. */

import { type Fetched, get } from './client.ts'
import { contentFor } from './content.ts'
import type { Row } from './findings.ts'
import { startRefusingOrigin } from './processes.ts'
import { startShield } from './shield-process.ts'

const ms = (value: number) => `${value.toFixed(0)} ms`
const isGood = (answer: Fetched) => answer.status === 200 && answer.isWhole

/** One request in five is answered 503, whatever one does about it. */
export async function unreliableOrigin(): Promise<Row[]> {
  const [segments, length] = [300, 50_000]
  const rows: Row[] = []
  for (const [how, atOnce] of [
    ['all at once', segments],
    ['20 at a time', 20],
  ] as const) {
    const origin = await startRefusingOrigin({ share: 0.2 })
    const shield = await startShield(origin.port, { memory: '256MiB', access: false })
    const answers = await getAll(shield.port, segments, length, atOnce)
    const { requests, refused } = await origin.counts()
    await shield.close()
    await origin.close()
    const good = answers.filter(isGood).length
    const slowest = Math.max(...answers.map((it) => it.firstByteMs))
    rows.push(
      {
        what: `20 % of origin answers are 503, ${how}: good answers`,
        measured: `${good} of ${segments}`,
        aim: 'all',
        isMet: good === segments,
      },
      {
        what: '… slowest first byte; origin requests, refused ones among them',
        measured: `${ms(slowest)}; ${requests}, ${refused}`,
        aim: '< 10 s',
        isMet: slowest < 10_000,
      },
    )
  }
  return rows
}

/** A store that takes 1500 requests in any second and answers the others 503, and a crowd that wants more. */
export async function limitedOrigin(): Promise<Row[]> {
  const [segments, length, perSecond] = [3000, 10_000, 1500]
  const origin = await startRefusingOrigin({ perSecond })
  const shield = await startShield(origin.port, {
    memory: '256MiB',
    access: false,
    origin: { limits: { requestsPerSecond: 1200 }, pool: { maxQueued: segments } },
  })
  const answers = await getAll(shield.port, segments, length, segments)
  const { requests, refused, mostPerSecond } = await origin.counts()
  await shield.close()
  await origin.close()
  const good = answers.filter(isGood).length
  const share = refused / requests
  return [
    {
      what: '3,000 distinct segments at once, origin limited to 1500 requests/s: good answers',
      measured: `${good} of ${segments}`,
      aim: 'all',
      isMet: good === segments,
    },
    {
      what: '… origin requests refused',
      measured: `${refused} of ${requests} = ${(share * 100).toFixed(2)} %`,
      aim: '< 1 %',
      isMet: share < 0.01,
    },
    {
      what: '… origin requests in any second at most; slowest answer, whole',
      measured: `${mostPerSecond}; ${ms(Math.max(...answers.map((it) => it.totalMs)))}`,
      aim: '',
      isMet: true,
    },
  ]
}

/** Every segment once, so many at a time, in order. */
async function getAll(port: number, segments: number, length: number, atOnce: number): Promise<Fetched[]> {
  const answers: Fetched[] = []
  let next = 0
  const work = async () => {
    for (let seed = next++; seed < segments; seed = next++) {
      answers.push(await get(port, `/${seed}-${length}.ts`, contentFor(seed, length)))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return answers
}
