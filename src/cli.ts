#!/usr/bin/env node
/**
 * The command line: arguments in, exit code out. The only file that touches `process`.
 *
 * Exit codes: 0 all is well, 1 it could not start or broke down, 2 the configuration or the arguments are wrong.
 */

import { readFileSync } from 'node:fs'
import { scheduler } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { RunningApp } from './app.ts'
import { tuneCollector } from './collector.ts'
import { CommandError, type Terminal, UsageError } from './commands/terminal.ts'
import { readConfig } from './config/load.ts'
import { quoted } from './config/path.ts'
import type { Config } from './config/schema.ts'
import { type SigningRules, signingRulesFor } from './config/signing.ts'
import { summarise } from './config/summary.ts'
import { parseTime } from './config/units.ts'
import { ConfigError, StartError } from './errors.ts'
import { sign } from './server/access/sign.ts'
import { type ServiceState, serviceManager } from './service-manager.ts'

const USAGE = `segment-shield: a caching segment reverse proxy

Usage:
  segment-shield serve FILE                           serve what the configuration FILE says
  segment-shield check FILE                           say whether FILE is right, without starting
  segment-shield demo [--port N] [--s3-port N]        play a sample stream through the shield on this machine
  segment-shield sign URL --config FILE [OPTIONS]     print URL with a token that its route in FILE takes
  segment-shield sign URL --key-env NAME [OPTIONS]    the same without a configuration; or --key-file FILE
  segment-shield purge [URL…] SHIELD [OPTIONS]        take out of a running shield's memory what is named
  segment-shield warm [URL…] SHIELD [OPTIONS]         have it fetch ahead what is named
  segment-shield reload SHIELD [--json]               have it read its configuration and certificates again
  segment-shield stats SHIELD [--json]                its figures, anew each second on a terminal
  segment-shield --help
  segment-shield --version

SHIELD is the admin listener: --admin http://127.0.0.1:9090, or --config FILE to have it from the configuration.
Its token comes from there or from SEGMENT_SHIELD_TOKEN in the environment. --json: as the shield says it.

Options of purge, which may be given several times:
  --prefix PATH      what begins with this, and
  --pattern PATTERN  what this covers, as the match of a route
  --key KEY          what names this key in Surrogate-Key, Cache-Tag or the metadata of the bucket
  --everything       all of it
  --soft             stale from now on, instead of gone

Options of warm:
  --playlist URL     an HLS playlist and all that it leads to; may be given several times
  --max-bandwidth N  of its renditions, in bits per second
  --max-height N     of its renditions, in pixels
  --concurrency N    requests at once, 1 to 64 (default 8)

Options:
  --port N       port of the demo's page (default 8080, 0: any)
  --s3-port N    port of the demo's S3 server (default 9100, 0: any)

Options of sign, which makes tokens of the scheme hmac:
  URL                https://host/path, or the path alone
  --config FILE      configuration whose route says the key, where tokens are carried and what they are called
  --key-env NAME     environment variable that holds the key; keys are never taken from the command line
  --key-file FILE    file that holds the key; white space around it does not count
  --key-name NAME    name of the key (default: the first one of the route; k1 without a configuration)
  --covers PATH      what the token is good for: a path, and all below it if it ends in a slash
                     (default: a playlist's folder; for anything else the path itself)
  --expires TIME     how long it is good: 90s, 30m, 6h, 2d (default 6h)
  --ip ADDRESS       the only client that may use it; of an IPv6 address its /64
  --in PLACE         path, query or cookie (default: the first one of the route; path without a configuration)
  --name NAME        what it is called there, without a configuration (default token)

  -h, --help     this text
  --version      the version

Exit codes: 0 all is well, 1 it could not start or broke down, 2 the configuration or the arguments are wrong
`

const SIGN_OPTIONS = ['config', 'key-env', 'key-file', 'key-name', 'covers', 'expires', 'ip', 'in', 'name'] as const
const SIGN_PARSING = {
  config: { type: 'string' },
  'key-env': { type: 'string' },
  'key-file': { type: 'string' },
  'key-name': { type: 'string' },
  covers: { type: 'string' },
  expires: { type: 'string' },
  ip: { type: 'string' },
  in: { type: 'string' },
  name: { type: 'string' },
} as const
type SignValues = Readonly<Partial<Record<(typeof SIGN_OPTIONS)[number], string>>>

const CARRIERS = ['path', 'query', 'cookie'] as const
const DEFAULT_EXPIRES = '6h'
const MIN_KEY_BYTES = 16

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
  if (command !== 'demo' && (values.port ?? values['s3-port']) !== undefined) {
    throw new UsageError('--port and --s3-port belong to demo')
  }
  const misplaced = SIGN_OPTIONS.find((name) => command !== 'sign' && values[name] !== undefined)
  if (misplaced !== undefined) throw new UsageError(`--${misplaced} belongs to sign`)
  switch (command) {
    case 'serve':
      return serve(onlyFile(operands))
    case 'check':
      return check(onlyFile(operands))
    case 'demo':
      if (operands.length > 0) throw new UsageError('demo takes no file')
      return demo(toPort(values.port, 8080, '--port'), toPort(values['s3-port'], 9100, '--s3-port'))
    case 'sign':
      return print(`${await signed(operands, values)}\n`)
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
  const config = await readGoodConfig(file)
  const tell = serviceManager(process.env, ({ message }) => complain(`systemd-notify: ${message}\n`))
  await runUntilSignal(
    async () => {
      const { startApp } = await import('./app.ts')
      const app = await startApp(config, { readConfig: () => readConfig(file, process.env) })
      tell('ready')
      return { ...app, reload: () => reload(app, tell) }
    },
    () => tell('stopping'),
  )
}

