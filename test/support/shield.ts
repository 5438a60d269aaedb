/**
 * The whole program in front of a scripted S3, on real sockets, with time in the test's hand and the log in memory.
 *
 * Both are closed when the test ends, whatever it left open: answers under way are cut off at once.
 *
 *     const { s3, port, clock } = await startShield()
 *     s3.put('vod/1.ts', bytes)
 *     const answer = await request(port, { path: '/vod/1.ts' })
 */
import { expect, onTestFinished } from 'vitest'
import { type RunningApp, startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { FakeClock } from './fake-clock.ts'
import { request } from './http-client.ts'
import { type S3Server, type S3ServerOptions, startS3Server } from './s3-socket-server.ts'

export { type Answer, type OpenAnswer, openRequest, request } from './http-client.ts'
export { hasAnswers, openRaw, parseAnswers, rawExchange } from './raw-client.ts'

type Options = Readonly<Record<string, unknown>>

/** Everything but `clock`, `graceMs` and `server` is as in the configuration file: `'1s'`, `'4MiB'`. */
export interface ShieldOptions {
  /** @default one route for everything */
  readonly routes?: readonly Options[]
  readonly cache?: Options
  readonly pool?: Options
  /** @default one attempt, so that requests can be counted, and a day for it; there are no pauses before retries */
  readonly retry?: Options
  /**
   * Of the origin, beside pool and retry: another `endpoint`, a `keyPrefix`, `credentials`, `limits`, a `breaker`.
   * @default neither a pace nor a circuit: where time stands still the one would hold requests back for ever, and the
   * other would never close
   */
  readonly origin?: Options
  readonly limits?: Options
  /** Of the listener, beside its address. */
  readonly listen?: Options
  readonly log?: Options
  /** @default no admin listener */
  readonly admin?: Options
  /** @default 1000 */
  readonly graceMs?: number
  /** Real time: it is a socket's own timer. */
  readonly clientStallMs?: number
  /** One to share; there is always one. */
  readonly clock?: FakeClock
  readonly server?: S3ServerOptions
}

/** A line of the log as it was written, parsed. pino's levels: 30 info, 40 warn, 50 error. */
export type LogRecord = Readonly<Record<string, unknown>> & { readonly level: number; readonly msg: string }

export interface Shield {
  readonly s3: S3Server
  /** Of the shield. */
  readonly port: number
  readonly clock: FakeClock
  readonly app: RunningApp
  logLines(): readonly string[]
  logRecords(): readonly LogRecord[]
  /**
   * The access records, once there are that many. A record is written when the answer has left the program, which may
   * be after the client has it.
   */
  accessRecords(count: number): Promise<readonly LogRecord[]>
  /** Cuts off what is under way and ends both sides. Done by itself when the test ends. */
  close(): Promise<void>
}

export const CREDENTIALS = { accessKeyId: 'AKIDNEVERSHOWN', secretAccessKey: 'secret-never-shown' }

const DEFAULT_GRACE_MS = 1000

export async function startShield(options: ShieldOptions = {}): Promise<Shield> {
  const { graceMs = DEFAULT_GRACE_MS, clock = new FakeClock() } = options
  const s3 = await startS3Server(options.server)
  const lines: string[] = []
  const waiters = new Set<() => void>()
  const log = {
    write: (line: string) => {
      lines.push(line)
      for (const check of [...waiters]) check()
    },
  }
  const records = () => lines.map((line) => JSON.parse(line) as LogRecord)
  const readConfig = async () => loadConfig({ text: configText(options, s3), file: 'shield.yaml' }, {})
  const app = await startApp(await readConfig(), {
    clock,
    readConfig,
    graceMs,
    idleGraceMs: 0,
    ...(options.clientStallMs !== undefined && { clientStallMs: options.clientStallMs }),
    log,
    random: () => 0,
  }).catch(async (error: unknown) => {
    await s3.close()
    throw error
  })

  let closing: Promise<void> | undefined
  const closeBoth = async () => {
    const closed = app.close()
    clock.advance(graceMs)
    await closed
    await s3.close()
  }
  const close = () => {
    closing ??= closeBoth()
    return closing
  }
  onTestFinished(close)
  return {
    s3,
    port: app.addresses[0]?.port ?? 0,
    clock,
    app,
    logLines: () => lines,
    logRecords: records,
    accessRecords: (count) =>
      new Promise((resolve) => {
        const check = () => {
          const access = records().filter(({ msg }) => msg === 'request')
          if (access.length < count) return
          waiters.delete(check)
          resolve(access)
        }
        waiters.add(check)
        check()
      }),
    close,
  }
}

function configText(options: ShieldOptions, s3: S3Server): string {
  const {
    routes = [{ match: '/**' }],
    cache = {},
    pool = {},
    retry = {},
    origin = {},
    listen = {},
    limits = {},
    log = {},
    admin,
  } = options
  return JSON.stringify({
    listen: [{ address: '127.0.0.1:0', ...listen }],
    ...(admin && { admin: { address: '127.0.0.1:0', ...admin } }),
    cache,
    limits,
    log: { level: 'info', access: true, format: 'json', ...log },
    origins: {
      spaces: {
        type: 's3',
        endpoint: s3.endpoint,
        region: 'sfo3',
        bucket: s3.bucket,
        credentials: CREDENTIALS,
        forcePathStyle: true,
        pool,
        retry: { maxAttempts: 1, deadline: '1d', ...retry },
        limits: { requestsPerSecond: 1_000_000_000, queueTimeout: '1d' },
        breaker: { minRequests: 1_000_000_000 },
        ...origin,
      },
    },
    // A failure is to be seen as one, unless a test asks for what may stand in for it.
    routes: routes.map((route) =>
      'passthrough' in route ? route : { origin: 'spaces', staleIfError: '0s', ...route },
    ),
  })
}

/** Bytes that differ at every place of a short range, so that a swapped or lost chunk shows. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + (index >> 8) * 17 + seed) & 0xff
  return bytes
}

/** Fails unless the shield still answers a good request, and has asked the origin for nothing since `askedBefore`. */
export async function expectUnharmed({ s3, port }: Shield, askedBefore = 0): Promise<void> {
  expect(s3.requests.slice(askedBefore).map(({ url }) => url)).toEqual([])
  const key = `unharmed-${s3.requests.length}.txt`
  s3.put(key, 'still here')
  const { status, body } = await request(port, { path: `/${key}` })
  expect({ status, body: body.toString() }).toEqual({ status: 200, body: 'still here' })
}

export { type TakenRequest, takenRequest } from './http-client.ts'

/** What `make` gives for 0, 1, 2 and so on. */
export function times<Value>(count: number, make: (index: number) => Value): Value[] {
  return Array.from({ length: count }, (_, index) => make(index))
}
