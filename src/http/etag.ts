/**
 * Entity tags (RFC 9110 §8.8.3): their form, the two ways to compare them, and lists of them.
 *
 * A tag is kept as it was sent, quotes and `W/` included. Invariant: whatever {@link parseEntityTagList} returns is a
 * well-formed tag.
 */
import { endAtComma, nextMember, skipWhitespace, trimWhitespace } from './syntax.ts'

/** Whether the value is exactly one entity tag. */
export function isEntityTag(value: string): boolean {
  return value !== '' && endOfEntityTag(value, 0) === value.length
}

/** Equal byte for byte and neither of them weak (RFC 9110 §8.8.3.2). */
export function strongMatch(a: string, b: string): boolean {
  return a === b && !isWeak(a)
}

/** Equal apart from being weak (RFC 9110 §8.8.3.2). */
export function weakMatch(a: string, b: string): boolean {
  return opaqueTag(a) === opaqueTag(b)
}

/**
 * The value of If-Match or If-None-Match. Tags may contain commas. A malformed member is left out and the list goes
 * on after the next comma; `*` counts only when it is the whole value.
 */
export function parseEntityTagList(value: string): '*' | readonly string[] {
  if (trimWhitespace(value) === '*') return '*'
  const tags: string[] = []
  for (let start = nextMember(value, 0); start < value.length; ) {
    const tagEnd = endOfEntityTag(value, start)
    const memberEnd = tagEnd === -1 ? -1 : skipWhitespace(value, tagEnd)
    if (memberEnd !== -1 && (memberEnd === value.length || value[memberEnd] === ',')) {
      tags.push(value.slice(start, tagEnd))
      start = nextMember(value, memberEnd)
    } else {
      start = nextMember(value, endAtComma(value, start))
    }
  }
  return tags
}

function isWeak(tag: string): boolean {
  return tag.startsWith('W/')
}

function opaqueTag(tag: string): string {
  return isWeak(tag) ? tag.slice(2) : tag
}

/** The position after the tag that begins at `start`, or -1 when none does. */
function endOfEntityTag(value: string, start: number): number {
  const quote = value.startsWith('W/', start) ? start + 2 : start
  if (value[quote] !== '"') return -1
  for (let position = quote + 1; position < value.length; position += 1) {
    if (value[position] === '"') return position + 1
    if (!isTagCharacter(value.charCodeAt(position))) return -1
  }
  return -1
}

/** Any visible character but the quote, and the upper half of Latin-1; no space, no backslash escapes. */
function isTagCharacter(code: number): boolean {
  return (code > 0x20 && code < 0x7f) || (code > 0x7f && code <= 0xff)
}
