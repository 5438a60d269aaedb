/**
 * The program's log: one JSON record a line on standard output, or a readable form of it.
 *
 * Nothing that is logged may hold a secret: callers pass names, counts and paths, never headers or queries.
 */

import { write } from 'node:fs'
import { isatty } from 'node:tty'
import type { DestinationStream, Logger } from 'pino'
import { pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import type { Clock } from '../clock.ts'
import { LogOutput } from './log-output.ts'
import { inTurns } from './turns.ts'

export type { Logger }

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  readonly format: 'json' | 'pretty'
}

const STANDARD_OUTPUT = 1

export interface Log {
  readonly logger: Logger
  /** Writes a line of somebody's own making, one JSON object and its end, at level `info`. It may wait a moment. */
  readonly writeLine: (line: string) => void
  /** How many lines have been lost since the start, as nobody took them; of a destination of one's own none. */
  readonly lostLines: () => number
}

/**
 * The logger's `flush(done)` calls `done` when all lines have gone out, or are lost because nobody takes them.
 *
 * @param destination takes the lines; without one they go to standard output, and neither a reader that stands still
 * nor one that is gone holds up who logs
 * @param onLine told of each line of the logger before it goes out: one JSON object, whatever the format
 */
export function createLog(
  { level, format }: LogOptions,
  clock: Clock,
  destination?: DestinationStream,
  onLine?: (line: string) => void,
): Log {
  const output = destination ?? new LogOutput({ clock, write: writeStandardOutput, onLost: (lines) => onLost(lines) })
  const told = onLine && {
    streamWrite: (line: string) => {
      onLine(line)
      return line
    },
  }
  const settings = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, ...(told && { hooks: told }) }
  const formatted = format === 'pretty' ? readable(output) : output
  const logger = pino(settings, formatted)
  const onLost = (lines: number) => logger.warn({ lines }, 'log lines lost: standard output did not take them')
  return {
    logger,
    writeLine: (line) => {
      if (!logger.isLevelEnabled('info')) return
      if (formatted instanceof LogOutput) formatted.writeSoon(line)
      else formatted.write(line)
    },
    lostLines: () => (output instanceof LogOutput ? output.lost : 0),
  }
}

/** For all logs of the process. */
const writeStandardOutput = inTurns((bytes, done) => write(STANDARD_OUTPUT, bytes, done))

/** Somebody is looking: lines come out one at a time, as they are written. */
function readable(output: DestinationStream | LogOutput): DestinationStream {
  const format = prettyFactory({
    colorize: isatty(STANDARD_OUTPUT),
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  })
  return {
    write: (line) => output.write(format(line)),
    ...('flush' in output && { flush: (done: () => void) => output.flush(done) }),
  }
}
