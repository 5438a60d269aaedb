/**
 * Outcomes as a score: `required 180/184, optimal 40/52`, and which cases did not pass.
 */
import type { Kind } from './case.ts'
import type { Outcome } from './runner.ts'

/** How many of a kind passed, and how many there are; those that could not be told count as not passed. */
export function tally(outcomes: readonly Outcome[], kind: Kind): { readonly passed: number; readonly all: number } {
  const ofKind = outcomes.filter((outcome) => outcome.case.kind === kind)
  return { passed: ofKind.filter(({ verdict }) => verdict === 'passed').length, all: ofKind.length }
}

export function scoreLine(outcomes: readonly Outcome[]): string {
  const required = tally(outcomes, 'required')
  const optimal = tally(outcomes, 'optimal')
  const moot = outcomes.filter(({ verdict }) => verdict === 'moot').length
  const line = `required ${required.passed}/${required.all}, optimal ${optimal.passed}/${optimal.all}`
  return moot === 0 ? line : `${line} (${moot} of them could not be told)`
}

/** A line for each case that did not pass: kind, verdict, id, section, and what was seen first. */
export function failureLines(outcomes: readonly Outcome[]): string[] {
  return outcomes
    .filter(({ verdict }) => verdict !== 'passed')
    .map((outcome) => {
      const { kind, id, section } = outcome.case
      return `${kind} ${outcome.verdict} ${id} (${section}): ${outcome.faults.join('; ')}`
    })
}
