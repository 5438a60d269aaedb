/** What the tests of retries, circuit, hedging and failover have in common. */
import { OriginError, type OriginErrorKind } from '../../src/errors.ts'
import { AnswerError, NotSentError } from '../../src/origin/failure.ts'
import type { OriginRequest } from '../../src/origin/origin.ts'

export function requestFor(key: string, request: Partial<OriginRequest> = {}): OriginRequest {
  return { key, priority: 'segment', signal: new AbortController().signal, ...request }
}

export const unreachable = () => new OriginError('unreachable', 'spaces: connection refused')
export const timeout = () => new OriginError('timeout', 'spaces: no response headers')
export const slowDown = (retryAfterSeconds?: number) =>
  new AnswerError(503, 'overloaded', 'spaces: 503 SlowDown', {
    ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
  })
export const internalError = () => new AnswerError(500, 'broken', 'spaces: 500 InternalError')

/** Every failure there is: whether it counts against the origin, and is worth another attempt. */
export const FAILURES: readonly (readonly [what: string, error: Error, isOriginFault: boolean])[] = [
  ['no connection', unreachable(), true],
  ['no answer in time', timeout(), true],
  ['503', slowDown(), true],
  ['429', new AnswerError(429, 'overloaded', '429 TooManyRequests'), true],
  ['500', internalError(), true],
  ['504', new AnswerError(504, 'broken', '504 GatewayTimeout'), true],
  ['400', new AnswerError(400, 'broken', '400 InvalidArgument'), false],
  ['what is not HTTP', new OriginError('broken', 'parse error'), false],
  ['a wrong signature', new AnswerError(403, 'misconfigured', '403 SignatureDoesNotMatch'), false],
  ['a certificate nobody vouches for', new OriginError('misconfigured', 'DEPTH_ZERO_SELF_SIGNED_CERT'), false],
  ['an abort', new OriginError('aborted', 'given up'), false],
  ['our own queue', new NotSentError('overloaded', '2000 queued', { retryAfterSeconds: 1 }), false],
  ['a fault of this program', new TypeError('undefined is not a function'), false],
]

/** The kind of an OriginError, or what else came of it. */
export async function outcomeOf(
  promise: Promise<{ readonly status: number }>,
): Promise<number | OriginErrorKind | string> {
  return promise.then(
    ({ status }) => status,
    (error: unknown) => (error instanceof OriginError ? error.kind : String(error)),
  )
}
