/**
 * A growing body under everything at once: chunks of any size, readers that come, read at their own pace, leave and
 * come too late, memory that is taken and given back around it, an end or a failure at any point.
 */

import { array, asyncProperty, assert as check, constant, integer, oneof, record } from 'fast-check'
import { expect, test } from 'vitest'
import type { BodyReader } from '../../src/cache/body.ts'
import { growFrom } from '../../src/cache/grow.ts'
import type { Grown } from '../../src/cache/growing-body.ts'
import { GrowingBody, JoinedTooLate } from '../../src/cache/growing-body.ts'
import type { Reservation } from '../../src/cache/store.ts'
import { Store } from '../../src/cache/store.ts'
import { OriginError } from '../../src/errors.ts'
import { ScriptedBody, settled } from '../support/scripted-origin.ts'
import { storedResponse } from './responses.ts'
import { expectWithinBudget } from './world.ts'

const MAX_BYTES = 600
const WINDOW = 100
const BLOCK = 32
const MEMORY = 2000

/** Bytes that tell their place. */
const WHOLE = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7 + (index >> 8) * 31) & 0xff))

const pick = integer({ min: 0, max: 999 })
const action = oneof(
  { weight: 4, arbitrary: record({ act: constant('send'), pick: integer({ min: 1, max: 150 }) }) },
  { weight: 2, arbitrary: record({ act: constant('send a byte'), pick }) },
  { weight: 8, arbitrary: record({ act: constant('read'), pick }) },
  { weight: 3, arbitrary: record({ act: constant('join'), pick }) },
  { weight: 1, arbitrary: record({ act: constant('leave'), pick }) },
  { weight: 1, arbitrary: record({ act: constant('take memory'), pick }) },
  { weight: 1, arbitrary: record({ act: constant('give memory back'), pick }) },
)
const ending = oneof(constant('end'), constant('fail'), constant('abort'))

interface Client {
  readonly reader: BodyReader
  /** Whether it was given the body while it could be joined. */
  readonly isInTime: boolean
  readonly got: Buffer[]
  outcome: 'reading' | 'end' | 'failed' | 'left'
}

class Play {
  readonly store = new Store(MEMORY)
  readonly source = new ScriptedBody()
  readonly abort = new AbortController()
  readonly clients: Client[] = []
  readonly taken: Reservation[] = []
  readonly body: GrowingBody
  readonly grown: Promise<Grown | OriginError>
  sent = 0

  constructor() {
    const { store: room } = this
    const sizes = { overheadBytes: 50, maxBytes: MAX_BYTES, windowBytes: WINDOW, blockBytes: BLOCK }
    this.body = new GrowingBody({ room, ...sizes })
    this.grown = growFrom(this.source, this.body, this.abort.signal).then(
      (grown) => {
        if (grown.kind === 'complete') room.put('key', storedResponse({ body: grown.body }), grown.reservation)
        return grown
      },
      (error: OriginError) => error,
    )
  }

  async step({ act, pick: number }: { readonly act: string; readonly pick: number }): Promise<void> {
    if (act === 'send') this.send(number)
    else if (act === 'send a byte') this.send(1)
    else if (act === 'read') this.read(this.clients[number % Math.max(1, this.clients.length)])
    else if (act === 'join') this.join()
    else if (act === 'leave') this.leave(this.clients[number % Math.max(1, this.clients.length)])
    else if (act === 'take memory') this.take(number)
    else this.taken.pop()?.release()
    this.expectSound()
    // Sometimes several things happen before anything can settle.
    if (number % 3 !== 0) await settled()
    this.expectSound()
  }

  finish(how: string): void {
    if (how === 'end') this.source.end()
    else if (how === 'fail') this.source.fail(new OriginError('broken', 'reset'))
    else this.abort.abort()
  }

  send(bytes: number): void {
    const end = Math.min(WHOLE.length, this.sent + bytes)
    if (end > this.sent) this.source.push(Buffer.from(WHOLE.subarray(this.sent, end)))
    this.sent = end
  }

