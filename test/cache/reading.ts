/** Readers of a Body that note everything they are given. */

import type { Body, BodyReader } from '../../src/cache/body.ts'
import type { OriginError } from '../../src/errors.ts'

/** Reads whenever it is woken, and keeps what it got. */
export class TestReader {
  readonly chunks: Buffer[] = []
  outcome: 'open' | 'end' | 'failed' = 'open'
  error: OriginError | undefined
  wakes = 0
  readonly #reader: BodyReader

  constructor(body: Body, start = 0, end?: number) {
    this.#reader = body.open(start, end, () => {
      this.wakes += 1
      this.#pump()
    })
    this.#pump()
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1')
  }

  close(): void {
    this.#reader.close()
  }

  #pump(): void {
    while (this.outcome === 'open') {
      const result = this.#reader.read()
      if (result === 'wait') return
      if (result === 'end' || result === 'failed') {
        this.outcome = result
        this.error = this.#reader.error
      } else this.chunks.push(result)
    }
  }
}

/** One byte a character. */
export function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}
