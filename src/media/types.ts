/**
 * What a path's extension says about an object: its media type, and how long its kind usually stays as it is.
 *
 * Object stores often keep `application/octet-stream` for everything; then the extension knows better.
 */

/**
 * The kinds of object a streaming service serves, by how long they stay as they are:
 *
 * - `playlist`: HLS playlists and DASH manifests; live ones change all the time, and their text says how often
 * - `segment`: pieces of a stream and their initialisation, and whole films: named anew when they change
 * - `subtitles`: corrected now and then under the same name
 * - `key`: small, asked for once by each player, and replaced when it has leaked
 * - `other`: images, pages, whatever is not known
 */
export type MediaKind = 'playlist' | 'segment' | 'subtitles' | 'key' | 'other'

interface MediaType {
  readonly contentType: string
  readonly kind: MediaKind
}

const HLS = 'application/vnd.apple.mpegurl'

/** By kind and media type, the extensions in lower case. Types from RFC 8216 §4, ISO/IEC 23009-1 and 23000-19, IANA. */
const EXTENSIONS: readonly (readonly [MediaKind, string, string])[] = [
  ['playlist', HLS, 'm3u8 m3u'],
  ['playlist', 'application/dash+xml', 'mpd'],
  ['playlist', 'application/dash-patch+xml', 'mpp'],
  ['segment', 'video/mp2t', 'ts m2ts mts'],
  ['segment', 'video/iso.segment', 'm4s'],
  ['segment', 'video/mp4', 'mp4 m4v cmfv m4f mp4v dash init'],
  ['segment', 'audio/mp4', 'm4a cmfa mp4a'],
  ['segment', 'audio/aac', 'aac'],
  ['segment', 'audio/mpeg', 'mp3'],
  ['segment', 'audio/ac3', 'ac3'],
  ['segment', 'audio/eac3', 'ec3 eac3'],
  ['segment', 'audio/ogg', 'ogg oga opus'],
  ['segment', 'audio/flac', 'flac'],
  ['segment', 'audio/wav', 'wav'],
  ['segment', 'audio/webm', 'weba'],
  ['segment', 'video/webm', 'webm'],
  ['segment', 'video/matroska', 'mkv'],
  ['segment', 'video/quicktime', 'mov'],
  ['segment', 'video/ogg', 'ogv'],
  ['subtitles', 'text/vtt', 'vtt webvtt'],
  ['subtitles', 'application/ttml+xml', 'ttml dfxp'],
  ['subtitles', 'application/x-subrip', 'srt'],
  ['subtitles', 'application/mp4', 'cmft'],
  ['key', 'application/octet-stream', 'key'],
  ['other', 'image/jpeg', 'jpg jpeg'],
  ['other', 'image/png', 'png'],
  ['other', 'image/webp', 'webp'],
  ['other', 'image/avif', 'avif'],
  ['other', 'image/gif', 'gif'],
  ['other', 'image/svg+xml', 'svg'],
  ['other', 'image/x-icon', 'ico'],
  ['other', 'application/json', 'json'],
  ['other', 'application/xml', 'xml'],
  ['other', 'text/plain; charset=utf-8', 'txt'],
  ['other', 'text/html; charset=utf-8', 'html'],
  ['other', 'text/css; charset=utf-8', 'css'],
  ['other', 'text/javascript; charset=utf-8', 'js mjs'],
]

const BY_EXTENSION: ReadonlyMap<string, MediaType> = new Map(
  EXTENSIONS.flatMap(([kind, contentType, extensions]) =>
    extensions.split(' ').map((extension) => [extension, { contentType, kind }] as const),
  ),
)

/** What packagers call their playlists, whatever the path; the others are from before RFC 8216. */
const PLAYLIST_TYPES: ReadonlySet<string> = new Set([
  HLS,
  'application/x-mpegurl',
  'audio/mpegurl',
  'audio/x-mpegurl',
  'application/dash+xml',
  'application/dash-patch+xml',
  'application/vnd.ms-sstr+xml',
])

/** Types that say no more than "bytes". */
const OPAQUE = new Set(['application/octet-stream', 'binary/octet-stream', 'application/x-www-form-urlencoded'])

const SECOND_MS = 1000
const DEFAULT_TTL_MS: Readonly<Record<MediaKind, number>> = {
  playlist: 2 * SECOND_MS,
  segment: 14 * 24 * 3600 * SECOND_MS,
  subtitles: 3600 * SECOND_MS,
  key: 300 * SECOND_MS,
  other: 60 * SECOND_MS,
}

function byPath(path: string): MediaType | undefined {
  const dot = path.lastIndexOf('.')
  return dot === -1 ? undefined : BY_EXTENSION.get(path.slice(dot + 1).toLowerCase())
}

/** The stored type, unless it is missing or says nothing; then the extension's; then the stored one after all. */
export function contentTypeFor(path: string, storedType: string | undefined): string | undefined {
  const essence = essenceOf(storedType)
  if (essence !== undefined && essence !== '' && !OPAQUE.has(essence)) return storedType
  return byPath(path)?.contentType ?? storedType
}

/** Whether players can go no further without it. */
export function isPlaylist(path: string): boolean {
  return byPath(path)?.kind === 'playlist'
}

/** The same, where the path may say nothing and the origin's media type does. */
export function isPlaylistType(path: string, contentType: string | undefined): boolean {
  const essence = essenceOf(contentType)
  return (essence !== undefined && PLAYLIST_TYPES.has(essence)) || isPlaylist(path)
}

/** Freshness in milliseconds where neither the origin nor the route says anything. */
export function defaultTtlMs(path: string, contentType?: string): number {
  return DEFAULT_TTL_MS[isPlaylistType(path, contentType) ? 'playlist' : (byPath(path)?.kind ?? 'other')]
}

function essenceOf(contentType: string | undefined): string | undefined {
  return contentType?.split(';', 1)[0]?.trim().toLowerCase()
}
