/**
 * The request target (RFC 9112 §3.2), checked and normalised once, before anything else looks at it.
 *
 * Invariant: a path that comes out of here begins with `/` and has no dot-segment and no NUL, however it was escaped,
 * so a prefix put in front of it later cannot be climbed out of. Whatever is not refused is kept exactly: `//`, `+`,
 * backslashes, a trailing slash and the spelling of Unicode all tell one object from another in a store.
 *
 * A decoded path may hold line breaks and other control characters (`%0A`): it has to be escaped again before it is
 * put into a header.
 */

/** Longest target taken where nothing else is said, in bytes, query included. */
export const MAX_TARGET_BYTES = 8192

/** Longest object name S3 knows, in bytes of UTF-8. */
export const MAX_KEY_BYTES = 1024

/**
 * - `ok`: `path` is percent-decoded and begins with `/`, `sentPath` is the same as it was sent; `query` is as it was
 *   sent too, without its `?`, empty if there is none, and with it as `sentQuery`. Where `isUtf8` is false the path is
 *   good enough to find a route by, and names no object of a store
 * - `refused`: the request goes no further; `text` repeats nothing of what was sent
 */
export type RequestTarget =
  | {
      readonly kind: 'ok'
      readonly path: string
      readonly sentPath: string
      readonly query: string
      readonly sentQuery: string
      readonly isUtf8: boolean
    }
  | { readonly kind: 'refused'; readonly status: 400 | 414; readonly text: string }

type Refusal = Extract<RequestTarget, { kind: 'refused' }>

const targetTooLong: Refusal = { kind: 'refused', status: 414, text: 'The request target is too long' }
const notOriginForm: Refusal = { kind: 'refused', status: 400, text: 'The request target must begin with a slash' }
const badCharacter: Refusal = { kind: 'refused', status: 400, text: 'Forbidden character in the request target' }
const badEscape: Refusal = { kind: 'refused', status: 400, text: 'Bad percent-escape in the path' }
const nulInPath: Refusal = { kind: 'refused', status: 400, text: 'NUL in the path' }
const dotSegment: Refusal = { kind: 'refused', status: 400, text: 'Dot-segment in the path' }

const HASH = 0x23
const PERCENT = 0x25
const DOT = 0x2e
const SLASH = 0x2f
const QUESTION_MARK = 0x3f

const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/

/**
 * Takes origin-form only (RFC 9112 §3.2.1); a proxy's absolute-form, CONNECT's authority-form and `*` are refused.
 * The query is held to the permitted characters and otherwise left alone.
 */
export function parseTarget(target: string, maxBytes = MAX_TARGET_BYTES): RequestTarget {
  if (target.length > maxBytes) return targetTooLong
  if (target.charCodeAt(0) !== SLASH) return notOriginForm

  let pathEnd = -1
  let hasEscape = false
  let hasLeadingDot = false
  for (let index = 1; index < target.length; index += 1) {
    const code = target.charCodeAt(index)
    if (code < 0x21 || code > 0x7e || code === HASH) return badCharacter
    if (pathEnd !== -1) continue
    if (code === QUESTION_MARK) pathEnd = index
    else if (code === PERCENT) hasEscape = true
    else if (code === DOT && target.charCodeAt(index - 1) === SLASH) hasLeadingDot = true
  }

  const sentPath = pathEnd === -1 ? target : target.slice(0, pathEnd)
  const query = pathEnd === -1 ? '' : target.slice(pathEnd + 1)
  const sentQuery = pathEnd === -1 ? '' : target.slice(pathEnd)
  if (hasEscape) return decodePath(sentPath, query, sentQuery)
  if (hasLeadingDot && DOT_SEGMENT.test(sentPath)) return dotSegment
  return { kind: 'ok', path: sentPath, sentPath, query, sentQuery, isUtf8: true }
}

const WHOLE_ESCAPES = /^(?:[^%]|%[0-9A-Fa-f]{2})*$/
const ESCAPE = /%([0-9A-Fa-f]{2})/g
const lossyDecoder = new TextDecoder('utf-8', { ignoreBOM: true })

function byteOf(_: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 16))
}

function decodePath(sentPath: string, query: string, sentQuery: string): RequestTarget {
  let path: string
  let isUtf8 = true
  try {
    path = decodeURIComponent(sentPath)
  } catch {
    // A URIError is its only complaint: an incomplete escape, or bytes that are not UTF-8.
    if (!WHOLE_ESCAPES.test(sentPath)) return badEscape
    path = lossyDecoder.decode(Buffer.from(sentPath.replace(ESCAPE, byteOf), 'latin1'))
    isUtf8 = false
  }
  if (path.includes('\0')) return nulInPath
  if (DOT_SEGMENT.test(path)) return dotSegment
  return { kind: 'ok', path, sentPath, query, sentQuery, isUtf8 }
}
