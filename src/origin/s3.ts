/**
 * What the AWS SDK knows of an S3 origin; with the carrier of `s3-sdk.ts` the only file that knows the SDK.
 *
 * It says where a bucket is, signs with the credentials that are configured or that it finds, and in mode `adaptive`
 * holds requests back. Invariant: but for those credentials the configuration file is the whole truth.
 */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3'
import type { PacedOrigin } from './origin.ts'
import { ConnectionPool } from './pool.ts'
import { RateLimiter } from './rate-limiter.ts'
import { S3Origin } from './s3-origin.ts'
import { SdkCarrier } from './s3-sdk.ts'
import { type Limiter, type PreparedGet, S3Transport, type Store } from './s3-transport.ts'
import { UndiciCarrier } from './s3-undici.ts'
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
  /** Who carries the requests: the SDK's own handler on node's agents, or undici, which costs less. */
  readonly transport: 'sdk' | 'undici'
  /** `adaptive`: the SDK's own rate limiter holds back what has come through the queue. */
  readonly mode: 'standard' | 'adaptive'
}

/** Nothing is connected before the first fetch, so a store that is down is not noticed here. */
export function createS3Origin(name: string, options: S3OriginOptions, deps: OriginDependencies): PacedOrigin {
  const { keyPrefix, pool: settings, limits } = options
  const rate = new RateLimiter(limits.requestsPerSecond)
  const pool = new ConnectionPool({ ...deps, name, ...settings, queueTimeoutMs: limits.queueTimeoutMs, rate })
  const { clock, log } = deps
  const connect = (address: URL) => {
    const carrierOptions = { name, address, pool, settings, clock }
    return options.transport === 'sdk' ? new SdkCarrier(carrierOptions, log) : new UndiciCarrier(carrierOptions)
  }
  const { stallTimeoutMs } = settings
  const transport = new S3Transport({ name, store: storeOf(options), connect, stallTimeoutMs, clock })
  return new S3Origin(name, { keyPrefix, pool, transport }, deps)
}

/** How this program calls itself to the store. */
const USER_AGENT = 'segment-shield'

/**
 * Everything the SDK would look up in the environment or in ~/.aws is said here, except credentials where none are
 * configured: the configuration file is the whole truth.
 */
function createClient(options: S3OriginOptions): S3Client {
  const config: S3ClientConfig = {
    endpoint: options.endpoint,
    region: options.region,
    forcePathStyle: options.forcePathStyle,
    // More would multiply with the attempts that are made of whole fetches.
    maxAttempts: 1,
    retryMode: options.mode,
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
  if (credentials === undefined || credentials === 'anonymous') return new S3Client(config)
  const { sessionToken, ...keys } = credentials
  return new S3Client({ ...config, credentials: sessionToken === undefined ? keys : { ...keys, sessionToken } })
}

/** The hash of no content. */
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** The bucket as the SDK's configuration has it. */
function storeOf(options: S3OriginOptions): Store {
  const { config } = createClient(options)
  const { endpoint, region, bucket, forcePathStyle, credentials, mode } = options
  const anonymously = async ({ host, fields }: PreparedGet) => ({ ...fields, host, 'user-agent': USER_AGENT })
  const { protocol, hostname } = new URL(endpoint)
  // One for all requests: region and service are the same, and it asks for credentials anew.
  let signer: ReturnType<typeof config.signer> | undefined
  const sign = async ({ host, target, fields }: PreparedGet) => {
    signer ??= config.signer({ name: 'sigv4', signingName: 's3', signingRegion: region, properties: {} })
    const headers = { ...fields, host, 'x-amz-content-sha256': EMPTY_SHA256 }
    const request = { method: 'GET', protocol, hostname, path: target, query: {}, headers }
    const signed = await (await signer).sign(request)
    return { ...signed.headers, 'user-agent': USER_AGENT }
  }
  return {
    sign: credentials === 'anonymous' ? anonymously : sign,
    limiter: mode === 'adaptive' ? limiterOf(config) : undefined,
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

/** Of what the SDK calls a strategy, and has two kinds of, the newer one. */
type AdaptiveStrategy = Extract<Awaited<ReturnType<S3Client['config']['retryStrategy']>>, { recordSuccess: unknown }>

/** Of the SDK's strategy of retrying in mode adaptive, what holds back the first attempt; there is no other here. */
function limiterOf(config: S3Client['config']): Limiter {
  return {
    wait: async () => {
      const strategy = (await config.retryStrategy()) as AdaptiveStrategy
      const token = await strategy.acquireInitialRetryToken('s3')
      return (status, code) => {
        if (status < 400) return strategy.recordSuccess(token)
        const error = { name: code, message: code, $metadata: { httpStatusCode: status } }
        // It takes note, and then says that there is no second attempt.
        strategy.refreshRetryTokenForRetry(token, { errorType: 'SERVER_ERROR', error }).catch(() => undefined)
      }
    },
  }
}
