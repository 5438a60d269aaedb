/**
 * Representation: one stored answer in one content coding (RFC 9110 §8.4), and which answers come in several.
 *
 * Invariant: an encoded representation says nothing that is true only of the bytes as they are: no tag of theirs, no
 * digest, no ranges.
 */

import type { Coding } from '../http/content-coding.ts'
import { acceptedCodings, CODINGS, encodedEtag, isUntransformable } from '../http/content-coding.ts'
import type { EncodedForm } from './encodings.ts'
import { Encodings } from './encodings.ts'
import type { CacheRules, Received } from './policy.ts'
import type { StoredResponse } from './stored-response.ts'
import type { RequestFields, Variant } from './variants.ts'

/** They tell of the bytes as they are: RFC 9530, RFC 3230, RFC 2616 §14.15. Ranges are answered from these alone. */
const OF_IDENTITY = new Set(['accept-ranges', 'content-digest', 'content-md5', 'digest', 'etag', 'repr-digest'])

/**
 * What may become of an answer's bytes beside themselves; undefined where it only ever goes out as it came: another
 * status than 200, another media type, a coding of the origin's own, or its word that nobody may change it.
 *
 * @param wanted as {@link wantedCodings} has them; no matter where nothing is kept of the answer
 */
export function encodingsFor(
  { status, headers }: Pick<Received, 'status' | 'headers'>,
  contentType: string | undefined,
  { isCompressible }: CacheRules,
  wanted = CODINGS,
): Encodings<StoredResponse> | undefined {
  if (status !== 200 || isCompressible?.(contentType) !== true) return undefined
  if (headers['content-encoding'] !== undefined || isUntransformable(headers)) return undefined
  return new Encodings(wanted, encoded)
}

/** Codings that requests for an answer may want, given what it was chosen by and a request that it answers. */
export function wantedCodings({ names }: Variant, fields: RequestFields): readonly Coding[] {
  if (!names.includes('accept-encoding')) return CODINGS
  // The others that its origin has chosen it for want the same.
  const lines = fields['accept-encoding'] ?? []
  return acceptedCodings(typeof lines === 'string' ? lines : lines.join(', ')).slice(0, 1)
}

/** Weak or strong, its tag is told apart from that of the bytes as they are (RFC 9110 §8.8.3). */
function encoded(stored: StoredResponse, { coding, body }: EncodedForm): StoredResponse {
  const etag = stored.etag === undefined ? undefined : encodedEtag(stored.etag, coding)
  const headerPairs: string[] = []
  for (let index = 0; index + 1 < stored.headerPairs.length; index += 2) {
    const [name = '', value = ''] = stored.headerPairs.slice(index, index + 2)
    if (!OF_IDENTITY.has(name.toLowerCase())) headerPairs.push(name, value)
  }
  headerPairs.push('Content-Encoding', coding)
  if (etag !== undefined) headerPairs.push('ETag', etag)
  return { ...stored, headerPairs, etag, body, encodings: undefined }
}
