#!/usr/bin/env node
/**
 * The command line: arguments in, exit code out. The only file that touches `process`.
 *
 * Exit codes: 0 all is well, 1 it could not start or broke down, 2 the configuration or the arguments are wrong.
 */

import { scheduler } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { tuneCollector } from './collector.ts'
import { SIGN_OPTIONS, type SignValues, signed } from './commands/sign.ts'
import { CommandError, type Terminal, UsageError } from './commands/terminal.ts'
import { USAGE } from './commands/usage.ts'
import { readConfig } from './config/load.ts'
import { quoted } from './config/path.ts'
import type { Config } from './config/schema.ts'
import { summarise } from './config/summary.ts'
import type { DemoOptions } from './demo.ts'
import { ConfigError, StartError } from './errors.ts'
import type { Shield } from './index.ts'
import { type ServiceState, serviceManager } from './service-manager.ts'
import { readVersion } from './version.ts'

const SIGN_NAMES = Object.keys(SIGN_OPTIONS) as (keyof typeof SIGN_OPTIONS)[]

const EXIT_FAILED = 1
const EXIT_WRONG_INPUT = 2
const MAX_PORT = 65_535

/** They parse what is behind them themselves. */
const ADMIN_COMMANDS: ReadonlyMap<
  string,
  () => Promise<(args: readonly string[], terminal: Terminal) => Promise<void>>
> = new Map([
  ['purge', async () => (await import('./commands/purge.ts')).purge],
  ['warm', async () => (await import('./commands/warm.ts')).warm],
  ['reload', async () => (await import('./commands/reload.ts')).reload],
  ['stats', async () => (await import('./commands/stats.ts')).stats],
])

interface Running {
  /** Absent: SIGHUP changes nothing. */
  reload?(): Promise<void>
  close(): Promise<void>
}

async function main(args: readonly string[]): Promise<void> {
  const steering = ADMIN_COMMANDS.get(args[0] ?? '')
  if (steering !== undefined && !args.includes('--help') && !args.includes('-h')) {
    return (await steering())(args.slice(1), terminal())
  }
  const { values, positionals } = parse(steering === undefined ? args : ['--help'])
  if (values.help) return print(USAGE)
  if (values.version) return print(`${readVersion()}\n`)
  const [command, ...operands] = positionals
  if (command !== 'demo' && (values.port ?? values['s3-port'] ?? values['admin-port']) !== undefined) {
    throw new UsageError('--port, --s3-port and --admin-port belong to demo')
  }
  const misplaced = SIGN_NAMES.find((name) => command !== 'sign' && values[name] !== undefined)
  if (misplaced !== undefined) throw new UsageError(`--${misplaced} belongs to sign`)
  switch (command) {
    case 'serve':
      return serve(onlyFile(operands))
    case 'check':
      return check(onlyFile(operands))
    case 'demo':
      if (operands.length > 0) throw new UsageError('demo takes no file')
      return demo({
        port: toPort(values.port, 8080, '--port'),
        s3Port: toPort(values['s3-port'], 9100, '--s3-port'),
        adminPort: toPort(values['admin-port'], 9090, '--admin-port'),
      })
    case 'sign':
      return sign(operands, values)
    case undefined:
      throw new UsageError('expected a command: serve, check, demo, sign, purge, warm, reload or stats')
    default:
      throw new UsageError(`expected serve, check, demo, sign, purge, warm, reload or stats, got ${quoted(command)}`)
  }
}

async function check(file: string): Promise<void> {
  const config = await readGoodConfig(file)
  print(`${file}: ok\n${summarise(config)}`)
}

async function serve(file: string): Promise<void> {
  tuneCollector()
  const tell = serviceManager(process.env, ({ message }) => complain(`systemd-notify: ${message}\n`))
  await runUntilSignal(
    async () => {
      const { createShield } = await import('./index.ts')
      const shield = await createShield(file, { env: process.env }).catch(endIfWrong(file))
      tell('ready')
      return { close: () => shield.close(), reload: () => reload(shield, tell) }
    },
    () => tell('stopping'),
  )
}

/** What came of it is in the log. */
async function reload(shield: Shield, tell: (state: ServiceState) => void): Promise<void> {
  tell('reloading')
  await shield.reload()
  tell('ready')
}

