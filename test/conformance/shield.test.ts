/**
 * Every case against this program. A required one is a test of its own; the optimal ones are counted, and there may
 * never be fewer of them than before.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allCases, groups } from './cases/all.ts'
import { type Outcome, runCase, type Target } from './runner.ts'
import { failureLines, scoreLine, tally } from './score.ts'
import { startShieldTarget } from './shield-target.ts'

/** Raise it when more of them pass. */
const OPTIMAL_PASSED_BEFORE = 337

/**
 * What the program does not do, and says so: the absolute form of a target is refused, so that nothing makes a proxy
 * for others of it, and Node's parser refuses methods that are in no standard.
 */
const NOT_SUPPORTED: ReadonlySet<string> = new Set(['absolute-form', 'method-passed-on-foo'])

describe('as the RFCs have it', () => {
  const outcomes: Outcome[] = []
  let target: Target
  let close: () => Promise<void>

  beforeAll(async () => {
    const started = await startShieldTarget(allCases)
    target = started.target
    close = started.close
  })

  afterAll(async () => {
    await close()
    process.stdout.write(`${[scoreLine(outcomes), ...failureLines(outcomes)].join('\n')}\n`)
  })

  const run = async (it: (typeof allCases)[number]) => {
    const outcome = await runCase(it, target)
    outcomes.push(outcome)
    return outcome
  }

  for (const [group, cases] of Object.entries(groups)) {
    describe(group, () => {
      for (const it of cases.filter(({ kind }) => kind === 'required')) {
        test(`${it.id}: ${it.what} (${it.section})`, async () => {
          const { verdict, faults } = await run(it)
          if (NOT_SUPPORTED.has(it.id)) expect(verdict).toBe('failed')
          else expect({ verdict, faults }).toEqual({ verdict: 'passed', faults: [] })
        })
      }
    })
  }

  test('does no fewer of the optimal things than before', { timeout: 300_000 }, async () => {
    for (const it of allCases.filter(({ kind }) => kind === 'optimal')) await run(it)
    expect(tally(outcomes, 'optimal').passed).toBeGreaterThanOrEqual(OPTIMAL_PASSED_BEFORE)
  })
})
