/**
 * The admin API of a running shield, asked by a command.
 *
 * Invariant: the token comes from the environment or the configuration, and goes to the address that was named, nowhere
 * else: no redirect is followed.
 */

import { type ParseArgsOptionsConfig, parseArgs } from 'node:util'
import { request } from 'undici'
import * as z from 'zod'
import { parseAddress } from '../config/address.ts'
import { CommandError, type Terminal, UsageError } from './terminal.ts'

export const CONNECTION_OPTIONS = {
  admin: { type: 'string' },
  config: { type: 'string' },
  json: { type: 'boolean' },
} as const satisfies ParseArgsOptionsConfig

interface Connection {
  readonly url: URL
  readonly token: string | undefined
}

export interface AdminClient {
  /** The lines of an answer as they come. @throws {CommandError} {UsageError} naming what the shield said */
  lines(method: 'GET' | 'POST', path: string, content?: unknown): AsyncGenerator<string>
  /** A whole answer. */
  ask(method: 'GET' | 'POST', path: string, content?: unknown): Promise<string>
}

/** `parseArgs` of a command, whose complaints become a UsageError. */
export function parseOptions<Options extends ParseArgsOptionsConfig>(args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], allowPositionals: true, options })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new UsageError(error.message, { cause: error })
  }
}

export async function adminClient(
  named: { readonly admin?: string | undefined; readonly config?: string | undefined },
  terminal: Terminal,
): Promise<AdminClient> {
  const connection = await connectionOf(named, terminal)
  const { signal } = terminal
  async function* lines(method: 'GET' | 'POST', path: string, content?: unknown): AsyncGenerator<string> {
    const { statusCode, body } = await asked(connection, method, path, content, signal)
    if (statusCode !== 200) throw refusalOf(statusCode, await body.text())
    body.setEncoding('utf8')
    let rest = ''
    try {
      for await (const piece of body) {
        const complete = (rest + piece).split('\n')
        rest = complete.pop() ?? ''
        yield* complete
      }
    } catch (cause) {
      if (signal.aborted) throw cause
      throw new CommandError('the shield ended its answer half way', { cause })
    }
    if (rest !== '') yield rest
  }
  return {
    lines,
    ask: async (...asking) => {
      const all: string[] = []
      for await (const line of lines(...asking)) all.push(line)
      return all.join('\n')
    },
  }
}

async function connectionOf(
  { admin, config }: { readonly admin?: string | undefined; readonly config?: string | undefined },
  terminal: Terminal,
): Promise<Connection> {
  const token = terminal.environment['SEGMENT_SHIELD_TOKEN'] || undefined
  if ((admin === undefined) === (config === undefined)) throw new UsageError('expected one of --admin and --config')
  if (config === undefined) return { url: adminUrl(admin ?? ''), token }
  const { admin: section } = await terminal.readConfig(config)
  if (section === undefined) throw new UsageError('--config: it has no admin listener')
  const { host, port } = parseAddress(section.address) ?? { host: '', port: 0 }
  if (port === 0) throw new UsageError('--config: its admin listener takes any free port: name it with --admin')
  return { url: new URL(`http://${reachable(host)}:${port}`), token: section.token ?? token }
}

function adminUrl(written: string): URL {
  const url = URL.parse(written)
  const isPlain =
    url !== null && url.username === '' && url.password === '' && url.pathname === '/' && url.search === ''
  if (url !== null && isPlain && /^https?:$/.test(url.protocol)) return url
  throw new UsageError('--admin: expected an address such as http://127.0.0.1:9090')
}

/** Who listens everywhere listens here too. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

async function asked(
  { url, token }: Connection,
  method: 'GET' | 'POST',
  path: string,
  content: unknown,
  signal: AbortSignal,
) {
  try {
    return await request(new URL(path, url), {
      method,
      signal,
      headers: {
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...(content !== undefined && { 'Content-Type': 'application/json' }),
      },
      body: content === undefined ? null : JSON.stringify(content),
      // A large film has its time between two lines.
      bodyTimeout: 0,
    })
  } catch (cause) {
    if (signal.aborted) throw cause
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
    throw new CommandError(`${url.origin} cannot be reached (${code})`, { cause })
  }
}

/** What was asked for made no sense to the shield, or it would not. */
function refusalOf(status: number, text: string): Error {
  const detail = detailOf(text)
  if (status === 400) return new UsageError(detail)
  const hint = status === 401 ? '; the token is taken from SEGMENT_SHIELD_TOKEN or the configuration' : ''
  return new CommandError(`the shield answered ${status}: ${detail}${hint}`)
}

const problemShape = z.object({
  detail: z.string(),
  problems: z.array(z.object({ path: z.string(), message: z.string() })).default([]),
})

/** What it says in one sentence, and each problem that it names on a line of its own. */
function detailOf(text: string): string {
  const problem = problemShape.safeParse(parsed(text))
  // Some other program answers there.
  if (!problem.success) return 'no answer of a shield'
  const lines = problem.data.problems.map(({ path, message }) => `\n  ${path}: ${message}`)
  return problem.data.detail + lines.join('')
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
