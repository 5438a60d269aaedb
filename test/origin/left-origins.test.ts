import { expect, test } from 'vitest'
import type { ResilientOrigin } from '../../src/origin/compose.ts'
import { LeftOrigins } from '../../src/origin/left-origins.ts'
import type { PoolUsage } from '../../src/origin/origin.ts'
import { ReplaceableOrigin } from '../../src/origin/replaceable.ts'
import { aliveOf } from '../support/garbage.ts'
import { ScriptedOrigin } from '../support/scripted-origin.ts'

const IDLE: PoolUsage = { inUse: 0, free: 0, queued: 0 }

class Used extends ScriptedOrigin implements ResilientOrigin {
  now: PoolUsage = IDLE
  closes = 0

  allowedPerSecond() {
    return Number.POSITIVE_INFINITY
  }

  circuit() {
    return 'closed' as const
  }

  override usage() {
    return this.now
  }

  override async close() {
    this.closes += 1
  }
}

test('those that have nothing under way are let go, however many leave', async () => {
  const left = new LeftOrigins()
  const references: WeakRef<object>[] = []
  for (let count = 0; count < 1000; count += 1) {
    const origin = new ReplaceableOrigin(new Used('spaces'))
    references.push(new WeakRef(origin))
    left.add([origin])
  }
  // The last one may still be in a register of the loop.
  await expect.poll(() => aliveOf(references)).toBeLessThanOrEqual(1)
  await left.close()
})

test.each([
  ['in use', { inUse: 1 }],
  ['idle', { free: 1 }],
  ['waited for', { queued: 1 }],
])('one whose connection is %s is held until it has none, and closed with the rest', async (_what, usage) => {
  const left = new LeftOrigins()
  const client = new Used('spaces')
  client.now = { ...IDLE, ...usage }
  const references = (() => {
    const origin = new ReplaceableOrigin(client)
    left.add([origin])
    return [new WeakRef<object>(origin)]
  })()
  left.add([])
  expect(await aliveOf(references)).toBe(1)
  await left.close()
  expect(client.closes).toBe(1)
  client.now = IDLE
  left.add([])
  await expect.poll(() => aliveOf(references)).toBe(0)
})

test('one that somebody goes on asking is closed too, whether it is busy at that moment or not', async () => {
  const left = new LeftOrigins()
  const client = new Used('spaces')
  const origin = new ReplaceableOrigin(client)
  left.add([origin])
  client.now = { ...IDLE, inUse: 1 }
  left.add([])
  client.now = IDLE
  left.add([])
  await left.close()
  expect([client.closes, origin.name]).toEqual([1, 'spaces'])
})