  join(): void {
    const isInTime = this.body.isJoinable
    this.body.hold()
    const reader = this.body.open(0, undefined, () => undefined)
    this.clients.push({ reader, isInTime, got: [], outcome: 'reading' })
  }

  read(client: Client | undefined): void {
    if (client?.outcome !== 'reading') return
    const result = client.reader.read()
    if (Buffer.isBuffer(result)) client.got.push(result)
    else if (result !== 'wait') this.over(client, result)
  }

  leave(client: Client | undefined): void {
    if (client?.outcome === 'reading') this.over(client, 'left')
  }

  over(client: Client, outcome: 'end' | 'failed' | 'left'): void {
    client.outcome = outcome
    client.reader.close()
    this.body.release()
  }

  take(bytes: number): void {
    const taken = this.store.reserve(bytes)
    if (taken !== undefined) this.taken.push(taken)
  }

  expectSound(): void {
    expectWithinBudget(this)
    expect(this.store.usage().heldBytes).toBeGreaterThanOrEqual(0)
    for (const { got, outcome, isInTime, reader } of this.clients) {
      const bytes = Buffer.concat(got)
      expect(bytes.equals(WHOLE.subarray(0, bytes.length))).toBe(true)
      if (outcome === 'end') expect(bytes.length).toBe(this.body.length)
      if (outcome === 'failed' && isInTime) expect(reader.error).not.toBeInstanceOf(JoinedTooLate)
    }
    if (this.body.bytes !== undefined) expect(this.body.bytes.equals(WHOLE.subarray(0, this.body.length))).toBe(true)
    // A window, the chunk that went over it, and the blocks both begin in.
    const { state } = this.body
    if (state.kind === 'passing')
      expect(this.store.usage().heldBytes).toBeLessThan(MAX_BYTES + WINDOW + 150 + 2 * BLOCK)
  }

  async bringToRest(): Promise<void> {
    const isReading = () => this.clients.some(({ outcome }) => outcome === 'reading')
    for (let rounds = 0; rounds < 500 && isReading(); rounds += 1) {
      for (const client of this.clients) this.read(client)
      await settled()
    }
  }

  async expectAtRest(how: string): Promise<void> {
    expect(this.clients.filter(({ outcome }) => outcome === 'reading')).toEqual([])
    const grown = await this.grown
    expect([this.body.readers, this.source.isOpen]).toEqual([0, false])
    const inFlight = this.taken.reduce((sum, { bytes }) => sum + bytes, 0)
    expect(this.store.usage()).toMatchObject({ inFlightBytes: inFlight, heldBytes: 0 })
    if (grown instanceof OriginError) expect(how).not.toBe('end')
    else if (grown.kind === 'complete') expect(grown.body.bytes?.equals(WHOLE.subarray(0, this.sent))).toBe(true)
    const ended = this.clients.filter(({ outcome }) => outcome === 'end')
    if (grown instanceof OriginError) expect(ended).toEqual([])
    for (const { got } of ended) expect(Buffer.concat(got).length).toBe(this.sent)
  }
}

test('every reader gets exactly the bytes or a failure, memory stays within its bound, and nothing is left', async () => {
  const seen = { complete: 0, passed: 0, abandoned: 0, failed: 0, ended: 0, tooLate: 0 }
  await check(
    asyncProperty(array(action, { minLength: 1, maxLength: 120, size: 'max' }), ending, async (actions, how) => {
      const play = new Play()
      for (const step of actions) await play.step(step)
      play.finish(how)
      play.expectSound()
      await play.bringToRest()
      play.expectSound()
      await play.expectAtRest(how)
      const { kind } = play.body.state
      if (kind in seen) seen[kind as keyof typeof seen] += 1
      seen.ended += play.clients.filter(({ outcome }) => outcome === 'end').length
      seen.tooLate += play.clients.filter(({ reader }) => reader.error instanceof JoinedTooLate).length
    }),
    { numRuns: 200, seed: 9110 },
  )
  for (const [what, count] of Object.entries(seen)) expect([what, count > 5]).toEqual([what, true])
})
