/** The shield as an operator starts it: the program, and a file. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Certificate } from './certificate.ts'
import { freePort, isListening } from './ports.ts'
import { endProcess, endWithUs, makeFolder, type ServerProcess } from './processes.ts'
import type { Watched } from './watched.ts'

export interface ShieldOptions {
  readonly memory: string
  /** One access record a request. */
  readonly access: boolean
  /** `discarded` goes to /dev/null, as a process of this kind is measured. @default 'kept' */
  readonly output?: 'kept' | 'discarded'
  readonly tls?: Certificate
  /** Of the origin beside those that say where it is, as in the configuration file. */
  readonly origin?: Readonly<Record<string, unknown>>
  /** Patterns of routes before the one that takes everything. @default none */
  readonly moreRoutes?: readonly string[]
  /** Of Node. */
  readonly nodeArguments?: readonly string[]
  /** Whether it has a listener for metrics; read once a second while `output` is discarded. @default false */
  readonly metrics?: boolean
}

export interface ShieldProcess extends ServerProcess {
  /** What its event loop and its memory have been through since it was asked last; costs it a little. */
  watched(): Promise<Watched>
}

const PROGRAM = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const WATCH = fileURLToPath(new URL('./watched.ts', import.meta.url))
const SCRAPE_MS = 1000

export async function startShield(originPort: number, options: ShieldOptions): Promise<ServerProcess> {
  return start(originPort, options, [])
}

/** As above, with its event loop watched from inside. */
export async function startWatchedShield(originPort: number, options: ShieldOptions): Promise<ShieldProcess> {
  const { child, ...shield } = await start(originPort, options, ['--import', WATCH])
  return {
    ...shield,
    watched: async () => {
      child.send('watched')
      const [watched] = await once(child, 'message')
      return watched as Watched
    },
  }
}

async function start(originPort: number, options: ShieldOptions, watch: readonly string[]) {
  const { output = 'kept', nodeArguments = [], metrics = false, tls } = options
  const port = output === 'kept' ? 0 : await freePort()
  const adminPort = metrics ? await freePort() : undefined
  const file = writeConfig(configOf(port, adminPort, originPort, options))
  const ipc = watch.length > 0 ? (['ipc'] as const) : []
  const child = spawn(process.execPath, [...nodeArguments, ...watch, PROGRAM, 'serve', file], {
    stdio: ['ignore', output === 'kept' ? 'pipe' : 'ignore', 'pipe', ...ipc],
  })
  endWithUs(child)
  const printed = collectOutput(child)
  const scraping = adminPort === undefined ? undefined : scrape(adminPort)
  const shield = {
    port: port === 0 ? await printed.port : await listeningOn(port, child, printed.text),
    pid: child.pid ?? 0,
    output: printed.text,
    ...(tls && { secure: { protocol: 'http/1.1', certFile: tls.certFile } as const }),
    close: async () => {
      clearInterval(scraping)
      await endProcess(child)
    },
  }
  return { ...shield, child }
}

/** Why the program would not start with these; undefined where it would. */
export function refusal(options: ShieldOptions): string | undefined {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [PROGRAM, 'check', writeConfig(configOf(0, undefined, 1, options))],
    { encoding: 'utf8' },
  )
  // The first line only counts what the others name.
  return status === 0 ? undefined : `${stdout}${stderr}`.trim().split('\n').slice(1).join('; ').trim() || 'it refuses'
}

function writeConfig(config: unknown): string {
  const file = join(makeFolder('shield'), 'bench.yaml')
  writeFileSync(file, JSON.stringify(config))
  return file
}

function configOf(port: number, adminPort: number | undefined, originPort: number, options: ShieldOptions) {
  const { memory, access, origin, tls, moreRoutes = [] } = options
  const listen = { address: `127.0.0.1:${port}`, ...(tls && { tls: { cert: tls.certFile, key: tls.keyFile } }) }
  return {
    listen: [listen],
    ...(adminPort !== undefined && { admin: { address: `127.0.0.1:${adminPort}` } }),
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
    routes: [...moreRoutes, '/**'].map((match) => ({ match, origin: 'bench' })),
  }
}

function collectOutput(child: ChildProcess): { readonly port: Promise<number>; readonly text: () => string } {
  let printed = ''
  const listening = Promise.withResolvers<number>()
  const onText = (text: string) => {
    if (printed.length < 1_000_000) printed += text
    const found = /"address":"[^"]*","port":(\d+),"msg":"listening"/.exec(printed)?.[1]
    if (found !== undefined) listening.resolve(Number(found))
  }
  child.stdout?.setEncoding('utf8').on('data', onText)
  child.stderr?.setEncoding('utf8').on('data', onText)
  child.once('exit', () => listening.reject(new Error(`the shield ended:\n${printed}`)))
  // Nobody may be waiting for the port when it ends.
  listening.promise.catch(() => undefined)
  return { port: listening.promise, text: () => printed }
}

async function listeningOn(port: number, child: ChildProcess, printed: () => string): Promise<number> {
  while (!(await isListening(port))) {
    if (child.exitCode !== null) throw new Error(`the shield ended:\n${printed()}`)
  }
  return port
}

/** How often metrics were read, and how often there were none. */
export const scrapes = { good: 0, failed: 0 }

/** As a monitoring system does, oftener. */
function scrape(adminPort: number): NodeJS.Timeout {
  return setInterval(async () => {
    try {
      const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`)
      await response.arrayBuffer()
      scrapes[response.ok ? 'good' : 'failed'] += 1
    } catch {
      // It is not up yet, or has just been ended.
    }
  }, SCRAPE_MS)
}
