#!/usr/bin/env node
/**
 * The command line: arguments in, exit code out. The only file that touches `process`.
 *
 * Exit codes: 0 all is well, 1 it could not start or broke down, 2 the configuration or the arguments are wrong.
 */

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { readConfig } from './config/load.ts'
import { quoted } from './config/path.ts'
import type { Config } from './config/schema.ts'
import { summarise } from './config/summary.ts'
import { ConfigError, StartError } from './errors.ts'

const USAGE = `segment-shield: a caching segment reverse proxy

Usage:
  segment-shield serve FILE                           serve what the configuration FILE says
  segment-shield check FILE                           say whether FILE is right, without starting
  segment-shield demo [--port N] [--s3-port N]        play a sample stream through the shield on this machine
  segment-shield --help
  segment-shield --version

Options:
  --port N       port of the demo's page (default 8080, 0: any)
  --s3-port N    port of the demo's S3 server (default 9100, 0: any)
  -h, --help     this text
  --version      the version

Exit codes: 0 all is well, 1 it could not start or broke down, 2 the configuration or the arguments are wrong
`

const EXIT_FAILED = 1
const EXIT_WRONG_INPUT = 2
const MAX_PORT = 65_535

/** What was asked for cannot be understood. The message goes to whoever typed it. */
class UsageError extends Error {}

interface Running {
  close(): Promise<void>
}

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parse(args)
  if (values.help) return print(USAGE)
  if (values.version) return print(`${readVersion()}\n`)
  const [command, ...operands] = positionals
  if (command !== 'demo' && (values.port ?? values['s3-port']) !== undefined) {
    throw new UsageError('--port and --s3-port belong to demo')
  }
  switch (command) {
    case 'serve':
      return serve(onlyFile(operands))
    case 'check':
      return check(onlyFile(operands))
    case 'demo':
      if (operands.length > 0) throw new UsageError('demo takes no file')
      return demo(toPort(values.port, 8080, '--port'), toPort(values['s3-port'], 9100, '--s3-port'))
    case undefined:
      throw new UsageError('expected a command: serve, check or demo')
    default:
      throw new UsageError(`expected serve, check or demo, got ${quoted(command)}`)
  }
}

async function check(file: string): Promise<void> {
  const config = await readGoodConfig(file)
  print(`${file}: ok\n${summarise(config)}`)
}

async function serve(file: string): Promise<void> {
  const config = await readGoodConfig(file)
  await runUntilSignal(async () => {
    const { startApp } = await import('./app.ts')
    return startApp(config)
  })
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

/** The first SIGTERM or SIGINT ends it in good order with exit code 0, a second one at once with 1. */
async function runUntilSignal(start: () => Promise<Running>): Promise<void> {
  const told = Promise.withResolvers<void>()
  let isTold = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isTold) process.exit(EXIT_FAILED)
      isTold = true
      told.resolve()
    })
  }
  // Rejections that nobody handled arrive here too.
  process.on('uncaughtException', fail)
  const running = await start()
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
  if (error instanceof StartError) complain(`segment-shield: ${error.message}\n`)
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
