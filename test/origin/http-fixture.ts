/** An HTTP origin in front of a scripted server, with a clock in the test's hand; leaks nothing, and fails if it would. */
import { expect, onTestFinished } from 'vitest'
import { composeHttpOrigin, type ResilientOptions } from '../../src/origin/compose.ts'
import { createHttpOrigin, type HttpOriginOptions } from '../../src/origin/http.ts'
import type { Origin, OriginRequest, OriginResponse } from '../../src/origin/origin.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../support/http-socket-server.ts'
import { RecordingLog } from './fixture.ts'

type Pool = HttpOriginOptions['pool']

export interface HttpOverrides {
  /** @default the scripted server's */
  readonly url?: string
  readonly pool?: Partial<Pool>
  readonly limits?: Partial<HttpOriginOptions['limits']>
  /** Any of these: the origin as routes get it, with attempts, circuit and hedging. Else the bare one. */
  readonly retry?: Partial<ResilientOptions['retry']>
  readonly breaker?: Partial<ResilientOptions['breaker']>
  readonly hedge?: ResilientOptions['hedge']
  readonly server?: HttpServerOptions
}

export interface HttpFixture {
  readonly server: HttpServer
  readonly origin: Origin
  readonly clock: FakeClock
  readonly log: RecordingLog
  readonly pool: Pool
  /** By the path and query without their first slash. */
  fetch(key: string, request?: Partial<OriginRequest>): Promise<OriginResponse>
}

const POOL: Pool = {
  maxSockets: 200,
  maxFreeSockets: 50,
  connectTimeoutMs: 5_000,
  responseTimeoutMs: 30_000,
  idleTimeoutMs: 30_000,
  stallTimeoutMs: 15_000,
  acquisitionWarningMs: 1_000,
  maxQueued: 2_000,
}
const LIMITS: HttpOriginOptions['limits'] = { requestsPerSecond: 1_000_000_000, queueTimeoutMs: 60_000 }
const RETRY: ResilientOptions['retry'] = { maxAttempts: 1, deadlineMs: 86_400_000 }
const BREAKER: ResilientOptions['breaker'] = {
  errorRate: 0.5,
  minRequests: 1_000_000_000,
  windowMs: 10_000,
  openForMs: 5_000,
}

/**
 * By default one attempt a fetch. The origin and the server are closed when the test ends; an origin whose permits are
 * not all back would never finish closing.
 */
export async function startHttpOrigin(overrides: HttpOverrides = {}): Promise<HttpFixture> {
  const { pool, limits, retry, breaker, hedge } = overrides
  const server = await startHttpServer(overrides.server)
  const clock = new FakeClock()
  const log = new RecordingLog()
  const ending = new AbortController()
  const options: HttpOriginOptions = {
    url: overrides.url ?? server.url,
    limits: { ...LIMITS, ...limits },
    pool: { ...POOL, ...pool },
  }
  const resilience = { retry: { ...RETRY, ...retry }, breaker: { ...BREAKER, ...breaker }, hedge }
  const isBare = [retry, breaker, hedge].every((one) => one === undefined)
  const origin = isBare
    ? createHttpOrigin('packager', options, { clock, log })
    : composeHttpOrigin('packager', { ...options, ...resilience }, { clock, log, random: () => 0 })
  onTestFinished(async () => {
    ending.abort()
    await origin.close()
    await server.close()
  })
  return {
    server,
    origin,
    clock,
    log,
    pool: options.pool,
    fetch: (key, request = {}) => {
      const signal = AbortSignal.any([ending.signal, ...(request.signal === undefined ? [] : [request.signal])])
      return origin.fetch({ key, priority: 'segment', ...request, signal })
    },
  }
}

/** Whatever it did before, the origin answers a good request, over a permit and a connection like any other. */
export async function expectWell({ server, origin, fetch }: HttpFixture): Promise<void> {
  const target = `/well-${server.requests.length}`
  server.put(target, 'still here')
  const { status, body } = await fetch(target.slice(1))
  const chunks: Buffer[] = []
  for await (const chunk of body ?? []) chunks.push(chunk)
  expect([status, Buffer.concat(chunks).toString()]).toEqual([200, 'still here'])
  expect(origin.usage()).toMatchObject({ inUse: 0, queued: 0 })
}
