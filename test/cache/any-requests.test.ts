/** Hundreds of mixed requests, by seed: never a wrong byte, never a mix of versions, and nothing left behind. */
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { MAX_FRUITLESS_RESUMES } from '../../src/cache/resume.ts'
import { type ClientOptions, expectWithinBudget, filmBytes, KB, makeSlicedWorld, type Reading } from './sliced-world.ts'

/** mulberry32 */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

const KEYS = ['a', 'b', 'c', 'd', 'e']
const REQUESTS = 300

describe.each(['adaptive', 'lru'] as const)('requests of every kind at once, with the policy %s', (policy) => {
  test.each(Array.from({ length: 24 }, (_, seed) => seed))('seed %i', async (seed) => {
    const random = randomOf(seed * 7919 + 17)
    const memory = [12, 40, 200][seed % 3] ?? 12
    const world = makeSlicedWorld({ maxBytes: memory * 2 * KB, maxObjectBytes: 3 * KB, policy })
    const versions = new Map<string, Map<string, Buffer>>()
    let version = 0
    const replace = (key: string) => {
      version += 1
      const bytes = filmBytes(random(40 * KB) * (random(8) === 0 ? 0 : 1), version)
      versions.set(key, (versions.get(key) ?? new Map()).set(`"${version}"`, bytes))
      world.origin.put(key, bytes, `"${version}"`)
    }
    for (const key of KEYS) replace(key)
    world.origin.chunkBytes = 100 + random(1500)
    const resets = seed % 2 === 0
    // No part is broken off more often in a row than it is resumed.
    const inARow = new Map<string, number>()
    world.origin.breakAfter = (_index, { key, range }, length) => {
      const part = `${key} ${range?.last}`
      const before = inARow.get(part) ?? 0
      const isBroken = resets && before < MAX_FRUITLESS_RESUMES && random(4) === 0
      inARow.set(part, isBroken ? before + 1 : 0)
      return isBroken ? random(length + 1) : undefined
    }

    const check = (key: string, reading: Reading) => {
      if (reading.status === 416) return
      const bytes = versions.get(key)?.get(reading.etag ?? '')
      expect(bytes).toBeDefined()
      const expected = bytes?.subarray(reading.start, reading.start + reading.bytes.length)
      expect(expected?.equals(reading.bytes)).toBe(true)
    }
    const rangeOf = (): string | undefined => {
      const start = random(42 * KB)
      return [
        undefined,
        undefined,
        'bytes=0-',
        'bytes=0-1',
        `bytes=-${1 + random(5 * KB)}`,
        `bytes=${start}-`,
        `bytes=${start}-9007199254740991`,
        `bytes=${start}-${start + random(6 * KB)}`,
        `bytes=${start}-${start + random(3)}`,
        `bytes=${start}-${start + random(20 * KB)}`,
      ][random(10)]
    }
    let [whole, failed] = [0, 0]
    const ask = async () => {
      const key = KEYS[random(KEYS.length)] ?? 'a'
      const range = rangeOf()
      const slowness = random(6) === 0 ? random(30) : 0
      const options: ClientOptions = {
        key,
        isHead: random(12) === 0,
        ...(range !== undefined && { range }),
        ...(random(5) === 0 && { leaveAfter: random(10 * KB) }),
        pace: async () => {
          for (let turn = 0; turn < slowness; turn += 1) await setImmediate()
        },
      }
      const reading = await world.get(options)
      check(key, reading)
      if (reading.outcome === 'end') whole += 1
      if (reading.outcome === 'failed') failed += 1
    }

    const asked: Promise<void>[] = []
    for (let index = 0; index < REQUESTS; index += 1) {
      asked.push(ask())
      for (let turns = random(6); turns > 0; turns -= 1) await setImmediate()
      if (seed % 4 < 2 && random(25) === 0) replace(KEYS[random(KEYS.length)] ?? 'a')
      if (random(40) === 0) world.clock.advance(61_000)
      expectWithinBudget(world.store)
    }
    await Promise.all(asked)
    await world.idle()
    expect(whole).toBeGreaterThan(REQUESTS / 2)
    // Whoever fails does so because the object was replaced under it, never for a broken connection alone.
    if (version === KEYS.length) expect(failed).toBe(0)
  })
})
