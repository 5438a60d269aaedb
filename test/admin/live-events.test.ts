/** Listeners that come, go and stand still, and what is left of them. */
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { startAdminServer } from '../../src/admin/admin-server.ts'
import { eventStream } from '../../src/admin/answer.ts'
import { liveEvents } from '../../src/admin/live-events.ts'
import type { LiveState } from '../../src/admin/live-schemas.ts'
import { LiveSamples } from '../../src/observe/live-samples.ts'
import { Traffic } from '../../src/observe/traffic.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { openRaw } from '../support/raw-client.ts'
import { listenTo } from './api.ts'

const LEVELS = {
  connections: 0,
  fills: 0,
  runs: 0,
  cachedBytes: 0,
  inFlightBytes: 0,
  heldBytes: 0,
  inUse: 0,
  queued: 0,
}

const STATE: LiveState = {
  uptimeSeconds: 0,
  phase: 'listening',
  store: { maxBytes: 0, cachedBytes: 0, inFlightBytes: 0, heldBytes: 0, entries: 0, evictions: 0 },
  fills: 0,
  runs: 0,
  origins: {},
  version: '1',
  topPaths: [],
  troubles: [],
}

async function start(state = () => STATE) {
  const clock = new FakeClock()
  const samples = new LiveSamples({ traffic: new Traffic(), fetchedBytes: () => 0, levels: () => LEVELS }, clock)
  let listeners = 0
  const listen = () => {
    listeners += 1
    return () => {
      listeners -= 1
    }
  }
  const faults: unknown[] = []
  const server = await startAdminServer({
    host: '127.0.0.1',
    port: 0,
    token: undefined,
    endpoints: new Map([
      ['/events', { methods: { GET: ({ signal }) => eventStream(liveEvents({ samples, state, listen }, signal)) } }],
    ]),
    onFault: (error) => void faults.push(error),
  })
  onTestFinished(async () => {
    samples.close()
    await server.close()
  })
  const left = () => ({ listeners, waiting: samples.waiting, timers: clock.pending, faults })
  return { clock, samples, server, left, port: server.listener.port }
}

const NOBODY = { listeners: 0, waiting: 0, timers: 1, faults: [] }

test('of listeners that leave nothing is left', async () => {
  const { port, clock, left } = await start()
  const listeners = await Promise.all(Array.from({ length: 20 }, () => listenTo(port)))
  await Promise.all(listeners.map(({ events }) => events('state', 1)))
  clock.advance(1000)
  await Promise.all(listeners.map(({ events }) => events('state', 2)))
  await expect.poll(left).toEqual({ listeners: 20, waiting: 20, timers: 1, faults: [] })
  for (const { answer } of listeners) answer.leave()

  await expect.poll(left).toEqual(NOBODY)
})

test('HEAD listens to nothing', async () => {
  const { port, left } = await start()
  const connection = await openRaw(port)
  connection.write('HEAD /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  expect(String(await connection.closed)).toContain('text/event-stream')

  expect(left()).toEqual(NOBODY)
})

test('the end of the server is the end of its listeners, those that read nothing too', async () => {
  const { port, server, left } = await start()
  const [reading, silent] = await Promise.all([listenTo(port), listenTo(port)])
  await reading.events('state', 1)
  silent.answer.pause()
  await server.close()

  expect((await reading.answer.ended).isWhole).toBe(false)
  await expect.poll(left).toEqual(NOBODY)
})

test('once there are no more samples the stream ends whole', async () => {
  const { port, samples, left } = await start()
  const { answer, events, names } = await listenTo(port)
  await events('state', 1)
  samples.close()

  expect((await answer.ended).isWhole).toBe(true)
  expect(names()).toEqual(['history', 'state'])
  await expect.poll(left).toEqual({ ...NOBODY, timers: 0 })
})

test('for one that does not read no more is made than fits on its way, and then it is sent the newest', async () => {
  let made = 0
  const heavy = { ...STATE, version: 'x'.repeat(100_000) }
  const { port, clock, left } = await start(() => {
    made += 1
    return heavy
  })
  const { answer, events, names } = await listenTo(port)
  await events('state', 1)
  answer.pause()
  /** Ticks, until so many in a row have made nothing. */
  const tick = async (count: number) => {
    for (let idle = 0, before = made; idle < count; before = made) {
      clock.advance(1000)
      await turn()
      await turn()
      idle = made === before ? idle + 1 : 0
    }
  }
  await tick(100)
  const fitted = made
  await tick(1000)
  expect(made).toBe(fitted)

  const ended = clock.now()
  answer.resume()
  const sent = () => names().filter((name) => name === 'sample').length
  await expect.poll(async () => (await events('sample', sent())).at(-1)?.atMs).toBe(ended)
  expect(sent()).toBeLessThanOrEqual(fitted + 1)
  answer.leave()
  await expect.poll(left).toEqual(NOBODY)
})

test('who has left before the first event is not waited for', async () => {
  const { samples } = await start()
  const gone = new AbortController()
  gone.abort()
  let isListening = false
  const listen = () => {
    isListening = true
    return () => {
      isListening = false
    }
  }
  const stream = liveEvents({ samples, state: () => STATE, listen }, gone.signal)
  await stream.next()
  expect(isListening).toBe(true)
  await stream.next()
  expect(await stream.next()).toEqual({ done: true, value: undefined })
  expect([isListening, samples.waiting]).toEqual([false, 0])
})

test('a stranger to the protocol that sends on is not harmed by it', async () => {
  const { port, clock, left } = await start()
  const connection = await openRaw(port)
  connection.write('GET /events HTTP/1.1\r\nHost: localhost\r\n\r\nGET /events HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await connection.until((received) => received.includes('event: state'))
  clock.advance(1000)
  await connection.until((received) => received.includes('event: sample'))
  connection.socket.end()
  await once(connection.socket, 'close')

  await expect.poll(left).toEqual(NOBODY)
})
