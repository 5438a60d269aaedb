/**
 * The adaptive policy beside LRU, through the Store, at the same bytes: a small version of what
 * `node test/bench/eviction.ts` compares. Same seeds, same requests, same figures.
 */

import { describe, expect, test } from 'vitest'
import { compare, comparePattern } from '../bench/eviction.ts'
import { PATTERNS } from '../bench/patterns.ts'
import type { Audience } from '../bench/traffic.ts'
import { makeTraffic } from '../bench/traffic.ts'

const VOD = {
  seconds: 1000,
  titles: 300,
  zipf: 0.9,
  startsPerSecond: 3,
  channels: 0,
  liveViewers: 0,
  edges: 4,
  edgeShare: 0.005,
}
const MIXED = { ...VOD, startsPerSecond: 2, channels: 4, liveViewers: 100 }

/** By the memory's share of the footprint: hits beside LRU's, in requests and in bytes. */
function figures(audience: Audience, shares: readonly number[]) {
  const { requests, footprintBytes } = makeTraffic(audience)
  return shares.map((share) => {
    const maxBytes = Math.floor(footprintBytes * share)
    const compared = compare(`${share}`, requests, maxBytes, { requests: 0, bytes: 0 })
    expect(compared.lru.mostBytes).toBeLessThanOrEqual(maxBytes)
    expect(compared.adaptive.mostBytes).toBeLessThanOrEqual(maxBytes)
    return { share, least: Math.min(compared.ofRequests, compared.ofBytes), ...compared }
  })
}

describe.each([
  { seed: 1, shares: [0.001, 0.01, 0.1, 0.3] },
  { seed: 2, shares: [0.01] },
])('seed $seed', ({ seed, shares }) => {
  test('films in a hundredth of their bytes: two and a half times the hits; in any other share as many at least', () => {
    const compared = figures({ ...VOD, seed }, shares)
    expect(compared.filter(({ least }) => least < 0.97)).toEqual([])
    expect(compared.find(({ share }) => share === 0.01)?.ofRequests).toBeGreaterThan(2.5)
  })

  test('films and live in a hundredth: a tenth more hits, a seventh more bytes; in any other share as many at least', () => {
    const compared = figures({ ...MIXED, seed }, shares)
    expect(compared.filter(({ least }) => least < 0.97)).toEqual([])
    const hundredth = compared.find(({ share }) => share === 0.01)
    expect(hundredth?.ofRequests).toBeGreaterThan(1.1)
    expect(hundredth?.ofBytes).toBeGreaterThan(1.15)
  })
})

test.each(PATTERNS)('$name: no worse than LRU', (pattern) => {
  const { ofRequests, ofBytes } = comparePattern(pattern, 500, 40)
  // Three hundredths, and one for chance: there are few requests.
  expect(Math.min(ofRequests, ofBytes)).toBeGreaterThan(0.96)
})
