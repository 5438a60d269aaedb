/**
 * The whole program in front of a scripted HTTP origin, on real sockets, with time in the test's hand.
 *
 * Both are closed when the test ends, whatever it left open: answers under way are cut off at once.
 *
 *     const { origin, port, clock } = await startHttpShield()
 *     origin.put('/live/1.ts', bytes, { 'Cache-Control': 'max-age=60' })
 *     const answer = await request(port, { path: '/live/1.ts' })
 */
import { onTestFinished } from 'vitest'
import { type RunningApp, startApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config/load.ts'
import { FakeClock } from './fake-clock.ts'
import { type HttpServer, startHttpServer } from './http-socket-server.ts'

type Options = Readonly<Record<string, unknown>>

/** As in the configuration file: `'1s'`, `'4MiB'`. */
export interface HttpShieldOptions {
  /** Of the one route, beside its pattern and origin. */
  readonly route?: Options
  /** Of the origin, beside its address. @default one attempt, neither a pace nor a circuit */
  readonly origin?: Options
  readonly cache?: Options
  readonly limits?: Options
  readonly trustedProxies?: readonly string[]
  /** @default no admin listener */
  readonly admin?: Options
  /** The one route passes everything through to the origin. */
  readonly passesThrough?: boolean
  /** Of the listener, beside its address. */
  readonly listen?: Options
}

export interface HttpShield {
  readonly origin: HttpServer
  /** Of the shield. */
  readonly port: number
  readonly clock: FakeClock
  readonly app: RunningApp
  /** Cuts off what is under way and ends both sides. Done by itself when the test ends. */
  close(): Promise<void>
}

const GRACE_MS = 1000

export async function startHttpShield(options: HttpShieldOptions = {}): Promise<HttpShield> {
  const clock = new FakeClock()
  const origin = await startHttpServer()
  const app = await startApp(loadConfig({ text: configText(options, origin.url), file: 'shield.yaml' }, {}), {
    clock,
    graceMs: GRACE_MS,
    idleGraceMs: 0,
    log: { write: () => undefined },
    random: () => 0,
  }).catch(async (error: unknown) => {
    await origin.close()
    throw error
  })
  let closing: Promise<void> | undefined
  const closeBoth = async () => {
    const closed = app.close()
    clock.advance(GRACE_MS)
    await closed
    await origin.close()
  }
  const close = () => {
    closing ??= closeBoth()
    return closing
  }
  onTestFinished(close)
  return { origin, port: app.addresses[0]?.port ?? 0, clock, app, close }
}

function configText(options: HttpShieldOptions, url: string): string {
  const { route, origin, cache, limits, trustedProxies, admin, passesThrough, listen } = options
  const asked = passesThrough ? { passthrough: url } : { origin: 'packager', staleIfError: '0s' }
  return JSON.stringify({
    listen: [{ address: '127.0.0.1:0', ...listen }],
    log: { access: false },
    ...(admin && { admin: { address: '127.0.0.1:0', ...admin } }),
    ...(cache && { cache }),
    ...(limits && { limits }),
    ...(trustedProxies && { trustedProxies }),
    origins: {
      packager: {
        type: 'http',
        url,
        retry: { maxAttempts: 1, deadline: '1d' },
        limits: { requestsPerSecond: 1_000_000_000, queueTimeout: '1d' },
        breaker: { minRequests: 1_000_000_000 },
        ...origin,
      },
    },
    routes: [{ match: '/**', ...asked, ...route }],
  })
}
