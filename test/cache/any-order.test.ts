/**
 * The cache under everything at once: clients come, read at their own pace and leave, the origin answers in any order
 * and in every way, time passes and memory is short. What holds then holds always.
 */

import { array, asyncProperty, assert as check, constant, integer, oneof, record } from 'fast-check'
import { expect, test } from 'vitest'
import type { BodyReader } from '../../src/cache/body.ts'
import type { Answer } from '../../src/cache/cache-request.ts'
import type { EvictionPolicy } from '../../src/cache/make-eviction.ts'
import { OriginError } from '../../src/errors.ts'
import { expectWithinBudget, World } from './world.ts'

const KEYS = ['a', 'b', 'c', 'd']
const MAX_OBJECT_BYTES = 1500

/** Version `version` of an object: bytes that tell their place and version. */
function objectBytes(key: string, version: number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, index) => (key.charCodeAt(0) + version * 31 + index * 7) & 0xff))
}

interface Client {
  readonly key: string
  readonly abort: AbortController
  answer: Answer | undefined
  error: unknown
  reader: BodyReader | undefined
  got: Buffer[]
  outcome: 'asking' | 'reading' | 'end' | 'failed' | 'refused' | 'left'
}

interface Sent {
  readonly whole: Buffer
  readonly etag: string
  position: number
}

const action = oneof(
  record({ act: constant('ask'), pick: integer({ min: 0, max: 3 }) }),
  record({ act: constant('leave'), pick: integer({ min: 0, max: 99 }) }),
  record({ act: constant('read'), pick: integer({ min: 0, max: 99 }) }),
  record({ act: constant('answer'), pick: integer({ min: 0, max: 999 }) }),
  record({ act: constant('send'), pick: integer({ min: 0, max: 9999 }) }),
  record({ act: constant('finish'), pick: integer({ min: 0, max: 999 }) }),
  record({ act: constant('wait'), pick: integer({ min: 0, max: 200_000 }) }),
)

class Play {
  readonly world: World
  readonly clients: Client[] = []
  readonly sent = new Map<number, Sent>()
  readonly answered = new Set<number>()
  readonly #versions = new Map<string, number>()

  constructor(policy: EvictionPolicy) {
    this.world = new World({ maxBytes: 5000, maxObjectBytes: MAX_OBJECT_BYTES, policy })
  }

