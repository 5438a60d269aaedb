/**
 * An origin in memory that answers by itself, as Ceph RGW does: conditions, single ranges, 416 without Content-Range.
 *
 * Bodies come in chunks, each a turn of the event loop after it was asked for, and break where `breakAfter` says. It
 * notes what it was asked for, how many bytes were taken from it, and which bodies are open.
 */

import { setImmediate } from 'node:timers/promises'
import { OriginError } from '../../src/errors.ts'
import type { Origin, OriginBody, OriginRequest, OriginResponse, PoolUsage } from '../../src/origin/origin.ts'
import { lendTo } from '../support/lending.ts'

export interface OriginObject {
  readonly bytes: Buffer
  readonly etag: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

export class ObjectOrigin implements Origin {
  readonly name = 'origin'
  readonly objects = new Map<string, OriginObject>()
  readonly requests: OriginRequest[] = []
  chunkBytes = 400
  /** After how many bytes the body of this request, counted from 0, breaks; undefined: it does not. */
  breakAfter: (index: number, request: OriginRequest, length: number) => number | undefined = () => undefined
  /** Awaited before each answer. */
  beforeAnswer: (index: number) => Promise<void> | void = () => undefined
  /** Answers in place of the ordinary answer. */
  instead: (index: number, request: OriginRequest) => OriginResponse | undefined = () => undefined
  ignoresRanges = false
  /** Bytes handed over. */
  takenBytes = 0
  readonly #open = new Set<ObjectBody>()

  get openBodies(): number {
    return this.#open.size
  }

  /** `first-last` or `first-`, and If-Match where there was one; `whole` without a range. */
  get asked(): string[] {
    return this.requests.map(({ range, validators }) => {
      const text = range === undefined ? 'whole' : `${range.first}-${range.last ?? ''}`
      return validators?.ifMatch === undefined ? text : `${text} if ${validators.ifMatch}`
    })
  }

  put(key: string, bytes: Buffer, etag: string | undefined, headers: Readonly<Record<string, string>> = {}): void {
    this.objects.set(key, { bytes, etag, headers })
  }

  async fetch(request: OriginRequest): Promise<OriginResponse> {
    const index = this.requests.push(request) - 1
    await setImmediate()
    await this.beforeAnswer(index)
    if (request.signal.aborted) throw new OriginError('aborted', 'the request was aborted')
    return this.instead(index, request) ?? this.answer(index, request)
  }

  answer(index: number, request: OriginRequest): OriginResponse {
    const { key, range, validators } = request
    const object = this.objects.get(key)
    if (object === undefined) return { status: 404, headers: {}, body: undefined }
    const { bytes, etag } = object
    if (validators?.ifMatch !== undefined && validators.ifMatch !== etag) {
      return { status: 412, headers: {}, body: undefined }
    }
    if (validators?.ifNoneMatch !== undefined && validators.ifNoneMatch === etag) {
      return { status: 304, headers: {}, body: undefined }
    }
    const headers = { ...object.headers, ...(etag !== undefined && { etag }) }
    const wanted = this.ignoresRanges ? undefined : range
    const first = wanted?.first ?? 0
    const last = Math.min(wanted?.last ?? bytes.length - 1, bytes.length - 1)
    if (wanted !== undefined && first > last) return { status: 416, headers: {}, body: undefined }
    const part = bytes.subarray(first, last + 1)
    const body = new ObjectBody(part, this, this.#open, request.signal, this.breakAfter(index, request, part.length))
    const contentRange = { 'content-range': `bytes ${first}-${last}/${bytes.length}` }
    return {
      status: wanted === undefined ? 200 : 206,
      headers: { ...headers, 'content-length': String(part.length), ...(wanted && contentRange) },
      body,
    }
  }

  usage(): PoolUsage {
    return { inUse: this.openBodies, free: 0, queued: 0 }
  }

  async close(): Promise<void> {
    for (const body of this.#open) body.destroy()
  }
}

class ObjectBody implements OriginBody {
  readonly #bytes: Buffer
  readonly #origin: ObjectOrigin
  readonly #open: Set<ObjectBody>
  readonly #breakAfter: number | undefined
  #sent = 0
  #failure: OriginError | undefined

  constructor(
    bytes: Buffer,
    origin: ObjectOrigin,
    open: Set<ObjectBody>,
    signal: AbortSignal,
    breakAfter: number | undefined,
  ) {
    this.#bytes = bytes
    this.#origin = origin
    this.#open = open
    this.#breakAfter = breakAfter
    open.add(this)
    signal.addEventListener('abort', () => this.destroy(), { once: true })
  }

  async next(): Promise<IteratorResult<Buffer, undefined>> {
    await setImmediate()
    if (this.#failure !== undefined) throw this.#failure
    const end = Math.min(this.#sent + this.#origin.chunkBytes, this.#breakAfter ?? this.#bytes.length)
    if (end > this.#sent) {
      const chunk = Buffer.from(this.#bytes.subarray(this.#sent, end))
      this.#sent = end
      this.#origin.takenBytes += chunk.length
      return { done: false, value: chunk }
    }
    this.#open.delete(this)
    if (this.#sent === this.#bytes.length) return { done: true, value: undefined }
    this.#failure = new OriginError('broken', `reset after ${this.#sent} bytes`)
    throw this.#failure
  }

  readInto(take: (chunk: Buffer) => void): Promise<void> {
    return lendTo(this, take)
  }

  destroy(): void {
    this.#failure ??= new OriginError('aborted', 'the body was destroyed')
    this.#open.delete(this)
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
