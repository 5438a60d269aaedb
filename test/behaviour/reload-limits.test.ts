/** What clients have used up of their request rate stays used up when the configuration is read again. */
import { expect, test } from 'vitest'
import { bucket, configOf, type Running, running } from '../support/reloadable.ts'

const SECOND_MS = 1000

async function start(perClient: Readonly<Record<string, unknown>>) {
  const s3 = await bucket({ 'a.ts': 'a' })
  const limited = (rule: Readonly<Record<string, unknown>>, more = {}) =>
    configOf({ spaces: { endpoint: s3.endpoint } }, { limits: { perClient: rule }, ...more })
  const shield = await running(limited(perClient))
  return { ...shield, limited, admitted: () => admitted(shield) }
}

/** How many requests are answered before the first one that is refused. */
async function admitted({ ask }: Running): Promise<number> {
  for (let count = 0; ; count += 1) if ((await ask('/a.ts')).status === 429) return count
}

const RULE = { requestsPerSecond: 2, burst: 6 }

test('a reload with the same rule gives nobody a new burst', async () => {
  const { app, limited, admitted, clock } = await start(RULE)
  expect(await admitted()).toBe(6)
  for (let count = 0; count < 3; count += 1) {
    await app.reload(limited(RULE, { log: { access: false, level: count % 2 === 0 ? 'warn' : 'info' } }))
  }
  expect(await admitted()).toBe(0)
  clock.advance(SECOND_MS)
  await app.reload(limited(RULE))
  expect(await admitted()).toBe(2)
})

test.each([
  ['a larger burst', { requestsPerSecond: 2, burst: 9 }, 3],
  ['a smaller burst', { requestsPerSecond: 2, burst: 3 }, 0],
  ['a slower rate', { requestsPerSecond: 1, burst: 6 }, 0],
  ['a faster rate', { requestsPerSecond: 100, burst: 6 }, 0],
])('%s leaves as many requests fewer as were made', async (_what, rule, left) => {
  const { app, limited, admitted, clock } = await start(RULE)
  expect(await admitted()).toBe(6)
  await app.reload(limited(rule))
  expect(await admitted()).toBe(left)
  clock.advance(SECOND_MS)
  expect(await admitted()).toBe(Math.min(rule.requestsPerSecond, rule.burst))
})

test('a burst of which something is left keeps no more than the new one has', async () => {
  const { app, limited, admitted, ask } = await start(RULE)
  for (let count = 0; count < 4; count += 1) await ask('/a.ts')
  await app.reload(limited({ requestsPerSecond: 2, burst: 5 }))
  expect(await admitted()).toBe(1)
})

test('a client that has been away long enough has the whole new burst', async () => {
  const { app, limited, admitted, clock } = await start(RULE)
  expect(await admitted()).toBe(6)
  clock.advance(60 * SECOND_MS)
  await app.reload(limited({ requestsPerSecond: 2, burst: 9 }))
  expect(await admitted()).toBe(9)
})

test('a limit that is new begins with the reload, and one that is gone is forgotten', async () => {
  const { app, limited, admitted, ask } = await start({})
  for (let count = 0; count < 20; count += 1) expect((await ask('/a.ts')).status).toBe(200)
  await app.reload(limited(RULE))
  expect(await admitted()).toBe(6)
  await app.reload(limited({}))
  expect((await ask('/a.ts')).status).toBe(200)
})

test('a proxy that has come to be trusted is no client any more', async () => {
  const { app, limited, admitted, ask } = await start(RULE)
  expect(await admitted()).toBe(6)
  await app.reload(limited(RULE, { trustedProxies: ['127.0.0.1'] }))
  expect((await ask('/a.ts', { 'X-Forwarded-For': '192.0.2.1' })).status).toBe(200)
})
