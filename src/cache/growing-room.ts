/**
 * GrowingRoom: the memory of one growing body, as the Store counts it.
 *
 * While the body is kept everything is reserved beforehand, in steps that double. When it only passes nothing more is
 * reserved: what was is given back as it is dropped, and what comes on top of it counts as held.
 */

import type { Reservation, Store } from './store.ts'

/** Where memory is asked for. */
export type RoomGiver = Pick<Store, 'reserve' | 'changeHeld'>

export class GrowingRoom {
  readonly #giver: RoomGiver
  readonly #overheadBytes: number
  readonly #blockBytes: number
  readonly #mostBlocks: number
  #reservation: Reservation | undefined
  #reservedBlocks = 0
  #heldBytes = 0

  constructor(giver: RoomGiver, overheadBytes: number, blockBytes: number, maxBytes: number) {
    this.#giver = giver
    this.#overheadBytes = overheadBytes
    this.#blockBytes = blockBytes
    this.#mostBlocks = Math.ceil(maxBytes / blockBytes)
  }

  /** Room for the blocks of a body of so many bytes, and for as many again where there is that much. */
  reserveBlocks(bytes: number): boolean {
    const needed = Math.ceil(bytes / this.#blockBytes)
    if (needed <= this.#reservedBlocks) return true
    const doubled = Math.min(this.#mostBlocks, Math.max(needed, 2 * this.#reservedBlocks))
    for (const blocks of [doubled, needed]) {
      if (!this.#reserve(this.#overheadBytes + blocks * this.#blockBytes)) continue
      this.#reservedBlocks = blocks
      return true
    }
    return false
  }

  /** Room for all bytes in one piece, beside the blocks they are still in. */
  reserveWhole(memoryBytes: number, length: number): boolean {
    return this.#reserve(this.#overheadBytes + memoryBytes + length)
  }

  /** The blocks are gone and the one piece stays: what it costs, for the Store. */
  handOver(length: number): Reservation {
    const reservation = this.#reservation
    if (reservation === undefined) throw new Error('nothing was reserved')
    this.#reservation = undefined
    reservation.shrinkTo(this.#overheadBytes + length)
    return reservation
  }

  /** The body is not kept, and its blocks take this much. `isPassing`: more may come. */
  settle(memoryBytes: number, isPassing: boolean): void {
    if (isPassing) this.#reservation?.shrinkTo(memoryBytes)
    else this.#give()
    const heldBytes = Math.max(0, memoryBytes - (this.#reservation?.bytes ?? 0))
    this.#giver.changeHeld(heldBytes - this.#heldBytes)
    this.#heldBytes = heldBytes
  }

  #give(): void {
    this.#reservation?.release()
    this.#reservation = undefined
  }

  #reserve(bytes: number): boolean {
    if (this.#reservation !== undefined) {
      const more = bytes - this.#reservation.bytes
      return more <= 0 || this.#reservation.grow(more)
    }
    this.#reservation = this.#giver.reserve(bytes)
    return this.#reservation !== undefined
  }
}
