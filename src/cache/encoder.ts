/**
 * Encoder: makes the encodings of what was just stored, in zlib's own threads, a few at a time.
 *
 * Nobody waits for it. It holds no bytes of what waits for its turn, so what leaves the Store meanwhile is gone at once
 * and never encoded; what leaves while it is being encoded is held until that is over.
 *
 * Invariant: every byte it makes was reserved first, and what becomes of the reservation is decided in the same turn:
 * it is added to the stored answer, or given back.
 */

import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'
import type { Coding } from '../http/content-coding.ts'
import { BufferedBody } from './buffered-body.ts'
import { EncodedBody, type Encodings } from './encodings.ts'
import type { CacheKey } from './key.ts'
import type { Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'
import { memoryCost } from './stored-response.ts'

/** A shorter text fits into a packet or two as it is. */
const MIN_BYTES = 1024
/** A longer one would keep a thread for too long that others need: zlib shares them with the file system and DNS. */
const MAX_BYTES = 4 * 1024 * 1024
/** Of the four threads that Node has by default. */
const MAX_UNDER_WAY = 2
/** More answers do not wait: the one that has waited longest goes without. */
const MAX_WAITING = 1024

/**
 * A live playlist is replaced every few seconds. Of 100 kB of HLS this quality makes 13.3 kB in 2.4 ms, 9 makes 13.1 kB
 * in 19 ms, 4 makes 15.2 kB in 1.9 ms.
 */
const BROTLI_QUALITY = 5
/** A window of 256 KiB: most playlists are shorter, and the encoder has less memory to set up. */
const BROTLI_WINDOW_BITS = 18
/** 15.9 kB in 1.7 ms; 9 makes 15.1 kB in 6 ms. */
const GZIP_LEVEL = 6

type EncodingsOfAnswer = Encodings<StoredResponse>

const compressBrotli = promisify(brotliCompress)
const compressGzip = promisify(gzip)

export class Encoder {
  readonly #store: Store
  readonly #waiting = new Map<CacheKey, EncodingsOfAnswer>()
  readonly #underWay = new Set<Promise<void>>()
  #isClosed = false

  constructor(store: Store) {
    this.#store = store
  }

  /** Has the encodings made of what was just stored under a key, if it is to have any. */
  encode(key: CacheKey, { encodings, body }: StoredResponse): void {
    const { length = 0 } = body
    if (encodings === undefined || this.#isClosed || length < MIN_BYTES || length > MAX_BYTES) return
    this.#waiting.delete(key)
    this.#waiting.set(key, encodings)
    const [oldest] = this.#waiting.keys()
    if (this.#waiting.size > MAX_WAITING && oldest !== undefined) this.#waiting.delete(oldest)
    this.#begin()
  }

  /** Resolves when nothing is under way any more; nothing is begun from now on. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#waiting.clear()
    await Promise.all(this.#underWay)
  }

  #begin(): void {
    while (this.#underWay.size < MAX_UNDER_WAY) {
      const [next] = this.#waiting
      if (next === undefined) return
      const [key, encodings] = next
      this.#waiting.delete(key)
      const work = this.#encodeAll(key, encodings).finally(() => {
        this.#underWay.delete(work)
        this.#begin()
      })
      this.#underWay.add(work)
    }
  }

  async #encodeAll(key: CacheKey, encodings: EncodingsOfAnswer): Promise<void> {
    for (const coding of encodings.wanted) {
      if (this.#isClosed || !(await this.#encode(key, encodings, coding))) return
    }
  }

  /** False where there is nothing left to do for this answer. */
  async #encode(key: CacheKey, encodings: EncodingsOfAnswer, coding: Coding): Promise<boolean> {
    const stored = this.#store.peek(key)
    if (stored?.encodings !== encodings || !(stored.body instanceof BufferedBody)) return false
    const { body, headerPairs } = stored
    const { bytes } = body
    if (bytes === undefined || encodings.has(coding)) return false
    const reservation = this.#store.reserve(memoryCost('', headerPairs, bytes.length), 'soon')
    if (reservation === undefined) return false
    body.hold()
    const encoded = await smaller(coding, bytes, body)
    body.release()
    if (encoded === undefined) {
      reservation.release()
      return true
    }
    reservation.shrinkTo(memoryCost('', headerPairs, encoded.length))
    const current = this.#store.peek(key)
    if (current?.encodings !== encodings || !this.#store.enlarge(key, current, reservation)) {
      reservation.release()
      return false
    }
    encodings.add({ coding, body: encoded }, reservation.bytes)
    return true
  }
}

/** Undefined where the coding makes it no smaller, or the machine has no memory for it. */
async function smaller(coding: Coding, bytes: Buffer, identity: BufferedBody): Promise<EncodedBody | undefined> {
  try {
    return new EncodedBody(await compress(coding, bytes), identity)
  } catch {
    // The bytes as they are can always be sent.
    return undefined
  }
}

function compress(coding: Coding, bytes: Buffer): Promise<Buffer> {
  const maxOutputLength = bytes.length - 1
  switch (coding) {
    case 'br':
      return compressBrotli(bytes, {
        maxOutputLength,
        params: {
          [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
          [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
          [constants.BROTLI_PARAM_LGWIN]: BROTLI_WINDOW_BITS,
          [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
        },
      })
    case 'gzip':
      return compressGzip(bytes, { maxOutputLength, level: GZIP_LEVEL })
    default:
      return coding satisfies never
  }
}
