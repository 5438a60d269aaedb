/**
 * Playlist tokens: the answer to a playlist that was asked for with a token in the query, whose children carry it too.
 *
 * The cache keeps the playlist as it came; this one is made of those bytes for one client, has its own length and no
 * validator, and no shared cache may keep it.
 */

import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import type { Body } from '../../cache/body.ts'
import { BufferedBody } from '../../cache/buffered-body.ts'
import type { StoredResponse } from '../../cache/stored-response.ts'
import { StreamedBody } from '../../cache/streamed-body.ts'
import { asOriginError, OriginError } from '../../errors.ts'
import { type Addition, type PlaylistFormat, playlistFormat, rewritePlaylist } from '../../media/playlist-rewriting.ts'
import type { Origin } from '../../origin/origin.ts'
import type { Exchange } from '../exchange.ts'
import type { IncomingMessage, ServerResponse } from '../messages.ts'

/** No playlist is larger, with its coding undone. */
const MAX_PLAYLIST_BYTES = 8 * 1024 * 1024

/** They describe other bytes, or say who else may keep these. */
const NOT_OF_REWRITTEN: ReadonlySet<string> = new Set([
  'cache-control',
  'cdn-cache-control',
  'content-digest',
  'content-encoding',
  'content-md5',
  'digest',
  'etag',
  'expires',
  'last-modified',
  'repr-digest',
  'surrogate-control',
])

type Decode = (bytes: Buffer, options: { readonly maxOutputLength: number }) => Buffer

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['br', brotliDecompressSync],
  ['deflate', inflateSync],
  ['gzip', gunzipSync],
  ['x-gzip', gunzipSync],
])

/** What an answer is made for. */
export interface Rewriting {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly exchange: Exchange
  readonly routeHeaders: readonly string[]
  readonly origin?: Origin
}

export interface RewritingOutcome {
  /** Called at most once, at once where all bytes are here. */
  readonly onRewritten: (own: Pick<Rewriting, 'routeHeaders'>, rewritten: StoredResponse) => void
  readonly onFailure: (error: OriginError) => void
}

/** Whether it is a whole playlist, in a coding that can be undone. */
export function isRewritable({ status, contentType, originHeaders }: StoredResponse): boolean {
  const coding = codingOf(originHeaders)
  return status === 200 && playlistFormat(contentType) !== undefined && (coding === '' || DECODERS.has(coding))
}

/**
 * Makes the client's own answer of a stored one that {@link isRewritable}, as soon as all of it is here. After a failure
 * the exchange is as it was, and may have another one made.
 */
export function rewriteAnswer(rewriting: Rewriting, stored: StoredResponse, outcome: RewritingOutcome): void {
  const { req, res, exchange, origin } = rewriting
  const format = playlistFormat(stored.contentType)
  const addition = exchange.addition?.()
  if (format === undefined || addition === undefined) return
  const own = { routeHeaders: fieldsBesideTokens(rewriting.routeHeaders) }
  const onRewritten = (rewritten: StoredResponse) => {
    exchange.addition = undefined
    outcome.onRewritten(own, rewritten)
  }
  if (req.method === 'HEAD' && stored.body.bytes === undefined) {
    stored.body.discard()
    onRewritten(headWithTokens(stored))
    return
  }
  const onBytes = (bytes: Buffer) => {
    if (res.destroyed) return
    const rewritten = withTokens(stored, bytes, format, addition)
    if (rewritten instanceof OriginError) outcome.onFailure(rewritten)
    else onRewritten(rewritten)
  }
  const collecting = collect(stored.body, origin, onBytes, outcome.onFailure)
  res.once('close', () => collecting.close())
}

/** The answer whose playlist carries the addition; an error where the bytes are not what their coding says. */
function withTokens(
  stored: StoredResponse,
  bytes: Buffer,
  format: PlaylistFormat,
  addition: Addition,
): StoredResponse | OriginError {
  const decoded = decode(stored, bytes)
  if (decoded instanceof OriginError) return decoded
  return withoutValidators(stored, BufferedBody.of(rewritePlaylist(decoded, format, addition)))
}

/** The same without its bytes, for HEAD: nobody knows the length that GET would have. */
function headWithTokens(stored: StoredResponse): StoredResponse {
  return withoutValidators(stored, StreamedBody.withoutBytes(undefined))
}

/** A route's own fields, without those that would say something else about who may keep an answer. */
function fieldsBesideTokens(pairs: readonly string[]): readonly string[] {
  return pairs.filter((_, index) => !NOT_OF_REWRITTEN.has((pairs[index - (index % 2)] ?? '').toLowerCase()))
}

/** All bytes of a body, at once where they are there; `onFailure` where they never will be. */
function collect(
  body: Body,
  origin: Origin | undefined,
  onBytes: (bytes: Buffer) => void,
  onFailure: (error: OriginError) => void,
): { close(): void } {
  const { bytes } = body
  if (bytes !== undefined) {
    onBytes(bytes)
    return { close: () => undefined }
  }
  const chunks: Buffer[] = []
  let total = 0
  const pump = () => {
    for (;;) {
      const result = reader.read()
      if (result === 'wait') return
      if (result === 'end') return onBytes(Buffer.concat(chunks))
      if (result === 'failed') {
        reader.close()
        return onFailure(asOriginError(reader.error))
      }
      total += result.length
      if (total > MAX_PLAYLIST_BYTES) {
        reader.close()
        return onFailure(new OriginError('broken', 'a playlist is too large to be rewritten'))
      }
      chunks.push(Buffer.from(result))
    }
  }
  const reader = body.open(0, undefined, pump, origin)
  pump()
  return reader
}

function withoutValidators(stored: StoredResponse, body: Body): StoredResponse {
  const pairs = fieldsBesideTokens(stored.headerPairs)
  const headerPairs = [...pairs, 'Cache-Control', privately(stored.originHeaders['cache-control'])]
  // Its encodings are of the stored bytes, which carry nothing.
  return { ...stored, headerPairs, body, encodings: undefined, etag: undefined, lastModified: undefined }
}

/** For the client's own cache what the origin says of any. */
function privately(cacheControl = ''): string {
  const kept = cacheControl
    .toLowerCase()
    .match(/(?<![\w-])(?:max-age=\d+|no-cache|no-store|must-revalidate)(?![\w=-])/g)
  return ['private', ...(kept ?? [])].join(', ')
}

function codingOf(originHeaders: StoredResponse['originHeaders']): string {
  const coding = originHeaders['content-encoding']?.trim().toLowerCase() ?? ''
  return coding === 'identity' ? '' : coding
}

function decode({ originHeaders }: StoredResponse, bytes: Buffer): Buffer | OriginError {
  const decoder = DECODERS.get(codingOf(originHeaders))
  if (decoder === undefined) return bytes
  try {
    return decoder(bytes, { maxOutputLength: MAX_PLAYLIST_BYTES })
  } catch (cause) {
    return new OriginError('broken', 'a playlist is not coded as its Content-Encoding says', { cause })
  }
}
