/**
 * What a path's extension says about an object: its media type, and how long its kind usually stays as it is.
 *
 * Object stores often keep `application/octet-stream` for everything; then the extension knows better.
 */

/** The kinds of object a streaming service serves, by how their freshness behaves. */
export type MediaKind = 'playlist' | 'segment' | 'other'

interface MediaType {
  readonly contentType: string
  readonly kind: MediaKind
}

const HLS = 'application/vnd.apple.mpegurl'

/** Types from RFC 8216 §4, ISO/IEC 23009-1 and the IANA registry. */
const BY_EXTENSION: ReadonlyMap<string, MediaType> = new Map<string, MediaType>([
  ['m3u8', { contentType: HLS, kind: 'playlist' }],
  ['m3u', { contentType: HLS, kind: 'playlist' }],
  ['mpd', { contentType: 'application/dash+xml', kind: 'playlist' }],
  ['ts', { contentType: 'video/mp2t', kind: 'segment' }],
  ['m4s', { contentType: 'video/iso.segment', kind: 'segment' }],
  ['cmfv', { contentType: 'video/mp4', kind: 'segment' }],
  ['cmfa', { contentType: 'audio/mp4', kind: 'segment' }],
  ['mp4', { contentType: 'video/mp4', kind: 'segment' }],
  ['m4v', { contentType: 'video/mp4', kind: 'segment' }],
  ['m4a', { contentType: 'audio/mp4', kind: 'segment' }],
  ['aac', { contentType: 'audio/aac', kind: 'segment' }],
  ['mp3', { contentType: 'audio/mpeg', kind: 'segment' }],
  ['webm', { contentType: 'video/webm', kind: 'segment' }],
  ['vtt', { contentType: 'text/vtt', kind: 'segment' }],
  ['webvtt', { contentType: 'text/vtt', kind: 'segment' }],
  ['jpg', { contentType: 'image/jpeg', kind: 'other' }],
  ['jpeg', { contentType: 'image/jpeg', kind: 'other' }],
  ['png', { contentType: 'image/png', kind: 'other' }],
  ['webp', { contentType: 'image/webp', kind: 'other' }],
  ['json', { contentType: 'application/json', kind: 'other' }],
  ['html', { contentType: 'text/html; charset=utf-8', kind: 'other' }],
  ['css', { contentType: 'text/css; charset=utf-8', kind: 'other' }],
  ['js', { contentType: 'text/javascript; charset=utf-8', kind: 'other' }],
])

/** Types that say no more than "bytes". */
const OPAQUE = new Set(['application/octet-stream', 'binary/octet-stream', 'application/x-www-form-urlencoded'])

const SECOND_MS = 1000
const DEFAULT_TTL_MS: Readonly<Record<MediaKind, number>> = {
  playlist: 2 * SECOND_MS,
  segment: 14 * 24 * 3600 * SECOND_MS,
  other: 60 * SECOND_MS,
}

function byPath(path: string): MediaType | undefined {
  const dot = path.lastIndexOf('.')
  return dot === -1 ? undefined : BY_EXTENSION.get(path.slice(dot + 1).toLowerCase())
}

/** The stored type, unless it is missing or says nothing; then the extension's; then the stored one after all. */
export function contentTypeFor(path: string, storedType: string | undefined): string | undefined {
  const essence = storedType?.split(';', 1)[0]?.trim().toLowerCase()
  if (essence !== undefined && essence !== '' && !OPAQUE.has(essence)) return storedType
  return byPath(path)?.contentType ?? storedType
}

/** Whether players can go no further without it. */
export function isPlaylist(path: string): boolean {
  return byPath(path)?.kind === 'playlist'
}

/** Freshness in milliseconds where neither the origin nor the route says anything. */
export function defaultTtlMs(path: string): number {
  return DEFAULT_TTL_MS[byPath(path)?.kind ?? 'other']
}
