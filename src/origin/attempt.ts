/**
 * What one attempt at a request came to, as far as those who might make another one have to know.
 *
 * An HTTP origin's refusals and faults come as answers, since their bodies are for the client when there is nothing
 * better; an S3 origin's come as errors. Here the two mean the same.
 */
import { isOriginFault } from './failure.ts'
import type { OriginRequest, OriginResponse } from './origin.ts'
import { retryAfterSeconds } from './retry-after.ts'

export type Attempt = { readonly response: OriginResponse } | { readonly error: unknown }

/** The failures that may have passed a moment later; `retryAfterMs` is what the origin asked for, else 0. */
export interface FailedAttempt {
  readonly retryAfterMs: number
}

/** RFC 9110 §9.2.2. */
const IDEMPOTENT_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])

const NO_USE_AGAIN: ReadonlySet<number> = new Set([501, 505, 508])

/** Whether a request may be sent more than once: a method is idempotent, and content is read only once. */
export function isRepeatable({ method = 'GET', content }: OriginRequest): boolean {
  return IDEMPOTENT_METHODS.has(method) && content === undefined
}

/** Makes an attempt, and never rejects. */
export async function attempted(fetch: () => Promise<OriginResponse>): Promise<Attempt> {
  try {
    return { response: await fetch() }
  } catch (error) {
    return { error }
  }
}

/**
 * Whether the origin says with its answer that it failed: 429, or any 5xx, among which are all statuses beyond
 * (RFC 9110 §15). Not 501, 505 and 508: they are about the request and its way, and asking again would change nothing.
 */
export function isFailedAnswer({ status }: OriginResponse): boolean {
  return status === 429 || (status >= 500 && !NO_USE_AGAIN.has(status))
}

/**
 * Whether it says that nothing of the origin is to be had at present (RFC 9110 §15.6.3 to §15.6.5). A 500 is about one
 * request, and so is every 5xx that has no meaning here; a 429 comes from a server that is well.
 */
export function isOutageAnswer({ status }: OriginResponse): boolean {
  return status === 502 || status === 503 || status === 504
}

/** Undefined where another attempt would be no use: there is an answer, or it would fail in the same way. */
export function failedAttempt(attempt: Attempt, nowMs: number): FailedAttempt | undefined {
  if ('error' in attempt) {
    return isOriginFault(attempt.error) ? { retryAfterMs: (attempt.error.retryAfterSeconds ?? 0) * 1000 } : undefined
  }
  const { response } = attempt
  if (!isFailedAnswer(response)) return undefined
  const isRefusal = response.status === 503 || response.status === 429
  const seconds = isRefusal ? retryAfterSeconds(response.headers['retry-after'], nowMs) : undefined
  return { retryAfterMs: (seconds ?? 0) * 1000 }
}

/** Gives back what an attempt holds that nobody will read. */
export function discard(attempt: Attempt | undefined): void {
  if (attempt !== undefined && 'response' in attempt) attempt.response.body?.destroy()
}

/** The attempt's answer, or its error thrown. */
export function outcomeOf(attempt: Attempt): OriginResponse {
  if ('error' in attempt) throw attempt.error
  return attempt.response
}
