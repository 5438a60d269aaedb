/**
 * Traffic: what an origin shield is asked for, made up from a seed: the same seed, the same requests.
 *
 * Viewers choose titles by Zipf's law and watch them segment by segment until they have had enough; most have it soon.
 * Others watch a live channel: they ask for its playlist and its newest segment as soon as it is there, all within the
 * length of a segment; some are a segment behind, and a few further back in the window that the playlist shows. All of
 * them ask an edge, which keeps what was asked for last; what it has not, it asks the shield for. Time goes in whole
 * seconds.
 */

import { LRUCache } from 'lru-cache'
import { randomNumbers } from '../support/random-numbers.ts'

/** Something that can be asked for. */
export interface Item {
  readonly key: string
  readonly bytes: number
  readonly isPlaylist: boolean
  /** How long it can be used without asking again. */
  readonly ttlMs: number
}

export interface Request {
  readonly atMs: number
  readonly item: Item
}

export interface Traffic {
  readonly requests: readonly Request[]
  /** Of everything that could be asked for on demand. */
  readonly footprintBytes: number
}

export interface Audience {
  readonly seed: number
  readonly seconds: number
  readonly titles: number
  /** How steeply popularity falls: the second title is asked for 2^zipf times less often than the first. */
  readonly zipf: number
  /** Viewers that choose a title, in a second. */
  readonly startsPerSecond: number
  readonly channels: number
  /** Who watch a channel at any time. */
  readonly liveViewers: number
  readonly edges: number
  /** Memory of one edge, as a share of the footprint. */
  readonly edgeShare: number
  /** After so many seconds other titles are the popular ones. */
  readonly shiftSeconds?: number
}

const SEGMENT_SECONDS = 6
/** Bytes of a segment, and how many viewers watch it, from 240p to 1080p. */
const LADDER = [
  { name: '240p', bytes: 200_000, share: 0.08 },
  { name: '360p', bytes: 500_000, share: 0.17 },
  { name: '480p', bytes: 1_000_000, share: 0.25 },
  { name: '720p', bytes: 2_200_000, share: 0.32 },
  { name: '1080p', bytes: 4_500_000, share: 0.18 },
] as const
/** Who has seen less than half a minute leaves more easily. */
const [LEAVES_EARLY, LEAVES_LATER, EARLY_SEGMENTS] = [0.12, 0.03, 5]
const SWITCHES = 0.03
const LIVE_PLAYLIST_TTL_MS = 2000
const LIVE_WINDOW_SEGMENTS = 50
const VOD_PLAYLIST_TTL_MS = 600_000
const SEGMENT_TTL_MS = 14 * 86_400_000

interface Viewer {
  readonly edge: number
  readonly title: number
  rendition: number
  segment: number
}

export function makeTraffic(audience: Audience): Traffic {
  const { seed, seconds, titles, startsPerSecond, channels, liveViewers, edges, edgeShare } = audience
  const random = randomNumbers(seed)
  const lengths = Array.from({ length: titles }, () => 20 + Math.floor(random() ** 2 * 160))
  const segmentBytes = LADDER.reduce((sum, { bytes }) => sum + bytes, 0)
  const footprintBytes = lengths.reduce((sum, length) => sum + length * segmentBytes, 0)
  const tier = new EdgeTier(edges, footprintBytes * edgeShare)
  const chooseTitle = zipf(titles, audience.zipf, random)
  const chooseChannel = channels === 0 ? () => 0 : zipf(channels, 1, random)
  const turns: Viewer[][] = Array.from({ length: seconds + SEGMENT_SECONDS }, () => [])
  const live = Array.from({ length: liveViewers }, (_, index) => ({
    edge: index % edges,
    channel: chooseChannel(),
    rendition: chooseRendition(random),
    phase: Math.floor(random() * SEGMENT_SECONDS),
    behind: chooseBehind(random),
  }))
  for (let second = 0; second < seconds; second += 1) {
    const shift = audience.shiftSeconds === undefined ? 0 : Math.floor(second / audience.shiftSeconds) * 997
    for (let starts = poisson(startsPerSecond, random); starts > 0; starts -= 1) {
      const title = (chooseTitle() + shift) % titles
      const viewer = { edge: Math.floor(random() * edges), title, rendition: chooseRendition(random), segment: 0 }
      tier.ask(second, viewer.edge, vodPlaylist(title, 'main'))
      turns[second]?.push(viewer)
    }
    for (const viewer of turns[second] ?? []) {
      if (viewer.segment === 0) tier.ask(second, viewer.edge, vodPlaylist(viewer.title, rung(viewer.rendition).name))
      if (random() < SWITCHES) viewer.rendition = chooseRendition(random)
      tier.ask(second, viewer.edge, vodSegment(viewer))
      viewer.segment += 1
      const leaves = viewer.segment < EARLY_SEGMENTS ? LEAVES_EARLY : LEAVES_LATER
      const stays = viewer.segment < (lengths[viewer.title] ?? 0) && random() >= leaves
      // A player first fills its buffer.
      if (stays) turns[second + (viewer.segment < 4 ? 1 : SEGMENT_SECONDS)]?.push(viewer)
    }
    turns[second] = []
    const newest = Math.floor(second / SEGMENT_SECONDS)
    for (const { edge, channel, rendition, phase, behind } of live) {
      if (second % SEGMENT_SECONDS !== phase || newest < behind) continue
      tier.ask(second, edge, livePlaylist(channel, rendition))
      tier.ask(second, edge, liveSegment(channel, rendition, newest - behind))
    }
  }
  return { requests: tier.missed, footprintBytes }
}

