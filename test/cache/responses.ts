/** Stored answers for tests that care about one thing in them. */

import { BufferedBody } from '../../src/cache/buffered-body.ts'
import type { ResponseParts, StoredResponse } from '../../src/cache/stored-response.ts'
import { makeStoredResponse } from '../../src/cache/stored-response.ts'

export function storedResponse(parts: Partial<ResponseParts> = {}): StoredResponse {
  return makeStoredResponse({
    status: 200,
    headers: {},
    contentType: undefined,
    body: BufferedBody.of(Buffer.from('bytes')),
    responseTimeMs: 0,
    freshness: { initialAgeSeconds: 0, staleAtMs: 0 },
    ...parts,
  })
}

/** The pairs as a record. Fails when a name occurs twice. */
export function fieldsOf(pairs: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {}
  for (let index = 0; index < pairs.length; index += 2) {
    const name = pairs[index] ?? ''
    if (Object.hasOwn(fields, name)) throw new Error(`${name} occurs twice`)
    fields[name] = pairs[index + 1] ?? ''
  }
  return fields
}
