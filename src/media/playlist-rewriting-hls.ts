/**
 * References in HLS playlists (RFC 8216 and its second edition): lines that are no tags, and attributes of tags whose
 * values are URIs.
 */

import type { Addition } from './playlist-rewriting-reference.ts'
import { carriesAddition, withAddition } from './playlist-rewriting-reference.ts'

/**
 * URI: KEY, MAP, MEDIA, I-FRAME-STREAM-INF, SESSION-DATA, SESSION-KEY, PART, PRELOAD-HINT, RENDITION-REPORT and kin.
 * SERVER-URI: CONTENT-STEERING. The others: DATERANGE of interstitials.
 */
const URI_ATTRIBUTES: ReadonlySet<string> = new Set(['URI', 'SERVER-URI', 'X-ASSET-URI', 'X-ASSET-LIST'])
const MAY_HOLD_URI = /URI="|X-ASSET-LIST="/
/** RFC 8216 §4.2: an attribute, its value in quotes or not, and the comma behind it. */
const ATTRIBUTE = /[ \t]*([A-Z0-9-]+)=(?:"([^"]*)"|[^",]*)[ \t]*(,|$)/y
const VARIABLE = /\{\$([A-Za-z0-9_-]+)\}/g
const DEFINE = '#EXT-X-DEFINE:'

/** @param text one character a byte */
export function rewriteHls(text: string, addition: Addition): string {
  const variables = new Map<string, string>()
  let rewritten = ''
  for (let start = 0; start < text.length; ) {
    const feed = text.indexOf('\n', start)
    const end = feed === -1 ? text.length : feed + 1
    const line = text.slice(start, end)
    rewritten += rewriteLine(line, addition, variables)
    start = end
  }
  return rewritten
}

function rewriteLine(line: string, addition: Addition, variables: Map<string, string>): string {
  const content = line.replace(/[ \t\r\n]+$/, '')
  if (content === '') return line
  const ending = line.slice(content.length)
  if (content.startsWith('#') || content.startsWith(BYTE_ORDER_MARK)) {
    if (content.startsWith(DEFINE)) define(content.slice(DEFINE.length), variables)
    return MAY_HOLD_URI.test(content) ? rewriteTag(content, addition, variables) + ending : line
  }
  return rewriteReference(content, addition, variables) + ending
}

/** Of UTF-8, as it looks in Latin-1; nothing but a tag may follow it. */
const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf'

function rewriteTag(tag: string, addition: Addition, variables: ReadonlyMap<string, string>): string {
  const colon = tag.indexOf(':')
  if (!tag.startsWith('#EXT') || colon === -1) return tag
  let rewritten = tag.slice(0, colon + 1)
  ATTRIBUTE.lastIndex = colon + 1
  let place = ATTRIBUTE.lastIndex
  for (let found = ATTRIBUTE.exec(tag); found !== null; found = ATTRIBUTE.exec(tag)) {
    const [whole, name = '', quoted] = found
    if (quoted !== undefined && URI_ATTRIBUTES.has(name)) {
      const opening = whole.indexOf('"') + 1
      const reference = rewriteReference(quoted, addition, variables)
      rewritten += whole.slice(0, opening) + reference + whole.slice(opening + quoted.length)
    } else rewritten += whole
    place = ATTRIBUTE.lastIndex
    if (found[3] === '') break
  }
  return rewritten + tag.slice(place)
}

function rewriteReference(written: string, addition: Addition, variables: ReadonlyMap<string, string>): string {
  const reference = written.includes('{$') ? replaced(written, variables) : written
  if (reference === undefined || !carriesAddition(reference, addition.url, addition)) return written
  // A variable that brings the query or the fragment decides on what stands in front of the parameter.
  if (reference !== written && /[?#]/.test(reference)) {
    return reference.includes('#') ? written : `${written}${reference.endsWith('?') ? '' : '&'}${addition.text}`
  }
  return withAddition(written, addition.text)
}

/** Undefined where a variable is not of this playlist: IMPORT and QUERYPARAM are the player's to know. */
function replaced(written: string, variables: ReadonlyMap<string, string>): string | undefined {
  let isKnown = true
  const reference = written.replace(VARIABLE, (_, name: string) => {
    const value = variables.get(name)
    if (value === undefined) isKnown = false
    return value ?? ''
  })
  return isKnown ? reference : undefined
}

function define(attributes: string, variables: Map<string, string>): void {
  const name = /(?:^|,)[ \t]*NAME="([^"]*)"/.exec(attributes)?.[1]
  const value = /(?:^|,)[ \t]*VALUE="([^"]*)"/.exec(attributes)?.[1]
  if (name !== undefined && value !== undefined) variables.set(name, value)
}
