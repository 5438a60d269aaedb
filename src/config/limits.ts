/**
 * Limits in the file: what one client, one request and one connection may take of the program.
 *
 * The defaults end what no player does. Those by client are off: hundreds of viewers may share one address.
 */

import { numberUpTo, size, timerLength, wholeNumber } from './kinds.ts'
import { EVEN_IF_WRONG, option, optionWithDefault, section } from './option.ts'

const MAX_REQUESTS_PER_SECOND = 1_000_000

const perClient = section({
  connections: option(wholeNumber(1), 'Connections open at once; one more is reset. Default: no limit.').optional(),
  requestsPerSecond: option(
    numberUpTo(0, MAX_REQUESTS_PER_SECOND),
    'Requests in a second, over time; more are answered 429 with Retry-After. Default: no limit.',
  ).optional(),
  burst: option(
    wholeNumber(1),
    'Requests that may come at once after a pause: a player that starts makes a dozen. Default: twice requestsPerSecond, from 20.',
  ).optional(),
})
  .superRefine(({ burst, requestsPerSecond }, context) => {
    if (burst === undefined || requestsPerSecond !== undefined) return
    context.addIssue({ code: 'custom', path: ['burst'], message: 'has no meaning without requestsPerSecond' })
  }, EVEN_IF_WRONG)
  .transform((written) =>
    written.requestsPerSecond === undefined
      ? written
      : { ...written, burst: written.burst ?? Math.max(20, Math.ceil(2 * written.requestsPerSecond)) },
  )
  .prefault({})
  .meta({
    description:
      'Of each client: an IPv4 address or an IPv6 /64. Requests that come through trustedProxies count for the client they name, their connections for nobody. Default: no limits.',
  })

export const limits = section({
  connections: optionWithDefault(wholeNumber(1), 'Connections of clients open at once; one more is reset.', 50_000),
  perClient,
  headerSize: optionWithDefault(size, 'Bytes of a request line and its fields; more are answered 431.', '16KiB'),
  urlLength: optionWithDefault(size, 'Bytes of a path with its query; more are answered 414.', '8KiB'),
  ranges: optionWithDefault(wholeNumber(1), 'Ranges of one request; one that asks for more gets the whole object.', 16),
  bytesPerSecond: option(
    size,
    'Pace of each answer out of memory or from an origin, so that no viewer takes the whole line; a quarter of a second may go at once. What is passed through has none. Default: as fast as the client takes it.',
  ).optional(),
  headersTimeout: optionWithDefault(
    timerLength,
    'From the first byte of a request to the end of its fields, and no longer than requestTimeout; then 408.',
    '10s',
  ),
  requestTimeout: optionWithDefault(
    timerLength,
    'From the first byte of a request to its end, where nobody receives its content; then 408.',
    '30s',
  ),
  idleTimeout: optionWithDefault(
    timerLength,
    'How long a connection without a request is kept; longer than that of a balancer in front.',
    '75s',
  ),
  stallTimeout: optionWithDefault(
    timerLength,
    'A client that takes no byte of an answer that waits for it for this long is cut off.',
    '60s',
  ),
})
  .prefault({})
  .meta({ description: 'What clients may take. The defaults harm no player.' })
