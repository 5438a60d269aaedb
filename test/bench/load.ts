/**
 * The load, in a process of one thread, so that a server with one worker has the rest of the machine: wrk where it is
 * installed, else autocannon, and a client of this benchmark's own for HTTP/2, which neither of them speaks.
 *
 * Whatever it is, the last line it prints is a `Seen` as JSON.
 */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findProgram } from '../support/programs.ts'
import { cpuMicroseconds } from './proc.ts'
import type { ServerProcess } from './processes.ts'

/**
 * What every request of a load is for: always the same thing, each time an object that was never asked for, or one of
 * `count` objects that are all there, by chance.
 */
export type LoadTarget =
  | { readonly kind: 'same'; readonly path: string; readonly fields?: Readonly<Record<string, string>> }
  | { readonly kind: 'distinct'; readonly length: number; readonly firstSeed: number }
  | { readonly kind: 'among'; readonly length: number; readonly count: number }

export interface LoadResult {
  /** Of the server's process tree, user and system. */
  readonly cpuMicrosecondsPerRequest: number
  readonly requestsPerSecond: number
  /** Fields included; 10^9 bytes. */
  readonly gigabytesPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** What a load's process tells; times in microseconds. */
export type Seen = Readonly<Record<'requests' | 'bytes' | 'micros' | 'p50' | 'p99' | 'errors', number>>

/** What the two loads that run in Node are told, as JSON in their first argument. */
export interface NodeLoad {
  readonly url: string
  readonly target: LoadTarget
  readonly connections: number
  readonly seconds: number
  /** The certificate to trust, PEM; the system's own where absent. */
  readonly ca?: string
}

const CONNECTIONS = 32
/** Of one answer, in seconds; and what a load may take beyond its time to come to an end. */
const [ANSWER_TIMEOUT, END_TIMEOUT] = [10, 30]
const run = promisify(execFile)
const fileOf = (name: string) => fileURLToPath(new URL(name, import.meta.url))

export const loadTool = (): 'wrk' | 'autocannon' => (findProgram('wrk') === undefined ? 'autocannon' : 'wrk')

/** @throws Error when any answer was an error, or a connection broke */
export async function putLoad(server: ServerProcess, target: LoadTarget, seconds: number): Promise<LoadResult> {
  const [program, ...args] = command(server, target, seconds)
  const before = cpuMicroseconds(server.pid)
  const { stdout } = await run(program, args, { timeout: (seconds + END_TIMEOUT) * 1000 })
  const used = cpuMicroseconds(server.pid) - before
  const seen = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Seen
  if (seen.errors > 0 || seen.requests === 0) {
    throw new Error(`${seen.errors} errors in ${seen.requests} requests:\n${stdout}`)
  }
  return {
    cpuMicrosecondsPerRequest: used / seen.requests,
    requestsPerSecond: (seen.requests / seen.micros) * 1e6,
    gigabytesPerSecond: seen.bytes / seen.micros / 1000,
    p50Ms: seen.p50 / 1000,
    p99Ms: seen.p99 / 1000,
  }
}

function command({ port, secure }: ServerProcess, target: LoadTarget, seconds: number): [string, ...string[]] {
  const url = `${secure === undefined ? 'http' : 'https'}://127.0.0.1:${port}`
  const ca = secure && { ca: secure.certFile }
  const inNode = JSON.stringify({ url, target, connections: CONNECTIONS, seconds, ...ca } satisfies NodeLoad)
  if (secure?.protocol === 'h2') return [process.execPath, fileOf('./h2-load.ts'), inNode]
  if (loadTool() === 'autocannon') return [process.execPath, fileOf('./autocannon-load.ts'), inNode]
  return ['wrk', ...wrkArguments(url, target, seconds)]
}

function wrkArguments(url: string, target: LoadTarget, seconds: number): string[] {
  const common = [
    ...['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '--timeout', `${ANSWER_TIMEOUT}s`],
    ...['-s', fileOf('./wrk.lua')],
  ]
  switch (target.kind) {
    case 'same': {
      const fields = Object.entries(target.fields ?? {}).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
      return [...common, ...fields, `${url}${target.path}`]
    }
    case 'distinct':
      return [...common, `${url}/`, '--', 'distinct', String(target.length), String(target.firstSeed)]
    case 'among':
      return [...common, `${url}/`, '--', 'among', String(target.length), String(target.count)]
    default:
      return target satisfies never
  }
}
