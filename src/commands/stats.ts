/** `segment-shield stats`: the figures of a running shield, anew each second on a screen, once elsewhere. */

import { type Stats, stats as statsSchema } from '../admin/schemas.ts'
import { adminClient, CONNECTION_OPTIONS, parseOptions } from './admin-client.ts'
import { type Terminal, UsageError } from './terminal.ts'

const INTERVAL_MS = 1000
/** To the upper left corner, and nothing left of what was below. */
const CLEAR = '\x1b[H\x1b[J'
const MIB = 1024 * 1024

export async function stats(args: readonly string[], terminal: Terminal): Promise<void> {
  const { values, positionals } = parseOptions(args, CONNECTION_OPTIONS)
  if (positionals.length > 0) throw new UsageError('stats takes no operands')
  const client = await adminClient(values, terminal)
  const text = await client.ask('GET', '/stats')
  if (values.json) return terminal.print(`${text}\n`)
  let now = statsSchema.parse(JSON.parse(text))
  if (!terminal.isScreen) return terminal.print(table(now, undefined))
  let before: Stats | undefined
  try {
    for (;;) {
      terminal.print(CLEAR + table(now, before))
      await terminal.pause(INTERVAL_MS)
      before = now
      now = statsSchema.parse(JSON.parse(await client.ask('GET', '/stats')))
    }
  } catch (error) {
    if (!terminal.signal.aborted) throw error
  }
}

/** @param before makes the rates; without it they are left out */
export function table(now: Stats, before: Stats | undefined): string {
  const { store, traffic, origins } = now
  const seconds = before === undefined ? 0 : now.uptimeSeconds - before.uptimeSeconds
  const rate = (value: number, earlier: number | undefined) =>
    earlier === undefined || seconds <= 0 ? '' : `${((value - earlier) / seconds).toFixed(1)}/s`
  const earlier = before?.traffic
  const rows: (readonly [string, string | number, string])[] = [
    ['up', `${Math.floor(now.uptimeSeconds)} s`, now.phase],
    ['requests', traffic.requests, rate(traffic.requests, earlier?.requests)],
    ['hits', `${share(traffic.hits, traffic.requests)} %`, rate(traffic.hits, earlier?.hits)],
    ['hit bytes', `${share(traffic.hitBytes, traffic.bytes)} %`, ''],
    ['sent', mib(traffic.bytes), rate(traffic.bytes / MIB, earlier && earlier.bytes / MIB)],
    ['left, cut', `${traffic.left}, ${traffic.cut}`, ''],
    ['memory', `${mib(store.cachedBytes)} of ${mib(store.maxBytes)}`, `${store.entries} entries`],
    ['in flight', mib(store.inFlightBytes), `${now.fills} fills, ${now.runs} runs`],
    ['held', mib(store.heldBytes), ''],
    ['evictions', store.evictions, rate(store.evictions, before?.store.evictions)],
    ...Object.entries(origins).map(([name, { circuit, pool }]) => {
      const { inUse, maxSockets, queued } = pool
      return [`origin ${name}`, `${inUse} of ${maxSockets} in use`, `${queued} queued, circuit ${circuit}`] as const
    }),
  ]
  const [first, second] = [0, 1].map((column) => Math.max(...rows.map((row) => String(row[column]).length)))
  const written = rows.map(([name, value, more]) => {
    return `${name.padEnd(first ?? 0)}  ${String(value).padStart(second ?? 0)}  ${more}`.trimEnd()
  })
  return `${written.join('\n')}\n`
}

function share(part: number, whole: number): string {
  return whole === 0 ? '0.0' : ((100 * part) / whole).toFixed(1)
}

function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`
}
