/**
 * Lifetime: how long an answer stays fresh where neither its origin nor its route says, by what it is.
 *
 * Until all of it is here its kind decides, as its path or media type tell it; then a playlist's own text does.
 */

import { readPlaylist } from './playlist.ts'
import { defaultTtlMs, isPlaylistType } from './types.ts'

const MIN_LIVE_MS = 200
const MAX_LIVE_MS = 30_000
/** It may still be replaced by another recording; and one that names others, by one that names more of them. */
const FINISHED_MS = 300_000
const MULTIVARIANT_MS = 60_000

/**
 * Milliseconds.
 *
 * @param bytes all of the answer's, without a content coding; absent while it is not known
 */
export function mediaLifetimeMs(path: string, contentType: string | undefined, bytes?: Buffer): number {
  const byKind = defaultTtlMs(path, contentType)
  if (bytes === undefined || !isPlaylistType(path, contentType)) return byKind
  const playlist = readPlaylist(bytes)
  switch (playlist?.kind) {
    case 'live':
      return Math.min(Math.max(MIN_LIVE_MS, Math.floor(playlist.updateMs)), MAX_LIVE_MS)
    case 'finished':
      return FINISHED_MS
    case 'multivariant':
      return MULTIVARIANT_MS
    case undefined:
      return byKind
    default:
      return playlist satisfies never
  }
}
