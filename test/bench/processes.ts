/** The processes a benchmark measures: started, asked, their CPU read, and ended by the one who started them. */

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OriginCounts } from './paced-origin.ts'
import type { RefusalCounts, Refusals } from './refusing-origin.ts'

export interface ServerProcess {
  readonly port: number
  readonly pid: number
  /** What it has printed so far. */
  output(): string
  close(): Promise<void>
}

export interface PacedOrigin extends ServerProcess {
  counts(): Promise<OriginCounts>
}

export async function startPacedOrigin(): Promise<PacedOrigin> {
  return countedOrigin(fork(new URL('./paced-origin.ts', import.meta.url)))
}

export interface RefusingOrigin extends ServerProcess {
  counts(): Promise<RefusalCounts>
}

export async function startRefusingOrigin(behaviour: Refusals): Promise<RefusingOrigin> {
  return countedOrigin(fork(new URL('./refusing-origin.ts', import.meta.url), [JSON.stringify(behaviour)]))
}

async function countedOrigin<Counts>(child: ChildProcess): Promise<ServerProcess & { counts(): Promise<Counts> }> {
  return {
    ...(await forked(child)),
    counts: async () => {
      child.send('counts')
      const [counts] = await once(child, 'message')
      return counts as Counts
    },
  }
}

export async function startBareServer(length: number): Promise<ServerProcess> {
  return forked(fork(new URL('./bare-server.ts', import.meta.url), [String(length)]))
}

/**
 * The shield as an operator starts it: the program, and a file. `memory`, `access` and the options of the `origin` and
 * the listener beside those that say where they are, as in the file's format.
 */
export async function startShield(
  originPort: number,
  options: {
    memory: string
    access: boolean
    origin?: Readonly<Record<string, unknown>>
    listen?: Readonly<Record<string, unknown>>
  },
): Promise<ServerProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'segment-shield-bench-'))
  const file = join(folder, 'bench.yaml')
  const config = {
    listen: [{ address: '127.0.0.1:0', ...options.listen }],
    cache: { memory: options.memory },
    log: { level: 'info', access: options.access, format: 'json' },
    origins: {
      bench: {
        type: 's3',
        endpoint: `http://127.0.0.1:${originPort}`,
        region: 'us-east-1',
        bucket: 'bench',
        forcePathStyle: true,
        credentials: { accessKeyId: 'bench', secretAccessKey: 'bench-secret' },
        ...options.origin,
      },
    },
    routes: [{ match: '/**', origin: 'bench' }],
  }
  writeFileSync(file, JSON.stringify(config))
  const child = spawn(process.execPath, ['src/cli.ts', 'serve', file], { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  const listening = Promise.withResolvers<number>()
  const onText = (text: string) => {
    if (printed.length < 1_000_000) printed += text
    const port = /"port":(\d+)/.exec(printed)?.[1]
    if (port !== undefined) listening.resolve(Number(port))
  }
  child.stdout.setEncoding('utf8').on('data', onText)
  child.stderr.setEncoding('utf8').on('data', onText)
  child.once('exit', () => listening.reject(new Error(`the shield ended:\n${printed}`)))
  const port = await listening.promise
  return {
    port,
    pid: child.pid ?? 0,
    output: () => printed,
    close: async () => {
      await endProcess(child)
      rmSync(folder, { recursive: true })
    },
  }
}

async function forked(child: ChildProcess): Promise<ServerProcess> {
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { port, pid: child.pid ?? 0, output: () => '', close: () => endProcess(child) }
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

/** CPU time a process and its children have used, user and system, in microseconds (proc(5): clock ticks of 10 ms). */
export function cpuMicroseconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const own = (Number(fields[11]) + Number(fields[12])) * 10_000
  return childrenOf(pid).reduce((total, child) => total + cpuMicroseconds(child), own)
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

/** Resident memory in bytes. */
export function residentBytes(pid: number): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kilobytes) * 1024
}
