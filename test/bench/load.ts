/** wrk as the load: one thread, so that a server with one worker has the rest of the machine. */

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findProgram } from '../support/programs.ts'
import { cpuMicroseconds, type ServerProcess } from './processes.ts'

/** What every request of a load is for: always the same thing, or each time an object that was never asked for. */
export type LoadTarget =
  | { readonly kind: 'same'; readonly path: string; readonly fields?: Readonly<Record<string, string>> }
  | { readonly kind: 'distinct'; readonly length: number; readonly firstSeed: number }

export interface LoadResult {
  /** Of the server's process tree, user and system. */
  readonly cpuMicrosecondsPerRequest: number
  readonly requestsPerSecond: number
  /** Fields included; 10^9 bytes. */
  readonly gigabytesPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const CONNECTIONS = 32
const SCRIPT = fileURLToPath(new URL('./wrk.lua', import.meta.url))
const run = promisify(execFile)

export const hasWrk = (): boolean => findProgram('wrk') !== undefined

/** @throws Error when any answer was an error, or a connection broke */
export async function putLoad(server: ServerProcess, target: LoadTarget, seconds: number): Promise<LoadResult> {
  const before = cpuMicroseconds(server.pid)
  const { stdout } = await run('wrk', wrkArguments(server.port, target, seconds))
  const used = cpuMicroseconds(server.pid) - before
  const seen = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Readonly<
    Record<'requests' | 'bytes' | 'micros' | 'p50' | 'p99' | 'errors', number>
  >
  if (seen.errors > 0 || seen.requests === 0) throw new Error(`wrk saw errors:\n${stdout}`)
  return {
    cpuMicrosecondsPerRequest: used / seen.requests,
    requestsPerSecond: (seen.requests / seen.micros) * 1e6,
    gigabytesPerSecond: seen.bytes / seen.micros / 1000,
    p50Ms: seen.p50 / 1000,
    p99Ms: seen.p99 / 1000,
  }
}

function wrkArguments(port: number, target: LoadTarget, seconds: number): string[] {
  const common = ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', SCRIPT]
  switch (target.kind) {
    case 'same': {
      const fields = Object.entries(target.fields ?? {}).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
      return [...common, ...fields, `http://127.0.0.1:${port}${target.path}`]
    }
    case 'distinct':
      return [...common, `http://127.0.0.1:${port}/`, '--', String(target.length), String(target.firstSeed)]
    default:
      return target satisfies never
  }
}
