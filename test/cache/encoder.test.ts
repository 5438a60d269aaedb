import { randomBytes } from 'node:crypto'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { BufferedBody } from '../../src/cache/buffered-body.ts'
import { Encoder } from '../../src/cache/encoder.ts'
import { encodingsFor } from '../../src/cache/representation.ts'
import { Store } from '../../src/cache/store.ts'
import type { StoredResponse } from '../../src/cache/stored-response.ts'
import { memoryCost, refreshStoredResponse } from '../../src/cache/stored-response.ts'
import type { Coding } from '../../src/http/content-coding.ts'
import { playlist } from '../support/encoded.ts'
import { storedResponse } from './responses.ts'
import { expectWithinBudget, makeWorld, RULES, KEY as WORLD_KEY } from './world.ts'

const KEY = 'origin live/index.m3u8'
const TEXT = playlist(50_000)
const HEADERS = { etag: '"v1"' }

interface Bench {
  readonly store: Store
  readonly encoder: Encoder
  /** Stores an answer as a fill does, and has it encoded. */
  put(key: string, bytes: Buffer): StoredResponse
  /** What a request that takes this coding gets of what is stored. */
  sent(coding: Coding, key?: string): Buffer
}

/** When the test is over nothing is in flight, and nothing of the Store's is above its budget. */
function startEncoder(maxBytes = 10_000_000): Bench {
  const store = new Store(maxBytes)
  const encoder = new Encoder(store)
  onTestFinished(async () => {
    await encoder.close()
    expectWithinBudget({ store })
    expect(store.usage().inFlightBytes).toBe(0)
  })
  return {
    store,
    encoder,
    put: (key, bytes) => {
      const encodings = encodingsFor({ status: 200, headers: HEADERS }, undefined, {
        ...RULES,
        isCompressible: () => true,
      })
      const response = storedResponse({ headers: HEADERS, body: BufferedBody.of(bytes), encodings })
      const reservation = store.reserve(memoryCost(key, response.headerPairs, bytes.length))
      if (reservation === undefined) throw new Error('no room for the answer itself')
      store.put(key, response, reservation)
      encoder.encode(key, response)
      return response
    },
    sent: (coding, key = KEY) => {
      const stored = store.peek(key)
      if (stored === undefined) throw new Error(`nothing is stored under ${key}`)
      const { body } = stored.encodings?.select(stored, [coding]) ?? stored
      return body.bytes ?? Buffer.alloc(0)
    },
  }
}

/** Resolves when this coding of the answer is there. */
async function isEncoded(response: StoredResponse, coding: Coding): Promise<void> {
  while (response.encodings?.has(coding) !== true) await new Promise(setImmediate)
}

describe('the memory of encodings', () => {
  test('is a part of what the stored answer weighs, and goes with it', async () => {
    const { store, put, sent } = startEncoder()
    const response = put(KEY, TEXT)
    const plainBytes = store.usage().cachedBytes
    await isEncoded(response, 'gzip')
    const encodedBytes = sent('br').length + sent('gzip').length
    expect(store.usage().cachedBytes - plainBytes).toBe(response.encodings?.memoryBytes)
    const overheadBytes = store.usage().cachedBytes - plainBytes - encodedBytes
    expect(overheadBytes).toBeGreaterThan(0)
    expect(overheadBytes).toBeLessThan(5000)
    expect(store.usage().inFlightBytes).toBe(0)
    store.delete(KEY)
    expect(store.usage()).toMatchObject({ cachedBytes: 0, heldBytes: 0 })
  })

  test('is not there where the budget has no room for it', async () => {
    const { store, encoder, put, sent } = startEncoder(memoryCost(KEY, [], TEXT.length) + 2000)
    const response = put(KEY, TEXT)
    await encoder.close()
    expect(response.encodings?.memoryBytes).toBe(0)
    expect(sent('br')).toBe(response.body.bytes)
    expect(store.usage().evictions).toBe(0)
  })

  test('makes older answers go, and never exceeds the budget', async () => {
    const { store, put } = startEncoder(400_000)
    for (let index = 0; index < 40; index += 1) {
      const response = put(`${KEY}-${index}`, playlist(20_000, index + 1))
      expectWithinBudget({ store })
      await isEncoded(response, 'gzip')
      expectWithinBudget({ store })
    }
    expect(store.usage().evictions).toBeGreaterThan(20)
  })

  test('counts as held while an answer that has left the Store is still being sent', async () => {
    const { store, put } = startEncoder()
    const response = put(KEY, TEXT)
    await isEncoded(response, 'gzip')
    const { cachedBytes } = store.usage()
    const { body } = response.encodings?.select(response, ['br']) ?? response
    body.hold()
    store.delete(KEY)
    expect(store.usage()).toMatchObject({ cachedBytes: 0, heldBytes: cachedBytes })
    body.release()
    expect(store.usage().heldBytes).toBe(0)
  })

  test('weighs again when an answer that was dropped while it was revalidated comes back', async () => {
    const world = makeWorld({ rules: { ...RULES, isCompressible: () => true } })
    const { response } = await world.store200(TEXT, HEADERS)
    await isEncoded(response, 'gzip')
    const { cachedBytes } = world.store.usage()
    world.clock.advance(60_000)
    const asked = world.ask()
    world.store.delete(WORLD_KEY)
    world.origin.exchange(1).answer({ status: 304 })
    await asked
    expect(world.store.usage().cachedBytes).toBeGreaterThanOrEqual(cachedBytes)
    expect(world.store.peek(WORLD_KEY)?.encodings).toBe(response.encodings)
  })

  test('is not more than the bytes themselves', async () => {
    const { put, sent, encoder } = startEncoder()
    const bytes = randomBytes(50_000)
    const response = put(KEY, bytes)
    put('later', TEXT)
    while (sent('gzip', 'later').length === TEXT.length) await new Promise(setImmediate)
    await encoder.close()
    expect(response.encodings?.memoryBytes).toBe(0)
    expect(sent('gzip')).toEqual(bytes)
  })
})

