/** Answers in a content coding, which there is some time after the answer was stored. */
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { type Answer, type RequestOptions, request } from './http-client.ts'

/** Asks until the answer comes in this coding. Fails with the test's own time limit when it never does. */
export async function encodedAnswer(port: number, coding: string, options: RequestOptions): Promise<Answer> {
  for (;;) {
    const headers = { ...options.headers, 'Accept-Encoding': coding }
    const answer = await request(port, { ...options, headers })
    if (answer.headers['content-encoding'] === coding) return answer
  }
}

/** The bytes that were encoded. @throws when they were not, or not as the answer says */
export function decoded({ headers, body }: Answer): Buffer {
  switch (headers['content-encoding']) {
    case 'br':
      return brotliDecompressSync(body)
    case 'gzip':
      return gunzipSync(body)
    default:
      throw new Error(`there is no coding ${headers['content-encoding']}`)
  }
}

/** A media playlist of at least so many bytes; another seed names other segments. */
export function playlist(atLeastBytes: number, seed = 1): Buffer {
  const lines = ['#EXTM3U', '#EXT-X-VERSION:7', '#EXT-X-TARGETDURATION:6', `#EXT-X-MEDIA-SEQUENCE:${seed}`]
  let length = 0
  for (let index = seed; length < atLeastBytes; index += 1) {
    const segment = `#EXTINF:${5 + ((index * 37) % 997) / 997},\nsegment-${index * 7919}-1080p.m4s`
    lines.push(segment)
    length += segment.length
  }
  return Buffer.from(`${lines.join('\n')}\n`)
}
