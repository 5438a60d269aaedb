/**
 * What the page knows of the last minutes: samples, the oldest first, and what follows from them.
 *
 * @typedef {import('../live-schemas.ts').LiveSample} LiveSample
 */

const KEPT_MS = 15 * 60_000
/** Figures that are of no use for one second alone are of so many. */
const RECENT_SECONDS = 10

export class Samples {
  /** @type {LiveSample[]} */
  #all = []

  /** @param {readonly LiveSample[]} history */
  begin(history) {
    this.#all = [...history]
  }

  /** Those that are not before it go: the shield's clock was set back. @param {LiveSample} sample */
  add(sample) {
    while ((this.last?.atMs ?? Number.NEGATIVE_INFINITY) >= sample.atMs) this.#all.pop()
    this.#all.push(sample)
    const first = this.#all.findIndex(({ atMs }) => atMs > sample.atMs - KEPT_MS)
    if (first > 0) this.#all.splice(0, first)
  }

  get last() {
    return this.#all.at(-1)
  }

  /** Those of the last so many seconds. @param {number} seconds */
  within(seconds) {
    const fromMs = (this.last?.atMs ?? 0) - 1000 * seconds
    return this.#all.filter(({ atMs }) => atMs > fromMs)
  }

  /** Of the last seconds together. */
  recent() {
    const samples = this.within(RECENT_SECONDS)
    /** @param {(sample: LiveSample) => number} of */
    const sum = (of) => samples.reduce((total, sample) => total + of(sample), 0)
    const seconds = sum((sample) => sample.seconds) || 1
    const requests = sum((sample) => sample.requests)
    const bytes = sum((sample) => sample.bytes)
    return {
      requestsPerSecond: requests / seconds,
      clientErrorsPerSecond: sum((sample) => sample.clientErrors) / seconds,
      serverErrorsPerSecond: sum((sample) => sample.serverErrors) / seconds,
      bytesPerSecond: bytes / seconds,
      fetchedPerSecond: sum((sample) => sample.fetchedBytes) / seconds,
      hitShare: requests === 0 ? undefined : sum((sample) => sample.hits) / requests,
      hitByteShare: bytes === 0 ? undefined : sum((sample) => sample.hitBytes) / bytes,
      ttfbHit: latest(samples.map(({ ttfbHit }) => ttfbHit)),
      ttfbMiss: latest(samples.map(({ ttfbMiss }) => ttfbMiss)),
    }
  }
}

/** @template Value @param {readonly (Value | undefined)[]} values */
const latest = (values) => values.findLast((value) => value !== undefined)
