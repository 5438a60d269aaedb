/** The program as an operator runs it: a process of its own, with its output, its signals and its exit code. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'

const CLI = resolve(import.meta.dirname, '../../src/cli.ts')

export interface Outcome {
  /** Null where a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>
  /** A module that is loaded before the program. */
  readonly preload?: string
}

export interface Program {
  readonly child: ChildProcess
  /** The first line of standard output, past or future, that holds this text; fails when the program ends without. */
  line(text: string): Promise<string>
  readonly ended: Promise<Outcome>
}

const running = new Set<ChildProcess>()

/** Starts the program; it sees none of this process's environment. */
export function start(args: readonly string[], { env = {}, preload }: StartOptions = {}): Program {
  const nodeArgs = preload === undefined ? [] : ['--import', preload]
  const child = spawn(process.execPath, [...nodeArgs, CLI, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  const output = { stdout: '', stderr: '' }
  const waiting = new Set<() => void>()
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
      for (const look of waiting) look()
    })
  }
  const ended = once(child, 'close').then(([code]: (number | null)[]): Outcome => {
    running.delete(child)
    return { code: code ?? null, ...output }
  })
  return {
    child,
    ended,
    line: (text) =>
      new Promise((found, failed) => {
        const look = () => {
          const line = output.stdout
            .split('\n')
            .slice(0, -1)
            .find((candidate) => candidate.includes(text))
          if (line === undefined) return
          waiting.delete(look)
          found(line)
        }
        waiting.add(look)
        look()
        ended.then(({ code, stderr }) => failed(new Error(`ended with ${code} before "${text}": ${stderr}`)), failed)
      }),
  }
}

/** Runs the program to its end. */
export function run(args: readonly string[], options?: StartOptions): Promise<Outcome> {
  return start(args, options).ended
}

/** Ends what a failed test left running. */
export async function endAll(): Promise<void> {
  await Promise.all(
    [...running].map(async (child) => {
      const closed = once(child, 'close')
      child.kill('SIGKILL')
      await closed
    }),
  )
}
