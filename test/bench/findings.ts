/** What the parts of the benchmark find out, in the forms the report knows. */

import type { Crowd } from './crowds.ts'
import type { Curve } from './growth.ts'
import type { Measurement } from './side-by-side.ts'

/** One thing that was measured by itself, and what it should have been. */
export interface Row {
  readonly what: string
  readonly measured: string
  /** Empty where there is none. */
  readonly aim: string
  readonly isMet: boolean
}

/** What a part of the benchmark found out. */
export interface Findings {
  readonly measurements?: readonly Measurement[]
  readonly crowds?: readonly Crowd[]
  readonly curves?: readonly Curve[]
  readonly rows?: readonly Row[]
  /** What went wrong, so that no figure came of it. */
  readonly failures?: readonly string[]
}

export function together(found: readonly Findings[]): Required<Findings> {
  return {
    curves: found.flatMap(({ curves = [] }) => curves),
    crowds: found.flatMap(({ crowds = [] }) => crowds),
    measurements: found.flatMap(({ measurements = [] }) => measurements),
    rows: found.flatMap(({ rows = [] }) => rows),
    failures: found.flatMap(({ failures = [] }) => failures),
  }
}