/** The caches in front, with what they did not have. */
class EdgeTier {
  readonly missed: Request[] = []
  readonly #edges: readonly LRUCache<string, number>[]
  /** The same thing is the same object: most of them are asked for many times. */
  readonly #items = new Map<string, Item>()

  constructor(edges: number, maxBytes: number) {
    const maxSize = Math.max(1, Math.floor(maxBytes))
    this.#edges = Array.from({ length: edges }, () => new LRUCache({ maxSize, sizeCalculation: () => 1 }))
  }

  ask(second: number, edge: number, asked: Item): void {
    const atMs = second * 1000
    const cache = this.#edges[edge]
    const usableUntilMs = cache?.get(asked.key)
    if (usableUntilMs !== undefined && atMs < usableUntilMs) return
    cache?.set(asked.key, atMs + asked.ttlMs, { size: asked.bytes })
    const item = this.#items.get(asked.key) ?? asked
    if (item === asked) this.#items.set(asked.key, asked)
    this.missed.push({ atMs, item })
  }
}

function rung(index: number): (typeof LADDER)[number] {
  return LADDER[index] ?? LADDER[0]
}

function vodPlaylist(title: number, name: string): Item {
  return { key: `spaces vod/${title}/${name}.m3u8`, bytes: 6000, isPlaylist: true, ttlMs: VOD_PLAYLIST_TTL_MS }
}

function vodSegment({ title, rendition, segment }: Viewer): Item {
  const { name, bytes } = rung(rendition)
  return { key: `spaces vod/${title}/${name}-${segment}.ts`, bytes, isPlaylist: false, ttlMs: SEGMENT_TTL_MS }
}

function livePlaylist(channel: number, rendition: number): Item {
  const key = `spaces live/${channel}/${rung(rendition).name}.m3u8`
  return { key, bytes: 3000, isPlaylist: true, ttlMs: LIVE_PLAYLIST_TTL_MS }
}

function liveSegment(channel: number, rendition: number, segment: number): Item {
  const { name, bytes } = rung(rendition)
  return { key: `spaces live/${channel}/${name}-${segment}.ts`, bytes, isPlaylist: false, ttlMs: SEGMENT_TTL_MS }
}

function chooseRendition(random: () => number): number {
  let rest = random()
  for (const [index, { share }] of LADDER.entries()) {
    rest -= share
    if (rest < 0) return index
  }
  return LADDER.length - 1
}

/** How many segments behind the one that is being made. */
function chooseBehind(random: () => number): number {
  const choice = random()
  if (choice < 0.8) return 1
  return choice < 0.95 ? 2 : 3 + Math.floor(random() * LIVE_WINDOW_SEGMENTS)
}

/** Ranks from 0, rank r with a weight of (r + 1)^-exponent. */
export function zipf(count: number, exponent: number, random: () => number): () => number {
  const sums = new Float64Array(count)
  let sum = 0
  for (let rank = 0; rank < count; rank += 1) sums[rank] = sum += (rank + 1) ** -exponent
  return () => {
    const wanted = random() * sum
    let [low, high] = [0, count - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}

function poisson(mean: number, random: () => number): number {
  let count = 0
  for (let product = random(); product > Math.exp(-mean); product *= random()) count += 1
  return count
}
