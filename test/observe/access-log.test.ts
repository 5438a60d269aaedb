import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createAccessLog } from '../../src/observe/access-log.ts'
import type { AccessRecord } from '../../src/observe/access-record.ts'

const NOON = Date.UTC(2026, 0, 1, 12)

const RECORD: AccessRecord = {
  startedMs: NOON,
  client: '127.0.0.1',
  method: 'GET',
  path: '/vod/a.ts',
  status: 206,
  bytes: 100,
  ttfbMs: 1,
  durationMs: 3,
  end: 'whole',
  result: 'hit',
  cacheStatus: 'segment-shield; hit; ttl=60',
  route: '/vod/**',
  origin: 'spaces',
  range: 'bytes=0-99',
  cmcd: { br: 3200, sid: 'a"b' },
  error: undefined,
}

function linesOf(...records: readonly Partial<AccessRecord>[]): string[] {
  const lines: string[] = []
  const accessLog = createAccessLog((line) => lines.push(line))
  for (const record of records) accessLog({ ...RECORD, ...record })
  return lines
}

const parsed = (line = ''): unknown => JSON.parse(line)

test('a line holds what an operator asks for, under the names that all lines have', () => {
  const [line] = linesOf({})
  expect(parsed(line)).toEqual({
    level: 30,
    time: '2026-01-01T12:00:00.003Z',
    client: '127.0.0.1',
    method: 'GET',
    path: '/vod/a.ts',
    status: 206,
    bytes: 100,
    ttfbMs: 1,
    durationMs: 3,
    end: 'whole',
    cacheStatus: 'segment-shield; hit; ttl=60',
    route: '/vod/**',
    origin: 'spaces',
    range: 'bytes=0-99',
    cmcd: { br: 3200, sid: 'a"b' },
    msg: 'request',
  })
})

test('what is not known is left out', () => {
  const nothing = undefined
  const [line] = linesOf({
    ...{ client: nothing, method: nothing, path: nothing, ttfbMs: nothing, cacheStatus: nothing },
    ...{ route: nothing, origin: nothing, range: nothing, cmcd: nothing },
    error: new Error('the origin broke off'),
  })
  expect(parsed(line)).toEqual({
    level: 30,
    time: '2026-01-01T12:00:00.003Z',
    status: 206,
    bytes: 100,
    durationMs: 3,
    end: 'whole',
    error: 'the origin broke off',
    msg: 'request',
  })
})

test('each record has its own time, to the millisecond', () => {
  const times = [0, 7, 42, 999, 1000, 60_001].map((durationMs) => ({ durationMs }))
  const lines = linesOf(...times)
  expect(lines.map((line) => (parsed(line) as { time: string }).time)).toEqual(
    times.map(({ durationMs }) => new Date(NOON + durationMs).toISOString()),
  )
})

test('whatever was sent, a line is one line and says just that', () => {
  const text = fc.string({ unit: 'binary' })
  const sent = fc.record({ client: text, method: text, path: text, cacheStatus: text, route: text, origin: text })
  fc.assert(
    fc.property(sent, text, (texts, message) => {
      const [line = ''] = linesOf({ ...texts, error: new Error(message) })
      expect(line.indexOf('\n')).toBe(line.length - 1)
      expect(parsed(line)).toMatchObject({ ...texts, error: message, msg: 'request' })
    }),
  )
})

test('of ordinary records a share is written, and each of them says for how many it stands', () => {
  const lines: string[] = []
  let next = 0
  const sampling = { share: 0.25, random: () => (next++ % 100) / 100 }
  const accessLog = createAccessLog((line) => lines.push(line), sampling)
  for (let count = 0; count < 1000; count += 1) accessLog(RECORD)

  expect(lines).toHaveLength(250)
  expect(parsed(lines[0])).toMatchObject({ sample: 0.25, msg: 'request' })
})

test.each<[string, Partial<AccessRecord>]>([
  ['a status of the server’s failure', { status: 502 }],
  ['an answer that was cut off', { end: 'cut' }],
  ['an error', { error: new Error('broken') }],
  ['a slow beginning', { ttfbMs: 1000 }],
  ['a client that left after a long wait', { ttfbMs: undefined, durationMs: 1000, end: 'left', status: 499 }],
])('%s is written whatever the share, and stands for itself alone', (_, record) => {
  const lines: string[] = []
  createAccessLog((line) => lines.push(line), { share: 0.001, random: () => 0.999 })({ ...RECORD, ...record })

  expect(lines).toHaveLength(1)
  expect(parsed(lines[0])).not.toHaveProperty('sample')
})

test.each<[string, Partial<AccessRecord>]>([
  ['what is not there', { status: 404 }],
  ['a client that left', { end: 'left' }],
  ['a long answer that began soon', { durationMs: 600_000 }],
])('%s is as ordinary as any', (_, record) => {
  const lines: string[] = []
  createAccessLog((line) => lines.push(line), { share: 0.001, random: () => 0.999 })({ ...RECORD, ...record })

  expect(lines).toEqual([])
})
