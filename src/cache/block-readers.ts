/**
 * Block readers: who reads a body that is kept in blocks, and whether anybody still needs the first of them.
 *
 * While bytes are dropped as they are read, a reader that goes on inside a block costs nothing: only one that leaves
 * the first block changes anything, and only the last one to do so has the others looked at.
 */

import type { Blocks } from './blocks.ts'
import type { PlacedReader } from './placed-reader.ts'

export class BlockReaders {
  readonly #blocks: Blocks
  readonly #readers = new Set<PlacedReader>()
  /** Right from the first {@link dropRead} on. */
  #inFirstBlock = 0

  constructor(blocks: Blocks) {
    this.#blocks = blocks
  }

  /** Those that have neither finished nor closed. */
  get size(): number {
    return this.#readers.size
  }

  add(reader: PlacedReader): void {
    this.#readers.add(reader)
  }

  /** False for one that was not there. */
  delete(reader: PlacedReader): boolean {
    return this.#readers.delete(reader)
  }

  /** Whether nobody is left in the first block, now that this reader has gone on. */
  hasLeftFirstBlock(reader: PlacedReader, from: number): boolean {
    if (!this.#isInFirstBlock(from) || this.#isInFirstBlock(reader.position)) return false
    this.#inFirstBlock -= 1
    return this.#inFirstBlock === 0
  }

  /** The same for one that was there and is {@link delete}d. */
  hasGone(reader: PlacedReader): boolean {
    if (this.#isInFirstBlock(reader.position)) this.#inFirstBlock -= 1
    return this.#inFirstBlock === 0 || this.#readers.size === 0
  }

  /** Drops the blocks that all of them have read. */
  dropRead(): void {
    let slowest = Number.POSITIVE_INFINITY
    for (const { position } of this.#readers) slowest = Math.min(slowest, position)
    this.#blocks.dropBefore(slowest)
    this.#inFirstBlock = 0
    for (const { position } of this.#readers) if (this.#isInFirstBlock(position)) this.#inFirstBlock += 1
  }

  wake(): void {
    for (const reader of this.#readers) reader.wake()
  }

  #isInFirstBlock(position: number): boolean {
    return position < this.#blocks.firstEnd
  }
}
