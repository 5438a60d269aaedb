import { expect, test } from 'vitest'
import { LogOutput, MAX_WAITING } from '../../src/observe/log-output.ts'
import { FakeClock } from '../support/fake-clock.ts'

/** An output whose every write waits until the test says how it ends. */
function scripted() {
  const clock = new FakeClock()
  const taken: string[] = []
  const lost: number[] = []
  let underWay: { bytes: Buffer; done: (error: NodeJS.ErrnoException | null, writtenBytes: number) => void } | undefined
  let writes = 0
  const output: LogOutput = new LogOutput({
    clock,
    write: (bytes, done) => {
      if (underWay !== undefined) throw new Error('two writes at once')
      writes += 1
      underWay = { bytes, done }
    },
    onLost: (lines) => {
      lost.push(lines)
      output.write(`lost ${lines}\n`)
    },
  })
  const end = (error: NodeJS.ErrnoException | null, written: number) => {
    if (underWay === undefined) throw new Error('nothing is being written')
    const { bytes, done } = underWay
    underWay = undefined
    taken.push(bytes.toString('utf8', 0, written))
    done(error, written)
  }
  return {
    clock,
    output,
    lost,
    text: () => taken.join(''),
    isWriting: () => underWay !== undefined,
    writes: () => writes,
    take: (bytes = underWay?.bytes.length ?? 0) => end(null, bytes),
    refuse: (code: string) => end(Object.assign(new Error(code), { code }), 0),
  }
}

test('lines that come while one is being written go out together after it, in their order', () => {
  const { output, text, take, writes, isWriting } = scripted()
  for (const line of ['one\n', 'two\n', 'thrée\n']) output.write(line)
  take()
  expect(text()).toBe('one\n')
  take()
  expect(text()).toBe('one\ntwo\nthrée\n')
  expect(writes()).toBe(2)
  expect(isWriting()).toBe(false)
  expect(output.waiting).toBe(0)
})

test('what a write left over is written next, also from within a character', () => {
  const { output, text, take, isWriting } = scripted()
  output.write('abcdef\n')
  take(2)
  take(3)
  take(2)
  expect(text()).toBe('abcdef\n')
  expect(isWriting()).toBe(false)
})

test('a reader that stands still costs no more than its bound, and is told how many lines it has missed', () => {
  const { output, text, take, refuse, lost, clock } = scripted()
  const line = `${'x'.repeat(1023)}\n`
  const count = 10_000
  output.write(line)
  refuse('EAGAIN')
  for (let nth = 1; nth < count; nth += 1) {
    output.write(line)
    expect(output.waiting).toBeLessThanOrEqual(MAX_WAITING)
  }
  clock.advance(1000)
  take()
  take()
  const kept = MAX_WAITING / line.length
  expect(lost).toEqual([count - kept])
  expect(output.waiting).toBe(0)
  expect(text()).toBe(`${line.repeat(kept)}lost ${count - kept}\n`)
})

test('while there is no room it tries again after a pause that grows, and not in between', () => {
  const { output, refuse, take, writes, isWriting, clock, text } = scripted()
  output.write('one\n')
  for (const pauseMs of [5, 10, 20, 40, 80, 160, 320, 640, 640, 640]) {
    refuse('EAGAIN')
    output.write('more\n')
    clock.advance(pauseMs - 1)
    expect(isWriting()).toBe(false)
    clock.advance(1)
    expect(isWriting()).toBe(true)
  }
  expect(writes()).toBe(11)
  take(2)
  refuse('EAGAIN')
  clock.advance(5)
  take()
  take()
  expect(text()).toBe(`one\n${'more\n'.repeat(10)}`)
})

test.each(['EPIPE', 'ENOSPC', 'EIO'])(
  'after %s nothing waits, nothing is tried by itself, and the next line is tried',
  (code) => {
    const { output, text, take, refuse, lost, writes, clock, isWriting } = scripted()
    output.write('one\n')
    output.write('two\n')
    output.write('three\n')
    refuse(code)
    expect(output.waiting).toBe(0)
    clock.advance(60_000)
    expect(writes()).toBe(1)
    output.write('four\n')
    take()
    expect(lost).toEqual([3])
    take()
    expect(text()).toBe('four\nlost 3\n')
    expect(isWriting()).toBe(false)
  },
)

