/** What /metrics says of origins, by name. */

import type { Exposition, Sample } from './exposition.ts'
import type { HistogramReading } from './histogram.ts'

/** One origin at the moment of a scrape. */
export interface OriginReading {
  readonly name: string
  readonly circuit: CircuitState
  readonly pool: {
    readonly inUse: number
    readonly free: number
    readonly maxSockets: number
    readonly queued: number
    readonly maxQueued: number
  }
  /** Infinity where nothing limits them. */
  readonly allowedPerSecond: number
  readonly counts: {
    readonly requests: number
    readonly answers: ReadonlyMap<number, number>
    readonly failures: ReadonlyMap<string, number>
    readonly receivedBytes: number
    readonly retries: number
    readonly hedges: number
    readonly resumes: number
    readonly circuitOpenings: number
    readonly failovers: ReadonlyMap<string, Readonly<Record<'failed' | 'missing', number>>>
  }
  readonly queueWaitMs: HistogramReading
}

const CIRCUIT_STATES = ['closed', 'half-open', 'open'] as const
type CircuitState = (typeof CIRCUIT_STATES)[number]

const PREFIX = 'segment_shield_origin'

export function addOriginMetrics(exposition: Exposition, origins: () => readonly OriginReading[]): void {
  const each = (figure: (origin: OriginReading) => number) => () =>
    origins().map((origin) => ({ labels: { origin: origin.name }, value: figure(origin) }))
  const count = (name: string, help: string, figure: (counts: OriginReading['counts']) => number) =>
    exposition.counter({
      name: `${PREFIX}_${name}_total`,
      help,
      labelNames: ['origin'],
      read: each(({ counts }) => figure(counts)),
    })
  const level = (name: string, help: string, figure: (origin: OriginReading) => number) =>
    exposition.gauge({ name: `${PREFIX}_${name}`, help, labelNames: ['origin'], read: each(figure) })

  count('requests', 'Requests sent, retries and the like included.', ({ requests }) => requests)
  exposition.counter({
    name: `${PREFIX}_answers_total`,
    help: 'Answers by status.',
    labelNames: ['origin', 'status'],
    read: () => origins().flatMap(({ name, counts }) => labelled(name, 'status', counts.answers)),
  })
  exposition.counter({
    name: `${PREFIX}_failures_total`,
    help: 'Requests without an answer to the question asked, by kind; refused: never sent, by our queue or circuit.',
    labelNames: ['origin', 'kind'],
    read: () => origins().flatMap(({ name, counts }) => labelled(name, 'kind', counts.failures)),
  })
  count('received_bytes', 'Bytes of bodies, as they came.', ({ receivedBytes }) => receivedBytes)
  count('retries', 'Attempts after the first one.', ({ retries }) => retries)
  count('hedges', 'Requests sent a second time because the first took long.', ({ hedges }) => hedges)
  count('resumes', 'Requests for the rest of a body that broke off.', ({ resumes }) => resumes)
  count('circuit_openings', 'Times the circuit opened.', ({ circuitOpenings }) => circuitOpenings)
  exposition.counter({
    name: `${PREFIX}_failovers_total`,
    help: 'Requests that went on to the next origin of their route, which is named, by why: it failed, or has no such object.',
    labelNames: ['origin', 'next', 'reason'],
    read: () =>
      origins().flatMap(({ name, counts }) =>
        [...counts.failovers].flatMap(([next, by]) =>
          Object.entries(by).map(([reason, value]) => ({ labels: { origin: name, next, reason }, value })),
        ),
      ),
  })

  exposition.gauge({
    name: `${PREFIX}_circuit_state`,
    help: '1 for the state that the circuit is in.',
    labelNames: ['origin', 'state'],
    read: () =>
      origins().flatMap(({ name, circuit }) =>
        CIRCUIT_STATES.map((state) => ({ labels: { origin: name, state }, value: state === circuit ? 1 : 0 })),
      ),
  })
  exposition.gauge({
    name: `${PREFIX}_connections`,
    help: 'Connections in use and free ones kept for later.',
    labelNames: ['origin', 'state'],
    read: () =>
      origins().flatMap(({ name, pool }) => [
        { labels: { origin: name, state: 'in_use' }, value: pool.inUse },
        { labels: { origin: name, state: 'free' }, value: pool.free },
      ]),
  })
  level('max_connections', 'As many may be in use.', ({ pool }) => pool.maxSockets)
  level('queued_requests', 'Requests that wait for their turn.', ({ pool }) => pool.queued)
  level('max_queued_requests', 'As many may wait.', ({ pool }) => pool.maxQueued)
  level(
    'allowed_requests_per_second',
    'Requests that may be sent in a second; +Inf where nothing limits them.',
    ({ allowedPerSecond }) => allowedPerSecond,
  )
  exposition.histogram({
    name: `${PREFIX}_queue_wait_seconds`,
    help: 'How long requests that were sent had waited for their turn.',
    labelNames: ['origin'],
    read: () => origins().map(({ name, queueWaitMs }) => ({ labels: { origin: name }, reading: queueWaitMs })),
  })
}

function labelled(origin: string, label: string, counts: ReadonlyMap<string | number, number>): Sample[] {
  return [...counts].map(([key, value]) => ({ labels: { origin, [label]: String(key) }, value }))
}
