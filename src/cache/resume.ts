/**
 * ResumingBody: a part of one version of an object that arrives whole although connections break.
 *
 * | what happens to the connection            | what the reader sees                                            |
 * |-------------------------------------------|-----------------------------------------------------------------|
 * | reset, stall, end too early               | nothing: it goes on with `Range: bytes=N-` and `If-Match`        |
 * | … and the object is another one by now    | {@link ObjectChanged}: 412, another total or tag, gone, or short |
 * | … more often than the bound allows        | the last failure                                                 |
 * | more bytes than announced, an abort       | that failure at once                                             |
 *
 * Invariant: what was given to the reader is a prefix of the bytes of the version that the entity tag names, and
 * `done` comes only after all of them. Works on what an Origin promises, so it is the same for every kind of origin.
 */

import { asOriginError, OriginError } from '../errors.ts'
import { contentLength } from '../http/content-length.ts'
import { parseContentRange } from '../http/content-range.ts'
import { isEntityTag, strongMatch } from '../http/etag.ts'
import type { Origin, OriginBody, OriginPriority, OriginResponse } from '../origin/origin.ts'

/** The version that was asked for is no longer what its origin has. */
export class ObjectChanged extends OriginError {
  constructor(message: string) {
    super('broken', message)
    this.name = 'ObjectChanged'
  }
}

/** A part of one version of an object, and how to ask for it. */
export interface WantedPart {
  readonly origin: Origin
  readonly objectKey: string
  /** Strong. */
  readonly etag: string
  /** Bytes of the whole object. */
  readonly total: number
  /** Position of the part's first byte. */
  readonly start: number
  /** Position after the part's last byte. */
  readonly end: number
  readonly priority: OriginPriority
  /** Ends everything that is under way, as `destroy` does. */
  readonly signal?: AbortSignal
}

/**
 * The bound. Resumes that bring next to nothing come to an end after five. One that brought `PROGRESS_BYTES` earns the
 * next; and there are never more than twenty, and one for each `BYTES_PER_RESUME` that came, so that an origin that
 * breaks every answer costs a small share more requests than one that does not.
 */
export const MAX_FRUITLESS_RESUMES = 5
export const MAX_RESUMES = 20
const PROGRESS_BYTES = 64 * 1024
const BYTES_PER_RESUME = 8 * 1024 * 1024

const DONE: IteratorReturnResult<undefined> = { done: true, value: undefined }

type ResumingState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'reading'; readonly source: OriginBody; readonly isWhole: boolean; skipBytes: number }
  | { readonly kind: 'over'; readonly error: OriginError | undefined }

/** Owns the connection it reads from, like any other OriginBody. */
export class ResumingBody implements OriginBody {
  readonly #part: WantedPart
  /** There is none before it asks by itself. */
  #abort: AbortController | undefined
  #state: ResumingState
  #position: number
  #resumedAt: number
  #resumes = 0
  #fruitless = 0

  /** @param source the answer's body, where there is one already; else the part is asked for at `ready` or `next` */
  constructor(part: WantedPart, source?: OriginBody) {
    this.#part = part
    this.#position = part.start
    this.#resumedAt = part.start
    this.#state = source === undefined ? { kind: 'idle' } : { kind: 'reading', source, isWhole: false, skipBytes: 0 }
  }

  /**
   * Resolves when the origin has begun to answer. That first request is not repeated here.
   * @throws {OriginError} also for an answer that is not the part; {@link ObjectChanged} if there is no such part
   */
  async ready(): Promise<void> {
    if (this.#state.kind !== 'idle') return
    try {
      await this.#ask()
    } catch (error) {
      throw this.#give(asOriginError(error))
    }
  }

  next(): Promise<IteratorResult<Buffer, undefined>> {
    return this.#read(async (source) => {
      const result = await source.next()
      if (result.done === true) return DONE
      const chunk = this.#withoutKnown(result.value)
      return chunk.length > 0 ? { done: false, value: this.#taken(chunk) } : undefined
    })
  }

