/** How an answer of the admin listener goes out: whole, or piece by piece at the pace of who takes it. */

import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { AdminAnswer } from './answer.ts'

/**
 * Resolves when all has been handed over or the asker is gone.
 * @throws what the pieces throw; the answer is unfinished then, and has to be cut off
 */
export async function send(res: ServerResponse, { status, contentType, body, fields }: AdminAnswer): Promise<void> {
  const isWhole = typeof body === 'string' || Buffer.isBuffer(body)
  res.writeHead(status, {
    'Content-Type': contentType,
    ...(isWhole && { 'Content-Length': Buffer.byteLength(body) }),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ...fields,
  })
  // Node leaves the content out where the method is HEAD.
  if (isWhole || res.req.method === 'HEAD') return void res.end(isWhole ? body : undefined)
  res.flushHeaders()
  for await (const piece of body) {
    if (res.destroyed) return
    if (!res.write(piece)) await taken(res)
  }
  res.end()
}

/** Room for more, or nobody there any more. */
async function taken(res: ServerResponse): Promise<void> {
  if (res.destroyed) return
  const settled = new AbortController()
  const { signal } = settled
  await Promise.race([once(res, 'drain', { signal }), once(res, 'close', { signal })]).finally(() => settled.abort())
}
