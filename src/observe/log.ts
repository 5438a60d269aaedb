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

export type { Logger }

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  readonly format: 'json' | 'pretty'
}

const STANDARD_OUTPUT = 1

/**
 * Its `flush(done)` calls `done` when all lines have gone out, or are lost because nobody takes them.
 *
 * @param destination takes the lines; without one they go to standard output, and neither a reader that stands still
 * nor one that is gone holds up who logs
 */
export function createLog({ level, format }: LogOptions, clock: Clock, destination?: DestinationStream): Logger {
  const output = destination ?? new LogOutput({ clock, write: writeStandardOutput, onLost: (lines) => onLost(lines) })
  const settings = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  const log = pino(settings, format === 'pretty' ? readable(output) : output)
  const onLost = (lines: number) => log.warn({ lines }, 'log lines lost: standard output did not take them')
  return log
}

const writeStandardOutput: ConstructorParameters<typeof LogOutput>[0]['write'] = (bytes, done) => {
  write(STANDARD_OUTPUT, bytes, done)
}

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