/** What came of it is in the log. */
async function reload(app: RunningApp, tell: (state: ServiceState) => void): Promise<void> {
  tell('reloading')
  await app.reload()
  tell('ready')
}

async function signed(operands: readonly string[], values: SignValues): Promise<string> {
  const [url, ...others] = operands
  if (url === undefined || url === '') throw new UsageError('expected the URL to sign')
  if (others.length > 0) throw new UsageError('expected only one URL')
  const rules = await signingRules(url, values)
  const [byDefault] = Object.keys(rules.keys)
  const keyName = values['key-name'] ?? byDefault ?? ''
  const key = Object.hasOwn(rules.keys, keyName) ? rules.keys[keyName] : undefined
  if (key === undefined) {
    const known = Object.keys(rules.keys).join(', ')
    throw new UsageError(`--key-name: expected the name of a key (${known}), got ${quoted(keyName)}`)
  }
  const carrier = CARRIERS.find((one) => one === (values.in ?? rules.in[0]))
  if (carrier === undefined || !rules.in.includes(carrier)) {
    throw new UsageError(`--in: expected ${rules.in.join(' or ')}, got ${quoted(values.in ?? '')}`)
  }
  const lifetimeMs = parseTime(values.expires ?? DEFAULT_EXPIRES)
  if (lifetimeMs === undefined || lifetimeMs < 1000) {
    throw new UsageError(
      `--expires: expected a time from 1s, such as 30m, 6h or 2d, got ${quoted(values.expires ?? '')}`,
    )
  }
  if (rules.clientIp && values.ip === undefined)
    throw new UsageError('--ip: the route wants tokens to name their client')
  const { systemClock } = await import('./app.ts')
  const expiresSeconds = Math.ceil((systemClock.now() + lifetimeMs) / 1000)
  const { name } = rules
  const outcome = sign({ url, keyName, key, covers: values.covers, expiresSeconds, client: values.ip, carrier, name })
  if ('fault' in outcome) throw new UsageError(outcome.fault)
  return outcome.text
}

/** Out of the configuration, or out of the options where there is none. */
async function signingRules(url: string, values: SignValues): Promise<Omit<SigningRules, 'scheme'>> {
  const sources = [values.config, values['key-env'], values['key-file']].filter((source) => source !== undefined)
  if (sources.length !== 1) throw new UsageError('expected one of --config, --key-env and --key-file')
  if (values.config !== undefined) {
    if (values.name !== undefined) throw new UsageError('--name: the configuration says it')
    const rules = signingRulesFor(url, await readGoodConfig(values.config))
    if ('fault' in rules) throw new UsageError(rules.fault)
    return rules
  }
  const key = readKey(values)
  if (Buffer.byteLength(key) < MIN_KEY_BYTES) throw new UsageError(`expected a key of at least ${MIN_KEY_BYTES} bytes`)
  const { 'key-name': keyName = 'k1', name = 'token' } = values
  if (!/^[A-Za-z][A-Za-z0-9]{0,31}$/.test(keyName)) {
    throw new UsageError('--key-name: expected letters and digits, a letter first')
  }
  if (!/^[A-Za-z0-9_-]+$/.test(name)) {
    throw new UsageError('--name: expected letters, digits, dashes and underscores')
  }
  return { keys: { [keyName]: key }, name, clientIp: false, in: CARRIERS }
}

function readKey({ 'key-env': variable, 'key-file': file }: SignValues): string {
  if (variable !== undefined) {
    const key = Object.hasOwn(process.env, variable) ? process.env[variable] : undefined
    if (key === undefined) throw new UsageError('--key-env: there is no such environment variable')
    return key
  }
  try {
    return readFileSync(file ?? '', 'utf8').trim()
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
    throw new UsageError(`--key-file: cannot be read (${code})`, { cause })
  }
}

async function demo(port: number, s3Port: number): Promise<void> {
  await runUntilSignal(async () => {
    const { startDemo } = await importDemo()
    return startDemo({ port, s3Port, print: (line) => print(`${line}\n`) })
  })
}

/** Ends the process where the configuration is wrong, after naming every problem on a line of its own. */
async function readGoodConfig(file: string): Promise<Config> {
  try {
    return await readConfig(file, process.env)
  } catch (error) {
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
        ...SIGN_PARSING,
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

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
  const isManifest = typeof manifest === 'object' && manifest !== null && 'version' in manifest
  return isManifest ? String(manifest.version) : 'unknown'
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
