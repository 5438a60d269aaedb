/**
 * The whole program under a steady load while a real gateway is killed and restarted, twice: what a client is given is
 * right as far as it goes, what is in memory is served all the while, and afterwards everything is as it was.
 *
 * A seed fixes what is asked and in which order. Time stands still, so that an outage lasts as long as the test says.
 */
import { expect, test } from 'vitest'
import { pattern } from '../origin/fixture.ts'
import type { Rgw } from '../support/ceph-rgw.ts'
import { type Answer, openRequest, request } from '../support/http-client.ts'
import { randomNumbers } from '../support/random-numbers.ts'
import { describeWithRgw, put } from './fixture.ts'
import { type Shield, startShield } from './shield.ts'

const AT_ONCE = 20
/** Two outages of a real cluster; most of it is its starting anew. */
const TIMEOUT_MS = 60_000
const SMALL = 48
const LARGE = 12
/** Kept whole, and kept in slices: `maxObject` is between the two. */
const SMALL_BYTES = 150_000
const LARGE_BYTES = 3_000_000
/** The program's default. */
const SLICE_BYTES = 1024 * 1024
/** More than the sockets' buffers and what is read ahead hold together, so that most of it is still to come. */
const FILM_BYTES = 48 * SLICE_BYTES
const BREAKER = { minRequests: 5, errorRate: 0.5, window: '1s', openFor: '2s' }
const WINDOW_MS = 1_000
const OPEN_FOR_MS = 2_000

interface StoredObject {
  readonly key: string
  readonly bytes: Buffer
}

interface Asked {
  readonly object: StoredObject
  readonly range?: { readonly field: string; readonly start: number; readonly end: number }
}

type Outcome = 'whole' | 'cut' | 'failed'
type Outcomes = Record<Outcome, number>

async function putAll(rgw: Rgw): Promise<readonly StoredObject[]> {
  const objects = Array.from({ length: SMALL + LARGE }, (_, index) => {
    const isSmall = index < SMALL
    return { key: `${index}.${isSmall ? 'ts' : 'mp4'}`, bytes: pattern(isSmall ? SMALL_BYTES : LARGE_BYTES, index) }
  })
  await Promise.all(objects.map(({ key, bytes }) => put(rgw, key, bytes)))
  return objects
}

/** Of a small object all of it or, now and then, a range; of a large one mostly a range, of any kind. */
function draw(random: () => number, objects: readonly StoredObject[]): Asked {
  const below = (limit: number) => Math.floor(random() * limit)
  const object = objects[below(objects.length)] ?? { key: '', bytes: Buffer.alloc(0) }
  const { length } = object.bytes
  const start = below(length)
  const end = Math.min(length, start + 1 + below(1_000_000))
  const kind = below(length === SMALL_BYTES ? 12 : 4)
  if (kind === 0) return { object, range: { field: `bytes=${start}-${end - 1}`, start, end } }
  if (kind === 1) return { object, range: { field: `bytes=${start}-`, start, end: length } }
  if (kind === 2) return { object, range: { field: `bytes=-${length - start}`, start, end: length } }
  return { object }
}

/** Fails unless the answer is whole and exact, the beginning of that, or an error of ours. */
function outcomeOf({ object, range }: Asked, answer: Answer): Outcome {
  if (answer.status >= 500) {
    expect([502, 503, 504]).toContain(answer.status)
    expect([answer.isWhole, answer.body.length < 100]).toEqual([true, true])
    return 'failed'
  }
  const { start, end } = range ?? { start: 0, end: object.bytes.length }
  expect([answer.status, answer.headers['content-length']]).toEqual([range ? 206 : 200, String(end - start)])
  if (range) expect(answer.headers['content-range']).toBe(`bytes ${start}-${end - 1}/${object.bytes.length}`)
  if (answer.isWhole) expect(answer.body.length).toBe(end - start)
  expect(answer.body.equals(object.bytes.subarray(start, start + answer.body.length))).toBe(true)
  return answer.isWhole ? 'whole' : 'cut'
}

async function ask({ port }: Shield, asked: Asked): Promise<Outcome> {
  const { object, range } = asked
  const answer = await request(port, { path: `/${object.key}`, headers: range ? { Range: range.field } : {} })
  try {
    return outcomeOf(asked, answer)
  } catch (error) {
    throw new Error(`${object.key} ${range?.field ?? 'whole'}: ${answer.status}`, { cause: error })
  }
}

/** Asks for all of them, never more than so many at once; `halfWay` begins when half of them are answered. */
async function load(shield: Shield, all: readonly Asked[], halfWay?: () => Promise<void>): Promise<Outcomes> {
  const outcomes: Outcomes = { whole: 0, cut: 0, failed: 0 }
  const waiting = [...all]
  let answered = 0
  let during: Promise<void> | undefined
  const clients = Array.from({ length: AT_ONCE }, async () => {
    for (let asked = waiting.shift(); asked !== undefined; asked = waiting.shift()) {
      outcomes[await ask(shield, asked)] += 1
      answered += 1
      if (answered >= all.length / 2) during ??= halfWay?.()
    }
  })
  await Promise.all(clients)
  await during
  return outcomes
}