  async step({ act, pick }: { readonly act: string; readonly pick: number }): Promise<void> {
    if (act === 'ask') this.ask(KEYS[pick] ?? 'a')
    else if (act === 'leave') this.leave(this.#one(this.clients, pick))
    else if (act === 'read') this.read(this.#one(this.clients, pick))
    else if (act === 'answer') this.answer(pick)
    else if (act === 'send') this.send(pick)
    else if (act === 'finish') this.finish(pick)
    else this.world.clock.advance(pick)
    await this.world.settled()
    this.expectSound()
  }

  ask(key: string): void {
    const client: Client = {
      key,
      abort: new AbortController(),
      answer: undefined,
      error: undefined,
      reader: undefined,
      got: [],
      outcome: 'asking',
    }
    this.clients.push(client)
    this.world.ask({ key, objectKey: key, signal: client.abort.signal }).then(
      (answer) => {
        client.answer = answer
        if (client.outcome === 'left') answer.response.body.discard()
        else client.outcome = 'reading'
      },
      (error: unknown) => {
        client.error = error
        if (client.outcome !== 'left') client.outcome = 'refused'
      },
    )
  }

  leave(client: Client | undefined): void {
    if (client === undefined || (client.outcome !== 'asking' && client.outcome !== 'reading')) return
    client.outcome = 'left'
    client.abort.abort()
    if (client.reader === undefined) client.answer?.response.body.discard()
    client.reader?.close()
  }

  /** One read, as a slow client would. */
  read(client: Client | undefined): void {
    if (client?.outcome !== 'reading' || client.answer === undefined) return
    client.reader ??= client.answer.response.body.open(0, undefined, () => undefined)
    const result = client.reader.read()
    if (result === 'end' || result === 'failed') client.outcome = result
    else if (result !== 'wait') client.got.push(result)
  }

  answer(pick: number): void {
    const open = this.world.origin.exchanges.flatMap((_, index) => (this.answered.has(index) ? [] : [index]))
    const index = this.#one(open, pick)
    if (index === undefined) return
    this.answered.add(index)
    const exchange = this.world.origin.exchange(index)
    const { key, validators } = exchange.request
    const version = this.#versions.get(key) ?? 0
    const kind = pick % 8
    if (kind === 0) exchange.fail(new OriginError('unreachable', 'reset'))
    else if (kind === 1) exchange.answer({ status: 404 })
    else if (validators?.ifNoneMatch === `"${version}"` && kind < 6) exchange.answer({ status: 304 })
    else {
      const next = version + 1
      this.#versions.set(key, next)
      const whole = objectBytes(key, next, kind === 3 ? MAX_OBJECT_BYTES + 1 : (pick * 13) % (MAX_OBJECT_BYTES + 1))
      const etag = `"${next}"`
      const cacheControl = kind === 4 ? 'no-store' : 'max-age=60'
      exchange.answer({ headers: { 'content-length': String(whole.length), etag, 'cache-control': cacheControl } })
      this.sent.set(index, { whole, etag, position: 0 })
    }
  }

  send(pick: number): void {
    const index = this.#one([...this.sent.keys()], pick)
    const sent = index === undefined ? undefined : this.sent.get(index)
    if (index === undefined || sent === undefined) return
    const end = Math.min(sent.whole.length, sent.position + 1 + (pick % 700))
    if (end === sent.position) return
    this.world.origin.exchange(index).body?.push(Buffer.from(sent.whole.subarray(sent.position, end)))
    sent.position = end
  }

  /** Ends a body: whole, early, one byte late, or by breaking. */
  finish(pick: number): void {
    const index = this.#one([...this.sent.keys()], pick)
    const sent = index === undefined ? undefined : this.sent.get(index)
    if (index === undefined || sent === undefined) return
    const { body } = this.world.origin.exchange(index)
    const kind = pick % 6
    if (kind === 0) body?.fail(new OriginError('timeout', 'stalled'))
    else {
      if (kind > 2 && sent.position < sent.whole.length) body?.push(Buffer.from(sent.whole.subarray(sent.position)))
      if (kind === 1) body?.push(Buffer.alloc(sent.whole.length - sent.position + 1))
      body?.end()
    }
    this.sent.delete(index)
  }

  /** Answers and ends all that is open, and lets every client read to its end. */
  async bringToRest(): Promise<void> {
    for (let rounds = 0; rounds < 50; rounds += 1) {
      for (let pick = 0; this.answered.size < this.world.origin.count; pick += 1) this.answer(5 + 8 * pick)
      for (const index of [...this.sent.keys()].keys()) this.finish(5 + 6 * index)
      for (const client of this.clients) this.read(client)
      await this.world.settled()
    }
  }

  expectSound(): void {
    expectWithinBudget(this.world)
    for (const client of this.clients) {
      const bytes = Buffer.concat(client.got)
      const { response } = client.answer ?? {}
      if (response?.status !== 200) continue
      // What a client has is the beginning of the one version its headers spoke of, and all of it at the end.
      const length = response.body.length ?? 0
      const expected = objectBytes(client.key, Number(response.etag?.slice(1, -1)), length)
      expect(bytes.equals(expected.subarray(0, bytes.length))).toBe(true)
      if (client.outcome === 'end') expect(bytes.length).toBe(length)
      if (response.body.bytes !== undefined) expect(response.body.bytes.equals(expected)).toBe(true)
    }
  }

  expectAtRest(): void {
    const { cache, origin, store } = this.world
    expect([cache.fills, store.usage().inFlightBytes, origin.openBodies]).toEqual([0, 0, 0])
    expect(this.clients.filter(({ outcome }) => outcome === 'asking' || outcome === 'reading')).toEqual([])
    for (const { error } of this.clients) if (error !== undefined) expect(error).toBeInstanceOf(OriginError)
  }

  #one<Item>(items: readonly Item[], pick: number): Item | undefined {
    return items[pick % Math.max(1, items.length)]
  }
}

test.each(['adaptive', 'lru'] as const)(
  'bytes are right, memory stays within its bound and nothing is left open, whatever happens in whatever order, with the policy %s',
  async (policy) => {
    await check(
      asyncProperty(array(action, { minLength: 40, maxLength: 200, size: 'max' }), async (actions) => {
        const play = new Play(policy)
        for (const step of actions) await play.step(step)
        await play.bringToRest()
        play.expectSound()
        play.expectAtRest()
      }),
      { numRuns: 30, seed: 8216 },
    )
  },
)
