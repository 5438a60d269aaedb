/**
 * Playlist references: what an HLS playlist (RFC 8216) leads to, for whoever wants to fetch it ahead.
 *
 * Read line by line; what is odd is passed over. I-frame playlists, parts and content steering are not followed.
 *
 * Invariant: it never throws, and takes time in proportion to the length of the text.
 */

/** A rendition of a multivariant playlist. */
export interface VariantReference {
  readonly uri: string
  /** Bits per second; undefined where it does not say. */
  readonly bandwidth: number | undefined
  /** Pixels. */
  readonly height: number | undefined
  /** Groups of other renditions that are played with it, as `AUDIO:name`. */
  readonly groups: readonly string[]
}

export type PlaylistReferences =
  | {
      readonly kind: 'multivariant'
      readonly variants: readonly VariantReference[]
      readonly others: readonly { readonly uri: string; readonly group: string }[]
    }
  | { readonly kind: 'media'; readonly uris: readonly string[] }
  | { readonly kind: 'dash' | 'none' }

const GROUP_TYPES = ['AUDIO', 'VIDEO', 'SUBTITLES'] as const
const URI_TAG = /^#EXT-X-(?:MAP|KEY):/
/** A name, and a value in quotes or not; a comma ends it. */
const ATTRIBUTE = /([A-Z0-9-]+)=(?:"([^"]*)"|([^",]*))/g
/** A longer line is no tag and no reference. */
const MAX_LINE = 16 * 1024

export function readReferences(text: string): PlaylistReferences {
  const lines = text.split(/\r?\n/)
  if (
    lines[0]
      ?.replace(/^\ufeff/, '')
      .trimEnd()
      .startsWith('#EXTM3U') !== true
  ) {
    return { kind: /<(?:[\w.-]+:)?MPD[\s>]/.test(text.slice(0, MAX_LINE)) ? 'dash' : 'none' }
  }
  const variants: VariantReference[] = []
  const others: { uri: string; group: string }[] = []
  const uris = new Set<string>()
  let next: ReadonlyMap<string, string> | undefined
  for (const line of lines) {
    const content = line.length > MAX_LINE ? '' : line.trim()
    if (content === '') continue
    if (!content.startsWith('#')) {
      if (next === undefined) uris.add(content)
      else variants.push(variantOf(content, next))
      next = undefined
    } else if (content.startsWith('#EXT-X-STREAM-INF:')) next = attributesOf(content)
    else if (content.startsWith('#EXT-X-MEDIA:')) {
      const attributes = attributesOf(content)
      const uri = attributes.get('URI')
      const group = `${attributes.get('TYPE')}:${attributes.get('GROUP-ID')}`
      if (uri !== undefined) others.push({ uri, group })
    } else if (URI_TAG.test(content)) {
      const uri = attributesOf(content).get('URI')
      if (uri !== undefined) uris.add(uri)
    }
  }
  if (variants.length > 0) return { kind: 'multivariant', variants, others }
  return { kind: 'media', uris: [...uris] }
}

function variantOf(uri: string, attributes: ReadonlyMap<string, string>): VariantReference {
  const height = /^\d{1,5}x(\d{1,5})$/.exec(attributes.get('RESOLUTION') ?? '')?.[1]
  const bandwidth = /^\d{1,15}$/.exec(attributes.get('BANDWIDTH') ?? '')?.[0]
  const groups = GROUP_TYPES.filter((type) => attributes.has(type)).map((type) => `${type}:${attributes.get(type)}`)
  return {
    uri,
    bandwidth: bandwidth === undefined ? undefined : Number(bandwidth),
    height: height === undefined ? undefined : Number(height),
    groups,
  }
}

function attributesOf(tag: string): ReadonlyMap<string, string> {
  const attributes = tag.slice(tag.indexOf(':') + 1).matchAll(ATTRIBUTE)
  return new Map([...attributes].map(([, name = '', quoted, bare = '']) => [name, quoted ?? bare]))
}
