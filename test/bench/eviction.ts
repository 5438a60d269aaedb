/**
 * Eviction: the adaptive policy beside LRU, at the same bytes. `node test/bench/eviction.ts` prints a Markdown table;
 * its exit code is 1 when an aim was missed. It takes some minutes.
 */

import type { EvictionPolicy } from '../../src/cache/make-eviction.ts'
import type { Pattern } from './patterns.ts'
import { ITEM_BYTES, PATTERNS } from './patterns.ts'
import type { Replayed } from './replay.ts'
import { replay } from './replay.ts'
import type { Audience, Request } from './traffic.ts'
import { makeTraffic } from './traffic.ts'

/** How many times LRU's hit ratio, in requests and in bytes. */
export interface Aim {
  readonly requests: number
  readonly bytes: number
}

export interface Comparison {
  readonly name: string
  readonly aim: Aim
  readonly lru: Replayed
  readonly adaptive: Replayed
  readonly ofRequests: number
  readonly ofBytes: number
  readonly isMet: boolean
}

/** Policies by name: the CPU of one call of the Store, in microseconds. */
export type Costs = Readonly<Record<EvictionPolicy, number>>

const NEVER_WORSE: Aim = { requests: 0.97, bytes: 0.97 }
/** Where probation would have to grow beyond its bound: to see what that costs. */
const NONE: Aim = { requests: 0, bytes: 0 }
const OF_VOD: Aim = { requests: 2.5, bytes: 2.5 }
const OF_MIXED: Aim = { requests: 1.1, bytes: 1.15 }
const MOST_MICROSECONDS = 3
/** Of the patterns: how many items memory has room for, and how many times as many are asked for. */
const [ROOM, ROOMS_ASKED] = [1000, 200]

const VOD: Audience = {
  seed: 1,
  seconds: 6000,
  titles: 2000,
  zipf: 0.9,
  startsPerSecond: 12,
  channels: 0,
  liveViewers: 0,
  edges: 4,
  edgeShare: 0.005,
}
const MIXED: Audience = { ...VOD, startsPerSecond: 8, channels: 20, liveViewers: 600 }
const LIVE: Audience = { ...MIXED, startsPerSecond: 0 }

interface Watched {
  readonly name: string
  readonly audience: Audience
  /** Memory, as a share of the footprint. */
  readonly shares: readonly (readonly [share: number, aim: Aim])[]
}

const ofVod = [
  [0.001, NEVER_WORSE],
  [0.01, OF_VOD],
  [0.1, NEVER_WORSE],
  [0.3, NEVER_WORSE],
] as const
const ofMixed = [
  [0.001, NEVER_WORSE],
  [0.01, OF_MIXED],
  [0.03, OF_MIXED],
  [0.1, NEVER_WORSE],
  [0.3, NEVER_WORSE],
] as const
const atOnePercent = [[0.01, NEVER_WORSE]] as const

const WATCHED: readonly Watched[] = [
  { name: 'VOD', audience: VOD, shares: ofVod },
  { name: 'VOD, another seed', audience: { ...VOD, seed: 2 }, shares: ofVod },
  { name: 'VOD, a third seed', audience: { ...VOD, seed: 3 }, shares: ofVod },
  { name: 'VOD, a flatter popularity', audience: { ...VOD, zipf: 0.7 }, shares: atOnePercent },
  { name: 'VOD, a steeper one', audience: { ...VOD, zipf: 1.1 }, shares: atOnePercent },
  { name: 'VOD, edges less than half as large', audience: { ...VOD, edgeShare: 0.002 }, shares: atOnePercent },
  { name: 'VOD, no edges', audience: { ...VOD, edges: 1, edgeShare: 0 }, shares: atOnePercent },
  { name: 'VOD, other titles every ten minutes', audience: { ...VOD, shiftSeconds: 600 }, shares: atOnePercent },
  { name: 'VOD and live', audience: MIXED, shares: ofMixed },
  { name: 'VOD and live, another seed', audience: { ...MIXED, seed: 2 }, shares: ofMixed },
  { name: 'VOD and live, a third seed', audience: { ...MIXED, seed: 3 }, shares: ofMixed },
  {
    name: 'live',
    audience: LIVE,
    shares: [
      [0.01, NEVER_WORSE],
      [0.0006, NEVER_WORSE],
      [0.0003, NONE],
    ],
  },
]

