/**
 * What the AWS SDK does for an S3 origin; the only file that knows the SDK.
 *
 * It always says where a bucket is and signs with the credentials that are configured or that it finds. With
 * `transport: sdk` it also carries the request and understands error codes, by one attempt; sockets, timeouts, headers
 * and bodies are ours. Invariant: no body the SDK ever received stays open without a reader, and what it does after a
 * signal has aborted is nobody's concern.
 */
import { GetObjectCommand, type GetObjectCommandInput, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { OriginError } from '../errors.ts'
import { parseHttpDate } from '../http/date.ts'
import { type Agents, createAgents } from './agents.ts'
import { type GatedCall, GatedHandler } from './gated-handler.ts'
import type { OriginLog, PacedOrigin } from './origin.ts'
import { ConnectionPool } from './pool.ts'
import { RateLimiter } from './rate-limiter.ts'
import { S3Origin } from './s3-origin.ts'
import { codeAndName } from './s3-outcome.ts'
import type { Answer, Call, Question, Transport } from './s3-transport.ts'
import { type PreparedGet, type Store, UndiciTransport } from './s3-undici.ts'
import type { LimitSettings, OriginDependencies, PoolSettings } from './settings.ts'
import { untilAborted } from './until-aborted.ts'

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
  /** `undici`: for a fraction of the SDK's work a request is prepared here, and only signed by the SDK. */
  readonly transport: 'sdk' | 'undici'
  /** `adaptive`: the SDK's own rate limiter holds back what has come through the queue; it is part of its transport. */
  readonly mode: 'standard' | 'adaptive'
}

/** Nothing is connected before the first fetch, so a store that is down is not noticed here. */
export function createS3Origin(name: string, options: S3OriginOptions, deps: OriginDependencies): PacedOrigin {
  const { keyPrefix, pool: settings, limits } = options
  const rate = new RateLimiter(limits.requestsPerSecond)
  const pool = new ConnectionPool({ ...deps, name, ...settings, queueTimeoutMs: limits.queueTimeoutMs, rate })
  const transport =
    options.transport === 'sdk'
      ? new SdkTransport(name, options, pool, deps)
      : new UndiciTransport({ name, store: storeOf(options), pool, settings, clock: deps.clock })
  return new S3Origin(name, { keyPrefix, pool, transport }, deps)
}

/** How this program calls itself to the store. */
const USER_AGENT = 'segment-shield'

/** Carries the call through the SDK's copies of the input, and is no member it would serialise. */
const CALL = Symbol('call')
type CallInput = GetObjectCommandInput & { [CALL]?: GatedCall }

type S3Request = Parameters<NodeHttpHandler['handle']>[0]
type S3Response = Awaited<ReturnType<NodeHttpHandler['handle']>>['response']

class SdkTransport implements Transport {
  readonly #options: S3OriginOptions
  readonly #agents: Agents
  readonly #client: S3Client

  constructor(name: string, options: S3OriginOptions, pool: ConnectionPool, { clock, log }: OriginDependencies) {
    this.#options = options
    this.#agents = createAgents({ clock, ...options.pool })
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
    const handler = new GatedHandler(sender, { name, pool, stallTimeoutMs, clock })
    this.#client = createClient(options, handler)
    lighten(this.#client, options.mode)
    this.#client.middlewareStack.add(
      (next) => (args) => {
        const { [CALL]: gated }: CallInput = args.input as GetObjectCommandInput
        const request = args.request as S3Request
        request.headers['user-agent'] = USER_AGENT
        if (gated !== undefined) handler.belongs(request, gated)
        return next(args)
      },
      { step: 'deserialize', name: 'callOfRequest' },
    )
  }

  async send(question: Question, call: Call): Promise<Answer> {
    const gated: GatedCall = { call, received: undefined }
    try {
      // Without options: with any, even a signal, the SDK builds its middleware anew for every request.
      await untilAborted(this.#client.send(new GetObjectCommand(this.#input(question, gated))), call.signal)
    } catch (cause) {
      if (gated.received === undefined || call.signal.aborted || cause instanceof OriginError) throw cause
      return { ...gated.received, code: codeAndName(cause).name, cause }
    }
    if (gated.received === undefined) throw new Error('no answer')
    return { ...gated.received, code: 'Unknown' }
  }

  freeCount(): number {
    return this.#agents.freeCount()
  }

  retire(): void {
    this.#agents.retire()
  }

  destroy(): void {
    this.#client.destroy()
  }

  #input({ key, range, validators }: Question, gated: GatedCall): CallInput {
    const { ifModifiedSince } = validators ?? {}
    const modifiedSinceMs = ifModifiedSince === undefined ? undefined : parseHttpDate(ifModifiedSince)
    return {
      Bucket: this.#options.bucket,
      Key: key,
      Range: range && `bytes=${range.first}-${range.last ?? ''}`,
      IfNoneMatch: validators?.ifNoneMatch,
      IfMatch: validators?.ifMatch,
      IfModifiedSince: modifiedSinceMs === undefined ? undefined : new Date(modifiedSinceMs),
      [CALL]: gated,
    }
  }
}

/**
 * Everything the SDK would look up in the environment or in ~/.aws is said here, except credentials where none are
 * configured: the configuration file is the whole truth.
 */
function createClient(options: S3OriginOptions, requestHandler?: GatedHandler<S3Request, S3Response>): S3Client {
  const config: S3ClientConfig = {
    endpoint: options.endpoint,
    region: options.region,
    forcePathStyle: options.forcePathStyle,
    // More would multiply with the attempts that are made of whole fetches.
    maxAttempts: 1,
    retryMode: options.mode,
    ...(requestHandler !== undefined && { requestHandler }),
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
  return new S3Client({ ...config, ...(credentials !== undefined && signingWith(credentials)) })
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
  // The SDK copies its configuration three times a request. V8 keeps an object that came about as this one did as a
  // dictionary, which takes seven times as long to copy, until the object is somebody's prototype.
  Object.create(client.config)
}

/** The hash of no content. */
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** The bucket as the SDK's configuration has it, for requests that the SDK does not carry. */
function storeOf(options: S3OriginOptions): Store {
  const { config } = createClient(options)
  const { endpoint, region, bucket, forcePathStyle, credentials } = options
  const anonymously = async ({ host, fields }: PreparedGet) => ({ ...fields, host, 'user-agent': USER_AGENT })
  let signer: ReturnType<typeof config.signer> | undefined
  const sign = async ({ host, target, fields }: PreparedGet) => {
    signer ??= config.signer({ name: 'sigv4', signingName: 's3', signingRegion: region, properties: {} })
    const { protocol, hostname } = new URL(endpoint)
    const headers = { ...fields, host, 'x-amz-content-sha256': EMPTY_SHA256 }
    const request = { method: 'GET', protocol, hostname, path: target, query: {}, headers }
    const signed = await (await signer).sign(request)
    return { ...signed.headers, 'user-agent': USER_AGENT }
  }
  return {
    sign: credentials === 'anonymous' ? anonymously : sign,
    address: () => {
      // The SDK would escape it, and ask for a bucket of another name.
      if (bucket.includes('/')) throw new Error('a bucket name with a slash')
      return config.endpointProvider({
        ...{ Bucket: bucket, Region: region, Endpoint: endpoint, ForcePathStyle: forcePathStyle },
        ...{ UseFIPS: false, UseDualStack: false, UseArnRegion: false, DisableS3ExpressSessionAuth: true },
      }).url
    },
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
