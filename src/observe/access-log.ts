/**
 * Access log: one line of JSON for each exchange, in the form of the program's other lines, put together by hand.
 *
 * Invariant: each line is one JSON object on one line, whatever was sent: every text that did not come out of this
 * program goes through JSON.stringify.
 */

import type { AccessLog, AccessRecord } from './access-record.ts'

/** pino's `info`. */
const LEVEL = 30

/** Writes records as lines, with their ends, in the order in which they come. */
export function createAccessLog(write: (line: string) => void): AccessLog {
  const quoted = new Quoted()
  const timestamp = new Timestamp()
  return (record) => write(formatLine(record, quoted, timestamp))
}

function formatLine(record: AccessRecord, quoted: Quoted, timestamp: Timestamp): string {
  const { startedMs, durationMs, client, method, path, ttfbMs, cacheStatus, route, origin, range, cmcd, error } = record
  let line = `{"level":${LEVEL},"time":"${timestamp.at(startedMs + durationMs)}"`
  if (client !== undefined) line += `,"client":${quoted.of(client)}`
  if (method !== undefined) line += `,"method":${quoted.of(method)}`
  if (path !== undefined) line += `,"path":${JSON.stringify(path)}`
  line += `,"status":${record.status},"bytes":${record.bytes}`
  if (ttfbMs !== undefined) line += `,"ttfbMs":${ttfbMs}`
  line += `,"durationMs":${durationMs},"end":"${record.end}"`
  if (cacheStatus !== undefined) line += `,"cacheStatus":${quoted.of(cacheStatus)}`
  if (route !== undefined) line += `,"route":${quoted.of(route)}`
  if (origin !== undefined) line += `,"origin":${quoted.of(origin)}`
  if (range !== undefined) line += `,"range":${JSON.stringify(range)}`
  if (cmcd !== undefined) line += `,"cmcd":${JSON.stringify(cmcd)}`
  if (error !== undefined) line += `,"error":${JSON.stringify(error.message)}`
  return `${line},"msg":"request"}\n`
}

/** More would be no cheaper to look up than to write anew. */
const MAX_REMEMBERED = 4096

/** Texts that come again and again: methods, names out of the configuration, clients, lifetimes in seconds. */
class Quoted {
  readonly #texts = new Map<string, string>()

  of(text: string): string {
    const known = this.#texts.get(text)
    if (known !== undefined) return known
    if (this.#texts.size === MAX_REMEMBERED) this.#texts.clear()
    const quoted = JSON.stringify(text)
    this.#texts.set(text, quoted)
    return quoted
  }
}

/** ISO 8601 with milliseconds, in UTC; all but these are put together once a second. */
class Timestamp {
  #second = Number.NaN
  #prefix = ''

  at(epochMs: number): string {
    const second = Math.floor(epochMs / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#prefix = new Date(second * 1000).toISOString().slice(0, -'000Z'.length)
    }
    const ms = Math.floor(epochMs - second * 1000)
    return `${this.#prefix}${ms < 10 ? '00' : ms < 100 ? '0' : ''}${ms}Z`
  }
}
