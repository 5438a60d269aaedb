import { expect, onTestFinished, test } from 'vitest'
import type { AccessRecord } from '../../src/observe/access-record.ts'
import { CAPACITY, TopPaths } from '../../src/observe/top-paths.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { randomNumbers } from '../support/random-numbers.ts'

const RECORD: AccessRecord = {
  startedMs: 0,
  client: '127.0.0.1',
  method: 'GET',
  path: '/a.ts',
  status: 200,
  bytes: 100,
  ttfbMs: 0,
  durationMs: 3,
  end: 'whole',
  result: 'hit',
  cacheStatus: 'segment-shield; hit; ttl=60',
  route: '/**',
  origin: 'spaces',
  range: undefined,
  cmcd: undefined,
  error: undefined,
}

function start() {
  const clock = new FakeClock()
  const paths = new TopPaths(clock)
  onTestFinished(() => paths.close())
  const leave = paths.listen()
  const ask = (path: string | undefined, more: Partial<AccessRecord> = {}) => paths.record({ ...RECORD, path, ...more })
  return { clock, paths, leave, ask }
}

test('paths come with their requests, hits and bytes, the most asked for first', () => {
  const { paths, ask } = start()
  ask('/once.ts', { result: 'uri-miss' })
  ask('/thrice.ts', { result: 'uri-miss' })
  ask('/thrice.ts')
  ask('/thrice.ts', { bytes: 7 })
  ask(undefined)

  expect(paths.top()).toEqual([
    { path: '/thrice.ts', requests: 3, hits: 2, bytes: 207 },
    { path: '/once.ts', requests: 1, hits: 0, bytes: 100 },
  ])
})

test('a flood of paths that are asked for once neither outgrows its room nor drives out the frequent ones', () => {
  const { paths, ask } = start()
  const random = randomNumbers(7)
  let asked = 0
  let largest = 0
  for (let index = 0; index < 200_000; index += 1) {
    if (random() < 0.01) {
      ask('/popular.ts')
      asked += 1
    } else ask(`/${index}.ts`)
    largest = Math.max(largest, paths.size)
  }

  expect(largest).toBe(CAPACITY)
  expect(paths.top()[0]).toMatchObject({ path: '/popular.ts' })
  // It may have been driven out before it was frequent.
  expect(paths.top()[0]?.requests).toBeGreaterThan(0.95 * asked)
})

test('paths that all come as often leave room for the next one', () => {
  const { paths, ask } = start()
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < 2 * CAPACITY; index += 1) ask(`/${index}.ts`)
  }
  expect(paths.size).toBeLessThanOrEqual(CAPACITY)
})

test('long paths are kept short, and no more than their beginning', () => {
  const { paths, ask } = start()
  const beginning = `/${'é'.repeat(600)}`
  ask(`${beginning}1`)
  ask(`${beginning}2`)

  const [{ path, requests } = { path: '', requests: 0 }, ...others] = paths.top()
  expect([path.length, path.at(-1), requests, others]).toEqual([512, '…', 2, []])
})

test('twenty are shown', () => {
  const { paths, ask } = start()
  for (let index = 0; index < 100; index += 1) ask(`/${index}.ts`)
  expect(paths.top()).toHaveLength(20)
})

test('what was asked for a minute ago counts half, and is forgotten in the end', () => {
  const { clock, paths, ask } = start()
  for (let index = 0; index < 100; index += 1) ask('/old.ts', { result: index < 50 ? 'hit' : 'stale' })
  clock.advance(60_000)
  expect(paths.top()).toEqual([{ path: '/old.ts', requests: 50, hits: 25, bytes: 5000 }])

  for (let index = 0; index < 60; index += 1) ask('/new.ts')
  expect(paths.top().map(({ path }) => path)).toEqual(['/new.ts', '/old.ts'])
  clock.advance(10 * 60_000)
  expect([paths.top(), paths.size]).toEqual([[], 0])
})

test('a clock that is set back or forward breaks nothing', () => {
  const { clock, paths, ask } = start()
  ask('/a.ts')
  clock.jumpTo(clock.now() - 3_600_000)
  clock.advance(1000)
  expect(paths.top()).toMatchObject([{ requests: 1 }])

  clock.jumpTo(clock.now() + 3_600_000)
  clock.advance(1000)
  expect(paths.top()).toEqual([])
})

test('it counts for those who listen and for who comes back soon, and else has neither paths nor a timer', () => {
  const { clock, paths, leave, ask } = start()
  const leaveToo = paths.listen()
  leave()
  clock.advance(3_600_000)
  expect(paths.isCounting).toBe(true)
  leaveToo()
  ask('/a.ts')
  clock.advance(10_000)
  expect([paths.isCounting, paths.size]).toEqual([true, 1])

  const leaveAgain = paths.listen()
  expect(paths.top()).toMatchObject([{ path: '/a.ts' }])
  leaveAgain()
  for (let index = 0; index < 400; index += 1) ask('/a.ts')
  clock.advance(5 * 60_000)
  expect([paths.isCounting, paths.size, clock.pending]).toEqual([false, 0, 0])
})

test('nobody has ever listened: it does not want to be told', () => {
  const clock = new FakeClock()
  expect([new TopPaths(clock).isCounting, clock.pending]).toEqual([false, 0])
})
