/**
 * The processes a benchmark is made of: started, asked, and ended by the one who started them.
 *
 * However the benchmark ends, none of them and none of their folders is left.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Certificate } from './certificate.ts'
import type { OriginCounts } from './paced-origin.ts'
import type { RefusalCounts, Refusals } from './refusing-origin.ts'

export interface ServerProcess {
  readonly port: number
  readonly pid: number
  /** Absent: it speaks HTTP/1.1 without TLS. */
  readonly secure?: Secure
  /** What it has printed so far. */
  output(): string
  close(): Promise<void>
}

export interface Secure {
  readonly protocol: 'http/1.1' | 'h2'
  /** What clients have to trust, PEM. */
  readonly certFile: string
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

/** What the floor is started with, as JSON. */
export interface BareOptions {
  readonly answer: BareAnswer
  readonly tls?: Certificate & Pick<Secure, 'protocol'>
}

export async function startBareServer(options: BareOptions): Promise<ServerProcess> {
  const server = await forked(fork(new URL('./bare-server.ts', import.meta.url), [JSON.stringify(options)]))
  return { ...server, ...(options.tls && { secure: options.tls }) }
}

/** The AWS SDK's client and a pipe: what stands in front of a bucket where nothing does. */
export async function startSdkPipe(originPort: number): Promise<ServerProcess> {
  return forked(fork(new URL('./sdk-pipe.ts', import.meta.url), [String(originPort)]))
}

/** A child of ours that says on which port it listens, and ends with us by itself. */
async function forked(child: ChildProcess): Promise<ServerProcess> {
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  return { port, pid: child.pid ?? 0, output: () => '', close: () => endProcess(child) }
}

export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

/** A program that does not know of us: it is told to end when we end. */
export function endWithUs(child: ChildProcess): void {
  watchOurEnd()
  programs.add(child)
  child.once('exit', () => programs.delete(child))
}

/** A new folder, gone when the benchmark is, where it has not been removed before. */
export function makeFolder(name: string): string {
  watchOurEnd()
  const folder = mkdtempSync(join(tmpdir(), `segment-shield-bench-${name}-`))
  folders.add(folder)
  return folder
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  folders.delete(folder)
}

const programs = new Set<ChildProcess>()
const folders = new Set<string>()
let isWatched = false

function watchOurEnd(): void {
  if (isWatched) return
  isWatched = true
  process.once('exit', () => {
    for (const child of programs) child.kill('SIGTERM')
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
}
