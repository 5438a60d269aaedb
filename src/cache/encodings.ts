/**
 * Encodings: the bytes of one stored answer under other content codings, and the answers that go out with them.
 *
 * They are there from the moment on at which they were added, all at once; before that, and where none ever is, the
 * answer goes out as it is. A revalidation makes a new answer around the same bytes and the same encodings of them.
 *
 * Invariant: what is added here was added to what the stored answer weighs in the Store before.
 */

import type { Coding } from '../http/content-coding.ts'
import { BufferedBody } from './buffered-body.ts'

/** Complete from the start. Who sends it holds the bytes it was made of: what the Store let go counts as one thing. */
export class EncodedBody extends BufferedBody {
  readonly #identity: BufferedBody

  /** Copies the bytes, which may be a part of a larger piece of memory. */
  constructor(bytes: Buffer, identity: BufferedBody) {
    super(bytes.length)
    this.#identity = identity
    this.append(bytes)
    this.complete()
  }

  override hold(): void {
    this.#identity.hold()
  }

  override release(): void {
    this.#identity.release()
  }
}

export interface EncodedForm {
  readonly coding: Coding
  readonly body: EncodedBody
}

export class Encodings<Answer> {
  /** Codings in which requests for this answer may want it. */
  readonly wanted: readonly Coding[]
  readonly #prepare: (answer: Answer, form: EncodedForm) => Answer
  readonly #forms = new Map<Coding, EncodedForm>()
  #memoryBytes = 0
  /** The answer that the prepared ones were made from: the one that is stored now, most of the time. */
  #preparedFrom: Answer | undefined
  readonly #prepared = new Map<Coding, Answer>()

  constructor(wanted: readonly Coding[], prepare: (answer: Answer, form: EncodedForm) => Answer) {
    this.wanted = wanted
    this.#prepare = prepare
  }

  /** What they add to the answer's weight in the Store. */
  get memoryBytes(): number {
    return this.#memoryBytes
  }

  has(coding: Coding): boolean {
    return this.#forms.has(coding)
  }

  /** @param memoryBytes what the stored answer weighs more for it */
  add(form: EncodedForm, memoryBytes: number): void {
    this.#forms.set(form.coding, form)
    this.#memoryBytes += memoryBytes
    this.#preparedFrom = undefined
  }

  /** The answer in the first of these codings that is there, or as it is. */
  select(answer: Answer, accepted: readonly Coding[]): Answer {
    if (this.#forms.size === 0) return answer
    if (this.#preparedFrom !== answer) this.#prepareFrom(answer)
    for (const coding of accepted) {
      const prepared = this.#prepared.get(coding)
      if (prepared !== undefined) return prepared
    }
    return answer
  }

  #prepareFrom(answer: Answer): void {
    for (const [coding, form] of this.#forms) this.#prepared.set(coding, this.#prepare(answer, form))
    this.#preparedFrom = answer
  }
}
