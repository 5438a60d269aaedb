/**
 * A cache with small slices in front of an origin that answers by itself; clients that plan and read as the server does.
 *
 * When the test is over nothing may be left behind: no request, no byte in flight, no byte held, no body open.
 */

import { setImmediate } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import { Cache } from '../../src/cache/cache.ts'
import type { FillFailure } from '../../src/cache/fills-under-way.ts'
import type { EvictionPolicy } from '../../src/cache/make-eviction.ts'
import { makeEviction } from '../../src/cache/make-eviction.ts'
import { Store } from '../../src/cache/store.ts'
import type { StoredResponse } from '../../src/cache/stored-response.ts'
import { parseContentRange } from '../../src/http/content-range.ts'
import { selectRanges } from '../../src/http/range.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { ObjectOrigin } from './object-origin.ts'
import { RULES } from './world.ts'

export const KB = 1024
export const OBJECT = 'vod/film.mp4'

/** Bytes that differ at every place and between versions. */
export function filmBytes(length: number, version = 1): Buffer {
  const bytes = Buffer.alloc(length)
  let state = (version * 2654435761 + 1) >>> 0
  for (let index = 0; index < length; index += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}

export interface Reading {
  readonly status: number
  readonly etag: string | undefined
  readonly length: number | undefined
  readonly start: number
  readonly bytes: Buffer
  readonly outcome: 'end' | 'failed' | 'left'
  readonly error: Error | undefined
}

export interface ClientOptions {
  readonly range?: string
  readonly isHead?: boolean
  readonly key?: string
  /** Leaves after so many bytes. */
  readonly leaveAfter?: number
  /** Awaited after every chunk, with the bytes read so far. */
  readonly pace?: (readBytes: number) => Promise<void> | void
}

export interface SlicedWorldOptions {
  readonly maxBytes?: number
  readonly maxObjectBytes?: number
  readonly sliceBytes?: number
  /** @default adaptive, as shipped */
  readonly policy?: EvictionPolicy
}

export class SlicedWorld {
  readonly clock = new FakeClock()
  readonly origin = new ObjectOrigin()
  readonly store: Store
  readonly cache: Cache
  readonly failures: FillFailure[] = []

  constructor({
    maxBytes = 1000 * KB,
    maxObjectBytes = 2 * KB,
    sliceBytes = KB,
    policy = 'adaptive',
  }: SlicedWorldOptions = {}) {
    this.store = new Store(maxBytes, makeEviction(policy, maxBytes, this.clock))
    this.cache = new Cache({
      store: this.store,
      clock: this.clock,
      maxObjectBytes,
      sliceBytes,
      contentTypeFor: (_key, storedType) => storedType,
      onFillFailed: (failure) => this.failures.push(failure),
    })
  }

  put(bytes: Buffer, etag: string | undefined = '"v1"', key = OBJECT): void {
    this.origin.put(key, bytes, etag)
  }

  /** The stored answer, or the way forward, as the server asks for it. */
  async headers({ range, isHead = false, key = OBJECT }: ClientOptions, signal: AbortSignal): Promise<StoredResponse> {
    const stored = this.cache.fresh(key, this.clock.now())
    if (stored !== undefined) return stored
    const asked = { key, origin: this.origin, objectKey: key, rules: RULES, range: isHead ? undefined : range }
    const answer = await this.cache.forward({ ...asked, isProbe: isHead, signal })
    if (answer === undefined) throw new Error('nothing but only-if-cached is answered by nothing')
    return answer.response
  }

  /** One request from beginning to end. */
  async get(options: ClientOptions = {}): Promise<Reading> {
    const leaving = new AbortController()
    const response = await this.headers(options, leaving.signal)
    const { body, status, etag } = response
    const { length } = body
    const nothing = { etag, length, start: 0, bytes: Buffer.alloc(0), outcome: 'end', error: undefined } as const
    if (options.isHead === true) {
      body.discard()
      return { status, ...nothing }
    }
    let [start, end, answered] = [0, length, status]
    if (status === 200 && length !== undefined && body.kind !== 'streamed') {
      const selection = selectRanges(options.range, length)
      if (selection.kind === 'unsatisfiable') return { status: 416, ...nothing }
      if (selection.kind === 'ranges' && selection.ranges[0] !== undefined) {
        ;({ start, end } = selection.ranges[0])
        answered = 206
      }
    }
    // A part that passes through says itself which one it is.
    const contentRange = response.headerPairs[response.headerPairs.indexOf('Content-Range') + 1]
    const partStart = status === 206 ? (parseContentRange(contentRange)?.start ?? 0) : start
    const read = await this.#read(response, start, end, options)
    return { status: answered, etag, length, start: partStart, ...read }
  }

  async #read(response: StoredResponse, start: number, end: number | undefined, options: ClientOptions) {
    const { leaveAfter = Number.POSITIVE_INFINITY, pace } = options
    const chunks: Buffer[] = []
    let ready = Promise.withResolvers<void>()
    const reader = response.body.open(start, end, () => ready.resolve())
    let readBytes = 0
    for (;;) {
      if (readBytes >= leaveAfter) {
        reader.close()
        return { bytes: Buffer.concat(chunks), outcome: 'left', error: undefined } as const
      }
      const result = reader.read()
      if (result === 'wait') {
        await ready.promise
        ready = Promise.withResolvers<void>()
      } else if (result === 'end' || result === 'failed') {
        const { error } = reader
        reader.close()
        return { bytes: Buffer.concat(chunks), outcome: result, error } as const
      } else {
        chunks.push(Buffer.from(result))
        readBytes += result.length
        expectWithinBudget(this.store)
        await pace?.(readBytes)
      }
    }
  }

  /** Resolves when nothing happens any more. */
  async quiet(): Promise<void> {
    for (let turns = 0; turns < 20; turns += 1) await setImmediate()
  }

  /** Resolves when no request is under way. */
  async idle(): Promise<void> {
    for (let turns = 0; this.cache.runs + this.cache.fills > 0; turns += 1) {
      if (turns > 10_000) throw new Error('requests are under way that do not end')
      await setImmediate()
    }
    await this.quiet()
  }
}

export function expectWithinBudget(store: Store): void {
  const { cachedBytes, inFlightBytes, maxBytes } = store.usage()
  expect(cachedBytes + inFlightBytes).toBeLessThanOrEqual(maxBytes)
}

export function makeSlicedWorld(options: ConstructorParameters<typeof SlicedWorld>[0] = {}): SlicedWorld {
  const world = new SlicedWorld(options)
  onTestFinished(async () => {
    await world.idle()
    expectWithinBudget(world.store)
    expectNothingLeft(world)
  })
  return world
}

export function expectNothingLeft({ cache, store, origin }: SlicedWorld): void {
  const { inFlightBytes, heldBytes } = store.usage()
  expect({ fills: cache.fills, runs: cache.runs, inFlightBytes, heldBytes, openBodies: origin.openBodies }).toEqual({
    fills: 0,
    runs: 0,
    inFlightBytes: 0,
    heldBytes: 0,
    openBodies: 0,
  })
}

/** Whole, right, and of one version. */
export function expectBytes(reading: Reading, bytes: Buffer, start: number, end: number): void {
  expect([reading.outcome, reading.start, reading.bytes.length]).toEqual(['end', start, end - start])
  expect(reading.bytes.equals(bytes.subarray(start, end))).toBe(true)
}
