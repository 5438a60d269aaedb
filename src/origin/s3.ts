/**
 * An S3-compatible store as an Origin, on the AWS SDK; the only file that knows the SDK.
 *
 * Invariant: a fetch ends with an answer or an OriginError as soon as its signal aborts, whatever the SDK is doing, and
 * no body the SDK ever received stays open without a reader. The SDK signs and understands error codes, and makes one
 * attempt; permits, pace, sockets, timeouts, headers and bodies are ours, and so is every attempt after the first.
 */
import { GetObjectCommand, type GetObjectCommandInput, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import type { Clock } from '../clock.ts'
import { OriginError } from '../errors.ts'
import { parseHttpDate } from '../http/date.ts'
import { type Agents, createAgents } from './agents.ts'
import { AnswerError, givenUp } from './failure.ts'
import { type Call, GatedHandler } from './gated-handler.ts'
import type { Origin, OriginLog, OriginRequest, OriginResponse, PoolUsage } from './origin.ts'
import { ConnectionPool } from './pool.ts'
import { RateLimiter } from './rate-limiter.ts'
import { retryAfterSeconds } from './retry-after.ts'
import { classifyFailure, classifyStatus, codeAndName, objectHeaders } from './s3-outcome.ts'
import type { LimitSettings, OriginDependencies, PoolSettings } from './settings.ts'

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

export interface S3OriginOptions {
  /** Scheme, host and port of the store, without the bucket. */
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  /** Absent: the SDK's own chain (environment, shared files, container and instance roles). `anonymous`: unsigned. */
  readonly credentials?: S3Credentials | 'anonymous'
  /** The bucket goes into the path, not into the host name. */
  readonly forcePathStyle: boolean
  /** Put before every key as it is. */
  readonly keyPrefix: string
  readonly pool: PoolSettings
  readonly limits: LimitSettings
  /** `adaptive`: the SDK's own rate limiter holds back what has come through the queue. */
  readonly mode: 'standard' | 'adaptive'
}

/** Nothing is connected before the first fetch, so a store that is down is not noticed here. */
export function createS3Origin(name: string, options: S3OriginOptions, deps: OriginDependencies): Origin {
  return new S3Origin(name, options, deps)
}

/** S3's limit, prefix included. */
const MAX_KEY_BYTES = 1024

/** Misconfiguration fails every request alike; the log hears of it once in this time. */
const ERROR_LOG_INTERVAL_MS = 10_000

/** Carries the call through the SDK's copies of the input, and is no member it would serialise. */
const CALL = Symbol('call')
type CallInput = GetObjectCommandInput & { [CALL]?: Call }

type S3Request = Parameters<NodeHttpHandler['handle']>[0]
type S3Response = Awaited<ReturnType<NodeHttpHandler['handle']>>['response']

class S3Origin implements Origin {
  readonly name: string
  readonly #options: S3OriginOptions
  readonly #clock: Clock
  readonly #log: OriginLog
  readonly #agents: Agents
  readonly #pool: ConnectionPool
  readonly #client: S3Client
  #isClosed = false
  #lastErrorLogAt = Number.NEGATIVE_INFINITY

  constructor(name: string, options: S3OriginOptions, { clock, log }: OriginDependencies) {
    this.name = name
    this.#options = options
    this.#clock = clock
    this.#log = log
    this.#agents = createAgents({ clock, ...options.pool })
    const { requestsPerSecond, queueTimeoutMs } = options.limits
    const rate = new RateLimiter(requestsPerSecond)
    this.#pool = new ConnectionPool({ name, clock, log, ...options.pool, queueTimeoutMs, rate })
    const sender = new NodeHttpHandler({
      httpAgent: this.#agents.http,
      httpsAgent: this.#agents.https,
      // Off: they measure queueing, or kill a body whose reader is paused. The agents have ours.
      connectionTimeout: 0,
      requestTimeout: 0,
      socketTimeout: 0,
      socketAcquisitionWarningTimeout: options.pool.acquisitionWarningMs,
      logger: warningsOnly(name, log),
    })
    const { stallTimeoutMs } = options.pool
    const handler = new GatedHandler(sender, { name, pool: this.#pool, stallTimeoutMs, clock })
    this.#client = createClient(options, handler)
    this.#client.middlewareStack.add(
      (next) => (args) => {
        const { [CALL]: call }: CallInput = args.input as GetObjectCommandInput
        const request = args.request as S3Request
        request.headers['user-agent'] = 'segment-shield'
        if (call !== undefined) handler.belongs(request, call)
        return next(args)
      },
      { step: 'deserialize', name: 'callOfRequest' },
    )
  }

  async fetch(request: OriginRequest): Promise<OriginResponse> {
    const { priority, signal } = request
    const key = this.#options.keyPrefix + request.key
    if (this.#isClosed) throw new OriginError('aborted', `${this.name}: closed`)
    if (signal.aborted) throw givenUp(this.name, signal, false)
    // No object can have such a name; an empty one would ask for the bucket itself.
    if (key === '' || Buffer.byteLength(key) > MAX_KEY_BYTES) return { status: 404, headers: {}, body: undefined }

    // Before the SDK has any work with it: what is refused costs nothing, and what has waited is signed when it goes.
    const permit = await this.#pool.acquire(priority, signal).catch((error: unknown) => {
      throw signal.aborted ? givenUp(this.name, signal, false, error) : error
    })
    const call: Call = { permit, signal, isSent: false, answer: undefined }
    try {
      // Without options: with any, even a signal, the SDK builds its middleware anew for every request.
      await untilAborted(this.#client.send(new GetObjectCommand(this.#input(key, request, call))), signal)
      return this.#answered(call, 'Unknown')
    } catch (error) {
      if (signal.aborted) throw givenUp(this.name, signal, call.isSent, error)
      if (error instanceof OriginError) throw error
      if (call.answer !== undefined) return this.#answered(call, codeAndName(error).name, error)
      throw this.#failed(error)
    } finally {
      if (!call.isSent) permit.release()
    }
  }

  usage(): PoolUsage {
    return { inUse: this.#pool.inUse, free: this.#agents.freeCount(), queued: this.#pool.queued }
  }

  /** Resolves when the last answer under way has ended; a caller in a hurry aborts its signals. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#agents.retire()
    await this.#pool.idle()
    this.#client.destroy()
  }

  #input(key: string, { range, validators }: OriginRequest, call: Call): CallInput {
    const modifiedSince = validators?.ifModifiedSince
    // A date that is none is no condition (RFC 9110 §13.1.3).
    const modifiedSinceMs = modifiedSince === undefined ? undefined : parseHttpDate(modifiedSince)
    return {
      Bucket: this.#options.bucket,
      Key: key,
      Range: range && `bytes=${range.first}-${range.last ?? ''}`,
      IfNoneMatch: validators?.ifNoneMatch,
      IfMatch: validators?.ifMatch,
      IfModifiedSince: modifiedSinceMs === undefined ? undefined : new Date(modifiedSinceMs),
      [CALL]: call,
    }
  }

  /** @throws {OriginError} unless the answer is one to the question asked */
  #answered({ answer }: Call, code: string, cause?: unknown): OriginResponse {
    if (answer === undefined) throw new OriginError('broken', `${this.name}: no answer`, { cause })
    const { status, body } = answer
    const kind = classifyStatus(status, code)
    if (kind === 'answer') return { status, headers: objectHeaders(status, answer.headers), body }

    body?.destroy()
    if (kind === 'misconfigured') this.#reportMisconfigured({ code, status })
    const retryAfter =
      kind === 'overloaded' ? retryAfterSeconds(answer.headers['retry-after'], this.#clock.now()) : undefined
    throw new AnswerError(status, kind, `${this.name}: ${status} ${code}`, {
      cause,
      ...(retryAfter !== undefined && { retryAfterSeconds: retryAfter }),
    })
  }

  #failed(cause: unknown): OriginError {
    const { kind, code } = classifyFailure(cause)
    if (kind === 'misconfigured') this.#reportMisconfigured({ code })
    return new OriginError(kind, `${this.name}: ${cause instanceof Error ? cause.message : code}`, { cause })
  }

  /** The code and no more: messages and answers can quote keys and signatures. */
  #reportMisconfigured(fields: { readonly code: string; readonly status?: number }): void {
    const now = this.#clock.now()
    if (Math.abs(now - this.#lastErrorLogAt) < ERROR_LOG_INTERVAL_MS) return
    this.#lastErrorLogAt = now
    this.#log.error(
      { origin: this.name, ...fields },
      `${this.name}: refused because of our configuration (credentials, clock, bucket, region or certificate)`,
    )
  }
}

/**
 * Everything the SDK would look up in the environment or in ~/.aws is said here, except credentials where none are
 * configured: the configuration file is the whole truth.
 */
function createClient(options: S3OriginOptions, requestHandler: GatedHandler<S3Request, S3Response>): S3Client {
  const config: S3ClientConfig = {
    endpoint: options.endpoint,
    region: options.region,
    forcePathStyle: options.forcePathStyle,
    // More would multiply with the attempts that are made of whole fetches.
    maxAttempts: 1,
    retryMode: options.mode,
    requestHandler,
    cacheMiddleware: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // With it every error of a store whose clock is minutes off, each 304 and 404 too, would count as worth a retry.
    disableClockSkewCorrection: true,
    defaultsMode: 'standard',
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    useArnRegion: false,
    disableS3ExpressSessionAuth: true,
    authSchemePreference: [],
    sigv4aSigningRegionSet: [],
    userAgentAppId: async () => undefined,
  }
  const { credentials } = options
  const client = new S3Client({ ...config, ...(credentials !== undefined && signingWith(credentials)) })
  lighten(client, options.mode)
  return client
}

function signingWith(credentials: NonNullable<S3OriginOptions['credentials']>): S3ClientConfig {
  if (credentials === 'anonymous') return UNSIGNED
  const { sessionToken, ...keys } = credentials
  return { credentials: sessionToken === undefined ? keys : { ...keys, sessionToken } }
}

/** What a GetObject without a body, by one attempt, to one endpoint, is the same without. */
const IDLE_MIDDLEWARE: readonly string[] = [
  // There is no logger.
  'loggerMiddleware',
  // They are about requests with content, about buckets of another kind, about redirects that are not followed, and
  // about functions that call each other.
  'contentLengthMiddleware',
  'addExpectContinueMiddleware',
  's3ExpressMiddleware',
  'regionRedirectMiddleware',
  'recursionDetectionMiddleware',
  // A hundred bytes about SDK and machine, put together anew each time.
  'getUserAgentMiddleware',
]

/** A third of what the SDK costs a request goes into what comes to the same each time. */
function lighten(client: S3Client, mode: S3OriginOptions['mode']): void {
  for (const name of IDLE_MIDDLEWARE) client.middlewareStack.remove(name)
  if (mode === 'standard') {
    // With one attempt it only writes the request's number into fields that stores do not read. Its name stays: the
    // signing stands after it.
    client.middlewareStack.add((next) => next, {
      step: 'finalizeRequest',
      priority: 'high',
      name: 'retryMiddleware',
      override: true,
    })
  }
  // One signer for all requests, not one for each: region and service are the same, and it asks for credentials anew.
  const makeSigner = client.config.signer
  let signer: ReturnType<typeof makeSigner> | undefined
  client.config.signer = (authScheme) => {
    signer ??= makeSigner(authScheme)
    return signer
  }
}

/** The SDK asks for credentials before it asks its signer, and would go through the whole chain for them. */
const UNSIGNED = {
  credentials: { accessKeyId: 'anonymous', secretAccessKey: 'anonymous' },
  signer: { sign: async <Request>(request: Request): Promise<Request> => request },
}

/** The sender's one warning, of requests piling up on the agents, must be seen: the pool is there to make it impossible. */
function warningsOnly(name: string, log: OriginLog) {
  const ignore = () => undefined
  const warn = (message: unknown) => log.warn({ origin: name }, String(message))
  return { trace: ignore, debug: ignore, info: ignore, warn, error: ignore }
}

/** The promise, or a rejection as soon as the signal aborts; what the promise does after that is nobody's concern. */
async function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