describe('an answer that changes while it is encoded', () => {
  test('gets no encodings once it was purged', async () => {
    const { store, encoder, put } = startEncoder()
    const response = put(KEY, TEXT)
    store.delete(KEY)
    expect(store.usage().heldBytes).toBeGreaterThan(0)
    await encoder.close()
    expect(response.encodings?.memoryBytes).toBe(0)
    expect(store.usage()).toMatchObject({ cachedBytes: 0, heldBytes: 0 })
  })

  test('leaves its place to the encodings of its successor', async () => {
    const { put, sent, encoder } = startEncoder()
    const older = put(KEY, TEXT)
    const text = playlist(50_000, 7)
    const newer = put(KEY, text)
    await isEncoded(newer, 'gzip')
    expect(brotliDecompressSync(sent('br'))).toEqual(text)
    expect(gunzipSync(sent('gzip'))).toEqual(text)
    await encoder.close()
    expect(older.encodings?.memoryBytes).toBe(0)
  })

  test('keeps what is being made of it when it is revalidated meanwhile', async () => {
    const { store, put, sent } = startEncoder()
    const response = put(KEY, TEXT)
    const refreshed = refreshStoredResponse(response, { etag: '"v1"', 'x-new': 'yes' }, 1, {
      initialAgeSeconds: 0,
      staleAtMs: 9,
    })
    expect(store.replace(KEY, response, refreshed)).toBe(true)
    await isEncoded(refreshed, 'gzip')
    expect(brotliDecompressSync(sent('br'))).toEqual(TEXT)
    const { headerPairs, etag } = refreshed.encodings?.select(refreshed, ['br']) ?? refreshed
    expect(headerPairs).toContain('x-new')
    expect(etag).toBe('"v1-br"')
  })

  test('goes out with its newer fields, and with its older ones to whoever still has these', async () => {
    const { put } = startEncoder()
    const response = put(KEY, TEXT)
    await isEncoded(response, 'gzip')
    const fresh = { initialAgeSeconds: 0, staleAtMs: 9 }
    const refreshed = refreshStoredResponse(response, { etag: '"v1"', 'x-version': '2' }, 1, fresh)
    const pairsOf = (one: StoredResponse) => one.encodings?.select(one, ['br']).headerPairs
    expect(pairsOf(response)).not.toContain('x-version')
    expect(pairsOf(refreshed)).toContain('x-version')
    expect(pairsOf(response)).not.toContain('x-version')
  })

  test('is not encoded at all when it has gone before its turn', async () => {
    const { store, put, encoder } = startEncoder()
    const first = Array.from({ length: 4 }, (_, index) => put(`first-${index}`, playlist(200_000, index + 1)))
    const last = put(KEY, TEXT)
    store.delete(KEY)
    // Nothing holds its bytes: what waits is only a name.
    expect(store.usage().heldBytes).toBe(0)
    for (const response of first) await isEncoded(response, 'gzip')
    await encoder.close()
    expect(last.encodings?.memoryBytes).toBe(0)
  })
})

test('nothing is begun after the end, and what is under way has ended when it is over', async () => {
  const { store, put, encoder } = startEncoder()
  const responses = Array.from({ length: 10 }, (_, index) => put(`${KEY}-${index}`, playlist(100_000, index + 1)))
  await encoder.close()
  const made = responses.filter(({ encodings }) => encodings?.has('br')).length
  expect(made).toBeLessThanOrEqual(2)
  expect(responses.some(({ encodings }) => encodings?.has('gzip'))).toBe(false)
  expect(store.usage().inFlightBytes).toBe(0)
  const late = put('late', TEXT)
  await encoder.close()
  expect(late.encodings?.memoryBytes).toBe(0)
})
