/**
 * Ghosts: the keys of entries that left, how large they were and when they had come, until as many bytes have left after them as the
 * memory has.
 *
 * Invariant: what it remembers comes to no more than `maxBytes`, in no more than one key for every 16 KiB of that
 * (but 1024 at least). A key is remembered as 32 bits, and a ghost takes less than 80 bytes: two lists of them, less than
 * a hundredth of the memory. Two keys with the same 32 bits are mistaken for each other; that costs a hit at most.
 */

import type { CacheKey } from './key.ts'

const BYTES_FOR_ONE_KEY = 16 * 1024
const LEAST_KEYS = 1024

export class Ghosts {
  readonly maxBytes: number
  readonly #prints: Int32Array
  readonly #sizes: Float64Array
  readonly #sincesMs: Float64Array
  /** Where in the ring each of them is. */
  readonly #slots = new Map<number, number>()
  #oldest = 0
  /** Slots from the oldest to the newest, those included whose ghost has gone. */
  #span = 0
  #bytes = 0

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes
    const mostKeys = Math.max(LEAST_KEYS, Math.ceil(maxBytes / BYTES_FOR_ONE_KEY))
    this.#prints = new Int32Array(mostKeys)
    this.#sizes = new Float64Array(mostKeys)
    this.#sincesMs = new Float64Array(mostKeys)
  }

  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#slots.size
  }

  /** The most keys that are remembered at once. */
  get mostKeys(): number {
    return this.#prints.length
  }

  remember(print: number, bytes: number, sinceMs: number): void {
    this.take(print)
    if (bytes > this.maxBytes) return
    if (this.#span === this.mostKeys) this.#dropOldest()
    while (this.#bytes + bytes > this.maxBytes) this.#dropOldest()
    const slot = (this.#oldest + this.#span) % this.mostKeys
    this.#prints[slot] = print
    this.#sizes[slot] = bytes
    this.#sincesMs[slot] = sinceMs
    this.#slots.set(print, slot)
    this.#span += 1
    this.#bytes += bytes
  }

  /** When it had come, if it was remembered; it is not any more. */
  take(print: number): number | undefined {
    const slot = this.#slots.get(print)
    if (slot === undefined) return undefined
    this.#slots.delete(print)
    this.#bytes -= this.#sizes[slot] ?? 0
    return this.#sincesMs[slot]
  }

  #dropOldest(): void {
    const print = this.#prints[this.#oldest] ?? 0
    if (this.#slots.get(print) === this.#oldest) this.take(print)
    this.#oldest = (this.#oldest + 1) % this.mostKeys
    this.#span -= 1
  }
}

/** 32 bits of a key, well mixed (FNV-1a, and the end of MurmurHash3). */
export function fingerprint(key: CacheKey): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index += 1) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
