/**
 * LogOutput: the log's lines on their way out, to a reader that may be slow, stand still, or be gone.
 *
 * | state       | what it does                                                                          |
 * |-------------|---------------------------------------------------------------------------------------|
 * | `idle`      | nothing waits                                                                         |
 * | `gathering` | lines that have a moment wait for others to go out with                               |
 * | `writing`   | one write is under way, further lines wait for it and go out together in the next one |
 * | `pausing`   | there is no room where it writes: it tries again after a pause                        |
 *
 * `idle → writing → idle`, `idle → gathering → writing → gathering`, `writing ⇄ pausing`.
 *
 * Invariant: `write()` neither blocks nor throws, and no more than `MAX_WAITING` wait, counted in bytes once they are
 * being written and in characters before: nearly all are ASCII, and to look at each costs as much as to write it.
 * Lines that find no room are lost, as are those whose write fails, whatever the reason; the next line is tried again,
 * since a reader may come back and a full disk be emptied. How many lines were lost is told once something can be
 * written again.
 */

import type { Clock, Timer } from '../clock.ts'

export interface LogOutputOptions {
  /** Writes these bytes or the first of them, and says how many; called again only after it has said so. */
  readonly write: (bytes: Buffer, done: (error: NodeJS.ErrnoException | null, writtenBytes: number) => void) => void
  readonly clock: Clock
  /** Lines can be written again after this many were lost. */
  readonly onLost: (lines: number) => void
}

/** Some thousand access records: a reader that stands still for a moment costs none. */
export const MAX_WAITING = 1024 * 1024
/** Doubled from the first to the second while nothing can be written. */
const [MIN_PAUSE_MS, MAX_PAUSE_MS] = [5, 640]
/** A write costs as much as putting some ten lines together, so lines that come in crowds wait for each other. */
const GATHER_MS = 50
/** As many characters do not wait. */
const GATHERED = 256 * 1024
const NOTHING = Buffer.alloc(0)
const NEWLINE = 10

export class LogOutput {
  readonly #options: LogOutputOptions
  #state: 'idle' | 'gathering' | 'writing' | 'pausing' = 'idle'
  #lines: string[] = []
  #linesLength = 0
  /** What is being written, without what has been. */
  #rest: Buffer = NOTHING
  /** One of the lines is not to wait for others. */
  #isUrgent = false
  #gatherTimer: Timer | undefined
  #lost = 0
  /** Those that have been told included. */
  #everLost = 0
  #pauseMs = MIN_PAUSE_MS
  /** The last byte that went out was not the end of a line. */
  #isWithinLine = false
  #flushed: (() => void)[] = []

  constructor(options: LogOutputOptions) {
    this.#options = options
  }

  get waiting(): number {
    return this.#rest.length + this.#linesLength
  }

  /** How many lines were lost since the start. */
  get lost(): number {
    return this.#everLost
  }

  /** @param line one or more of them, with their ends */
  write(line: string): void {
    if (!this.#add(line)) return
    this.#isUrgent = true
    if (this.#state === 'idle' || this.#state === 'gathering') this.#writeNext()
  }

  /**
   * The same for a line that has a moment: it goes out within 50 ms, and with the next one that has not.
   * Lines keep their order, whichever way they came.
   */
  writeSoon(line: string): void {
    if (!this.#add(line)) return
    if (this.#state === 'idle') this.#gather()
    else if (this.#state === 'gathering' && this.#linesLength >= GATHERED) this.#writeNext()
  }

  /** Calls `done` as soon as nothing waits any more, because it has been written or is lost. */
  flush(done: () => void): void {
    if (this.#state === 'idle') {
      done()
      return
    }
    this.#flushed.push(done)
    if (this.#state === 'gathering') this.#writeNext()
  }

  /** False for lines that found no room. */
  #add(line: string): boolean {
    if (this.waiting + line.length > MAX_WAITING) {
      this.#lose(linesIn(line))
      return false
    }
    this.#lines.push(line)
    this.#linesLength += line.length
    return true
  }

  #haveAMoment(): boolean {
    return !this.#isUrgent && this.#flushed.length === 0 && this.#linesLength < GATHERED
  }

  #gather(): void {
    this.#state = 'gathering'
    if (this.#gatherTimer === undefined) this.#gatherTimer = this.#options.clock.after(GATHER_MS, this.#onGathered)
    else this.#gatherTimer.refresh()
  }

  readonly #onGathered = (): void => {
    if (this.#state === 'gathering') this.#writeNext()
  }

  #writeNext(): void {
    if (this.#rest.length === 0) this.#rest = this.#takeLines()
    if (this.#rest.length === 0) {
      this.#rest = NOTHING
      this.#becomeIdle()
      return
    }
    this.#state = 'writing'
    this.#options.write(this.#rest, this.#onWritten)
  }

  readonly #onWritten = (error: NodeJS.ErrnoException | null, writtenBytes: number): void => {
    if (error === null) this.#wrote(writtenBytes)
    else if (error.code === 'EAGAIN') this.#pause()
    else this.#loseAll()
  }

  #wrote(bytes: number): void {
    if (bytes > 0) this.#isWithinLine = this.#rest[bytes - 1] !== NEWLINE
    this.#rest = this.#rest.subarray(bytes)
    this.#pauseMs = MIN_PAUSE_MS
    if (this.#lost > 0 && this.#rest.length === 0) {
      const lines = this.#lost
      this.#lost = 0
      this.#options.onLost(lines)
    }
    if (this.#rest.length === 0 && this.#lines.length > 0 && this.#haveAMoment()) this.#gather()
    else this.#writeNext()
  }

  #pause(): void {
    this.#state = 'pausing'
    this.#options.clock.after(this.#pauseMs, () => this.#writeNext())
    this.#pauseMs = Math.min(this.#pauseMs * 2, MAX_PAUSE_MS)
  }

  #loseAll(): void {
    // A line of which only the end is missing is not lost, nor is the end that was put behind a line cut off earlier.
    const rest = this.#isWithinLine && this.#rest[0] === NEWLINE ? this.#rest.subarray(1) : this.#rest
    this.#lose(linesIn(rest.toString('latin1')) + linesIn(this.#takeLines().toString('latin1')))
    this.#rest = NOTHING
    this.#becomeIdle()
  }

  #lose(lines: number): void {
    this.#lost += lines
    this.#everLost += lines
  }

  #becomeIdle(): void {
    this.#state = 'idle'
    const flushed = this.#flushed
    this.#flushed = []
    for (const done of flushed) done()
  }

  #takeLines(): Buffer {
    if (this.#lines.length === 0) return NOTHING
    // The rest of a line that was cut off is lost: the next one must not continue it.
    const text = this.#isWithinLine ? ['\n', ...this.#lines] : this.#lines
    this.#lines = []
    this.#linesLength = 0
    this.#isUrgent = false
    return Buffer.from(text.join(''))
  }
}

function linesIn(text: string): number {
  return text.split('\n').length - 1
}
