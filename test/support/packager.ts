/**
 * The whole program in front of scripted HTTP origins, on real sockets, with time in the test's hand.
 *
 * All of it is closed when the test ends, whatever it left open: answers under way are cut off at once.
 *
 *     const { origin, port } = await startPackager()
 *     origin.put('/live/1.ts', bytes)
 *     const answer = await request(port, { path: '/live/1.ts' })
 */
import { onTestFinished } from 'vitest'
import { type RunningApp, startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { FakeClock } from './fake-clock.ts'
import { request } from './http-client.ts'
import { type HttpServer, startHttpServer } from './http-socket-server.ts'

type Options = Readonly<Record<string, unknown>>

/** Everything is as in the configuration file: `'1s'`, `'4MiB'`. */
export interface PackagerOptions {
  /** Their origin is `packager` where they name none; there is `second` beside it. @default one route for everything */
  readonly routes?: readonly Options[]
  readonly cache?: Options
  readonly pool?: Options
  /** @default one attempt, so that requests can be counted */
  readonly retry?: Options
  /** Of each origin, beside pool and retry. @default neither a pace nor a circuit: time stands still */
  readonly origin?: Options
  readonly trustedProxies?: readonly string[]
}

export interface PoolState {
  readonly inUse: number
  readonly queued: number
}

export interface Packager {
  readonly origin: HttpServer
  readonly second: HttpServer
  /** Of the program. */
  readonly port: number
  readonly clock: FakeClock
  readonly app: RunningApp
  logRecords(): readonly Readonly<Record<string, unknown>>[]
  /** As the admin listener tells it, and the circuit of the first one. */
  state(): Promise<{ readonly pool: PoolState; readonly circuit: string }>
  /** Resolves when no request is out at the first origin, and none waits for it. */
  atRest(): Promise<void>
}

const GRACE_MS = 1000

export async function startPackager(options: PackagerOptions = {}): Promise<Packager> {
  const clock = new FakeClock()
  const [origin, second] = [await startHttpServer(), await startHttpServer()]
  const lines: string[] = []
  const config = loadConfig({ text: configText(options, { origin, second }), file: 'shield.yaml' }, {})
  const log = { write: (line: string) => void lines.push(line) }
  const app = await startApp(config, { clock, graceMs: GRACE_MS, idleGraceMs: 0, log, random: () => 0 })
  onTestFinished(async () => {
    const closed = app.close()
    clock.advance(GRACE_MS)
    await closed
    await Promise.all([origin.close(), second.close()])
  })
  const state = async () => {
    const { body } = await request(app.admin?.port ?? 0, { path: '/ready' })
    const { origins } = JSON.parse(body.toString()) as {
      readonly origins: Readonly<Record<string, { readonly pool: PoolState; readonly circuit: string }>>
    }
    const first = origins['packager']
    if (first === undefined) throw new Error(`no origin in ${body}`)
    return first
  }
  return {
    origin,
    second,
    port: app.addresses[0]?.port ?? 0,
    clock,
    app,
    logRecords: () => lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>),
    state,
    atRest: async () => {
      for (;;) {
        const { pool } = await state()
        if (pool.inUse === 0 && pool.queued === 0) return
      }
    },
  }
}

function configText(options: PackagerOptions, { origin, second }: Pick<Packager, 'origin' | 'second'>): string {
  const { routes = [{ match: '/**' }], cache = {}, pool = {}, retry = {}, trustedProxies = [] } = options
  const common = {
    type: 'http',
    pool,
    retry: { maxAttempts: 1, deadline: '1d', ...retry },
    limits: { requestsPerSecond: 1_000_000_000, queueTimeout: '1d' },
    breaker: { minRequests: 1_000_000_000 },
    ...options.origin,
  }
  return JSON.stringify({
    listen: [{ address: '127.0.0.1:0' }],
    admin: { address: '127.0.0.1:0' },
    trustedProxies,
    cache,
    log: { level: 'info', access: true, format: 'json' },
    origins: { packager: { ...common, url: origin.url }, second: { ...common, url: second.url } },
    // A failure is to be seen as one, unless a test asks for what may stand in for it.
    routes: routes.map((route) => ({ origin: 'packager', staleIfError: '0s', ...route })),
  })
}
