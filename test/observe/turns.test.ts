/** Several writers at one place: a line that one has begun is ended before another begins. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { inTurns, type Write } from '../../src/observe/turns.ts'

const SRC = resolve(import.meta.dirname, '../../src')

/** A place that takes what a test lets it take. */
function place() {
  const taken: string[] = []
  const writes: { bytes: Buffer; done: Parameters<Write>[1] }[] = []
  const write = inTurns((bytes, done) => void writes.push({ bytes, done }))
  const next = () => {
    const one = writes.shift()
    if (one === undefined) throw new Error('nobody writes')
    return one
  }
  return {
    write,
    taken,
    under: () => writes.length,
    take: (count = Number.POSITIVE_INFINITY) => {
      const { bytes, done } = next()
      const part = bytes.subarray(0, count)
      taken.push(String(part))
      done(null, part.length)
    },
    refuse: (code: string) => next().done(Object.assign(new Error(code), { code }), 0),
  }
}

/** Writes until all is out, as a log does; `EAGAIN` leaves the rest for `again`. */
function writer(write: Write, text: string) {
  let rest = Buffer.from(text)
  const ends: string[] = []
  const go = () =>
    write(rest, (error, written) => {
      if (error !== null) {
        ends.push(error.code ?? '')
        return
      }
      rest = rest.subarray(written)
      if (rest.length > 0) go()
      else ends.push('all')
    })
  go()
  return { ends, again: go }
}

test('a second writer waits until the first has written', () => {
  const { write, take, taken, under } = place()
  const a = writer(write, 'a\n')
  writer(write, 'b\n')
  expect(under()).toBe(1)
  take()
  expect(a.ends).toEqual(['all'])
  take()
  expect(taken).toEqual(['a\n', 'b\n'])
})

test('who has written a part of a line goes on with it', () => {
  const { write, take, taken } = place()
  writer(write, 'aaaa\n')
  writer(write, 'b\n')
  for (const _ of [1, 2, 3]) take(2)
  take()
  expect(taken.join('')).toBe('aaaa\nb\n')
})

test('between two lines of the first the others have their turns', () => {
  const { write, take, taken } = place()
  writer(write, 'a\na\n')
  writer(write, 'b\n')
  writer(write, 'c\n')
  for (const _ of [1, 2, 3, 4]) take(2)
  expect(taken).toEqual(['a\n', 'b\n', 'c\n', 'a\n'])
})

test('a line that waits for room is not torn by those who ask meanwhile', () => {
  const { write, take, refuse, taken, under } = place()
  const a = writer(write, 'aaaa\n')
  take(2)
  refuse('EAGAIN')
  writer(write, 'b\n')
  expect(under()).toBe(0)
  a.again()
  take()
  take()
  expect(taken.join('')).toBe('aaaa\nb\n')
})

test('who has no room at all holds nobody up', () => {
  const { write, take, refuse, taken } = place()
  const a = writer(write, 'a\n')
  writer(write, 'b\n')
  refuse('EAGAIN')
  take()
  a.again()
  take()
  expect(taken).toEqual(['b\n', 'a\n'])
})

test('a writer whose line fails half way leaves its turn to the next', () => {
  const { write, take, refuse, taken } = place()
  const a = writer(write, 'aaaa\n')
  writer(write, 'b\n')
  take(2)
  refuse('EIO')
  take()
  expect(a.ends).toEqual(['EIO'])
  expect(taken).toEqual(['aa', 'b\n'])
})

test('two logs on the standard output of one process do not tear lines of a slow reader', async () => {
  const program = `
    import { systemClock } from '${SRC}/app.ts'
    import { createLog } from '${SRC}/observe/log.ts'
    const logs = [1, 2].map(() => createLog({ level: 'info', format: 'json' }, systemClock))
    const alive = setInterval(() => undefined, 1000)
    for (let round = 0; round < 400; round += 1) {
      for (const { writeLine } of logs) writeLine(JSON.stringify({ round, text: 'x'.repeat(1000) }) + '\\n')
    }
    process.stderr.write('written')
    let left = logs.length
    for (const { logger } of logs) logger.flush(() => { left -= 1; if (left === 0) clearInterval(alive) })
  `
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child.stderr, 'data')
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    text += more
  })
  expect(await once(child, 'close')).toEqual([0, null])
  const rounds = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).round)
  expect(rounds).toHaveLength(800)
})
