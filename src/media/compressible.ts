/**
 * Which media types are texts that streaming lives on and that are worth a content coding: playlists, manifests,
 * subtitles and JSON. Segments and pictures are compressed by their own formats already.
 */

/** RFC 8216 §4 and what servers say in its place, ISO/IEC 23009-1, Smooth Streaming, WebVTT, TTML, SubRip. */
const COMPRESSIBLE: ReadonlySet<string> = new Set([
  'application/dash+xml',
  'application/json',
  'application/mpegurl',
  'application/ttml+xml',
  'application/vnd.apple.mpegurl',
  'application/vnd.ms-sstr+xml',
  'application/x-mpegurl',
  'application/x-subrip',
  'application/xml',
  'audio/mpegurl',
  'audio/x-mpegurl',
  'text/srt',
  'text/vtt',
  'text/xml',
])

/** By the media type alone, whatever its parameters. */
export function isCompressible(contentType: string | undefined): boolean {
  const essence = contentType?.split(';', 1)[0]?.trim().toLowerCase()
  return essence !== undefined && COMPRESSIBLE.has(essence)
}
