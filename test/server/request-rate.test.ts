import type { IncomingMessage } from 'node:http'
import { array, assert, constantFrom, integer, property, record } from 'fast-check'
import { expect, test } from 'vitest'
import { RequestRate } from '../../src/server/request-rate.ts'

const isTrusted = () => false

/** As much of a request as is looked at. */
function requestFrom(remoteAddress: string | undefined): IncomingMessage {
  return { socket: { remoteAddress } } as unknown as IncomingMessage
}

test('no client gets more than its burst and its rate, whenever it asks', () => {
  const step = record({ pauseMs: integer({ min: 0, max: 700 }), client: constantFrom('192.0.2.1', '192.0.2.2') })
  void assert(
    property(array(step, { minLength: 20, maxLength: 100, size: 'max' }), (steps) => {
      const rate = new RequestRate({ perSecond: 3, burst: 5, isTrusted })
      const admitted = new Map<string, number[]>()
      let nowMs = 1_000_000
      for (const { pauseMs, client } of steps) {
        nowMs += pauseMs
        const waitSeconds = rate.refuse(requestFrom(client), nowMs)
        if (waitSeconds === undefined) admitted.set(client, [...(admitted.get(client) ?? []), nowMs])
        else {
          expect(waitSeconds).toBeGreaterThanOrEqual(1)
          // Whoever waits as long as was said is let in.
          expect(rate.refuse(requestFrom(client), nowMs + waitSeconds * 1000)).toBeUndefined()
          admitted.set(client, [...(admitted.get(client) ?? []), nowMs + waitSeconds * 1000])
          nowMs += waitSeconds * 1000
        }
      }
      for (const times of admitted.values()) {
        const excess = times.flatMap((startMs, first) =>
          times.slice(first).map((endMs, offset) => offset + 1 - 5 - ((endMs - startMs) / 1000) * 3),
        )
        expect(Math.max(...excess)).toBeLessThanOrEqual(1e-6)
      }
    }),
    { numRuns: 50, seed: 20_260_101 },
  )
})

test('what is remembered of clients is bounded', () => {
  const rate = new RequestRate({ perSecond: 1, burst: 1, isTrusted, maxClients: 100 })
  for (let index = 0; index < 10_000; index += 1) {
    rate.refuse(requestFrom(`2001:db8:${(index >> 8).toString(16)}:${(index & 255).toString(16)}::1`), 0)
  }
  expect(rate.clients).toBe(100)
})

test('a clock that is set back locks nobody out', () => {
  const rate = new RequestRate({ perSecond: 1, burst: 1, isTrusted })
  expect(rate.refuse(requestFrom('192.0.2.1'), 9_000_000)).toBeUndefined()
  expect(rate.refuse(requestFrom('192.0.2.1'), 1_000_000)).toBeUndefined()
  expect(rate.refuse(requestFrom('192.0.2.1'), 1_000_000)).toBe(1)
})

test('a connection that is gone is nobody’s', () => {
  const rate = new RequestRate({ perSecond: 1, burst: 1, isTrusted })
  for (let count = 0; count < 3; count += 1) expect(rate.refuse(requestFrom(undefined), 0)).toBeUndefined()
})

test('a connection may be of another client when another list of proxies is in use', () => {
  const rule = { perSecond: 1, burst: 1 }
  const rate = new RequestRate({ ...rule, isTrusted })
  const socket = { remoteAddress: '192.0.2.1' }
  const asking = (client: string) =>
    ({ socket, headersDistinct: { 'x-forwarded-for': [client] } }) as unknown as IncomingMessage
  expect([rate.refuse(asking('203.0.113.1'), 0), rate.refuse(asking('203.0.113.2'), 0)]).toEqual([undefined, 1])
  rate.change({ ...rule, isTrusted: (address) => address === socket.remoteAddress }, 0)
  expect([rate.refuse(asking('203.0.113.1'), 0), rate.refuse(asking('203.0.113.2'), 0)]).toEqual([undefined, undefined])
  expect(rate.refuse(asking('203.0.113.1'), 0)).toBe(1)
})
