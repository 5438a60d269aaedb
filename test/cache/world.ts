/**
 * A cache with everything around it under the test's control: time, origin, memory.
 *
 * When the test is over, the world must have come to rest: no fill, no byte in flight, no body left open.
 */

import { expect, onTestFinished } from 'vitest'
import type { ContentTypeFor } from '../../src/cache/answers.ts'
import { Cache } from '../../src/cache/cache.ts'
import type { Answer, CacheRequest } from '../../src/cache/cache-request.ts'
import type { FillFailure } from '../../src/cache/fills-under-way.ts'
import type { EvictionPolicy } from '../../src/cache/make-eviction.ts'
import { makeEviction } from '../../src/cache/make-eviction.ts'
import type { CacheRules } from '../../src/cache/policy.ts'
import { Store } from '../../src/cache/store.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ScriptedOrigin, settled } from '../support/scripted-origin.ts'
import { TestReader } from './reading.ts'

export const KEY = 'origin video/001.m4s'
export const OBJECT_KEY = 'video/001.m4s'

export interface WorldOptions {
  readonly maxBytes?: number
  readonly maxObjectBytes?: number
  /** @default adaptive, as shipped */
  readonly policy?: EvictionPolicy
  readonly rules?: CacheRules
  readonly contentTypeFor?: ContentTypeFor
}

export interface Asking {
  readonly key?: string
  readonly objectKey?: string
  readonly range?: string
  readonly signal?: AbortSignal
  readonly rules?: CacheRules
}

export const RULES: CacheRules = { defaultTtlMs: 60_000, negativeTtlMs: new Map([[404, 1000]]) }

export class World {
  readonly clock = new FakeClock()
  readonly origin = new ScriptedOrigin()
  readonly store: Store
  readonly cache: Cache
  readonly failures: FillFailure[] = []
  readonly #rules: CacheRules

  constructor(options: WorldOptions) {
    const { maxBytes = 1_000_000, policy = 'adaptive' } = options
    this.store = new Store(maxBytes, makeEviction(policy, maxBytes, this.clock))
    this.#rules = options.rules ?? RULES
    this.cache = new Cache({
      store: this.store,
      clock: this.clock,
      maxObjectBytes: options.maxObjectBytes ?? 100_000,
      contentTypeFor: options.contentTypeFor ?? ((_key, storedType) => storedType ?? 'video/iso.segment'),
      onFillFailed: (failure) => this.failures.push(failure),
    })
  }

  /** As a server asks: memory first, then the way forward. */
  async ask(asking: Asking = {}): Promise<Answer> {
    const key = asking.key ?? KEY
    const stored = this.cache.fresh(key, this.clock.now())
    if (stored !== undefined) return { response: stored, status: { kind: 'hit', ttlSeconds: 0 } }
    const answer = await this.cache.forward(this.request(asking))
    if (answer === undefined) throw new Error('nothing but only-if-cached is answered by nothing')
    return answer
  }

  request({ key = KEY, objectKey = OBJECT_KEY, range, signal, rules = this.#rules }: Asking = {}): CacheRequest {
    return { key, origin: this.origin, objectKey, rules, range, signal: signal ?? new AbortController().signal }
  }

  /** A complete, stored answer, as the first exchange of the test. */
  async store200(bytes: Buffer, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const index = this.origin.count
    const asked = this.ask()
    this.origin.exchange(index).answerWhole(bytes, headers)
    const answer = await asked
    await settled()
    return answer
  }

  /** The first call of a fill's origin is made at once; everything after it within one turn. */
  settled(): Promise<void> {
    return settled()
  }
}

export function makeWorld(options: WorldOptions = {}): World {
  const world = new World(options)
  onTestFinished(async () => {
    await settled()
    expectWithinBudget(world)
    expect({
      fills: world.cache.fills,
      inFlightBytes: world.store.usage().inFlightBytes,
      openBodies: world.origin.openBodies,
    }).toEqual({ fills: 0, inFlightBytes: 0, openBodies: 0 })
  })
  return world
}

export function expectWithinBudget({ store }: { readonly store: Store }): void {
  const { cachedBytes, inFlightBytes, maxBytes } = store.usage()
  expect(cachedBytes + inFlightBytes).toBeLessThanOrEqual(maxBytes)
}

/** Ten bytes that tell their place. */
export const BYTES = Buffer.from('0123456789')

/** Makes the key known as uncacheable, by an answer of ten bytes with these fields. */
export async function learn(world: World, headers: Readonly<Record<string, string>>): Promise<void> {
  const reader = await askAndAnswer(world, headers)
  expect(reader.outcome).toBe('end')
}

/** Asks, has the origin answer with ten bytes, and reads them all. */
export async function askAndAnswer(
  world: World,
  headers: Readonly<Record<string, string>>,
  asking: Asking = {},
): Promise<TestReader> {
  const index = world.origin.count
  const asked = world.ask(asking)
  world.origin.exchange(index).answerWhole(BYTES, headers)
  const reader = new TestReader((await asked).response.body)
  await world.settled()
  return reader
}
