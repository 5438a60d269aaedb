/** What /metrics says of the program's configuration, as Prometheus says it of its own, and of its log. */

import type { Exposition } from './exposition.ts'
import type { Reloads } from './reloads.ts'

export interface ProgramSources {
  readonly reloads: Pick<Reloads, 'counts' | 'isLastGood' | 'lastGoodMs'>
  /** Lines of the log that nobody took, since the start. */
  readonly lostLogLines: () => number
}

const PREFIX = 'segment_shield'

export function addProgramMetrics(exposition: Exposition, { reloads, lostLogLines }: ProgramSources): void {
  exposition.counter({
    name: `${PREFIX}_config_reloads_total`,
    help: 'Readings of the configuration after the first one, by what came of them.',
    labelNames: ['outcome'],
    read: () => Object.entries(reloads.counts).map(([outcome, value]) => ({ labels: { outcome }, value })),
  })
  exposition.gauge({
    name: `${PREFIX}_config_last_reload_successful`,
    help: '1 where the configuration that was read last is in use, 0 where it was refused.',
    read: () => [{ labels: {}, value: reloads.isLastGood ? 1 : 0 }],
  })
  exposition.gauge({
    name: `${PREFIX}_config_last_reload_success_timestamp_seconds`,
    help: 'When the configuration in use was read, or found to be the same still.',
    read: () => [{ labels: {}, value: reloads.lastGoodMs / 1000 }],
  })
  exposition.counter({
    name: `${PREFIX}_log_lines_lost_total`,
    help: 'Lines of the log that standard output did not take.',
    read: () => [{ labels: {}, value: lostLogLines() }],
  })
}
