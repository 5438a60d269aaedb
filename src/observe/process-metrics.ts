/**
 * Figures of the process: CPU, memory, event loop, garbage collection. prom-client's own, under the names that are
 * usual for programs of this kind.
 *
 * A process has one of each, however many shields run in it, and what measures them cannot be taken away again: it is
 * begun once, with the first who wants them. Maxima and percentiles of the event loop are those since the scrape before.
 */

import { collectDefaultMetrics, Registry } from 'prom-client'

/** Lists of handles that take longer the more connections there are, under names against the conventions. */
const LEFT_OUT = [
  'nodejs_active_handles',
  'nodejs_active_handles_total',
  'nodejs_active_requests',
  'nodejs_active_requests_total',
  'nodejs_active_resources',
  'nodejs_active_resources_total',
]

let registry: Registry | undefined

/** Measures from the first call on. @returns what gives them in Prometheus' text format */
export function processMetrics(): () => Promise<string> {
  registry ??= begin()
  const measured = registry
  return () => measured.metrics()
}

function begin(): Registry {
  const begun = new Registry()
  collectDefaultMetrics({ register: begun })
  for (const name of LEFT_OUT) begun.removeSingleMetric(name)
  return begun
}
