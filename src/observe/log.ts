/**
 * The program's log: one JSON record a line on standard output, or a readable form of it.
 *
 * Nothing that is logged may hold a secret: callers pass names, counts and paths, never headers or queries.
 */

import { isatty } from 'node:tty'
import type { DestinationStream, Logger } from 'pino'
import { pino } from 'pino'
import pretty from 'pino-pretty'

export type { Logger }

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  readonly format: 'json' | 'pretty'
}

const STANDARD_OUTPUT = 1

/** @param destination takes the JSON lines; without one they go to standard output */
export function createLog({ level, format }: LogOptions, destination?: DestinationStream): Logger {
  const settings = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  return pino(settings, destination ?? (format === 'pretty' ? prettyOutput() : pino.destination(STANDARD_OUTPUT)))
}

function prettyOutput(): DestinationStream {
  return pretty({
    destination: STANDARD_OUTPUT,
    sync: true,
    colorize: isatty(STANDARD_OUTPUT),
    translateTime: 'SYS:HH:MM:ss.l',
    singleLine: true,
  })
}
