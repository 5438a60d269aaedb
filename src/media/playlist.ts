/**
 * Playlist: what an HLS playlist (RFC 8216) or a DASH manifest (ISO/IEC 23009-1) says about how soon there will be
 * another one in its place.
 *
 * It reads the few words that say so and nothing else. A library that understands whole playlists takes a hundred times
 * as long, minutes for some that are made to hurt, and finds fault with many that players play.
 *
 * Invariant: it never throws, and takes time in proportion to the length of the text, however odd that is.
 */

import { XMLParser } from 'fast-xml-parser'

/**
 * - `live`: there will be another one; players are to ask again after `updateMs` at the earliest
 * - `finished`: there will not
 * - `multivariant`: it names other playlists, which may be live or finished
 */
export type PlaylistState =
  | { readonly kind: 'live'; readonly updateMs: number }
  | { readonly kind: 'finished' }
  | { readonly kind: 'multivariant' }

/** A longer one is not looked at. */
const MAX_BYTES = 2 * 1024 * 1024
/** What may stand before a manifest's first element, and how long that may be: namespaces and profiles, mostly. */
const MAX_PROLOG = 64 * 1024
const MAX_START_TAG = 16 * 1024
/** Of the rest of a line behind the name of a tag. */
const MAX_TAG_VALUE = 1024

/** Undefined for what is neither, or does not say. */
export function readPlaylist(bytes: Buffer): PlaylistState | undefined {
  if (bytes.length > MAX_BYTES) return undefined
  const isMarked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf
  const start = isMarked ? 3 : 0
  // The words that count are ASCII, and bytes are characters here, so that nothing has to be decoded.
  const isHls = latin1(bytes, start, start + HLS_MARK.length) === HLS_MARK
  if (isHls) return readHls(latin1(bytes, start))
  const tag = rootTag(latin1(bytes, start, start + MAX_PROLOG + MAX_START_TAG))
  return tag === undefined ? undefined : readMpd(tag)
}

function latin1(bytes: Buffer, start: number, end?: number): string {
  return bytes.toString('latin1', start, end)
}

const HLS_MARK = '#EXTM3U'

function readHls(text: string): PlaylistState | undefined {
  if (tagValue(text, 'EXT-X-STREAM-INF') !== undefined) return { kind: 'multivariant' }
  if (tagValue(text, 'EXT-X-ENDLIST') !== undefined) return { kind: 'finished' }
  // RFC 8216 §4.3.3.5: it does not change, even where the end is not marked.
  if (tagValue(text, 'EXT-X-PLAYLIST-TYPE') === 'VOD') return { kind: 'finished' }
  const seconds = Number(tagValue(text, 'EXT-X-TARGETDURATION') || Number.NaN)
  if (!(seconds > 0 && seconds < Number.POSITIVE_INFINITY)) return undefined
  const partSeconds = Number(/(?:^|,)PART-TARGET=([0-9.]+)/.exec(tagValue(text, 'EXT-X-PART-INF') ?? '')?.[1])
  // RFC 8216 §6.3.4: half a target duration after one that has not changed. A part at a time where there are parts.
  return { kind: 'live', updateMs: 1000 * (partSeconds > 0 ? Math.min(partSeconds, seconds / 2) : seconds / 2) }
}

/** What follows the colon of the first tag of this name; empty for one without. */
function tagValue(text: string, name: string): string | undefined {
  const tag = `\n#${name}`
  for (let found = text.indexOf(tag); found !== -1; found = text.indexOf(tag, found + 1)) {
    const end = found + tag.length
    const next = text[end]
    if (next === ':') return /^[^\r\n]*/.exec(text.slice(end + 1, end + MAX_TAG_VALUE))?.[0].trim()
    if (next === undefined || '\r\n\t '.includes(next)) return ''
  }
  return undefined
}

/** The start tag of an XML document's first element, as an element of its own. */
function rootTag(text: string): string | undefined {
  let position = 0
  for (;;) {
    position = text.indexOf('<', position)
    if (position === -1 || position > MAX_PROLOG) return undefined
    const end = text.startsWith('<!--', position) ? '-->' : text.startsWith('<?', position) ? '?>' : undefined
    if (end === undefined) break
    const ended = text.indexOf(end, position)
    if (ended === -1) return undefined
    position = ended + end.length
  }
  // Attributes may hold what ends a tag elsewhere.
  const tag = /^<(?:[\w.-]+:)?MPD\b(?:[^"'<>]|"[^"<]*"|'[^'<]*')*>/.exec(text.slice(position, position + MAX_START_TAG))
  return tag?.[0].replace(/\/?>$/, '/>')
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  removeNSPrefix: true,
  processEntities: false,
  parseAttributeValue: false,
})

function readMpd(tag: string): PlaylistState | undefined {
  const { type, minimumUpdatePeriod } = attributesOf(tag)
  if (type === undefined || type === 'static') return { kind: 'finished' }
  if (type !== 'dynamic') return undefined
  const periodMs = durationMs(minimumUpdatePeriod)
  return periodMs === undefined ? undefined : { kind: 'live', updateMs: periodMs / 2 }
}

const UNKNOWN = { type: 'unknown' }

function attributesOf(tag: string): Readonly<Record<string, unknown>> {
  try {
    const document: unknown = parser.parse(tag)
    if (!isMapping(document) || !Object.hasOwn(document, 'MPD')) return UNKNOWN
    const root = document['MPD']
    return isMapping(root) ? root : {}
  } catch {
    // What the parser refuses may be anything.
    return UNKNOWN
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

const DURATION = /^P(?:(\d{1,6})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$/

/** xs:duration without years and months, which have no fixed length. */
function durationMs(written: unknown): number | undefined {
  const parts = typeof written === 'string' ? DURATION.exec(written.trim()) : null
  if (parts === null) return undefined
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = parts.slice(1).map((part) => Number(part ?? 0))
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
}
