/** Many routes: the code that runs for a hit is counted beside one route and a thousand, in the whole program. */

import { expect, test } from 'vitest'
import { PATH, startCountedShield } from './counted.ts'
import { getRepeatedly } from './counted-load.ts'

const COUNTS = [1, 10, 100, 1000]
const HITS = 1000
interface Cost {
  readonly routes: number
  readonly characters: number
  readonly patternTests: number
}

/** Of one hit whose route is the last of so many. */
async function costOf(routes: number): Promise<Cost> {
  const others = Array.from({ length: routes - 1 }, (_, index) => ({ match: `/live/${index}/**`, origin: 'spaces' }))
  const server = await startCountedShield('code', [...others, { match: '/**', origin: 'spaces' }])
  await getRepeatedly(server.port, PATH, 100)
  await server.count()
  await getRepeatedly(server.port, PATH, HITS)
  const counted = await server.count()
  if (counted.kind !== 'code') throw new Error(`counted ${counted.kind}`)
  return { routes, characters: counted.characters / HITS, patternTests: counted.patternTests / HITS }
}

test('a hit costs one test of a pattern and the same code, however many routes come before its own', async () => {
  const curve: Cost[] = []
  for (const routes of COUNTS) curve.push(await costOf(routes))
  const told = curve.map(({ routes, characters, patternTests }) => `${routes}: ${characters} (${patternTests})`)
  process.stdout.write(`source characters run a hit by routes (tests of patterns): ${told.join(', ')}\n`)
  const [one] = curve
  expect(one?.characters).toBeGreaterThan(1000)
  for (const { routes, characters, patternTests } of curve) {
    expect(patternTests, `${routes} routes`).toBeLessThan(1.1)
    expect(characters / (one?.characters ?? 0), `${routes} routes`).toBeLessThan(1.02)
  }
}, 60_000)