/** Ten times one byte, each of a slice of its own, going back from the end of the object; nothing else reads those. */
function lastBytes(object: StoredObject, firstSlice: number): readonly Asked[] {
  return Array.from({ length: 10 }, (_, index) => {
    const start = object.bytes.length - (firstSlice + index) * SLICE_BYTES
    return { object, range: { field: `bytes=${start}-${start}`, start, end: start + 1 } }
  })
}

async function expectWhole(shield: Shield, objects: readonly StoredObject[]): Promise<void> {
  const outcomes = await load(
    shield,
    objects.map((object) => ({ object })),
  )
  expect([outcomes.cut, outcomes.failed]).toEqual([0, 0])
}

describeWithRgw('the shield under load while Ceph RGW is killed and restarted', (gateway) => {
  test('every answer is right as far as it goes, hits are served on, and everything lent out comes back', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const rgw = gateway()
    const objects = await putAll(rgw)
    const film = { key: 'film.mp4', bytes: pattern(FILM_BYTES, 99) }
    await put(rgw, film.key, film.bytes)
    const shield = await startShield(rgw, { maxObject: '1MiB', ttl: '1h', breaker: BREAKER })
    const { clock, ready, port } = shield
    const random = randomNumbers(20_261)
    const requestsOf = (count: number, some: readonly StoredObject[]) =>
      Array.from({ length: count }, () => draw(random, some))
    const circuit = async () => (await ready()).origins.spaces.circuit

    const warm = objects.slice(0, 12)
    await expectWhole(shield, warm)
    let everAsked = warm
    for (const { first, last, unread } of [
      { first: 12, last: 30, unread: lastBytes(film, 1) },
      { first: 30, last: 48, unread: lastBytes(film, 11) },
    ]) {
      // The large ones are asked for all the time; of the small ones there are always some that nobody has had yet.
      const cold = [...objects.slice(first, last), ...objects.slice(SMALL)]
      const paused = await openRequest(port, { path: `/${film.key}` })
      paused.pause()
      // What went well so long ago is no longer in the circuit's window when the gateway goes.
      const kill = async () => {
        clock.advance(WINDOW_MS + 1)
        await rgw.stopGateway()
      }
      const struck = await load(shield, requestsOf(100, [...everAsked, ...cold]), kill)
      expect(struck.whole).toBeGreaterThanOrEqual(50)
      expect(struck.cut + struck.failed).toBeGreaterThan(0)
      paused.resume()
      const cut = await paused.ended
      expect(outcomeOf({ object: film }, cut)).toBe('cut')

      expect(rgw.gatewayPid).toBeUndefined()
      expect(await load(shield, unread)).toMatchObject({ failed: unread.length })
      expect(await ready()).toMatchObject({ status: 'not ready', origins: { spaces: { circuit: 'open' } } })
      const hits = await load(
        shield,
        warm.map((object) => ({ object })),
      )
      expect(hits).toEqual({ whole: warm.length, cut: 0, failed: 0 })
      const down = await load(shield, requestsOf(60, [...everAsked, ...cold]))
      expect(down.whole).toBeGreaterThan(0)
      expect(down.failed).toBeGreaterThan(0)
      clock.advance(OPEN_FOR_MS)
      // One probe, which fails: open again, for twice as long.
      expect(await load(shield, unread.slice(0, 1))).toMatchObject({ failed: 1 })
      expect(await circuit()).toBe('open')

      await rgw.startGateway()
      // It is back, and is not asked before the circuit's time is over.
      expect(await load(shield, unread.slice(0, 1))).toMatchObject({ failed: 1 })
      clock.advance(2 * OPEN_FOR_MS)
      expect(await circuit()).toBe('half-open')
      for (const probe of unread.slice(0, 3)) expect(await ask(shield, probe)).toBe('whole')
      expect(await ready()).toMatchObject({ status: 'ready', origins: { spaces: { circuit: 'closed' } } })
      const back = await load(shield, requestsOf(40, [...everAsked, ...cold]))
      expect([back.cut, back.failed]).toEqual([0, 0])
      everAsked = [...everAsked, ...cold.slice(0, last - first)]
    }

    await expectWhole(shield, [...objects, film])
    await expect
      .poll(async () => (await ready()).origins.spaces.pool, { interval: 1 })
      .toMatchObject({ inUse: 0, queued: 0 })
    expect(shield.logLines.filter((line) => line.includes('a fault of this program'))).toEqual([])
  })
})