  async readInto(take: (chunk: Buffer) => void): Promise<void> {
    await this.#read(async (source, isWhole) => {
      await source.readInto((lent) => {
        const chunk = this.#withoutKnown(lent)
        if (chunk.length > 0) this.#hand(this.#taken(chunk), take)
        // Such an origin has more to give than the part.
        if (isWhole && this.#position === this.#part.end && this.#part.end < this.#part.total) source.destroy()
      })
      return DONE
    })
  }

  async return(): Promise<IteratorResult<Buffer, undefined>> {
    this.destroy()
    return DONE
  }

  destroy(): void {
    if (this.#state.kind !== 'over') this.#give(new OriginError('aborted', 'the body was given up'))
    this.#abort?.abort()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** @param step resolves to what came, or to undefined where that is here already */
  async #read(
    step: (source: OriginBody, isWhole: boolean) => Promise<IteratorResult<Buffer, undefined> | undefined>,
  ): Promise<IteratorResult<Buffer, undefined>> {
    await this.ready()
    for (;;) {
      const state = this.#state
      if (state.kind !== 'reading') return this.#afterwards()
      try {
        if (state.isWhole && this.#position === this.#part.end) return this.#finish(state.source, true)
        const result = await step(state.source, state.isWhole)
        if (result === undefined) continue
        if (result.done !== true) return result
        if (this.#position === this.#part.end) return this.#finish(state.source, false)
        throw new OriginError('broken', `the body ended at ${this.#position} of ${this.#part.end}`)
      } catch (error) {
        // The last byte is all that was wanted of this connection.
        if (this.#position === this.#part.end && this.#state === state) return this.#finish(state.source, true)
        await this.#resume(asOriginError(error))
      }
    }
  }

  #afterwards(): IteratorReturnResult<undefined> {
    if (this.#state.kind === 'over' && this.#state.error !== undefined) throw this.#state.error
    return DONE
  }

  #finish(source: OriginBody, isOpen: boolean): IteratorReturnResult<undefined> {
    if (isOpen) source.destroy()
    this.#state = { kind: 'over', error: undefined }
    return DONE
  }

  #give(error: OriginError): OriginError {
    const state = this.#state
    if (state.kind === 'over') return state.error ?? error
    this.#state = { kind: 'over', error }
    if (state.kind === 'reading') state.source.destroy()
    return error
  }

  /** An origin that ignored the range begins with what is here already, and goes on after what is wanted. */
  #withoutKnown(chunk: Buffer): Buffer {
    if (this.#state.kind !== 'reading') return chunk
    const known = Math.min(this.#state.skipBytes, chunk.length)
    this.#state.skipBytes -= known
    if (!this.#state.isWhole || this.#part.end === this.#part.total) return chunk.subarray(known)
    return chunk.subarray(known, known + this.#part.end - this.#position)
  }

  #taken(chunk: Buffer): Buffer {
    const { start, end } = this.#part
    if (this.#position + chunk.length > end) {
      throw this.#give(new OriginError('broken', `more than the announced ${end - start} bytes arrived`))
    }
    this.#position += chunk.length
    return chunk
  }

  /** What the reader has against its bytes is no reason to ask for them again. */
  #hand(chunk: Buffer, take: (chunk: Buffer) => void): void {
    try {
      take(chunk)
    } catch (error) {
      throw this.#give(asOriginError(error))
    }
  }

  /** @throws {OriginError} when it is over */
  async #resume(failure: OriginError): Promise<void> {
    let error = failure
    if (this.#resumes > 0 && this.#position - this.#resumedAt >= PROGRESS_BYTES && this.#fruitless > 0) {
      this.#fruitless -= 1
    }
    while (this.#state.kind !== 'over' && isPassing(error) && this.#mayResume()) {
      if (this.#state.kind === 'reading') this.#state.source.destroy()
      this.#resumes += 1
      this.#fruitless += 1
      this.#resumedAt = this.#position
      try {
        await this.#ask()
        return
      } catch (next) {
        error = asOriginError(next)
      }
    }
    throw this.#give(error)
  }

  #mayResume(): boolean {
    const most = MAX_RESUMES + Math.floor((this.#position - this.#part.start) / BYTES_PER_RESUME)
    return this.#fruitless < MAX_FRUITLESS_RESUMES && this.#resumes < most
  }

  async #ask(): Promise<void> {
    const { origin, objectKey, etag, total, end, priority, signal } = this.#part
    this.#abort ??= new AbortController()
    const own = this.#abort.signal
    const response = await origin.fetch({
      key: objectKey,
      range: { first: this.#position, ...(end < total && { last: end - 1 }) },
      validators: { ifMatch: etag },
      ...(this.#resumes > 0 && { isResume: true }),
      priority,
      signal: signal === undefined ? own : AbortSignal.any([signal, own]),
    })
    try {
      const { source, skipBytes } = this.#continuation(response)
      if (this.#state.kind === 'over') throw this.#state.error ?? new OriginError('aborted', 'the body was given up')
      this.#state = { kind: 'reading', source, isWhole: response.status === 200, skipBytes }
    } catch (error) {
      response.body?.destroy()
      throw error
    }
  }

  #continuation({ status, headers, body }: OriginResponse): { source: OriginBody; skipBytes: number } {
    const { etag, total, start } = this.#part
    if (status === 412 || status === 404 || status === 416) {
      throw new ObjectChanged(`the object changed: ${status} to a range of ${etag}`)
    }
    const range = status === 206 ? parseContentRange(headers['content-range']) : undefined
    const length = status === 200 ? headers['content-length'] : range && String(range.total)
    if (body !== undefined && length !== undefined && length !== String(total)) {
      throw new ObjectChanged(`the object changed: ${length} bytes instead of ${total}`)
    }
    if (body !== undefined && headers['etag'] !== undefined && headers['etag'] !== etag) {
      throw new ObjectChanged(`the object changed: ${headers['etag']} instead of ${etag}`)
    }
    if (body !== undefined && headers['etag'] === etag) {
      if (range?.start === this.#position) return { source: body, skipBytes: 0 }
      // An origin that gives no parts. Where the part begins later, that is too much to throw away more than once.
      if (status === 200 && (start === 0 || this.#position === start)) {
        return { source: body, skipBytes: this.#position }
      }
    }
    throw new OriginError('broken', `${status} is no answer to a range from ${this.#position}`)
  }
}

/** Whether asking again may help. */
function isPassing(error: OriginError): boolean {
  return !(error instanceof ObjectChanged) && error.kind !== 'aborted' && error.kind !== 'misconfigured'
}

/** The tag where it is a strong one: only that says that two answers have the same bytes (RFC 9110 §8.8.1). */
export function strongEtag(headers: Readonly<Record<string, string>>): string | undefined {
  const { etag } = headers
  return etag !== undefined && isEntityTag(etag) && strongMatch(etag, etag) ? etag : undefined
}

/** The body of a 200 or 206, made to go on where it breaks; as it is where nothing tells what to go on with. */
export function resumable(
  { status, headers }: { readonly status: number; readonly headers: Readonly<Record<string, string>> },
  body: OriginBody,
  asked: Pick<WantedPart, 'origin' | 'objectKey' | 'priority'> & { readonly signal: AbortSignal },
): OriginBody {
  const etag = strongEtag(headers)
  const length = contentLength(headers)
  const whole = length === undefined ? undefined : { start: 0, end: length, total: length }
  const part = status === 200 ? whole : status === 206 ? parseContentRange(headers['content-range']) : undefined
  return etag === undefined || part === undefined ? body : new ResumingBody({ ...asked, ...part, etag }, body)
}
