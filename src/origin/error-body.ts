/** The body of an error answer: a few hundred bytes of XML that say which error it is, and nobody's but ours. */
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import type { OriginBody } from './origin.ts'

export interface ErrorBodyOptions {
  /** The origin's name, for messages. */
  readonly name: string
  /** For the whole of it. What has not come by then is not waited for: the status is known, the text is a nicety. */
  readonly stallTimeoutMs: number
  readonly clock: Clock
}

/** What is longer is not read. */
const MAX_ERROR_BODY_BYTES = 64 * 1024

/**
 * Reads it to its end, or as much as is allowed, and leaves it with its connection given up.
 * @throws {OriginError} when it breaks off, is aborted, or takes too long
 */
export async function readErrorBody(
  body: OriginBody,
  { name, stallTimeoutMs, clock }: ErrorBodyOptions,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let receivedBytes = 0
  let isLate = false
  const deadline = clock.after(stallTimeoutMs, () => {
    isLate = true
    body.destroy()
  })
  try {
    for await (const chunk of body) {
      chunks.push(chunk)
      receivedBytes += chunk.length
      if (receivedBytes > MAX_ERROR_BODY_BYTES) break
    }
  } catch (error) {
    if (!isLate) throw error
    const message = `${name}: an error answer took longer than ${stallTimeoutMs} ms`
    throw new OriginError('timeout', message, { cause: error })
  } finally {
    deadline.cancel()
  }
  return Buffer.concat(chunks)
}