async function sign(operands: readonly string[], values: SignValues): Promise<void> {
  const now = async () => (await import('./app.ts')).systemClock.now()
  print(`${await signed(operands, values, { environment: process.env, readConfig: readGoodConfig, now })}\n`)
}

async function demo(ports: Pick<DemoOptions, 'port' | 's3Port' | 'adminPort'>): Promise<void> {
  await runUntilSignal(async () => {
    const { startDemo } = await importDemo()
    return startDemo({ ...ports, version: readVersion(), print: (line) => print(`${line}\n`) })
  })
}

async function readGoodConfig(file: string): Promise<Config> {
  return readConfig(file, process.env).catch(endIfWrong(file))
}

/** Ends the process where the configuration is wrong, after naming every problem on a line of its own. */
function endIfWrong(file: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof ConfigError)) throw error
    const count = error.problems.length
    const lines = error.message.split('\n').map((line) => `  ${line}\n`)
    complain(`${file}: ${count} ${count === 1 ? 'problem' : 'problems'}\n${lines.join('')}`)
    process.exit(EXIT_WRONG_INPUT)
  }
}

async function importDemo(): Promise<typeof import('./demo.ts')> {
  try {
    return await import('./demo.ts')
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    // An installed package comes without the demo's S3 server.
    const missing = error.message.replace(/ imported from .*$/s, '')
    throw new StartError(`the demo runs from a checkout: clone the repository, then npm ci and npm start (${missing})`)
  }
}

/** SIGHUP makes it read its configuration again. The first SIGTERM or SIGINT ends it in good order with exit code 0, a second one at once with 1. */
async function runUntilSignal(start: () => Promise<Running>, onTold?: () => void): Promise<void> {
  const told = Promise.withResolvers<void>()
  let isTold = false
  let running: Running | undefined
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isTold) process.exit(EXIT_FAILED)
      isTold = true
      onTold?.()
      told.resolve()
    })
  }
  // Whoever starts up has just read the file; whoever ends needs it no more.
  process.on('SIGHUP', () => {
    if (!isTold) running?.reload?.().catch(fail)
  })
  // Rejections that nobody handled arrive here too.
  process.on('uncaughtException', fail)
  running = await start()
  await told.promise
  await running.close()
  process.exit(0)
}

/** Tells on standard error what went wrong and ends the process. */
function fail(error: unknown): void {
  if (error instanceof UsageError) {
    complain(`segment-shield: ${error.message}\nTry segment-shield --help\n`)
    process.exit(EXIT_WRONG_INPUT)
  }
  if (error instanceof StartError || error instanceof CommandError) complain(`segment-shield: ${error.message}\n`)
  else complain(`segment-shield: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(EXIT_FAILED)
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h' },
        version: { type: 'boolean' },
        port: { type: 'string' },
        's3-port': { type: 'string' },
        'admin-port': { type: 'string' },
        ...SIGN_OPTIONS,
      },
    })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new UsageError(error.message, { cause: error })
  }
}

function onlyFile([file, ...others]: readonly string[]): string {
  if (file === undefined || file === '') throw new UsageError('expected the configuration FILE')
  if (others.length > 0) throw new UsageError('expected only one FILE')
  return file
}

function toPort(written: string | undefined, byDefault: number, name: string): number {
  if (written === undefined) return byDefault
  const port = /^[0-9]{1,5}$/.test(written) ? Number(written) : Number.NaN
  if (port <= MAX_PORT) return port
  throw new UsageError(`${name}: expected a port from 0 to ${MAX_PORT}, got ${quoted(written)}`)
}

/** SIGINT and SIGTERM end what is under way in good order. */
function terminal(): Terminal {
  const told = new AbortController()
  const { signal } = told
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => told.abort(new CommandError('stopped')))
  return {
    isScreen: process.stdout.isTTY === true,
    output: process.stdout,
    environment: process.env,
    signal,
    print,
    complain,
    readConfig: readGoodConfig,
    pause: (ms) => scheduler.wait(ms, { signal }),
  }
}

function print(text: string): void {
  process.stdout.write(text)
}

function complain(text: string): void {
  process.stderr.write(text)
}

// Whoever reads the output may stop reading, as `head` does; that is no failure of ours.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
}

await main(process.argv.slice(2)).catch(fail)