/** Where both have nothing, neither is worse. */
const ratio = (ours: number, theirs: number) => (ours === theirs ? 1 : ours / theirs)

export function compare(name: string, requests: readonly Request[], maxBytes: number, aim: Aim): Comparison {
  const warmUp = Math.floor(requests.length / 4)
  const lru = replay(requests, maxBytes, 'lru', warmUp)
  const adaptive = replay(requests, maxBytes, 'adaptive', warmUp)
  const [ofRequests, ofBytes] = [ratio(adaptive.hits, lru.hits), ratio(adaptive.hitBytes, lru.hitBytes)]
  const isWithinBudget = lru.mostBytes <= maxBytes && adaptive.mostBytes <= maxBytes
  const isMet = isWithinBudget && ofRequests >= aim.requests && ofBytes >= aim.bytes
  return { name, aim, lru, adaptive, ofRequests, ofBytes, isMet }
}

export function comparePattern({ name, make }: Pattern, room: number, roomsAsked: number): Comparison {
  return compare(name, make(room, roomsAsked * room), room * ITEM_BYTES, NEVER_WORSE)
}

/** All of them, one by one as they are done. */
export function* compareAll(): Generator<Comparison> {
  for (const { name, audience, shares } of WATCHED) {
    const { requests, footprintBytes } = makeTraffic(audience)
    for (const [share, aim] of shares) {
      yield compare(`${name}, ${Number((100 * share).toFixed(2))} %`, requests, Math.floor(footprintBytes * share), aim)
    }
  }
  for (const pattern of PATTERNS) yield comparePattern(pattern, ROOM, ROOMS_ASKED)
}

export function costsOf(comparisons: readonly Comparison[]): Costs {
  const cost = (policy: EvictionPolicy) => {
    const microseconds = comparisons.reduce((sum, { [policy]: { cpuMicroseconds } }) => sum + cpuMicroseconds, 0)
    return microseconds / comparisons.reduce((sum, { [policy]: { operations } }) => sum + operations, 0)
  }
  return { adaptive: cost('adaptive'), lru: cost('lru') }
}

const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`
const times = (value: number) => (Number.isFinite(value) ? `${value.toFixed(2)}x` : '–')
const shares = ({ hits, requests, hitBytes, bytes }: Replayed) =>
  `${percent(hits, requests)} / ${percent(hitBytes, bytes)}`

export const TABLE_HEAD = [
  '| requests / bytes of hits; memory as a share of the footprint | LRU | adaptive | beside LRU | aim | |',
  '|---|---|---|---|---|---|',
]

export function row({ name, aim, lru, adaptive, ofRequests, ofBytes, isMet }: Comparison): string {
  const cells = [
    name,
    shares(lru),
    shares(adaptive),
    `${times(ofRequests)} / ${times(ofBytes)}`,
    ...(aim === NONE ? ['none', ''] : [`${aim.requests}x / ${aim.bytes}x`, isMet ? 'met' : 'missed']),
  ]
  return `| ${cells.join(' | ')} |`
}

function main(): void {
  const print = (line: string) => process.stdout.write(`${line}\n`)
  for (const line of TABLE_HEAD) print(line)
  const comparisons: Comparison[] = []
  for (const comparison of compareAll()) {
    comparisons.push(comparison)
    print(row(comparison))
  }
  const { adaptive, lru } = costsOf(comparisons)
  const isCheap = adaptive <= MOST_MICROSECONDS
  const cpu = `adaptive ${adaptive.toFixed(2)} µs, LRU ${lru.toFixed(2)} µs, aim ≤ ${MOST_MICROSECONDS} µs`
  print(`\nCPU of a call of the Store (get, reserve, put): ${cpu}: ${isCheap ? 'met' : 'missed'}`)
  if (!isCheap || comparisons.some(({ isMet }) => !isMet)) process.exitCode = 1
}

if (import.meta.main) main()
