/**
 * What a request to the admin listener brings with it: JSON, of a bounded size, and called so.
 *
 * The media type is asked for because a page of another site cannot send it without being given leave first.
 */

import type { IncomingMessage } from 'node:http'
import { type AdminAnswer, problem } from './answer.ts'

export type Content =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'refused'; readonly refusal: AdminAnswer }

const MAX_BYTES = 256 * 1024
const JSON_TYPE = /^application\/json[ \t]*(?:;|$)/i
const CLOSE = { Connection: 'close' }
const decoder = new TextDecoder('utf-8', { fatal: true })

/** Never rejects: of a client that leaves half way it says what nobody will read. */
export async function readContent(req: IncomingMessage): Promise<Content> {
  if (!JSON_TYPE.test(req.headers['content-type'] ?? '')) {
    return refused(415, 'Content-Type: expected application/json', { Accept: 'application/json' })
  }
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    // Ending the loop early would end the connection, and with it the answer.
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      bytes += chunk.length
      if (bytes > MAX_BYTES) return refused(413, `Expected at most ${MAX_BYTES} bytes of content`, CLOSE)
      chunks.push(chunk)
    }
    return { kind: 'json', value: JSON.parse(decoder.decode(Buffer.concat(chunks))) }
  } catch {
    // Either decoder's message would repeat what was sent.
    return refused(400, 'The content is no JSON')
  }
}

function refused(status: number, detail: string, fields?: Readonly<Record<string, string>>): Content {
  return { kind: 'refused', refusal: problem(status, detail, fields) }
}
