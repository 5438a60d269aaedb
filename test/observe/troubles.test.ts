import { expect, test } from 'vitest'
import { createLog, type LogOptions } from '../../src/observe/log.ts'
import { Troubles } from '../../src/observe/troubles.ts'
import { FakeClock } from '../support/fake-clock.ts'

function start(options: Partial<LogOptions> = {}) {
  const clock = new FakeClock()
  const troubles = new Troubles(clock)
  const lines: string[] = []
  const { logger, writeLine } = createLog(
    { level: 'info', format: 'json', ...options },
    clock,
    { write: (line) => void lines.push(line) },
    (line) => troubles.take(line),
  )
  return { clock, troubles, lines, log: logger, writeLine }
}

test('lines from warn on are told with their level, origin and what else they say, the newest first', () => {
  const { clock, troubles, log } = start()
  const startMs = clock.now()
  log.info('nothing to see')
  log.warn({ origin: 'spaces', kind: 'timeout', unreported: 7, counts: [1, 2] }, 'fill failed')
  clock.advance(1500)
  log.error({ err: new Error('its message') }, 'a fault')
  log.fatal('the end')

  expect(troubles.newest()).toEqual([
    { atMs: startMs + 1500, level: 'fatal', message: 'the end' },
    { atMs: startMs + 1500, level: 'error', message: 'a fault', detail: 'err: its message' },
    {
      atMs: startMs,
      level: 'warn',
      message: 'fill failed',
      origin: 'spaces',
      detail: 'kind: timeout, unreported: 7, counts: [1,2]',
    },
  ])
})

test('what the log does not write is no trouble, and what it writes is written as ever', () => {
  const { troubles, lines, log, writeLine } = start({ level: 'error' })
  log.warn('below the level')
  log.error({ origin: 7 }, 'above it')
  writeLine('{"level":30,"msg":"request"}\n')

  expect(troubles.newest()).toMatchObject([{ message: 'above it' }])
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: 50, origin: 7, msg: 'above it' }])
})

test('lines for people to read are the same troubles', () => {
  const { troubles, lines, log } = start({ format: 'pretty' })
  log.warn({ origin: 'spaces' }, 'fill failed')

  expect(troubles.newest()).toMatchObject([{ level: 'warn', message: 'fill failed', origin: 'spaces' }])
  expect(lines[0]).toContain('WARN')
})

test('fifty are kept, shortened, whatever is logged', () => {
  const { troubles, log } = start()
  for (let index = 0; index < 1000; index += 1) {
    log.warn({ origin: 'o'.repeat(1000), text: 'd'.repeat(100_000) }, `${index} ${'m'.repeat(1000)}`)
  }

  const newest = troubles.newest()
  expect(newest).toHaveLength(50)
  expect(newest[0]?.message.startsWith('999 mm')).toBe(true)
  const { message = '', origin = '', detail = '' } = newest[0] ?? {}
  expect([message.length, origin.length, detail.length]).toEqual([300, 300, 300])
})

test('a line with nothing but fields, or with fields that look like ours, is told all the same', () => {
  const { troubles, log } = start()
  log.warn({ level: 'x', time: 'y', msg: { deep: true } })

  expect(troubles.newest()).toMatchObject([{ level: 'warn', message: '' }])
})
