/**
 * What an S3 answer or failure means: an answer for the asker, or which kind of OriginError.
 *
 * Invariant: what is the operator's to mend (credentials, signature, clock, bucket, region, certificate) is never
 * taken for a missing or forbidden object, whatever status it comes with. Error codes decide before statuses; messages
 * decide nothing, since Ceph RGW leaves them empty.
 */
import type { OriginErrorKind } from '../errors.ts'
import { endToEndHeaders } from '../http/headers.ts'
import { kindOfNetworkCode } from './network-code.ts'

/** Codes that say our configuration is at fault, with whatever status. */
const MISCONFIGURED_CODES: ReadonlySet<string> = new Set([
  'AccountProblem',
  'AllAccessDisabled',
  'AuthorizationHeaderMalformed',
  'ExpiredToken',
  'IllegalLocationConstraintException',
  'InvalidAccessKeyId',
  'InvalidBucketName',
  'InvalidSecurity',
  'InvalidToken',
  'MissingSecurityHeader',
  'NoSuchBucket',
  'NotSignedUp',
  'PermanentRedirect',
  'RequestExpired',
  'RequestTimeTooSkewed',
  'SignatureDoesNotMatch',
  'TemporaryRedirect',
  'TokenRefreshRequired',
  'UserSuspended',
])

const OVERLOADED_CODES: ReadonlySet<string> = new Set([
  'BandwidthLimitExceeded',
  'RequestLimitExceeded',
  'ServiceUnavailable',
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'TooManyRequestsException',
])

const ANSWERS: ReadonlySet<number> = new Set([200, 206, 304, 403, 404, 412, 416])

/**
 * A status with its S3 error code, `Unknown` where the body had none: an answer, or the kind of error it is.
 * A redirect is a misconfiguration too: S3 sends them from the wrong region or endpoint.
 */
export function classifyStatus(status: number, code: string): 'answer' | OriginErrorKind {
  if (MISCONFIGURED_CODES.has(code)) return 'misconfigured'
  if (ANSWERS.has(status)) return 'answer'
  if (status === 429 || status === 503 || OVERLOADED_CODES.has(code)) return 'overloaded'
  if (status === 401 || (status >= 300 && status < 400)) return 'misconfigured'
  return 'broken'
}

/** A failure without an answer, by node's error code and the error's name. */
export function classifyFailure(error: unknown): { readonly kind: OriginErrorKind; readonly code: string } {
  const { code, name } = codeAndName(error)
  const kind = kindOfNetworkCode(code)
  if (kind !== undefined) return { kind, code }
  // CredentialsProviderError and its kin: nothing in the chain had credentials. InvalidBucketName: refused unsent.
  if (name.endsWith('ProviderError') || MISCONFIGURED_CODES.has(name)) return { kind: 'misconfigured', code: name }
  return { kind: 'broken', code: code === '' ? name : code }
}

/** The S3 error code an SDK's exception carries as its name. */
export function codeAndName(error: unknown): { readonly code: string; readonly name: string } {
  if (!(error instanceof Error)) return { code: '', name: 'Unknown' }
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  return { code, name: error.name }
}

/**
 * The store's own, and what it says of its own host rather than of the object. Vary too: a bucket with CORS rules sends
 * it for fields of a request that ours never has. And cookies, which are for one client: the answer goes to all.
 */
const STORE_FIELD = /^(?:x-amz-|x-amzn-|x-rgw-|server$|set-cookie2?$|vary$|alt-svc$|strict-transport-security$)/

/** What an uploader puts on an object to have it purged by, under the names that HTTP origins have for it. */
const PURGED_BY: ReadonlyMap<string, string> = new Map([
  ['x-amz-meta-cache-tag', 'cache-tag'],
  ['x-amz-meta-surrogate-key', 'surrogate-key'],
])

/** They describe the error document, which goes no further than this. */
const ERROR_DOCUMENT_FIELDS: ReadonlySet<string> = new Set(['content-encoding', 'content-language', 'content-type'])

/** What of an answer's header is for the asker: end-to-end, about the object, and about no body that is not passed on. */
export function objectHeaders(status: number, raw: Readonly<Record<string, string>>): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(endToEndHeaders(raw))) {
    const purgedBy = PURGED_BY.get(name)
    if (purgedBy !== undefined) headers[purgedBy] = value
    if (STORE_FIELD.test(name)) continue
    if (status >= 300 && name === 'content-length') continue
    if (status >= 400 && ERROR_DOCUMENT_FIELDS.has(name)) continue
    if (name !== 'content-encoding') headers[name] = value
    else if (withoutAwsChunked(value) !== '') headers[name] = withoutAwsChunked(value)
  }
  return headers
}

/** A coding of the upload's transfer that newer SDKs leave on the object; the stored bytes do not have it. */
function withoutAwsChunked(contentEncoding: string): string {
  const codings = contentEncoding.split(',').map((coding) => coding.trim())
  return codings.filter((coding) => coding !== '' && coding.toLowerCase() !== 'aws-chunked').join(', ')
}
