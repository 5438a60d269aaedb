/**
 * Refused paths: whether a 429 is about how often an HTTP origin is asked, or about one thing that is asked of it.
 *
 * A 503 is about the server (RFC 9110 §15.6.4). A 429 may be counted per resource as well as over all of them (RFC 6585
 * §4), and says nothing of which it is. So one path alone proves nothing, however often it is refused: the other paths
 * must not be slowed down for its sake. Two of them within a second do, and the rate gives way.
 *
 * Invariant: as long as one path alone is refused, the answer is no.
 */
const TOGETHER_MS = 1000

export class RefusedPaths {
  #last: { readonly path: string; readonly atMs: number } | undefined

  /**
   * Takes note of a 429, and says whether it is about the rate of all requests.
   *
   * @param target with or without a query, which makes no other path of it
   */
  areSeveral(target: string, nowMs: number): boolean {
    const [path = ''] = target.split('?', 1)
    const last = this.#last
    this.#last = { path, atMs: nowMs }
    return last !== undefined && last.path !== path && Math.abs(nowMs - last.atMs) <= TOGETHER_MS
  }
}
