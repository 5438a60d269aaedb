/** The cases as they are written, and the runner: held against an origin with no cache in front of it at all. */
import { expect, onTestFinished, test } from 'vitest'
import { FakeClock } from '../support/fake-clock.ts'
import { type Case, FRESH, notReused, reused } from './case.ts'
import { allCases } from './cases/all.ts'
import { startOrigin } from './origin.ts'
import { runCase, type Target } from './runner.ts'
import { cacheStatusParameters } from './structured.ts'

/** The client talks to the origin itself. */
async function startNoCache(): Promise<Target> {
  const origin = await startOrigin()
  onTestFinished(() => origin.close())
  const clock = new FakeClock()
  return {
    port: origin.port,
    origin,
    routePath: () => '/r0',
    now: () => clock.now(),
    advance: async (seconds) => clock.advance(seconds * 1000),
    settle: async () => undefined,
    hasFakeClock: true,
  }
}

const facts = { kind: 'required', section: 'RFC 9111 §4', what: 'as it is' } as const

test('there are at least 200 cases, each with an id of its own that can stand in a path', () => {
  expect(allCases.length).toBeGreaterThanOrEqual(200)
  const ids = allCases.map(({ id }) => id)
  expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([])
  expect(ids.filter((id) => !/^[a-z0-9][a-z0-9.-]*$/.test(id) || id === 'probe')).toEqual([])
})

test('each case names the section of an RFC, and says what it says', () => {
  const sections = /^RFC (9110|9111|9112|5861|8246|8297|9211|9213|9651) §[\d.]+$/
  expect(allCases.filter(({ section }) => !sections.test(section)).map(({ id }) => id)).toEqual([])
  expect(allCases.filter(({ what }) => what === '').map(({ id }) => id)).toEqual([])
})

test('each case expects something, of its last request at the latest', () => {
  const idle = allCases.filter(({ requests }) => Object.keys(requests.at(-1)?.expect ?? {}).length === 0)
  expect(idle.map(({ id }) => id)).toEqual([])
})

test('without a cache nothing is reused, and what must not be reused is not', async () => {
  const target = await startNoCache()
  const answer = { fields: FRESH }
  expect(await runCase(notReused({ ...facts, id: 'anew', answer }), target)).toMatchObject({ verdict: 'passed' })
  const { verdict, faults } = await runCase(reused({ ...facts, id: 'again', answer }), target)
  expect(verdict).toBe('failed')
  expect(faults.join('\n')).toContain('the origin was asked 1 times, not 0')
  expect(faults.join('\n')).toContain('the body is "answer 1 to again", not answer 0 to again')
})

test('a case about an answer out of the store is moot where nothing is stored', async () => {
  const target = await startNoCache()
  const aged = allCases.find(({ id }) => id === 'age-counted')
  expect(aged && (await runCase(aged, target))).toMatchObject({ verdict: 'moot' })
})

/** What an origin does right by itself: a cache in front of it can only spoil it. */
const RIGHT_BY_ITSELF =
  /^(status-\d|no-heuristic-|target-|key-|number-stale-|vary-on-|cc-no-store|interim-(early|unknown|several))/

test('an origin without a cache has everything right that is only spoiled on the way', {
  timeout: 60_000,
}, async () => {
  const target = await startNoCache()
  const cases = allCases.filter(({ id, kind }) => kind === 'required' && RIGHT_BY_ITSELF.test(id))
  expect(cases.length).toBeGreaterThan(100)
  const wrong: Case[] = []
  for (const it of cases) if ((await runCase(it, target)).verdict !== 'passed') wrong.push(it)
  expect(wrong.map(({ id }) => id)).toEqual([])
})

test.each([
  ['a; hit', { hit: true }],
  ['"a cache"; hit; ttl=-5', { hit: true, ttl: -5 }],
  ['a; fwd=stale, b ; x', undefined],
  [
    'up; hit, a; fwd=uri-miss; fwd-status=200; stored; detail="x, \\"y\\""',
    { fwd: 'uri-miss', 'fwd-status': 200, stored: true, detail: 'x, \\"y\\"' },
  ],
  ['a; stored=?0', { stored: false }],
  ['a; hit,', undefined],
  ['a; ttl=1.5', undefined],
  ['a; Hit', undefined],
  ['', undefined],
])('Cache-Status is read strictly: %s', (value, expected) => {
  const parameters = cacheStatusParameters(value)
  expect(parameters && Object.fromEntries(parameters)).toEqual(expected)
})
