/**
 * LeftOrigins: origins that no route asks any more. What was begun with them goes on: the rest of a body that breaks off
 * is asked of them, and the next slice of an answer that is long.
 *
 * Invariant: one that has a connection or somebody waiting is held, so that it can be closed; any other only as long as
 * somebody else holds it. However often origins leave, nothing of those adds up that nobody needs.
 */
import type { ReplaceableOrigin } from './replaceable.ts'

export class LeftOrigins {
  #busy: ReplaceableOrigin[] = []
  #idle: WeakRef<ReplaceableOrigin>[] = []

  /** To be called whenever any may have left; what has become idle meanwhile is let go. */
  add(origins: readonly ReplaceableOrigin[]): void {
    const all = [...this.#all(), ...origins]
    this.#busy = all.filter((origin) => origin.isBusy())
    this.#idle = all.filter((origin) => !origin.isBusy()).map((origin) => new WeakRef(origin))
  }

  async close(): Promise<void> {
    await Promise.all(this.#all().map((origin) => origin.close()))
  }

  #all(): readonly ReplaceableOrigin[] {
    return [...this.#busy, ...this.#idle.flatMap((one) => one.deref() ?? [])]
  }
}
