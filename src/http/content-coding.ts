/**
 * Content codings (RFC 9110 §8.4): which of those offered here a request gets, and what of an answer's fields changes
 * with its coding.
 *
 * Invariant: a coding comes out of here only for a request that takes it at least as gladly as the bytes as they are.
 */
import { readDirective } from './directives.ts'
import { isEntityTag } from './etag.ts'
import { acceptableCodings } from './preferences.ts'
import { nextMember } from './syntax.ts'

/** What is offered, by its name in Content-Encoding. */
export type Coding = 'br' | 'gzip'

/** The one that makes texts smallest comes first. */
export const CODINGS: readonly Coding[] = ['br', 'gzip']

const MAX_REMEMBERED = 128
const MAX_REMEMBERED_LENGTH = 256
const remembered = new Map<string, readonly Coding[]>()

/**
 * The codings to answer with, the best one first (RFC 9110 §12.5.3); none where the bytes are to go out as they are.
 * The few spellings that clients send are taken apart once: this is asked at every hit.
 *
 * @param acceptEncoding value of the request's Accept-Encoding
 */
export function acceptedCodings(acceptEncoding: string): readonly Coding[] {
  const known = remembered.get(acceptEncoding)
  if (known !== undefined) return known
  const accepted = acceptableCodings(acceptEncoding, CODINGS)
  if (acceptEncoding.length > MAX_REMEMBERED_LENGTH) return accepted
  if (remembered.size === MAX_REMEMBERED) remembered.clear()
  remembered.set(acceptEncoding, accepted)
  return accepted
}

/**
 * The entity tag of an encoded representation, which is another one than that of the bytes as they are (RFC 9110
 * §8.8.3): `"abc"` becomes `"abc-br"`, and a weak one stays weak. Undefined for a value that is no entity tag.
 */
export function encodedEtag(etag: string, coding: Coding): string | undefined {
  return isEntityTag(etag) ? `${etag.slice(0, -1)}-${coding}"` : undefined
}

/** A value of Vary that names Accept-Encoding too (RFC 9110 §12.5.5). */
export function varyByEncoding(vary: string | undefined): string {
  if (vary === undefined || vary.trim() === '') return 'Accept-Encoding'
  const names = vary.split(',').map((name) => name.trim().toLowerCase())
  return names.includes('*') || names.includes('accept-encoding') ? vary : `${vary}, Accept-Encoding`
}

/** Whether the origin of an answer with these fields allows no other coding of its bytes (RFC 9111 §5.2.2.6). */
export function isUntransformable(headers: Readonly<Record<string, string>>): boolean {
  return forbidsTransform(headers['cache-control']) || forbidsTransform(headers['cdn-cache-control'])
}

/** Whether a Cache-Control, of a request or of an answer, has `no-transform` (RFC 9111 §5.2.1.6, §5.2.2.6). */
export function forbidsTransform(cacheControl: string | undefined): boolean {
  if (cacheControl === undefined) return false
  for (let start = nextMember(cacheControl, 0); start < cacheControl.length; ) {
    const { name, end } = readDirective(cacheControl, start)
    if (name === 'no-transform') return true
    start = nextMember(cacheControl, end)
  }
  return false
}
