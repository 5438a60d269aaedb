/**
 * Blocks: bytes of unknown number, in pieces of equal size that are filled one after the other.
 *
 * Invariant: bytes before `received` never change again and are never moved, so views of them can be handed out without
 * a copy and stay good after their block was dropped. What is dropped is whole blocks, from the front.
 */

import { OriginError } from '../errors.ts'

export class Blocks {
  readonly #blockBytes: number
  #blocks: Buffer[] = []
  /** Of the first block that is still there, counted from the beginning. */
  #firstIndex = 0
  #received = 0

  /** @param blockBytes from 1 */
  constructor(blockBytes: number) {
    this.#blockBytes = blockBytes
  }

  /** Position after the last byte that was taken in. */
  get received(): number {
    return this.#received
  }

  /** Position of the first byte that is still there. */
  get start(): number {
    return this.#firstIndex * this.#blockBytes
  }

  /** Position after the first block that is still there, or is to come. */
  get firstEnd(): number {
    return this.start + this.#blockBytes
  }

  /** What the blocks take, filled or not. */
  get memoryBytes(): number {
    return this.#blocks.length * this.#blockBytes
  }

  /**
   * Copies the bytes in.
   * @throws {OriginError} `overloaded` when the machine itself has no memory left
   */
  append(chunk: Buffer): void {
    let taken = 0
    while (taken < chunk.length) {
      const offset = this.#received % this.#blockBytes
      if (offset === 0) this.#blocks.push(allocate(this.#blockBytes))
      const written = chunk.copy(this.#blockAt(this.#received), offset, taken)
      taken += written
      this.#received += written
    }
  }

  /** A view from `start`, which is there, up to `end` or the end of its block, whichever comes first. */
  view(start: number, end: number): Buffer {
    const offset = start % this.#blockBytes
    return this.#blockAt(start).subarray(offset, Math.min(this.#blockBytes, offset + end - start))
  }

  /** Drops the blocks that end at or before a position. */
  dropBefore(position: number): void {
    const count = Math.min(this.#blocks.length, Math.floor((position - this.start) / this.#blockBytes))
    if (count <= 0) return
    this.#blocks.splice(0, count)
    this.#firstIndex += count
  }

  /** Drops all of them. Nothing can be taken in after that. */
  clear(): void {
    this.#firstIndex += this.#blocks.length
    this.#blocks = []
  }

  #blockAt(position: number): Buffer {
    const block = this.#blocks[Math.floor(position / this.#blockBytes) - this.#firstIndex]
    if (block === undefined) throw new Error(`the byte at ${position} is not there`)
    return block
  }
}

function allocate(bytes: number): Buffer {
  try {
    return Buffer.allocUnsafeSlow(bytes)
  } catch (cause) {
    throw new OriginError('overloaded', `no memory for a block of ${bytes} bytes`, { cause })
  }
}
