/**
 * What an origin is put under: connections, pace, attempts, circuit and hedging.
 *
 * The defaults of all of these live here and nowhere else.
 */

import { numberUpTo, oneOf, timerLength, wholeNumber } from './kinds.ts'
import { EVEN_IF_WRONG, option, optionWithDefault, section } from './option.ts'

const DEFAULT_MAX_FREE_SOCKETS = 50

export const pool = section({
  maxSockets: optionWithDefault(
    wholeNumber(1),
    'Connections to the origin at most, used and free ones together. Requests beyond that wait in a queue: playlists first, then segments, then what is read ahead or refreshed.',
    200,
  ),
  maxFreeSockets: option(
    wholeNumber(0),
    `Idle connections kept open for later requests at most. Default: ${DEFAULT_MAX_FREE_SOCKETS}, or maxSockets where that is less.`,
  )
    .optional()
    .meta({ default: DEFAULT_MAX_FREE_SOCKETS }),
  connectTimeout: optionWithDefault(
    timerLength,
    'How long connecting may take, TLS included; waiting in the queue does not count.',
    '5s',
  ),
  responseTimeout: optionWithDefault(
    timerLength,
    'How long the response headers may take once the request is sent.',
    '30s',
  ),
  idleTimeout: optionWithDefault(
    timerLength,
    'How long a connection may be idle before it is closed. Ceph, which Spaces runs on, closes its side after 65s: stay below.',
    '30s',
  ),
  stallTimeout: optionWithDefault(
    timerLength,
    'How long the next byte of a body may take. A reader that pauses is no stall.',
    '15s',
  ),
  acquisitionWarning: optionWithDefault(
    timerLength,
    'How long a request may queue before a warning with the counts of the pool is logged.',
    '1s',
  ),
  maxQueued: optionWithDefault(
    wholeNumber(0),
    'Requests that may wait in the queue; the next one is answered 503 with Retry-After at once, or pushes out one that is less urgent.',
    2000,
  ),
})
  .superRefine(({ maxSockets, maxFreeSockets }, context) => {
    if (typeof maxSockets !== 'number' || typeof maxFreeSockets !== 'number' || maxFreeSockets <= maxSockets) return
    context.addIssue({ code: 'custom', path: ['maxFreeSockets'], message: 'expected no more than maxSockets' })
  }, EVEN_IF_WRONG)
  .transform((written) => ({
    ...written,
    maxFreeSockets: written.maxFreeSockets ?? Math.min(DEFAULT_MAX_FREE_SOCKETS, written.maxSockets),
  }))
  .prefault({})
  .meta({ description: 'Connections to this origin, and the queue in front of them.' })

const RETRY_DESCRIPTION =
  'What happens when the origin fails before its response headers: no connection, no answer in time, 503, 429 or any other 5xx are tried again after 50ms to 2s, or after what Retry-After says. Retries are at most half as many as recent successes, or 10 a second.'

const attempts = {
  maxAttempts: optionWithDefault(wholeNumber(1), 'Attempts at one request, the first one included.', 5),
  deadline: optionWithDefault(
    timerLength,
    'How long a request may take up to its response headers, queueing, attempts and the pauses between them included.',
    '10s',
  ),
}

export const s3Retry = section({
  maxAttempts: attempts.maxAttempts,
  mode: optionWithDefault(
    oneOf(['standard', 'adaptive']),
    'standard: a SlowDown lowers the rate of limits, for all requests alike. adaptive: the AWS SDK’s own limiter comes after that as well; a few SlowDowns, and it holds the whole client back for many seconds, playlists too.',
    'standard',
  ),
  deadline: attempts.deadline,
})
  .prefault({})
  .meta({ description: RETRY_DESCRIPTION })

export const httpRetry = section(attempts)
  .prefault({})
  .meta({
    description: `${RETRY_DESCRIPTION} Only GET, HEAD, PUT, DELETE, OPTIONS and TRACE without content are sent more than once; content may take longer than the deadline.`,
  })

const SPACES_REQUESTS_PER_SECOND = 1200

export const limits = section({
  requestsPerSecond: option(
    wholeNumber(1),
    `Requests sent to the origin per second at most, retries included. When the origin says SlowDown (503, 429) fewer are sent for a while. Default: ${SPACES_REQUESTS_PER_SECOND} where the endpoint is one of *.digitaloceanspaces.com, which allows 1500 for a client address; elsewhere none until the origin says SlowDown.`,
  ).optional(),
  queueTimeout: optionWithDefault(
    timerLength,
    'How long a request may wait in the queue, for its turn or for a connection; then it is answered 503 with Retry-After.',
    '10s',
  ),
})
  .prefault({})
  .meta({ description: 'How much the origin is asked for at most.' })

/** What is known of the store at this address; undefined where nothing is. */
export function limitsFor(endpoint: string): { readonly requestsPerSecond?: number } {
  const isSpaces = new URL(endpoint).hostname.endsWith('.digitaloceanspaces.com')
  return isSpaces ? { requestsPerSecond: SPACES_REQUESTS_PER_SECOND } : {}
}

export const breaker = section({
  errorRate: optionWithDefault(
    numberUpTo(0, 1),
    'Share of failed requests in the window at which the circuit opens: 0.5 is every other one.',
    0.5,
  ),
  minRequests: optionWithDefault(wholeNumber(1), 'Requests in the window below which the circuit never opens.', 20),
  window: optionWithDefault(timerLength, 'How far back failures are counted.', '10s'),
  openFor: optionWithDefault(
    timerLength,
    'How long the circuit stays open before the first requests probe the origin; twice as long after each probe that fails, up to 60s.',
    '5s',
  ),
})
  .prefault({})
  .meta({
    description:
      'Circuit breaker: an origin that keeps failing (no connection, no answer in time, 502, 503, 504; of a bucket any 5xx and 429) is not asked for a while, and requests for it fail at once.',
  })

export const hedge = section({
  after: option(timerLength, 'How long the response headers may take before a second request is sent.').optional(),
  percentile: option(
    numberUpTo(0, 100),
    'In place of after: the time that so many percent of the recent requests took at most, such as 95.',
  ).optional(),
  maxShare: optionWithDefault(numberUpTo(0, 1), 'Share of requests that may be sent twice: 0.05 is one in 20.', 0.05),
})
  .superRefine(({ after, percentile }, context) => {
    const given = [after, percentile].filter((one) => one !== undefined)
    if (given.length === 0) {
      context.addIssue({ code: 'custom', path: ['after'], message: 'expected a time, or percentile beside it' })
    }
    if (given.length === 2) {
      context.addIssue({ code: 'custom', path: ['percentile'], message: 'has no meaning beside after' })
    }
  }, EVEN_IF_WRONG)
  .transform(({ after, percentile, maxShare }) => {
    // The check above leaves just one of the two.
    if (percentile !== undefined) return { percentile, maxShare }
    return { after: after ?? 0, maxShare }
  })
  .optional()
  .meta({
    description:
      'Hedging: a request that is slow to answer is sent a second time, and the first answer is taken. Absent: off.',
  })