test('ten thousand lines for a reader that is gone leave nothing behind', () => {
  const { output, refuse, clock } = scripted()
  for (let nth = 0; nth < 10_000; nth += 1) {
    output.write('a record\n')
    refuse('EPIPE')
    expect(output.waiting).toBe(0)
  }
  expect(clock.pending).toBe(0)
})

test('a line that was cut off is ended before the next one begins', () => {
  const { output, text, take, refuse, lost } = scripted()
  output.write('{"a":1}\n')
  take(4)
  refuse('ENOSPC')
  output.write('{"b":2}\n')
  refuse('ENOSPC')
  output.write('{"c":3}\n')
  take()
  take()
  expect(text()).toBe('{"a"\n{"c":3}\nlost 2\n')
  expect(lost).toEqual([2])
})

test.each([
  ['written', (it: ReturnType<typeof scripted>) => it.take()],
  ['lost', (it: ReturnType<typeof scripted>) => it.refuse('EPIPE')],
])('flush waits until all is %s', (_, end) => {
  const it = scripted()
  const done: string[] = []
  it.output.flush(() => done.push('nothing to wait for'))
  expect(done).toHaveLength(1)
  it.output.write('one\n')
  it.output.flush(() => done.push('one'))
  it.refuse('EAGAIN')
  expect(done).toHaveLength(1)
  it.clock.advance(5)
  end(it)
  expect(done).toEqual(['nothing to wait for', 'one'])
})

test('lines that have a moment go out together, fifty milliseconds after the first of them', () => {
  const { output, text, take, clock, writes, isWriting } = scripted()
  output.writeSoon('one\n')
  clock.advance(49)
  output.writeSoon('two\n')
  expect(isWriting()).toBe(false)
  clock.advance(1)
  take()
  expect([text(), writes()]).toEqual(['one\ntwo\n', 1])
})

test('what comes while they are being written gathers anew', () => {
  const { output, text, take, clock, isWriting } = scripted()
  output.writeSoon('one\n')
  clock.advance(50)
  output.writeSoon('two\n')
  take()
  expect(isWriting()).toBe(false)
  clock.advance(50)
  take()
  expect(text()).toBe('one\ntwo\n')
})

test('a line that has no moment takes those along that came before it, in their order', () => {
  const { output, text, take, isWriting, clock } = scripted()
  output.writeSoon('one\n')
  output.write('two\n')
  output.writeSoon('three\n')
  output.write('four\n')
  take()
  take()
  expect(text()).toBe('one\ntwo\nthree\nfour\n')
  clock.advance(1000)
  expect(isWriting()).toBe(false)
})

test('many of them do not wait for the time to pass', () => {
  const { output, take, isWriting } = scripted()
  const line = `${'x'.repeat(1023)}\n`
  for (let nth = 0; nth < 255; nth += 1) output.writeSoon(line)
  expect(isWriting()).toBe(false)
  output.writeSoon(line)
  expect(isWriting()).toBe(true)
  for (let nth = 0; nth < 256; nth += 1) output.writeSoon(line)
  take()
  expect(isWriting()).toBe(true)
  take()
  expect(output.waiting).toBe(0)
})

test('flushing waits for no moment to pass, also for lines behind a write under way', () => {
  const { output, text, take } = scripted()
  const flushed: string[] = []
  output.writeSoon('one\n')
  output.flush(() => flushed.push(text()))
  output.writeSoon('two\n')
  take()
  expect(flushed).toEqual([])
  take()
  expect(flushed).toEqual(['one\ntwo\n'])
})

test('lines that have a moment wait with the others while there is no room, and are lost with them', () => {
  const { output, text, take, refuse, lost, clock } = scripted()
  output.writeSoon('one\n')
  clock.advance(50)
  refuse('EAGAIN')
  output.writeSoon('two\n')
  clock.advance(1000)
  take()
  clock.advance(50)
  refuse('EPIPE')
  output.writeSoon('three\n')
  clock.advance(50)
  take()
  take()
  expect([text(), lost]).toEqual(['one\nthree\nlost 1\n', [1]])
})
