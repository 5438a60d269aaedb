/** Replay: traffic through the Store as it is shipped, with one policy or the other. */

import { BufferedBody } from '../../src/cache/buffered-body.ts'
import { type EvictionPolicy, makeEviction } from '../../src/cache/make-eviction.ts'
import { Store } from '../../src/cache/store.ts'
import type { StoredResponse } from '../../src/cache/stored-response.ts'
import { makeStoredResponse } from '../../src/cache/stored-response.ts'
import { FakeClock } from '../support/fake-clock.ts'
import type { Request } from './traffic.ts'

export interface Replayed {
  readonly hits: number
  readonly hitBytes: number
  readonly requests: number
  readonly bytes: number
  /** At any moment, cached and in flight. */
  readonly mostBytes: number
  /** Calls of the Store. */
  readonly operations: number
  /** Of all of it. */
  readonly cpuMicroseconds: number
}

/**
 * An answer that is there and fresh is a hit; anything else is fetched in no time and put in. Only the Store's books
 * know how large an answer is: all of them have the same few bytes.
 *
 * @param warmUp requests that are not counted
 */
export function replay(requests: readonly Request[], maxBytes: number, policy: EvictionPolicy, warmUp = 0): Replayed {
  const cpuBefore = process.cpuUsage()
  const clock = new FakeClock(0)
  const store = new Store(maxBytes, makeEviction(policy, maxBytes, clock))
  let [hits, hitBytes, bytes, mostBytes, fetched] = [0, 0, 0, 0, 0]
  for (const [index, { atMs, item }] of requests.entries()) {
    if (atMs > clock.now()) clock.advance(atMs - clock.now())
    const counts = index >= warmUp
    if (counts) bytes += item.bytes
    const stored = store.get(item.key, atMs)
    if (stored !== undefined && atMs < stored.staleAtMs) {
      if (counts) hits += 1
      if (counts) hitBytes += item.bytes
      continue
    }
    const room = store.reserve(item.bytes)
    if (room === undefined) continue
    fetched += 1
    store.put(item.key, answerUntil(atMs + item.ttlMs), room, item.isPlaylist)
    const { cachedBytes, inFlightBytes } = store.usage()
    mostBytes = Math.max(mostBytes, cachedBytes + inFlightBytes)
  }
  const { user, system } = process.cpuUsage(cpuBefore)
  return {
    hits,
    hitBytes,
    requests: requests.length - warmUp,
    bytes,
    mostBytes,
    operations: requests.length + 2 * fetched,
    cpuMicroseconds: user + system,
  }
}

const BODY = BufferedBody.of(Buffer.from('segment'))
const ANSWER = makeStoredResponse({
  status: 200,
  headers: {},
  contentType: undefined,
  body: BODY,
  responseTimeMs: 0,
  freshness: { initialAgeSeconds: 0, staleAtMs: 0 },
})

function answerUntil(staleAtMs: number): StoredResponse {
  return { ...ANSWER, staleAtMs }
}
