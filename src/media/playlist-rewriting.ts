/**
 * Playlist rewriting: a playlist whose children carry a parameter that the playlist was asked for with.
 *
 * Nothing is parsed and written anew: the parameter is put in where a reference ends, and every other byte stays as it
 * is, however odd the playlist. A reference gets it only where it leads to the server that was asked, and to a path
 * that the parameter is good for there; what cannot be told for certain is left alone.
 */

import { rewriteHls } from './playlist-rewriting-hls.ts'
import { rewriteMpd } from './playlist-rewriting-mpd.ts'
import type { Addition } from './playlist-rewriting-reference.ts'

export type { Addition }

/** The formats that can be rewritten. */
export type PlaylistFormat = 'hls' | 'dash'

/** By its media type (RFC 8216 §4, ISO/IEC 23009-1). */
export function playlistFormat(contentType: string | undefined): PlaylistFormat | undefined {
  const essence = contentType?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (HLS_TYPES.has(essence)) return 'hls'
  return essence === 'application/dash+xml' ? 'dash' : undefined
}

const HLS_TYPES = new Set([
  'application/vnd.apple.mpegurl',
  'application/x-mpegurl',
  'audio/mpegurl',
  'audio/x-mpegurl',
])

/** Latin-1 keeps each byte as one character, and gives it back. */
export function rewritePlaylist(bytes: Buffer, format: PlaylistFormat, addition: Addition): Buffer {
  const text = bytes.toString('latin1')
  const rewritten = format === 'hls' ? rewriteHls(text, addition) : rewriteMpd(text, addition)
  return rewritten === text ? bytes : Buffer.from(rewritten, 'latin1')
}

/**
 * The parameter as it may stand in a playlist: what would end a value in quotes, or mean something in a template or in
 * markup, is escaped, which changes nothing of the parameter (RFC 3986 §2.4). The ampersand is for MPDs to escape.
 */
export function additionText(parameters: string): string {
  return parameters.replace(/["'<>$`{}\\^|]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}
