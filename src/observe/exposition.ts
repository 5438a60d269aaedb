/**
 * Exposition: figures in Prometheus' text format, each read from where it is counted at the moment of a scrape.
 *
 * Invariant: between two scrapes nothing here does any work, and a figure that has gone is gone with the next scrape.
 */

import { Counter, Gauge, Histogram, type MetricType, Registry } from 'prom-client'
import type { HistogramReading } from './histogram.ts'

export type Labels = Readonly<Record<string, string>>

/** One figure of a metric. */
export interface Sample {
  readonly labels: Labels
  readonly value: number
}

export interface HistogramSample {
  readonly labels: Labels
  readonly reading: HistogramReading
}

/** What a metric is called and says. Names are those of Prometheus' conventions: with their unit, counters with `_total`. */
export interface MetricOptions<Read> {
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly string[]
  readonly read: () => Iterable<Read>
}

export class Exposition {
  readonly #registry = new Registry()

  static readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE

  /** Of numbers that only ever grow. */
  counter({ read, ...options }: MetricOptions<Sample>): void {
    new Counter({
      ...this.#configuration(options),
      collect() {
        this.reset()
        for (const { labels, value } of read()) this.inc(labels, value)
      },
    })
  }

  gauge({ read, ...options }: MetricOptions<Sample>): void {
    new Gauge({
      ...this.#configuration(options),
      collect() {
        this.reset()
        for (const { labels, value } of read()) this.set(labels, value)
      },
    })
  }

  /** Of durations that are read in milliseconds and shown in seconds. */
  histogram({ read, ...options }: MetricOptions<HistogramSample>): void {
    new ReadHistogram(this.#configuration(options), read)
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  #configuration({ name, help, labelNames = [] }: Omit<MetricOptions<unknown>, 'read'>) {
    return { name, help, labelNames: [...labelNames], registers: [this.#registry] }
  }
}

type Configuration = ConstructorParameters<typeof Histogram<string>>[0]

/** Declared as a member of an enum that is not there when the program runs. */
const TYPE = 'histogram' as unknown as MetricType.Histogram

/** prom-client counts observations one by one; these have been counted already. */
class ReadHistogram extends Histogram<string> {
  readonly #options: Configuration
  readonly #read: () => Iterable<HistogramSample>

  constructor(options: Configuration, read: () => Iterable<HistogramSample>) {
    super(options)
    this.#options = options
    this.#read = read
  }

  override async get(): ReturnType<Histogram<string>['get']> {
    const { name, help } = this.#options
    const values = [...this.#read()].flatMap(({ labels, reading }) => series(name, labels, reading))
    return { name, help, type: TYPE, aggregator: 'sum', values, collect: () => undefined }
  }

  /** The registry prefers it to `get`. */
  getForPromString(): ReturnType<Histogram<string>['get']> {
    return this.get()
  }
}

function series(name: string, labels: Labels, { boundsMs, counts, sumMs }: HistogramReading) {
  let total = 0
  const buckets = counts.map((count, index) => {
    total += count
    const boundMs = boundsMs[index]
    const le = boundMs === undefined ? '+Inf' : boundMs / 1000
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: total }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sumMs / 1000 },
    { metricName: `${name}_count`, labels, value: total },
  ]
}
