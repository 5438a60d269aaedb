/** An S3 origin in front of a scripted server, with a clock in the test's hand; leaks nothing, and fails if it would. */
import { beforeEach, describe, onTestFinished } from 'vitest'
import type { OriginErrorKind } from '../../src/errors.ts'
import { OriginError } from '../../src/errors.ts'
import { composeS3Origin, type ResilientOptions } from '../../src/origin/compose.ts'
import type { Origin, OriginLog, OriginRequest, OriginResponse } from '../../src/origin/origin.ts'
import { createS3Origin, type S3Credentials, type S3OriginOptions } from '../../src/origin/s3.ts'
import { FakeClock } from '../support/fake-clock.ts'
import { type S3Server, type S3ServerOptions, startS3Server } from '../support/s3-socket-server.ts'

export interface LogLine {
  readonly level: 'warn' | 'error'
  readonly fields: Readonly<Record<string, unknown>>
  readonly message: string
}

export class RecordingLog implements OriginLog {
  readonly lines: LogLine[] = []

  warn(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.lines.push({ level: 'warn', fields, message })
  }

  error(fields: Readonly<Record<string, unknown>>, message: string): void {
    this.lines.push({ level: 'error', fields, message })
  }
}

export type TransportName = S3OriginOptions['transport']
export const TRANSPORTS: readonly TransportName[] = ['sdk', 'undici']

let current: TransportName = 'sdk'

export const transportUnderTest = (): TransportName => current

/** The same tests for each transport: origins that are started in them have it, unless they say otherwise. */
export function describeEachTransport(tests: (transport: TransportName) => void): void {
  describe.each(TRANSPORTS)('with transport %s', (transport) => {
    beforeEach(() => {
      current = transport
    })
    tests(transport)
  })
}

type Pool = S3OriginOptions['pool']
export interface Overrides extends Omit<Partial<S3OriginOptions>, 'pool' | 'limits' | 'credentials'> {
  /** `chain`: none are configured. @default CREDENTIALS */
  readonly credentials?: S3Credentials | 'anonymous' | 'chain'
  readonly pool?: Partial<Pool>
  readonly limits?: Partial<S3OriginOptions['limits']>
  /** Any of these: the origin as routes get it, with attempts, circuit and hedging. Else the bare one. */
  readonly retry?: Partial<ResilientOptions['retry']>
  readonly breaker?: Partial<ResilientOptions['breaker']>
  readonly hedge?: ResilientOptions['hedge']
  /** @default 0 each time, which makes the pauses before retries none at all */
  readonly random?: () => number
  readonly server?: S3ServerOptions
}

export interface Fixture {
  readonly s3: S3Server
  readonly origin: Origin
  readonly clock: FakeClock
  readonly log: RecordingLog
  readonly pool: Pool
  fetch(key: string, request?: Partial<OriginRequest>): Promise<OriginResponse>
}

export const CREDENTIALS = { accessKeyId: 'AKIDTEST', secretAccessKey: 'secret-that-is-never-logged' }

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

const LIMITS: S3OriginOptions['limits'] = { requestsPerSecond: undefined, queueTimeoutMs: 3_600_000 * 24 }
const RETRY: ResilientOptions['retry'] = { maxAttempts: 1, deadlineMs: 60_000 }
export const BREAKER: ResilientOptions['breaker'] = {
  errorRate: 0.5,
  minRequests: 20,
  windowMs: 10_000,
  openForMs: 5_000,
}

/**
 * By default one attempt a fetch. The origin and the server are closed when the test ends; an origin whose permits are
 * not all back would never finish closing.
 */
export async function startOrigin(overrides: Overrides = {}): Promise<Fixture> {
  const { server, pool, limits, retry, breaker, hedge, credentials = CREDENTIALS, ...options } = overrides
  const { random = () => 0, ...s3Overrides } = options
  const s3 = await startS3Server(server)
  const clock = new FakeClock()
  const log = new RecordingLog()
  const ending = new AbortController()
  const wholePool = { ...POOL, ...pool }
  const s3Options: S3OriginOptions = {
    endpoint: s3.endpoint,
    region: 'sfo3',
    bucket: s3.bucket,
    ...(credentials !== 'chain' && { credentials }),
    forcePathStyle: true,
    keyPrefix: '',
    transport: current,
    mode: 'standard',
    ...s3Overrides,
    limits: { ...LIMITS, ...limits },
    pool: wholePool,
  }
  const resilience = { retry: { ...RETRY, ...retry }, breaker: { ...BREAKER, ...breaker }, hedge }
  const isBare = [retry, breaker, hedge].every((one) => one === undefined)
  const origin = isBare
    ? createS3Origin('spaces', s3Options, { clock, log })
    : composeS3Origin('spaces', { ...s3Options, ...resilience }, { clock, log, random })
  onTestFinished(async () => {
    ending.abort()
    await origin.close()
    await s3.close()
  })
  return {
    s3,
    origin,
    clock,
    log,
    pool: wholePool,
    fetch: (key, request = {}) => {
      const signal = AbortSignal.any([ending.signal, ...(request.signal === undefined ? [] : [request.signal])])
      return origin.fetch({ key, priority: 'segment', ...request, signal })
    },
  }
}

/** All the bytes of an answer that has to have a body. */
export async function bytesOf(response: OriginResponse): Promise<Buffer> {
  if (response.body === undefined) throw new Error(`status ${response.status} came without a body`)
  const chunks: Buffer[] = []
  for await (const chunk of response.body) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The OriginError of a promise that has to fail with one of this kind. */
export async function failure(promise: Promise<unknown>, kind: OriginErrorKind): Promise<OriginError> {
  const error = await promise.then(
    () => new Error('did not fail'),
    (reason: unknown) => reason,
  )
  if (!(error instanceof OriginError)) throw error
  if (error.kind !== kind) throw new Error(`expected ${kind}, got ${error.kind}: ${error.message}`, { cause: error })
  return error
}

/** More than any transport takes in for a reader that does not read: its connection is held until somebody does. */
export const HELD = pattern(300_000)

/** Bytes that differ at every place of a short range, so that a swapped or lost chunk shows. */
export function pattern(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length)
  for (let index = 0; index < length; index += 1) bytes[index] = (index * 31 + (index >> 8) * 17 + seed) & 0xff
  return bytes
}
