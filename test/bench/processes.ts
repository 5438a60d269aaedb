/** The processes a benchmark measures: started, asked, their CPU read, and ended by the one who started them. */

import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OriginCounts } from './paced-origin.ts'
import { freePort, isListening } from './ports.ts'
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

/** What the floor writes: one answer to whatever it is asked. */
export type BareAnswer =
  | { readonly status: 200; readonly length: number }
  | { readonly status: 206; readonly length: number; readonly start: number; readonly end: number }
  | { readonly status: 304 }

export async function startBareServer(answer: BareAnswer): Promise<ServerProcess> {
  return forked(fork(new URL('./bare-server.ts', import.meta.url), [JSON.stringify(answer)]))
}

/** The AWS SDK's client and a pipe: what stands in front of a bucket where nothing does. */
export async function startSdkPipe(originPort: number): Promise<ServerProcess> {
  return forked(fork(new URL('./sdk-pipe.ts', import.meta.url), [String(originPort)]))
}

export interface ShieldOptions {
  readonly memory: string
  /** One access record a request. */
  readonly access: boolean
  /** `discarded` goes to /dev/null, as a process of this kind is measured. @default 'kept' */
  readonly output?: 'kept' | 'discarded'
  /** Of the origin beside those that say where it is, as in the configuration file. */
  readonly origin?: Readonly<Record<string, unknown>>
  /** Of Node. */
  readonly nodeArguments?: readonly string[]
}

/** The shield as an operator starts it: the program, and a file. */
export async function startShield(originPort: number, options: ShieldOptions): Promise<ServerProcess> {
  const { output = 'kept', nodeArguments = [] } = options
  const folder = mkdtempSync(join(tmpdir(), 'segment-shield-bench-'))
  const file = join(folder, 'bench.yaml')
  const port = output === 'kept' ? 0 : await freePort()
  writeFileSync(file, JSON.stringify(configOf(port, originPort, options)))
  const child = spawn(process.execPath, [...nodeArguments, 'src/cli.ts', 'serve', file], {
    stdio: ['ignore', output === 'kept' ? 'pipe' : 'ignore', 'pipe'],
  })
  let printed = ''
  const listening = Promise.withResolvers<number>()
  const onText = (text: string) => {
    if (printed.length < 1_000_000) printed += text
    const found = /"port":(\d+)/.exec(printed)?.[1]
    if (found !== undefined) listening.resolve(Number(found))
  }
  child.stdout?.setEncoding('utf8').on('data', onText)
  child.stderr?.setEncoding('utf8').on('data', onText)
  child.once('exit', () => listening.reject(new Error(`the shield ended:\n${printed}`)))
  while (port !== 0 && child.exitCode === null && !(await isListening(port)));
  if (port !== 0 && child.exitCode === null) listening.resolve(port)
  return {
    port: await listening.promise,
    pid: child.pid ?? 0,
    output: () => printed,
    close: async () => {
      await endProcess(child)
      rmSync(folder, { recursive: true })
    },
  }
}

function configOf(port: number, originPort: number, { memory, access, origin }: ShieldOptions) {
  return {
    listen: [{ address: `127.0.0.1:${port}` }],
    cache: { memory },
    log: { level: 'info', access, format: 'json' },
    origins: {
      bench: {
        type: 's3',
        endpoint: `http://127.0.0.1:${originPort}`,
        region: 'us-east-1',
        bucket: 'bench',
        forcePathStyle: true,
        credentials: { accessKeyId: 'bench', secretAccessKey: 'bench-secret' },
        ...origin,
      },
    },
    routes: [{ match: '/**', origin: 'bench' }],
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

/**
 * CPU time that a process, its children and those of them that have ended have used, user and system, in microseconds
 * (proc(5): clock ticks of 10 ms).
 */
export function cpuMicroseconds(pid: number): number {
  return sumOver(pid, (each) => {
    const fields = readFileSync(`/proc/${each}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return fields.slice(11, 15).reduce((total, ticks) => total + Number(ticks) * 10_000, 0)
  })
}

/** Resident memory of a process and its children in bytes; what they share is counted for each. */
export function residentBytes(pid: number): number {
  return sumOver(pid, (each) => {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1] ?? '0'
    return Number(kilobytes) * 1024
  })
}

function sumOver(pid: number, measure: (pid: number) => number): number {
  return childrenOf(pid).reduce((total, child) => total + sumOver(child, measure), measure(pid))
}

/** Of any of its threads. */
function childrenOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`)
  const lists = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'))
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number))
}
