/** The body of an error answer: a few hundred bytes of XML that say which error it is, and nobody's but ours. */
import { XMLParser } from 'fast-xml-parser'
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

/** What S3 calls an error that it gives no code; the SDK's word. */
export const UNKNOWN_CODE = 'Unknown'

const XML = new XMLParser({ ignoreAttributes: true, parseTagValue: false, processEntities: false })

/** `<Error><Code>…`; a proxy in front of the store may answer in HTML, and some stores in nothing at all. */
export function errorCode(text: Buffer): string {
  try {
    const code: unknown = XML.parse(text)?.Error?.Code
    return typeof code === 'string' && code !== '' ? code : UNKNOWN_CODE
  } catch {
    // No XML: the status has to do.
    return UNKNOWN_CODE
  }
}
