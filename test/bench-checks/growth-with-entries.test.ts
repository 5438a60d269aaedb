/** What is stored already makes no request dearer: the code that runs for one is counted beside many entries and few. */

import { expect, test } from 'vitest'
import type { Store } from '../../src/cache/store.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { startCounting } from './code-run.ts'

const isCounted = (url: string) => url.includes('/src/') || url.includes('/node_modules/lru-cache/')
const counter = await startCounting(isCounted)
const { BufferedBody } = await import('../../src/cache/buffered-body.ts')
const { Cache } = await import('../../src/cache/cache.ts')
const { Store: StoreOf } = await import('../../src/cache/store.ts')
const { makeStoredResponse } = await import('../../src/cache/stored-response.ts')

const COUNTS = [1000, 10_000, 100_000]
const REQUESTS = 1000
const ENTRY_BYTES = 2000

const keyOf = (index: number) => `spaces vod/${index}.ts`

/** As many entries as fit, one more would push one out. */
function fullStore(entries: number): Store {
  const store = new StoreOf(entries * ENTRY_BYTES)
  for (let index = 0; index < entries; index += 1) put(store, index)
  expect(store.usage()).toMatchObject({ entries, evictions: 0 })
  return store
}

function put(store: Store, index: number): void {
  const reservation = store.reserve(ENTRY_BYTES)
  if (reservation === undefined) throw new Error('no room for one entry')
  const response = makeStoredResponse({
    status: 200,
    headers: { etag: '"1"' },
    contentType: 'video/mp2t',
    body: BufferedBody.of(BYTES),
    responseTimeMs: 0,
    freshness: { initialAgeSeconds: 0, staleAtMs: Number.MAX_SAFE_INTEGER },
  })
  store.put(keyOf(index), response, reservation)
}

const BYTES = Buffer.alloc(10)

/** Characters of source run for one request, beside so many entries. */
async function costs(entries: number): Promise<Readonly<Record<string, number>>> {
  const store = fullStore(entries)
  const clock = new FakeClock()
  const cache = new Cache({
    store,
    clock,
    maxObjectBytes: 1_000_000,
    contentTypeFor: (_key, type) => type,
    onFillFailed: () => undefined,
  })
  const perRequest = async (each: (index: number) => unknown) => {
    await counter.take()
    for (let request = 0; request < REQUESTS; request += 1) each(request)
    return (await counter.take()).characters / REQUESTS
  }
  const hit = await perRequest((request) => {
    if (cache.fresh(keyOf((request * 7919) % entries), clock.now()) === undefined) throw new Error('no hit')
  })
  const miss = await perRequest((request) => {
    if (cache.fresh(keyOf(-1 - request), clock.now()) !== undefined) throw new Error('a hit')
  })
  const evicting = await perRequest((request) => put(store, entries + request))
  expect(store.usage()).toMatchObject({ entries, evictions: REQUESTS })
  await cache.close()
  return { hit, miss, evicting }
}

test('a hit, a miss, and an answer that pushes another one out run the same code beside 1,000 entries and 100,000', async () => {
  const curve: Readonly<Record<string, number>>[] = []
  for (const entries of COUNTS) curve.push(await costs(entries))
  process.stdout.write(`source characters run beside ${COUNTS.join(', ')} entries: ${JSON.stringify(curve)}\n`)
  for (const name of ['hit', 'miss', 'evicting']) {
    const [base = 0, ...more] = curve.map((cost) => cost[name] ?? Number.NaN)
    expect(base, name).toBeGreaterThan(0)
    for (const cost of more) expect(cost / base, `${name} beside more entries`).toBeLessThan(1.01)
  }
}, 60_000)
