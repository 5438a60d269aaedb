/**
 * Warming: objects fetched ahead of the first player, named one by one or by the playlists that lead to them.
 *
 * A multivariant playlist leads to media playlists, and these to segments; no further. Of several renditions those are
 * left out that are above the filter.
 *
 * Invariant: at most `concurrency` objects are under way and at most `MAX_OBJECTS` are asked for; nothing is asked for
 * but what `fetchOne` fetches, and nothing of another site than the playlist's. When the signal fires, or nobody takes
 * the lines any more, what is under way is given up.
 */

import { type PlaylistReferences, readReferences } from '../media/playlist-references.ts'
import type { WarmBody, WarmLine } from './schemas.ts'

export type Fetched =
  | {
      readonly kind: 'warmed'
      readonly result: 'hit' | 'stored' | 'collapsed' | 'confirmed'
      readonly bytes: number
      /** Of a playlist: what it says. */
      readonly text: string | undefined
    }
  | { readonly kind: 'failed'; readonly reason: string }

/** Fetches one object as a client's request would; with `isPlaylist` it gives its text back too. Never rejects. */
export type FetchOne = (address: string, isPlaylist: boolean, signal: AbortSignal) => Promise<Fetched>

/** Of one request. */
export const MAX_OBJECTS = 20_000
const DEFAULT_CONCURRENCY = 8

interface Wanted {
  readonly url: string
  /** How many more playlists it may lead through; undefined for what is only fetched. */
  readonly depth: 0 | 1 | undefined
}

export async function* warm(asked: WarmBody, fetchOne: FetchOne, signal: AbortSignal): AsyncGenerator<WarmLine> {
  const { urls = [], playlists = [], concurrency = DEFAULT_CONCURRENCY } = asked
  const left = new AbortController()
  const over = AbortSignal.any([signal, left.signal])
  const known = new Set<string>()
  const waiting: Wanted[] = []
  const running = new Map<Wanted, Promise<readonly [Wanted, Fetched]>>()
  let isTruncated = false
  const want = (wanted: Wanted) => {
    if (known.has(wanted.url)) return
    if (known.size === MAX_OBJECTS) isTruncated = true
    else {
      known.add(wanted.url)
      waiting.push(wanted)
    }
  }
  for (const url of playlists) want({ url, depth: 1 })
  for (const url of urls) want({ url, depth: undefined })

  let [warmed, failed, bytes, begun] = [0, 0, 0, 0]
  const progress = () => ({ done: warmed + failed, total: known.size })
  try {
    while (!over.aborted) {
      while (running.size < concurrency && begun < waiting.length) {
        const wanted = waiting[begun]
        begun += 1
        if (wanted === undefined) break
        const fetched = fetchOne(wanted.url, wanted.depth !== undefined, over)
        running.set(
          wanted,
          fetched.then((one) => [wanted, one]),
        )
      }
      if (running.size === 0) break
      const [wanted, one] = await Promise.race(running.values())
      running.delete(wanted)
      const { url } = wanted
      const followed =
        one.kind === 'warmed' ? follow(wanted, one.text, asked) : { kind: 'fault' as const, reason: one.reason }
      if (one.kind === 'failed' || followed.kind === 'fault') {
        failed += 1
        const reason = followed.kind === 'fault' ? followed.reason : 'unknown'
        yield { event: 'failed', url, reason, ...progress() }
        continue
      }
      for (const child of followed.wanted) want(child)
      warmed += 1
      bytes += one.bytes
      yield { event: 'warmed', url, result: one.result, bytes: one.bytes, ...progress() }
      for (const reference of followed.elsewhere) {
        if (known.has(reference)) continue
        if (known.size === MAX_OBJECTS) {
          isTruncated = true
          break
        }
        // Counted as one that was wanted, so that done and total meet at the end.
        known.add(reference)
        failed += 1
        yield { event: 'failed', url: reference, reason: 'leads to another site', ...progress() }
      }
    }
    if (!over.aborted) yield { event: 'end', warmed, failed, bytes, isTruncated }
  } finally {
    left.abort()
    await Promise.all(running.values())
  }
}

type Followed =
  | { readonly kind: 'followed'; readonly wanted: readonly Wanted[]; readonly elsewhere: readonly string[] }
  | { readonly kind: 'fault'; readonly reason: string }

const NOWHERE: Followed = { kind: 'followed', wanted: [], elsewhere: [] }

function follow({ url, depth }: Wanted, text: string | undefined, filter: WarmBody): Followed {
  if (depth === undefined || text === undefined) return NOWHERE
  const references = readReferences(text)
  switch (references.kind) {
    case 'dash':
      return { kind: 'fault', reason: 'DASH manifests are not supported: name their segments as urls' }
    case 'none':
      return { kind: 'fault', reason: 'is no HLS playlist' }
    case 'multivariant':
      if (depth === 0) return { kind: 'fault', reason: 'a multivariant playlist names it as a media playlist' }
      return resolved(url, renditionsOf(references, filter), 0)
    case 'media':
      return resolved(url, references.uris, undefined)
    default:
      return references satisfies never
  }
}

/** Within the filter: a rendition that does not say how large it is counts as small. */
function renditionsOf(
  { variants, others }: Extract<PlaylistReferences, { kind: 'multivariant' }>,
  { maxBandwidth = Number.POSITIVE_INFINITY, maxHeight = Number.POSITIVE_INFINITY }: WarmBody,
): readonly string[] {
  const kept = variants.filter(({ bandwidth = 0, height = 0 }) => bandwidth <= maxBandwidth && height <= maxHeight)
  const groups = new Set(kept.flatMap((variant) => variant.groups))
  const played = others.filter(({ group }) => groups.has(group))
  return [...kept, ...played].map(({ uri }) => uri)
}

/** Stands for the site where a playlist was named by its path alone. Nothing is ever asked of it. */
const NO_SITE = 'http://site.invalid'

function resolved(from: string, references: readonly string[], depth: 0 | undefined): Followed {
  const base = new URL(from, NO_SITE)
  const wanted: Wanted[] = []
  const elsewhere: string[] = []
  for (const reference of references) {
    const child = URL.parse(reference, base)
    if (child?.origin !== base.origin) elsewhere.push(reference)
    else {
      const path = child.pathname + child.search
      wanted.push({ url: base.origin === NO_SITE ? path : child.origin + path, depth })
    }
  }
  return { kind: 'followed', wanted, elsewhere }
}
