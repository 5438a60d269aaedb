/**
 * Access log: one line of JSON for each exchange, in the form of the program's other lines, put together by hand.
 *
 * Invariant: each line is one JSON object on one line, whatever was sent: every text that did not come out of this
 * program goes through JSON.stringify.
 */

import type { AccessLog, AccessRecord, ExchangeEnd } from './access-record.ts'

/** pino's `info`. */
const LEVEL = 30

/** An answer that took so long to begin is slow, and so is one whose client left after as long without it. */
const SLOW_MS = 1000
const SERVER_ERRORS = 500

export interface Sampling {
  /** Of the records, as many are written: above 0 and up to 1. */
  readonly share: number
  /** At least 0, less than 1. */
  readonly random: () => number
}

/**
 * Writes records as lines, with their ends, in the order in which they come.
 *
 * @param sampling without it all are written; with it all failures and slow answers, and of the others some, which say
 * for how many they stand: `"sample":0.1`
 */
export function createAccessLog(write: (line: string) => void, sampling?: Sampling): AccessLog {
  const standing = sampling === undefined ? '' : `,"sample":${sampling.share}`
  const opening = new Opening()
  const client = new Member('client')
  const method = new Member('method')
  const cacheStatus = new Member('cacheStatus')
  const route = new Member('route')
  const origin = new Member('origin')
  return (record) => {
    const isChosen = sampling !== undefined && isOrdinary(record)
    if (isChosen && sampling.random() >= sampling.share) return
    const { path, ttfbMs, durationMs, range, cmcd, error } = record
    let line = opening.at(record.startedMs + durationMs) + client.of(record.client) + method.of(record.method)
    if (path !== undefined) line += `,"path":${JSON.stringify(path)}`
    line += `,"status":${record.status},"bytes":${record.bytes}`
    if (ttfbMs !== undefined) line += `,"ttfbMs":${ttfbMs}`
    line += `,"durationMs":${durationMs}${END[record.end]}`
    line += cacheStatus.of(record.cacheStatus) + route.of(record.route) + origin.of(record.origin)
    if (range !== undefined) line += `,"range":${JSON.stringify(range)}`
    if (cmcd !== undefined) line += `,"cmcd":${JSON.stringify(cmcd)}`
    if (error !== undefined) line += `,"error":${JSON.stringify(error.message)}`
    if (isChosen) line += standing
    write(`${line},"msg":"request"}\n`)
  }
}

function isOrdinary({ status, end, error, ttfbMs, durationMs }: AccessRecord): boolean {
  return status < SERVER_ERRORS && end !== 'cut' && error === undefined && (ttfbMs ?? durationMs) < SLOW_MS
}

const END: Readonly<Record<ExchangeEnd, string>> = {
  whole: ',"end":"whole"',
  cut: ',"end":"cut"',
  left: ',"end":"left"',
}

/** More would be no cheaper to look up than to write anew. */
const MAX_REMEMBERED = 4096

/** A member whose text comes again and again: methods, names out of the configuration, clients, lifetimes in seconds. */
class Member {
  readonly #name: string
  readonly #members = new Map<string, string>()

  constructor(name: string) {
    this.#name = name
  }

  /** With its comma; nothing for what is not known. */
  of(text: string | undefined): string {
    if (text === undefined) return ''
    const known = this.#members.get(text)
    if (known !== undefined) return known
    if (this.#members.size === MAX_REMEMBERED) this.#members.clear()
    const member = `,"${this.#name}":${JSON.stringify(text)}`
    this.#members.set(text, member)
    return member
  }
}

/** What all lines of one millisecond begin with; the time is ISO 8601 in UTC. */
class Opening {
  #epochMs = Number.NaN
  #text = ''

  at(epochMs: number): string {
    if (epochMs !== this.#epochMs) {
      this.#epochMs = epochMs
      this.#text = `{"level":${LEVEL},"time":"${new Date(epochMs).toISOString()}"`
    }
    return this.#text
  }
}
