/**
 * Shelf: the place of one URL's answers in the Store, as one fill sees it.
 *
 * Invariant: after `disown` nothing of the fill gets into the Store any more, and nothing that got there since is
 * taken out by it: what was fetched before its URL was invalidated must not come back (RFC 9111 §4.4).
 */

import { isFailure } from '../http/status.ts'
import type { BufferedBody } from './buffered-body.ts'
import type { Encoder } from './encoder.ts'
import type { CacheKey } from './key.ts'
import type { Reservation, Store } from './store.ts'
import type { StoredResponse } from './stored-response.ts'
import { memoryCost } from './stored-response.ts'
import type { Variant, Variants } from './variants.ts'

export interface ShelfOptions {
  readonly url: CacheKey
  /** What is there already, and is to be replaced. */
  readonly stored: StoredResponse | undefined
  /** Whatever the priority is this time. */
  readonly isPlaylist: boolean
}

export class Shelf {
  readonly #url: CacheKey
  readonly #store: Store
  readonly #variants: Variants
  readonly #encoder: Encoder
  readonly #stored: StoredResponse | undefined
  readonly #isPlaylist: boolean
  #isDisowned = false

  constructor(
    { url, stored, isPlaylist }: ShelfOptions,
    { store, variants, encoder }: { readonly store: Store; readonly variants: Variants; readonly encoder: Encoder },
  ) {
    this.#url = url
    this.#stored = stored
    this.#isPlaylist = isPlaylist
    this.#store = store
    this.#variants = variants
    this.#encoder = encoder
  }

  get isDisowned(): boolean {
    return this.#isDisowned
  }

  disown(): void {
    this.#isDisowned = true
  }

  /** Where an answer goes that was chosen by this; from now on requests find it there. */
  keyFor(variant: Variant): CacheKey {
    if (variant.names.length === 0 && !this.#variants.has(this.#url)) return this.#url
    const { key, dropped } = this.#variants.learn(this.#url, variant)
    for (const one of dropped) this.#store.delete(one)
    return key
  }

  /** Keeps a complete answer. The reservation is used or given back. */
  keep(response: StoredResponse, body: BufferedBody, reservation: Reservation): void {
    if (!this.#isDisowned) this.#put(this.keyFor(response.variant), response, reservation)
    else this.letGo(body, reservation)
  }

  /** Keeps an answer if there is room for it; false where it is not kept. */
  keepIfRoom(response: StoredResponse, bodyBytes: number): boolean {
    if (this.#isDisowned) return false
    const key = this.keyFor(response.variant)
    const room = this.#store.reserve(memoryCost(key, response.headerPairs, bodyBytes))
    if (room === undefined) this.#store.delete(key)
    else this.#put(key, response, room)
    return room !== undefined
  }

  /** Exchanges the stored answer for its revalidated self. */
  refresh(stored: StoredResponse, response: StoredResponse): void {
    if (this.#isDisowned || this.#store.replace(this.keyFor(stored.variant), stored, response)) return
    const { body, encodings } = response
    this.keepIfRoom(response, (body.kind === 'sliced' ? 0 : (body.length ?? 0)) + (encodings?.memoryBytes ?? 0))
  }

  #put(key: CacheKey, response: StoredResponse, reservation: Reservation): void {
    this.#store.put(key, response, reservation, this.#isPlaylist)
    this.#encoder.encode(key, response)
  }

  /** Those who read the bytes go on. */
  letGo(body: BufferedBody, reservation: Reservation): void {
    reservation.release()
    this.#store.countHeld(body, reservation.bytes)
  }

  /**
   * The answer that came with this status is none to keep, and stands in the place of the older one. A failure says
   * nothing about that.
   */
  forget(status: number): void {
    if (this.#isDisowned || isFailure(status)) return
    this.#store.delete(this.#stored === undefined ? this.#url : this.#variants.keyOf(this.#url, this.#stored.variant))
  }
}
